"""What happens to a page between printer and upload: noise, blur, shadow, a tilted sheet, a phone's perspective."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ml.page import Crop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.render import Image, LeadBox, RenderedPage

_TABLE = (196, 190, 182)


def degrade(
    page: RenderedPage,
    seed: int,
    *,
    strength: float = 1.0,
    geometry: bool = True,
) -> RenderedPage:
    """Photograph a rendered page.

    Args:
        page: a page from `ml.render.render_page`.
        seed: the same seed gives the same photograph.
        strength: 0 leaves the page as it is; 1 is a careful photograph, 2 a hurried one.
        geometry: whether the sheet may be tilted and seen in perspective.

    Returns:
        The page as photographed, of the same size. ``transform`` maps points of ``page`` to it; crop and lead boxes
        are the upright boxes round the moved ones, and baselines and scale are those at the middle of the boxes.
    """
    if strength <= 0:
        return page
    rng = np.random.default_rng(seed)
    image = page.image
    moved = page
    if geometry:
        homography = _homography(rng, image.shape[1], image.shape[0], strength)
        image = cv2.warpPerspective(
            image,
            homography,
            (image.shape[1], image.shape[0]),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=_TABLE,
        ).astype(np.uint8, copy=False)
        moved = _move(page, homography)
    return replace(moved, image=_photograph(rng, image, strength))


def _homography(rng: np.random.Generator, width: int, height: int, strength: float) -> NDArray[np.float64]:
    """Turn by about a degree, then pull each corner inwards by up to two per cent."""
    angle = float(rng.normal(0, 0.7 * strength))
    turn = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), angle, 0.98), [0, 0, 1]])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)
    pull = rng.uniform(0, 0.012 * strength, (4, 2)) * np.array([width, height])
    perspective = cv2.getPerspectiveTransform(corners, (corners + inwards * pull).astype(np.float32))
    result: NDArray[np.float64] = perspective @ turn
    return result


def _photograph(rng: np.random.Generator, image: Image, strength: float) -> Image:
    """Uneven light, a little blur, sensor noise and one pass of JPEG."""
    height, width = image.shape[:2]
    # A handful of random lights, smoothed to the page's size: a shadow without edges.
    light = rng.uniform(1 - 0.16 * min(strength, 3), 1.0, (3, 4)).astype(np.float32)
    shade = cv2.resize(light, (width, height), interpolation=cv2.INTER_CUBIC)
    photo = image.astype(np.float32) * shade[..., None]
    sigma = float(rng.uniform(0.2, 0.7)) * strength * width / 2213
    if sigma > 0.1:
        photo = cv2.GaussianBlur(photo, (0, 0), sigma).astype(np.float32, copy=False)
    photo += rng.normal(0, float(rng.uniform(1.0, 3.0)) * strength, (height, width, 1)).astype(np.float32)
    clipped = np.clip(photo, 0, 255).astype(np.uint8)
    quality = int(np.clip(rng.uniform(75, 95) - 8 * (strength - 1), 30, 95))
    _, jpeg = cv2.imencode(".jpg", clipped[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    if decoded is None:
        raise RuntimeError("OpenCV could not read the JPEG it had just written")
    return np.ascontiguousarray(decoded[..., ::-1]).astype(np.uint8, copy=False)


def _move(page: RenderedPage, homography: NDArray[np.float64]) -> RenderedPage:
    scale = float(np.sqrt(abs(np.linalg.det(homography[:2, :2]))))
    return replace(
        page,
        crop=_around(page.crop, homography),
        leads=tuple(_move_lead(lead, homography) for lead in page.leads),
        pixels_per_mm=page.pixels_per_mm * scale,
        transform=homography @ page.transform,
    )


def _move_lead(lead: LeadBox, homography: NDArray[np.float64]) -> LeadBox:
    middle = np.array([[lead.box.x + lead.box.width / 2, lead.baseline_y]])
    return lead._replace(
        box=_around(lead.box, homography),
        baseline_y=float(_points(middle, homography)[0, 1]),
        path=_points(lead.path, homography),
    )


def _around(box: Crop, homography: NDArray[np.float64]) -> Crop:
    """The upright box round a moved one."""
    right, bottom = box.x + box.width, box.y + box.height
    corners = np.array([[box.x, box.y], [right, box.y], [right, bottom], [box.x, bottom]], np.float64)
    moved = _points(corners, homography)
    low, high = np.floor(moved.min(0)).astype(int), np.ceil(moved.max(0)).astype(int)
    return Crop(x=int(low[0]), y=int(low[1]), width=int(high[0] - low[0]), height=int(high[1] - low[1]))


def _points(points: NDArray[np.float64], homography: NDArray[np.float64]) -> NDArray[np.float64]:
    moved = np.column_stack([points, np.ones(len(points))]) @ homography.T
    result: NDArray[np.float64] = moved[:, :2] / moved[:, 2:]
    return result
