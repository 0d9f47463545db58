"""Every string of the second language is there, means the same slots, and is compiled."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.test import Client

REPOSITORY = Path(__file__).resolve().parents[1]
CATALOGUE = Path("locale/de/LC_MESSAGES/django.po")
TRANSLATED = ("accounts", "diagnosis", "ecgsite", "locale", "ml", "templates")
SLOT = re.compile(r"%\(\w+\)[sd]|%%|(?<!\{)\{\w+\}")


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(REPOSITORY / CATALOGUE))


def test_nothing_is_left_in_english(catalogue: polib.POFile):
    assert [entry.msgid for entry in catalogue if not entry.translated() or entry.fuzzy] == []


def test_what_is_filled_in_is_the_same_in_both(catalogue: polib.POFile):
    wrong = []
    for entry in catalogue:
        allowed = set(SLOT.findall(entry.msgid)) | set(SLOT.findall(entry.msgid_plural))
        texts = list(entry.msgstr_plural.values()) or [entry.msgstr]
        wrong += [entry.msgid for text in texts if not set(SLOT.findall(text)) <= allowed]
        if not entry.msgid_plural and set(SLOT.findall(entry.msgstr)) != allowed:
            wrong.append(entry.msgid)
    assert wrong == []


def test_what_is_served_is_what_was_translated(catalogue: polib.POFile):
    compiled = polib.mofile(str((REPOSITORY / CATALOGUE).with_suffix(".mo")))

    def as_served(entries: polib.POFile | polib.MOFile) -> dict[tuple[str | None, str], object]:
        return {(entry.msgctxt, entry.msgid): (entry.msgstr, entry.msgstr_plural) for entry in entries}

    assert as_served(compiled) == as_served(catalogue)


@pytest.mark.skipif(shutil.which("xgettext") is None and os.environ.get("CI") != "true", reason="gettext is missing")
def test_no_string_of_the_source_is_unknown(catalogue: polib.POFile, tmp_path: Path):
    for name in TRANSLATED:
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "bundles"))
    shutil.copy(REPOSITORY / "manage.py", tmp_path)
    command = [sys.executable, "manage.py", "makemessages", "-l", "de", "--no-obsolete", "--no-location", "--no-wrap"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "ecgsite.settings.test", "ISOLINE_DATA_DIR": str(tmp_path)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)

    found = {(entry.msgctxt, entry.msgid) for entry in polib.pofile(str(tmp_path / CATALOGUE))}
    known = {(entry.msgctxt, entry.msgid) for entry in catalogue}
    assert sorted(found - known, key=str) == []
    assert sorted(known - found, key=str) == []


def test_a_browser_set_to_german_is_answered_in_german(client: Client, db: None):
    page = client.get("/accounts/login/", headers={"Accept-Language": "de-AT,de;q=0.9"}).text

    assert '<html lang="de"' in page
    assert "Anmelden" in page


def test_the_choice_of_a_person_counts_more(client: Client, db: None):
    client.post("/language/", {"language": "en", "next": "/accounts/login/"})

    assert "Log in" in client.get("/accounts/login/", headers={"Accept-Language": "de"}).text
