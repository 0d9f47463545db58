"""Which class a file belongs to, by the words in its folder's name."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

# Of the published folders: "ECG Images of Myocardial Infarction Patients (240x12=2880)" and the like. In this order:
# "History of MI" has the words of MI too, and "abnormal" ends in "normal".
_WORDS: Final = (
    ("covid19", {"covid", "corona"}),
    ("history_mi", {"history", "pmi", "previous"}),
    ("abnormal_heartbeat", {"abnormal", "arrhythmia", "hb"}),
    ("mi", {"mi", "infarction"}),
    ("normal", {"normal"}),
)

# Folders that say which part of a split a file is in, or nothing at all, but not what is on it.
_NO_CLASS: Final = {"train", "training", "test", "testing", "val", "valid", "validation", "images", "pages", "data", ""}

# What the files of version 2 of the published set are called.
PUBLISHED_NAMES: Final = {
    "normal": "Normal",
    "abnormal_heartbeat": "HB",
    "history_mi": "PMI",
    "mi": "MI",
    "covid19": "COVID",
}


def known_class(words: str) -> str | None:
    """The class of these pages that a name speaks of, or None."""
    tokens = set(re.findall(r"[a-z]+", words.lower()))
    return next((label for label, named in _WORDS if tokens & named), None)


def class_of(file: PurePath) -> str:
    """The class of a file by its path below the collection: the innermost folder that names one; "" if none does.

    A folder with other words (``Class A/``) is a class of its own, unless it is a part of a split or the top.
    """
    folders = [folder for folder in reversed(file.parent.parts) if folder not in ("..", ".")]
    known = next((label for folder in folders if (label := known_class(folder))), None)
    if known:
        return known
    named = next((folder for folder in folders if folder.lower() not in _NO_CLASS), "")
    if named:
        return re.sub(r"[^a-z0-9]+", "_", named.lower()).strip("_")
    return known_class(re.sub(r"[^A-Za-z]+", " ", file.stem)) or ""
