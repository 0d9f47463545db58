"""The history's search: what is found, that its index follows every change, and how pages follow one another."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.models import Site, User
from diagnosis import deletion, intake, keyset, search_index, searching, selectors
from diagnosis.models import Diagnosis, Upload
from diagnosis.review.models import Report
from tests.diagnosis.files import encoded


@pytest.fixture
def take_in(clinician: User, site: Site) -> Any:
    def accept(seed: int, *, user: User = clinician, where: Site = site, **fields: str) -> Diagnosis:
        name = fields.pop("original_name", f"{seed}.png")
        data = encoded("PNG", seed)
        accepted = intake.accept(data=data, original_name=name, user=user, site=where, **fields)
        return accepted.uploads[0].diagnoses.get()

    return accept


@pytest.fixture(params=["few", "many"])
def either_way(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways SQLite is led: from the few that a filter finds, and through the newest."""
    if request.param == "many":
        monkeypatch.setattr(searching, "FEW", 0)
    return str(request.param)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", {0, 1, 2, 3}),
        ("P-0042", {0}),
        ("p-00", {0, 1}),
        ("0042", {0}),
        ("42", set()),
        ("p-", {0, 1}),
        ("u", {3}),
        ("A 100", {2}),
        ("HÄMO", {1}),
        ("hämodynamik P-0077", {1}),
        ("hämodynamik P-0042", set()),
        ('quo"ted', {2}),
        ("100%", {2}),
        ("under_score", {3}),
        ("underxscore", set()),
        ("a.b", set()),
        (".*", set()),
        ("AND", set()),
        ("words : x", set()),
        ("NEAR(", set()),
        ("'; DROP TABLE", set()),
        ("东京", {2}),
        ("两个字", {2}),
    ],
)
def test_words_are_found_wherever_they_stand(
    search: str, expected: set[int], either_way: str, take_in: Any, clinician: User
) -> None:
    made = [
        take_in(0, patient_reference="P-0042", note="first"),
        take_in(1, patient_reference="P-0077", note="Hämodynamik\nstabil"),
        take_in(2, note='a quo"ted word, 100% sure, 东京 两个字'),
        take_in(3, original_name="under_score 42.png"),
    ]
    numbers = {reading.pk: number for number, reading in enumerate(made)}
    assert {numbers[found.pk] for found in selectors.history(clinician, search=search)} == expected


def test_a_checksum_is_found_by_its_start_and_nowhere_else(either_way: str, take_in: Any, clinician: User) -> None:
    reading = take_in(0)
    sha256 = reading.upload.sha256
    assert [found.pk for found in selectors.history(clinician, search=sha256)] == [reading.pk]
    assert [found.pk for found in selectors.history(clinician, search=sha256[:6].upper())] == [reading.pk]
    assert not selectors.history(clinician, search=sha256[3:12]).exists()
    assert not selectors.history(clinician, search=sha256[:63] + ("0" if sha256[63] != "0" else "1")).exists()


on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's index is kept by triggers of ours")


@on_sqlite
def test_the_index_follows_every_change(take_in: Any, clinician: User, administrator: User) -> None:
    reading = take_in(0, note="before")

    def finds(word: str) -> bool:
        few = searching._few_by_words([word], connection)
        assert few is not None
        return few.exists()

    assert finds("before")
    Upload.objects.filter(pk=reading.upload_id).update(note="afterwards")
    assert (finds("before"), finds("afterwards")) == (False, True)
    deletion.delete(reading.upload, clinician)
    assert finds("afterwards")
    assert not selectors.history(clinician, search="afterwards").exists()
    deletion.erase(Upload.objects.get(pk=reading.upload_id), administrator)
    assert not finds("afterwards")


@on_sqlite
def test_an_index_that_a_migration_dropped_is_laid_down_again(take_in: Any, clinician: User) -> None:
    take_in(0, note="before")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER diagnosis_search_added")
    late = take_in(1, note="meanwhile")
    search_index.install()
    assert [found.pk for found in selectors.history(clinician, search="meanwhile")] == [late.pk]
    again = take_in(2, note="meanwhile too")
    assert [found.pk for found in selectors.history(clinician, search="meanwhile")] == [again.pk, late.pk]


def test_without_an_index_the_same_is_found(take_in: Any, clinician: User, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = take_in(0, note="palpitations")
    take_in(1)
    monkeypatch.setattr(searching, "is_installed", lambda _: False)
    assert [found.pk for found in selectors.history(clinician, search="palpi")] == [reading.pk]


@pytest.fixture
def reported(
    take_in: Any, claim: Any, reading: Any, clinician: User, reviewer: User, other_clinician: User, other_site: Site
) -> dict[str, Diagnosis]:
    from diagnosis import pipeline

    made = {
        name: take_in(number)
        for number, name in enumerate(("agreed", "overruled", "second", "draft", "amended", "unread"))
    }
    made["elsewhere"] = take_in(9, user=other_clinician, where=other_site)
    for number, (name, diagnosis) in enumerate(made.items()):
        if name != "unread":
            pipeline.finish(claim(diagnosis), reading(confidence=0.5 + number / 20))

    def report(name: str, state: str, verdict: str, version: int = 1, **who: User) -> None:
        Report.objects.create(
            diagnosis=made[name], state=state, verdict=verdict, version=version, author=clinician, **who
        )

    report("agreed", "signed", "agree", signed_by=clinician)
    report("overruled", "signed", "override", signed_by=reviewer)
    report("second", "signed", "agree", signed_by=clinician, second_signed_by=reviewer)
    report("draft", "draft", "override")
    report("amended", "amended", "agree", signed_by=reviewer)
    report("amended", "signed", "override", version=2, signed_by=clinician)
    report("elsewhere", "signed", "override", signed_by=other_clinician)
    return made


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"agreement": "agree"}, {"agreed", "second"}),
        ({"agreement": "override"}, {"overruled", "amended"}),
        ({"agreement": "unreadable"}, set()),
        ({"agreement": "none"}, {"draft", "unread"}),
        ({"reviewer": "rosa"}, {"overruled", "second"}),
        ({"reviewer": "carla"}, {"agreed", "second", "amended"}),
        ({"reviewer": "rosa", "agreement": "agree"}, {"second"}),
        ({"reviewer": "rosa", "agreement": "none"}, {"agreed", "draft", "amended", "unread"}),
        ({"reviewer": "otto"}, set()),
        ({"reviewer": "nobody"}, set()),
        ({"confidence_min": 0.55, "confidence_max": 0.65}, {"overruled", "second", "draft"}),
        ({"confidence_min": 0.7}, {"amended"}),
        ({"confidence_max": 0.5}, {"agreed"}),
        ({"model": "aaaa"}, {"agreed", "overruled", "second", "draft", "amended"}),
        ({"model": "AAAA", "agreement": "override", "label": "mi", "state": "done"}, {"overruled", "amended"}),
        ({"model": "ffff"}, set()),
        ({"site": 0}, set()),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_reports_confidence_and_model_narrow_the_history(
    filters: dict[str, Any], expected: set[str], either_way: str, reported: dict[str, Diagnosis], clinician: User
) -> None:
    names = {reading.pk: name for name, reading in reported.items()}
    assert {names[found.pk] for found in selectors.history(clinician, **filters)} == expected


def test_a_site_is_one_that_one_sees(
    either_way: str, reported: dict[str, Diagnosis], clinician: User, administrator: User, other_site: Site
) -> None:
    assert not selectors.history(clinician, site=other_site.pk).exists()
    assert [found.pk for found in selectors.history(administrator, site=other_site.pk)] == [reported["elsewhere"].pk]


# --- Pages by place --------------------------------------------------------------------------------


@pytest.fixture
def ten(take_in: Any) -> list[Diagnosis]:
    """Newest first; the middle ones of the same microsecond."""
    made = [take_in(number) for number in range(10)]
    now = timezone.now()
    for number, reading in enumerate(made):
        minutes = 5 if 3 <= number <= 6 else number
        Diagnosis.objects.filter(pk=reading.pk).update(created_at=now - timedelta(minutes=minutes))
    return list(Diagnosis.objects.order_by("-created_at", "-pk"))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 10, 11])
def test_pages_show_every_row_once_there_and_back(ten: list[Diagnosis], size: int) -> None:
    wanted = [reading.pk for reading in ten]
    page = keyset.page(Diagnosis.objects.all(), size=size)
    assert page.newer is None
    forward, pages = list(page.keys), 1
    while page.older:
        page = keyset.page(Diagnosis.objects.all(), size=size, before=str(page.older))
        assert page.newer is not None
        forward += page.keys
        pages += 1
    assert (forward, pages) == (wanted, -(-10 // size))
    backward = list(page.keys)
    while page.newer:
        page = keyset.page(Diagnosis.objects.all(), size=size, after=str(page.newer))
        backward = [key for key in page.keys if key not in backward] + backward
    assert backward == wanted


def test_a_row_that_comes_in_meanwhile_shifts_nothing(ten: list[Diagnosis], take_in: Any) -> None:
    first = keyset.page(Diagnosis.objects.all(), size=4)
    take_in(11)
    second = keyset.page(Diagnosis.objects.all(), size=4, before=str(first.older))
    assert second.keys == [reading.pk for reading in ten[4:8]]


@pytest.mark.parametrize("text", ["x", "", "é", "MjAyNi0wMS0wMSBubw", "A" * 500])
def test_what_names_no_place_is_refused(text: str) -> None:
    with pytest.raises(keyset.InvalidPlace):
        keyset.Place.parse(text)


def test_a_place_survives_its_text() -> None:
    place = keyset.Place(timezone.now(), uuid.uuid4())
    assert keyset.Place.parse(str(place)) == place


def test_counting_stops_where_it_is_told(ten: list[Diagnosis]) -> None:
    assert keyset.count(Diagnosis.objects.all(), limit=20) == 10
    assert keyset.count(Diagnosis.objects.all(), limit=10) == 10
    assert keyset.count(Diagnosis.objects.all(), limit=9) == 10
    assert keyset.count(Diagnosis.objects.all(), limit=4) == 5


def test_counting_that_would_take_too_long_is_given_up(ten: list[Diagnosis]) -> None:
    endless = Diagnosis.objects.filter(
        confidence__in=RawSQL("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n", [])
    )
    assert keyset.count(endless, limit=10, seconds=0.05) is None
    assert keyset.count(Diagnosis.objects.all(), limit=20) == 10


def test_pieces_are_all_rows_in_order(ten: list[Diagnosis]) -> None:
    for size in (1, 3, 5, 10, 20):
        pieces = list(keyset.in_pieces(Diagnosis.objects.all(), size=size))
        assert [key for piece in pieces for key in piece] == [reading.pk for reading in ten]
        assert all(len(piece) <= size for piece in pieces)
