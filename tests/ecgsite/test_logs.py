"""Log lines that a person and a collector can both read."""

from __future__ import annotations

import json
import logging

import pytest

from ecgsite.logs import JsonFormatter, TextFormatter


@pytest.fixture
def record() -> logging.LogRecord:
    return logging.getLogger("diagnosis.pipeline").makeRecord(
        "diagnosis.pipeline",
        logging.INFO,
        "pipeline.py",
        1,
        "Diagnosis %s",
        ("finished",),
        None,
        extra={"diagnosis": "8f0c", "file": 'a b\n2026-01-01 ERROR forged: "line"', "attempts": 1},
    )


def test_the_text_shows_what_was_passed_along_on_one_line(record: logging.LogRecord):
    line = TextFormatter().format(record)

    assert "INFO    diagnosis.pipeline: Diagnosis finished  diagnosis=8f0c" in line
    assert "attempts=1" in line
    assert "\n" not in line


def test_json_carries_the_same_fields_and_the_exception(record: logging.LogRecord):
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        record.exc_info = (RuntimeError, error, error.__traceback__)

    entry = json.loads(JsonFormatter().format(record))

    assert entry["message"] == "Diagnosis finished"
    assert entry["level"] == "INFO"
    assert entry["diagnosis"] == "8f0c"
    assert entry["time"].endswith("+00:00")
    assert "RuntimeError: broken" in entry["exception"]
