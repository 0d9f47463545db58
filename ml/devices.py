"""Training spread over several devices of one machine: every device takes an equal share of each batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


def count_devices(wanted: str) -> int:
    """How many devices ``--devices`` asks for.

    Args:
        wanted: a number, or ``all``: the GPUs that the backend sees, or its CPU devices where there is none.

    Raises:
        ValueError: it is no number, there are not that many, or the backend cannot spread a training.
    """
    if wanted != "all" and not wanted.isdecimal():
        raise ValueError(f"--devices takes a number or “all”, not {wanted!r}")
    if wanted == "1":
        return 1
    if keras.backend.backend() not in ("jax", "tensorflow"):
        raise ValueError(
            f"on the {keras.backend.backend()} backend Keras trains on one device; "
            "KERAS_BACKEND=jax or tensorflow can use several"
        )
    there = len(keras.distribution.list_devices())
    number = there if wanted == "all" else int(wanted)
    if not 1 <= number <= there:
        raise ValueError(f"the backend sees {there} device(s), not {number}")
    return number


@contextmanager
def spread_over(devices: int) -> Iterator[None]:
    """Have networks that are built and trained in here keep a copy of their weights on each of the first devices.

    On JAX this is `keras.distribution.DataParallel`. Keras 3.15 has no such thing for TensorFlow (its own module is
    marked as a prototype, not to be used); there it trains under TensorFlow's `MirroredStrategy`, which Keras supports.
    """
    if devices == 1:
        yield
        return
    names = keras.distribution.list_devices()[:devices]
    if keras.backend.backend() == "jax":
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names))
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)
        return
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(names).scope():
        yield
