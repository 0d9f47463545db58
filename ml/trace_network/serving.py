"""The trace network of a bundle at work: views → probabilities, distance, and where the evidence lies. TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.bundle import NEARNESS, TRACES
from ml.errors import BundleCorrupt
from ml.trace_network.answers import AnswerRules
from ml.trace_network.nearness import Nearness
from ml.trace_network.network import EMBEDDING, LOGITS
from ml.trace_network.relevance import Relevance
from ml.trace_network.views import SHAPES, VIEWS_VERSION, nothing_seen

if TYPE_CHECKING:
    import keras

    from ml.bundle import BundleManifest
    from ml.trace_network.views import Views

# Midpoints of the straight way from nothing seen to the page.
_STEPS: Final = 8


@dataclass(frozen=True)
class TraceAnswer:
    """What the trace network says of a page.

    Attributes:
        probabilities: (classes,) calibrated.
        possible: (classes,) whether a class belongs to the set of possible ones.
        sure: whether the probability suffices for an answer.
        distance: from the training pages, in units of what is usual.
        unlike: farther than nearly all pages of the kind it was trained on.
        relevance: of the class that was asked about.
    """

    probabilities: NDArray[np.float64]
    possible: NDArray[np.bool_]
    sure: bool
    distance: float
    unlike: bool
    relevance: Relevance


class TraceNetwork:
    """A loaded, compiled trace network.

    Attributes:
        network: the Keras model. Weights that are set in it count from then on.
    """

    def __init__(self, network: keras.Model, rules: AnswerRules, nearness: Nearness) -> None:
        self.network = network
        self._graph = _graph_of(network)
        self._rules, self._nearness = rules, nearness

    @classmethod
    def load(cls, manifest: BundleManifest) -> TraceNetwork:
        """Open and warm up the trace network of a bundle whose checksums have been verified.

        Raises:
            BundleCorrupt: it has none, or one that does not fit this version.
        """
        import keras

        part = manifest.traces
        if part is None or part.views_version != VIEWS_VERSION:
            raise BundleCorrupt(f"{manifest.folder} has no trace network for version {VIEWS_VERSION} of the views")
        network = keras.saving.load_model(manifest.folder / TRACES, compile=False, safe_mode=True)
        shapes = {name: tuple(tensor.shape[1:]) for name, tensor in zip(SHAPES, network.inputs, strict=False)}
        if shapes != SHAPES:
            raise BundleCorrupt(f"{manifest.folder / TRACES} does not fit the views of this version")
        try:
            nearness = Nearness.load(manifest.folder / NEARNESS)
        except (ValueError, KeyError, OSError) as error:
            raise BundleCorrupt(f"{manifest.folder / NEARNESS} cannot be read: {error}") from error
        loaded = cls(network, AnswerRules(part.calibration, part.possible_from), nearness)
        # The first page would wait for the compilation otherwise.
        if len(loaded.read(nothing_seen()).probabilities) != len(manifest.classes):
            raise BundleCorrupt(f"{manifest.folder / TRACES} does not fit the classes in its manifest")
        return loaded

    def read(self, views: Views, label: int | None = None) -> TraceAnswer:
        """Answer one page, with the relevance for a class; None means the most probable one."""
        asked = np.int32(_MOST_PROBABLE if label is None else label)
        found = self._graph(*(view[None] for view in views.parts), asked)
        logits, embeddings, *relevance = (part.numpy() for part in found)
        probabilities = self._rules.probabilities(logits.astype(np.float64))
        distance = self._nearness.distance(embeddings[0])
        unlike = distance > self._nearness.farthest
        threshold = self._rules.calibration.threshold
        if unlike:
            # What was learnt may not hold there: half of the doubt that was allowed.
            threshold = (1.0 + threshold) / 2
        return TraceAnswer(
            probabilities=probabilities[0],
            possible=self._rules.sets(probabilities)[0],
            sure=bool(probabilities[0].max() >= threshold),
            distance=distance,
            unlike=unlike,
            relevance=Relevance(*relevance),
        )

    def logits(self, views: Views) -> NDArray[np.float64]:
        """(N, classes) of a batch, as they leave the network."""
        said = self.network(list(views.parts), training=False)
        return np.asarray(said[LOGITS], dtype=np.float64)


_MOST_PROBABLE: Final = -1


def _graph_of(network: keras.Model) -> Any:
    import tensorflow as tf

    signature = [*(tf.TensorSpec((1, *shape), tf.float32) for shape in SHAPES.values()), tf.TensorSpec((), tf.int32)]
    # The page itself first, then the way to it: one pass answers both.
    shares = np.concatenate([[1.0], (np.arange(_STEPS) + 0.5) / _STEPS]).astype(np.float32)

    # Nothing in here is Python control flow, and converting what Keras has would take a second.
    @tf.function(input_signature=signature, autograph=False)
    def run(beats: Any, rhythm: Any, measurements: Any, label: Any) -> tuple[Any, ...]:
        views = (beats, rhythm, measurements)
        # Integrated gradients: Sundararajan et al. 2017, arXiv:1703.01365.
        steps = [view * tf.reshape(shares, (-1, *[1] * (len(view.shape) - 1))) for view in views]
        with tf.GradientTape() as tape:
            tape.watch(steps)
            said = network(steps, training=False)
            logits = said[LOGITS]
            wanted = tf.where(label < 0, tf.argmax(logits[0], output_type=tf.int32), label)
            evidence = tf.gather(logits[1:], wanted, axis=1)
        slopes = tape.gradient(evidence, steps)
        # A value and its being known belong together.
        relevance = [
            tf.reduce_sum(tf.reduce_mean(slope[1:], axis=0) * view[0], axis=-1)
            for slope, view in zip(slopes, views, strict=True)
        ]
        return (logits[:1], said[EMBEDDING][:1], *relevance)

    return run
