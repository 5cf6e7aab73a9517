"""Laws with any density: polynomials on panels that shrink towards whatever is not smooth.

The transforms of such a density are exact at any point, on the panels and beside them; the core knows them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments import available_threads
from ..errors import ConvergenceError
from ..laws import Beta, Law
from ._sources import Source

__all__ = ["Halves", "Panels"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_ORDER = 24
_GAUSS = 40
_RESOLVED = 1e-13
_MOST = 3000
_TAIL = 1e-13  # of the mass, beyond which a law without an end is cut
_HEAVY = 1e4
_CUT = 0.48713  # where two halves meet, and both are infinite: no round number
_ANGLES = math.pi * (np.arange(_ORDER) + 0.5) / _ORDER
_POINTS = np.cos(_ANGLES)
_TO_SERIES = np.cos(np.arange(_ORDER)[:, None] * _ANGLES) * np.where(np.arange(_ORDER) == 0, 1, 2)[:, None] / _ORDER
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(_GAUSS)
_AT_NODES = np.polynomial.chebyshev.chebvander(_NODES, _ORDER - 1)


class Panels(Source):
    """A law as polynomials on panels, and atoms. A law without an end is cut where 1e-13 of its mass is left.

    What lies above `upto` is left out.
    """

    def __init__(self, law: Law, upto: float = math.inf) -> None:
        super().__init__(law)
        ends = [self._cut(low, min(high, upto)) for low, high in law.support()]
        pieces = sorted([*ends, *((at, at) for at, _ in self.atoms)])
        self.gaps, last = [], -math.inf
        for low, high in pieces:
            if low > last:
                self.gaps.append((last, low))
            last = max(last, high)
        self.gaps.append((last, math.inf))
        fitted = [self._fitted(low, high) for low, high in ends]
        self._low = np.concatenate([low for low, _, _ in fitted])
        self._high = np.concatenate([high for _, high, _ in fitted])
        series = np.concatenate([series for _, _, series in fitted])
        order = np.argsort(self._low)
        self._low, self._high, series = self._low[order], self._high[order], series[order]
        half = (self._high - self._low) / 2
        continuous = (1 if math.isinf(upto) else float(law.cdf(upto))) - sum(mass for _, mass in self.atoms)
        found = float((series @ _integrals(_ORDER)) @ half)
        if not found > 0:
            raise ConvergenceError(f"free convolution: no mass was found in the density of {law!r}", {"mass": found})
        self.accuracy = max(self.accuracy, abs(found - continuous))
        self._series = series * (continuous / found)
        self.core = _core.freeprob.Panels(self._low, self._high, np.ascontiguousarray(self._series))
        self._places, self._shares = (np.array([pair[i] for pair in self.atoms], np.float64) for i in (0, 1))

    def rule(self) -> tuple[Array, Array]:
        """Points and weights for means over the part with a density."""
        half, centre = (self._high - self._low)[:, None] / 2, (self._high + self._low)[:, None] / 2
        weights = half * _WEIGHTS * np.maximum(self._series @ _AT_NODES.T, 0.0)
        return (centre + half * _NODES).ravel(), weights.ravel()

    def _cut(self, low: float, high: float) -> tuple[float, float]:
        if math.isfinite(low) and math.isfinite(high):
            return low, high
        quarter, middle, upper = self.law._ppf(np.array([0.25, 0.5, 0.75]))
        first, last = self.law._ppf(np.array([_TAIL, 1 - _TAIL]))
        out = float(low if math.isfinite(low) else first), float(high if math.isfinite(high) else last)
        if not out[1] - out[0] < _HEAVY * (upper - quarter):
            raise ValueError(
                f"free convolution: the tails of {self.law!r} are too heavy: all but {_TAIL:g} of the mass must lie"
                f" within {_HEAVY:g} times the width of the middle half, got {out} around {middle:.6g}"
            )
        self.accuracy = _TAIL
        return out

    def _fitted(self, low: float, high: float) -> tuple[Array, Array, Array]:
        """Ends of panels, and the series of each."""
        law, width = self.law, high - low
        begin, end = np.array([low]), np.array([high])
        done: list[tuple[Array, Array, Array]] = []
        least = max(1e-20 * width, 0.0)
        count = rounds = 0
        while begin.size:
            half, centre = (end - begin) / 2, (end + begin) / 2
            x = centre[:, None] + half[:, None] * _POINTS
            with np.errstate(all="ignore"):
                values = law._pdf(np.clip(x, low, high).ravel()).reshape(x.shape)
                series = values @ _TO_SERIES.T
                size = np.abs(series).max(axis=1)
                tail = np.abs(series[:, -4:]).max(axis=1)
                small = tail * half < 3e-17  # rounding of x next to an end, in units of mass
                good = np.isfinite(size) & ((tail <= _RESOLVED * size) | small)
                tiny = (2 * half <= least) | (2 * half <= 16 * np.spacing(np.maximum(np.abs(begin), np.abs(end))))
            for k in np.flatnonzero(~good & tiny):  # what is left is a lump
                mass = float(law.cdf(end[k]) - law.cdf(begin[k]) if law.cdf(centre[k]) < 0.5 else 0.0)
                mass = mass or float(law.sf(begin[k]) - law.sf(end[k]))
                inside = sum(m for at, m in self.atoms if begin[k] < at <= end[k])
                series[k] = 0
                series[k, 0] = max(mass - inside, 0.0) / (2 * half[k])
            good |= tiny
            done.append((begin[good], end[good], series[good]))
            count += int(good.sum())
            begin, end, centre = begin[~good], end[~good], centre[~good]
            if count + 2 * begin.size > _MOST:
                raise ConvergenceError(
                    f"free convolution: the density of {law!r} is too rough: {_MOST} polynomials do not resolve it",
                    {"panels": _MOST},
                )
            rounds += 1
            # An end that is rough for so long is rough until doubles end.
            shares = 0.5 ** np.arange(1.0 if rounds < 6 else 20.0, 0.0, -1.0)
            first, last = begin == low, (end == high) & (begin != low)
            cuts = [_cuts(a, b, shares) for a, b in zip(begin[first], end[first], strict=True)]
            cuts += [_cuts(b, a, shares)[::-1] for a, b in zip(begin[last], end[last], strict=True)]
            rest = ~(first | last)
            cuts += [np.array(each) for each in zip(begin[rest], centre[rest], end[rest], strict=True)]
            begin = np.concatenate([np.zeros(0), *(each[:-1] for each in cuts)])
            end = np.concatenate([np.zeros(0), *(each[1:] for each in cuts)])
        first, second, third = (np.concatenate([each[i] for each in done]) for i in range(3))
        return first, second, third

    # ---- what the solvers ask for ----

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        w = np.ascontiguousarray(w, np.complex128)
        value, change = self.core.sums(w, _threads(w))
        if self._places.size:
            g, d = _core.freeprob.atom_sums(self._places, self._shares, w, _threads(w))
            value, change = value + g, change + d
        return value, change

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        w = np.ascontiguousarray(w, np.complex128)
        out = self.core.arguments(w, _threads(w))
        if self._places.size:
            out += _core.freeprob.atom_arguments(self._places, self._shares, w, _threads(w))
        return np.asarray(out)


class Halves(Source):
    """A beta law that diverges at 1, where doubles are too far apart to see how: its upper half in 1 - x."""

    def __init__(self, law: Beta) -> None:
        super().__init__(law)
        self.lower, self.upper = Panels(law, _CUT), Panels(Beta(law.b, law.a), 1 - _CUT)
        self.accuracy = max(self.lower.accuracy, self.upper.accuracy)

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        w = np.asarray(w, np.complex128)
        g, slope = self.lower.resolvent(w)
        other, change = self.upper.resolvent(np.conj(1 - w) + 0j)
        return g - np.conj(other), slope + np.conj(change)

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        w = np.asarray(w, np.complex128)
        half = self.upper.core.mass
        return self.lower.argument(w) + (math.pi * half - self.upper.argument(np.conj(1 - w) + 0j))


def _cuts(edge: float, other: float, shares: Array) -> Array:
    """Places between an edge and another point, at shares of the way; as many as differ."""
    places = edge + (other - edge) * np.concatenate([[0.0], shares, [1.0]])
    return np.asarray(places[np.append(True, np.diff(places) != 0)])


def _threads(w: Complex) -> int:
    """To ask how many there may be takes longer than a few points."""
    return available_threads() if w.size > 100 else 1


def _integrals(count: int) -> Array:
    """int T_k(t) dt."""
    k = np.arange(count)
    return np.where(k % 2 == 0, 2 / np.where(k % 2 == 0, 1 - k * k, 1), 0.0)
