"""``python -m ml fit-gate DATA``: fit the weights of the "is this an ECG page" gate and report them cross-validated."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml.decode import decode
from ml.gate import WEIGHTS_FILE, Evidence, GateWeights, weigh
from ml.page import find_ecg, take_apart

# Cross-validated, no page of 446 scores below 0.80, and of 219 other pictures one above 0.6.
THRESHOLD = 0.65


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, help="folder with manifest.csv, other_pages.csv and not_ecg.csv")
    parser.add_argument("--every", type=int, default=4, help="take every n-th dataset page (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE, help="where to write the weights")


def run(args: argparse.Namespace) -> int:
    files = _files(args.data, args.every)
    progress = tqdm(files, unit="page", desc="collecting evidence", disable=None)
    evidence = np.array([_evidence(file) for _, file in progress])
    kinds = np.array([kind for kind, _ in files])
    is_ecg = kinds != "not_ecg"
    # Foreign pages are few; without their weight the gate would learn the look of one cardiograph.
    weight = np.where(kinds == "other_pages", 4.0, 1.0)
    _report(kinds, _cross_validated(evidence, is_ecg, weight))
    weights = fit(evidence, is_ecg, weight)
    args.out.write_text(
        json.dumps(
            {
                "evidence": Evidence.names(),
                "mean": weights.mean.round(6).tolist(),
                "scale": weights.scale.round(6).tolist(),
                "weights": weights.weights.round(6).tolist(),
                "intercept": round(weights.intercept, 6),
                "threshold": weights.threshold,
            },
            indent=2,
        )
        + "\n",
        encoding="utf-8",
    )
    print(f"wrote {args.out}", file=sys.stderr)
    return 0


def fit(evidence: NDArray[np.float64], is_ecg: NDArray[np.bool_], weight: NDArray[np.float64]) -> GateWeights:
    """Fit the logistic regression on (N, evidence) rows."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = evidence.mean(axis=0), evidence.std(axis=0).clip(min=1e-6)
    model = LogisticRegression(max_iter=5000).fit((evidence - mean) / scale, is_ecg, sample_weight=weight)
    return GateWeights(mean, scale, model.coef_[0], float(model.intercept_[0]), THRESHOLD)


def _cross_validated(
    evidence: NDArray[np.float64], is_ecg: NDArray[np.bool_], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    from sklearn.model_selection import StratifiedKFold

    scores = np.empty(len(evidence))
    for train, test in StratifiedKFold(10, shuffle=True, random_state=1).split(evidence, is_ecg):
        weights = fit(evidence[train], is_ecg[train], weight[train])
        scores[test] = [weights.score(Evidence(*row)) for row in evidence[test]]
    return scores


def _report(kinds: NDArray[np.str_], scores: NDArray[np.float64]) -> None:
    accepted: dict[str, list[bool]] = defaultdict(list)
    for kind, score in zip(kinds, scores, strict=True):
        accepted[str(kind)].append(bool(score >= THRESHOLD))
    print("10-fold cross-validated, accepted as ECG pages:")
    for kind, verdicts in accepted.items():
        print(f"  {kind:12} {sum(verdicts):5} of {len(verdicts)}")


def _files(data: Path, every: int) -> list[tuple[str, Path]]:
    found = [("dataset", row) for row in _rows(data / "manifest.csv")[::every]]
    found += [(kind, row) for kind in ("other_pages", "not_ecg") for row in _rows(data / f"{kind}.csv")]
    return [(kind, data / file) for kind, file in found]


def _rows(table: Path) -> list[str]:
    with table.open(newline="", encoding="utf-8") as file:
        return [row["file"] for row in csv.DictReader(file)]


def _evidence(file: Path) -> NDArray[np.float64]:
    page = decode(file.read_bytes()).pages[0]
    layers = take_apart(page)
    return weigh(layers, find_ecg(page, layers)).values()
