"""Whether somebody has proved only a moment ago who they are.

A screen that was left open must not be enough to put a passkey of one's own into somebody else's account.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

WITHIN_S: Final = 10 * 60
_KEY: Final = "proved_at"
View = Callable[..., HttpResponse]


def is_fresh(request: HttpRequest) -> bool:
    return bool(time.time() - request.session.get(_KEY, 0) < WITHIN_S)


def mark(request: HttpRequest) -> None:
    request.session[_KEY] = time.time()


@receiver(user_logged_in)
def _logged_in(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    # A token opened over the API is no session.
    if request is not None and hasattr(request, "session") and SESSION_KEY in request.session:
        mark(request)


def freshly_proved(view: View) -> View:
    """Send whoever has not just proved who they are to the page that asks, and then back."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_fresh(request):
            return view(request, *args, **kwargs)
        back = request.path if request.method == "GET" else reverse("accounts:second_factor:overview")
        return redirect(reverse("accounts:second_factor:confirm") + "?" + urlencode({"next": back}))

    return guarded
