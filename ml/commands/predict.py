"""``python -m ml predict FILE…``: one JSON object a line for each page, whatever the files are."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ml.bundle import DEFAULT_BUNDLE, read_manifest
from ml.decode import MAX_BYTES, decode
from ml.errors import BundleCorrupt, PageRejected

if TYPE_CHECKING:
    from ml.decode import Page
    from ml.pipeline_predictor import PipelineFinding, PipelinePredictor
    from ml.predictor import Finding, Predictor

    AnyPredictor = Predictor | PipelinePredictor


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Read ECG pages. Prints one JSON object a line: file, page (of a PDF), status (ok, rejected, error), reason, "
        "message, label, abstained, confidence, probabilities, answered_by (traces or picture), possible (classes that "
        "remain so), second_opinion (of the picture), distance (from the training pages), warnings, quality, "
        "measurements, text. Exit status: 0 if every file was at least opened and judged, 1 if any gave an error, 2 "
        "if the model cannot be loaded."
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="JPEG, PNG, TIFF, WebP, PDF or DICOM")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE, metavar="DIR", help="default: the shipped one")
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def run(args: argparse.Namespace) -> int:
    try:
        predictor = _load(args.bundle)
    except BundleCorrupt as error:
        print(f"The model cannot be loaded: {error}", file=sys.stderr)
        return 2
    failed = False
    for file in tqdm(args.files, unit="file", file=sys.stderr, disable=args.quiet, mininterval=1.0):
        for row in predict_file(predictor, file):
            failed = failed or row["status"] == "error"
            print(json.dumps(row, ensure_ascii=False), flush=True)
    return int(failed)


def _load(folder: Path) -> AnyPredictor:
    if read_manifest(folder).kind == "pipeline":
        from ml.pipeline_predictor import PipelinePredictor

        return PipelinePredictor.load(folder)
    from ml.predictor import Predictor

    return Predictor.load(folder)


def predict_file(predictor: AnyPredictor, file: Path) -> Iterator[dict[str, Any]]:
    """The findings of a file's pages; a file that cannot be opened gives one row that says so."""
    try:
        pages = decode(_read(file)).pages
    except PageRejected as refusal:
        yield _row(file, None, status="error", reason=refusal.code, message=refusal.message)
        return
    except OSError as error:
        yield _row(file, None, status="error", reason="unreadable_file", message=error.strerror or str(error))
        return
    for index in range(len(pages)):
        yield _predict_page(predictor, file, pages, index)


def _predict_page(predictor: AnyPredictor, file: Path, pages: Sequence[Page], index: int) -> dict[str, Any]:
    number = index + 1 if len(pages) > 1 else None
    try:
        page = pages[index]
    except PageRejected as refusal:
        return _row(file, number, status="error", reason=refusal.code, message=refusal.message)
    try:
        finding = predictor.read(page)
    except PageRejected as refusal:
        return _row(file, number, status="rejected", reason=refusal.code, message=refusal.message)
    # A run over hundreds of files must not end at the one that trips over a defect of ours.
    except Exception as error:  # noqa: BLE001
        return _row(file, number, status="error", reason="internal_error", message=f"{type(error).__name__}: {error}")
    return _row(
        file,
        number,
        status="ok",
        label=finding.label,
        abstained=finding.abstained,
        confidence=round(finding.confidence, 4),
        probabilities={label: round(value, 4) for label, value in finding.probabilities.items()},
        warnings=list(finding.warnings),
        **_how(finding),
        **_traces(page, finding),
    )


def _how(finding: Finding | PipelineFinding) -> dict[str, Any]:
    """How the answer came about, beside the answer itself."""
    from ml.pipeline_predictor import PipelineFinding

    if isinstance(finding, PipelineFinding):
        return {}
    return {
        "answered_by": finding.source,
        "possible": list(finding.possible),
        "second_opinion": finding.second_opinion
        and {label: round(value, 4) for label, value in finding.second_opinion.items()},
        "distance": finding.distance and round(finding.distance, 3),
    }


def _traces(page: Page, finding: Finding | PipelineFinding) -> dict[str, Any]:
    """What the traces say; where they cannot be read the answer stands without them."""
    from ml.pipeline_predictor import PipelineFinding
    from ml.traces import LeadsUnreadable, traces_behind

    try:
        found, shares = traces_behind(page, None if isinstance(finding, PipelineFinding) else finding)
    except LeadsUnreadable as refusal:
        return {"quality": {"reason": refusal.code, "message": refusal.message}}
    except Exception as error:  # noqa: BLE001
        return {"quality": {"reason": "internal_error", "message": f"{type(error).__name__}: {error}"}}
    return {
        "quality": {
            "layout": found.leads.layout,
            "px_per_mm": round(found.leads.px_per_mm, 3),
            "quality": round(found.quality, 3),
            "poor_leads": list(found.poor_leads),
        },
        "measurements": found.measurements.to_json(),
        "text": [sentence.text for sentence in found.sentences(shares)],
    }


def _read(file: Path) -> bytes:
    with file.open("rb") as handle:
        # One byte more than allowed is enough for `decode` to refuse it.
        return handle.read(MAX_BYTES + 1)


def _row(file: Path, page: int | None, **known: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        # A file name need not be text; JSON must be.
        "file": str(file).encode("utf-8", "backslashreplace").decode("utf-8"),
        "page": page,
        "status": "",
        "reason": None,
        "message": None,
        "label": None,
        "abstained": None,
        "confidence": None,
        "probabilities": None,
        "answered_by": None,
        "possible": [],
        "second_opinion": None,
        "distance": None,
        "warnings": [],
        "quality": None,
        "measurements": None,
        "text": [],
    }
    return row | known
