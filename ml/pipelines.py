"""Classical pipelines: fitted on image features, asked for logits, kept on disk without pickle."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.architectures import REGISTRY
from ml.errors import BundleCorrupt

Settings = dict[str, Any]


def build(architecture: str, seed: int, settings: Settings | None = None) -> Any:
    """The unfitted pipeline of a classical architecture.

    Args:
        architecture: its name in the registry.
        seed: of whatever it draws.
        settings: what differs from the registry's own, by scikit-learn's names, e.g. ``{"svc__C": 10.0}``.

    Raises:
        ValueError: the pipeline has no such setting.
    """
    return REGISTRY[architecture].build_pipeline(seed).set_params(**(settings or {}))


def logits(pipeline: Any, described: NDArray[np.float32], classes: int) -> NDArray[np.float64]:
    """Margins where there are some, log-probabilities otherwise; a class that training never saw gets the lowest.

    Args:
        pipeline: fitted.
        described: (N, F) as `ml.image_features.features` gives them.
        classes: how many columns.
    """
    if hasattr(pipeline, "decision_function"):
        scores = np.asarray(pipeline.decision_function(described), np.float64)
    else:
        scores = np.log(np.clip(pipeline.predict_proba(described), 1e-6, 1.0))
    answered = np.full((len(described), classes), scores.min() - 1.0)
    answered[:, pipeline.classes_] = scores
    return answered


def save(pipeline: Any, file: Path) -> None:
    """Store a fitted pipeline as skops file: a schema and arrays, no code."""
    import skops.io

    partial = file.with_name(f"{file.name}.partial")
    partial.write_bytes(skops.io.dumps(pipeline, compression=_DEFLATED))
    partial.replace(file)


def load(file: Path) -> Any:
    """Read a stored pipeline. Nothing in the file is executed, and what it holds must be one of our own kinds.

    skops refuses types it does not know. It leaves decision trees to the caller, because scikit-learn follows their
    node numbers without looking: so these are checked here, as are the counts that libsvm relies on.

    Raises:
        BundleCorrupt: the file cannot be read, holds a type that does not belong there, numbers that point outside, or
            was written by another version of scikit-learn.
    """
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            pipeline = skops.io.load(file, trusted=[_TREE])
        _check(pipeline)
    # Whatever a damaged or hostile file trips over, there and in our own checks, it is not to be used.
    except Exception as error:
        raise BundleCorrupt(f"{file} holds no pipeline that may be used: {error}") from error
    return pipeline


_TREE: Final = "sklearn.tree._tree.Tree"
_DEFLATED: Final = 8  # zipfile.ZIP_DEFLATED: forests shrink to a sixth


def _check(pipeline: Any) -> None:
    from sklearn.decomposition import PCA
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if type(pipeline) is not Pipeline:
        raise TypeError(f"it holds a {type(pipeline).__name__}, not a pipeline")
    checks: dict[type, Callable[[Any], None]] = {
        StandardScaler: _arrays_only,
        PCA: _arrays_only,
        LogisticRegression: _arrays_only,
        SVC: _check_machine,
        RandomForestClassifier: _check_forest,
    }
    for _, step in pipeline.steps:
        if type(step) not in checks:
            raise TypeError(f"{type(step).__name__} is no step of a pipeline of ours")
        checks[type(step)](step)


def _arrays_only(step: Any) -> None:
    """NumPy checks the shapes of these itself."""


def _check_machine(machine: Any) -> None:
    counts, vectors = np.asarray(machine.n_support_), np.asarray(machine.support_vectors_)
    classes = len(machine.classes_)
    sound = (
        counts.shape == (classes,)
        and counts.min() >= 0
        and counts.sum() == len(vectors) == len(machine.support_)
        and vectors.shape[1] == machine.n_features_in_
        and machine._dual_coef_.shape == (classes - 1, len(vectors))
        and machine._intercept_.shape == (classes * (classes - 1) // 2,)
        and machine.kernel == "rbf"
    )
    if not sound:
        raise ValueError("the support vectors do not fit their counts")


def _check_forest(forest: Any) -> None:
    from sklearn.tree import DecisionTreeClassifier

    for grown in forest.estimators_:
        if type(grown) is not DecisionTreeClassifier:
            raise TypeError(f"a forest of {type(grown).__name__}")
        _check_tree(grown.tree_, forest.n_features_in_)


def _check_tree(tree: Any, features: int) -> None:
    if not 0 < tree.node_count <= tree.capacity:
        raise ValueError("a tree without its nodes")
    here = np.arange(tree.node_count)
    left, right = tree.children_left, tree.children_right
    leaf = left == -1
    # Every branch leads onwards and inside, so that a walk down ends.
    onwards = all(((side > here) & (side < tree.node_count))[~leaf].all() for side in (left, right))
    inside = ((tree.feature >= 0) & (tree.feature < features))[~leaf].all()
    if not (onwards and inside and (right[leaf] == -1).all()):
        raise ValueError("a tree whose branches point outside of it")
