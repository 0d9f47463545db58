"""Page → what its traces say: leads, measurements, sentences; or the reason why they cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ml.leads import LeadsUnreadable
from ml.leads.reader import read_leads
from ml.measurements.measure import Examination, examine
from ml.narrative import Sentence, describe

if TYPE_CHECKING:
    from ml.decode import Page
    from ml.leads import Leads
    from ml.measurements.values import Measurements
    from ml.page import Crop, EcgRegion
    from ml.predictor import Finding

# Leads read worse than this are worth a warning beside everything that was made of them.
POOR_QUALITY: Final = 0.8


@dataclass(frozen=True)
class Traces:
    """What was read off a page's traces.

    Attributes:
        leads: the signals.
        examined: what was measured on them, and the typical beats.
    """

    leads: Leads
    examined: Examination

    @property
    def measurements(self) -> Measurements:
        return self.examined.measurements

    @property
    def quality(self) -> float:
        """Mean share of the leads that was read well, 0…1."""
        return float(np.mean([lead.quality for lead in self.leads.all]))

    @property
    def poor_leads(self) -> tuple[str, ...]:
        """Names of leads that were read badly or not at all."""
        return tuple(name for name, lead in self.leads.leads.items() if lead.quality < POOR_QUALITY)

    def sentences(self, shares: Mapping[str, float] | None = None) -> tuple[Sentence, ...]:
        """The measurements in words, and where a network found its evidence (lead → share), if that is known."""
        return describe(self.measurements, shares)


def read_traces(page: Page, region: EcgRegion | None = None) -> Traces:
    """Read and measure the traces of a page.

    Args:
        page: RGB, (H, W, 3) uint8.
        region: `ml.page.find_ecg(page)`, where the caller has it already.

    Raises:
        LeadsUnreadable: the traces cannot be found, told apart or scaled.
    """
    leads = read_leads(page, region)
    return Traces(leads, examine(leads))


def traces_behind(page: Page, finding: Finding | None) -> tuple[Traces, dict[str, float]]:
    """The traces of a page that was read, and lead → share of the evidence where a network looked.

    Args:
        page: RGB, (H, W, 3) uint8.
        finding: what the model said of it; None where that is lost. Its traces are taken where it has them.

    Raises:
        LeadsUnreadable: the traces cannot be found, told apart or scaled.
    """
    if finding is None:
        return read_traces(page), {}
    if finding.traces is not None:
        return finding.traces, finding.lead_shares
    found = read_traces(page, finding.region)
    return found, attention(found.leads, finding.attribution, finding.crop)


def attention(leads: Leads, attribution: NDArray[np.float32], crop: Crop) -> dict[str, float]:
    """Lead → share of the whole attribution that lies in its box; rhythm strips are boxes too, but of no lead."""
    total = float(attribution.sum())
    boxes = _boxes(leads, crop)
    if total <= 0 or not boxes:
        return {}
    height, width = attribution.shape
    shares: dict[str, float] = {}
    for name, (left, top, right, bottom) in boxes.items():
        columns = slice(round((left - crop.x) / crop.width * width), round((right - crop.x) / crop.width * width))
        rows = slice(round((top - crop.y) / crop.height * height), round((bottom - crop.y) / crop.height * height))
        shares[name] = float(attribution[rows, columns].sum()) / total
    return shares


def _boxes(leads: Leads, crop: Crop) -> dict[str, tuple[float, float, float, float]]:
    """Lead → left, top, right, bottom on the page: as far as half-way to the strips above and below."""
    levels = {id(lead): float(np.nanmedian(lead.path[:, 1])) for lead in leads.all if np.isfinite(lead.path).any()}
    rows: list[float] = []
    for level in sorted(levels.values()):
        # Leads side by side stand in one strip; their levels differ by far less than strips do.
        if not rows or level - rows[-1] > 8 * leads.px_per_mm:
            rows.append(level)
    bounds = [float(crop.y), *((a + b) / 2 for a, b in pairwise(rows)), float(crop.y + crop.height)]
    boxes = {}
    for lead in leads.leads.values():
        if id(lead) in levels:
            row = int(np.argmin([abs(level - levels[id(lead)]) for level in rows]))
            left, right = float(lead.path[0, 0]), float(lead.path[-1, 0])
            boxes[lead.name] = (max(left, crop.x), bounds[row], min(right, crop.x + crop.width), bounds[row + 1])
    return boxes


__all__ = ["LeadsUnreadable", "Traces", "attention", "read_traces", "traces_behind"]
