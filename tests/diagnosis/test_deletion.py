"""Out of sight, back again, and gone for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import Site, User
from diagnosis import deletion, intake, pipeline
from diagnosis.models import Diagnosis, Heatmap, Upload
from tests.diagnosis.files import encoded, pdf

Files = Callable[[], set[str]]


def test_deleting_hides_a_page_and_keeps_everything(upload: Upload, clinician: User, stored_files: Files) -> None:
    files = stored_files()
    deletion.delete(upload, clinician)
    upload.refresh_from_db()
    assert upload.deleted_at is not None
    assert upload.deleted_by == clinician
    assert stored_files() == files


def test_only_those_allowed_delete(upload: Upload, api_client_user: User, other_clinician: User) -> None:
    for user in (api_client_user, other_clinician):
        with pytest.raises(PermissionDenied):
            deletion.delete(upload, user)
    upload.refresh_from_db()
    assert upload.deleted_at is None


def test_who_deleted_a_page_can_bring_it_back(upload: Upload, clinician: User) -> None:
    deletion.delete(upload, clinician)
    restored = deletion.restore(upload, clinician)
    assert (restored.deleted_at, restored.deleted_by) == (None, None)
    assert upload.diagnoses.count() == 1


def test_nobody_else_restores_but_an_administrator(
    upload: Upload, clinician: User, reviewer: User, administrator: User
) -> None:
    deletion.delete(upload, clinician)
    with pytest.raises(PermissionDenied):
        deletion.restore(upload, reviewer)
    assert deletion.restore(upload, administrator).deleted_at is None


def test_a_page_that_was_passed_over_while_deleted_is_read_after_it_is_back(upload: Upload, clinician: User) -> None:
    deletion.delete(upload, clinician)
    pipeline.claim(upload.diagnoses.get().pk, task_id="one")
    deletion.restore(upload, clinician)
    assert [reading.state for reading in upload.diagnoses.order_by("created_at")] == ["rejected", "queued"]


def test_a_page_that_came_in_again_meanwhile_is_not_restored(upload: Upload, clinician: User, site: Site) -> None:
    deletion.delete(upload, clinician)
    intake.accept(data=encoded("PNG"), original_name="again.png", user=clinician, site=site)
    with pytest.raises(deletion.CannotRestore):
        deletion.restore(upload, clinician)
    upload.refresh_from_db()
    assert upload.deleted_at is not None


def test_erasing_leaves_no_row_and_no_file(
    upload: Upload, clinician: User, administrator: User, claim: Any, reading: Any, stored_files: Files
) -> None:
    pipeline.finish(claim(upload.diagnoses.get()), reading())
    deletion.delete(upload, clinician)
    assert deletion.erase(upload, administrator) == 5
    assert not Upload.objects.exists()
    assert not Diagnosis.objects.exists()
    assert not Heatmap.objects.exists()
    assert stored_files() == set()


def test_erasing_one_page_of_a_pdf_leaves_the_file_to_the_others(
    clinician: User, administrator: User, site: Site, stored_files: Files
) -> None:
    one, two = intake.accept(data=pdf(2), original_name="two.pdf", user=clinician, site=site).uploads
    deletion.delete(one, clinician)
    deletion.erase(one, administrator)
    assert stored_files() == {two.original.name, two.page.name, two.thumbnail.name}
    deletion.delete(two, clinician)
    deletion.erase(two, administrator)
    assert stored_files() == set()


def test_a_live_page_cannot_be_erased(upload: Upload, administrator: User) -> None:
    with pytest.raises(deletion.NotDeleted):
        deletion.erase(upload, administrator)
    assert Upload.objects.filter(pk=upload.pk).exists()


def test_only_administrators_erase(upload: Upload, clinician: User, reviewer: User) -> None:
    deletion.delete(upload, clinician)
    for user in (clinician, reviewer):
        with pytest.raises(PermissionDenied):
            deletion.erase(upload, user)


def test_a_reading_in_progress_ends_quietly_when_its_page_is_erased(
    upload: Upload, clinician: User, administrator: User, claim: Any, reading: Any, stored_files: Files
) -> None:
    claimed = claim(upload.diagnoses.get())
    deletion.delete(upload, clinician)
    deletion.erase(upload, administrator)
    assert pipeline.finish(claimed, reading()) is False
    assert stored_files() == set()
