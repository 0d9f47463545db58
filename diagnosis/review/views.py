"""The report on the result page: draft, signature, amendment. With scripts in parts, without them page by page."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from diagnosis import selectors
from diagnosis.models import Diagnosis
from diagnosis.review import presentation, reporting, signing
from diagnosis.review.models import Report
from diagnosis.review.presentation import Content, Panel
from diagnosis.review.refusals import CannotReport
from diagnosis.review.selectors import reports_on
from diagnosis.views import SignedInView

# Where the answer to a draft that saves itself goes; it leaves the fields alone.
SAVED_ID = "review-saved"
CONFLICT, UNPROCESSABLE, TOO_MANY = 409, 422, 429


class _ReportView(SignedInView):
    @property
    def in_parts(self) -> bool:
        return self.request.headers.get("HX-Request") == "true"

    def find(self, pk: uuid.UUID) -> Diagnosis:
        visible = selectors.diagnoses_visible_to(self.user)
        return get_object_or_404(visible, pk=pk)

    def panel(self, diagnosis: Diagnosis, **options: Any) -> Panel:
        blind = bool(self.request.session.get(presentation.BLIND_KEY))
        return presentation.panel(self.user, diagnosis, blind=blind, **options)

    def answer(self, panel: Panel, *, status: int = 200) -> HttpResponse:
        """The panel: alone for scripts, else on the result page or, for a step of its own, on a page for that."""
        if self.in_parts and panel.asked == "passkey":
            # What talks to the passkey runs once as a page is loaded, so the dialog is a page of its own.
            response = HttpResponse(status=204)
            response.headers["HX-Redirect"] = reverse("diagnosis:review:sign", kwargs={"pk": panel.diagnosis.pk})
        elif self.in_parts:
            response = render(self.request, "review/_panel.html", {"panel": panel}, status=status)
            response.headers["HX-Retarget"] = "#review"
            response.headers["HX-Reswap"] = "innerHTML"
        elif status == 200 and not panel.step:
            return self.to_result(panel.diagnosis)
        else:
            response = render(self.request, "review/step.html", {"panel": panel}, status=status)
        response.headers["Cache-Control"] = "no-store"
        return response

    def to_result(self, diagnosis: Diagnosis) -> HttpResponse:
        return redirect(f"{diagnosis.get_absolute_url()}#review")


class ReportView(_ReportView):
    """The report as it stands, and the draft that is sent to be saved."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        return self.answer(self.panel(self.find(pk)))

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        diagnosis = self.find(pk)
        content = Content.of_form(request.POST)
        seen = request.POST.get("token", "")
        then = request.POST.get("then")
        try:
            if then == "reveal":
                content = presentation.own_reading(diagnosis, request.POST.get("own", ""), content)
            draft = self._save(diagnosis, content, seen)
            if then == "sign":
                if draft is None:
                    raise CannotReport("verdict_missing")
                reporting.require_complete(draft)
        except CannotReport as refused:
            status = UNPROCESSABLE if refused.code == "verdict_missing" else CONFLICT
            panel = self.panel(diagnosis, mine=content, seen=seen, theirs=refused.current, problem=str(refused))
            return self.answer(panel, status=status)
        if request.headers.get("HX-Target") == SAVED_ID:
            return render(request, "review/_saved.html", {"draft": draft})
        if then == "sign":
            if not self.in_parts:
                return redirect(reverse("diagnosis:review:sign", kwargs={"pk": diagnosis.pk}))
            return self.answer(self.panel(diagnosis, step="sign"))
        return self.answer(self.panel(diagnosis))

    def _save(self, diagnosis: Diagnosis, content: Content, seen: str) -> Report | None:
        if content.is_empty and not seen:
            return None
        return reporting.save_draft(
            diagnosis=diagnosis, author=self.user, seen=seen, **presentation.as_arguments(content)
        )


class _StepView(_ReportView):
    """A step that asks before it acts: in a dialog with scripts, on a page of its own without."""

    step: ClassVar[str]

    def subject(self, diagnosis: Diagnosis) -> Report | None:
        """The version that this step is about."""
        return reports_on(diagnosis).open

    def perform(self, report: Report) -> None:
        raise NotImplementedError

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        diagnosis = self.find(pk)
        panel = self.panel(diagnosis, step=self.step)
        if not panel.may_write:
            raise PermissionDenied
        if self.subject(diagnosis) is None:
            return self.answer(self.panel(diagnosis))
        return self.answer(panel)

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        diagnosis = self.find(pk)
        try:
            report = self.subject(diagnosis)
            if report is None:
                raise CannotReport("no_draft")
            self.perform(report)
        except CannotReport as refused:
            # What can be typed anew keeps the dialog; for the rest one has to look at the report again.
            status = _STATUS_OF_MISTAKE.get(refused.code)
            panel = self.panel(
                diagnosis,
                problem=str(refused),
                step=self.step if status else "",
                reason=request.POST.get("reason", ""),
            )
            return self.answer(panel, status=status or CONFLICT)
        return self.answer(self.panel(diagnosis))


class BlindView(_ReportView):
    """Whether this user, in this session, reads for themselves before the model's reading is shown."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        diagnosis = self.find(pk)
        request.session[presentation.BLIND_KEY] = request.POST.get("blind") == "yes"
        return self.to_result(diagnosis)


class SignView(_StepView):
    """The first and, with four eyes, the second signature."""

    step = "sign"

    def perform(self, report: Report) -> None:
        sent = self.request.POST
        proof = signing.prove(self.request, password=sent.get("password", ""), code=sent.get("code", ""))
        reporting.sign(report=report, user=self.user, proof=proof, seen=sent.get("token", ""))


class SendBackView(_StepView):
    """Instead of the second signature: a draft again, with the reason."""

    step = "send_back"

    def perform(self, report: Report) -> None:
        reporting.send_back(report=report, user=self.user, reason=self.request.POST.get("reason", ""))


class AmendView(_StepView):
    """A new version of a signed report."""

    step = "amend"

    def subject(self, diagnosis: Diagnosis) -> Report | None:
        return reports_on(diagnosis).signed

    def perform(self, report: Report) -> None:
        reporting.amend(report=report, author=self.user, reason=self.request.POST.get("reason", ""))


class DiscardView(_StepView):
    """Throw a draft away."""

    step = "discard"

    def perform(self, report: Report) -> None:
        reporting.discard(report=report, user=self.user, seen=self.request.POST.get("token", ""))


_STATUS_OF_MISTAKE = {
    "proof_missing": UNPROCESSABLE,
    "wrong_password": UNPROCESSABLE,
    "wrong_code": UNPROCESSABLE,
    "reason_missing": UNPROCESSABLE,
    "reason_too_long": UNPROCESSABLE,
    "locked_out": TOO_MANY,
}
