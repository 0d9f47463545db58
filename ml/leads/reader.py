"""Read the twelve leads off a page: the one way in is `read_leads`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.leads.centre import Centres, centre_traces
from ml.leads.consistency import limb_agreement, rhythm_lead_of
from ml.leads.ink import Grey, Ink, faint_of, grid_level, ink_of
from ml.leads.labels import Label, Letters, Place, find_labels, free_letters, letters_beside, mask_of
from ml.leads.lattice import SURE, Wave, find_grid
from ml.leads.layouts import LAYOUTS, Layout, Slot
from ml.leads.signals import Lead, Leads, LeadsUnreadable, ScaleSource
from ml.leads.strips import Line, Strips, find_strips, separator_lines, without_lines
from ml.leads.tracing import find_ways
from ml.page import Crop, find_ecg, halve

if TYPE_CHECKING:
    from ml.decode import Page
    from ml.page import EcgRegion

MM_PER_S: Final = 25.0
_WORKING_WIDTH: Final = 900
_SAME_PERIOD: Final = 0.2
# How far the scale along the traces may be from that of the grid, and still be the better one.
_RULER: Final = 0.04
_FEW_GAPS: Final = 0.96
_FAINTER: Final = 0.55
_ABOVE_GRID: Final = 1.25
_LEAST_QUALITY: Final = 0.8
# A strip that runs along another's trace for so much of its length is none.
_DOUBLE: Final = 0.2
_CLOSE_MM: Final = 14.0
# Correlation of a limb lead with what the others say it should be. Pages that were read well have 0.95 and more in the
# median; below the first, neither equation holds and the strips were taken for others or lost.
_LEAST_AGREEMENT: Final = 0.45
_DOUBTFUL_AGREEMENT: Final = 0.4
_SURE_AGREEMENT: Final = 0.7
# Both correlations together.
_BETTER_AGREEMENT: Final = 0.5
_ROUGH_WIDTH_MM: Final = 266.0
_COUNTS: Final = frozenset(layout.strips for layout in LAYOUTS.values())
# What one period of the found lattice may be: a large square, half of one as overtones show it, a millimetre, and the
# half millimetre between dots.
_PERIODS_MM: Final = (5.0, 2.5, 5 / 3, 1.0, 0.5)


@dataclass(frozen=True)
class _Scale:
    px_per_mm: float
    source: ScaleSource


def read_leads(page: Page, region: EcgRegion | None = None) -> Leads:
    """Read the twelve leads off an ECG page.

    Args:
        page: RGB, (H, W, 3) uint8, at any scale from about 2 pixels a millimetre.
        region: `ml.page.find_ecg(page)`, where the caller has it already.

    Raises:
        LeadsUnreadable: the traces cannot be found, told apart or scaled; the code says which.
    """
    region = region or find_ecg(page)
    try:
        return _read_region(page, region)
    except LeadsUnreadable as refusal:
        if refusal.code in _MAY_BE_CUT and _touches_side(region, page):
            raise LeadsUnreadable(
                "cut_off",
                "The traces seem to run on beyond the picture's edge, and what is left fits no arrangement of leads. "
                "Please scan the whole page.",
            ) from refusal
        raise


# What the rest of a page that was cut off looks like.
_MAY_BE_CUT: Final = frozenset({"layout_unknown", "scale_unknown", "traces_unclear"})


def _touches_side(region: EcgRegion, page: Page) -> bool:
    """Whether grid or traces run to the left or the right edge of the picture; to both run those of a photograph whose
    sheet was not found."""
    width, crop = page.shape[1], region.crop
    slack = round(0.004 * width)
    return bool((crop.x <= slack) != (crop.x + crop.width >= width - slack))


def _read_region(page: Page, region: EcgRegion) -> Leads:
    crop = _with_margin(region, page)
    sheet = np.ascontiguousarray(crop.of(page))
    ink = ink_of(sheet)
    wave, to_flat = find_grid(faint_of(sheet), ink.strokes)
    if to_flat is None or wave is None:
        return _read_upright(ink, wave, crop)
    return _read_flattened(page, crop, wave, to_flat)


def _read_flattened(page: Page, crop: Crop, wave: Wave, to_flat: NDArray[np.float64]) -> Leads:
    """Lay the page flat and upright, read it, and take the paths back to the page."""
    origin = np.array([[1, 0, -crop.x], [0, 1, -crop.y], [0, 0, 1.0]])
    corners = np.array([[0, 0, 1], [crop.width, 0, 1], [0, crop.height, 1], [crop.width, crop.height, 1.0]])
    seen = corners @ to_flat.T
    seen = seen[:, :2] / seen[:, 2:]
    least, most = seen.min(axis=0), seen.max(axis=0)
    if np.any(most - least > 2.5 * max(crop.width, crop.height)):
        raise LeadsUnreadable(
            "too_distorted", "The page is seen too steeply. Please photograph it from straight above, or scan it."
        )
    shift = np.array([[1, 0, -least[0]], [0, 1, -least[1]], [0, 0, 1.0]])
    homography = shift @ to_flat @ origin
    size = (int(np.ceil(most[0] - least[0])), int(np.ceil(most[1] - least[1])))
    warped = cv2.warpPerspective(page, homography, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    flat: Page = np.asarray(warped, dtype=np.uint8)
    inside = _with_margin(find_ecg(flat), flat)
    sheet = np.ascontiguousarray(inside.of(flat))
    ink = ink_of(sheet)
    upright, _ = find_grid(faint_of(sheet), ink.strokes, near=wave.upright())
    leads = _read_upright(ink, upright, inside)
    back = np.linalg.inv(homography)

    def on_page(lead: Lead) -> Lead:
        x, y = lead.path.T.astype(np.float64)
        read = np.isfinite(y)
        # A gap has a place on the page too, but no height.
        level = np.interp(x, x[read], y[read]) if read.any() else np.zeros_like(x)
        points = np.column_stack([x, level, np.ones(len(x))]) @ back.T
        path = points[:, :2] / points[:, 2:]
        path[~read, 1] = np.nan
        return replace(lead, path=path.astype(np.float32))

    return replace(
        leads,
        rotation_deg=wave.turn_deg,
        leads={name: on_page(lead) for name, lead in leads.leads.items()},
        rhythm=tuple(on_page(lead) for lead in leads.rhythm),
    )


def _with_margin(region: EcgRegion, page: Page) -> Crop:
    """The grid with a little of its surroundings: pulses may stand on its edge, tall complexes may leave it."""
    crop = region.crop
    height, width = page.shape[:2]
    across, down = round(0.03 * crop.width), round(0.012 * crop.height)
    left, top = max(crop.x - across, 0), max(crop.y - down, 0)
    right, bottom = min(crop.x + crop.width + across, width), min(crop.y + crop.height + down, height)
    return Crop(left, top, right - left, bottom - top)


def _read_upright(ink: Ink, wave: Wave | None, crop: Crop) -> Leads:
    """Read a flat page, and refuse what cannot be one heart's leads."""
    leads = _best_reading(ink, wave, crop)
    agreement = limb_agreement(leads.leads)
    if max(agreement) < _LEAST_AGREEMENT or _mean_quality(leads) < _LEAST_QUALITY + 0.15 * (min(agreement) < 0.2):
        raise LeadsUnreadable(
            "traces_unclear",
            "The traces cannot be told from the paper. Please scan the page, or photograph it flat and evenly lit.",
        )
    rhythm = tuple(rhythm_lead_of(strip, leads.leads) for strip in leads.rhythm)
    warnings = []
    if min(agreement) < _DOUBTFUL_AGREEMENT:
        warnings.append("limb_leads_disagree")
    if [strip.name for strip in rhythm] != [strip.name for strip in leads.rhythm]:
        warnings.append("rhythm_lead_by_trace")
    return replace(leads, rhythm=rhythm, warnings=tuple(warnings))


def _best_reading(ink: Ink, wave: Wave | None, crop: Crop) -> Leads:
    """The first reading; another with an eye for fainter ink where it left gaps, or by another layout where the limb
    leads say that it took leads for others."""
    above_grid = _ABOVE_GRID * grid_level(ink.darkness) + 6
    ink = replace(ink, edge=min(max(ink.edge, above_grid), 0.8 * ink.full))
    leads = _read_at_edge(ink, wave, crop)
    fainter = max(_FAINTER * ink.edge, above_grid)
    if _mean_quality(leads) < _FEW_GAPS and fainter < 0.9 * ink.edge:
        try:
            again = _read_at_edge(replace(ink, edge=fainter), wave, crop)
        except LeadsUnreadable:
            again = leads
        # With fainter ink the frame may pass for one strip more.
        if again.layout == leads.layout and _mean_quality(again) > _mean_quality(leads) + 0.01:
            leads = again
    rivals = [name for name, layout in LAYOUTS.items() if layout.strips == LAYOUTS[leads.layout].strips]
    if len(rivals) > 1 and min(limb_agreement(leads.leads)) < _SURE_AGREEMENT:
        try:
            other = _read_at_edge(ink, wave, crop, without=leads.layout)
        except LeadsUnreadable:
            other = leads
        if sum(limb_agreement(other.leads)) > sum(limb_agreement(leads.leads)) + _BETTER_AGREEMENT:
            leads = other
    return leads


def _mean_quality(leads: Leads) -> float:
    return float(np.mean([lead.quality for lead in leads.all]))


def _read_at_edge(ink: Ink, wave: Wave | None, crop: Crop, without: str | None = None) -> Leads:
    small = halve(ink.darkness, _WORKING_WIDTH)
    factor = round(ink.darkness.shape[1] / small.shape[1])
    rough_mm = small.shape[1] / _ROUGH_WIDTH_MM
    strokes = _without_specks(small >= ink.edge)
    lines = separator_lines(strokes, rough_mm)
    cleaned = without_lines(small, lines, 2.0)
    strips = find_strips(_without_specks(cleaned >= ink.edge), rough_mm, _COUNTS)
    if strips is not None:
        strips = _without_doubles(cleaned, ink.full, strips, rough_mm)
    if strips is None:
        raise LeadsUnreadable(
            "no_traces", "No traces were found on this page. Please scan the whole page, upright and evenly lit."
        )
    letters = free_letters(_without_specks(cleaned >= ink.edge), rough_mm)
    layout, lines = _layout(strips, letters, lines, rough_mm, without)
    cleaned = without_lines(small, lines, 2.0)
    scale = _scale(strips, layout, wave, factor)
    begin, per_second = _time_axis(strips, layout, lines, scale.px_per_mm / factor)
    places = _places(layout, strips, begin, per_second)
    labels = find_labels(letters, places, scale.px_per_mm / factor)
    ways = _ways(cleaned, ink.full, strips, scale.px_per_mm / factor, places, labels)
    darkness = without_lines(ink.darkness, [line.enlarged(factor) for line in lines], 1.5 * factor)
    centres = centre_traces(
        darkness,
        ink.edge,
        ink.full,
        _enlarged(ways, factor, darkness.shape[1]),
        scale.px_per_mm,
        [(row + 0.5) * factor - 0.5 for row in strips.baselines],
        [label.scaled(factor) for label in labels],
    )
    return _assemble(layout, strips, scale, centres, begin * factor, per_second * factor, factor, crop)


def _without_doubles(darkness: Grey, full: float, strips: Strips, rough_mm: float) -> Strips | None:
    """Without strips that have no trace of their own: what follows another's was a line of print or of the grid."""
    if len(strips.baselines) in _COUNTS and min(np.diff(strips.baselines)) > _CLOSE_MM * rough_mm:
        return strips
    left, right = max(round(strips.left), 0), min(round(strips.right), darkness.shape[1])
    ink = np.minimum(darkness[:, left:right].astype(np.float32) / (0.6 * full), 1.0)
    ways = find_ways(ink, np.array(strips.baselines), rough_mm)
    rows = (ways.enter + ways.leave) / 2
    away = np.abs(rows - np.array(strips.baselines)[:, None]).mean(axis=1)
    inked = np.take_along_axis(ink, np.clip(np.round(rows), 0, len(ink) - 1).astype(int), axis=0).mean(axis=1)
    keep = [strip for strip in range(len(rows)) if inked[strip] > 0.6]
    for strip in sorted(keep, key=lambda strip: -away[strip]):
        others = [other for other in keep if other != strip]
        if any(float((np.abs(rows[strip] - rows[other]) < 2 * strips.pen).mean()) > _DOUBLE for other in others):
            keep.remove(strip)
    if len(keep) < 3:
        return None
    return replace(
        strips,
        baselines=tuple(strips.baselines[strip] for strip in keep),
        pulses=tuple(strips.pulses[strip] for strip in keep),
    )


def _without_specks(strokes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without the dots that a dark grid and JPEG leave."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(strokes.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] > 4
    keep[0] = False
    return np.asarray(keep[labels], dtype=np.bool_)


def _layout(
    strips: Strips, letters: Letters, lines: list[Line], rough_mm: float, without: str | None
) -> tuple[Layout, list[Line]]:
    """The layout that the page shows, and those of the upright lines that separate its leads.

    Where layouts have the same number of strips, separators and free letters at the places that only one of them
    expects decide.
    """
    fitting = [
        layout for layout in LAYOUTS.values() if layout.strips == len(strips.baselines) and layout.name != without
    ]
    if without is not None:
        ruled_out = LAYOUTS[without]
        _, separators = _evidence(ruled_out, strips, letters, lines, rough_mm)
        if separators and len(separators) == ruled_out.columns - 1:
            # Printed separators say more than two correlations.
            fitting = []
    if not fitting:
        raise LeadsUnreadable(
            "layout_unknown",
            f"{len(strips.baselines)} strips of traces were found, which fits no known layout. "
            "Please scan the whole page, upright and evenly lit.",
        )
    judged = [(*_evidence(layout, strips, letters, lines, rough_mm), -index) for index, layout in enumerate(fitting)]
    best = max(judged, key=lambda entry: (entry[0], entry[2]))
    return fitting[-best[2]], best[1]


def _evidence(
    layout: Layout, strips: Strips, letters: Letters, lines: list[Line], rough_mm: float
) -> tuple[float, list[Line]]:
    """How much speaks for a layout, and the upright lines at its boundaries."""
    width = strips.right - strips.left
    expected = [strips.left + width * column / layout.columns for column in range(1, layout.columns)]
    separators = []
    for place in expected:
        near = [line for line in lines if abs(line[0] - place) < 2.5 * rough_mm]
        if near:
            separators.append(min(near, key=lambda line: abs(line[0] - place)))
    per_second = width / layout.duration_s
    inner = [place for place in _places(layout, strips, strips.left, per_second) if place.left > strips.left + 1]
    lettered = sum(bool(letters_beside(letters, [place], rough_mm)) for place in inner)
    if not expected:
        return 0.0, []
    return 2 * len(separators) / len(expected) + lettered / len(inner), separators


def _scale(strips: Strips, layout: Layout, wave: Wave | None, factor: int) -> _Scale:
    by_layout = (strips.right - strips.left) / (layout.duration_s * MM_PER_S) * factor
    if wave is not None:
        best = min((wave.pitch / period for period in _PERIODS_MM), key=lambda scale: abs(np.log(scale / by_layout)))
        # The ends of the traces may be missed, but not by so much that one period could be taken for another.
        if abs(np.log(best / by_layout)) < _SAME_PERIOD:
            return _Scale(best, "grid")
        if wave.prominence >= SURE:
            raise LeadsUnreadable(
                "scale_unknown",
                "The grid and the length of the traces do not fit together at 25 mm/s. Please scan the whole page.",
            )
    heights = [pulse.height * factor for pulse in strips.pulses if pulse is not None]
    if heights:
        by_pulse = float(np.median(heights)) / 10
        if abs(np.log(by_pulse / by_layout)) < 0.1:
            return _Scale(by_pulse, "pulse")
    return _Scale(by_layout, "layout")


def _time_axis(strips: Strips, layout: Layout, lines: list[Line], px_per_mm: float) -> tuple[float, float]:
    """Column of time 0 and columns per second, at working size."""
    by_paper = px_per_mm * MM_PER_S
    by_layout = (strips.right - strips.left) / layout.duration_s
    begin = strips.left
    if len(lines) == layout.columns - 1 and lines:
        # Separators stand exactly between two leads; the first and last column may begin or end with a gap.
        columns = np.arange(1, layout.columns)
        if len(lines) > 1:
            spacing, offset = np.polyfit(columns, [line[0] for line in lines], 1)
            if abs(spacing / layout.column_s / by_paper - 1) < _RULER:
                return float(offset), float(spacing / layout.column_s)
        else:
            spacing = lines[0][0] - begin
            if abs(spacing / layout.column_s / by_paper - 1) < _RULER:
                return begin, float(spacing / layout.column_s)
    # The machine's own width is the better ruler where it agrees with the paper: grids are drawn in whole pixels.
    if abs(by_layout / by_paper - 1) < _RULER:
        return begin, by_layout
    return begin, by_paper


def _places(layout: Layout, strips: Strips, begin: float, per_second: float) -> list[Place]:
    """Where each lead begins. Names are printed relative to the pulse's foot, or to the resting line without one."""
    places = []
    for slot in layout.slots():
        pulse = strips.pulses[slot.strip]
        row = pulse.foot if pulse is not None else strips.baselines[slot.strip]
        places.append(Place(slot.lead, slot.strip, begin + slot.start_s * per_second, row))
    return places


def _ways(
    darkness: Grey, full: float, strips: Strips, px_per_mm: float, places: list[Place], labels: list[Label]
) -> NDArray[np.float64]:
    left, right = max(round(strips.left), 0), min(round(strips.right), darkness.shape[1])
    # Thin upright strokes turn grey in a small scan; they are ink all the same.
    ink = np.minimum(darkness.astype(np.float32) / (0.6 * full), 1.0)
    letters = mask_of(labels, (darkness.shape[0], darkness.shape[1]), 0.5)
    breaks = [
        [round(place.left) - left for place in places if place.strip == strip and 2 < place.left - left < right - left]
        for strip in range(len(strips.baselines))
    ]
    ways = find_ways(ink[:, left:right], np.array(strips.baselines), px_per_mm, breaks, letters[:, left:right])
    rows = np.full((len(strips.baselines), darkness.shape[1]), np.nan)
    rows[:, left:right] = (ways.enter + ways.leave) / 2
    # Where another lead begins, entering belongs to the lead before.
    for strip, columns in enumerate(breaks):
        for column in columns:
            rows[strip, left + column] = ways.leave[strip, column]
    rows[:, :left], rows[:, right:] = rows[:, left : left + 1], rows[:, right - 1 : right]
    return rows


def _enlarged(ways: NDArray[np.float64], factor: int, width: int) -> NDArray[np.float64]:
    if factor == 1:
        return ways
    at = np.clip((np.arange(width) + 0.5) / factor - 0.5, 0, ways.shape[1] - 1)
    columns = np.arange(ways.shape[1])
    return np.stack([(np.interp(at, columns, way) + 0.5) * factor - 0.5 for way in ways])


def _assemble(
    layout: Layout,
    strips: Strips,
    scale: _Scale,
    centres: Centres,
    begin: float,
    per_second: float,
    factor: int,
    crop: Crop,
) -> Leads:
    gain = 10.0
    leads: dict[str, Lead] = {}
    rhythm: list[Lead] = []
    for slot in layout.slots():
        lead = _lead(slot, strips, scale, centres, begin, per_second, factor, crop, gain)
        if slot.rhythm:
            rhythm.append(lead)
        else:
            leads[slot.lead] = lead
    return Leads(layout.name, scale.px_per_mm, scale.source, 0.0, gain, leads, tuple(rhythm))


def _lead(
    slot: Slot,
    strips: Strips,
    scale: _Scale,
    centres: Centres,
    begin: float,
    per_second: float,
    factor: int,
    crop: Crop,
    gain: float,
) -> Lead:
    first = round(begin + slot.start_s * per_second)
    last = min(round(begin + (slot.start_s + slot.duration_s) * per_second), centres.rows.shape[1])
    rows = centres.rows[slot.strip, first:last]
    pulse = strips.pulses[slot.strip]
    if pulse is not None:
        zero = (pulse.foot + 0.5) * factor - 0.5 - (centres.pen - 1) / 2
    else:
        strip = centres.rows[slot.strip]
        zero = float(np.nanmedian(strip)) if np.isfinite(strip).any() else 0.0
    signal = (zero - rows) / (scale.px_per_mm * gain)
    path = np.stack([np.arange(first, last) + crop.x, rows + crop.y], axis=1)
    read = float(np.isfinite(rows).mean()) if len(rows) else 0.0
    shared = float(centres.shared[slot.strip, first:last].mean()) if len(rows) else 0.0
    return Lead(
        name=slot.lead,
        rhythm=slot.rhythm,
        start_s=(first - begin) / per_second,
        sampling_rate_hz=per_second,
        signal_mv=signal.astype(np.float32),
        quality=round(max(read - 0.5 * shared, 0.0), 3),
        path=path.astype(np.float32),
    )
