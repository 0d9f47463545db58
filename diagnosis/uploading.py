"""One file of the upload page through ``intake``, and what the page says about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from diagnosis import intake

if TYPE_CHECKING:
    from datetime import datetime

    from django.core.files.uploadedfile import UploadedFile

    from accounts.models import Site, User
    from diagnosis.models import Diagnosis, Upload


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its readings, the earlier upload it repeats, or why it was refused."""

    file_name: str
    kind: Literal["accepted", "duplicate", "refused"]
    message: str = ""
    readings: list[Diagnosis] = field(default_factory=list)
    duplicate_of: Upload | None = None

    @property
    def is_refused(self) -> bool:
        return self.kind == "refused"

    @property
    def only_reading(self) -> Diagnosis | None:
        """The reading to go to at once: where one new page came in, there is nothing else to see."""
        return self.readings[0] if self.kind == "accepted" and len(self.readings) == 1 else None


def take_in(
    file: UploadedFile, *, user: User, site: Site, patient_reference: str, note: str, recorded_at: datetime | None
) -> Outcome:
    """Pass one uploaded file to intake."""
    name = file.name or ""
    try:
        accepted = intake.accept(
            data=intake.read_bytes(file),
            original_name=name,
            user=user,
            site=site,
            patient_reference=patient_reference,
            note=note,
            recorded_at=recorded_at,
        )
    except intake.UploadRefused as error:
        return Outcome(name, "refused", error.message)
    readings = [reading for upload in accepted.uploads if (reading := upload.diagnoses.first())]
    kind: Literal["accepted", "duplicate"] = "duplicate" if accepted.duplicate_of else "accepted"
    return Outcome(name, kind, readings=readings, duplicate_of=accepted.duplicate_of)
