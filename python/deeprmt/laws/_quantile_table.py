"""Quantiles of a law whose distribution function is dear: from polynomials on panels, made once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ._quantile import _pieces, quantile

if TYPE_CHECKING:
    from ._law import Law

Array = NDArray[np.float64]

_degree = 15
_nodes = np.cos(math.pi * (np.arange(_degree + 1) + 0.5) / (_degree + 1))
_to_coefficients = np.linalg.inv(chebyshev.chebvander(_nodes, _degree))
_settled = 1e-12
# The panels' coordinate ends here if the support begins at 0.
_least = 1e-300
# Levels this close to 0 and 1 are solved for; the others are read from the table.
_rare = 1e-6


def tabled(law: Law, q: Array, few: int) -> Array:
    """Quantiles of a law at levels q in (0, 1): from a table that the law keeps, where they are not few."""
    if q.size < few:
        return quantile(law, q)
    table = vars(law).get("_quantiles")
    if table is None:
        table = vars(law)["_quantiles"] = Table(law._cdf, _pieces(law), rare=_rare)
    rare = np.minimum(q, 1 - q) < _rare
    out = np.empty_like(q)
    out[~rare] = table.ppf(q[~rare])
    # Where the table cannot tell, as below the range of doubles, the equation is solved.
    rare |= np.isnan(np.where(rare, 0.0, out))
    if rare.any():
        out[rare] = quantile(law, q[rare])
    return out


class Table:
    """The distribution function on each stretch between edges and atoms, as polynomials that can be inverted.

    The coordinate is an angle that resolves square-root edges: of x, or of ln x where a stretch spans a factor of 10 or
    begins at 0. Panels are halved until their last coefficients are 1e-12 or less.

    Parameters
    ----------
    cdf : callable
    pieces : sequence of (low, high, mass up to high)
        In order; low = high is an atom.
    rare : float
        Levels closer than that to 0 and 1 are not asked for.
    """

    def __init__(
        self, cdf: Callable[[Array], Array], pieces: Sequence[tuple[float, float, float]], *, rare: float
    ) -> None:
        self._pieces = pieces
        self._tops = np.maximum.accumulate([top for *_, top in pieces])
        self._stretches = {i: _Stretch(cdf, a, b, rare) for i, (a, b, _) in enumerate(pieces) if b > a}

    def ppf(self, q: Array) -> Array:
        """Quantiles; NaN below what the table reaches."""
        which = np.minimum(np.searchsorted(self._tops, q, side="left"), len(self._pieces) - 1)
        out = np.array([a for a, *_ in self._pieces])[which]
        for i, stretch in self._stretches.items():
            mine = which == i
            if mine.any():
                out[mine] = stretch.ppf(q[mine])
        return out


class _Stretch:
    def __init__(self, cdf: Callable[[Array], Array], low: float, high: float, rare: float) -> None:
        self._low, self._high = low, high
        self._in_logs = 0 <= 10 * low < high
        # Less than rounding of x makes of it cannot be asked for.
        settled = max(_settled, 16 * math.ulp(max(abs(low), abs(high))) / (high - low))
        if low == 0:  # the angle of the upper edge alone: ln x = ln high - v^2
            base, last = float(cdf(np.array([0.0]))[0]), math.sqrt(math.log(high) - math.log(_least))
            ends = np.linspace(0, last, 14)
            mass = cdf(self._x(ends)) - base
            enough = np.flatnonzero(mass < 0.1 * rare)
            self._ends = np.linspace(0, ends[enough[0] if enough.size else -1], 17)
        else:
            self._ends = np.linspace(0, math.pi, 17)
        panels = [(a, b) for a, b in zip(self._ends[:-1], self._ends[1:], strict=True)]
        done: list[tuple[float, float, Array]] = []
        for _ in range(12):
            a, b = np.array(panels).T
            v = (a + b)[:, None] / 2 + (b - a)[:, None] / 2 * _nodes
            coefficients = cdf(self._x(v.ravel())).reshape(v.shape) @ _to_coefficients.T
            good = np.abs(coefficients[:, -2:]).max(axis=1) < settled
            done += [(*panels[i], coefficients[i]) for i in np.flatnonzero(good)]
            panels = [
                half for i in np.flatnonzero(~good) for half in ((a[i], (a[i] + b[i]) / 2), ((a[i] + b[i]) / 2, b[i]))
            ]
            if not panels or len(panels) > 400:
                break
        # What is too steep to tell is left to others.
        self._settled, self._any = settled, bool(done)
        if not done:
            return
        done.sort(key=lambda panel: panel[0])
        self._a = np.array([a for a, *_ in done])
        self._b = np.array([b for _, b, _ in done])
        self._c = np.array([c for *_, c in done])
        self._slope = chebyshev.chebder(self._c, axis=1)
        at_a, at_b = self._c @ (-1.0) ** np.arange(_degree + 1), self._c.sum(axis=1)
        self._least, self._most = np.minimum(at_a, at_b), np.maximum(at_a, at_b)
        self._rises = bool(at_b[-1] > at_a[0])

    def _x(self, v: Array) -> Array:
        low, high = self._low, self._high
        if low == 0:
            return np.maximum(high * np.exp(-v * v), _least)
        share = (1 - np.cos(v)) / 2
        return low * (high / low) ** share if self._in_logs else low + (high - low) * share

    def ppf(self, q: Array) -> Array:
        if not self._any:
            return np.full(q.shape, np.nan)
        order = np.argsort(self._least)
        place = np.clip(np.searchsorted(self._least[order], q, side="right") - 1, 0, len(order) - 1)
        k = order[place]
        known = (q >= self._least[k] - self._settled) & (q <= self._most[k] + self._settled)
        c, slope = self._c[k], self._slope[k]
        low, high, t = np.full(q.shape, -1.0), np.ones(q.shape), np.zeros(q.shape)
        for _ in range(60):
            excess = _values(c, t) - q
            above = (excess > 0) == self._rises
            low, high = np.where(above, low, t), np.where(above, t, high)
            with np.errstate(all="ignore"):
                new = t - excess / _values(slope, t)
            new = np.where((new >= low) & (new <= high), new, (low + high) / 2)
            if np.all(np.abs(new - t) < 1e-14):
                break
            t = new
        v = (self._a + self._b)[k] / 2 + (self._b - self._a)[k] / 2 * t
        return np.where(known, self._x(v), np.nan)


def _values(c: Array, t: Array) -> Array:
    """Clenshaw's sum, each row of c at its own t."""
    b1 = b2 = np.zeros_like(t)
    for j in range(c.shape[1] - 1, 0, -1):
        b1, b2 = c[:, j] + 2 * t * b1 - b2, b1
    return c[:, 0] + t * b1 - b2
