"""The law of the slopes phi'(h) of a layer, or of their squares, for h ~ N(0, q)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, lru_cache
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
from ..laws._power import Power
from ._moments import least_variance, mean_of, slope_masses
from ._slope_poles import Segment, SlopePoles
from ._squared_slopes import Factor, phases

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
        return squared_slope(known, q) if squared else _RootLaw(known, q)
    return SlopeLaw(activation, q, squared)


def diagonal_law(factor: Factor, scale: float) -> Law:
    """Of as many eigenvalues as the output has entries: the slopes' squares times `scale` and the factor's width, and 0
    for the others. For 1 / (y S) = width omega / (1 + width y), of which poles take the denominator away.
    """
    law = slope_law(factor.slopes.activation, factor.slopes.q, squared=True).scale(scale * factor.width)
    return law if factor.width == 1 else Mixture([(1 / factor.width, law), (1 - 1 / factor.width, Point(0.0))])


class _RootLaw(Power):
    """The square root of a law of `laws.squared_slope`, whose Stieltjes transform is one over h."""

    def __init__(self, known: str, q: float) -> None:
        super().__init__(squared_slope(known, q), 0.5)
        self._set(_known=known, _q=q)

    @property
    def _over_h(self) -> SlopeLaw:
        return _slope_law_of(self._known, self._q)  # type: ignore[attr-defined]

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return self._over_h._stieltjes(z)


@lru_cache(maxsize=32)
def _slope_law_of(known: str, q: float) -> SlopeLaw:
    return SlopeLaw(as_activation("slope_law", known), q, False)


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

    def __getstate__(self) -> dict[str, Any]:
        return {name: each for name, each in vars(self).items() if name != "_resolvent"}  # made again where wanted

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
        if self.squared:  # where phi' goes through 0
            at[at < 1e-25 * np.abs(values).max()] = 0.0
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
            self._beside_turns(x[inside], piece, h, slope)
            normal = np.exp(-h * h / (2 * self.q)) / (self._root * math.sqrt(2 * math.pi))
            if self._period is not None:
                normal = np.full_like(h, 1 / (self._period[1] - self._period[0]))
            with np.errstate(divide="ignore", invalid="ignore"):  # infinite where the slope turns
                total[inside] += np.where(normal == 0, 0.0, normal / np.abs(slope))
        return total

    def _beside_turns(self, x: Array, piece: Piece, h: Array, slope: Array) -> None:
        """Where the slope goes to 0, h and the slope from how far x is from the value at the turn."""
        for turn in self._resolvent.turns:
            for end, side in ((piece[0], 1.0), (piece[1], -1.0)):
                if abs(turn.place - end) > 1e-6 * min(1.0, self._root) or turn.side == -side:
                    continue
                rise = x - turn.value
                near = rise * turn.first >= 0
                near &= np.abs(rise) < abs(turn.rise(0.5 * side))
                if near.any():
                    s = turn.solve(rise[near], side)
                    h[near] = turn.place + turn.radius * s
                    slope[near] = s ** (turn.order - 1) * turn.slope(s) / turn.radius

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

    @cached_property
    def _resolvent(self) -> SlopePoles:
        """Over h, where the poles of 1 / (phi' - z) are."""
        if self._period is not None:
            start, end = self._period
            density = 1 / (end - start)

            def weight(h: Any) -> Any:
                return density + 0 * h

            width = (end - start) / 16
        else:
            height = 1 / (self._root * math.sqrt(2 * math.pi))

            def weight(h: Any) -> Any:
                return height * np.exp(-((h / self._root) ** 2) / 2)

            width = min(1.0, 0.5 * self._root) if self._root < 8 else 1.0
        exact = not isinstance(self.activation.dphi, Derivative)
        return SlopePoles(self._value, weight, self._segments(), width, 2e-15 if exact else 1e-12)

    def _segments(self) -> list[Segment]:
        """The smooth stretches of h, up to 30 standard deviations where phi' goes on as it does."""
        reach = _reach * self._root
        inner = [k for k in self.activation.kinks if abs(k) < reach] if self._period is None else []
        far = 30.0 * self._root
        size = max((max(abs(u), abs(v)) for *_, u, v in self._pieces), default=0.0)
        out = []
        start, stop = self._period or (-reach, reach)
        for low, high in pairwise([start, *inner, stop]):
            mine = [
                piece for piece in self._pieces if low <= (max(piece[0], -reach) + min(piece[1], reach)) / 2 <= high
            ]
            if not mine:
                continue
            turns = [(b, v) for (_, b, _, v), (a, *_) in pairwise(mine) if a == b]
            left, right = low, high
            if self._period is None:
                later = [k for k in self.activation.kinks if abs(k) >= reach]
                if low == -reach and mine[0][0] < -reach:
                    left = max(-far, mine[0][0], *(k for k in later if k < 0))
                if high == reach and mine[-1][1] > reach:
                    right = min(far, mine[-1][1], *(k for k in later if k > 0))
            if low in inner:
                turns.insert(0, (low, mine[0][2]))
            elif self._period:
                turns.insert(0, (start, mine[0][2]))
            if high in inner:
                turns.append((high, mine[-1][3]))
            elif self._period:
                turns.append((stop, mine[-1][3]))
            values = tuple(0.0 if abs(v) < 1e-25 * size else v for _, v in turns)
            out.append(Segment(left, right, tuple(h for h, _ in turns), values, low not in inner, high not in inner))
        return out

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Over h, poles apart."""
        upper = np.where(z.imag < 0, np.conj(z), z) + 0j
        out = self._resolvent(upper)
        for location, mass in self._flat.items():
            out += mass / (location - upper)
        out = np.where(z.imag < 0, np.conj(out), out)
        off = z.imag == 0
        for low, high in self.support():
            off &= (z.real < low) | (z.real > high)
        out.imag[off] = 0.0
        return out

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
