"""What a density does next to a point where it is not smooth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Corner"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Corner:
    """One side of a point at which the density is like a power of the distance, as far as `near`.

    The distribution function is `level` at the point and `cdf` at `near`, and never falls between.
    """

    at: float
    side: float
    near: float
    level: float
    cdf: float
    density: float
    power: float

    def holds(self, y: Array) -> NDArray[np.bool_]:
        """Which points are that close on this side; the point itself belongs to both."""
        away = self.side * (y - self.at)
        return (away >= 0) & (away < self.near)

    def values(self, y: Array) -> tuple[Array, Array]:
        """Density and distribution function."""
        share = np.abs(y - self.at) / self.near
        with np.errstate(divide="ignore"):
            density = self.density * share**self.power
        return density, self.level + (self.cdf - self.level) * share ** (1 + self.power)
