"""What may happen to a page between the cardiograph and us; applied to training pages only. Never flips."""

from __future__ import annotations

import os

# The library asks its home page for news on import otherwise.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A  # noqa: N812 — the name its own documentation uses


def page_augmentation(seed: int) -> A.Compose:
    """Small rotation, shift, scale, noise, blur, brightness and stroke changes of a (H, W) uint8 model input."""
    return A.Compose(
        [
            A.Affine(
                rotate=(-2.5, 2.5),
                translate_percent={"x": (-0.06, 0.06), "y": (-0.05, 0.05)},
                scale={"x": (0.97, 1.03), "y": (0.85, 1.15)},
                fill=245,
                p=0.9,
            ),
            A.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.25, p=0.6),
            A.OneOf([A.Morphological(scale=2, operation=kind) for kind in ("erosion", "dilation")], p=0.1),
            A.OneOf([A.GaussianBlur(blur_limit=3), A.Sharpen(alpha=(0.1, 0.4))], p=0.25),
            A.GaussNoise(std_range=(0.01, 0.05), p=0.4),
            # A missing patch: a fold, a stamp, a finger; it also keeps one lead from deciding alone.
            A.CoarseDropout(
                num_holes_range=(1, 3), hole_height_range=(0.05, 0.2), hole_width_range=(0.05, 0.15), fill=245, p=0.3
            ),
        ],
        seed=seed,
    )
