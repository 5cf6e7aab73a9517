"""The logarithmic potential by quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._quadrature import integrate

if TYPE_CHECKING:
    from ._law import Law

__all__ = ["log_potential"]

Array = NDArray[np.float64]


def log_potential(law: Law, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """For z in the closed upper half plane: the argument at a real z is known without quadrature."""
    out = np.empty(z.shape, np.complex128)
    for i, each in enumerate(z):
        total = 0j
        with np.errstate(divide="ignore"):
            for location, mass in law.atoms():
                total += mass * np.log(complex(each) - location + 0j)
            for interval in law._intervals():
                inside = (each.real,) if interval.low < each.real < interval.high else ()
                total += integrate(_times_logarithm(law._pdf, complex(each)), interval, split=inside, rtol=1e-12)
        out[i] = complex(total.real, math.pi * float(law.sf(each.real))) if each.imag == 0 else total
    return out


def _times_logarithm(density: Callable[[Array], Array], z: complex) -> Callable[[Array], Any]:
    """The integrand of the logarithmic potential."""

    def integrand(x: Array) -> Any:
        away = z - x + 0j
        at = away == 0  # integrable: one node more or less does not count
        return np.where(at, 0, density(x) * np.log(np.where(at, 1, away)))

    return integrand
