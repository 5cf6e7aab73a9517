"""The fixed point of the variance map."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import optimize

from .._arguments import Floats, as_number
from .._display import Displayed
from ..activations import Activation, as_activation
from ..errors import ConvergenceError
from ._moments import expect, expect_many, least_variance, mean_of, rounding, slope_masses
from ._near_zero import near_zero
from ._periods import period_mean

__all__ = [
    "FixedPoint",
    "ceiling",
    "fixed_point",
    "fixed_point_at",
    "fixed_points",
    "network",
    "numbers",
    "slope_moments",
    "starts",
]

# The range in which a fixed point is sought; beyond it lie 0 and infinity.
_least, _most = 1e-60, 1e60
# Above every fixed point that bounded activations have with the largest sigma_w and sigma_b.
_last = 1e305
_probes = np.concatenate([np.linspace(0, 20, 401), np.geomspace(20, 100, 99)])


@dataclass(frozen=True)
class FixedPoint(Displayed):
    """Where the variance of the preactivations settles, and how gradients fare there.

    Attributes
    ----------
    q_star : float
        The variance; inf if it grows without end, 0 if the signal dies.
    chi : float
        sigma_w^2 E phi'^2: the factor by which squared gradients grow a layer; 1 on the critical line.
    chi_q : float
        Slope of the variance map at q_star. Below 1 in size the point attracts, at a rate -1 / ln |chi_q| in layers.
    mu1, mu2 : float
        E phi'^2 and E phi'^4.
    slope_variance : float
        mu2 / mu1^2 - 1, without cancellation: what each diagonal adds to the relative variance of the eigenvalues of
        J J^T.
    sigma_w, sigma_b : float
        As given.
    activation : Activation
    iterations : int
        How often solving took the map at a point.

    Examples
    --------
    >>> point = fixed_point("tanh", 1.3)
    >>> round(point.q_star, 12), round(point.chi, 12)
    (0.408983225651, 1.064369171029)
    >>> point.stability, point.phase
    ('stable', 'chaotic')
    """

    q_star: float
    chi: float
    chi_q: float
    mu1: float
    mu2: float
    slope_variance: float
    sigma_w: float
    sigma_b: float
    activation: Activation
    iterations: int = field(default=0, compare=False, repr=False)

    @property
    def report(self) -> dict[str, Any]:
        """The `iterations`, and as `residual` by how much the map moves ln q_star; 0 at 0 and inf."""
        residual = 0.0
        if 0 < self.q_star < math.inf:
            residual = abs(_Drift(self.activation, self.sigma_w, self.sigma_b)(math.log(self.q_star)))
        return {"iterations": self.iterations, "residual": residual}

    @property
    def stability(self) -> str:
        """ "stable" (the point attracts), "unstable" or, if chi_q is 1 to 1e-9, "neutral"."""
        if math.isinf(self.q_star):
            return "stable"
        slope = abs(self.chi_q)
        return "neutral" if abs(slope - 1) < 1e-9 else "stable" if slope < 1 else "unstable"

    @property
    def phase(self) -> str:
        """ "ordered" (gradients vanish), "chaotic" (they explode) or "critical", to 1e-9."""
        return "critical" if abs(self.chi - 1) < 1e-9 else "ordered" if self.chi < 1 else "chaotic"

    def to_dict(self) -> dict[str, Any]:
        """The numbers, and the activation's name."""
        return {
            **numbers(self),
            "activation": self.activation.name,
            "phase": self.phase,
            "stability": self.stability,
        }


def numbers(result: Any) -> dict[str, Any]:
    return {key: value for key, value in vars(result).items() if not isinstance(value, Activation)}


def fixed_point(activation: str | Activation, sigma_w: float, sigma_b: float = 0.0, *, q0: float = 1.0) -> FixedPoint:
    """The fixed point of the variance map that q0 flows to.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    sigma_w, sigma_b : float
        Standard deviations, >= 0.
    q0 : float
        Where to start, > 0. It matters only where there are several fixed points: a network with phi(c h) = c phi(h),
        sigma_b = 0 and chi = 1 keeps every q0 (relu at sigma_w = sqrt 2).

    Returns
    -------
    FixedPoint
        With q_star = inf where the variance diverges, and then chi and the moments in the limit of large q.

    Notes
    -----
    The map is solved by bracketing in ln q: near criticality its iterates close in like 1 / layers, so that no test
    of their step would do.

    Examples
    --------
    >>> point = fixed_point("tanh", 1.5, 0.3)
    >>> round(point.q_star, 12), round(point.chi, 12), point.phase
    (0.96084427974, 1.060981264141, 'chaotic')
    """
    activation, sigma_w, sigma_b = network("fixed_point", activation, sigma_w, sigma_b)
    start = as_number("fixed_point", "q0", q0, above=0)
    drift = _Drift(activation, sigma_w, sigma_b)
    q = _flow(drift, start)
    return fixed_point_at(activation, sigma_w, sigma_b, q, drift.calls)


def network(
    function: str, activation: str | Activation, sigma_w: float, sigma_b: float
) -> tuple[Activation, float, float]:
    activation = as_activation(function, activation)
    sigma_w = as_number(function, "sigma_w", sigma_w, least=0)
    sigma_b = as_number(function, "sigma_b", sigma_b, least=0)
    if max(sigma_w, sigma_b) > 1e150:
        raise ValueError(f"{function}: sigma_w and sigma_b must be at most 1e150, got {sigma_w:g} and {sigma_b:g}")
    return activation, sigma_w, sigma_b


def fixed_point_at(activation: Activation, sigma_w: float, sigma_b: float, q: float, iterations: int = 0) -> FixedPoint:
    """The fixed point where q is known."""
    at = min(q, _most)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            mu1, variance = slope_moments(activation, at)
            slope = _slope(activation, at) if sigma_w > 0 else 0.0
    except ConvergenceError:
        if q < math.inf:
            raise
        mu1 = variance = slope = math.inf  # beyond the range of doubles
    return FixedPoint(
        q_star=q,
        chi=sigma_w**2 * mu1,
        chi_q=sigma_w**2 * slope,
        mu1=mu1,
        mu2=mu1**2 + variance,
        slope_variance=variance / mu1**2 if 0 < mu1 < math.inf else math.inf,
        sigma_w=sigma_w,
        sigma_b=sigma_b,
        activation=activation,
        iterations=iterations,
    )


def fixed_points(activation: str | Activation, sigma_w: float, sigma_b: float = 0.0) -> tuple[FixedPoint, ...]:
    """All fixed points of the variance map, stable and unstable, in ascending order.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    sigma_w, sigma_b : float
        Standard deviations, >= 0.

    Returns
    -------
    tuple of FixedPoint
        0 is among them if it is fixed, and inf if the variance of some start grows without end. A stable point attracts
        all q between the unstable ones next to it. Where every q is fixed (relu at sigma_w = sqrt 2 without bias), the
        one at 1 stands for all; it is neutral.

    Examples
    --------
    >>> [(round(point.q_star, 6), point.stability) for point in fixed_points("gelu", 1.6)]
    [(0.0, 'stable'), (0.591059, 'unstable'), (inf, 'stable')]
    """
    activation, sigma_w, sigma_b = network("fixed_points", activation, sigma_w, sigma_b)
    drift = _Drift(activation, sigma_w, sigma_b)
    weight, bias = drift.weight, drift.bias
    if weight == 0:
        return (fixed_point_at(activation, sigma_w, sigma_b, bias),)
    grid = np.linspace(math.log(1e-24), math.log(ceiling(activation, weight, bias)), 801)
    if 0 < bias < 1e-24:  # down to where the biases win
        grid = np.concatenate([np.linspace(math.log(bias), grid[0], 200, endpoint=False), grid])
    drifts = drift.many(grid)
    signs = np.where(np.abs(drifts) <= np.where(grid < drift.exact_below, 0.0, rounding), 0, np.sign(drifts))
    if not signs.any():
        return (fixed_point_at(activation, sigma_w, sigma_b, 1.0),)
    roots: list[float] = []
    live = np.flatnonzero(signs)
    for i, j in pairwise(live):
        if signs[i] != signs[j]:
            roots.append(_root(drift, float(grid[i]), float(grid[j])))
    # Two roots between neighbours of the grid, where the drift turns round short of 0.
    size = np.abs(drifts)
    dips = np.flatnonzero((size[1:-1] < size[:-2]) & (size[1:-1] <= size[2:]) & (size[1:-1] < 0.1)) + 1
    for i in dips:
        a, b = float(grid[i - 1]), float(grid[i + 1])
        if signs[i - 1] == signs[i] == signs[i + 1]:
            sign = float(signs[i])
            lowest = optimize.minimize_scalar(lambda t, sign=sign: sign * drift(t), bounds=(a, b), method="bounded")
            if sign * drift(lowest.x) < 0:
                roots += [_root(drift, a, lowest.x), _root(drift, lowest.x, b)]
    points = [fixed_point_at(activation, sigma_w, sigma_b, q, drift.calls) for q in sorted(roots)]
    if bias == 0 and float(activation.phi(np.zeros(1))[0]) == 0:
        points.insert(0, fixed_point_at(activation, sigma_w, sigma_b, 0.0))
    if signs[live[-1]] > 0:
        points.append(fixed_point_at(activation, sigma_w, sigma_b, math.inf))
    return tuple(points)


def starts(activation: Activation, sigma_w: float, sigma_b: float) -> str:
    """For an error that says that the variance grows without end: which inputs stay at a fixed point all the same."""
    points = [each for each in fixed_points(activation, sigma_w, sigma_b) if 0 < each.q_star < math.inf]
    if not points:
        return "there is no fixed point; give q0"
    named = ", ".join(f"{each.q_star:.6g} ({each.stability})" for each in points)
    q0 = " or ".join(f"{(each.q_star - sigma_b**2) / sigma_w**2:.6g}" for each in points)
    return f"not all inputs reach a fixed point, which there is at q = {named}; give q0, {q0} to be there"


def ceiling(activation: Activation, weight: float, bias: float) -> float:
    """A variance above every fixed point if phi is bounded, as far as one sees; else a large one."""
    with np.errstate(over="ignore"):
        near, far = (np.abs(activation.phi(np.concatenate([-h, h]))) for h in (_probes, 1e4 * _probes))
    top = float(near.max())
    return 2 * (weight * top**2 + bias) + 1e-6 if far.max() <= 1.01 * top else 1e24


def slope_moments(activation: Activation, q: float) -> tuple[float, float]:
    """E phi'^2 and the variance of phi'^2, both to relative precision."""
    if activation.slopes is None:
        mu1 = mean_of(activation, q, lambda h: activation.dphi(h) ** 2)
        return mu1, _squared_slope_variance(activation, q, mu1)
    values, masses = slope_masses(activation, q)
    squares = values**2
    apart = (squares[:, None] - squares) ** 2
    return float(squares @ masses), float(masses @ apart @ masses) / 2


def _squared_slope_variance(activation: Activation, q: float, mu1: float) -> float:
    """Var phi'^2, without the cancellation of mu2 - mu1^2."""

    def size(h: Floats) -> Any:
        d = activation.dphi(h) ** 2
        return 2 * np.abs(d - mu1) * (d + mu1) + rounding * (d + mu1) ** 2

    return mean_of(activation, q, lambda h: (activation.dphi(h) ** 2 - mu1) ** 2, size)


def _slope(activation: Activation, q: float) -> float:
    """d/dq E phi^2 = E h phi phi' / q, or E (h^2 / q - 1) phi^2 / 2 q, which sees jumps of phi too."""
    q = max(q, least_variance)
    if period_mean(activation, q, activation.phi) is not None:
        return 0.0
    near = np.array(activation.kinks)
    if len(near) and np.abs(np.diff([activation.phi(near - 1e-9), activation.phi(near + 1e-9)], axis=0)).max() > 1e-6:
        return expect(activation, q, lambda h: (h * h / q - 1) / (2 * q) * activation.phi(h) ** 2)
    return expect(activation, q, lambda h: (h / q) * activation.phi(h) * activation.dphi(h))


class _Drift:
    """By how much the map moves ln q."""

    def __init__(self, activation: Activation, sigma_w: float, sigma_b: float) -> None:
        self.activation, self.weight, self.bias = activation, sigma_w**2, sigma_b**2
        self.calls = 0
        self._near = near_zero(activation)
        # Below this ln q the drift is known to relative precision, else to rounding of the map.
        self.exact_below = -math.inf
        if self._near is not None:
            self.exact_below = math.log(self._near.most)
            slope = sigma_w * abs(self._near.slope)
            self._excess = (slope - 1) * (slope + 1)

    def __call__(self, log_q: float) -> float:
        self.calls += 1
        if log_q < self.exact_below:
            return float(self._exact(np.full(1, log_q))[0])
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                value = self.weight * self._second(math.exp(log_q)) + self.bias
        except ConvergenceError as error:
            if math.isfinite(error.report["size"]):
                raise
            return math.inf  # phi^2 is beyond the range of doubles
        return math.log(value) - log_q if value > 0 else -math.inf

    def many(self, log_q: Floats) -> Floats:
        """The same for an array."""
        out = np.empty(log_q.shape)
        exact = log_q < self.exact_below
        if exact.any():
            out[exact] = self._exact(log_q[exact])
        with np.errstate(over="ignore"):
            second = expect_many(
                self.activation, np.exp(log_q[~exact]), lambda h, _: self.activation.phi(h) ** 2, even=True
            )
        with np.errstate(divide="ignore"):
            out[~exact] = np.log(self.weight * second + self.bias) - log_q[~exact]
        return out

    def moved(self, q: float) -> float:
        """The map's image of q."""
        return self.weight * self._second(q) + self.bias

    def _second(self, q: float) -> float:
        return mean_of(self.activation, q, lambda h: self.activation.phi(h) ** 2)

    def _exact(self, log_q: Floats) -> Floats:
        assert self._near is not None
        q = np.exp(log_q)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            net = self._excess + self.weight * self._near.rest(q) / q + self.bias / q
            return np.asarray(np.log1p(np.maximum(net, -1.0)))


def _root(drift: _Drift, low: float, high: float) -> float:
    """The fixed point between two ln q with drifts of opposite sign."""
    log_q = optimize.brentq(drift, low, high, xtol=1e-15, rtol=4 * np.finfo(float).eps, maxiter=300)
    q = math.exp(log_q)
    slope = drift.weight * _slope(drift.activation, q)
    if abs(slope - 1) > 1e-3 and log_q > drift.exact_below:  # one Newton step takes off the rounding of exp and ln
        q += (drift.moved(q) - q) / (1 - slope)
    return float(q)


def _flow(drift: _Drift, start: float) -> float:
    """The fixed point of the map that `start` flows to."""
    if drift.weight == 0:
        return drift.bias
    at = math.log(start)
    first = drift(at)

    def lost(value: float, where: float) -> bool:
        return bool(value == 0 if where < drift.exact_below else abs(value) <= rounding)

    if lost(first, at):
        return start
    direction = math.copysign(1.0, first)
    # Iterates of an increasing map never pass a fixed point; where they slow down, growing steps take over. Where the
    # drift is lost in rounding its sign says nothing: step on.
    here = there = at
    value, step = first, 0.0
    while direction * value > 0 or lost(value, there):
        if not lost(value, there):
            here = there
        step = min(max(abs(value), 1.5 * step), 16.0)
        there += direction * step
        if there > math.log(_most) if direction > 0 else there < math.log(_least):
            if direction > 0 and here < math.log(_most) and drift(math.log(_most)) < -rounding:
                there = math.log(_most)  # the last step went too far
            elif direction > 0 and drift(math.log(_last)) < 0:
                raise ValueError(
                    f"fixed_point: with {drift.activation.name}, sigma_w^2 = {drift.weight:g} and sigma_b^2 ="
                    f" {drift.bias:g} the fixed point is above q = {_most:g}, out of reach"
                )
            else:
                return math.inf if direction > 0 else 0.0
        value = drift(there)
    return _root(drift, min(here, there), max(here, there))
