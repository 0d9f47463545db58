"""Which runtime serves a bundle on this machine: TensorFlow, an export that agrees with it here, or the fastest."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ml.compiled_pass import load_model, tensorflow_pass
from ml.errors import BundleCorrupt
from ml.export import BACKENDS, FASTEST, TENSORFLOW, BackendUnavailable
from ml.export.formats import FORMATS
from ml.export.parity import answers, compare
from ml.export.reference import REFERENCE, read_reference
from ml.export.runtimes import open_export

if TYPE_CHECKING:
    from ml.bundle import BundleManifest
    from ml.compiled_pass import CompiledPass

logger = logging.getLogger(__name__)

# Timed passes of each candidate, after as many that are not timed.
_ROUNDS: Final = 7


def open_pass(manifest: BundleManifest, backend: str) -> tuple[str, CompiledPass]:
    """What serves a verified bundle.

    Args:
        manifest: the bundle.
        backend: one of `BACKENDS`. ``fastest`` loads TensorFlow too, to time it; a runtime asked for by name does not.

    Returns:
        The name of the runtime, and its pass, warmed up.

    Raises:
        BackendUnavailable: the bundle has no export for it, its runtime is not installed, or it does not answer here
            as TensorFlow did.
        BundleCorrupt: the network or its reference answers cannot be read.
    """
    if backend == TENSORFLOW:
        return TENSORFLOW, _tensorflow(manifest)
    if backend != FASTEST:
        return backend, _checked(manifest, backend)
    candidates = {TENSORFLOW: _tensorflow(manifest)}
    for name in BACKENDS:
        if name in (TENSORFLOW, FASTEST):
            continue
        try:
            candidates[name] = _checked(manifest, name)
        except BackendUnavailable as unavailable:
            logger.info("%s does not take part: %s", name, unavailable)
    return _fastest(manifest, candidates)


def _tensorflow(manifest: BundleManifest) -> CompiledPass:
    run = tensorflow_pass(load_model(manifest), manifest)
    run(_blank(manifest))
    return run


def _checked(manifest: BundleManifest, backend: str) -> CompiledPass:
    """An export that has passed its parity test, and passes it again here on the reference pages."""
    form = FORMATS.get(backend)
    if form is None or not form.servable:
        raise BackendUnavailable(f"there is no backend {backend!r}; known: {', '.join(BACKENDS)}")
    record = manifest.exports.get(form.name)
    if record is None:
        raise BackendUnavailable(
            f"{manifest.folder} has no {form.title} export that passed its parity test: python -m ml export "
            f"{manifest.folder} --formats {form.name}, then register the bundle, which has a new identity"
        )
    run = open_export(manifest.folder / record["file"], form.runtime)
    if REFERENCE not in manifest.files:
        raise BundleCorrupt(f"{manifest.folder} lists no checksum for {REFERENCE}")
    pages, reference = read_reference(manifest.folder / REFERENCE)
    try:
        parity = compare(reference, answers(run, pages), form)
    # A file may load and still not run; each runtime says so in its own way.
    except Exception as error:
        raise BackendUnavailable(f"{form.title} cannot read a page on this machine: {error}") from error
    if not parity.passed:
        raise BackendUnavailable(f"{form.title} does not answer as TensorFlow did, on this machine: {parity}")
    return run


def _fastest(manifest: BundleManifest, candidates: Mapping[str, CompiledPass]) -> tuple[str, CompiledPass]:
    milliseconds = time_passes(candidates, _blank(manifest), rounds=_ROUNDS)
    chosen = min(milliseconds, key=lambda name: milliseconds[name])
    logger.info(
        "serving through %s; milliseconds a page: %s",
        chosen,
        ", ".join(f"{name} {value:.1f}" for name, value in milliseconds.items()),
    )
    return chosen, candidates[chosen]


def time_passes(candidates: Mapping[str, CompiledPass], page: NDArray[np.float32], *, rounds: int) -> dict[str, float]:
    """Median milliseconds of each of them for a page, after as many rounds that are not timed.

    They take turns, so that other load on the machine meets them all.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(2 * rounds):
        for name, run in candidates.items():
            start = time.perf_counter()
            run(page)
            if turn >= rounds:
                seconds[name].append(time.perf_counter() - start)
    return {name: 1000.0 * median(values) for name, values in seconds.items()}


def _blank(manifest: BundleManifest) -> NDArray[np.float32]:
    spec = manifest.preprocessing
    return np.full((1, spec.height, spec.width, 1), 255.0, np.float32)
