"""From the code on a report to the report itself, for those who may see it."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis import disclosure
from diagnosis.documents.content import person, verdict_in_words
from diagnosis.documents.forms import CodeForm
from diagnosis.documents.selectors import fixed_reports_visible_to
from diagnosis.documents.verification import normalised
from diagnosis.review.models import Report
from diagnosis.views import SignedInView

# Wrong codes that one user may try, and how long it takes until they may go on.
TRIES: Final = 20
WAIT_S: Final = 300


class VerifyView(SignedInView):
    """The form for a code that somebody reads off paper."""

    def get(self, request: HttpRequest) -> HttpResponse:
        form = CodeForm(request.GET) if "code" in request.GET else CodeForm()
        if form.is_bound and form.is_valid():
            return redirect("documents:verify_code", code=form.cleaned_data["code"])
        status = 422 if form.is_bound else 200
        return render(request, "documents/verify.html", {"form": form}, status=status)


class VerifiedReportView(SignedInView):
    """What a code stands for: which version, whose signature, whether it is still in force."""

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        wanted = normalised(code)
        if _tries(self.user.pk) >= TRIES:
            sentence = _("Too many wrong codes. Wait five minutes, then try again.")
            return self._refused(code, sentence, status=429)
        report = fixed_reports_visible_to(self.user).filter(code=wanted).first()
        if report is None:
            _count_try(self.user.pk)
            # Not what was typed: it may be nearly the code of a report.
            record(Action.VERIFICATION_FAILED, actor=self.user)
            # The same words for a code that does not exist and for one of another site.
            sentence = _(
                "No signed report that you may see has this code. Compare it with the paper, letter by letter; "
                "a report of another site is shown to people of that site only."
            )
            return self._refused(code, sentence, status=404)
        if code != report.code:
            return redirect("documents:verify_code", code=report.code)
        disclosure.page_viewed(self.user, report, report.diagnosis.upload, by=disclosure.BROWSER)
        return render(request, "documents/verified.html", self._context(report))

    def _refused(self, code: str, sentence: str, *, status: int) -> HttpResponse:
        form = CodeForm({"code": code[:64]})
        form.is_valid()
        form.errors["code"] = form.error_class([sentence])
        return render(self.request, "documents/verify.html", {"form": form}, status=status)

    def _context(self, report: Report) -> dict[str, Any]:
        versions = fixed_reports_visible_to(self.user).filter(diagnosis_id=report.diagnosis_id).order_by("-version")
        return {
            "report": report,
            "diagnosis": report.diagnosis,
            "upload": report.diagnosis.upload,
            "verdict": verdict_in_words(report),
            "signer": person(report.signed_by),
            "second_signer": person(report.second_signed_by) if report.second_signed_by else "",
            "in_force": versions.filter(state=Report.State.SIGNED).first(),
            "versions": versions,
        }


def _key(user_pk: int) -> str:
    return f"documents-wrong-codes-{hashlib.sha256(str(user_pk).encode()).hexdigest()[:16]}"


def _tries(user_pk: int) -> int:
    return int(cache.get(_key(user_pk), 0))


def _count_try(user_pk: int) -> None:
    if not cache.add(_key(user_pk), 1, WAIT_S):
        cache.incr(_key(user_pk))
