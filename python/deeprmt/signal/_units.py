"""Arguments that all of this package takes, and the units of its formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import as_count, as_number, as_real, shown

Array = NDArray[np.float64]


def as_shape(function: str, value: Any) -> tuple[int, int]:
    """(rows, columns), both at least 1."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{function}: shape must be (rows, columns), got {shown(value)}")
    rows, columns = (as_count(function, "shape", each) for each in value)
    return rows, columns


def as_values(function: str, argument: str, value: ArrayLike, most: int | None = None) -> Array:
    """A vector of finite numbers that are not negative; with `most`, descending and no longer than that."""
    array = np.asarray(as_real(function, argument, value), np.float64)
    if array.ndim != 1:
        raise ValueError(f"{function}: {argument} must be a vector, got shape {array.shape}")
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(f"{function}: {argument} must be finite and not negative, found {array[first]} at {first}")
    if most is not None:
        if array.size > most:
            raise ValueError(f"{function}: {argument} must be at most min(shape) = {most} values, got {array.size}")
        if (rises := np.diff(array) > 0).any():
            raise ValueError(f"{function}: {argument} must descend, found a rise at {int(np.argmax(rises)) + 1}")
    return array


def aspect_of(shape: tuple[int, int]) -> float:
    """The shorter side over the longer one."""
    return min(shape) / max(shape)


def in_units(values: Array, unit: float) -> Array:
    """values / unit, but for what would overflow: there any number is as good as the next."""
    with np.errstate(over="ignore"):
        return np.asarray(np.minimum(values / unit, 1e300))


def unit_of(function: str, sigma: float, shape: tuple[int, int]) -> float:
    """The singular value that is 1 where noise has entries of variance 1 / (longer side)."""
    return as_number(function, "sigma", sigma, above=0) * math.sqrt(max(shape))
