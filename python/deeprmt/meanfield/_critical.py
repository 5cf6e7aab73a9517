"""The critical line, where gradients neither vanish nor explode: the edge of chaos."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from .._arguments import Floats, as_number, as_real, refuse_non_finite
from .._display import Displayed
from ..activations import Activation, as_activation
from ._fixed_point import fixed_point_at, numbers, slope_moments
from ._moments import RowFunction, expect, expect_many, least_variance, of_row, rounding
from ._near_zero import near_zero
from ._products import Ramps, product

__all__ = ["CriticalLine", "CriticalPoint", "critical_line", "critical_point", "homogeneous"]

# Below this variance a smooth phi is its series.
_tiny = 1e-9


@dataclass(frozen=True, repr=False)
class CriticalPoint(Displayed):
    """A point on the line chi = 1.

    Attributes
    ----------
    sigma_w, sigma_b : float
        Standard deviations.
    q_star : float
        The fixed point there.
    slope_variance : float
        mu2 / mu1^2 - 1, mu_k = E phi'^(2k). Times the depth it is the variance of the eigenvalues of J J^T for Haar
        weights, `output="activation"`.
    activation : Activation
    iterations : int
        How often solving took what was asked for at a point; 0 where it is explicit.

    Examples
    --------
    >>> point = critical_point("tanh", q_star=0.5)
    >>> round(point.sigma_w, 10), round(point.slope_variance, 10)
    (1.2992209668, 0.2992441266)
    >>> round(point.to_dict()["sigma_b"], 10)
    0.1950415369
    >>> critical_point("gelu", q_star=0.5)  # no input comes here but one that starts here
    CriticalPoint('gelu', sigma_w=1.567005557, sigma_b=0.1858566522, q_star=0.5, slope_variance=1.055694298, unstable)
    """

    sigma_w: float
    sigma_b: float
    q_star: float
    slope_variance: float
    activation: Activation
    iterations: int = field(default=0, compare=False, repr=False)

    @property
    def report(self) -> dict[str, Any]:
        """The `iterations`, and as `residual` the larger of |chi - 1| and by how much the map moves ln q_star."""
        point = fixed_point_at(self.activation, self.sigma_w, self.sigma_b, self.q_star)
        return {"iterations": self.iterations, "residual": max(abs(point.chi - 1), point.report["residual"])}

    @property
    def stability(self) -> str:
        """Whether variances nearby go to q_star: "stable", "unstable" or "neutral", as `FixedPoint` has it."""
        return fixed_point_at(self.activation, self.sigma_w, self.sigma_b, self.q_star).stability

    def __repr__(self) -> str:
        return (
            f"CriticalPoint({self.activation.name!r}, sigma_w={self.sigma_w:.10g}, sigma_b={self.sigma_b:.10g},"
            f" q_star={self.q_star:.10g}, slope_variance={self.slope_variance:.10g}, {self.stability})"
        )

    def to_dict(self) -> dict[str, Any]:
        """The numbers, and the activation's name."""
        return {**numbers(self), "activation": self.activation.name, "stability": self.stability}


@dataclass(frozen=True, eq=False)
class CriticalLine(Displayed):
    """Points of the line chi = 1 as arrays: what `CriticalPoint` has, in ascending order of q_star.

    Examples
    --------
    >>> line = critical_line("hard_tanh", q_star=[0.5, 1.0])
    >>> line
    CriticalLine('hard_tanh', 2 points, q_star from 0.5 to 1)
    >>> line.slope_variance.round(10)
    array([0.1866608 , 0.46479477])
    """

    sigma_w: Floats
    sigma_b: Floats
    q_star: Floats
    slope_variance: Floats
    activation: Activation

    def to_dict(self) -> dict[str, Any]:
        """Lists of numbers, and the activation's name."""
        return {
            **{key: value.tolist() for key, value in numbers(self).items()},
            "activation": self.activation.name,
        }

    def __repr__(self) -> str:
        return (
            f"CriticalLine({self.activation.name!r}, {len(self.q_star)} points, q_star from {self.q_star[0]:.6g} to"
            f" {self.q_star[-1]:.6g})"
        )


def homogeneous(activation: Activation) -> bool:
    """Whether phi(c h) = c phi(h) for c > 0: then there is one critical point, and it keeps every variance."""
    return (
        activation.slopes is not None
        and set(activation.kinks) <= {0.0}
        and not np.any(activation.phi(np.array([0.0, -1e-300, 1e-300])) > 1e-250)
        and all(
            abs(float(activation.phi(np.array(sign * 2.0))) - 2 * float(activation.phi(np.array(sign)))) < 1e-12
            for sign in (-1.0, 1.0)
        )
    )


def critical_point(
    activation: str | Activation,
    *,
    q_star: float | None = None,
    sigma_b: float | None = None,
    slope_variance: float | None = None,
) -> CriticalPoint:
    """The point of the critical line chi = 1 with that fixed point, or that bias, or that spread of slopes.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    q_star : float, optional
        The fixed point, > 0: the natural coordinate, explicit.
    sigma_b : float, optional
        The biases' standard deviation, >= 0; solved for.
    slope_variance : float, optional
        mu2 / mu1^2 - 1, > 0, solved for: s / L keeps the variance of the eigenvalues of J J^T at s as the depth L
        grows (Haar weights). Give one of the three; an activation with phi(c h) = c phi(h) has a single critical point,
        and none is needed.

    Returns
    -------
    CriticalPoint
        Of several with that sigma_b or slope_variance, the one of least q_star.

    Raises
    ------
    ValueError
        If more or less than one are given, or if the activation has no critical point there.

    Examples
    --------
    >>> point = critical_point("tanh", q_star=0.5)
    >>> round(point.sigma_w, 10), round(point.sigma_b, 10)
    (1.2992209668, 0.1950415369)
    >>> round(critical_point("relu").sigma_w ** 2, 12)
    2.0
    >>> round(critical_point("hard_tanh", slope_variance=0.25 / 128).q_star, 10)
    0.1042029366
    """
    activation = as_activation("critical_point", activation)
    whole = homogeneous(activation)
    calls: list[float] = []  # where something was evaluated
    given = {"q_star": q_star, "sigma_b": sigma_b, "slope_variance": slope_variance}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        what = "both" if len(names) == 2 else "all"
        raise ValueError(f"critical_point: give one of q_star, sigma_b and slope_variance, got {what} of {names}")
    if not names:
        if not whole:
            raise ValueError(
                f"critical_point: {activation.name} has a critical line; give q_star or sigma_b, got neither"
            )
        q_star = 1.0
    if sigma_b is not None:
        bias = as_number("critical_point", "sigma_b", sigma_b, least=0)
        if whole and bias > 0:
            raise ValueError(
                f"critical_point: {activation.name} has a single critical point, with sigma_b = 0,"
                f" got sigma_b = {bias:g}"
            )
        q_star = 1.0 if whole else _by_bias(activation, bias, calls)
    elif slope_variance is not None:
        spread = as_number("critical_point", "slope_variance", slope_variance, above=0)
        q_star = _by_spread(activation, spread, whole, calls)
    else:
        q_star = as_number("critical_point", "q_star", 1.0 if q_star is None else q_star, above=0)
    # Of q_star and sigma_b the one that was given stays as it is.
    mu1, variance = slope_moments(activation, q_star)
    if not mu1 > 0:
        raise ValueError(f"critical_point: {activation.name} has phi' = 0 at q_star = {q_star:g}, so chi = 0")
    if sigma_b is None:
        sigma_b = float(_sigma_b("critical_point", activation, np.full(1, q_star), np.full(1, mu1), whole)[0])
    return CriticalPoint(1 / math.sqrt(mu1), float(sigma_b), float(q_star), variance / mu1**2, activation, len(calls))


def critical_line(
    activation: str | Activation, *, q_star: ArrayLike | None = None, sigma_b: ArrayLike | None = None
) -> CriticalLine:
    """The critical line chi = 1, the edge of chaos, over a range of fixed points or of biases.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own, for which phi(c h) = c phi(h) does not hold: else there is
        a point and no line.
    q_star : (n,) array_like of real, optional
        Fixed points, > 0. Default: 200 from 1e-3 to 20, without those that have no critical point.
    sigma_b : (n,) array_like of real, optional
        Standard deviations of the biases, > 0, instead.

    Returns
    -------
    CriticalLine
        In ascending order of what was given.

    Raises
    ------
    ValueError
        If both are given; if the activation has no critical point at one of them.

    Examples
    --------
    >>> line = critical_line("tanh", q_star=[0.2, 0.5, 1.0])
    >>> line.sigma_w.round(6)
    array([1.1517  , 1.299221, 1.467414])
    """
    activation = as_activation("critical_line", activation)
    if homogeneous(activation):
        point = critical_point(activation)
        raise ValueError(
            f"critical_line: {activation.name} has no critical line but a single point, sigma_w = {point.sigma_w:.6g},"
            " sigma_b = 0"
        )
    if q_star is not None and sigma_b is not None:
        raise ValueError("critical_line: give one of q_star and sigma_b, got both")
    biases = None
    if sigma_b is not None:
        biases = _ascending("sigma_b", sigma_b)
        q = _line_by_bias(activation, biases)
    else:
        q = np.geomspace(1e-3, 20, 200) if q_star is None else _ascending("q_star", q_star)
    mu1, variance = _slope_moments_many(activation, q)
    dead = q[~(mu1 > 0)]
    if dead.size:
        raise ValueError(f"critical_line: {activation.name} has phi' = 0 at q_star = {dead[0]:g}, so chi = 0")
    if biases is None and q_star is None:
        excess = excess_many(activation, q, mu1)
        keep = excess >= 0
        if not keep.any():
            raise ValueError(f"critical_line: {activation.name} has no critical point with q_star from 1e-3 to 20")
        first = int(keep.argmax())
        if first > 0:  # begin where sigma_b = 0
            q[first - 1] = optimize.brentq(lambda x: _excess(activation, x), q[first - 1], q[first], xtol=1e-15)
            mu1, variance = _slope_moments_many(activation, q)
            keep[first - 1] = True
        q, mu1, variance = q[keep], mu1[keep], variance[keep]
    if biases is None:
        biases = _sigma_b("critical_line", activation, q, mu1, False)
    return CriticalLine(1 / np.sqrt(mu1), biases, q, variance / mu1**2, activation)


def _ascending(argument: str, value: ArrayLike) -> Floats:
    array = as_real("critical_line", argument, value).astype(float)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"critical_line: {argument} must have one axis and an entry, got shape {array.shape}")
    refuse_non_finite("critical_line", argument, array)
    if not (array > 0).all():
        raise ValueError(f"critical_line: {argument} must be above 0, found {array[array <= 0][0]:g}")
    return np.sort(array)


def _mu1_many(activation: Activation, q: Floats) -> Floats:
    if activation.slopes is not None:
        return np.array([slope_moments(activation, each)[0] for each in q])
    return expect_many(activation, q, lambda h, _: activation.dphi(h) ** 2, even=True)


def _slope_moments_many(activation: Activation, q: Floats) -> tuple[Floats, Floats]:
    if activation.slopes is not None:
        both = np.array([slope_moments(activation, each) for each in q])
        return both[:, 0], both[:, 1]
    mu1 = _mu1_many(activation, q)

    def off(h: Floats, rows: Any) -> Any:
        return (activation.dphi(h) ** 2 - _like(mu1[rows], h)) ** 2

    def size(h: Floats, rows: Any) -> Any:
        d, mean = activation.dphi(h) ** 2, _like(mu1[rows], h)
        return 2 * np.abs(d - mean) * (d + mean) + rounding * (d + mean) ** 2

    return mu1, expect_many(activation, q, off, size, even=True)


def _like(rows: Floats, h: Floats) -> Floats:
    """One value a row, to go with h; with h of a single row, whatever its shape."""
    return rows.reshape(-1, 1, 1) if h.ndim == 3 else rows.reshape(())


def _sigma_b(function: str, activation: Activation, q: Floats, mu1: Floats, whole: bool) -> Floats:
    excess = np.zeros_like(q) if whole else excess_many(activation, q, mu1)
    wrong = excess < -1e-13 * q
    if wrong.any():
        raise ValueError(
            f"{function}: {activation.name} has no critical point with q_star = {q[wrong][0]:g}: sigma_b^2 would be"
            f" {excess[wrong][0]:g}"
        )
    return np.sqrt(np.maximum(excess, 0.0))


def excess_many(activation: Activation, q: Floats, mu1: Floats) -> Floats:
    """sigma_b^2 on the critical line: (q E phi'^2 - E phi^2) / E phi'^2.

    By Stein's lemma the numerator does not change when a h is taken off phi; with a = E phi' nothing cancels any more.
    """
    if activation.slopes is not None:
        return _linear_excess(activation, activation.slopes, q) / mu1

    def means(function: RowFunction, size: RowFunction | None = None) -> Floats:
        if len(q) >= 8:
            return expect_many(activation, q, function, size, even=size is not None)
        return np.array([expect(activation, float(each), *of_row(i, function, size)) for i, each in enumerate(q)])

    a = means(lambda h, _: activation.dphi(h))

    def function(h: Floats, rows: Any) -> Any:
        slope, variance = _like(a[rows], h), _like(q[rows], h)
        return variance * (activation.dphi(h) - slope) ** 2 - (activation.phi(h) - slope * h) ** 2

    def size(h: Floats, rows: Any) -> Any:
        slope, variance = _like(a[rows], h), _like(q[rows], h)
        phi, dphi, line = activation.phi(h), activation.dphi(h), slope * h
        first, second = np.abs(dphi) + np.abs(slope), np.abs(phi) + np.abs(line)
        return 2 * (
            variance * np.abs(dphi - slope) * first
            + np.abs(phi - line) * second
            + rounding * (variance * first**2 + second**2)
        )

    out = np.asarray(means(function, size))
    tiny = q < _tiny
    if tiny.any() and near_zero(activation) is not None:
        out[tiny] = _tiny_excess(activation, q[tiny])
    return np.asarray(out / mu1)


def _tiny_excess(activation: Activation, q: Floats) -> Floats:
    """The numerator where rounding hides how phi bends: from its series, q^3 (c + ...) if phi is odd, else q^2."""
    order = 3 if activation.parity == -1 else 2
    at = 1e-5 * np.array([1.0, 2.0, 4.0])
    mu1 = np.array([slope_moments(activation, each)[0] for each in at])
    ratio = excess_many(activation, at, mu1) * mu1 / at**order
    return np.asarray(np.polynomial.Polynomial.fit(at, ratio, 2, domain=[-1, 1])(q) * q**order)


def _linear_excess(activation: Activation, slopes: tuple[float, ...], q: Floats) -> Floats:
    """The numerator for what is piecewise linear, from its bends alone, each to relative precision."""
    ramps = Ramps(activation, slopes, 0)
    if any(order == 0 for *_, order, _ in ramps.terms):  # Stein's lemma does not hold where phi jumps
        second = product(activation, q, q, np.ones_like(q), 0)
        return np.asarray(q * product(activation, q, q, np.ones_like(q), 1) - second)
    root = np.sqrt(np.maximum(q, least_variance))

    def overshoot(x: Floats) -> Floats:
        """E (Z - x)_+ for x >= 0."""
        mills = math.sqrt(math.pi / 2) * special.erfcx(x / math.sqrt(2))
        return np.asarray(np.exp(-x * x / 2) / math.sqrt(2 * math.pi) * (1 - x * mills))

    total = np.full_like(q, -(ramps.constant**2))
    for kink1, sign1, _, weight1 in ramps.terms:
        total -= 2 * ramps.constant * weight1 * root * overshoot(abs(kink1) / root)
        for kink2, sign2, _, weight2 in ramps.terms:
            if sign1 == sign2:  # those of the other side are never there at the same time
                near, far = sorted((abs(kink1), abs(kink2)))
                total += weight1 * weight2 * near * root * overshoot(far / root)
    return total


def _excess(activation: Activation, q: float) -> float:
    mu1 = np.full(1, slope_moments(activation, q)[0])
    return float(excess_many(activation, np.full(1, q), mu1)[0])


def _solved(
    activation: Activation, value: Callable[[float], float], goal: float, least: float, none: str, below: str
) -> float:
    """The smallest q in [least, 1e8] with value(q) = goal, by steps in ln q."""
    low = high = math.log(least)
    while value(math.exp(high)) < goal:
        low, high = high, high + 0.5
        if high > math.log(1e8):
            raise ValueError(f"critical_point: {activation.name} has no critical point with {none} up to q_star = 1e8")
    if low == high:
        raise ValueError(f"critical_point: {activation.name} has its critical point with {none} {below}")

    def gap(log_q: float) -> float:
        return math.log(max(value(math.exp(log_q)), 1e-300)) - math.log(goal)

    return math.exp(optimize.brentq(gap, low, high, xtol=1e-15, rtol=4 * np.finfo(float).eps))


def _by_bias(activation: Activation, bias: float, calls: list[float]) -> float:
    """The smallest q with sigma_b(q) = bias on the critical line."""

    def excess(log_q: float) -> float:
        calls.append(log_q)
        return _excess(activation, math.exp(log_q))

    if bias == 0:
        if activation.phi(np.zeros(1)) == 0 and 0.0 not in activation.kinks and activation.dphi(np.zeros(1)) != 0:
            return 0.0  # the end of the line
        grid = np.linspace(math.log(1e-8), math.log(1e8), 75)
        last = 0.0
        for low, high in pairwise(grid):  # no further than needed: wide Gaussians cost time where phi oscillates
            now = excess(high)
            if last < 0 <= now:
                return math.exp(optimize.brentq(excess, low, high, xtol=1e-15))
            last = now
        raise ValueError(f"critical_point: {activation.name} has no critical point with sigma_b = 0")
    # Below 1e-8 rounding hides how phi bends; above 1e8 every phi is its own asymptote.
    return _solved(
        activation,
        lambda q: excess(math.log(q)),
        bias * bias,
        1e-8,
        f"sigma_b = {bias:g}",
        "below q_star = 1e-8; give q_star",
    )


def _by_spread(activation: Activation, spread: float, whole: bool, calls: list[float]) -> float:
    def value(q: float) -> float:
        calls.append(q)
        mu1, variance = slope_moments(activation, q)
        return variance / mu1**2 if mu1 > 0 else math.inf

    if whole:
        only = value(1.0)
        if abs(only - spread) > 1e-9 * spread:
            raise ValueError(
                f"critical_point: {activation.name} has slope_variance = {only:g} at every q_star, got {spread:g}"
            )
        return 1.0
    least = 1e-8 if activation.slopes is None else 1e-3 * min([k * k for k in activation.kinks if k != 0], default=1.0)
    return _solved(
        activation, value, spread, least, f"slope_variance = {spread:g}", f"below q_star = {least:g}; give q_star"
    )


def _line_by_bias(activation: Activation, biases: Floats) -> Floats:
    """`_by_bias` of each: bracketed on a grid, then closed in on all at once by the rule of Illinois."""

    def heights(log_q: Floats) -> Floats:
        q = np.exp(np.concatenate([log_q, np.zeros(max(0, 8 - len(log_q)))]))
        excess = excess_many(activation, q, _mu1_many(activation, q))
        return np.log(np.maximum(excess, 1e-300))[: len(log_q)]

    goals = 2 * np.log(biases)
    grid, table = np.zeros(0), np.zeros(0)
    for begin in np.arange(math.log(1e-8), math.log(1e8), 4.0):  # no further than needed
        more = np.linspace(begin, begin + 3.5, 8)
        grid, table = np.concatenate([grid, more]), np.concatenate([table, heights(more)])
        if table.max() > goals.max():
            break
    right = np.searchsorted(np.maximum.accumulate(table), goals, side="left")
    wrong = (right == len(grid)) | (right == 0)
    if wrong.any():
        where = " above q_star = 1e-8" if right[wrong][0] == 0 else ""
        raise ValueError(
            f"critical_line: {activation.name} has no critical point with sigma_b = {biases[wrong][0]:g}{where}"
        )
    a, b = grid[right - 1], grid[right]
    at_a, at_b = table[right - 1] - goals, table[right] - goals
    live = np.arange(len(goals))
    out = b.copy()
    for _ in range(60):
        with np.errstate(invalid="ignore", divide="ignore"):
            x = b - at_b * (b - a) / (at_b - at_a)
        x = np.where((x > np.minimum(a, b)) & (x < np.maximum(a, b)), x, (a + b) / 2)
        at_x = heights(x) - goals[live]
        same = np.sign(at_x) == np.sign(at_b)
        a, at_a = np.where(same, a, b), np.where(same, at_a / 2, at_b)
        step = np.abs(x - b)
        b, at_b = x, at_x
        out[live] = b
        keep = (np.abs(at_b) > 1e-15) & (np.minimum(step, np.abs(b - a)) > 1e-15)
        if not keep.any():
            break
        live, a, b, at_a, at_b = live[keep], a[keep], b[keep], at_a[keep], at_b[keep]
    return np.exp(out)
