"""Random forest on image features."""

from __future__ import annotations

from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline


def build(seed: int) -> Pipeline:
    """Five hundred trees, classes balanced in each."""
    return make_pipeline(
        RandomForestClassifier(
            500, min_samples_leaf=2, max_features="sqrt", class_weight="balanced_subsample", n_jobs=2, random_state=seed
        )
    )
