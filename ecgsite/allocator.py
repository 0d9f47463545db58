"""How the C library keeps or returns the large buffers that page images need. Does nothing where it is not glibc.

https://sourceware.org/glibc/manual/latest/html_node/Malloc-Tunable-Parameters.html
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

_MIB: Final = 2**20


def keep_large_buffers() -> None:
    """For a worker child: the next page reuses the last one's buffers.

    A page passes through a dozen buffers of ten megabytes; getting each anew from the kernel, page fault by page
    fault, costs a quarter of the time a page takes.
    """
    _set((_MMAP_THRESHOLD, 128 * _MIB), (_TRIM_THRESHOLD, 256 * _MIB), (_TOP_PAD, 64 * _MIB))


def return_large_buffers() -> None:
    """For a web process: what one upload needed is given back at once, and threads share few heaps."""
    _set((_MMAP_THRESHOLD, _MIB), (_ARENA_MAX, 2))


def _set(*parameters: tuple[int, int]) -> None:
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for name, value in parameters:
            mallopt(name, value)
