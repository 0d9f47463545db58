"""The browser's views, but for the history: they ask ``intake``, ``pipeline`` and ``selectors``, and render."""

from __future__ import annotations

import uuid
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views import View
from django.views.generic import TemplateView

from accounts import permissions
from accounts.models import User
from diagnosis import (
    deletion,
    details,
    disclosure,
    explanations,
    pipeline,
    presentation,
    selectors,
    uploading,
    viewer,
    wording,
)
from diagnosis import messages as diagnosis_messages
from diagnosis.forms import UploadForm
from diagnosis.messages import MAX_MEGABYTES, MAX_MEGAPIXELS, refusal
from diagnosis.models import Diagnosis, ModelVersion, Upload
from diagnosis.worklist.messages import archive_limits
from ml import decode

ROWS_AT_ONCE = 200


class SignedInView(LoginRequiredMixin, View):
    """A view for people who are signed in; scripts get a 401 instead of a log-in page they cannot use."""

    request: HttpRequest

    @property
    def user(self) -> User:
        return cast("User", self.request.user)

    def handle_no_permission(self) -> HttpResponseBase:  # type: ignore[override]
        if self.request.headers.get("X-Requested-With") == "XMLHttpRequest":
            return HttpResponse(_("You have been logged out."), status=401, content_type="text/plain; charset=utf-8")
        return super().handle_no_permission()


class UploadView(SignedInView):
    """The upload page. With scripts each file comes in a request of its own, without them all in one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(UploadForm(sites=permissions.sites_open_to(self.user)))

    def post(self, request: HttpRequest) -> HttpResponse:
        by_script = request.headers.get("X-Requested-With") == "XMLHttpRequest"
        form = UploadForm(request.POST, request.FILES, sites=permissions.sites_open_to(self.user))
        if not form.is_valid():
            if not by_script:
                return self._page(form, status=422)
            names = ", ".join(file.name or "" for file in request.FILES.getlist("file"))
            sentence = " ".join(str(error) for errors in form.errors.values() for error in errors)
            return self._rows([uploading.Outcome(names, "refused", sentence)])
        fields = form.cleaned_data
        outcomes = [
            uploading.take_in(
                file,
                user=self.user,
                site=fields["site"],
                patient_reference=fields["patient_reference"],
                note=fields["note"],
                recorded_at=fields["recorded_at"],
            )
            for file in fields["file"]
        ]
        if by_script:
            return self._rows(outcomes)
        if len(outcomes) == 1 and (only := outcomes[0].only_reading):
            return redirect(only)
        again = UploadForm(sites=permissions.sites_open_to(self.user))
        return self._page(again, outcomes=outcomes, status=422 if all(o.is_refused for o in outcomes) else 200)

    def _rows(self, outcomes: list[uploading.Outcome]) -> HttpResponse:
        status = 422 if all(outcome.is_refused for outcome in outcomes) else 201
        return render(self.request, "diagnosis/_upload_rows.html", {"outcomes": outcomes}, status=status)

    def _page(
        self, form: UploadForm, *, outcomes: list[uploading.Outcome] | None = None, status: int = 200
    ) -> HttpResponse:
        context = {
            "form": form,
            "outcomes": outcomes or [],
            "max_bytes": decode.MAX_BYTES,
            "max_megabytes": MAX_MEGABYTES,
            "max_megapixels": MAX_MEGAPIXELS,
            "too_large": refusal("file_too_large"),
            "no_site": refusal("no_site"),
            **archive_limits(),
        }
        return render(self.request, "diagnosis/upload.html", context, status=status)


class UploadRowsView(SignedInView):
    """The present state of the readings that an upload list still waits for."""

    def get(self, request: HttpRequest) -> HttpResponse:
        keys = [key for text in request.GET.getlist("id")[:ROWS_AT_ONCE] if (key := uuid_or_none(text))]
        readings = selectors.diagnoses_visible_to(self.user).filter(pk__in=keys).select_related("upload")
        return render(request, "diagnosis/_readings.html", {"readings": readings})


class _ResultView(SignedInView):
    def find(self, pk: uuid.UUID) -> Diagnosis:
        visible = selectors.diagnoses_visible_to(self.user).select_related(
            "upload__site", "upload__uploaded_by", "requested_by", "model_version", "tracing"
        )
        return get_object_or_404(visible, pk=pk)

    def context(self, diagnosis: Diagnosis) -> dict[str, Any]:
        """What both the whole page and its live parts need."""
        upload = diagnosis.upload
        active = ModelVersion.objects.filter(is_active=True).first()
        may_upload = permissions.may_upload(self.user, upload.site)
        return {
            "diagnosis": diagnosis,
            "upload": upload,
            "phase": presentation.phase(diagnosis),
            "poll_delay_ms": presentation.poll_delay_ms(diagnosis),
            "may_read_again": may_upload and presentation.is_worth_another_reading(diagnosis, active),
            **self._explain_context(diagnosis),
            **self._tracing_context(diagnosis),
        }

    def _tracing_context(self, diagnosis: Diagnosis) -> dict[str, Any]:
        tracing = selectors.tracing_of(diagnosis)
        if tracing is None:
            return {"tracing": None, "tracing_follows": presentation.tracing_follows(diagnosis)}
        return {
            "tracing": tracing,
            "sentences": wording.sentences(tracing),
            "page_scale": viewer.page_scale(tracing),
            "measured": presentation.measured(tracing),
            "measured_by_lead": presentation.measured_by_lead(tracing),
            "lead_columns": [presentation.quantity_name(name) for name in presentation.LEAD_COLUMNS],
            "unread": diagnosis_messages.unread_traces(tracing.reason) if tracing.reason else "",
        }

    def _explain_context(self, diagnosis: Diagnosis) -> dict[str, Any]:
        """The heatmap to be shown, by the method and for the class that the address names, and the choice of both."""
        if diagnosis.state != Diagnosis.State.DONE:
            return {"heatmap": None}
        of_the_reading = diagnosis.heatmaps.first()
        labels = explanations.labels_for(diagnosis.model_version)
        wanted = self.request.POST if self.request.method == "POST" else self.request.GET
        label = wanted.get("label") if wanted.get("label") in labels else diagnosis.label
        if label not in labels:
            return {"heatmap": of_the_reading}
        choices = {choice.method.name: choice for choice in explanations.choices(diagnosis, label)}
        usual = of_the_reading.method if of_the_reading else ""
        chosen = choices.get(wanted.get("method", "")) or choices.get(usual) or next(iter(choices.values()))
        asked = chosen.explanation if chosen.heatmap is None else None
        return {
            "heatmap": chosen.heatmap,
            "choices": list(choices.values()),
            "chosen": chosen,
            "labels": labels,
            "cautions": presentation.cautions(chosen.explanation),
            "explain_query": urlencode({"method": chosen.method.name, "label": label}),
            "explain_phase": presentation.phase(asked) if asked else chosen.state,
            "explain_poll_ms": presentation.poll_delay_ms(asked) if asked and not asked.is_ended else None,
        }


class ResultView(_ResultView):
    """One diagnosis: live while it is under way, complete once it has ended."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        diagnosis = self.find(pk)
        disclosure.page_viewed(self.user, diagnosis, diagnosis.upload, by=disclosure.BROWSER)
        newer, older = selectors.neighbours(self.user, diagnosis)
        context = self.context(diagnosis) | {
            "newer": newer,
            "older": older,
            "other_readings": selectors.diagnoses_visible_to(self.user)
            .filter(upload=diagnosis.upload)
            .exclude(pk=diagnosis.pk)
            .select_related("model_version"),
            "may_change_details": details.may_change(self.user, diagnosis.upload),
            "may_delete": selectors.may_delete(self.user, diagnosis.upload),
            "pictures": viewer.pictures(diagnosis.upload),
            "viewer_words": viewer.words(),
            "paper_speeds": viewer.PAPER_SPEEDS_MM_PER_S,
            "gains": viewer.GAINS_MM_PER_MV,
        }
        return render(request, "diagnosis/result.html", context)


class ResultStatusView(_ResultView):
    """What the open result page asks for until the diagnosis has ended: little, unless something has changed."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        diagnosis = self.find(pk)
        context = self.context(diagnosis)
        context["has_changed"] = request.GET.get("seen") != context["phase"]
        response = render(request, "diagnosis/_result_status.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response


class ExplainView(_ResultView):
    """The choice of method and class on the result page, and the request for what is not there yet."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        return self._answer(self.find(pk), seen=request.GET.get("seen"))

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        diagnosis = self.find(pk)
        problem = ""
        try:
            explanations.request(
                diagnosis,
                method=request.POST.get("method", ""),
                label=request.POST.get("label", ""),
                requested_by=self.user,
            )
        except explanations.CannotExplain as refused:
            problem = str(refused)
        return self._answer(diagnosis, problem=problem)

    def _answer(self, diagnosis: Diagnosis, *, seen: str | None = None, problem: str = "") -> HttpResponse:
        context = self.context(diagnosis)
        address = f"{diagnosis.get_absolute_url()}?{context.get('explain_query', '')}"
        if self.request.headers.get("HX-Request") != "true" or "chosen" not in context:
            if problem:
                messages.warning(self.request, problem)
            return redirect(address)
        context |= {
            "problem": problem,
            "is_poll": seen is not None,
            "has_changed": seen != context.get("explain_phase"),
        }
        response = render(self.request, "diagnosis/_explain_answer.html", context)
        response.headers["Cache-Control"] = "no-store"
        if seen is None:
            # So that the choice survives a reload.
            response.headers["HX-Replace-Url"] = address
        return response


class TracingView(_ResultView):
    """The measurements, which follow the answer within a second; asked for until they are there."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        return render(request, "diagnosis/_tracing_status.html", self.context(self.find(pk)))


class ReadAgainView(SignedInView):
    """A new diagnosis of a page that was read, or was not, before."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        earlier = get_object_or_404(selectors.diagnoses_visible_to(self.user).select_related("upload__site"), pk=pk)
        if not permissions.may_upload(self.user, earlier.upload.site):
            raise PermissionDenied
        return redirect(pipeline.requeue(earlier, requested_by=self.user))


class DeleteUploadView(SignedInView):
    """Ask, then take a page and its readings out of sight."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        upload = self._find(pk)
        readings = selectors.diagnoses_visible_to(self.user).filter(upload=upload)
        return render(request, "diagnosis/confirm_delete.html", {"upload": upload, "readings": readings})

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        upload = self._find(pk)
        deletion.delete(upload, self.user)
        return redirect(f"{reverse('diagnosis:history')}?deleted={upload.pk}")

    def _find(self, pk: uuid.UUID) -> Upload:
        upload = get_object_or_404(selectors.uploads_visible_to(self.user).select_related("site"), pk=pk)
        if not selectors.may_delete(self.user, upload):
            raise PermissionDenied(deletion.why_kept(upload))
        return upload


class RestoreUploadView(SignedInView):
    """Undo a deletion."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        upload = get_object_or_404(selectors.uploads_restorable_by(self.user), pk=pk)
        try:
            deletion.restore(upload, self.user)
        except deletion.CannotRestore as error:
            messages.warning(request, str(error))
        else:
            messages.success(request, _("“%(name)s” is back.") % {"name": upload.original_name})
        return redirect("diagnosis:history")


class ModelCardView(LoginRequiredMixin, TemplateView):
    """What the model that read a page is, how it was made and how well it does."""

    template_name = "diagnosis/model_card.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(model=get_object_or_404(ModelVersion, pk=self.kwargs["pk"]), **kwargs)


def uuid_or_none(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
