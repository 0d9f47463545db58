"""``python -m ml benchmark DATA``: run or resume the results tables and write them into docs/results.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ml.architectures import REGISTRY
from ml.benchmark import PROTOCOLS, TABLE, record_file, run_folder
from ml.bundle import PICTURE_BUNDLE, read_manifest
from ml.errors import BundleCorrupt
from ml.experiment import Experiment
from ml.pretrained import WeightsUnavailable
from ml.records import read_record, record_of, record_of_bundle, write_record
from ml.results import ablation, ablation_file, explanations, models, shipped, signals, traces, traces_file
from ml.runs import is_finished, read_run

# What the command writes stands between two of these lines each; the words around them are the document's own.
PLACES = ("models", "ablation", "explanations", "traces", "signals")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Runs that finished are not repeated, and neither is what has a record already; what was broken off is taken "
        "up. Each finished run leaves a record of its figures beside the tables."
    )
    parser.add_argument("data", type=Path, nargs="?", help="folder with manifest.csv; needed unless --no-training")
    parser.add_argument("--models", nargs="*", choices=[row.architecture for row in TABLE], help="default: all")
    parser.add_argument("--protocols", nargs="+", choices=list(PROTOCOLS), default=list(PROTOCOLS))
    parser.add_argument(
        "--suite",
        choices=("models", "ablation", "trace"),
        default="models",
        help="models: train them; ablation: of the losses; trace: measure pages that print what to compare with",
    )
    parser.add_argument(
        "--bundle", type=Path, help="no training: the record of the one --models names is made with this sealed bundle"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="start no further run after this time")
    parser.add_argument("--again", action="store_true", help="train also what has a record")
    parser.add_argument(
        "--retime", action="store_true", help="no training: time the leak-free rows anew, on a machine that is idle"
    )
    parser.add_argument("--no-training", action="store_true", help="only gather records and write the tables")
    parser.add_argument("--out", type=Path, default=Path("docs/results.md"), help="Markdown with the tables' marks")
    parser.add_argument("--records", type=Path, default=Path("docs/results"), help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    if args.data is None and not args.no_training:
        print("Name the folder with manifest.csv, or give --no-training.", file=sys.stderr)
        return 2
    text = args.out.read_text(encoding="utf-8") if args.out.exists() else _empty()
    missing = [mark for place in PLACES for mark in _marks(place) if text.count(mark) != 1]
    if missing:
        print(f"{args.out} has no place for the tables: it needs the lines {', '.join(missing)}.", file=sys.stderr)
        return 1
    if not args.no_training:
        try:
            (_judge if args.bundle else _retime if args.retime else _SUITES[args.suite])(args)
        except (BundleCorrupt, ValueError, FileNotFoundError, WeightsUnavailable) as error:
            print(error, file=sys.stderr)
            return 1
    _gather(args)
    written = {
        "models": f"{models(args.records)}\n\n{shipped()}",
        "ablation": ablation(args.records),
        "explanations": explanations(args.records),
        "traces": traces(args.records),
        "signals": signals(),
    }
    for place, table in written.items():
        begin, end = _marks(place)
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"
    args.out.write_text(text, encoding="utf-8")
    print(f"{args.out} written", file=sys.stderr)
    return 0


def _marks(place: str) -> tuple[str, str]:
    return f"<!-- {place}: begin -->", f"<!-- {place}: end -->"


def _empty() -> str:
    return "# Results\n" + "".join(f"\n{begin}\n{end}\n" for begin, end in map(_marks, PLACES))


def _all(runs: Path, records: Path) -> Iterator[tuple[Experiment, Path, Path]]:
    """Every experiment of the table with the folder of its run and the file of its record."""
    for protocol in PROTOCOLS:
        for row in TABLE:
            experiment = row.experiment(protocol)
            yield experiment, run_folder(runs, experiment), record_file(records, experiment)


def _chosen(args: argparse.Namespace) -> Iterator[tuple[Experiment, Path, Path]]:
    wanted = {PROTOCOLS[name] for name in args.protocols}
    for experiment, folder, record in _all(args.runs, args.records):
        of_models = args.models is None or experiment.recipe.architecture in args.models
        if of_models and (experiment.protocol, experiment.task) in wanted and (args.again or not record.exists()):
            yield experiment, folder, record


def _train(args: argparse.Namespace) -> None:
    from ml.experiment import carry_out

    began = time.monotonic()
    for experiment, folder, record in _chosen(args):
        if args.minutes is not None and time.monotonic() - began > 60 * args.minutes:
            print("The time is up; what has not been run stays “not trained”.", file=sys.stderr)
            return
        print(folder, file=sys.stderr)
        write_record(record, record_of(carry_out(experiment, args.data, folder, cache=args.runs / "cache")))


def _retime(args: argparse.Namespace) -> None:
    """Networks from the weights of their runs, or from the shipped bundle; pipelines from their runs."""
    from ml.dataset import load_inputs
    from ml.experiment import finished_network, finished_pipeline, spec_of
    from ml.predictor import load_verified
    from ml.timing import TIMED_PAGES, network_milliseconds, pipeline_milliseconds

    for row in TABLE:
        experiment = row.experiment("grouped")
        file, folder = record_file(args.records, experiment), run_folder(args.runs, experiment)
        record = read_record(file)
        if record is None or (args.models and row.architecture not in args.models):
            continue
        pages, classes, _ = experiment.divide(args.data)
        inputs = load_inputs(args.data, pages[:TIMED_PAGES], spec_of(row.architecture), cache=None)
        if not is_finished(folder):
            if row.architecture != read_manifest(PICTURE_BUNDLE).architecture:
                print(f"{folder} is not there; its time stays as it was", file=sys.stderr)
                continue
            taken = network_milliseconds(load_verified(PICTURE_BUNDLE)[1], inputs)
        elif REGISTRY[row.architecture].classical:
            pipeline = finished_pipeline(experiment, read_run(folder), args.data, cache=args.runs / "cache")
            taken = pipeline_milliseconds(pipeline, inputs, len(classes))
        else:
            taken = network_milliseconds(finished_network(experiment, len(classes), folder), inputs)
        print(f"{row.architecture}: {taken} ms", file=sys.stderr)
        write_record(file, record | {"inference_ms": taken})


def _judge(args: argparse.Namespace) -> None:
    rows = [row for row in TABLE if row.architecture in (args.models or ())]
    architecture = read_manifest(args.bundle).architecture
    if [row.architecture for row in rows] != [architecture]:
        raise ValueError(f"{args.bundle} holds a {architecture}; say --models {architecture}")
    experiment = rows[0].experiment("grouped")
    record = record_of_bundle(args.bundle, experiment, args.data, cache=args.runs / "cache")
    write_record(record_file(args.records, experiment), record)


def _ablate(args: argparse.Namespace) -> None:
    from ml.ablation import ablate, frozen_features, splits_of

    pages, classes, splits = splits_of(args.data)
    cache = args.runs / "cache"
    features = frozen_features(args.data, pages, weights_folder=args.data / "weights", cache=cache)

    def watched(jobs: Sequence[Any]) -> Iterable[Any]:
        return tqdm(jobs, desc="heads", unit="head", file=sys.stderr, disable=None)

    write_record(ablation_file(args.records), ablate(features, pages, splits, classes, watched=watched))


def _measure(args: argparse.Namespace) -> None:
    from ml.trace_suite import figures, read_pages

    def watched(files: Sequence[str]) -> Iterable[str]:
        return tqdm(files, desc="reading", unit="page", file=sys.stderr, disable=None)

    write_record(traces_file(args.records), figures(read_pages(args.data, watched=watched)))


_SUITES = {"models": _train, "ablation": _ablate, "trace": _measure}


def _gather(args: argparse.Namespace) -> None:
    """Write the records of finished runs that have none."""
    for _, folder, record in _all(args.runs, args.records):
        if is_finished(folder) and not record.exists():
            write_record(record, record_of(read_run(folder)))
