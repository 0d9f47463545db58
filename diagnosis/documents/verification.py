"""The code on a report: how it is printed, typed in and found again."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.urls import reverse

from diagnosis.review.models import Report, new_code

CODE_LENGTH: Final = len(new_code())

# Crockford's base 32 has no I, L and O, so that whoever reads a 1 or a 0 as one of them still finds the report;
# https://www.crockford.com/base32.html
_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0"})


def normalised(typed: str) -> str:
    """A code as it is stored: capitals, without dashes and spaces, letters that look like digits read as digits."""
    return "".join(letter for letter in typed.upper() if letter.isalnum()).translate(_MISREAD)[:64]


def address_of(report: Report) -> str:
    """Where a printed code leads to; without a known public address of this installation, the path alone."""
    return settings.ISOLINE_PUBLIC_URL.rstrip("/") + reverse("documents:verify_code", kwargs={"code": report.code})
