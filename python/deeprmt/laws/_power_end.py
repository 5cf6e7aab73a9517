"""The Stieltjes transform of a density with a pole at 0, up to a cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ._quadrature import Interval, integrate

__all__ = ["from_zero"]


def from_zero(a: float, log_rest: Callable[[Any], Any], z: complex, cut: float) -> complex:
    """The integral of x^(a - 1) exp(log_rest(x)) / (x - z), z in the closed upper half plane, from 0 to `cut`.

    In s = x^p with p = min(a, 1) the density has no singular factor, and the pole is at z^p: its part is a logarithm.
    """
    p = min(a, 1.0)
    top = cut**p
    near = 0 < z.real < cut and z.imag < z.real
    pole = height = 0j
    if near:
        log_height = (a - 1) * np.log(z) + log_rest(z)
        # Off the axis narrow densities become as large as they are small beside their peak: then the pole is far off.
        near = bool(log_height.real < (a - 1) * np.log(z.real) + log_rest(complex(z.real)).real + 2)
        if near:
            pole, height = z**p, complex(np.exp(log_height))

    def integrand(s: NDArray[np.float64]) -> Any:
        x = s ** (1 / p)
        weight = np.exp(special.xlogy(a / p - 1, s) + log_rest(x)) / p
        if not near:
            return weight / (x - z)
        away, gap = x - z, s - pole
        at = (away == 0) | (gap == 0)  # one node more or less does not count
        return np.where(at, 0, weight / np.where(at, 1, away) - height / np.where(at, 1, gap))

    total = complex(integrate(integrand, Interval(0.0, top), split=(abs(z) ** p,), rtol=1e-12, size=abs(height)))
    if near:  # the limit from above: the pole passes the path on its left
        total += height * complex(np.log(top - pole) - np.log(-pole if pole.imag > 0 else complex(-pole.real, -0.0)))
    return total
