"""Files to drop on a page, and dropping them, which Playwright cannot do with a mouse."""

from __future__ import annotations

import base64
import io
import zipfile

from playwright.sync_api import Page

_MAKE_TRANSFER = """files => {
  const transfer = new DataTransfer();
  for (const [name, type, data] of files) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  return transfer;
}"""


def archive(**members: bytes) -> bytes:
    """A ZIP archive; ``__`` in a name stands for its dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, data in members.items():
            zipped.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def drop(page: Page, **files: bytes) -> None:
    """Drop files on the zone; ``__`` in a name stands for its dot."""
    named = [
        (name.replace("__", "."), "application/octet-stream", base64.b64encode(data).decode())
        for name, data in files.items()
    ]
    transfer = page.evaluate_handle(_MAKE_TRANSFER, named)
    zone = page.locator("#dropzone")
    zone.dispatch_event("dragenter", {"dataTransfer": transfer})
    zone.dispatch_event("drop", {"dataTransfer": transfer})
