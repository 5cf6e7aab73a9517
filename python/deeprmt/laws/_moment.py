"""Moments by quadrature, high ones too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._quadrature import integrate
from ._times_power import times_power

if TYPE_CHECKING:
    from ._law import Law

__all__ = ["moment"]

Array = NDArray[np.float64]


def moment(law: Law, k: int) -> float:
    """In units of the far end, or of where most of the integral comes from, so that nothing overflows early."""
    low, high = law._hull()
    size = max(abs(low), abs(high))
    if math.isinf(size) and k > 20:
        return _by_logarithms(law, k)
    if k <= 20 and (math.isinf(size) or 1e-15 < size < 1e15):
        return float(law.expect(lambda x: x**k))
    if size == 0:
        return 0.0
    return times_power(float(law.expect(lambda x: (x / size) ** k)), size, k)


def _by_logarithms(law: Law, k: int) -> float:
    """Of a law without atoms whose support has no end."""
    total = 0.0
    for interval in law._intervals():
        # The mode of |x|^k times the density, on both sides of 0.
        steps = np.geomspace(1e-3, 1e6, 4001) * (interval.scale + abs(interval.centre))
        x = np.concatenate([-steps[::-1], steps])
        x = x[(x > interval.low) & (x < interval.high)]
        height = k * np.log(np.abs(x)) + law._logpdf(x)
        top = float(np.nanmax(height))
        mode = float(x[np.nanargmax(height)])

        def integrand(x: Array, top: float = top) -> Array:
            value = np.exp(k * np.log(np.abs(x)) + law._logpdf(x) - top)
            return np.where(np.isfinite(x) & (x != 0), np.sign(x) ** k * value, 0.0)

        share = float(integrate(integrand, interval, split=(mode / 2, mode, 2 * mode)))
        total += math.copysign(math.exp(top + math.log(abs(share))), share) if share else 0.0
    return total
