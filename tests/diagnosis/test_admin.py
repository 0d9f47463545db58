"""Administrators look at everything, change no history, and are asked before they act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from diagnosis import deletion, explanations, pipeline, tracing_files
from diagnosis.models import Diagnosis, ModelVersion, Upload

Files = Callable[[], set[str]]
LISTS = ["upload", "diagnosis", "modelversion", "explanation"]


@pytest.fixture
def admin(administrator: User) -> Client:
    """An administrator by role; no superuser and without permissions given by hand."""
    client = Client()
    client.force_login(administrator)
    return client


@pytest.fixture
def done(queued: Diagnosis, claim: Any, reading: Any) -> Diagnosis:
    pipeline.finish(claim(queued), reading())
    queued.refresh_from_db()
    explanations.request(queued, method="saliency", requested_by=queued.requested_by)
    return queued


def list_of(name: str) -> str:
    return reverse(f"admin:diagnosis_{name}_changelist")


def page_of(name: str, row: Any) -> str:
    return reverse(f"admin:diagnosis_{name}_change", args=[row.pk])


def row_of(name: str, done: Diagnosis) -> Any:
    rows = {"upload": done.upload, "diagnosis": done, "modelversion": done.model_version}
    return rows[name] if name in rows else done.explanations.get()


def act(client: Client, name: str, action: str, *rows: Any, confirmed: bool = False) -> Any:
    form: dict[str, Any] = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    if confirmed:
        form["confirmed"] = "yes"
    return client.post(list_of(name), form, follow=True)


@pytest.mark.parametrize("name", LISTS)
def test_an_administrator_finds_everything(admin: Client, done: Diagnosis, name: str) -> None:
    answer = admin.get(list_of(name))
    assert answer.status_code == 200
    assert answer.context["cl"].result_count == 1
    row = answer.context["cl"].result_list[0]
    assert admin.get(page_of(name, row)).status_code == 200


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("who", ["clinician", "reviewer"])
def test_nobody_else_gets_in_not_even_as_staff(
    request: pytest.FixtureRequest, done: Diagnosis, name: str, who: str
) -> None:
    user: User = request.getfixturevalue(who)
    user.is_staff = True
    user.save()
    client = Client()
    client.force_login(user)
    assert client.get(list_of(name)).status_code in (302, 403)


@pytest.mark.parametrize("name", LISTS)
def test_history_can_neither_be_added_nor_edited_nor_deleted_there(admin: Client, done: Diagnosis, name: str) -> None:
    row = {
        "upload": done.upload,
        "diagnosis": done,
        "modelversion": done.model_version,
        "explanation": done.explanations.get(),
    }[name]
    before = type(row).objects.filter(pk=row.pk).values().get()
    address = page_of(name, row)
    assert admin.get(reverse(f"admin:diagnosis_{name}_add")).status_code == 403
    assert admin.post(address, {"label": "normal", "note": "x", "is_active": ""}).status_code == 403
    assert admin.post(address.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in admin.get(list_of(name)).content.decode()
    assert type(row).objects.filter(pk=row.pk).values().get() == before


def test_a_result_shows_its_heatmap_its_model_and_how_it_went(admin: Client, done: Diagnosis) -> None:
    text = admin.get(page_of("diagnosis", done)).content.decode()
    assert reverse("diagnosis:overlay", args=[done.heatmaps.get().pk]) in text
    assert "a" * 64 in text
    assert "grid_not_found" in text


def test_a_result_shows_what_was_read_off_the_traces_or_why_nothing_was(
    admin: Client, done: Diagnosis, queued: Diagnosis, upload: Upload, claim: Any, reading: Any
) -> None:
    assert "Traces" in admin.get(page_of("diagnosis", done)).content.decode()
    sentence = {"code": "heart_rate", "text": "Heart rate 61/min.", "values": {}, "unusual": False}
    read = {"layout": "4x2.5", "scale_source": "grid", "quality": 0.94, "sentences": [sentence]}
    for values, words in ((read, ("94 % read well", "Heart rate 61/min.")), ({"reason": "no_traces"}, ("no_traces",))):
        again = pipeline.enqueue(upload=upload, requested_by=done.requested_by)
        claimed = claim(again)
        pipeline.finish(claimed, reading())
        pipeline.add_tracing(claimed, tracing_files.Drawn(values))
        shown = admin.get(page_of("diagnosis", again)).content.decode()
        assert all(word in shown for word in words)


def test_attempts_and_the_technical_error_are_shown(admin: Client, queued: Diagnosis, claim: Any) -> None:
    pipeline.fail(claim(queued), "internal_error", "Traceback: <b>boom</b>")
    text = admin.get(page_of("diagnosis", queued)).content.decode()
    assert "Traceback: &lt;b&gt;boom&lt;/b&gt;" in text
    assert "internal_error" in admin.get(list_of("diagnosis")).content.decode()


def test_lists_show_the_page_in_small(admin: Client, done: Diagnosis) -> None:
    for name in ("upload", "diagnosis"):
        text = admin.get(list_of(name)).content.decode()
        assert reverse("diagnosis:thumbnail", args=[done.upload_id]) in text


@pytest.mark.parametrize(
    ("name", "query", "count"),
    [
        ("upload", "q=page.png", 1),
        ("upload", "q=nothing", 0),
        ("upload", "deleted_at__isempty=1", 1),
        ("upload", "deleted_at__isempty=0", 0),
        ("diagnosis", "state__exact=done", 1),
        ("diagnosis", "state__exact=failed", 0),
        ("diagnosis", "label__exact=mi", 1),
        ("diagnosis", "q=page.png", 1),
    ],
)
def test_lists_can_be_searched_and_filtered(admin: Client, done: Diagnosis, name: str, query: str, count: int) -> None:
    answer = admin.get(f"{list_of(name)}?{query}")
    assert answer.status_code == 200
    assert answer.context["cl"].result_count == count


def test_a_row_is_found_by_its_key(admin: Client, done: Diagnosis) -> None:
    for name, row in (("upload", done.upload), ("diagnosis", done)):
        assert admin.get(f"{list_of(name)}?q={row.pk}").context["cl"].result_count == 1
    assert admin.get(f"{list_of('modelversion')}?q={done.pk}").context["cl"].result_count == 0


def test_requeueing_asks_first_then_makes_a_new_row(admin: Client, done: Diagnosis, administrator: User) -> None:
    asked = act(admin, "diagnosis", "requeue", done)
    assert "Have these pages read again?" in asked.content.decode()
    assert Diagnosis.objects.count() == 1
    answer = act(admin, "diagnosis", "requeue", done, confirmed=True)
    assert "Done for 1 row." in answer.content.decode()
    again = Diagnosis.objects.exclude(pk=done.pk).get()
    assert (again.state, again.upload, again.requested_by) == ("queued", done.upload, administrator)
    done.refresh_from_db()
    assert (done.state, done.label) == ("done", "mi")


def test_requeueing_two_readings_of_one_page_makes_one_new_row(
    admin: Client, done: Diagnosis, administrator: User, claim: Any, reading: Any
) -> None:
    second = pipeline.requeue(done, requested_by=administrator)
    pipeline.finish(claim(second), reading())
    act(admin, "diagnosis", "requeue", done, second, confirmed=True)
    assert Diagnosis.objects.filter(state="queued").count() == 1


def test_a_deleted_page_is_not_read_again(admin: Client, done: Diagnosis, clinician: User) -> None:
    deletion.delete(done.upload, clinician)
    act(admin, "diagnosis", "requeue", done, confirmed=True)
    assert Diagnosis.objects.count() == 1


def test_a_page_is_deleted_restored_and_erased_each_after_a_question(
    admin: Client, done: Diagnosis, stored_files: Files
) -> None:
    upload = done.upload

    def is_deleted() -> bool:
        return Upload.objects.filter(pk=upload.pk, deleted_at__isnull=False).exists()

    act(admin, "upload", "delete_pages", upload)
    assert not is_deleted()
    act(admin, "upload", "delete_pages", upload, confirmed=True)
    assert is_deleted()
    act(admin, "upload", "restore_pages", upload, confirmed=True)
    assert not is_deleted()
    act(admin, "upload", "erase_pages", upload, confirmed=True)
    assert Upload.objects.filter(pk=upload.pk).exists(), "a live page was erased"
    act(admin, "upload", "delete_pages", upload, confirmed=True)
    asked = act(admin, "upload", "erase_pages", upload)
    assert "cannot be undone" in asked.content.decode()
    assert is_deleted()
    act(admin, "upload", "erase_pages", upload, confirmed=True)
    assert not Upload.objects.exists()
    assert stored_files() == set()


def test_a_page_that_cannot_be_restored_says_why(admin: Client, upload: Upload, clinician: User, site: Any) -> None:
    from diagnosis import intake
    from tests.diagnosis.files import encoded

    deletion.delete(upload, clinician)
    intake.accept(data=encoded("PNG"), original_name="again.png", user=clinician, site=site)
    answer = act(admin, "upload", "restore_pages", upload, confirmed=True)
    assert "uploaded again meanwhile" in answer.content.decode()


def test_activating_a_model_asks_first_and_says_what_is_wrong(admin: Client, model: ModelVersion) -> None:
    other = ModelVersion.objects.create(name="other", version="2", sha256="b" * 64, path="nowhere", card="# <i>Card")
    asked = act(admin, "modelversion", "activate", other)
    assert "Activate this model?" in asked.content.decode()
    answer = act(admin, "modelversion", "activate", other, confirmed=True)
    assert "not a readable bundle" in answer.content.decode()
    model.refresh_from_db()
    assert model.is_active
    assert "<h1>&lt;i&gt;Card</h1>" in admin.get(page_of("modelversion", other)).content.decode()


def test_activating_a_model_makes_it_the_only_active_one(
    admin: Client, model: ModelVersion, administrator: User, settings: Any
) -> None:
    from diagnosis import model_registry

    shipped = model_registry.register(settings.ISOLINE_BUNDLE)
    act(admin, "modelversion", "activate", shipped, confirmed=True)
    assert model_registry.active() == shipped
    shipped.refresh_from_db()
    assert shipped.activated_by == administrator


def test_two_models_cannot_be_activated_at_once(admin: Client, model: ModelVersion) -> None:
    other = ModelVersion.objects.create(name="other", version="2", sha256="b" * 64, path="nowhere")
    answer = act(admin, "modelversion", "activate", model, other)
    assert "Choose exactly one model." in answer.content.decode()


@pytest.mark.parametrize(
    ("name", "action"),
    [("upload", "erase_pages"), ("upload", "restore_pages"), ("diagnosis", "requeue"), ("modelversion", "activate")],
)
def test_actions_are_closed_to_staff_without_the_role(
    done: Diagnosis, clinician: User, stored_files: Files, name: str, action: str
) -> None:
    from django.contrib.auth.models import Permission

    clinician.is_staff = True
    clinician.user_permissions.set(Permission.objects.filter(content_type__app_label="diagnosis"))
    clinician.save()
    deletion.delete(done.upload, clinician)
    files = stored_files()
    client = Client()
    client.force_login(clinician)
    row = {
        "upload": done.upload,
        "diagnosis": done,
        "modelversion": done.model_version,
        "explanation": done.explanations.get(),
    }[name]
    act(client, name, action, row, confirmed=True)
    assert stored_files() == files
    assert Upload.objects.get().deleted_at is not None
    assert Diagnosis.objects.count() == 1


def test_a_failed_explanation_is_tried_again_after_a_question(admin: Client, done: Diagnosis) -> None:
    (failed,) = done.explanations.all()
    claimed = explanations.claim(failed.pk, task_id="one")
    assert claimed is not None
    explanations.fail(claimed, "timed_out", "Traceback: slow", final=True)
    assert "Traceback: slow" in admin.get(page_of("explanation", failed)).content.decode()
    assert "Try these explanations again?" in act(admin, "explanation", "try_again", failed).content.decode()
    assert done.explanations.count() == 1
    act(admin, "explanation", "try_again", failed, confirmed=True)
    assert sorted(done.explanations.values_list("state", flat=True)) == ["failed", "queued"]


def test_what_is_done_is_not_tried_again(admin: Client, done: Diagnosis, clinician: User) -> None:
    made, _ = explanations.request(done, method="grad_cam", requested_by=clinician)
    answer = act(admin, "explanation", "try_again", made, confirmed=True)
    assert "None of the selected explanations" in answer.content.decode()
    assert done.explanations.count() == 2
