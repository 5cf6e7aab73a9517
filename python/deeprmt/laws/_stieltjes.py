"""The Stieltjes transform by quadrature, next to the support and on it too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._quadrature import Interval, integrate

if TYPE_CHECKING:
    from ._law import Law

__all__ = ["less", "pole_between", "stieltjes_above"]

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
        if math.isfinite(b - a):
            height = height if math.isfinite(height) else 0.0
            middle = a + (b - a) / 2
            densities = (density_beside(law, a, b), density_beside(law, b, a))
            for beside in densities:
                total += _beside(beside, abs(middle - beside.place), x0, z, height)
            if height:
                total += height * pole_between(a, b, z)
            continue
        split = (x0, *_towards_ends(z, interval))
        if close:  # a window around the pole, and the rest
            low, high = x0 - reach, x0 + reach
            total += integrate(less(law._pdf, height, z), Interval(low, high), split=(x0,), rtol=1e-12, size=height)
            total += height * pole_between(low, high, z)
            for rest in (
                Interval(a, low, interval.scale, interval.centre),
                Interval(high, b, interval.scale, interval.centre),
            ):
                total += integrate(less(law._pdf, 0.0, z), rest, split=split, rtol=1e-12)
        else:
            total += integrate(less(law._pdf, 0.0, z), interval, split=split, rtol=1e-12)
    return total


@dataclass(frozen=True)
class _End:
    """The density next to an end of the support, of which it is a power: of distances that the numbers there round."""

    place: float
    sign: float  # 1 at the lower end, -1 at the upper
    power: float
    density: Callable[[Array], Array]

    def __call__(self, d: Array) -> Array:
        """At distances from the end."""
        x = self.place + self.sign * d
        if self.place == 0:
            return self.density(x)
        # What is known is the density at a rounded distance.
        least = 8 * math.ulp(self.place)
        x = np.where(d < least, self.place + self.sign * 8 * least, x)
        rounded = self.sign * (x - self.place)
        return self.density(x) * (d / rounded) ** self.power


def density_beside(law: Law, place: float, other: float) -> _End:
    """That of a finite interval's end."""
    x = place + (other - place) * np.array([1e-8, 1e-7, 1e-6])
    with np.errstate(all="ignore"):
        near, far = np.diff(np.log(law._pdf(x))) / np.diff(np.log(np.abs(x - place)))
        power = float(near - (far - near) / 9)  # at the end itself
    power = power if math.isfinite(power) else 0.0
    return _End(place, math.copysign(1.0, other - place), min(max(power, -0.99), 4.0), law._pdf)


@dataclass(frozen=True)
class _Distances:
    """Distances d = high t^stretch from an end, t = angle / (pi / 2), at which a power of d is smooth in t."""

    high: float
    stretch: float
    low: float = 0.0

    def point(self, angle: Array) -> tuple[Array, Array]:
        t = angle / (math.pi / 2)
        return self.high * t**self.stretch, self.high * self.stretch * t ** (self.stretch - 1) / (math.pi / 2)

    def angle(self, d: float) -> float:
        return float((d / self.high) ** (1 / self.stretch)) * math.pi / 2


def _beside(end: _End, length: float, x0: float, z: complex, height: float) -> complex:
    """From an end to the middle, without rounding of the distance of z to the end; the density lowered by `height`."""
    away = z - end.place

    def integrand(d: Array) -> Any:
        gap = end.sign * d - away
        at = gap == 0
        return np.where(at, 0, (end(d) - height) / np.where(at, 1, gap))

    distance, steps = abs(away), []
    while 0 < distance < 4 * length:
        steps.append(distance)
        distance *= 16
    split = (end.sign * (x0 - end.place), *steps)
    stretch = max(2.0, 1 / (1 + end.power))
    value: complex = integrate(integrand, _Distances(length, stretch), split=split, rtol=1e-12, size=height)
    return value


def _pole_diverges(law: Law, end: float, other: float, scale: float) -> bool:
    """Whether the mean of 1 / |x - end| is infinite: the density does not vanish there, but for rounding."""
    width = other - end if math.isfinite(other) else math.copysign(scale, other)
    x = end + width * np.array([0.0, 1e-10, 1e-4])
    here, near, far = law._pdf(x)
    return bool(here > 0 and near > far / 2 and x[1] != x[0])


def pole_between(low: float, high: float, z: complex) -> complex:
    """The integral of 1 / (x - z) from low to high, low < Re z < high and Im z >= 0; from above where that is 0."""
    return complex(np.log(complex(high - z.real, -z.imag)) - np.log(complex(z.real - low, z.imag)) + 1j * math.pi)


def less(density: Callable[[Array], Array], height: float, z: complex) -> Callable[[Array], Any]:
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
