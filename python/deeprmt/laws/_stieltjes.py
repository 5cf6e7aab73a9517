"""The Stieltjes transform by quadrature, next to the support and on it too."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._quadrature import Interval, integrate

if TYPE_CHECKING:
    from ._law import Law

__all__ = ["stieltjes_above"]

Array = NDArray[np.float64]


def stieltjes_above(law: Law, z: complex) -> complex:
    """The integral of mu(dx) / (x - z), Im z >= 0; the limit from above where that is 0."""
    total = 0j
    for location, mass in law.atoms():
        if z == location:
            return complex(math.inf, 0)
        total += mass / (location - z)
    x0 = z.real
    for interval in law._intervals():
        a, b = interval.low, interval.high
        for end, other in ((a, b), (b, a)):
            if math.isfinite(end) and abs(z - end) <= 1e-280:  # below what quadrature can resolve
                if not _pole_diverges(law, end, other, interval.scale):
                    z = complex(end)
                elif z == end:
                    return complex(math.inf, 0)
        x0 = z.real
        inside = a < x0 < b
        # Half of the distance to the finite end, or a typical width.
        reach = min(x0 - a, b - x0, abs(x0 - interval.centre) + interval.scale) / 2
        close = inside and abs(z.imag) < (b - a if math.isfinite(b - a) else reach)
        height = float(law._pdf(np.array([x0]))[0]) if close else math.nan
        split = (x0, *_towards_ends(z, interval))
        if close and not math.isfinite(b - a):  # a window around the pole, and the rest
            low, high = x0 - reach, x0 + reach
            total += integrate(_less(law._pdf, height, z), Interval(low, high), split=(x0,), rtol=1e-12, size=height)
            total += height * _pole_between(low, high, z)
            for rest in (
                Interval(a, low, interval.scale, interval.centre),
                Interval(high, b, interval.scale, interval.centre),
            ):
                total += integrate(_less(law._pdf, 0.0, z), rest, split=split, rtol=1e-12)
        elif math.isfinite(height):
            # The pole is close to the path: take the density at x0 out, whose integral is a logarithm.
            total += integrate(_less(law._pdf, height, z), interval, split=split, rtol=1e-12, size=height)
            total += height * _pole_between(a, b, z)
        else:
            total += integrate(_less(law._pdf, 0.0, z), interval, split=split, rtol=1e-12)
    return total


def _pole_diverges(law: Law, end: float, other: float, scale: float) -> bool:
    """Whether the mean of 1 / |x - end| is infinite: the density does not vanish there, but for rounding."""
    width = other - end if math.isfinite(other) else math.copysign(scale, other)
    x = end + width * np.array([0.0, 1e-10, 1e-4])
    here, near, far = law._pdf(x)
    return bool(here > 0 and near > far / 2 and x[1] != x[0])


def _pole_between(low: float, high: float, z: complex) -> complex:
    """The integral of 1 / (x - z) from low to high, low < Re z < high and Im z >= 0; from above where that is 0."""
    return complex(np.log(complex(high - z.real, -z.imag)) - np.log(complex(z.real - low, z.imag)) + 1j * math.pi)


def _less(density: Callable[[Array], Array], height: float, z: complex) -> Callable[[Array], Any]:
    """The integrand of the Stieltjes transform, the density lowered by a constant."""

    def integrand(x: Array) -> Any:
        away = x - z
        at = away == 0  # where x rounds to z, the difference of densities is 0
        return np.where(at, 0, (density(x) - height) / np.where(at, 1, away))

    return integrand


def _towards_ends(z: complex, interval: Interval) -> tuple[float, ...]:
    """Where panels end if z is close to an end: at distances from there that grow from that of z in equal ratios."""
    a, b = interval.low, interval.high
    width = b - a if math.isfinite(b - a) else interval.scale
    out = []
    for end, sign in ((a, 1.0), (b, -1.0)):
        distance = abs(z - end) if math.isfinite(end) else math.inf
        while 0 < distance < width / 16:
            out.append(end + sign * distance)
            distance *= 16
    return tuple(out)
