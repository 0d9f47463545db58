"""Pages with a known truth are read back; what cannot be read is refused with a reason."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ml.degradation import degrade
from ml.leads import Leads, LeadsUnreadable
from ml.leads.layouts import LAYOUTS, LEADS
from ml.leads.reader import read_leads
from ml.render import FULL_SIZE, render_page
from ml.synthetic import Signals, synthetic_signals

SMALL = (996, 707)


def _signals(seed: int) -> Signals:
    # No noise: the likeness is that of the reading alone.
    return synthetic_signals(seed, noise_mv=0)


def _pearson(leads: Leads, signals: Signals) -> dict[str, float]:
    """Correlation of every stretch with its truth, the best of shifts up to 30 ms: a page has no clock.

    Without the ends, where a separator may hide a whole complex.
    """
    likeness = {}
    for lead in leads.all:
        within = lead.times_s - lead.start_s
        read = np.isfinite(lead.signal_mv) & (within > 0.2) & (within < lead.duration_s - 0.2)
        truths = [
            np.interp(lead.times_s[read] + shift, np.arange(5000) / 500, signals[lead.name])
            for shift in np.arange(-0.03, 0.031, 0.003)
        ]
        name = f"{lead.name} rhythm" if lead.rhythm else lead.name
        likeness[name] = max(float(np.corrcoef(truth, lead.signal_mv[read])[0, 1]) for truth in truths)
    return likeness


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - {"12x1"}))
def test_every_layout_is_told_and_its_leads_are_read(layout: str) -> None:
    signals = _signals(4)
    leads = read_leads(render_page(signals, layout=layout, size=SMALL, grid="pink", seed=4).image)

    assert leads.layout == layout
    assert set(leads.leads) == set(LEADS)
    assert [lead.name for lead in leads.rhythm] == list(LAYOUTS[layout].rhythm)
    likeness = _pearson(leads, signals)
    assert np.median(list(likeness.values())) > 0.97
    assert min(likeness.values()) > 0.85, likeness


@pytest.mark.parametrize("size", [FULL_SIZE, SMALL])
@pytest.mark.parametrize("grid", ["dotted", "squares", "none"])
def test_paper_of_any_kind_and_size_gives_the_same_signals(size: tuple[int, int], grid: str) -> None:
    signals = _signals(9)
    page = render_page(signals, size=size, grid=grid, seed=9)  # type: ignore[arg-type]
    leads = read_leads(page.image)

    assert leads.scale_source == ("pulse" if grid == "none" else "grid")
    assert leads.px_per_mm == pytest.approx(page.pixels_per_mm, rel=0.025)
    assert min(_pearson(leads, signals).values()) > 0.9
    rhythm = leads.rhythm[0]
    assert rhythm.duration_s == pytest.approx(10, abs=0.1)
    known = rhythm.signal_mv[np.isfinite(rhythm.signal_mv)]
    assert np.ptp(known) == pytest.approx(np.ptp(signals["II"]), rel=0.06)


def test_without_grid_and_pulses_the_layout_gives_the_scale() -> None:
    page = render_page(_signals(2), size=SMALL, grid="none", pulses=False, seed=2)
    leads = read_leads(page.image)

    assert leads.scale_source == "layout"
    assert leads.px_per_mm == pytest.approx(page.pixels_per_mm, rel=0.025)


def test_the_foot_of_the_pulse_is_0_mv() -> None:
    lifted = {name: signal + 0.4 for name, signal in _signals(5).items()}
    leads = read_leads(render_page(lifted, size=SMALL, grid="pink", seed=5).image)

    truth = float(np.median(lifted["II"]))
    assert float(np.nanmedian(leads.rhythm[0].signal_mv)) == pytest.approx(truth, abs=0.06)


def test_a_gap_in_the_trace_stays_a_gap() -> None:
    page = render_page(_signals(6), size=SMALL, grid="pink", seed=6)
    strip = page.leads[-1]
    hidden = page.image.copy()
    left = strip.box.x + strip.box.width // 2
    hidden[strip.box.y : strip.box.y + strip.box.height, left : left + 60] = 255
    rhythm = read_leads(hidden).rhythm[0]

    gap = np.isnan(rhythm.signal_mv) & (np.abs(rhythm.path[:, 0] - left - 30) < 28)
    assert gap.sum() >= 52
    np.testing.assert_array_equal(np.isnan(rhythm.path[:, 1]), np.isnan(rhythm.signal_mv))
    assert rhythm.quality < 0.96
    halves = rhythm.resampled(500.0)
    assert np.isnan(halves[2500:2700]).all(), "resampling must not bridge it"


def test_a_photograph_is_laid_flat_and_its_paths_lead_back_to_the_photograph() -> None:
    page = degrade(render_page(_signals(7), size=(1400, 995), grid="pink", texture=2, seed=7), 3, strength=1.0)
    leads = read_leads(page.image)

    assert abs(leads.rotation_deg) > 0.3
    assert np.median(list(_pearson(leads, _signals(7)).values())) > 0.95
    rhythm, truth = leads.rhythm[0], page.leads[-1].path
    read = np.isfinite(rhythm.path[:, 1])
    off = np.abs(rhythm.path[read, 1] - np.interp(rhythm.path[read, 0], truth[:, 0], truth[:, 1]))
    assert np.median(off) < 0.2 * leads.px_per_mm


@pytest.mark.parametrize("turn_deg", [-12.0, 6.0])
def test_a_turned_page_is_read_and_says_by_how_much(turn_deg: float) -> None:
    page = render_page(_signals(8), size=(1400, 995), grid="pink", seed=8).image
    height, width = page.shape[:2]
    # OpenCV counts angles against the clock.
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -turn_deg, 0.85)
    leads = read_leads(cv2.warpAffine(page, turn, (width, height), borderValue=(255, 255, 255)).astype(np.uint8))

    assert leads.rotation_deg == pytest.approx(turn_deg, abs=0.4)
    assert leads.layout == "4x2.5"
    assert np.median(list(_pearson(leads, _signals(8)).values())) > 0.95


def test_a_rhythm_strip_is_named_by_the_lead_it_shows() -> None:
    signals = _signals(3)
    other = dict(signals)
    page = render_page(signals, size=SMALL, grid="pink", seed=3)
    strip = page.leads[-1]
    # The strip of a page on which II is V1, pasted into a page on which it is not.
    other["II"] = signals["V1"]
    pasted = page.image.copy()
    rows = slice(strip.box.y, strip.box.y + strip.box.height)
    pasted[rows] = render_page(other, size=SMALL, grid="pink", seed=3).image[rows]
    leads = read_leads(pasted)

    assert [lead.name for lead in leads.rhythm] == ["V1"]
    assert "rhythm_lead_by_trace" in leads.warnings


def test_leads_that_cannot_be_one_hearts_are_refused() -> None:
    mixed = {name: synthetic_signals(number)["V2"] for number, name in enumerate(LEADS)}

    with pytest.raises(LeadsUnreadable) as refusal:
        read_leads(render_page(mixed, size=SMALL, grid="pink").image)
    assert refusal.value.code == "traces_unclear"


def _without_strips(count: int) -> np.ndarray:
    page = render_page(_signals(1), size=SMALL, grid="pink", seed=1)
    image = page.image.copy()
    for strip in {lead.box.y: lead.box for lead in page.leads}.values():
        if count > 0:
            image[strip.y : strip.y + strip.height] = 255
            count -= 1
    return image


@pytest.mark.parametrize("gone", [2, 3, 4])
def test_a_page_with_too_few_strips_is_refused_with_a_sentence(gone: int) -> None:
    with pytest.raises(LeadsUnreadable) as refusal:
        read_leads(_without_strips(gone))

    assert refusal.value.code in {"no_traces", "layout_unknown", "scale_unknown"}
    assert refusal.value.message.endswith(".")


@pytest.mark.parametrize("page", [np.full((700, 1000, 3), 255, np.uint8), np.zeros((300, 200, 3), np.uint8)])
def test_a_page_without_ink_is_refused(page: np.ndarray) -> None:
    with pytest.raises(LeadsUnreadable):
        read_leads(page)


def test_the_same_page_gives_the_same_answer() -> None:
    page = render_page(_signals(1), size=SMALL, seed=1).image
    first, again = read_leads(page), read_leads(page.copy())

    for one, other in zip(first.all, again.all, strict=True):
        np.testing.assert_array_equal(one.signal_mv, other.signal_mv)


def test_a_page_that_was_cut_off_is_called_so() -> None:
    page = render_page(_signals(3), seed=3).image
    with pytest.raises(LeadsUnreadable) as refused:
        read_leads(np.ascontiguousarray(page[:, : round(0.62 * page.shape[1])]))
    assert refused.value.code == "cut_off"
