"""Keep no more of an uploaded file than decides that it is too large."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from ml.decode import MAX_BYTES


class LimitedUploadHandler(FileUploadHandler):
    """Passes on the first bytes of a file and drops the rest, so that a huge file does not fill the disk.

    Comes first in ``FILE_UPLOAD_HANDLERS``. One byte more than allowed gets through: enough for intake to see that
    the file is too large, and to say so in its own words.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return raw_data[: max(MAX_BYTES + 1 - start, 0)] or None

    def file_complete(self, file_size: int) -> UploadedFile | None:
        return None
