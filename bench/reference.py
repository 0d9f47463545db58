"""The reference path: what a short script does with one page.

Read the file in gray, resize the whole page to the network's square, ``model.predict``, Grad-CAM by tf-keras-vis, the
heat laid over the page, written as PNG. Network and Grad-CAM object are made once, not per page.

Reads paths of page files on stdin, one a line; answers each with the milliseconds it took.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    read = _reference_path()
    for line in sys.stdin:
        start = time.perf_counter()
        read(Path(line.rstrip("\n")))
        print((time.perf_counter() - start) * 1000, flush=True)
    return 0


def _reference_path() -> Callable[[Path], None]:
    import cv2
    import keras
    import numpy as np
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    from ml.bundle import DEFAULT_BUNDLE, read_manifest

    model = keras.models.load_model(read_manifest(DEFAULT_BUNDLE).model_file, compile=False)
    _, height, width, _ = model.input_shape
    gradcam = Gradcam(model, model_modifier=ReplaceToLinear(), clone=True)

    def read(file: Path) -> None:
        gray = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if gray is None:
            raise RuntimeError(f"OpenCV could not read {file}")
        small = cv2.resize(gray, (width, height)).astype(np.float32)[None, ..., None]
        winner = int(model.predict(small, verbose=0)[0].argmax())
        attribution = gradcam(CategoricalScore([winner]), small)[0]
        heat = cv2.applyColorMap(cv2.resize((attribution * 255).astype(np.uint8), gray.shape[::-1]), cv2.COLORMAP_JET)
        overlay = cv2.addWeighted(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), 0.6, heat, 0.4, 0)
        cv2.imwrite(str(file.with_suffix(".overlay.png")), overlay)

    return read


if __name__ == "__main__":
    sys.exit(main())
