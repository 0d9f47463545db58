"""Would the network that sees the picture make the answers better? Asked where neither has seen the pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.benchmark import TABLE
from ml.calibration import softmax
from ml.controls import with_intervals
from ml.dataset import LabelledPage, load_inputs
from ml.evaluation import BOOTSTRAP_FOLDS, Answers, accuracy, macro_auroc, macro_f1
from ml.predictor import load_verified
from ml.trace_network.cross_fitting import HeldOut
from ml.trace_network.judging import columns

# Share of the picture in the geometric mean of both networks' probabilities.
SHARES: Final = (0.0, 0.2, 0.5, 1.0)


def compare(
    held_out: HeldOut, pages: Sequence[LabelledPage], data: Path, picture: Path, *, cache: Path
) -> dict[str, Any]:
    """Mix both networks' answers to the strict pages that were held out from the picture network as well.

    Args:
        held_out: answers of the trace networks of each division to pages they have not seen; the first counts.
        pages: in the order of ``held_out``.
        data: folder with the manifest and its pages.
        picture: bundle of the other network, trained as its row of the results table says.
        cache: for the pages as model inputs.

    Returns:
        JSON-ready: ``pages``, ``groups`` and ``mixtures``, a row for each of `SHARES`.

    Raises:
        BundleCorrupt: ``picture`` is not intact.
        ValueError: no row of the results table is of its architecture.
    """
    from ml.training import predict_logits

    manifest, model = load_verified(picture)
    experiment = next((row.experiment("grouped") for row in TABLE if row.architecture == manifest.architecture), None)
    if experiment is None:
        raise ValueError(f"how the {manifest.architecture} in {picture} was divided is not known")
    known, classes, split = experiment.divide(data)
    tested = {known[index].file for index in split.test.tolist()}
    labels, groups, strict = columns(pages, classes)
    chosen = np.array([index for index, page in enumerate(pages) if strict[index] and page.file in tested])
    inputs = load_inputs(data, [pages[index] for index in chosen.tolist()], manifest.preprocessing, cache=cache)
    of_picture = predict_logits(model, inputs) / manifest.calibration.temperature
    of_traces = held_out.logits[0, chosen]
    measured: dict[str, Callable[[Answers], float]] = {
        "accuracy": accuracy,
        "macro_f1": macro_f1,
        "macro_auroc": macro_auroc,
    }
    rows = []
    for share in SHARES:
        # Mixed logits are mixed logarithms of probabilities, but for a constant.
        mixed = softmax((1 - share) * of_traces + share * of_picture)
        answers = Answers(mixed, labels[chosen], groups[chosen])
        rows.append({"share": share, **with_intervals(answers, measured, BOOTSTRAP_FOLDS)})
    return {"pages": len(chosen), "groups": len(np.unique(groups[chosen])), "mixtures": rows}
