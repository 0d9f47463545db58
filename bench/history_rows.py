"""A made-up history of a million readings, the same for every run and either database."""

from __future__ import annotations

import io
import json
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, transaction

from diagnosis import search_index

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

END: Final = datetime(2026, 6, 30, tzinfo=UTC)
DAYS: Final = 3 * 365
# Of a hospital group: one large house, several smaller ones, and one that has just begun.
SITE_SHARES: Final = (40, 18, 12, 9, 7, 5, 4, 2.5, 1.5, 0.6, 0.35, 0.05)
LABELS: Final = {"normal": 55, "abnormal_heartbeat": 22, "mi": 12, "history_mi": 10.99, "covid19": 0.01}
STATES: Final = {"done": 94, "rejected": 4.5, "failed": 1.4, "queued": 0.1}
VERDICTS: Final = {"agree": 91, "override": 8.5, "unreadable": 0.5}
COMMON: Final = ["pain", "control", "before surgery", "follow-up", "dyspnoea", "syncope", "palpitations", "routine"]
UNCOMMON: Final = ["amiodarone", "pacemaker", "transplant", "digoxin", "Brugada", "long-QT", "sarcoidosis", "myxoma"]
USERS: Final = 60
# Signals and their measurements are large; the newest have them, which is what an export is measured on.
WITH_MEASUREMENTS: Final = 100_000

Row = tuple[Any, ...]


class History:
    """Rows of every table, in batches, made from one seed."""

    def __init__(self, readings: int) -> None:
        self._dice = random.Random(7)
        self._readings = readings
        self._step = timedelta(days=DAYS) / readings
        self._sites = list(range(1, len(SITE_SHARES) + 1))

    def batches(self, size: int = 20_000) -> Iterator[dict[str, list[Row]]]:
        """Table → rows, oldest first."""
        moment, upload = END - timedelta(days=DAYS), None
        for start in range(0, self._readings, size):
            rows: dict[str, list[Row]] = {"upload": [], "diagnosis": [], "report": [], "tracing": []}
            for number in range(start, min(start + size, self._readings)):
                moment += self._step * self._dice.uniform(0.5, 1.5)
                # Three in a hundred are another reading of the page before.
                if upload is None or self._dice.random() > 0.03:
                    upload = self._upload(number, moment)
                    rows["upload"].append(upload)
                self._reading(number, moment, upload, rows)
            yield rows

    def _one(self, shares: dict[str, float]) -> str:
        return self._dice.choices(list(shares), list(shares.values()))[0]

    def _key(self) -> uuid.UUID:
        return uuid.UUID(int=self._dice.getrandbits(128), version=4)

    def _upload(self, number: int, moment: datetime) -> Row:
        dice = self._dice
        site = dice.choices(self._sites, SITE_SHARES)[0]
        name = (
            f"{dice.choice(('scan', 'ECG', 'page'))}_{moment:%Y%m%d}_{number:07d}.{dice.choice(('pdf', 'jpg', 'png'))}"
        )
        reference = f"P-{dice.randrange(400_000):07d}" if dice.random() < 0.8 else ""
        words = dice.choices(COMMON, k=dice.randrange(2, 8)) if dice.random() < 0.4 else []
        if dice.random() < 0.004:
            words.append(dice.choice(UNCOMMON))
        deleted = moment + timedelta(days=1) if dice.random() < 0.01 else None
        who = (number % USERS) + 1
        return (
            *(self._key(), site, who, moment, name, "application/pdf", 250_000, f"{dice.getrandbits(256):064x}", 1),
            *("o", "p", "t", 2213, 1572, reference, " ".join(words), "[]", deleted, who if deleted else None),
        )

    def _reading(self, number: int, moment: datetime, upload: Row, rows: dict[str, list[Row]]) -> None:
        dice, key = self._dice, self._key()
        state = self._one(STATES)
        label = self._one(LABELS) if state == "done" else ""
        sure = min(0.999, max(0.3, dice.betavariate(7, 1.6))) if label else None
        model = None if state == "queued" else 1 + (number > self._readings * 0.6) + (number > self._readings * 0.998)
        chances = json.dumps(dict.fromkeys(LABELS, 0.2)) if label else "{}"
        rows["diagnosis"].append(
            (
                *(key, upload[2], state, moment, None, 1, None, moment, moment + timedelta(seconds=1), 1, "", None),
                *("", "", "", upload[0], upload[1], model, label, sure, bool(label) and (sure or 0) < 0.55, chances),
                *(json.dumps([label] if label else []), "traces" if label else "", None, 1.0, "[]", None),
            )
        )
        if label and dice.random() < 0.6:
            verdict = self._one(VERDICTS)
            who = dice.randrange(1, 13)
            signed = moment + timedelta(hours=dice.uniform(0.2, 40))
            other = dice.choice(list(LABELS)) if verdict == "override" else ""
            rows["report"].append(
                (
                    *(self._key(), 1, "signed", verdict, other, "", "[]", "", moment, signed, signed, "password"),
                    *(None, "", "", f"{number:012d}", who, key, None, who, 1, ""),
                )
            )
        if label and number >= self._readings - WITH_MEASUREMENTS:
            rows["tracing"].append((*("", "4x2.5", 7.87, "grid", 0.0, 0.97, "[]", _MEASURED, "[]", "", "", key),))


_MEASURED: Final = json.dumps(
    {
        "regular": True,
        "beats_s": [0.8 * beat for beat in range(12)],
        "values": [
            {"name": name, "value": value, "unit": "ms", "confidence": 0.9, "lead": None, "unusual": False}
            for name, value in (
                *(("heart_rate", 75.0), ("rr_interval", 800.0), ("pr_interval", 160.0), ("qrs_duration", 92.0)),
                *(("qt_interval", 390.0), ("qtc_bazett", 420.0), ("qrs_axis", 40.0)),
            )
        ],
        "per_lead": [],
    }
)

_COLUMNS: Final = {
    "upload": (
        "id site_id uploaded_by_id created_at original_name media_type byte_size sha256 page_number original page "
        "thumbnail width height patient_reference note warnings deleted_at deleted_by_id"
    ),
    "diagnosis": (
        "id requested_by_id state created_at dispatched_at sent_count resend_at started_at finished_at attempts "
        "claimed_by leased_until reason message error upload_id site_id model_version_id label confidence abstained "
        "probabilities possible answered_by second_opinion distance warnings crop"
    ),
    "report": (
        "id version state verdict label comment findings amendment_reason created_at updated_at signed_at signed_with "
        "second_signed_at second_signed_with fingerprint code author_id diagnosis_id second_signed_by_id signed_by_id "
        "revision sent_back_because"
    ),
    "tracing": (
        "reason layout px_per_mm scale_source rotation_deg quality poor_leads measurements sentences leads layer "
        "diagnosis_id"
    ),
}
_TABLES: Final = {
    "upload": "diagnosis_upload",
    "diagnosis": "diagnosis_diagnosis",
    "report": "review_report",
    "tracing": "diagnosis_tracing",
}


def fill(readings: int, say: Callable[[str], None]) -> None:
    """Put sites, people, models and ``readings`` readings into the migrated, empty database."""
    _few_rows()
    write = _write_to_sqlite if connection.vendor == "sqlite" else _write_to_postgresql
    done = 0
    with _without_triggers():
        for rows in History(readings).batches():
            with transaction.atomic():
                for kind, found in rows.items():
                    write(kind, found)
            done += len(rows["diagnosis"])
            if done % 100_000 == 0:
                say(f"{done:,} readings")


@contextmanager
def _without_triggers() -> Iterator[None]:
    """Words are indexed in one go afterwards, as after a migration that rebuilt the table."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'diagnosis_upload'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
    yield
    search_index.install()


def _few_rows() -> None:
    from accounts.models import Role, Site, User
    from diagnosis.models import ModelVersion

    sites = [Site.objects.create(pk=number + 1, name=f"Site {number + 1:02d}") for number in range(len(SITE_SHARES))]
    for number in range(1, USERS + 1):
        role = Role.REVIEWER if number <= 12 else Role.CLINICIAN
        user = User.objects.create(pk=number, username=f"person{number:02d}", role=role)
        user.sites.set([sites[number % len(sites)]])
    User.objects.create(pk=1000, username="administrator", role=Role.ADMINISTRATOR)
    for name, pk, chosen in (("large", 1001, sites[:1]), ("three", 1002, sites[3:6]), ("tiny", 1003, sites[-1:])):
        User.objects.create(pk=pk, username=f"of_{name}", role=Role.REVIEWER).sites.set(chosen)
    for number in range(1, 4):
        ModelVersion.objects.create(pk=number, name="model", version=str(number), sha256=f"{number}" * 64, path="-")


def _write_to_sqlite(kind: str, rows: Sequence[Row]) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, uuid.UUID):
            return value.hex
        return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value

    names = _COLUMNS[kind].split()
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {_TABLES[kind]} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})",
            [tuple(map(plain, row)) for row in rows],
        )


def _write_to_postgresql(kind: str, rows: Sequence[Row]) -> None:
    def plain(value: Any) -> str:
        if value is None:
            return "\\N"
        if isinstance(value, bool):
            return "t" if value else "f"
        return value.isoformat() if isinstance(value, datetime) else str(value)

    text = io.StringIO("".join("\t".join(map(plain, row)) + "\n" for row in rows))
    with (
        connection.cursor() as cursor,
        cursor.cursor.copy(f"COPY {_TABLES[kind]} ({', '.join(_COLUMNS[kind].split())}) FROM STDIN") as copy,
    ):
        copy.write(text.read())
