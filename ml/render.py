"""Draw signals as the page an electrocardiograph would print.

The measures follow a common report page at 200 dots per inch: 2213 × 1572 pixels, 25 mm/s, 10 mm/mV, a frame round a
light grid, header and footer outside it. Every rendered page says in its header that it shows no patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.page import Crop
from ml.synthetic import Signals

Image: TypeAlias = NDArray[np.uint8]
LayoutName: TypeAlias = Literal["4x2.5", "2x5"]
GridName: TypeAlias = Literal["dotted", "pink", "grey"]
Colour: TypeAlias = tuple[int, int, int]

FULL_SIZE = (2213, 1572)
PIXELS_PER_MM = 200 / 25.4
MM_PER_SECOND = 25.0
MM_PER_MV = 10.0
MARK = "SYNTHETIC - not a patient"

# Pixels of a full-size page. The grid ends where the printer's own margin begins.
_FRAME_LEFT, _FRAME_RIGHT, _FRAME_BOTTOM = 69, 2174, 1516
_FRAME_HALF_WIDTH = 2
_TRACE_LEFT = 152
_PULSE_LEFT = 96
_INK: Colour = (10, 10, 12)
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Layout:
    """Which lead stands where.

    Attributes:
        rows: leads of each row from left to right.
        column_s: seconds shown of each lead; the columns follow one another in time.
        rhythm: lead of the strip below that runs through all columns, or ``None``.
        frame_top: upper edge of the frame in pixels of a full-size page.
        label: as printed in the footer.
    """

    rows: tuple[tuple[str, ...], ...]
    column_s: float
    rhythm: str | None
    frame_top: int
    label: str

    @property
    def columns(self) -> int:
        return len(self.rows[0])


LAYOUTS: dict[LayoutName, Layout] = {
    "4x2.5": Layout(
        rows=(("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6")),
        column_s=2.5,
        rhythm="II",
        frame_top=285,
        label="4*2.5s+1r",
    ),
    "2x5": Layout(
        rows=(("I", "V1"), ("II", "V2"), ("III", "V3"), ("aVR", "V4"), ("aVL", "V5"), ("aVF", "V6")),
        column_s=5.0,
        rhythm=None,
        frame_top=403,
        label="2*5s",
    ),
}


@dataclass(frozen=True)
class Grid:
    """How the millimetre paper is printed: dots or lines, and in which colours (RGB)."""

    dotted: bool
    minor: Colour
    major: Colour
    frame: Colour


GRIDS: dict[GridName, Grid] = {
    "dotted": Grid(dotted=True, minor=(204, 160, 164), major=(150, 86, 92), frame=(240, 165, 172)),
    "pink": Grid(dotted=False, minor=(253, 230, 230), major=(246, 190, 192), frame=(240, 165, 172)),
    "grey": Grid(dotted=False, minor=(238, 238, 238), major=(208, 208, 208), frame=(170, 170, 170)),
}


class LeadBox(NamedTuple):
    """Where one lead stands on the page.

    Attributes:
        lead: its name.
        box: the row and column it was given; a tall complex may leave it.
        start_s: time in the recording at the left edge of ``box``.
        duration_s: seconds between the left and the right edge.
        baseline_y: page row of 0 mV.
    """

    lead: str
    box: Crop
    start_s: float
    duration_s: float
    baseline_y: float


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
    seed: int = 0,
) -> RenderedPage:
    """Draw twelve leads on one page.

    Args:
        signals: lead name → mV, ten seconds at ``sampling_hz``; shorter signals leave the rest of the strip empty.
        sampling_hz: samples per second of ``signals``.
        layout: a name from `LAYOUTS`.
        size: width and height of the page in pixels. The width sets the scale; a height other than in proportion
            to it stretches the frame, not the grid.
        grid: a name from `GRIDS`.
        title: centred at the top.
        header: up to six lines left above the frame.
        footer: line below the frame; by default speed, gain, band and layout.
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
    # Small pages are drawn large and scaled down, as a scanner does; thin lines come out grey and not broken.
    enlarge = max(1.0, FULL_SIZE[0] / size[0])
    sheet = _Sheet(round(size[0] * enlarge), round(size[1] * enlarge), plan, GRIDS[grid], seed)
    sheet.draw_paper()
    sheet.draw_print(title, header, footer)
    leads = sheet.draw_leads(signals, sampling_hz)
    image, scale = sheet.image, 1 / enlarge
    if enlarge > 1:
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return RenderedPage(
        image=image,
        crop=_scaled(sheet.inside, scale),
        leads=tuple(lead._replace(box=_scaled(lead.box, scale), baseline_y=lead.baseline_y * scale) for lead in leads),
        pixels_per_mm=sheet.pixels_per_mm * scale,
        transform=np.eye(3),
    )


class _Sheet:
    """One page while it is drawn, at full size or larger."""

    def __init__(self, width: int, height: int, plan: Layout, grid: Grid, seed: int) -> None:
        self.plan, self.grid = plan, grid
        self.rng = np.random.default_rng(seed)
        self.image: Image = np.full((height, width, 3), 255, np.uint8)
        self.scale = width / FULL_SIZE[0]
        self.pixels_per_mm = PIXELS_PER_MM * self.scale
        vertical = height / FULL_SIZE[1]
        self.left, self.right = round(_FRAME_LEFT * self.scale), round(_FRAME_RIGHT * self.scale)
        self.top, self.bottom = round(plan.frame_top * vertical), round(_FRAME_BOTTOM * vertical)
        margin = round(_FRAME_HALF_WIDTH * self.scale) + 1
        self.inside = Crop(
            x=self.left + margin,
            y=self.top + margin,
            width=self.right - self.left + 1 - 2 * margin,
            height=self.bottom - self.top + 1 - 2 * margin,
        )
        self.ink_width = max(1, round(float(self.rng.uniform(2.5, 3.5)) * self.scale))

    def draw_paper(self) -> None:
        """Millimetre grid and frame."""
        x_mm = np.arange(0, (self.right - self.left) / self.pixels_per_mm)
        y_mm = np.arange(0, (self.bottom - self.top) / self.pixels_per_mm)
        columns = np.round(self.left + x_mm * self.pixels_per_mm).astype(int)
        rows = np.round(self.top + y_mm * self.pixels_per_mm).astype(int)
        inside = self.image[self.top : self.bottom, self.left : self.right]
        if self.grid.dotted:
            self.image[np.ix_(rows, columns)] = self.grid.minor
            dense = np.round(self.pixels_per_mm / 2 * np.arange(inside.shape[1] // (self.pixels_per_mm / 2)))
            inside[np.ix_(rows[::5] - self.top, dense.astype(int))] = self.grid.major
            dense = np.round(self.pixels_per_mm / 2 * np.arange(inside.shape[0] // (self.pixels_per_mm / 2)))
            inside[np.ix_(dense.astype(int), columns[::5] - self.left)] = self.grid.major
        else:
            for step, colour, extra in ((1, self.grid.minor, 0), (5, self.grid.major, 1)):
                for offset in range(1 + extra):
                    inside[np.minimum(rows[::step] - self.top + offset, len(inside) - 1)] = colour
                    inside[:, np.minimum(columns[::step] - self.left + offset, inside.shape[1] - 1)] = colour
        width = 2 * round(_FRAME_HALF_WIDTH * self.scale)
        cv2.rectangle(self.image, (self.left, self.top), (self.right, self.bottom), self.grid.frame, width)

    def draw_print(self, title: str, header: tuple[str, ...], footer: str | None) -> None:
        """Everything outside the frame: title, mark, header lines, rule and footer."""
        self._text(title, 1000, 58, height=34, weight=2)
        self._text(MARK, 1480, 58, height=26, weight=2, colour=(176, 0, 32))
        for line, text in enumerate(header[:6]):
            y = 92 + 33 * line if line < 2 else 104 + 33 * line
            self._text(text, 69, y, height=21)
        for y in (137, 144):
            self._line((69, y), (2152, y), 3)
        text = footer if footer is not None else f"0.67~25Hz  AC50  25mm/s  10mm/mV  {self.plan.label}  Isoline"
        self._text(text, 69, 0, height=18, bottom=self.bottom + round(38 * self.scale))

    def draw_leads(self, signals: Signals, sampling_hz: int) -> list[LeadBox]:
        """Traces with calibration pulses, labels and separators; returns where they are."""
        plan = self.plan
        strips = len(plan.rows) + (plan.rhythm is not None)
        row_height = self.inside.height / strips
        column_width = plan.column_s * MM_PER_SECOND * self.pixels_per_mm
        start_x = _TRACE_LEFT * self.scale
        boxes: list[LeadBox] = []
        for row in range(strips):
            top = self.inside.y + row * row_height
            baseline = top + row_height * float(self.rng.uniform(0.56, 0.62))
            self._calibration_pulse(baseline)
            is_rhythm = row == len(plan.rows)
            names: tuple[str, ...] = (plan.rhythm or "",) if is_rhythm else plan.rows[row]
            seconds = plan.column_s * plan.columns if is_rhythm else plan.column_s
            for column, name in enumerate(names):
                x = start_x + column * column_width
                width = seconds * MM_PER_SECOND * self.pixels_per_mm
                box = Crop(x=round(x), y=round(top), width=round(width), height=round(row_height))
                lead = LeadBox(name, box, column * plan.column_s, seconds, baseline)
                self._trace(signals[name], sampling_hz, lead, x)
                self._text(name, 0, 0, height=21, left=round(x) + 2, bottom=round(baseline - 5 * self.scale))
                boxes.append(lead)
        self._separators(boxes, start_x, column_width)
        return boxes

    def _trace(self, signal_mv: NDArray[np.float64], sampling_hz: int, lead: LeadBox, x: float) -> None:
        first = round(lead.start_s * sampling_hz)
        # One sample beyond the end, so that neighbouring columns meet.
        shown = signal_mv[first : first + round(lead.duration_s * sampling_hz) + 1]
        xs = x + np.arange(len(shown)) / sampling_hz * MM_PER_SECOND * self.pixels_per_mm
        ys = lead.baseline_y - shown * MM_PER_MV * self.pixels_per_mm
        # The machine cuts off what would leave the paper.
        ys = np.clip(ys, self.inside.y + 2, self.inside.y + self.inside.height - 3)
        points = np.stack([xs, ys], axis=1)
        self._polyline(points, self.ink_width)

    def _calibration_pulse(self, baseline: float) -> None:
        """1 mV high, as wide as the machine prints it."""
        left, scale = _PULSE_LEFT * self.scale, self.scale
        top = baseline - MM_PER_MV * self.pixels_per_mm
        xs = left + np.array([0, 9, 9, 27, 27, 35]) * scale
        ys = np.array([baseline, baseline, top, top, baseline, baseline])
        self._polyline(np.stack([xs, ys], axis=1), max(1, round(2 * scale)))

    def _separators(self, boxes: list[LeadBox], start_x: float, column_width: float) -> None:
        grid_rows = [lead for lead in boxes if lead.duration_s == self.plan.column_s]
        top = min(lead.baseline_y for lead in grid_rows) - 45 * self.scale
        bottom = max(lead.baseline_y for lead in grid_rows) + 40 * self.scale
        for column in range(1, self.plan.columns):
            x = start_x + column * column_width
            self._polyline(np.array([[x, top], [x, bottom]]), max(1, round(2 * self.scale)))

    def _polyline(self, points: NDArray[np.float64], width: int) -> None:
        fixed = np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(self.image, [fixed], False, _INK, width, cv2.LINE_AA, _SUBPIXEL_BITS)

    def _line(self, start: tuple[int, int], end: tuple[int, int], width: int) -> None:
        points = np.array([start, end], np.float64) * self.scale
        points[:, 1] = self._above(points[:, 1])
        self._polyline(points, max(1, round(width * self.scale)))

    def _above(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Keep the header above a frame that a flat page has pushed up."""
        natural = self.plan.frame_top * self.scale
        return y * (self.top / natural)

    def _text(
        self,
        text: str,
        x: int,
        y: int,
        *,
        height: int,
        weight: int = 1,
        colour: Colour = _INK,
        left: int | None = None,
        bottom: int | None = None,
    ) -> None:
        """Write with the letters' feet at (x, y) of a full-size page, or at ``left``/``bottom`` of this one."""
        # Hershey's capitals are 21 units high at scale 1.
        size = height / 21 * 0.9 * self.scale
        origin_x = round(x * self.scale) if left is None else left
        origin_y = round(float(self._above(np.array([y * self.scale]))[0])) if bottom is None else bottom
        face = cv2.FONT_HERSHEY_COMPLEX
        thick = max(1, round(weight * self.scale))
        cv2.putText(self.image, text, (origin_x, origin_y), face, size, colour, thick, cv2.LINE_AA)


def _scaled(box: Crop, scale: float) -> Crop:
    """The box on a page of another scale, rounded inwards."""
    left, top = int(np.ceil(box.x * scale)), int(np.ceil(box.y * scale))
    right, bottom = int((box.x + box.width) * scale), int((box.y + box.height) * scale)
    return Crop(x=left, y=top, width=right - left, height=bottom - top)
