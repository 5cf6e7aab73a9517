"""Integrals over a support whose density may vanish or diverge at the edges.

An angle replaces x: x = a + (b - a) sin^2(angle), or a + scale tan^2(angle) where the support has no end. A density
that goes like the square root, or the inverse square root, of the distance to an edge is smooth in the angle. What
else there is (other powers, cusps inside) is left to bisection of Gauss-Legendre panels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError

Function = Callable[[NDArray[Any]], NDArray[Any]]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_LEVELS = 60
_PANELS = 4000
_LEAST = 1e-305  # numbers next to the least double have no digits


@dataclass(frozen=True)
class Interval:
    """low < high, either may be infinite; `scale` is the typical distance to a finite end, or to `centre`."""

    low: float
    high: float
    scale: float = 1.0
    centre: float = 0.0

    def point(self, angle: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """x at angles in (0, pi/2), and dx/d(angle)."""
        a, b, s = self.low, self.high, self.scale
        sine, cosine = np.sin(angle), np.cos(angle)
        if math.isfinite(a) and math.isfinite(b):
            width = b - a
            x = np.where(sine < cosine, a + width * sine**2, b - width * cosine**2)
            x = np.clip(x, np.nextafter(a, b), np.nextafter(b, a))  # a density may be infinite at an end
            return x, 2 * width * sine * cosine
        if math.isfinite(a):
            return a + s * (sine / cosine) ** 2, 2 * s * sine / cosine**3
        if math.isfinite(b):
            return b - s * (cosine / sine) ** 2, 2 * s * cosine / sine**3
        return self.centre - s / np.tan(2 * angle), 2 * s / np.sin(2 * angle) ** 2

    def angle(self, x: float) -> float:
        """The angle of a finite x inside."""
        a, b, s = self.low, self.high, self.scale
        if math.isfinite(a) and math.isfinite(b):
            return math.atan2(math.sqrt(x - a), math.sqrt(b - x))
        if math.isfinite(a):
            return math.atan(math.sqrt((x - a) / s))
        if math.isfinite(b):
            return math.atan2(1.0, math.sqrt((b - x) / s))
        return (math.atan((x - self.centre) / s) + math.pi / 2) / 2


class Path(Protocol):
    """What angles in (0, pi/2) run along."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    def point(self, angle: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def angle(self, x: float) -> float: ...


def integrate(
    function: Function,
    interval: Path,
    *,
    split: tuple[float, ...] = (),
    rtol: float = 1e-13,
    size: float = 0.0,
) -> Any:
    """The integral of a vectorised function, real or complex; panels end at the points `split`.

    Errors are relative to the integral of the absolute value, plus `size`, that of what comes beside it.
    """

    def panels(low: NDArray[Any], high: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        half = (high - low) / 2
        x, slope = interval.point((low + half)[:, None] + half[:, None] * _NODES)
        values = function(x.ravel()).reshape(x.shape) * slope * (half[:, None] * _WEIGHTS)
        if not np.all(np.isfinite(values)):
            bad = float(x[~np.isfinite(values)][0])
            raise ConvergenceError(f"the integrand is not finite at {bad!r}, inside ({interval.low}, {interval.high})")
        return values.sum(axis=1), np.abs(values).sum(axis=1)

    inside = [interval.angle(x) for x in split if interval.low < x < interval.high]
    marks = np.unique([0.0, math.pi / 4, math.pi / 2, *inside])
    low, high = marks[:-1], marks[1:]
    value, weight = panels(low, high)
    total: Any = 0.0
    magnitude, error = size, 0.0
    for _ in range(_LEVELS):
        middle = (low + high) / 2
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
        parent = value
        value, weight = panels(low, high)
        n = parent.size
        change = np.abs(value[:n] + value[n:] - parent)
        goal = max(rtol * (magnitude + weight.sum()), _LEAST)
        rough = change > goal
        total = total + np.where(rough, 0, value[:n] + value[n:]).sum()
        magnitude += float(np.where(rough, 0, weight[:n] + weight[n:]).sum())
        error = float(change[rough].sum())
        if not rough.any():
            return total
        both = np.concatenate([rough, rough])
        low, high, value, weight = low[both], high[both], value[both], weight[both]
        if low.size > _PANELS:
            break
    total = total + value.sum()
    magnitude += float(weight.sum())
    if error > max(1e-7 * magnitude, _LEAST):
        raise ConvergenceError(
            f"an integral over ({interval.low:g}, {interval.high:g}) does not settle, and may be infinite: "
            f"{total:.6g} to within {error:.1g}",
            {"value": total, "error": error},
        )
    return total
