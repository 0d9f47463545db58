"""Rendered pages carry a known truth: what is drawn is what was asked for, where the page says it is."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ml.commands import render as render_command
from ml.degradation import degrade
from ml.leads.layouts import LEADS
from ml.render import GRIDS, LAYOUTS, MARK, GridName, LayoutName, LeadBox, RenderedPage, render_page
from ml.synthetic import FINDINGS, Rhythm, synthetic_signals, twelve_leads

DARK = 90


def trace_mv(page: RenderedPage, lead: LeadBox, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Read the ink back: the middle of the dark run in each column, in mV."""
    left = lead.box.x
    per_second = lead.box.width / lead.duration_s
    gray = page.image.mean(axis=2)[lead.box.y : lead.box.y + lead.box.height]
    values = []
    for moment in at_s:
        rows = np.flatnonzero(gray[:, round(left + moment * per_second)] < DARK)
        values.append(rows.mean() if len(rows) else np.nan)
    return (lead.baseline_y - (lead.box.y + np.array(values))) / page.pixels_per_mm / 10


def r_peaks_s(signal: NDArray[np.float64], sampling_hz: int) -> NDArray[np.float64]:
    high = signal > 0.6 * signal.max()
    rises = np.flatnonzero(high[1:] & ~high[:-1])
    return rises / sampling_hz


def test_the_leads_of_one_heart_obey_einthoven_and_goldberger() -> None:
    signals = synthetic_signals(3)

    assert tuple(signals) == LEADS
    np.testing.assert_allclose(signals["III"], signals["II"] - signals["I"])
    np.testing.assert_allclose(signals["aVR"] + signals["aVL"] + signals["aVF"], 0, atol=1e-12)


def test_the_same_seed_gives_the_same_page_and_another_seed_another() -> None:
    first, again, other = (render_page(synthetic_signals(seed), seed=seed) for seed in (7, 7, 8))

    np.testing.assert_array_equal(first.image, again.image)
    assert (first.image != other.image).any()


@pytest.mark.parametrize("heart_rate_bpm", [45.0, 72.0, 130.0])
def test_the_heart_beats_as_fast_as_asked(heart_rate_bpm: float) -> None:
    peaks = r_peaks_s(synthetic_signals(1, heart_rate_bpm=heart_rate_bpm, noise_mv=0)["II"], 500)

    assert 60 / np.diff(peaks).mean() == pytest.approx(heart_rate_bpm, rel=0.04)


def test_an_irregular_rhythm_varies_more_than_breathing_explains() -> None:
    def variation(rhythm: Rhythm) -> float:
        signal = synthetic_signals(5, rhythm=rhythm, noise_mv=0)["V5"]
        rr_s = np.diff(r_peaks_s(signal, 500))
        return float(rr_s.std() / rr_s.mean())

    assert variation("regular") < 0.06
    assert variation("irregular") > 0.12


def test_an_anterior_infarct_lifts_st_in_v2_and_v3_and_hardly_in_ii() -> None:
    plain = synthetic_signals(2, noise_mv=0)
    infarct = synthetic_signals(2, noise_mv=0, findings=["anterior_st_elevation"])
    lift = {lead: float((infarct[lead] - plain[lead]).max()) for lead in LEADS}

    assert lift["V2"] > 0.25
    assert lift["V3"] > 0.25
    assert abs(lift["II"]) < 0.1


@pytest.mark.parametrize("finding", sorted(FINDINGS))
def test_every_finding_changes_the_signals(finding: str) -> None:
    assert not np.allclose(synthetic_signals(4)["V3"], synthetic_signals(4, findings=[finding])["V3"], atol=0.02)


def test_what_the_model_cannot_make_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown findings: gout"):
        synthetic_signals(1, findings=["gout"])
    with pytest.raises(ValueError, match="between 30 and 220"):
        synthetic_signals(1, heart_rate_bpm=5)
    with pytest.raises(ValueError, match="signals lack V6"):
        render_page({lead: np.zeros(5000) for lead in LEADS if lead != "V6"})


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("size", [(2213, 1572), (996, 707)])
def test_the_drawn_trace_reads_back_as_the_signal(layout: LayoutName, size: tuple[int, int]) -> None:
    signals = synthetic_signals(11, noise_mv=0)
    page = render_page(signals, layout=layout, size=size, grid="pink", seed=11)
    # Away from label, separator and the steep QRS, where a column of ink has one clear middle.
    lead = page.leads[-1]
    moments = np.linspace(0.6, lead.duration_s - 0.1, 200)
    truth = signals[lead.lead][np.round((lead.start_s + moments) * 500).astype(int)]
    steep = np.abs(np.gradient(signals[lead.lead], 1 / 500))[np.round((lead.start_s + moments) * 500).astype(int)]
    read = trace_mv(page, lead, moments)
    calm = (steep < 2.0) & ~np.isnan(read)

    assert page.image.shape == (size[1], size[0], 3)
    assert calm.sum() > 100
    assert np.median(np.abs(read[calm] - truth[calm])) < 0.02


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("grid", sorted(set(GRIDS) - {"none"}))
def test_the_crop_holds_the_grid_and_nothing_of_frame_header_or_footer(layout: LayoutName, grid: GridName) -> None:
    flat = {lead: np.full(5000, 0.0) for lead in LEADS}
    page = render_page(flat, layout=layout, grid=grid, header=("NAME",) * 6)
    crop = page.crop
    outside = page.image.astype(int).copy()
    outside[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width] = 255
    inside = page.image[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width].mean(axis=2)

    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    assert (border < 235).mean() < 0.6, "a frame line would darken a whole border"
    frame = outside[crop.y + crop.height // 2, crop.x - 4 : crop.x]
    assert frame.min() < 200, "the frame is just outside the crop"
    assert all(crop.x <= lead.box.x and lead.box.x + lead.box.width <= crop.x + crop.width for lead in page.leads)


def test_a_page_says_that_it_shows_no_patient_outside_its_grid() -> None:
    page = render_page(synthetic_signals(1), grid="grey")
    red = (page.image[..., 0].astype(int) - page.image[..., 1] > 120).nonzero()

    assert "SYNTHETIC" in MARK
    assert len(red[0]) > 500
    assert red[0].max() < page.crop.y


@pytest.mark.parametrize("seed", range(4))
def test_a_photographed_page_keeps_its_size_and_knows_where_its_grid_went(seed: int) -> None:
    page = render_page(synthetic_signals(1), grid="pink")
    photo = degrade(page, seed, strength=1.5)

    assert photo.image.shape == page.image.shape
    assert (photo.image != page.image).any()
    unwarped = cv2.warpPerspective(photo.image, np.linalg.inv(photo.transform), page.image.shape[1::-1])
    y, x, height, width = page.crop.y, page.crop.x, page.crop.height, page.crop.width
    before = page.image[y : y + height, x : x + width].mean(axis=2)
    after = unwarped[y : y + height, x : x + width].mean(axis=2)
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.8
    assert photo.crop.width * photo.crop.height > 0.8 * width * height


def test_no_strength_leaves_the_page_alone() -> None:
    page = render_page(synthetic_signals(1))

    assert degrade(page, 1, strength=0) is page


def test_the_render_command_writes_a_small_picture(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    render_command.configure(parser)
    target = tmp_path / "new" / "page.png"

    assert render_command.run(parser.parse_args(["--seed", "7", "--out", str(target)])) == 0
    picture = cv2.imread(str(target))
    assert picture is not None
    assert picture.shape == (1572, 2213, 3)
    assert target.stat().st_size < 400_000


@pytest.mark.parametrize("strength", [0.0, 1.5])
def test_the_true_path_lies_on_the_ink(strength: float) -> None:
    page = degrade(render_page(synthetic_signals(11), grid="pink", texture=2, seed=11), 5, strength=strength)
    for lead in page.leads:
        x, y = np.round(lead.path[40:-40]).astype(int).T
        inked = page.image[y, x].max(axis=1) < 130
        assert inked.mean() > 0.97, lead.lead


def test_recorded_signals_are_drawn_like_made_up_ones() -> None:
    eight = np.random.default_rng(0).normal(0, 0.2, (8, 1000)).cumsum(axis=1) / 20
    signals = twelve_leads(eight)
    page = render_page(signals, sampling_hz=100, layout="12x1", seed=1)

    np.testing.assert_allclose(signals["I"] + signals["III"], signals["II"])
    assert [lead.lead for lead in page.leads] == list(LEADS)
    for lead in page.leads:
        heights = (lead.baseline_y - lead.path[:, 1]) / page.pixels_per_mm / 10
        np.testing.assert_allclose(heights, signals[lead.lead], atol=1e-6)


def test_paper_has_texture_where_asked_and_the_drawing_stays_the_same() -> None:
    plain, rough = (render_page(synthetic_signals(1), grid="none", texture=texture, seed=1) for texture in (0, 3))
    corner = (slice(0, 40), slice(0, 400))

    assert plain.image[corner].std() == 0
    assert 1.5 < rough.image[corner].std() < 6
    np.testing.assert_array_equal(plain.leads[0].path, rough.leads[0].path)


def test_pulses_can_be_left_out() -> None:
    with_pulses, without = (render_page(synthetic_signals(1), pulses=pulses, grid="none") for pulses in (True, False))
    beside = (slice(with_pulses.crop.y, with_pulses.crop.y + with_pulses.crop.height), slice(80, 140))

    assert (with_pulses.image[beside] < 90).any()
    assert not (without.image[beside] < 90).any()
