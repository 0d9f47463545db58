"""The few errors that callers of this package are expected to handle."""

from __future__ import annotations


class PageRejected(Exception):
    """The bytes or the image cannot be read as an ECG page.

    Attributes:
        code: stable identifier for machines, e.g. ``"not_an_ecg_page"``.
        message: one sentence a person can act on.
        detail: what the sentence names, where it names something found in the file, e.g. ``"JPEG Lossless"``.
    """

    def __init__(self, code: str, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


class BundleCorrupt(Exception):
    """A model bundle is incomplete or its files do not match their recorded checksums."""
