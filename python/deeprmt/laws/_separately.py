"""Functions of many points of which some may fail: those that fail do not spoil the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError

__all__ = ["separately"]

_MOST = 200  # calls: where more than a few points fail, all of it is an error


def separately(function: Callable[[Any], Any], points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """`function` of an array of one axis, and which points it fails at: there the value is NaN.

    Halves are tried where the whole fails. If nothing is left, or too little, the first error is raised.
    """
    try:
        return function(points), np.zeros(points.shape, bool)
    except ConvergenceError as error:
        if points.size < 2:
            raise
        first = error
    out: NDArray[Any] | None = None
    failed = np.ones(points.shape, bool)
    todo = list(np.array_split(np.arange(points.size), 2))
    for _ in range(_MOST):
        if not todo:
            break
        which = todo.pop(0)
        try:
            value = function(points[which])
        except ConvergenceError:
            if which.size > 1:
                todo += np.array_split(which, 2)
            continue
        if out is None:
            out = np.full(points.shape, np.nan, value.dtype)
            if np.iscomplexobj(out):
                out.imag = np.nan
        out[which] = value
        failed[which] = False
    if out is None or todo:
        raise first
    return out, failed
