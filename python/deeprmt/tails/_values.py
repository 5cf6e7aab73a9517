"""What every estimator of this package takes: positive numbers in one row, sorted here."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import as_real

Array = NDArray[np.float64]


def ascending_values(function: str, x: ArrayLike, least: int = 2) -> Array:
    """x sorted as float64: positive, finite, at least `least` of them."""
    values = as_real(function, "x", x)
    if values.ndim != 1:
        raise ValueError(f"{function}: x must have one axis, got {values.ndim}")
    if values.size < least:
        raise ValueError(f"{function}: the number of values must be at least {least}, got {values.size}")
    # NumPy's sort is vectorised for the machine at hand. It puts NaN last, so the ends tell whether all is well.
    ascending = np.sort(values.astype(np.float64, copy=False))
    if not (ascending[0] > 0 and np.isfinite(ascending[-1])):
        at = int(np.flatnonzero(~((values > 0) & np.isfinite(values)))[0])
        raise ValueError(f"{function}: x must be positive and finite, found {float(values[at])} at index {at}")
    return ascending


def log_gaps(ascending: Array) -> Array:
    """log(x_i / x_{i+1}), i = 1..n-1, of the values from the largest down: accurate also where neighbours are close."""
    large, small = ascending[:0:-1], ascending[-2::-1]
    with np.errstate(over="ignore"):
        relative = (large - small) / small
        return np.where(relative < 1e300, np.log1p(relative), np.log(large) - np.log(small))
