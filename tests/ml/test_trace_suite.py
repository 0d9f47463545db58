"""The suite tells right from wrong measurements, on pages of hearts whose rate is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.decode import encode_png
from ml.render import render_page
from ml.synthetic import synthetic_signals
from ml.trace_suite import figures, read_pages, table


def test_rates_and_intervals_are_compared_with_the_printed_ones(tmp_path: Path) -> None:
    for number, rate in enumerate((60.0, 90.0)):
        image = render_page(synthetic_signals(seed=number, heart_rate_bpm=rate), seed=number).image
        (tmp_path / f"{number}.png").write_bytes(encode_png(image))
    (tmp_path / "blank.png").write_bytes(encode_png(image * 0 + 250))
    (tmp_path / "manifest.csv").write_text(
        "file,layout,printed_hr_bpm\n0.png,4x2.5,60\n1.png,4x2.5,120\nblank.png,none,70\n"
    )
    header = "file,hr_bpm,p_ms,pr_ms,qrs_ms,qt_ms,qtc_ms,p_axis,qrs_axis,t_axis"
    (tmp_path / "machine_measurements.csv").write_text(f"{header}\n0.png,60,,,300,,,,-170,\n1.png,90,,,95,,,,,\n")
    found = figures(read_pages(tmp_path))
    assert found["heart_rate"]["4x2.5"]["right"] == 0.5
    assert found["heart_rate"]["4x2.5"]["misses"] == {"1.png": pytest.approx(-30, abs=3)}
    assert found["heart_rate"]["all"]["pages"] == 3
    assert found["unreadable"] == {"no_traces": 1}
    assert found["intervals"]["qrs_duration"]["measured"] == 2
    assert found["intervals"]["qrs_duration"]["ninth_decile"] > 100
    assert found["axes"]["qrs_axis"] == {"printed": 1, "measured": 1, "within": 0.0}
    assert "| heart rate within 3/min of the printed one, all | 3 | 33.3 % |" in table(found)


def test_axes_are_compared_around_the_circle(tmp_path: Path) -> None:
    from ml.measurements.values import Measurement, Measurements
    from ml.trace_suite import PageRead

    ours = Measurements((Measurement("qrs_axis", 175.0, 1.0),), (), None, ())
    assert PageRead("x", "", {"qrs_axis": -178.0}, ours, "", 0.1).error("qrs_axis") == pytest.approx(-7.0)
