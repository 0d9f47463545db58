"""Draw signals as the page an electrocardiograph would print.

The measures follow a common report page at 200 dots per inch: 2213 × 1572 pixels, 25 mm/s, 10 mm/mV, a frame round a
light grid, header and footer outside it. Every rendered page says in its header what it is: one that shows no patient,
or one drawn from a recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.leads.layouts import LAYOUTS, Layout, Slot
from ml.page import Crop

if TYPE_CHECKING:
    from ml.synthetic import Signals

Image: TypeAlias = NDArray[np.uint8]
LayoutName: TypeAlias = str
GridName: TypeAlias = Literal["dotted", "pink", "grey", "squares", "none"]
Colour: TypeAlias = tuple[int, int, int]

FULL_SIZE = (2213, 1572)
PIXELS_PER_MM = 200 / 25.4
PIXELS_PER_SECOND = 25 * PIXELS_PER_MM
PIXELS_PER_MV = 10 * PIXELS_PER_MM
MARK = "SYNTHETIC - not a patient"

# Pixels of a full-size page. The grid ends where the printer's own margin begins.
_FRAME_LEFT, _FRAME_RIGHT, _FRAME_BOTTOM = 69, 2174, 1516
_FRAME_WIDTH = 4
_HEADER_LINES = (92, 125, 170, 203, 236, 269)
_RULES = (137, 144)
_PULSE_LEFT = 96
_TRACE_LEFT = 152
_INK: Colour = (10, 10, 12)
_MARK_RED: Colour = (176, 0, 32)
_HERSHEY_CAPITAL = 21  # units of height at scale 1
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class _Form:
    """How the machine prints a layout: upper edge of the frame in pixels of a full-size page, and its name for it."""

    frame_top: int
    label: str


_FORMS: Final[dict[str, _Form]] = {
    "4x2.5": _Form(285, "4*2.5s+1r"),
    "4x2.5-plain": _Form(285, "4*2.5s"),
    "4x2.5-2r": _Form(285, "4*2.5s+2r"),
    "4x2.5-3r": _Form(285, "4*2.5s+3r"),
    "2x5": _Form(403, "2*5s"),
    "2x5-1r": _Form(285, "2*5s+1r"),
    "12x1": _Form(285, "12*1"),
}


@dataclass(frozen=True)
class Grid:
    """How the millimetre paper is printed: in which colours (RGB), as lines or, with a halftone, as dots.

    ``None`` leaves out the lines of every millimetre, of every fifth, or the frame.
    """

    minor: Colour | None
    major: Colour | None
    frame: Colour | None
    halftone: Colour | None = None


GRIDS: dict[GridName, Grid] = {
    "dotted": Grid((178, 40, 60), (140, 40, 52), frame=(240, 165, 172), halftone=(246, 124, 138)),
    "pink": Grid(minor=(253, 230, 230), major=(246, 190, 192), frame=(240, 165, 172)),
    "grey": Grid(minor=(238, 238, 238), major=(208, 208, 208), frame=(170, 170, 170)),
    "squares": Grid(minor=None, major=(236, 160, 160), frame=(240, 165, 172)),
    "none": Grid(minor=None, major=None, frame=None),
}


class LeadBox(NamedTuple):
    """Where one lead stands on the page.

    Attributes:
        lead: its name.
        box: the row and column it was given; a tall complex may leave it.
        start_s: time in the recording at the left edge of ``box``.
        duration_s: seconds between the left and the right edge.
        baseline_y: page row of 0 mV.
        path: the middle of the pen's stroke in page pixels, (N, 2) float64 of x and y, one point a sample drawn.
    """

    lead: str
    box: Crop
    start_s: float
    duration_s: float
    baseline_y: float
    path: NDArray[np.float64]


@dataclass(frozen=True)
class RenderedPage:
    """A page with its truth.

    Attributes:
        image: RGB, shape (height, width, 3).
        crop: inside of the grid's frame, in page pixels.
        leads: one box per printed lead; the rhythm strip comes last.
        pixels_per_mm: scale of the paper on the page.
        transform: 3 × 3 homography from the flat page to this one; the identity until the page is degraded.
    """

    image: Image
    crop: Crop
    leads: tuple[LeadBox, ...]
    pixels_per_mm: float
    transform: NDArray[np.float64]


def render_page(
    signals: Signals,
    *,
    sampling_hz: int = 500,
    layout: LayoutName = "4x2.5",
    size: tuple[int, int] = FULL_SIZE,
    grid: GridName = "dotted",
    title: str = "ECG REPORT",
    header: tuple[str, ...] = (),
    footer: str | None = None,
    texture: float = 0.0,
    pulses: bool = True,
    mark: str = MARK,
    seed: int = 0,
) -> RenderedPage:
    """Draw twelve leads on one page.

    Args:
        signals: lead name → mV, ten seconds at ``sampling_hz``, made up or recorded; shorter signals leave the rest of
            the strip empty.
        sampling_hz: samples per second of ``signals``.
        layout: a name from `LAYOUTS`.
        size: width and height of the page in pixels. The width sets the scale; a height other than in proportion
            to it stretches the frame, not the grid.
        grid: a name from `GRIDS`.
        title: centred at the top.
        header: up to six lines left above the frame.
        footer: line below the frame; by default speed, gain, band and layout.
        texture: how uneven the paper is, in grey levels (standard deviation); real paper has 1 to 4.
        pulses: whether calibration pulses stand before the strips.
        mark: what the page says of itself in red.
        seed: small differences between pages: line weight and how the rows are spaced.

    Returns:
        The page and where everything on it is.

    Raises:
        ValueError: if a lead of the layout is missing from ``signals`` or the page is smaller than 300 × 200.
    """
    plan = LAYOUTS[layout]
    missing = [lead for row in plan.rows for lead in row if lead not in signals]
    if missing:
        raise ValueError(f"signals lack {', '.join(missing)}")
    if size[0] < 300 or size[1] < 200:
        raise ValueError("a page needs at least 300 x 200 pixels")
    # Drawn at one width and then scaled, as a scanner does: thin lines come out grey, not broken, at any size.
    scale = size[0] / FULL_SIZE[0]
    sheet = _Sheet(round(size[1] / scale), plan, GRIDS[grid], seed, pulses=pulses)
    sheet.draw_paper()
    sheet.draw_print(title, header, footer, mark)
    leads = sheet.draw_leads(signals, sampling_hz)
    image = _textured(sheet.image, texture, seed) if texture > 0 else sheet.image
    if size != (image.shape[1], image.shape[0]):
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        image = cv2.resize(image, size, interpolation=interpolation).astype(np.uint8, copy=False)
    return RenderedPage(
        image=image,
        crop=_scaled(sheet.inside, scale),
        leads=tuple(
            lead._replace(
                box=_scaled(lead.box, scale),
                baseline_y=lead.baseline_y * scale,
                # Pixels are named by their middle.
                path=(lead.path + 0.5) * scale - 0.5,
            )
            for lead in leads
        ),
        pixels_per_mm=PIXELS_PER_MM * scale,
        transform=np.eye(3),
    )


class _Sheet:
    """One page while it is drawn, `FULL_SIZE` wide."""

    def __init__(self, height: int, plan: Layout, grid: Grid, seed: int, *, pulses: bool) -> None:
        self.plan, self.grid, self.pulses = plan, grid, pulses
        self.form = _FORMS[plan.name]
        self.rng = np.random.default_rng(seed)
        self.image: Image = np.full((height, FULL_SIZE[0], 3), 255, np.uint8)
        # A flatter page pushes the frame up, and the header with it.
        self.stretch = height / FULL_SIZE[1]
        self.top, self.bottom = round(self.form.frame_top * self.stretch), round(_FRAME_BOTTOM * self.stretch)
        margin = _FRAME_WIDTH // 2 + 1
        self.inside = Crop(
            x=_FRAME_LEFT + margin,
            y=self.top + margin,
            width=_FRAME_RIGHT - _FRAME_LEFT + 1 - 2 * margin,
            height=self.bottom - self.top + 1 - 2 * margin,
        )
        self.ink_width = int(self.rng.integers(3, 5))

    def draw_paper(self) -> None:
        """Millimetre grid and frame."""
        paper = self.image[self.top : self.bottom, _FRAME_LEFT:_FRAME_RIGHT]
        rows, columns = (_every(PIXELS_PER_MM, length) for length in paper.shape[:2])
        minor, major, halftone = self.grid.minor, self.grid.major, self.grid.halftone
        if halftone is not None and minor is not None and major is not None:
            # Dots on every millimetre, paler ones half way as print and scan smear them, strong ones on every fifth.
            half_rows, half_columns = (_every(PIXELS_PER_MM / 2, length) for length in paper.shape[:2])
            paper[np.ix_(half_rows, half_columns)] = halftone
            paper[np.ix_(rows, columns)] = minor
            paper[np.ix_(rows[::5], half_columns)] = major
            paper[np.ix_(half_rows, columns[::5])] = major
        else:
            if minor is not None:
                paper[rows] = minor
                paper[:, columns] = minor
            if major is not None:
                for offset in (0, 1):
                    paper[rows[:-1:5] + offset] = major
                    paper[:, columns[:-1:5] + offset] = major
        if self.grid.frame is not None:
            corners = (_FRAME_LEFT, self.top), (_FRAME_RIGHT, self.bottom)
            cv2.rectangle(self.image, *corners, self.grid.frame, _FRAME_WIDTH)

    def draw_print(self, title: str, header: tuple[str, ...], footer: str | None, mark: str) -> None:
        """Everything outside the frame: title, mark, header lines, rule and footer."""
        self._text(title, 1000, 58 * self.stretch, height=34, weight=2)
        self._text(mark, 1480, 58 * self.stretch, height=26, weight=2, colour=_MARK_RED)
        for text, y in zip(header, _HEADER_LINES, strict=False):
            self._text(text, _FRAME_LEFT, y * self.stretch, height=21)
        for y in _RULES:
            self._polyline(np.array([[_FRAME_LEFT, y], [2152, y]]) * [1, self.stretch], 3)
        settings = f"0.67~25Hz  AC50  25mm/s  10mm/mV  {self.form.label}  Isoline"
        self._text(settings if footer is None else footer, _FRAME_LEFT, self.bottom + 38, height=18)

    def draw_leads(self, signals: Signals, sampling_hz: int) -> list[LeadBox]:
        """Traces with calibration pulses, labels and separators; returns where they are."""
        row_height = self.inside.height / self.plan.strips
        bands: list[tuple[float, float]] = []
        for strip in range(self.plan.strips):
            top = self.inside.y + strip * row_height
            bands.append((top, top + row_height * float(self.rng.uniform(0.56, 0.62))))
            if self.pulses:
                self._calibration_pulse(bands[-1][1])
        boxes: list[LeadBox] = []
        for slot in self.plan.slots():
            top, baseline = bands[slot.strip]
            x = _TRACE_LEFT + slot.start_s * PIXELS_PER_SECOND
            width = slot.duration_s * PIXELS_PER_SECOND
            box = Crop(x=round(x), y=round(top), width=round(width), height=round(row_height))
            path = self._trace_path(signals[slot.lead], sampling_hz, slot, x, baseline)
            self._polyline(path, self.ink_width)
            self._text(slot.lead, x + 2, baseline - 5, height=21)
            boxes.append(LeadBox(slot.lead, box, slot.start_s, slot.duration_s, baseline, path))
        self._separators(boxes[: len(self.plan.rows) * self.plan.columns])
        return boxes

    def _trace_path(
        self, signal_mv: NDArray[np.float64], sampling_hz: int, slot: Slot, x: float, baseline: float
    ) -> NDArray[np.float64]:
        first = round(slot.start_s * sampling_hz)
        # One sample beyond the end, so that neighbouring columns meet.
        shown = signal_mv[first : first + round(slot.duration_s * sampling_hz) + 1]
        xs = x + np.arange(len(shown)) / sampling_hz * PIXELS_PER_SECOND
        ys = baseline - shown * PIXELS_PER_MV
        # The machine cuts off what would leave the paper.
        ys = np.clip(ys, self.inside.y + 2, self.inside.y + self.inside.height - 3)
        return np.stack([xs, ys], axis=1)

    def _calibration_pulse(self, baseline: float) -> None:
        """1 mV high, as wide as the machine prints it."""
        top = baseline - PIXELS_PER_MV
        xs = _PULSE_LEFT + np.array([0, 9, 9, 27, 27, 35])
        ys = np.array([baseline, baseline, top, top, baseline, baseline])
        self._polyline(np.stack([xs, ys], axis=1), 2)

    def _separators(self, leads: list[LeadBox]) -> None:
        top = min(lead.baseline_y for lead in leads) - 45
        bottom = max(lead.baseline_y for lead in leads) + 40
        for column in range(1, self.plan.columns):
            x = _TRACE_LEFT + column * self.plan.column_s * PIXELS_PER_SECOND
            self._polyline(np.array([[x, top], [x, bottom]]), 2)

    def _polyline(self, points: NDArray[np.float64], width: int) -> None:
        if np.isnan(points).any():
            # The pen is lifted over gaps.
            missing = np.flatnonzero(np.isnan(points).any(axis=1))
            for stroke in np.split(points, missing):
                whole = stroke[~np.isnan(stroke).any(axis=1)]
                if len(whole) > 1:
                    self._polyline(whole, width)
            return
        fixed = np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(self.image, [fixed], False, _INK, width, cv2.LINE_AA, _SUBPIXEL_BITS)

    def _text(self, text: str, x: float, y: float, *, height: int, weight: int = 1, colour: Colour = _INK) -> None:
        """Write with the letters' feet at (x, y)."""
        size = 0.9 * height / _HERSHEY_CAPITAL
        origin = (round(x), round(y))
        cv2.putText(self.image, text, origin, cv2.FONT_HERSHEY_COMPLEX, size, colour, weight, cv2.LINE_AA)


def _textured(image: Image, strength: float, seed: int) -> Image:
    """Paper as a scanner sees it: fibres a few pixels long and a slow unevenness of tone."""
    # Its own stream: the drawing must not change with the paper.
    rng = np.random.default_rng([seed, 1])
    height, width = image.shape[:2]
    fibres = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 1.2)
    tone = cv2.resize(rng.normal(0, 1, (9, 12)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    uneven = strength * (fibres / max(float(np.std(fibres)), 1e-6) + tone)
    return np.asarray(np.clip(image - 2 * strength + uneven[..., None], 0, 255), dtype=np.uint8)


def _every(pitch: float, length: int) -> NDArray[np.int_]:
    """Positions of a ruling: 0, pitch, 2 × pitch … below ``length``, in whole pixels."""
    return np.round(np.arange(0, length - 1, pitch)).astype(int)


def _scaled(box: Crop, scale: float) -> Crop:
    """The box on a page of another scale, rounded inwards."""
    left, top = int(np.ceil(box.x * scale)), int(np.ceil(box.y * scale))
    right, bottom = int((box.x + box.width) * scale), int((box.y + box.height) * scale)
    return Crop(x=left, y=top, width=right - left, height=bottom - top)
