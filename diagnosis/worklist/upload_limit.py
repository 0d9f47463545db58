"""A larger limit for the requests that carry many files, and no more memory for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler

from diagnosis.worklist.batches import max_archive_bytes

if TYPE_CHECKING:
    from django.http import HttpRequest


class ArchiveUploadHandler(FileUploadHandler):
    """Passes on as much as the files of one batch may have together, and drops the rest.

    As with single files one byte too many gets through, so that the refusal has its own words.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        room = max_archive_bytes() + 1 - self._received
        kept = raw_data[: max(room, 0)]
        self._received += len(kept)
        return kept or None

    def file_complete(self, file_size: int) -> UploadedFile | None:
        return None


def accept_archives(request: HttpRequest) -> None:
    """Let this request carry as much as a batch may, on disk and not in memory. Before its body is read."""
    request.upload_handlers = [ArchiveUploadHandler(request), TemporaryFileUploadHandler(request)]
