"""Laws with any density: polynomials on panels that shrink towards whatever is not smooth.

On a panel centre + half t, -1 <= t <= 1, the density is p(t) = sum c_k T_k(t). With tau = (w - centre) / half,

    int p(t) dt / (tau - t) = p(tau) ln((tau + 1) / (tau - 1)) - int (p(t) - p(tau)) / (t - tau) dt

is exact on the panel and next to it: the last integrand is the polynomial 2 sum' b_(j+1) T_j(t), with b the numbers of
Clenshaw's recurrence of the second kind at tau. Further away Gauss's rule is as exact. The mean of arg(w - x) is an
integral of the same kind, of the distribution function, by parts.
"""

from __future__ import annotations

import math
from itertools import pairwise

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
_NEAR = 2.6  # sum of the distances to both ends, in halves: beyond it Gauss's rule is exact to rounding
_RESOLVED = 1e-13
_MOST = 3000
_TAIL = 1e-13  # of the mass, beyond which a law without an end is cut
_HEAVY = 1e4
_CUT = 0.48713  # where two halves meet, and both are infinite: no round number
_ANGLES = math.pi * (np.arange(_ORDER) + 0.5) / _ORDER
_POINTS = np.cos(_ANGLES)
_TO_SERIES = np.cos(np.arange(_ORDER)[:, None] * _ANGLES) * np.where(np.arange(_ORDER) == 0, 1, 2)[:, None] / _ORDER
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(_GAUSS)
_AT_NODES = np.polynomial.chebyshev.chebvander(_NODES, _ORDER)


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
        self._half, self._centre = (self._high - self._low) / 2, (self._high + self._low) / 2
        continuous = (1 if math.isinf(upto) else float(law.cdf(upto))) - sum(mass for _, mass in self.atoms)
        found = float((series @ _integrals(_ORDER)) @ self._half)
        if not found > 0:
            raise ConvergenceError(f"free convolution: no mass was found in the density of {law!r}", {"mass": found})
        self.accuracy = max(self.accuracy, abs(found - continuous))
        self._series = series * (continuous / found)
        self._mass = (self._series @ _integrals(_ORDER)) * self._half
        # The distribution function of each panel, from 0 on, as a series of one more term; times the half.
        self._primitive = np.zeros((len(series), _ORDER + 1))
        for k, each in enumerate(self._series):
            self._primitive[k] = np.polynomial.chebyshev.chebint(each, lbnd=-1) * self._half[k]
        self._nodes = (self._centre[:, None] + self._half[:, None] * _NODES).ravel()
        self._masses = self._rule(self._series)
        self._places, self._shares = (np.array([pair[i] for pair in self.atoms], np.float64) for i in (0, 1))

    def _rule(self, series: Array) -> Array:
        return np.asarray((self._half[:, None] * _WEIGHTS * (series @ _AT_NODES[:, : series.shape[1]].T)).ravel())

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
        count = 0
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
            begin, end = np.concatenate([begin, centre]), np.concatenate([centre, end])
        first, second, third = (np.concatenate([each[i] for each in done]) for i in range(3))
        return first, second, third

    # ---- what the solvers ask for ----

    def _sums(self, series: Array, masses: Array, w: Complex, slope: bool = True) -> tuple[Complex, Complex]:
        """sum over panels of int p dx / (w - x) and its derivative, w in the closed upper half-plane."""
        w = np.where(w.imag > 0, w, w.real + 0j)
        value, change = np.zeros_like(w), np.zeros_like(w)
        tau = (w[:, None] - self._centre) / self._half
        near = np.abs(tau - 1) + np.abs(tau + 1) < _NEAR
        threads = available_threads()
        first = np.where(near.any(axis=1), near.argmax(axis=1), 0)
        last = np.where(near.any(axis=1), near.shape[1] - near[:, ::-1].argmax(axis=1), 0)
        groups, which = np.unique(first * (near.shape[1] + 1) + last, return_inverse=True)
        order = np.argsort(which, kind="stable")
        cuts = np.searchsorted(which[order], np.arange(groups.size + 1))
        for a, b in pairwise(cuts.tolist()):
            mine = order[a:b]
            points = np.ascontiguousarray(w[mine])
            for part in (slice(0, first[mine[0]] * _GAUSS), slice(last[mine[0]] * _GAUSS, None)):
                if masses[part].size:
                    g, d = _core.freeprob.atom_sums(self._nodes[part], masses[part], points, threads)
                    value[mine] += g
                    change[mine] += d
        index = np.arange(near.shape[1])
        between = (index >= first[:, None]) & (index < last[:, None]) & ~near
        for i, k in zip(*np.nonzero(between), strict=True):
            inverse = 1 / (w[i] - self._nodes[k * _GAUSS : (k + 1) * _GAUSS])
            each = masses[k * _GAUSS : (k + 1) * _GAUSS]
            value[i] += each @ inverse
            change[i] -= each @ inverse**2
        i, k = np.nonzero(near)
        if i.size:
            # Distances to the ends have digits that tau does not have.
            g, d = _next_to(series[k], tau[i, k], *((w[i] - end[k]) / self._half[k] for end in (self._low, self._high)))
            np.add.at(value, i, g)
            np.add.at(change, i, d / self._half[k])
        return value, change

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        w = np.asarray(w, np.complex128)
        value, change = self._sums(self._series, self._masses, w)
        if self._places.size:
            g, d = _core.freeprob.atom_sums(self._places, self._shares, np.ascontiguousarray(w), available_threads())
            value, change = value + g, change + d
        return value, change

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x): with the distribution function R, R arg(w - high) + Im int R dx / (w - x) a panel."""
        w = np.asarray(w, np.complex128)
        w = np.where(w.imag > 0, w, w.real + 0j)
        out = self._sums(self._primitive, self._rule(self._primitive), w)[0].imag
        out = out + np.angle(w[:, None] - self._high + 0j) @ self._mass
        if self._places.size:
            out += _core.freeprob.atom_arguments(
                self._places, self._shares, np.ascontiguousarray(w), available_threads()
            )
        return np.asarray(out)


class Halves(Source):
    """A beta law that diverges at 1, where doubles are too far apart to see how: its upper half in 1 - x."""

    def __init__(self, law: Beta) -> None:
        super().__init__(law)
        self._lower, self._upper = Panels(law, _CUT), Panels(Beta(law.b, law.a), 1 - _CUT)
        self.accuracy = max(self._lower.accuracy, self._upper.accuracy)

    def resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G'."""
        w = np.asarray(w, np.complex128)
        g, slope = self._lower.resolvent(w)
        other, change = self._upper.resolvent(np.conj(1 - w) + 0j)
        return g - np.conj(other), slope + np.conj(change)

    def argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        w = np.asarray(w, np.complex128)
        half = float(self._upper._mass.sum())
        return self._lower.argument(w) + (math.pi * half - self._upper.argument(np.conj(1 - w) + 0j))


def _integrals(count: int) -> Array:
    """int T_k(t) dt."""
    k = np.arange(count)
    return np.where(k % 2 == 0, 2 / np.where(k % 2 == 0, 1 - k * k, 1), 0.0)


def _next_to(series: Array, tau: Complex, above: Complex, below: Complex) -> tuple[Complex, Complex]:
    """int p(t) dt / (tau - t) and its derivative, of series (pairs, n) at tau (pairs), on [-1, 1] or next to it.

    above and below are tau + 1 and tau - 1.
    """
    n = series.shape[1]
    weights = 2 * _integrals(n)
    weights[0] /= 2
    one, two = np.zeros_like(tau), np.zeros_like(tau)  # b_(j+1), b_(j+2)
    d_one, d_two = np.zeros_like(tau), np.zeros_like(tau)
    rest, d_rest = np.zeros_like(tau), np.zeros_like(tau)
    for j in range(n - 1, 0, -1):
        one, two, d_one, d_two = (
            series[:, j] + 2 * tau * one - two,
            one,
            2 * one + 2 * tau * d_one - d_two,
            d_one,
        )
        rest += weights[j - 1] * one
        d_rest += weights[j - 1] * d_one
    value, slope = series[:, 0] + tau * one - two, one + tau * d_one - d_two
    with np.errstate(all="ignore"):
        # ln(tau + 1) - ln(tau - 1), from above: the imaginary parts are arguments in [0, pi].
        log = np.log(above + 0j) - np.log(np.where(below.imag > 0, below, below.real + 0j))
        jump = 1 / above - 1 / below
        return value * log - rest, slope * log + value * jump - d_rest
