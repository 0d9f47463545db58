"""``python -m bench``: figures on stderr as they come, one JSON line on stdout at the end."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

from bench import history
from bench.installation import running_installation
from bench.round_trip import measure

# What Isoline promises; docs/operations.md says on which machine.
LIMITS = {
    "post_to_done_p50_s": 1.0,
    "post_to_done_p95_s": 2.0,
    "web_rss_mb": 200.0,
    "worker_rss_mb": 1500.0,
    "growth": 0.05,
    "against_picture": 1.5,
}
LEAST_RATIO = 4.0


def main() -> int:
    if sys.argv[1:2] == ["history"]:
        return history.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--pages", type=int, default=40, help="pages through the API (default 40; a soak takes 500)")
    parser.add_argument("--check", action="store_true", help="exit with status 1 if a figure misses its limit")
    arguments = parser.parse_args()
    if arguments.pages < 2:
        parser.error("--pages must be at least 2")

    print("Worker time for one page, beside the reference path …", file=sys.stderr)
    timed = subprocess.run([sys.executable, "-m", "bench.worker_time"], stdout=subprocess.PIPE, check=True, text=True)
    times = json.loads(timed.stdout.splitlines()[-1])

    print(f"POST to DONE, {arguments.pages} pages on the embedded default …", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="isoline-bench-") as folder, running_installation(Path(folder)) as isoline:
        seconds, growth = measure(isoline, arguments.pages)
        web_mb, worker_mb = isoline.web_rss_mb(), isoline.worker_rss_mb()

    figures = {
        **{name: round(value, 1) for name, value in times.items()},
        # The same job on both sides: a picture in, probabilities and a heatmap out.
        "ratio": round(times["reference_ms"] / times["picture_answer_ms"], 2),
        # What reading signals costs a worker that would measure them anyway.
        "against_picture": round(times["shipped_whole_ms"] / times["picture_whole_ms"], 2),
        "post_to_done_p50_s": round(median(seconds), 3),
        "post_to_done_p95_s": round(quantiles(seconds, n=20, method="inclusive")[-1], 3),
        "web_rss_mb": round(web_mb, 1),
        "worker_rss_mb": round(worker_mb, 1),
    }
    missed = _missed(figures, growth)
    print(json.dumps(figures))
    return 1 if missed and arguments.check else 0


def _missed(figures: dict[str, float], growth: float | None) -> list[str]:
    """Names of the figures beyond their limits; says so on stderr."""
    measured = dict(figures)
    if growth is not None:
        measured["growth"] = growth
        print(f"Worker memory grew by {growth:+.1%} since page 50", file=sys.stderr)
    missed = [name for name, limit in LIMITS.items() if measured.get(name, 0) > limit]
    if figures["ratio"] < LEAST_RATIO:
        missed.append("ratio")
    for name in missed:
        print(f"Missed: {name} is {measured[name]:.3g}, limit {LIMITS.get(name, LEAST_RATIO):g}", file=sys.stderr)
    return missed


if __name__ == "__main__":
    sys.exit(main())
