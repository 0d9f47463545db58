"""What stands in a PDF report, on both papers, and that the same version always gives the same bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest

from accounts.models import User
from diagnosis.documents import content, fonts, pdf, pictures
from diagnosis.documents.models import Document
from diagnosis.models import Diagnosis
from diagnosis.review.models import Report
from tests.documents.conftest import Sign

Made = Callable[..., Document]

pytestmark = pytest.mark.django_db


def pages_of(document: Document) -> list[str]:
    with document.file.open("rb") as file:
        opened = pdfium.PdfDocument(file.read())
    texts = [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in opened]
    opened.close()
    return texts


def words_of(document: Document) -> str:
    return " ".join(" ".join(pages_of(document)).split())


@pytest.mark.parametrize(("paper", "size"), [("a4", (595, 842)), ("letter", (612, 792))])
def test_a_signed_report_says_who_what_and_how_to_verify_it(
    done: Diagnosis, sign: Sign, made: Made, clinician: User, paper: str, size: tuple[int, int]
) -> None:
    report = sign(done, comment="Compare with March – QTc ≥ 450 ms, μV.", findings=["sinus_rhythm"])
    document = made(done, clinician, paper=paper)
    assert document.state == Document.State.DONE, document.error
    with document.file.open("rb") as file:
        data = file.read()
    opened = pdfium.PdfDocument(data)
    assert tuple(round(side) for side in opened[0].get_size()) == size
    opened.close()
    words = words_of(document)
    for expected in (
        "Myocardial infarction",
        "Agrees with the model",
        "carla on 21 Nov 2026, 15:03 UTC",
        "P-417",
        "North Hospital",
        "72 %",
        "Remains possible: Myocardial infarction or Normal",
        "These traces are unlike those",
        "Heart rate",
        "Sinus rhythm",
        "Compare with March – QTc ≥ 450 ms, μV.",
        "custom_cnn 1.0.0",
        done.model_version.sha256 if done.model_version else "",
        done.upload.sha256,
        report.printed_code,
        "https://isoline.test/verify/",
        "Version 1, signed",
    ):
        assert expected in words, expected
    assert hashlib.sha256(data).hexdigest() == document.sha256
    assert len(data) == document.byte_size < 1_000_000


def test_every_page_says_research_use_and_its_number(done: Diagnosis, sign: Sign, made: Made, clinician: User) -> None:
    sign(done, comment="Lange Bemerkung über Größe. " * 140, findings=[f"finding_{n}" for n in range(30)])
    texts = pages_of(made(done, clinician))
    assert len(texts) > 2
    for number, text in enumerate(texts, start=1):
        assert "Research use only. Isoline is not a medical device" in text
        assert f"Page {number} of {len(texts)}" in text
    words = " ".join(texts)
    assert all(f"Finding {number}" in words for number in range(30))
    assert "Finding 29" in words
    assert " ".join(words.split()).count("Lange Bemerkung über Größe.") == 140


def test_without_a_signature_it_is_marked_preliminary_and_has_no_code(
    done: Diagnosis, made: Made, clinician: User
) -> None:
    texts = pages_of(made(done, clinician))
    assert all("Preliminary, not reviewed by a clinician" in text for text in texts)
    words = " ".join(texts)
    assert "None yet" in words
    assert "Not signed; no verification code" in words
    assert "/verify/" not in words


def test_a_draft_stays_out_of_the_document(done: Diagnosis, made: Made, clinician: User) -> None:
    Report.objects.create(
        diagnosis=done, verdict="override", label="normal", author=clinician, comment="Half a thought"
    )
    words = words_of(made(done, clinician))
    assert "Half a thought" not in words
    assert "Preliminary" in words


def test_not_sure_is_said_as_such(read: Callable[..., Diagnosis], made: Made, clinician: User) -> None:
    words = words_of(made(read(abstained=True), clinician))
    assert "Not sure" in words
    assert "No class is probable enough" in words


def test_a_page_that_cannot_be_read_has_a_reason_and_no_bars(
    rejected: Diagnosis, sign: Sign, made: Made, clinician: User
) -> None:
    sign(rejected, verdict=Report.Verdict.UNREADABLE, label="")
    words = words_of(made(rejected, clinician))
    assert "This page cannot be read" in words
    assert "This does not look like an ECG page" in words
    assert "Page unreadable" in words
    assert "72 %" not in words
    assert "Nothing was measured" in words


def test_without_measurements_it_says_why(read: Callable[..., Diagnosis], made: Made, clinician: User) -> None:
    from diagnosis.tracing_files import Drawn

    words = words_of(made(read(tracing=Drawn({"reason": "layout_unknown"})), clinician))
    assert "The arrangement of the leads on this page is not known" in words
    assert "Heart rate" not in words


def test_an_amended_version_names_its_reason_and_the_one_before(
    done: Diagnosis, sign: Sign, made: Made, clinician: User
) -> None:
    first = sign(done)
    sign(done, verdict="override", label="normal", amendment_reason="The wrong page was compared.")
    words = words_of(made(done, clinician))
    assert "Version 2, signed" in words
    assert "The wrong page was compared." in words
    assert (
        f"Version 1: Myocardial infarction, signed by carla on 21 Nov 2026, 15:03 UTC, code {first.printed_code}"
        in words
    )


def test_an_earlier_version_says_the_same_before_and_after_it_is_replaced(done: Diagnosis, sign: Sign) -> None:
    first = sign(done)
    before = content.gather(done, first, language="en").fingerprint()
    second = sign(done, amendment_reason="Better.")
    first.refresh_from_db()
    assert first.state == Report.State.AMENDED
    assert content.gather(done, first, language="en").fingerprint() == before
    assert content.gather(done, second, language="en").fingerprint() != before


def test_two_signatures_are_both_named(
    done: Diagnosis, sign: Sign, made: Made, clinician: User, reviewer: User
) -> None:
    from tests.documents.conftest import SIGNED_AT

    sign(done, second_signed_by=reviewer, second_signed_at=SIGNED_AT, second_signed_with=Report.Proof.TOTP)
    words = words_of(made(done, clinician))
    assert "Version 1, signed by two people" in words
    assert "Second signature by rosa on 21 Nov 2026, 14:03 UTC, confirmed with: One-time code." in words


def test_times_are_in_the_servers_zone_with_its_name(done: Diagnosis, sign: Sign, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    said = content.gather(done, sign(done), language="en")
    assert dict(said.facts)["Signed"] == "21 Nov 2026, 16:03 CET"


def test_each_language_has_a_document_of_its_own(done: Diagnosis, sign: Sign, made: Made, clinician: User) -> None:
    sign(done)
    english, german = (made(done, clinician, language=language) for language in ("en", "de-at"))
    assert (english.language, german.language) == ("en", "de")
    assert german.state == Document.State.DONE, german.error
    assert english.pk != german.pk
    assert made(done, clinician, language="de").pk == german.pk
    assert made(done, clinician, language="xx").language == "en"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Zoë Łukaszewicz-Ångström", "Zoë Łukaszewicz-Ångström"),
        ("Ωμέγα ≥ 5 μV – Жук", "Ωμέγα ≥ 5 μV – Жук"),
        ("e\u0301", "é"),
        ("王小明", "���"),
        ("שלום", "����"),
        ("a\x00b\u202ec", "abc"),
        ("one\r\ntwo\tthree", "one\ntwo three"),
    ],
)
def test_what_the_typeface_lacks_is_shown_as_missing(typed: str, shown: str) -> None:
    assert fonts.printable(typed) == shown


def test_markup_and_foreign_letters_in_names_and_comments_cannot_break_it(
    done: Diagnosis, sign: Sign, made: Made, clinician: User
) -> None:
    clinician.first_name, clinician.last_name = "小明 <b>", "O'Neil & Søn"
    clinician.save()
    sign(done, comment="a < b && <font size=90>c</font> </para> " + "x" * 900)
    document = made(done, clinician)
    assert document.state == Document.State.DONE, document.error
    words = words_of(document)
    assert "�� <b> O'Neil & Søn (carla)" in words
    assert "a < b && <font size=90>c</font> </para>" in words
    assert "stands for a character" in words


AGAIN = """
import hashlib, pickle, sys
import django; django.setup()
from diagnosis.documents import pdf
said, shown, paper = pickle.load(open(sys.argv[1], "rb"))
print(hashlib.sha256(pdf.draw(said, shown, paper=paper, language="en")).hexdigest())
"""


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_two_processes_draw_the_same_bytes(
    done: Diagnosis, sign: Sign, made: Made, clinician: User, tmp_path: Path, paper: str
) -> None:
    import pickle

    report = sign(done, comment="Größe – ≥", findings=["sinus_rhythm"])
    document = made(done, clinician, paper=paper)
    said = content.gather(Diagnosis.objects.get(pk=done.pk), report, language="en")
    width = pdf.width_of_pictures(paper)
    overlay = pictures.overlay_of(done, width_inch=0.72 * width)
    shown = pdf.Pictures(pictures.page_of(done, width_inch=width), overlay)
    given = tmp_path / "given.pickle"
    given.write_bytes(pickle.dumps((said, shown, paper)))
    sums = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "DJANGO_SETTINGS_MODULE": "ecgsite.settings.test"}
        command = [sys.executable, "-c", AGAIN, str(given)]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        sums.add(ran.stdout.strip())
    assert sums == {document.sha256}


def test_a_large_scan_stays_below_a_megabyte(take_in: Any, model: Any, sign: Sign, made: Made, clinician: User) -> None:
    import cv2
    import numpy as np

    from diagnosis import pipeline
    from tests.views.conftest import claim

    noise = np.random.default_rng(1).integers(0, 255, (1800, 2600, 3), dtype=np.uint8)
    data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    claimed = claim(take_in(data))
    assert pipeline.reject(claimed, "not_an_ecg_page", model_version=model)
    document = made(Diagnosis.objects.get(pk=claimed.pk), clinician)
    assert document.byte_size is not None
    assert 100_000 < document.byte_size < 1_000_000
