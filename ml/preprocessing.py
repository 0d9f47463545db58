"""The one way from a page to the model's input: crop → grayscale → CLAHE → median → resize.

Training and serving both call `preprocess`; its settings travel inside the model bundle as a `PreprocessingSpec`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.decode import Page
from ml.page import Crop, halve

ModelInput = NDArray[np.uint8]

SPEC_VERSION: Final = 1


@dataclass(frozen=True)
class PreprocessingSpec:
    """Settings of `preprocess`, frozen with the model that was trained on them.

    Attributes:
        height, width: size of the model's input in pixels.
        working_width: width in pixels that the crop is scaled to before CLAHE, so that the sizes below mean the same
            on a scan of 2,000 pixels and on a photo of 800.
        clahe_clip_limit, clahe_tiles: contrast-limited adaptive histogram equalisation, OpenCV's parameters.
        median_kernel: side of the median filter in pixels, odd.
        version: of the algorithm below; a bundle of another version is refused rather than served differently.
    """

    height: int = 384
    width: int = 384
    working_width: int = 900
    clahe_clip_limit: float = 1.0
    clahe_tiles: int = 8
    median_kernel: int = 3
    version: int = SPEC_VERSION

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PreprocessingSpec:
        """Rebuild a spec from a bundle.

        Raises:
            ValueError: the spec was written for another version of the algorithm, or has unknown settings.
        """
        if values.get("version") != SPEC_VERSION:
            raise ValueError(f"preprocessing version {values.get('version')} is not {SPEC_VERSION}")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"unknown preprocessing settings: {error}") from error


def preprocess(page: Page, crop: Crop, spec: PreprocessingSpec) -> ModelInput:
    """Turn the cropped part of an RGB page (H, W, 3) uint8 into the model's input, (height, width) uint8."""
    gray = cv2.cvtColor(crop.of(page), cv2.COLOR_RGB2GRAY)
    working_height = max(round(gray.shape[0] * spec.working_width / gray.shape[1]), 1)
    halved = halve(np.asarray(gray, dtype=np.uint8), max(spec.working_width, working_height))
    working = cv2.resize(halved, (spec.working_width, working_height), interpolation=_kind(halved, spec.working_width))
    clahe = cv2.createCLAHE(clipLimit=spec.clahe_clip_limit, tileGridSize=(spec.clahe_tiles, spec.clahe_tiles))
    smooth = cv2.medianBlur(clahe.apply(working), spec.median_kernel)
    resized = cv2.resize(smooth, (spec.width, spec.height), interpolation=_kind(smooth, spec.width))
    return np.asarray(resized, dtype=np.uint8)


def _kind(image: NDArray[Any], target_width: int) -> int:
    # Area averaging keeps thin traces when shrinking; it is blocky when enlarging.
    return cv2.INTER_AREA if image.shape[1] > target_width else cv2.INTER_LINEAR
