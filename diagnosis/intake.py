"""Bytes → a safe, stored, de-duplicated page waiting to be read, or a clear refusal."""

from __future__ import annotations

import hashlib
import logging
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING, Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit.actions import Action
from accounts.audit.log import record
from accounts.permissions import may_upload
from diagnosis import messages, pipeline
from diagnosis.models import Upload
from diagnosis.stored_files import Batch
from diagnosis.thumbnails import encode_thumbnail
from ml.decode import MANY_PAGED, MAX_BYTES, DecodedFile, decode, encode_page
from ml.errors import PageRejected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from accounts.models import Site, User

logger = logging.getLogger(__name__)

MAX_NAME_LENGTH: Final = 200
MAX_REFERENCE_LENGTH: Final = 64
MAX_NOTE_LENGTH: Final = 2000
# Einthoven's first paper with the string galvanometer is of 1902.
_FIRST_ECG: Final = datetime(1902, 1, 1, tzinfo=UTC)

# The stored original gets its name's ending from its content.
_SUFFIXES: Final = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
    "application/dicom": ".dcm",
}


class UploadRefused(Exception):
    """The file is not taken in.

    Attributes:
        code: stable identifier for machines, e.g. ``"unsupported_type"``.
        message: one sentence the user can act on, in their language.
    """

    def __init__(self, code: str, message: str = "", *, detail: str = "") -> None:
        self.code = code
        self.message = messages.refusal(code, message, detail)
        super().__init__(self.message)


@dataclass(frozen=True)
class Accepted:
    """What an upload came to.

    Attributes:
        uploads: one row per page, in page order. For a duplicate these are the earlier rows.
        duplicate_of: the earlier row if nothing new was made.
    """

    uploads: list[Upload]
    duplicate_of: Upload | None = None


def read_bytes(file: IO[bytes]) -> bytes:
    """Read an uploaded file, but never more of it than may be accepted.

    Raises:
        UploadRefused: ``file_too_large``.
    """
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        logger.info("Upload refused (file_too_large): more than %d bytes", MAX_BYTES)
        raise UploadRefused("file_too_large")
    return data


def accept(
    *,
    data: bytes,
    original_name: str,
    user: User,
    site: Site,
    patient_reference: str = "",
    note: str = "",
    recorded_at: datetime | None = None,
) -> Accepted:
    """Take in one file: store it, make a row per page, queue a reading of each.

    An identical file that the site already has makes no new rows. Of a file whose pages were deleted in part, the
    missing pages are made again. Of DICOM, what is stored is a copy made anew that names nobody; that the same file
    came in before is known by the checksum of what was sent. Its patient ID identifies, so it does not become the
    patient reference: that is the sender's to give. Must be called outside a transaction, because files cannot be
    rolled back.

    Args:
        data: the whole file, untouched.
        original_name: what the client calls it; only shown, never trusted.
        user: who uploads; must be allowed to upload for the site.
        site: the hospital or department the page belongs to.
        patient_reference: up to 64 characters, optional.
        note: up to 2000 characters, optional.
        recorded_at: when the ECG was taken, with its time zone. Without it what a DICOM file says of it counts, on
            this installation's clock if it names no time zone.

    Raises:
        UploadRefused: with a code of ``messages.REFUSALS``.
    """
    try:
        _check_site(user, site)
        reference = checked_reference(patient_reference)
        clean_note = checked_note(note)
        recorded = checked_recorded_at(recorded_at)
        sha256 = hashlib.sha256(data).hexdigest()
        earlier = _live_uploads(site, sha256)
        if earlier and earlier[0].media_type not in MANY_PAGED:
            return _there_already(earlier, user)
        decoded = _decoded(data)
    except UploadRefused as refused:
        # The name stays out of the log: people put patients' names into file names.
        logger.info("Upload refused (%s): %d bytes from user %s for site %s", refused.code, len(data), user.pk, site.pk)
        raise
    present = {upload.page_number for upload in earlier}
    missing = [number for number in range(1, len(decoded.pages) + 1) if number not in present]
    if not missing:
        return _there_already(earlier, user)

    shared_fields: dict[str, Any] = {
        "site": site,
        "uploaded_by": user,
        "original_name": _name_without(decoded.identifying, clean_name(original_name), decoded.media_type),
        "media_type": decoded.media_type,
        "byte_size": len(data),
        "sha256": sha256,
        "patient_reference": reference,
        "note": clean_note,
        "recorded_at": recorded or _stated(decoded.recorded_at),
        "warnings": list(decoded.warnings),
    }
    try:
        made = _store(data, decoded, shared_fields, missing)
    except IntegrityError:
        # The same file came in twice at the same moment and the other request was first.
        winners = _live_uploads(site, sha256)
        if not winners:
            raise
        return _there_already(winners, user)
    logger.info("Upload accepted: %d page(s), %d bytes, user %s, site %s", len(made), len(data), user.pk, site.pk)
    return Accepted(uploads=sorted([*earlier, *made], key=lambda upload: upload.page_number))


def _there_already(uploads: list[Upload], user: User) -> Accepted:
    first = uploads[0]
    record(Action.PAGE_UPLOADED_AGAIN, actor=user, target=first, site=first.site, details={"pages": len(uploads)})
    return Accepted(uploads=uploads, duplicate_of=first)


def clean_name(name: str) -> str:
    """A client's file name made safe to show: no path, no control or direction-changing characters, not too long."""
    last_part = name.replace("\\", "/").rsplit("/", 1)[-1]
    normalised = unicodedata.normalize("NFC", "".join(c for c in last_part if not _is_hidden(c)))
    visible = " ".join(normalised.split()).strip(". ")
    if len(visible) > MAX_NAME_LENGTH:
        stem, dot, ending = visible.rpartition(".")
        keeps_ending = bool(dot) and 0 < len(ending) <= 8
        visible = f"{stem[: MAX_NAME_LENGTH - len(ending) - 1]}.{ending}" if keeps_ending else visible[:MAX_NAME_LENGTH]
    return visible or "unnamed"


def _name_without(identifying: frozenset[str], name: str, media_type: str) -> str:
    """The file's name, unless it names the patient or the examination as the file itself does."""

    def dense(text: str) -> str:
        return "".join(character for character in text.casefold() if character.isalnum())

    if any(dense(word) in dense(name) for word in identifying):
        return f"unnamed{_SUFFIXES[media_type]}"
    return name


def _is_hidden(character: str) -> bool:
    # "C" is every control, format (bidi overrides, zero width), surrogate, private and unassigned character; Zl and
    # Zp are the line and paragraph separators.
    category = unicodedata.category(character)
    return category.startswith("C") or category in ("Zl", "Zp")


def _check_site(user: User, site: Site) -> None:
    if may_upload(user, site):
        return
    raise UploadRefused("site_not_allowed" if site.is_active else "site_inactive")


def checked_reference(value: str) -> str:
    """A patient reference as it is stored.

    Raises:
        UploadRefused: ``patient_reference_invalid``, ``patient_reference_too_long``.
    """
    reference = " ".join(value.split())
    # Repairing it could make it another patient's.
    if any(_is_hidden(character) for character in reference):
        raise UploadRefused("patient_reference_invalid")
    if len(reference) > MAX_REFERENCE_LENGTH:
        raise UploadRefused("patient_reference_too_long")
    return reference


def checked_note(value: str) -> str:
    """A note as it is stored.

    Raises:
        UploadRefused: ``note_too_long``.
    """
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    note = "".join(c for c in text if c in "\n\t" or not _is_hidden(c)).strip()
    if len(note) > MAX_NOTE_LENGTH:
        raise UploadRefused("note_too_long")
    return note


def checked_recorded_at(moment: datetime | None) -> datetime | None:
    """A time of recording as it is stored; None is unknown.

    Raises:
        UploadRefused: ``recorded_at_implausible``, where it lies in the future or before there were ECGs.
    """
    if moment is None:
        return None
    # A day of grace: the cardiograph's clock may be ahead, or stand in another time zone.
    if not _FIRST_ECG <= moment <= timezone.now() + timedelta(days=1):
        raise UploadRefused("recorded_at_implausible")
    return moment


def _stated(moment: datetime | None) -> datetime | None:
    """A file's own time of recording; None if it says none, or one that cannot be."""
    if moment is not None and moment.tzinfo is None:
        moment = timezone.make_aware(moment)
    try:
        return checked_recorded_at(moment)
    except UploadRefused:
        return None


def _live_uploads(site: Site, sha256: str) -> list[Upload]:
    live = Upload.objects.filter(site=site, sha256=sha256, deleted_at__isnull=True)
    return list(live.select_related("site", "uploaded_by").order_by("page_number"))


def _decoded(data: bytes) -> DecodedFile:
    try:
        return decode(data)
    except PageRejected as rejected:
        raise UploadRefused(rejected.code, rejected.message, detail=rejected.detail) from rejected


def _page(decoded: DecodedFile, number: int) -> NDArray[np.uint8]:
    try:
        return decoded.pages[number - 1]
    except PageRejected as rejected:
        logger.info("Upload refused (%s): page %d of %d", rejected.code, number, len(decoded.pages))
        raise UploadRefused(rejected.code, rejected.message, detail=rejected.detail) from rejected


def _store(data: bytes, decoded: DecodedFile, shared_fields: dict[str, Any], page_numbers: list[int]) -> list[Upload]:
    site, sha256 = shared_fields["site"], shared_fields["sha256"]
    batch = Batch()
    try:
        # The last part of the name is never shared, so that no cleanup takes away what another request just stored.
        name = f"originals/{site.pk}/{sha256[:2]}/{sha256}/{uuid.uuid4().hex}{_SUFFIXES[decoded.media_type]}"
        original = batch.save(name, data if decoded.safe_copy is None else decoded.safe_copy)
        uploads = []
        for number in page_numbers:
            upload = Upload(**shared_fields, page_number=number, original=original)
            _store_pictures(upload, _page(decoded, number), data, batch)
            uploads.append(upload)
        with transaction.atomic(durable=True):
            transaction.on_commit(batch.keep)
            for upload in uploads:
                upload.save(force_insert=True)
            pipeline.enqueue_all(uploads=uploads, requested_by=shared_fields["uploaded_by"])
            for upload in uploads:
                record(Action.PAGE_UPLOADED, actor=upload.uploaded_by, target=upload, site=site)
        batch.keep()
    finally:
        batch.close()
    return uploads


def _store_pictures(upload: Upload, page: NDArray[np.uint8], data: bytes, batch: Batch) -> None:
    upload.height, upload.width = page.shape[:2]
    encoded = encode_page(page, data, upload.media_type)
    upload.page = batch.save(f"pages/{upload.site_id}/{upload.pk}{encoded.suffix}", encoded.data)
    upload.thumbnail = batch.save(f"thumbnails/{upload.site_id}/{upload.pk}.webp", encode_thumbnail(page))
