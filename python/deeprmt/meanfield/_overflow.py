"""Targets and predictions beyond the range of doubles are refused."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["refuse_large", "refuse_overflow"]

Array = NDArray[np.float64]


def refuse_large(function: str, target: Array, argument: str = "y") -> None:
    """Losses and likelihoods are sums of squares."""
    if not float(np.abs(target).max(initial=0.0)) * math.sqrt(target.size) < 1e150:
        raise ValueError(
            f"{function}: {argument} must be below {1e150 / math.sqrt(target.size):.3g} in size, so that its squares"
            f" are finite, found {target.ravel()[np.abs(target).argmax()]:g}"
        )


def refuse_overflow(function: str, **found: Array | float | None) -> None:
    for what, values in found.items():
        if values is not None and not np.isfinite(values).all():
            raise ValueError(
                f"{function}: the {what.replace('_', ' ')} must stay in the range of float64, found"
                f" {np.ravel(values)[~np.isfinite(np.ravel(values))][0]:g}; scale y or the inputs"
            )
