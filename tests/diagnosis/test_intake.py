"""What is taken in, how it is stored, and what is refused with which words."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError
from PIL import Image

from accounts.models import Site, User
from diagnosis import deletion, intake, jobs, messages, pipeline
from diagnosis.models import Diagnosis, Upload
from ml.decode import MAX_BYTES
from tests.diagnosis.files import (
    bomb,
    empty_pages_pdf,
    encoded,
    encrypted_pdf,
    pdf,
    picture,
    turned_jpeg_with_secrets,
)

Files = Callable[[], set[str]]


def take_in(data: bytes, user: User, site: Site, **fields: str) -> intake.Accepted:
    return intake.accept(
        data=data, original_name=fields.pop("original_name", "page.png"), user=user, site=site, **fields
    )


def refusal_of(data: bytes, user: User, site: Site, **fields: str) -> intake.UploadRefused:
    with pytest.raises(intake.UploadRefused) as caught:
        take_in(data, user, site, **fields)
    return caught.value


def content_of(file: Any) -> bytes:
    with file.open("rb") as stream:
        return bytes(stream.read())


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("TIFF", "image/tiff"), ("WEBP", "image/webp")],
)
def test_each_picture_type_becomes_a_page_that_waits(kind: str, media_type: str, clinician: User, site: Site) -> None:
    accepted = take_in(encoded(kind), clinician, site, patient_reference=" P-1 ", note="urgent\r\nplease")
    (upload,) = accepted.uploads
    upload.refresh_from_db()
    assert accepted.duplicate_of is None
    assert upload.media_type == media_type
    assert (upload.width, upload.height, upload.page_number) == (320, 240, 1)
    assert (upload.patient_reference, upload.note) == ("P-1", "urgent\nplease")
    assert upload.diagnoses.get().state == Diagnosis.State.QUEUED


def test_the_original_bytes_are_kept_untouched_under_their_checksum(clinician: User, site: Site) -> None:
    data = turned_jpeg_with_secrets()
    (upload,) = take_in(data, clinician, site).uploads
    sha256 = hashlib.sha256(data).hexdigest()
    assert upload.sha256 == sha256
    assert f"/{sha256}/" in upload.original.name
    assert content_of(upload.original) == data


def test_the_page_is_upright_and_carries_no_metadata(clinician: User, site: Site) -> None:
    (upload,) = take_in(turned_jpeg_with_secrets(), clinician, site).uploads
    assert (upload.width, upload.height) == (240, 320)
    for file in (upload.page, upload.thumbnail):
        content = content_of(file)
        assert b"Secret" not in content
        image = Image.open(io.BytesIO(content))
        assert image.height > image.width
        assert not image.getexif()
        assert not {"comment", "exif", "xmp", "icc_profile"} & set(image.info)


def test_the_page_keeps_every_pixel_of_a_lossless_file(clinician: User, site: Site) -> None:
    (upload,) = take_in(encoded("PNG", 3), clinician, site).uploads
    page = Image.open(io.BytesIO(content_of(upload.page)))
    assert page.format == "PNG"
    assert page.convert("RGB").tobytes() == picture(3).tobytes()


def test_the_thumbnail_is_small(clinician: User, site: Site) -> None:
    buffer = io.BytesIO()
    picture(width=2208, height=1568).save(buffer, "PNG")
    (upload,) = take_in(buffer.getvalue(), clinician, site).uploads
    content = content_of(upload.thumbnail)
    image = Image.open(io.BytesIO(content))
    assert (image.format, image.width) == ("WEBP", 480)
    assert len(content) < 100_000


def test_every_page_of_a_pdf_becomes_an_upload_with_its_own_reading(
    clinician: User, site: Site, stored_files: Files
) -> None:
    accepted = take_in(pdf(3), clinician, site)
    assert [upload.page_number for upload in accepted.uploads] == [1, 2, 3]
    assert len({upload.page.name for upload in accepted.uploads}) == 3
    assert len({upload.original.name for upload in accepted.uploads}) == 1
    assert Diagnosis.objects.filter(state="queued").count() == 3
    assert len(stored_files()) == 1 + 3 + 3


def test_only_the_first_page_of_a_tiff_is_read(clinician: User, site: Site) -> None:
    buffer = io.BytesIO()
    picture(1).save(buffer, "TIFF", save_all=True, append_images=[picture(2)])
    (upload,) = take_in(buffer.getvalue(), clinician, site).uploads
    assert Image.open(io.BytesIO(content_of(upload.page))).convert("RGB").tobytes() == picture(1).tobytes()


def test_the_type_comes_from_the_content_and_never_from_the_name(clinician: User, site: Site) -> None:
    (upload,) = take_in(encoded("JPEG"), clinician, site, original_name="report.pdf").uploads
    assert upload.media_type == "image/jpeg"
    assert upload.original.name.endswith(".jpg")


def small_picture() -> bytes:
    buffer = io.BytesIO()
    picture(width=64, height=64).save(buffer, "PNG")
    return buffer.getvalue()


BAD_FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "no bytes": ("empty_file", lambda: b""),
    "text": ("unsupported_type", lambda: b"ECG of Mr. X\n" * 50),
    "a GIF": ("unsupported_type", lambda: encoded("GIF")),
    "a script with a picture's name": ("unsupported_type", lambda: b"<svg onload=alert(1)>" * 20),
    "random bytes": ("unsupported_type", lambda: bytes(range(256)) * 8),
    "a JPEG cut short": ("damaged_file", lambda: encoded("JPEG")[:2000]),
    "a PNG cut short": ("damaged_file", lambda: encoded("PNG")[:400]),
    "a PDF cut short": ("damaged_file", lambda: b"%PDF-1.7\nnothing"),
    "a decompression bomb": ("too_many_pixels", bomb),
    "a picture of a few pixels": ("too_small", small_picture),
    "more than 25 MB": ("file_too_large", lambda: encoded("PNG") + b"\0" * MAX_BYTES),
    "a PDF with a password": ("encrypted_pdf", encrypted_pdf),
    "a PDF of too many pages": ("too_many_pages", lambda: empty_pages_pdf(51)),
}


@pytest.mark.parametrize("bad", BAD_FILES)
def test_a_bad_file_is_refused_with_a_sentence_and_a_log_line(
    bad: str, clinician: User, site: Site, stored_files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    code, make = BAD_FILES[bad]
    with caplog.at_level(logging.INFO, logger="diagnosis.intake"):
        refused = refusal_of(make(), clinician, site, original_name="Smith, John.png")
    assert refused.code == code
    assert refused.message == messages.REFUSALS[code]
    assert f"({code})" in caplog.text
    assert "Smith" not in caplog.text
    assert not Upload.objects.exists()
    assert stored_files() == set()


def test_reading_a_request_stops_at_the_limit() -> None:
    class Endless(io.RawIOBase):
        read_so_far = 0

        def read(self, size: int = -1) -> bytes:
            assert size >= 0, "the whole of an endless file was asked for"
            self.read_so_far += size
            return b"\0" * size

    endless = Endless()
    with pytest.raises(intake.UploadRefused) as caught:
        intake.read_bytes(endless)
    assert caught.value.code == "file_too_large"
    assert endless.read_so_far <= MAX_BYTES + 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("page.png", "page.png"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\x\ECG 1.jpg", "ECG 1.jpg"),
        ("a\x00b\r\nc.png", "abc.png"),
        ("page\u202egnp.exe", "pagegnp.exe"),
        ("half\ud800.png", "half.png"),
        ("  spaced   out .pdf ", "spaced out .pdf"),
        ("...", "unnamed"),
        ("", "unnamed"),
        ("ЭКГ 心電図.png", "ЭКГ 心電図.png"),
        ("<script>alert(1)<", "<script>alert(1)<"),
        ("x" * 300 + ".jpeg", "x" * 195 + ".jpeg"),
        ("y" * 300, "y" * 200),
    ],
)
def test_a_hostile_name_is_made_safe_to_show(sent: str, kept: str, clinician: User, site: Site) -> None:
    (upload,) = take_in(encoded("PNG"), clinician, site, original_name=sent).uploads
    upload.refresh_from_db()
    assert upload.original_name == kept
    assert Path(settings.MEDIA_ROOT) in Path(upload.original.path).resolve().parents


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"patient_reference": "x" * 65}, "patient_reference_too_long"),
        ({"patient_reference": "P\x00-1"}, "patient_reference_invalid"),
        ({"patient_reference": "1\u202e-P"}, "patient_reference_invalid"),
        ({"note": "x" * 2001}, "note_too_long"),
    ],
)
def test_fields_that_cannot_be_kept_as_they_are_are_refused(
    fields: dict[str, str], code: str, clinician: User, site: Site
) -> None:
    assert refusal_of(encoded("PNG"), clinician, site, **fields).code == code


def test_a_note_loses_its_hidden_characters_only(clinician: User, site: Site) -> None:
    (upload,) = take_in(encoded("PNG"), clinician, site, note="\x00one\u202e\n\ttwo").uploads
    assert upload.note == "one\n\ttwo"


def test_nobody_uploads_for_another_site(clinician: User, other_site: Site) -> None:
    assert refusal_of(encoded("PNG"), clinician, other_site).code == "site_not_allowed"


def test_a_closed_site_takes_nothing(clinician: User, site: Site) -> None:
    site.is_active = False
    site.save()
    assert refusal_of(encoded("PNG"), clinician, site).code == "site_inactive"


def test_an_identical_file_makes_nothing_new_and_points_to_the_earlier_one(
    clinician: User, reviewer: User, site: Site, stored_files: Files
) -> None:
    (first,) = take_in(encoded("PNG"), clinician, site).uploads
    files = stored_files()
    again = take_in(encoded("PNG"), reviewer, site, original_name="other name.png")
    assert again.duplicate_of == first
    assert again.uploads == [first]
    assert (Upload.objects.count(), Diagnosis.objects.count()) == (1, 1)
    assert stored_files() == files


def test_another_site_gets_a_row_of_its_own_for_the_same_file(
    clinician: User, other_clinician: User, site: Site, other_site: Site
) -> None:
    (first,) = take_in(encoded("PNG"), clinician, site).uploads
    second = take_in(encoded("PNG"), other_clinician, other_site)
    assert second.duplicate_of is None
    assert second.uploads[0].original.name != first.original.name


def test_a_deleted_file_can_come_in_again(clinician: User, site: Site, upload: Upload) -> None:
    deletion.delete(upload, clinician)
    again = take_in(encoded("PNG"), clinician, site)
    assert again.duplicate_of is None
    assert again.uploads[0].pk != upload.pk


def test_of_a_pdf_only_the_deleted_pages_are_made_again(clinician: User, site: Site) -> None:
    data = pdf(3)
    first = take_in(data, clinician, site).uploads
    deletion.delete(first[1], clinician)
    again = take_in(data, clinician, site)
    assert again.duplicate_of is None
    assert [upload.page_number for upload in again.uploads] == [1, 2, 3]
    assert [upload.pk == before.pk for upload, before in zip(again.uploads, first, strict=True)] == [True, False, True]
    assert take_in(data, clinician, site).duplicate_of == first[0]


def test_of_two_identical_uploads_at_the_same_moment_one_wins(
    clinician: User, site: Site, stored_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = intake._live_uploads
    answers = [[]]  # the first look happens before the other request has committed
    winner = take_in(encoded("PNG"), clinician, site).uploads[0]
    files = stored_files()
    monkeypatch.setattr(intake, "_live_uploads", lambda *asked: answers.pop() if answers else look(*asked))
    beaten = take_in(encoded("PNG"), clinician, site)
    assert beaten.duplicate_of == winner
    assert Upload.objects.count() == 1
    assert stored_files() == files


@pytest.mark.django_db(transaction=True)
def test_files_go_away_when_the_rows_do_not_come_to_stand(
    clinician: User, site: Site, stored_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(pipeline, "enqueue_all", broken)
    with pytest.raises(DatabaseError):
        take_in(encoded("PNG"), clinician, site)
    assert not Upload.objects.exists()
    assert stored_files() == set()


@pytest.mark.django_db(transaction=True)
def test_files_go_away_when_one_of_them_cannot_be_written(
    clinician: User, site: Site, stored_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(page: object) -> bytes:
        raise OSError("no space left on device")

    monkeypatch.setattr(intake, "encode_thumbnail", broken)
    with pytest.raises(OSError, match="no space"):
        take_in(encoded("PNG"), clinician, site)
    assert not Upload.objects.exists()
    assert stored_files() == set()


@pytest.mark.django_db(transaction=True)
def test_files_stay_when_something_goes_wrong_after_the_commit(
    clinician: User, site: Site, stored_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut_down(*_: object, **__: object) -> int:
        raise SystemExit(1)

    monkeypatch.setattr(jobs.Line, "dispatch", shut_down)
    with pytest.raises(SystemExit):
        take_in(encoded("PNG"), clinician, site)
    upload = Upload.objects.get()
    assert stored_files() == {upload.original.name, upload.page.name, upload.thumbnail.name}


def test_the_database_itself_allows_one_live_row_per_page(upload: Upload) -> None:
    upload.pk = None
    upload._state.adding = True
    with pytest.raises(IntegrityError):
        upload.save(force_insert=True)
