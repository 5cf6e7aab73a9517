"""Transforms of a law at any complex points, from formulas for the upper half plane."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError

if TYPE_CHECKING:
    from ._law import Law

__all__ = ["inverse", "is_far", "on_half_plane"]


def on_half_plane(
    law: Law,
    method: str,
    z: NDArray[np.complex128],
    function: Callable[[Any], Any],
    beyond: Callable[[Any], Any],
    order: int,
) -> NDArray[np.complex128]:
    """`function` of upper half planes where z is finite, `beyond` so far out that the law looks like a point at 0.

    What is infinite in one part is infinite. It may be so where the law diverges, and no number anywhere else is
    an error that says where.
    """
    out = np.full(z.shape, complex(np.nan, np.nan))
    out[np.isinf(z)] = 0
    live = np.isfinite(z)
    below = z.imag < 0
    upper = np.where(below, np.conj(z), z) + 0j  # -0.0 is 0
    far = is_far(law, upper, live)
    out[far] = beyond(upper[far])
    live &= ~far
    if live.any():
        value, failed = law._separately(function, upper[live])
        if (lost := ~np.isfinite(value) & ~failed).any():
            at = upper[live][lost]
            wrong = at[~_infinite_at(law, at, order)]
            if wrong.size:
                message = f"{law._name}.{method}: the formula gives no number at {complex(wrong[0])!r}"
                raise ConvergenceError(message, {"z": wrong})
            value = np.where(lost, complex(math.inf, 0), value)
        out[live] = value
    out[below] = np.conj(out[below])
    return out[()]


def _infinite_at(law: Law, z: NDArray[np.complex128], order: int) -> NDArray[np.bool_]:
    """Whether the integral of 1 / |x - z|^order is infinite, or beyond the range of doubles, at z or next to it."""
    reach = 1e-300 if order == 1 else 1e-140
    marks = [location for location, _ in law.atoms()]
    ends = [end for pair in law.support() for end in pair if math.isfinite(end)]
    if order == 1 and ends:  # elsewhere the density vanishes
        heights = law._pdf(np.array(ends))
        ends = [end for end, height in zip(ends, heights, strict=True) if height > 0]
    out = np.zeros(z.shape, bool)
    for mark in [*marks, *ends]:
        out |= np.abs(z - mark) <= max(reach, 4 * math.ulp(mark))
    rest = ~out & (z.imag <= reach)
    low, high = law._hull()
    rest &= (z.real >= low) & (z.real <= high)
    if rest.any():  # an infinite density inside
        out[rest] = law._pdf(z.real[rest]) > (1e300 if order == 1 else 1e140)
    return out


def is_far(law: Law, z: NDArray[np.complex128], live: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which points are so far out that the law looks like a point at 0."""
    size = np.abs(z)  # inf beyond the range of doubles
    if not (size[live] > 1e100).any():
        return np.zeros(z.shape, bool)
    low, high = law._hull()
    if math.isfinite(low) and math.isfinite(high):
        return live & (size > max(1e100, 1e30 * max(abs(low), abs(high))))
    # Tails may fall slowly.
    reach = max(abs(each.centre) + each.scale for each in law._intervals())
    return live & (size > max(1e200, 1e150 * reach))


def inverse(z: Any) -> Any:
    """1 / z, also where |z| is beyond the range of doubles."""
    return 0.25 / (z / 4)
