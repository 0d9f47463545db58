"""Multinomial logistic regression on image features."""

from __future__ import annotations

from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def build(seed: int) -> Pipeline:
    """Scaled features, 100 principal components, strong L2 penalty."""
    return make_pipeline(
        StandardScaler(),
        PCA(100, random_state=seed),
        LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000),
    )
