"""``python -m ml evaluate RUN [RUN …] --data DATA --out FOLDER``: judge finished runs, with controls, as a report."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ml.evaluation import BOOTSTRAP_FOLDS


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Writes evaluation.json, evaluation.html, evaluation.md, and errors.html with the pages themselves. Several "
        "runs must be folds or seeds of one architecture, protocol and task: each is calibrated by itself, then their "
        "test pages are pooled."
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv, as in training")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    parser.add_argument("--bootstrap", type=int, default=BOOTSTRAP_FOLDS, help="folds (default: %(default)s)")
    parser.add_argument(
        "--controls", action="store_true", help="also train on shuffled labels and on pages without traces (minutes)"
    )


def run(args: argparse.Namespace) -> int:
    from ml.report.figures import assess
    from ml.report.gallery import gallery
    from ml.report.pages import as_html, as_markdown
    from ml.report.plots import pictures
    from ml.report.pool import pool, read_finished

    try:
        if args.bootstrap < 2:
            raise ValueError("--bootstrap needs at least 2 folds")
        together = pool([read_finished(folder) for folder in args.runs], args.data)
        # Before minutes of work, not after them.
        args.out.mkdir(parents=True, exist_ok=True)
        controls = _controls(args, together)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    figures = assess(together, folds=args.bootstrap) | {"controls": controls}
    headings = {"strict": "Strict pages", "all": "All pages"}
    drawn = {title: pictures(figures[key], figures["classes"]) for key, title in headings.items() if figures[key]}
    (args.out / "evaluation.json").write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (args.out / "evaluation.html").write_text(as_html(figures, drawn), encoding="utf-8")
    (args.out / "evaluation.md").write_text(as_markdown(figures), encoding="utf-8")
    errors = gallery(args.data, together.files.tolist(), together.answers, together.classes)
    (args.out / "errors.html").write_text(errors, encoding="utf-8")
    headline = (figures["strict"] or figures["all"])["headline"]
    print(
        f"{args.out / 'evaluation.html'}: {'strict' if figures['strict'] else 'all'} pages: accuracy "
        f"{headline['accuracy']['value']}, macro F1 {headline['macro_f1']['value']}, macro AUROC "
        f"{headline['macro_auroc']['value']}. {controls['leaks']['verdict']}",
        file=sys.stderr,
    )
    return 0


def _controls(args: argparse.Namespace, together: Any) -> dict[str, Any]:
    from ml.controls import baselines, leaks, majority_of

    majority = np.concatenate(
        [np.full(len(run.parts["test"].labels), majority_of(run, args.data)) for run in together.runs]
    )
    chosen = np.flatnonzero(together.strict) if together.strict.any() else np.arange(len(together.files))
    found = {
        "leaks": leaks(together.runs, args.data),
        "baselines": baselines(
            together.answers.at(chosen),
            [together.pages[index] for index in chosen.tolist()],
            together.classes,
            majority[chosen],
            folds=args.bootstrap,
        ),
    }
    if args.controls:
        from ml.trained_controls import trained_controls

        found["trained"] = trained_controls(together.runs, args.data, folds=args.bootstrap)
    return found
