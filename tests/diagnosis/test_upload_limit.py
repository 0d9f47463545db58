"""A file of any size takes no more room than the limit while it comes in."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from ml.decode import MAX_BYTES


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (1000, 1000),
        (3 * 2**20, 3 * 2**20),
        (MAX_BYTES, MAX_BYTES),
        (MAX_BYTES + 1, MAX_BYTES + 1),
        (MAX_BYTES + 20 * 2**20, MAX_BYTES + 1),
    ],
)
def test_what_is_beyond_the_limit_is_dropped(sent: int, kept: int) -> None:
    request = RequestFactory().post("/", {"file": SimpleUploadedFile("page.jpg", b"x" * sent), "note": "after it"})
    file = request.FILES["file"]
    try:
        assert (file.size, len(file.read())) == (kept, kept)
        assert request.POST["note"] == "after it", "the rest of the form must still be read"
    finally:
        file.close()
