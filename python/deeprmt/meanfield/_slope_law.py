"""The law of the slopes phi'(h) of a layer, or of their squares, for h ~ N(0, q)."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from .. import _core
from .._arguments import as_number, shown
from .._pieces import Derivative
from ..activations import Activation, as_activation
from ..errors import ConvergenceError
from ..laws import Discrete, Law, Mixture, Point, squared_slope
from ._moments import least_variance, mean_of, slope_masses
from ._squared_slopes import Factor, phases, squared_slopes

__all__ = ["SlopeLaw", "slope_law"]

Array = NDArray[np.float64]
Piece = tuple[float, float, float, float]
_resolved = 1e-13  # less of phi' than that are a few steps of doubles, and no law
_reach = 12.0  # standard deviations; a mass of 4e-33 is beyond


def slope_law(activation: str | Activation, q: float, *, squared: bool = False) -> Law:
    """The law of phi'(h), h ~ N(0, q): of the entries of a layer's diagonal D.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    q : float
        Variance of the preactivations, >= 0; at 0 the limit from above.
    squared : bool
        Of phi'(h)^2 instead, the eigenvalues of D^2.

    Returns
    -------
    Law
        `laws.Discrete` for what is piecewise linear, whose tiny masses keep their digits; of tanh and erf those of
        `laws.squared_slope`, or their square roots; else a law with a density, and atoms where phi is linear on a
        stretch. Quantiles and distribution functions to about 1e-14, densities to 1e-9, of squares to 1e-11.

    Examples
    --------
    >>> slope_law("hard_tanh", 0.5).atoms()
    [(0.0, 0.157299207050285...), (1.0, 0.842700792949714...)]
    >>> law = slope_law("tanh", 0.5)
    >>> round(float(law.cdf(0.5)), 12), round(float(law.mean()), 12)
    (0.212599058437, 0.726323692063)
    """
    activation = as_activation("slope_law", activation)
    q = max(as_number("slope_law", "q", q, least=0), least_variance)
    if not isinstance(squared, bool):
        raise TypeError(f"slope_law: squared must be True or False, got {shown(squared)}")
    if activation.slopes is not None:
        values, masses = slope_masses(activation, q)
        return Discrete(values**2 if squared else values, masses)
    reach = _reach * math.sqrt(q)
    ends = np.array([-reach, -1e-3 * reach, 1e-3 * reach, reach])
    slopes = np.asarray(activation.dphi(ends), dtype=float)
    if np.isfinite(slopes).all() and np.abs(slopes - slopes[[1, 1, 2, 2]]).max() <= _resolved * np.abs(slopes).max():
        # So narrow that on either side of 0 phi' is one number, to rounding.
        sides = slopes[1:3] if abs(slopes[1] - slopes[2]) > _resolved * np.abs(slopes).max() else slopes[1:2]
        return Discrete(sides**2 if squared else sides, np.full(sides.size, 1 / sides.size))
    known = next((name for name in ("tanh", "erf", "erf_unit") if as_activation("slope_law", name) == activation), None)
    if known is not None and 1e-12 <= q <= 1e4:  # closed forms
        return squared_slope(known, q) if squared else squared_slope(known, q).power(0.5)
    return SlopeLaw(activation, q, squared)


def diagonal_law(factor: Factor, scale: float) -> Law:
    """Of as many eigenvalues as the output has entries: the slopes' squares times `scale` and the factor's width, and 0
    for the others. For 1 / (y S) = width omega / (1 + width y), of which poles take the denominator away.
    """
    law = slope_law(factor.slopes.activation, factor.slopes.q, squared=True).scale(scale * factor.width)
    return law if factor.width == 1 else Mixture([(1 / factor.width, law), (1 - 1 / factor.width, Point(0.0))])


class SlopeLaw(Law):
    """The law of phi'(h), or of its square, h ~ N(0, q), for a phi that bends; made by `slope_law`.

    Examples
    --------
    >>> law = slope_law("gelu", 1.0)
    >>> low, high = law.support()[0]
    >>> round(low, 8), round(high, 8)  # phi' turns at h = -sqrt 2 and sqrt 2
    (-0.12890415, 1.12890415)
    >>> round(float(law.mean()), 12)
    0.5
    """

    def __init__(self, activation: Activation, q: float, squared: bool) -> None:
        self.activation, self.q, self.squared = activation, q, squared
        self._root = math.sqrt(q)
        self._pieces: list[Piece] = []  # ends in h, values there
        self._flat: dict[float, float] = {}  # atoms
        self._period = phases(activation, q, both_signs=not squared)
        reach = _reach * self._root
        ends = self._period or [-reach, *(k for k in activation.kinks if abs(k) < reach), reach]
        for low, high in pairwise(ends):
            self._split(low, high)

    def __repr__(self) -> str:
        return f"SlopeLaw({self.activation.name!r}, q={self.q:g}{', squared=True' if self.squared else ''})"

    def _value(self, h: Any) -> Array:
        slope = np.asarray(self.activation.dphi(np.asarray(h, dtype=float)), dtype=float)
        return slope * slope if self.squared else slope

    @property
    def _even(self) -> bool:
        return self.activation.parity == -1 or (self.activation.parity == 1 and self.squared)

    def _turning(self, h: Array) -> Array:
        """What changes sign where the value turns: its slope."""
        slope = _differences(self.activation.dphi, h, 2.0 ** round(math.log2(0.01 * min(1.0, self._root))))
        return np.asarray(2 * self.activation.dphi(h) * slope if self.squared else slope, dtype=float)

    def _split(self, low: float, high: float) -> None:
        """Monotone pieces between two kinks."""
        nudge = 1e-13 * min(1.0, self._root)
        a, b = low + nudge + 4 * np.spacing(abs(low)), high - nudge - 4 * np.spacing(abs(high))
        # What is even turns at 0, and is looked at on one side: rounding shall not say where it turns.
        mirrored = self._even and low == -high
        if mirrored:
            a = 0.0
        unit = np.linspace(0, 1, 4001)
        close = np.linspace(-8, 8, 3201)
        h = np.unique(
            np.concatenate([a + (b - a) * unit, close[(close > a) & (close < b)], [0.0] if a < 0 < b else []])
        )
        h = h[np.concatenate([[True], np.diff(h) > 1e-7 * min(1.0, self._root)])]
        h[-1] = b
        values = self._value(h)
        bad = ~np.isfinite(values)
        if bad.any():
            raise ConvergenceError(
                f"slope_law: phi' of {self.activation.name} is not finite at h = {h[bad][0]:g}", {"h": float(h[bad][0])}
            )
        # Derivatives that are known from phi alone are rounded more.
        exact = not isinstance(self.activation.dphi, Derivative)
        tolerance = (1e-14 if exact else 1e-10) * np.abs(values).max()
        if np.ptp(values) <= tolerance:
            mass = self._mass(np.asarray(low), high)
            where = float(values[len(values) // 2])
            where = where if exact else round(where, 10)
            self._flat[where] = self._flat.get(where, 0.0) + float(mass)
            return
        # What turns back by less than rounding does not turn.
        rise = np.sign(np.diff(values))
        steps = np.flatnonzero(rise)  # level steps, as in tails that are 0, belong to their neighbours
        extremes = [(int(i) + 1, int(j)) for i, j in pairwise(steps) if rise[i] != rise[j]]
        turns = [a]
        for i, j in _turns(values, extremes, tolerance):
            turns.append(self._turn(float(h[i - 1]), float(h[i]), float(h[j]), float(h[j + 1])))
        turns.append(float(b))
        if mirrored:
            turns = [-t for t in turns[:0:-1]] + turns
        if len(turns) > 4000:
            raise ConvergenceError(
                f"slope_law: phi' of {self.activation.name} turns more than 4000 times at q = {self.q:g}",
                {"turns": len(turns)},
            )
        at = self._value(np.array(turns))
        pieces = [
            (x, y, float(u), float(v)) for (x, y), (u, v) in zip(pairwise(turns), pairwise(at), strict=True) if u != v
        ]
        if pieces and high == _reach * self._root:
            pieces[-1] = self._beyond(pieces[-1], 1.0)
        if pieces and low == -_reach * self._root:
            pieces[0] = self._beyond(pieces[0], -1.0)
        self._pieces += pieces

    def _beyond(self, piece: Piece, side: float) -> Piece:
        """The piece with its end far out, if it goes on as it does: what is there has no mass, but is support."""
        a, b, at_a, at_b = piece
        far = side * max(1.0, _reach * self._root) * np.array([2.0, 10.0, 1e3, 1e6])
        with np.errstate(over="ignore", invalid="ignore"):
            values = self._value(far)
        along = np.concatenate([[at_a, at_b] if side > 0 else [at_b, at_a], values])
        if not (np.isfinite(values).all() and (np.diff(along) * np.sign(along[1] - along[0]) >= 0).all()):
            return piece
        end = float(values[-1]) if abs(values[-1]) <= 10 * abs(values[-2]) else math.copysign(math.inf, values[-1])
        if abs(end) < 1e-9 * max(abs(at_a), abs(at_b)):
            end = 0.0
        return (a, float(far[-1]), at_a, end) if side > 0 else (float(far[-1]), b, end, at_b)

    def _turn(self, a: float, b: float, c: float, d: float) -> float:
        """The turn between the step from a to b and that from c to d, in opposite directions."""
        ends = self._turning(np.array([a, d]))
        if b == c and ends[0] * ends[1] < 0:
            return float(optimize.brentq(lambda h: float(self._turning(np.array([h]))[0]), a, d, xtol=1e-14))
        return (b + c) / 2

    # ---- what a law states ----

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        merged: list[list[float]] = []
        for low, high in sorted((min(u, v), max(u, v)) for *_, u, v in self._pieces):
            if merged and low <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], high)
            else:
                merged.append([low, high])
        return [(low, high) for low, high in merged]

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        return sorted(self._flat.items())

    def _roots(self, x: Array, piece: Piece) -> Array:
        """h on a monotone piece with that value."""
        a, b, at_a, at_b = piece
        low, high = np.full(x.shape, a), np.full(x.shape, b)
        rising = at_b > at_a
        for _ in range(70):
            middle = (low + high) / 2
            left = (self._value(middle) < x) == rising
            low, high = np.where(left, middle, low), np.where(left, high, middle)
        return np.asarray((low + high) / 2)

    def _below(self, x: Array, above: bool) -> Array:
        """The mass at most x, or above it: each summed from small masses, so that neither loses digits."""
        total = np.zeros_like(x)
        for location, mass in self._flat.items():
            total += np.where((x < location) == above, mass, 0.0)
        for piece in self._pieces:
            a, b, at_a, at_b = piece
            least, most = min(at_a, at_b), max(at_a, at_b)
            # What lies beyond 12 standard deviations counts with the outermost pieces.
            left = -math.inf if a <= -_reach * self._root * (1 - 1e-9) else a
            right = math.inf if b >= _reach * self._root * (1 - 1e-9) else b
            if self._period is not None:  # up to its ends, off which the piece was nudged
                start, end = self._period
                left = start if a - start < 1e-9 else a
                right = end if end - b < 1e-9 else b
            inside = (x >= least) & (x < most)
            h = np.full(x.shape, math.nan)
            if inside.any():
                h[inside] = self._roots(x[inside], piece)
            # The side of the root on which values are wanted.
            to_left = (at_b > at_a) != above
            part = self._mass(left, h) if to_left else self._mass(h, right)
            whole = self._mass(np.full(x.shape, left), right)
            total += np.where(inside, part, np.where((x >= most) != above, whole, 0.0))
        return np.asarray(np.clip(total, 0.0, 1.0))

    def _cdf(self, x: Array) -> Array:
        return self._below(x, above=False)

    def _sf(self, x: Array) -> Array:
        return self._below(x, above=True)

    def _pdf(self, x: Array) -> Array:
        total = np.zeros_like(x)
        for piece in self._pieces:
            *_, at_a, at_b = piece
            inside = (x >= min(at_a, at_b)) & (x <= max(at_a, at_b))
            if not inside.any():
                continue
            h = self._roots(x[inside], piece)
            slope = x[inside] * self._log_slope(h, piece) if self.squared else self._turning(h)
            normal = np.exp(-h * h / (2 * self.q)) / (self._root * math.sqrt(2 * math.pi))
            if self._period is not None:
                normal = np.full_like(h, 1 / (self._period[1] - self._period[0]))
            with np.errstate(divide="ignore", invalid="ignore"):  # infinite where the slope turns
                total[inside] += np.where(normal == 0, 0.0, normal / np.abs(slope))
        return total

    def _log_slope(self, h: Array, piece: Piece) -> Array:
        """The slope of ln phi'^2, whose differences keep their digits however small that is; where phi' goes through 0
        nearby, by those of phi', which is smooth.
        """
        a, b, at_a, at_b = piece
        near, dphi = min(1.0, self._root), self.activation.dphi
        least, step = 1e-20 * max(max(pair[2:]) for pair in self._pieces), 0.004 * near
        zeros = [end for end, value in ((a, at_a), (b, at_b)) if value < least and abs(end) < _reach * self._root]
        close = np.min([np.full_like(h, math.inf), *(np.abs(h - end) for end in zeros)], axis=0) < near
        out = np.empty_like(h)
        for mine, function in ((close, dphi), (~close, lambda h: np.log(np.abs(dphi(h))))):
            with np.errstate(divide="ignore", invalid="ignore"):
                out[mine] = 2 * _differences(function, h[mine], step) / (dphi(h[mine]) if mine is close else 1.0)
        return out

    def _mass(self, low: Any, high: Any) -> Array:
        """P(low < h < high)."""
        if self._period is not None:
            return np.asarray((high - low) / (self._period[1] - self._period[0]))
        return _mass(low / self._root, high / self._root)

    def _ppf(self, q: Array) -> Array:
        if self._period is not None:
            return super()._ppf(q)
        if len(self._pieces) == 2 and not self._flat and self.activation.parity != 0:
            first, second = self._pieces
            if first[1] == second[0] == 0 and first[3] > first[2]:  # it falls with |h|
                return self._value(self._root * special.ndtri(q / 2))
        if len(self._pieces) == 1 and not self._flat:
            *_, at_a, at_b = self._pieces[0]
            return self._value(self._root * special.ndtri(q if at_b > at_a else 1 - q))
        return super()._ppf(q)

    def _rvs(self, count: int, key: int) -> Array:
        z = np.empty(count)
        _core.random.normals(key, 0, 0, 0, z)
        return self._value(self._root * z)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Over h, but on the values that there are, where only the density knows the pole."""
        reach = _reach * self._root
        values = self._value(np.clip([end for piece in self._pieces for end in piece[:2]], -reach, reach))
        low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
        margin = 0.01 * (high - low)
        away = np.maximum(np.abs(z.imag), np.maximum(low - z.real, z.real - high)) > margin
        for location in self._flat:
            away &= np.abs(z - location) > margin
        out = np.empty(z.shape, complex)
        out[away] = [self._mean_pole(complex(each)) for each in z[away]]
        adaptive = ~away & (z.imag != 0) & self.squared  # on panels of h that halve towards the pole
        out[adaptive] = [self._solver_pole(complex(each)) for each in z[adaptive]]
        rest = ~(away | adaptive)
        if rest.any():
            out[rest] = super()._stieltjes(z[rest])
        return out

    def _solver_pole(self, z: complex) -> complex:
        upper = complex(z.real, abs(z.imag))
        m: complex = -Factor(squared_slopes(self.activation, self.q), 1.0, 1.0).core.moments(upper)[1] / upper
        return m if z.imag > 0 else m.conjugate()

    def _mean_pole(self, z: complex) -> complex:
        """Both parts are known as well as the whole."""

        def mean(part: Callable[[Any], Any]) -> float:
            def pole(h: Array) -> Any:
                return 1 / (self._value(h) - z)

            return mean_of(self.activation, self.q, lambda h: part(pole(h)), lambda h: np.abs(pole(h)))

        return complex(mean(np.real), mean(np.imag))

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        """Over h."""
        parts = [lambda h: np.real(function(self._value(h)))]
        if np.iscomplexobj(function(self._value(np.zeros(1)))):
            parts.append(lambda h: np.imag(function(self._value(h))))
        means = [mean_of(self.activation, self.q, part) for part in parts]
        return complex(*means) if len(means) == 2 else means[0]


def _turns(values: Array, extremes: list[tuple[int, int]], tolerance: float) -> list[tuple[int, int]]:
    """The extremes from which the values turn back by more than the tolerance."""
    out: list[tuple[int, int]] = []
    start, direction, furthest = float(values[0]), 0.0, (0, 0)
    for each in [*extremes, (len(values) - 1, 0)]:
        value = float(values[each[0]])
        ahead = (value - float(values[furthest[0]])) * direction
        if direction == 0:
            if abs(value - start) > tolerance:
                direction, furthest = math.copysign(1.0, value - start), each
        elif ahead >= 0:
            furthest = each
        elif ahead < -tolerance:
            out.append(furthest)
            direction, furthest = -direction, each
    return out


def _differences(function: Callable[[Array], Any], h: Array, step: float) -> Any:
    """The slope, to the step to the power 6."""
    weights = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
    return sum(w * (function(h + k * step) - function(h - k * step)) for k, w in weights) / step


def _mass(low: Any, high: Any) -> Array:
    """P(low < Z < high) from the nearer tails."""
    low, high = np.asarray(low), np.asarray(high)
    upper = special.ndtr(-low) - special.ndtr(-high)
    return np.asarray(np.where(low > 0, upper, special.ndtr(high) - special.ndtr(low)))
