"""What the browser's viewer has to know: the page's sizes, its scale, and the words it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from diagnosis import renditions, tracing_files
from diagnosis.models import Tracing, Upload

# As machines offer them; the first of each is what the reader takes for granted.
PAPER_SPEEDS_MM_PER_S = (25, 50, 12.5)
GAINS_MM_PER_MV = (10, 5, 20)


@dataclass(frozen=True)
class Pictures:
    """The page in the sizes it is sent in.

    Attributes:
        screen_url: the whole page on a screen's worth of pixels.
        screen_width: of that picture, in pixels.
        whole_url: the page itself, where it is larger and may be sent whole; else empty.
        tile_url: address of the first tile, where the page is too large to be sent whole; else empty.
        tile_side: in page pixels.
    """

    screen_url: str
    screen_width: int
    whole_url: str = ""
    tile_url: str = ""
    tile_side: int = renditions.TILE_SIDE


def pictures(upload: Upload) -> Pictures:
    """Where the viewer finds the page."""
    page = reverse("diagnosis:page_image", kwargs={"pk": upload.pk})
    if not renditions.has_screen_copy(upload):
        return Pictures(page, upload.width)
    screen = reverse("diagnosis:screen_image", kwargs={"pk": upload.pk})
    width, _height = renditions.screen_size(upload)
    if renditions.is_tiled(upload):
        return Pictures(screen, width, tile_url=reverse("diagnosis:tile", args=(upload.pk, 0, 0)))
    return Pictures(screen, width, whole_url=page)


@dataclass(frozen=True)
class PageScale:
    """What a length on the page means.

    Attributes:
        px_per_mm: page pixels per millimetre of paper.
        rotation_deg: by how much the page is turned, clockwise positive.
        gain_mm_per_mv: height of 1 mV.
    """

    px_per_mm: float
    rotation_deg: float
    gain_mm_per_mv: float


def page_scale(tracing: Tracing | None) -> PageScale | None:
    """The scale as it was read; None where it was not."""
    if tracing is None or not tracing.px_per_mm:
        return None
    gain = tracing_files.gain_mm_per_mv(tracing) or GAINS_MM_PER_MV[0]
    return PageScale(tracing.px_per_mm, tracing.rotation_deg or 0.0, gain)


def words() -> dict[str, Any]:
    """What the viewer's script says, in the reader's language; {…} is filled in there."""
    return {
        "zoom": _("Zoom {percent} %"),
        "ms": _("{ms} ms"),
        "perMinute": _("{rate}/min"),
        "mv": _("{mv} mV"),
        "pixels": _("{px} px, scale not known"),
        "timeSpan": _("Time span {number}"),
        "voltageSpan": _("Voltage span {number}"),
        "end": {
            "time": [_("start"), _("end")],
            "voltage": [_("upper end"), _("lower end")],
        },
        "removed": _("Removed."),
        "scaleRead": _("Scale as read off the page: 1 mm is {px} px."),
        "scaleSet": _("Scale set by hand: 1 mm is {px} px."),
        "scaleUnknown": _(
            "The scale of this page is not known. Drag along one side of a large box (5 mm), as exactly as you can."
        ),
        "scaleDrag": _("Drag along one side of a large box (5 mm), as exactly as you can."),
        "scaleTooSmall": _("That is too short for a large box. Zoom in and drag along 5 mm."),
        "draw": _("Drag over the page, or click twice: along for time, up or down for voltage."),
        "second": _("Now the other end."),
        "noPicture": _("This part of the page could not be loaded sharply. It is shown enlarged."),
        "fullScreen": _("Full screen"),
        "leaveFullScreen": _("Leave full screen"),
    }
