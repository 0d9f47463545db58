"""Pages in every state, as the pages' own tests have them."""

from __future__ import annotations

from tests.views.conftest import browser, fail, model, read, reject, signed_in, start, take_in

__all__ = ["browser", "fail", "model", "read", "reject", "signed_in", "start", "take_in"]
