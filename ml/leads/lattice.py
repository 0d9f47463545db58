"""The millimetre grid as a lattice: how fine it is, how far it is turned, and how perspective bends it.

A grid is two sets of parallel lines at right angles. Its spectrum has peaks at the same distance on two directions at
right angles, which traces and print have not. Tiles of the page tell how that pair of peaks drifts, and a homography
is fitted to the drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, fftshift

from ml.leads.ink import Grey

Doubles = NDArray[np.float64]

_TILE: Final = 512
_LARGE: Final = 1500
_MOST_TURN_DEG: Final = 32.0
_PITCH_PX: Final = (2.4, 64.0)
# The grid's peaks stand out from the spectrum around them by so much, as a ratio of amplitudes.
_LEAST_PROMINENCE: Final = 6.0
# From here on chance is out of the question.
SURE: Final = 12.0
_ENOUGH_TILES: Final = 6
# A page whose corners would move by less than this share of its width is as good as flat.
_LEAST_MOVE: Final = 0.006


@dataclass(frozen=True)
class Wave:
    """Both sets of lines near one place.

    Attributes:
        x: cycles per pixel of the lines that stand upright on an upright page, (2,).
        y: the same of those that lie.
        prominence: how far the peaks stand out from the spectrum around them.
    """

    x: Doubles
    y: Doubles
    prominence: float

    @property
    def pitch(self) -> float:
        """Mean distance between neighbouring lines in pixels."""
        return float(2 / (np.hypot(*self.x) + np.hypot(*self.y)))

    def upright(self) -> Wave:
        """The same grid laid upright."""
        return Wave(np.array([1 / self.pitch, 0.0]), np.array([0.0, 1 / self.pitch]), self.prominence)

    def scaled(self, factor: float) -> Wave:
        """The same grid on a picture ``factor`` times as large."""
        return Wave(self.x / factor, self.y / factor, self.prominence)

    @property
    def turn_deg(self) -> float:
        """By how much the lines are turned, clockwise on the page positive."""
        across, down = np.arctan2(self.x[1], self.x[0]), np.arctan2(-self.y[0], self.y[1])
        return float(np.degrees((across + down) / 2))


def grid_picture(faint: Grey, strokes: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What is printed faintly, ink taken out and slow changes of tone removed."""
    inked = cv2.dilate(strokes.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    level = np.minimum(faint, 110).astype(np.float32)
    usual = float(level[~inked].mean()) if (~inked).any() else 0.0
    level[inked] = usual
    return np.asarray(level - cv2.blur(level, (65, 65)), dtype=np.float32)


def find_grid(faint: Grey, strokes: NDArray[np.bool_], near: Wave | None = None) -> tuple[Wave | None, Doubles | None]:
    """The grid at the middle of a page, and the homography that lays it flat where it is not.

    Args:
        faint: what is printed in any colour, (H, W).
        strokes: ink, (H, W).
        near: look only next to these waves.
    """
    # Half the size of a large scan shows the grid as well, at a quarter of the work.
    factor = 2 if faint.shape[1] > _LARGE else 1
    if factor == 2:
        size = (faint.shape[1] // 2, faint.shape[0] // 2)
        faint = np.asarray(cv2.resize(faint, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        strokes = cv2.resize(strokes.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
        near = near.scaled(0.5) if near is not None else None
    picture = grid_picture(faint, strokes)
    wave = find_wave(picture, near=near)
    if wave is None:
        return None, None
    to_flat = flattening(picture, wave)
    if to_flat is not None and factor == 2:
        larger = np.diag([2.0, 2.0, 1.0])
        to_flat = larger @ to_flat @ np.linalg.inv(larger)
    return wave.scaled(float(factor)), to_flat


def find_wave(
    picture: NDArray[np.float32],
    centre: tuple[float, float] | None = None,
    near: Wave | None = None,
    tile: int = _TILE,
) -> Wave | None:
    """The grid's waves in a square around ``centre`` (x, y), or ``None`` where no grid stands out.

    Args:
        picture: from `grid_picture`.
        centre: middle of the square; by default that of the picture.
        near: look only next to these waves.
        tile: side of the square.
    """
    size = min(tile, *picture.shape)
    size -= size % 2
    if size < 64:
        return None
    height, width = picture.shape
    x, y = centre or (width / 2, height / 2)
    left = int(np.clip(round(x - size / 2), 0, width - size))
    top = int(np.clip(round(y - size / 2), 0, height - size))
    window = np.hanning(size).astype(np.float32)
    patch = picture[top : top + size, left : left + size] * window * window[:, None]
    magnitude = np.abs(fftshift(fft2(patch)))
    # A peak in mild perspective is smeared over its neighbours.
    strong = cv2.dilate(magnitude, np.ones((3, 3), np.uint8))
    middle = size // 2
    # Index (v, u) is frequency (u, v); turned by a right angle it is (−v, u).
    half = np.arange(-middle + 1, middle)
    first = strong[np.ix_(half + middle, half + middle)]
    second = np.rot90(first)
    pair = np.sqrt(first * second)
    allowed = _possible_grids(size)
    if near is not None:
        offset = np.hypot(half[None, :] - near.x[0] * size, half[:, None] - near.x[1] * size)
        allowed = allowed & (offset <= max(2.0, 0.06 * float(np.hypot(*near.x)) * size))
    if not allowed.any():
        return None
    background = cv2.blur(pair, (41, 41))
    standing = np.where(allowed, pair / np.maximum(background, 1e-3), 0.0)
    # Among peaks that all stand out, the strongest; weak harmonics stand out as well from an empty corner.
    score = np.where(standing >= 0.5 * standing.max(), pair, 0.0)
    row, column = np.unravel_index(int(score.argmax()), score.shape)
    prominence = float(standing[row, column])
    if prominence < _LEAST_PROMINENCE:
        return None
    x = _refine(magnitude, int(half[column]), int(half[row]))
    y = _refine(magnitude, -int(half[row]), int(half[column]))
    return Wave(*_by_harmonics(magnitude, x, y), prominence)


@cache
def _possible_grids(size: int) -> NDArray[np.bool_]:
    """Which frequencies (v, u) of a square of that size may be the upright lines of a grid."""
    half = np.arange(-(size // 2) + 1, size // 2)
    radius = np.hypot(half[:, None], half[None, :])
    turn = np.abs(np.degrees(np.arctan2(half[:, None], np.maximum(half[None, :], 1e-9))))
    allowed = (radius >= size / _PITCH_PX[1]) & (radius <= size / _PITCH_PX[0]) & (turn <= _MOST_TURN_DEG)
    return np.asarray(allowed & (half[None, :] > 0))


def _by_harmonics(magnitude: NDArray[np.float32], x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """Both waves in cycles per pixel, from the highest overtones that stand out: five times as far, as sure."""
    size = magnitude.shape[0]
    # Every fourth value of each row and column says as much.
    background = float(np.median(magnitude[::4, ::4])) + 1e-6
    found = [x, y]
    for index in range(2):
        for overtone in (2, 3, 4, 5):
            wanted = found[index] * overtone
            if np.abs(wanted).max() >= size / 2 - 4:
                break
            peak = _refine(magnitude, *(round(float(part)) for part in wanted))
            row, column = (round(float(part)) + size // 2 for part in peak[::-1])
            around = magnitude[row - 6 : row + 7, column - 6 : column + 7]
            local = max(float(np.median(around)), background)
            if magnitude[row, column] > 5 * local and np.hypot(*(peak - wanted)) < 1.2:
                found[index] = peak / overtone
    return found[0] / size, found[1] / size


def _refine(magnitude: NDArray[np.float32], u: int, v: int) -> Doubles:
    """The peak next to (u, v) to a fraction of a bin: a parabola through the logarithm in each direction."""
    middle = magnitude.shape[0] // 2
    patch = magnitude[middle + v - 1 : middle + v + 2, middle + u - 1 : middle + u + 2]
    down, right = np.unravel_index(int(patch.argmax()), patch.shape)
    u, v = u + int(right) - 1, v + int(down) - 1

    def vertex(before: float, at: float, behind: float) -> float:
        logs = np.log(np.maximum([before, at, behind], 1e-6))
        bend = logs[0] - 2 * logs[1] + logs[2]
        return float(np.clip((logs[0] - logs[2]) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0

    at = magnitude[middle + v, middle + u]
    return np.array(
        [
            u + vertex(magnitude[middle + v, middle + u - 1], at, magnitude[middle + v, middle + u + 1]),
            v + vertex(magnitude[middle + v - 1, middle + u], at, magnitude[middle + v + 1, middle + u]),
        ]
    )


def flattening(picture: NDArray[np.float32], wave: Wave) -> Doubles | None:
    """The homography that lays the grid flat and upright.

    Args:
        picture: from `grid_picture`.
        wave: the grid at the middle of the picture.

    Returns:
        3 × 3, from pixels of the picture to flat pixels of the same scale at the middle, which stays where it is; or
        ``None`` where the grid is flat and upright already, to a third of a millimetre or so.
    """
    height, width = picture.shape
    tile = min(_TILE // 2, height, width)
    found = []
    for y in np.linspace(tile / 2, height - tile / 2, 3 if height > 1.5 * tile else 1):
        for x in np.linspace(tile / 2, width - tile / 2, 4):
            local = find_wave(picture, (float(x), float(y)), wave, tile)
            if local is not None and abs(local.turn_deg - wave.turn_deg) < 8:
                found.append((x - width / 2, y - height / 2, local))
    pitch = wave.pitch
    x_wave, y_wave = wave.x, wave.y
    parameters = np.array([*x_wave, *y_wave, 0.0, 0.0])
    if len(found) >= _ENOUGH_TILES:
        parameters = _fit(parameters, found, width)
    elif wave.prominence < SURE:
        # A wave that only the middle shows may be chance, and the page has no grid.
        return None
    a, b, c, d, g, h = parameters
    to_flat = np.array([[a * pitch, b * pitch, 0.0], [c * pitch, d * pitch, 0.0], [g, h, 1.0]])
    there = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1.0]])
    homography = np.linalg.inv(there) @ to_flat @ there
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1.0]]) @ homography.T
    moved = np.abs(corners[:, :2] / corners[:, 2:] - [[0, 0], [width, 0], [0, height], [width, height]]).max()
    return homography if moved > _LEAST_MOVE * width else None


def _fit(start: Doubles, found: list[tuple[float, float, Wave]], width: int) -> Doubles:
    """Fit u = (ax + by) / (1 + gx + hy), v = (cx + dy) / (1 + gx + hy) to the local waves, by Gauss and Newton."""
    x = np.array([place[0] for place in found])
    y = np.array([place[1] for place in found])
    waves = np.array([[*place[2].x, *place[2].y] for place in found])
    trusted = np.ones(len(found), np.bool_)
    # Perspective is a few per cent over the page; the others are cycles per pixel.
    unit = np.array([*np.full(4, np.abs(start[:4]).max()), 1 / width, 1 / width])

    def modelled(parameters: Doubles) -> Doubles:
        a, b, c, d, g, h = parameters
        depth = 1 + g * x + h * y
        u, v = a * x + b * y, c * x + d * y
        slopes = np.stack([a * depth - u * g, b * depth - u * h, c * depth - v * g, d * depth - v * h], axis=1)
        return np.asarray(slopes / (depth**2)[:, None], dtype=np.float64)

    parameters = start.copy()
    for _ in range(12):
        left = (waves - modelled(parameters))[trusted].ravel()
        columns = []
        for index in range(6):
            step = np.zeros(6)
            step[index] = 1e-4 * unit[index]
            columns.append((modelled(parameters + step) - modelled(parameters - step))[trusted].ravel() / 2e-4)
        matrix = np.stack(columns, axis=1)
        parameters = parameters + np.linalg.lstsq(matrix, left, rcond=None)[0] * unit
        errors = np.abs(waves - modelled(parameters)).max(axis=1)
        trusted = errors <= max(3 * float(np.median(errors)), 0.004 * float(unit[0]))
        if trusted.sum() < 5:
            return start
    return parameters
