"""Stacks of matrices that the core fills, one stream of random numbers a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from .._arguments import RNG, Floats, as_dtype, as_key, as_size, as_threads, refuse_beyond_memory

MOST = 2**31 - 1
"""Rows, columns or samples of one matrix: far beyond any memory, and every product of two fits the core's indices."""


def filled(
    function: str,
    shape: tuple[int, int],
    size: int | tuple[int, ...] | None,
    dtype: DTypeLike,
    rng: RNG,
    threads: int | None,
    fill: Callable[[int, Floats, int], None],
) -> Floats:
    """A stack of matrices of `shape`, filled by the core from a key that `rng` gives."""
    stack = as_size(function, size)
    count = math.prod(stack)
    if count >= 2**32:
        raise ValueError(f"{function}: size must hold fewer than 2**32 matrices, got {size!r}")
    entry = as_dtype(function, dtype)
    what = f"an array of {count} x {shape[0]} x {shape[1]} {entry} entries"
    refuse_beyond_memory(function, count * math.prod(shape) * entry.itemsize, what)
    out = np.empty((count, *shape), entry)
    fill(as_key(function, rng), out, as_threads(function, threads))
    return out.reshape(*stack, *shape)
