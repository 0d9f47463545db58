"""Pages at every stage of a worklist, batches, and archives good and bad."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Site, User
from diagnosis.models import Diagnosis, Upload
from diagnosis.review.models import Report
from diagnosis.worklist import batches
from diagnosis.worklist.models import Batch
from tests.views.conftest import (  # noqa: F401
    browser,
    colleague,
    fail,
    model,
    nobody,
    read,
    reject,
    signed_in,
    start,
    take_in,
)
from tests.views.pictures import picture


@pytest.fixture
def report() -> Callable[..., Report]:
    def write(diagnosis: Diagnosis, state: str, *, by: User, version: int = 1) -> Report:
        signed = by if state != Report.State.DRAFT else None
        return Report.objects.create(
            diagnosis=diagnosis, state=state, version=version, verdict="agree", author=by, signed_by=signed
        )

    return write


@pytest.fixture
def stages(
    take_in: Callable[..., Upload],  # noqa: F811
    start: Callable[[Upload], Diagnosis],  # noqa: F811
    read: Callable[..., Diagnosis],  # noqa: F811
    reject: Callable[..., Diagnosis],  # noqa: F811
    fail: Callable[..., Diagnosis],  # noqa: F811
    report: Callable[..., Report],
    clinician: User,
    reviewer: User,
) -> dict[str, Diagnosis]:
    """One page at each stage, by what it is."""
    pages = {"waiting to be read": take_in(1).diagnoses.get(), "being read": start(take_in(2))}
    pages["read"] = read(take_in(3), "normal")
    pages["drafted"] = read(take_in(4))
    pages["signed once"] = read(take_in(5))
    pages["signed"] = read(take_in(6))
    pages["signed, amendment drafted"] = read(take_in(7))
    pages["rejected"] = reject(take_in(8))
    pages["failed"] = fail(take_in(9))
    report(pages["drafted"], "draft", by=clinician)
    report(pages["signed once"], "awaiting_second", by=clinician)
    report(pages["signed"], "signed", by=reviewer)
    report(pages["signed, amendment drafted"], "signed", by=reviewer)
    report(pages["signed, amendment drafted"], "draft", by=clinician, version=2)
    return pages


def zipped(members: Mapping[str, bytes] | list[tuple[str, bytes]], name: str = "pages.zip") -> SimpleUploadedFile:
    """An archive as a browser sends it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(path, data)
    return SimpleUploadedFile(name, buffer.getvalue(), content_type="application/zip")


@pytest.fixture
def send_archive(clinician: User, site: Site) -> Callable[..., Batch]:
    """Begin a batch of an archive with these members; without any, of three pages."""

    def send(members: Any = None, **fields: str) -> Batch:
        members = members or {f"page {seed}.png": picture(seed) for seed in (11, 12, 13)}
        return batches.begin(files=[zipped(members)], user=clinician, site=site, **fields)

    return send


@pytest.fixture
def outcomes() -> Callable[[Batch], dict[str, tuple[str, str]]]:
    """What became of each file: name → state, reason."""
    return lambda batch: {file.name: (file.state, file.reason) for file in batch.files.all()}
