"""``python -m bench history``: how long searches of a long history take, as the page makes them and as it once did.

Fills a database with made-up readings, searches it, exports from it, and drops it again.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User

# What a page of the history may cost, at the 95th of a hundred.
LIMIT_MS: Final = 100.0
RUNS: Final = 20
FORMER_FOR: Final = ("administrator", "of_large")
EXPORTED: Final = 100_000
PAGE: Final = 20


def main(arguments: list[str]) -> int:
    """Measure on each database; each in a process of its own, because Django has one set of settings."""
    parser = argparse.ArgumentParser(prog="python -m bench history", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="readings (default 1000000)")
    parser.add_argument(
        "--database",
        action="append",
        metavar="URL",
        help="sqlite, or the address of a PostgreSQL database, which is made and dropped; may be repeated",
    )
    parser.add_argument("--former", action="store_true", help="search as before there was an index, too")
    parser.add_argument("--check", action="store_true", help=f"exit with status 1 if a page takes over {LIMIT_MS:g} ms")
    chosen = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    for url in chosen.database or ["sqlite"]:
        with tempfile.TemporaryDirectory(prefix="isoline-bench-") as folder:
            environment = os.environ | {
                "DJANGO_SETTINGS_MODULE": "ecgsite.settings.local",
                "ISOLINE_DATA_DIR": folder,
                "LOG_LEVEL": "WARNING",
                "DATABASE_URL": f"sqlite:///{Path(folder) / 'bench.sqlite3'}" if url == "sqlite" else url,
            }
            command = [sys.executable, "-m", "bench.history", str(chosen.rows), str(int(chosen.former))]
            with _made(url):
                done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
            figures[url.partition(":")[0]] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(figures))
    return int(chosen.check and any(found["page_p95_ms"] > LIMIT_MS for found in figures.values()))


class _made:  # noqa: N801  (a context manager, read as one)
    """The PostgreSQL database, made before and dropped after; of SQLite the folder goes."""

    def __init__(self, url: str) -> None:
        self._server, _, self._name = url.rpartition("/")
        self._is_ours = url != "sqlite"

    def __enter__(self) -> None:
        if self._is_ours:
            self._run(f'CREATE DATABASE "{self._name}"')

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            self._run(f'DROP DATABASE "{self._name}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(f"{self._server}/postgres", autocommit=True) as connection:
            connection.execute(statement.encode())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(rows: int, *, former: bool) -> dict[str, Any]:
    """Fill the database of the settings and search it."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from bench.history_rows import fill

    # Local settings keep every query for the debugger.
    settings.DEBUG = False
    call_command("migrate", verbosity=0)
    start = time.perf_counter()
    fill(rows, _say)
    if connection.vendor == "postgresql":
        # As autovacuum does within a minute.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    _say(f"Filled in {time.perf_counter() - start:.0f} s")
    figures = _searches(_page, "page")
    figures |= {name: value for name, value in _searches(_count, "count").items() if name.startswith("count_")}
    if former:
        figures |= _searches(_as_it_was, "former")
    return figures | _export(rows)


def _searches(ask: Callable[[User, dict[str, Any]], None], what: str) -> dict[str, Any]:
    times: list[float] = []
    slow: dict[str, float] = {}
    _say(f"{what:>8}  {'p50 ms':>8} {'p95 ms':>8}  search")
    for title, who, kinds in _kinds():
        # As it was, a search takes seconds: two of the people and two runs tell enough.
        if what == "former" and who not in FORMER_FOR:
            continue
        taken = []
        for filters in itertools.islice(itertools.cycle(kinds), 2 if what == "former" else RUNS):
            start = time.perf_counter()
            ask(_user(who), filters)
            taken.append(1000 * (time.perf_counter() - start))
        times += taken
        p95 = quantiles(taken, n=20, method="inclusive")[-1]
        _say(f"{'':>8}  {median(taken):8.1f} {p95:8.1f}  {who}: {title}")
        if p95 > LIMIT_MS:
            slow[f"{who}: {title}"] = round(p95, 1)
    p95 = quantiles(times, n=20, method="inclusive")[-1]
    _say(f"{what:>8}  {median(times):8.1f} {p95:8.1f}  all")
    return {f"{what}_p50_ms": round(median(times), 1), f"{what}_p95_ms": round(p95, 1), f"{what}_slow": slow}


_users: dict[str, Any] = {}


def _user(name: str) -> User:
    from accounts.models import User

    if name not in _users:
        _users[name] = User.objects.get(username=name)
    user: User = _users[name]
    return user


def _kinds() -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Title, who searches, and filters to be asked in turn."""
    from datetime import date

    from bench.history_rows import COMMON, UNCOMMON
    from diagnosis.models import Upload

    dice = random.Random(5)
    some = list(Upload.objects.order_by().values_list("sha256", "patient_reference")[:2000])
    references = [{"search": reference} for _, reference in dice.sample(some, 60) if reference][:20]
    everyone = ("administrator", "of_large", "of_three", "of_tiny")
    searches: list[tuple[str, list[dict[str, Any]]]] = [
        ("everything", [{}]),
        ("a reference", references),
        ("end of a reference", [{"search": found["search"][-6:]} for found in references]),
        ("a reference while it is typed", [{"search": found["search"][:n]} for found in references for n in (3, 5, 7)]),
        ("a word that is everywhere", [{"search": word} for word in ("scan", "ECG", ".pdf", "p-00")]),
        ("a common word", [{"search": word} for word in COMMON]),
        ("a rare word", [{"search": word} for word in UNCOMMON]),
        ("a common and a rare word", [{"search": f"{a} {b}"} for a, b in zip(COMMON, UNCOMMON, strict=False)]),
        ("a word that is nowhere", [{"search": word} for word in ("xylophone", "P-9999999", "zzz")]),
        ("two letters that are nowhere", [{"search": "zq"}]),
        ("a checksum", [{"search": sha256[:10]} for sha256, _ in dice.sample(some, 20)]),
        ("class", [{"label": label} for label in ("mi", "normal", "history_mi", "not_sure")]),
        ("a class that is rare", [{"label": "covid19"}]),
        ("state", [{"state": state} for state in ("failed", "rejected", "queued", "done")]),
        ("reviewer", [{"reviewer": f"person{number:02d}"} for number in range(1, 13)]),
        ("somebody who signed nothing", [{"reviewer": "person40"}]),
        ("agreement", [{"agreement": kind} for kind in ("agree", "override", "unreadable", "none")]),
        ("model", [{"model": digit * 12} for digit in "123"]),
        (
            "confidence",
            [{"confidence_min": 0.9}, {"confidence_max": 0.5}, {"confidence_min": 0.7, "confidence_max": 0.71}],
        ),
        ("a confidence that nobody has", [{"confidence_max": 0.2}]),
        ("days", [{"since": date(2025, 3, day), "until": date(2025, 3, day + 2)} for day in range(1, 20)]),
        ("class, days and word", [{"label": "mi", "since": date(2024, 1, 1), "search": word} for word in COMMON]),
        ("overruled with confidence", [{"agreement": "override", "confidence_min": 0.9, "label": "mi"}]),
        ("site, reviewer and model", [{"site": site, "reviewer": "person03", "model": "2222"} for site in (1, 4, 12)]),
        ("half-way down", [{"half": True}]),
    ]
    return [(title, who, filters) for title, filters in searches for who in everyone]


def _page(user: User, filters: dict[str, Any]) -> None:
    """What the page asks for: the keys, then all that is shown of them."""
    from bench.history_rows import DAYS, END
    from diagnosis import keyset, selectors
    from diagnosis.models import Diagnosis

    before = ""
    if "half" in filters:
        import uuid
        from datetime import timedelta

        before, filters = str(keyset.Place(END - timedelta(days=DAYS / 2), uuid.UUID(int=0))), {}
    found = keyset.page(selectors.history(user, **filters), size=PAGE, before=before)
    keyset.in_order(selectors.with_everything_shown(Diagnosis.objects.all()), found.keys)


def _count(user: User, filters: dict[str, Any]) -> None:
    from diagnosis import keyset, selectors

    filters = {name: value for name, value in filters.items() if name != "half"}
    keyset.count(selectors.history(user, **filters), limit=10_000)


def _as_it_was(user: User, filters: dict[str, Any]) -> None:
    """Words by LIKE, pages by offset, and everything counted: what the history did at first."""
    from django.core.paginator import Paginator
    from django.db.models import Q

    from diagnosis import selectors

    if unknown := set(filters) - {"search", "label", "state", "since", "until", "half"}:
        # What could not be asked for then is left out.
        filters = {name: value for name, value in filters.items() if name not in unknown}
    found = selectors.diagnoses_visible_to(user).prefetch_related("heatmaps")
    for word in str(filters.get("search", "")).split():
        found = found.filter(
            Q(upload__patient_reference__icontains=word)
            | Q(upload__original_name__icontains=word)
            | Q(upload__note__icontains=word)
            | Q(upload__sha256__startswith=word.lower())
        )
    if label := filters.get("label"):
        found = found.filter(state="done")
        found = found.filter(abstained=True) if label == "not_sure" else found.filter(abstained=False, label=label)
    if filters.get("state"):
        found = found.filter(state=filters["state"])
    if filters.get("since"):
        found = found.filter(created_at__date__gte=filters["since"])
    pages = Paginator(found, PAGE)
    list(pages.get_page(pages.num_pages // 2 if "half" in filters else 1))


def _export(rows: int) -> dict[str, Any]:
    """Time and memory of a CSV of the newest readings, read as a browser reads it: away."""
    from diagnosis import export, selectors

    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, size, lines = time.perf_counter(), 0, 0
    wanted = min(rows, EXPORTED)
    for piece in export.lines(selectors.history(_user("administrator"))):
        size += len(piece)
        lines += piece.count(b"\n")
        if lines > wanted:
            break
    seconds = time.perf_counter() - start
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6
    _say(f"Export of {wanted:,} readings: {seconds:.1f} s, {size / 1e6:.1f} MB sent, {grown_mb:.1f} MB of memory more")
    return {
        "export_s": round(seconds, 1),
        "export_sent_mb": round(size / 1e6, 1),
        "export_grown_mb": round(grown_mb, 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), former=sys.argv[2] == "1")))
