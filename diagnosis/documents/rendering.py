"""One document, in the worker: claim, gather, draw, store, or say why not."""

from __future__ import annotations

from django.utils.translation import override

from diagnosis.documents import content, pdf, pictures, requests
from diagnosis.documents.models import Document


def render(pk: str, *, task_id: str) -> None:
    """Make the PDF that the row asks for. Does nothing if the row cannot be claimed."""
    claimed = requests.LINE.claim(pk, task_id=task_id)
    if claimed is None:
        return
    with requests.LINE.counting_failures(claimed):
        requests.finish(claimed, drawn(claimed))


def drawn(document: Document) -> bytes:
    """The PDF.

    Raises:
        FileNotFoundError: a picture is missing in the storage.
    """
    said = content.gather(document.diagnosis, document.report, language=document.language)
    width = pdf.width_of_pictures(document.paper)
    shown = pdf.Pictures(
        page=pictures.page_of(document.diagnosis, width_inch=width),
        overlay=pictures.overlay_of(document.diagnosis, width_inch=0.72 * width),
    )
    with override(document.language):
        return pdf.draw(said, shown, paper=document.paper, language=document.language)
