"""A law seen from far away: there omega - c is little next to omega, and comes from moments without a difference.

With F = 1/G, w = omega and the centre m: h = w - m - F is what the moments about m say. Sums have p - c = m + h, and
products, where c = ln(w / (w - F)), have p - c = ln(m + h).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..laws import Discrete, Law
from ..laws._affine import Affine
from ..laws._point_masses import PointMasses
from ._sources import Slopes, Source

__all__ = ["Far"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_FAR_OUT, _MOMENTS = 16.0, 15  # radii, beyond which that many moments are exact to 16^-15


class Far:
    """What a source looks like from afar; about its mean if it is `narrow`, else, of many copies, about 0."""

    def __init__(self, source: Source, *, product: bool, narrow: bool) -> None:
        self.product = product
        self.centre = float(source.law.mean()) if narrow else 0.0
        self.radius = max(abs(end - self.centre) for end in source.hull)
        if narrow and isinstance(source, Slopes):
            self._scaled_moments = source.centred_moments(_MOMENTS, self.radius)
        else:
            unit = (_centred(source.law) if narrow else source.law).scale(1 / self.radius)
            self._scaled_moments = np.array([float(unit.moment(k)) for k in range(1, _MOMENTS + 1)])
        if narrow or abs(self._scaled_moments[0]) < 1e-15:  # rounding of what was centred
            self._scaled_moments[0] = 0.0

    def holds(self, w: Any) -> NDArray[np.bool_]:
        """Where the moments say all."""
        return np.asarray(np.abs(w - self.centre) > _FAR_OUT * self.radius)

    def _sums(self, v: Any) -> tuple[Any, Any, Any]:
        """S = sum m_k / v^k, which is v G - 1, v S, and sum (k - 1) m_k / v^k."""
        x = self.radius / v
        total, bent = np.zeros_like(x), np.zeros_like(x)
        for k in range(_MOMENTS, 0, -1):
            total = total * x + self._scaled_moments[k - 1]
            bent = bent * x + (k - 1) * self._scaled_moments[k - 1]
        return total * x, total * self.radius, bent * x

    def excess(self, w: Any) -> tuple[Any, Any]:
        """p - c and 1 - dp/dc."""
        small, less, bent = self._sums(w - self.centre)
        change = bent - small * small  # (F' - 1) (v G)^2
        less, bend = less / (1 + small), change / ((1 + small) ** 2 + change)
        if not self.product:
            return self.centre + less, bend
        change = -w * bend / (1 - bend) / (self.centre + less)
        return np.log(self.centre + less), -change / (1 - change)

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x), less arg F; for a product plus arg y."""
        v = w - self.centre
        x = self.radius / v
        total = np.zeros_like(x)
        for k in range(_MOMENTS, 0, -1):
            total = total * x + self._scaled_moments[k - 1] / k
        small, less, _ = self._sums(v)
        out = np.angle(1 + small) - (total * x).imag
        return np.asarray(out + np.angle(self.centre + less / (1 + small)) if self.product else out)


def _centred(law: Law) -> Law:
    """The law about its mean; of what was scaled and shifted, the base about its own."""
    if isinstance(law, Affine):
        return _centred(law.base).scale(law.factor)
    mean = float(law.mean())
    return Discrete(law.locations - mean, law.masses) if isinstance(law, PointMasses) else law.shift(-mean)
