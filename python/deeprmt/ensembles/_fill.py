"""Stacks of matrices that the core fills, one stream of random numbers a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from .._arguments import RNG, Floats, as_dtype, as_key, as_size, as_threads, refuse_beyond_memory

MOST = 2**31 - 1
"""Rows, columns or samples of one matrix: far beyond any memory, and every product of two fits the core's indices."""


def as_entry(function: str, dtype: DTypeLike, field: Literal["real", "complex"]) -> Any:
    """The type of the entries; of a complex field, `dtype` may name that of the real and imaginary parts."""
    if field == "real":
        return as_dtype(function, dtype)
    try:
        wanted: Any = np.dtype(dtype)
    except TypeError:
        wanted = dtype
    pairs = {np.dtype(real): np.dtype(pair) for real, pair in (("f4", "c8"), ("f8", "c16"))}
    if wanted not in (*pairs, *pairs.values()):
        wish = "float32, float64, complex64 or complex128 for a complex field"
        raise ValueError(f"{function}: dtype must be {wish}, got {wanted}")
    return pairs.get(wanted, wanted)


def filled(
    function: str,
    shape: tuple[int, int],
    size: int | tuple[int, ...] | None,
    dtype: DTypeLike,
    rng: RNG,
    threads: int | None,
    fill: Callable[[int, Floats, int], None],
    field: Literal["real", "complex"] = "real",
    beside: int = 0,
    work: DTypeLike | None = None,
) -> Floats:
    """A stack of matrices of `shape`, filled by the core from a key that `rng` gives.

    `beside` says how many entries more, of `work` or else of the result's type, the core takes for each matrix at work.
    """
    stack = as_size(function, size)
    count = math.prod(stack)
    if count >= 2**32:
        raise ValueError(f"{function}: size must hold fewer than 2**32 matrices, got {size!r}")
    entry = as_entry(function, dtype, field)
    what = f"an array of {count} x {shape[0]} x {shape[1]} {entry} entries"
    inner = as_threads(function, threads)
    at_work = inner if count >= inner else min(count, 1)
    room = beside * at_work * np.dtype(entry if work is None else work).itemsize
    if room > 0:
        what += ", with the room to make it,"
    refuse_beyond_memory(function, count * math.prod(shape) * entry.itemsize + room, what, inner)
    if math.prod(n for n in (*stack, *shape) if n > 0) * entry.itemsize >= 2**63:  # so NumPy counts: without zeros
        raise ValueError(f"{function}: size must give an array of fewer than 2**63 bytes, zeros aside, got {size!r}")
    out = np.empty((count, *shape), entry)
    fill(as_key(function, rng), out, inner)
    return out.reshape(*stack, *shape)
