"""Mean field: how the variance of the preactivations and the size of gradients go through a wide random network.

A layer maps the variance q of its inputs' preactivations to sigma_w^2 E phi(sqrt(q) Z)^2 + sigma_b^2, Z a standard
normal; gradients grow by chi = sigma_w^2 E phi'(sqrt(q) Z)^2 a layer. sigma_w and sigma_b are standard deviations:
the weights' entries have variance sigma_w^2 / n_in, the biases sigma_b^2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from ._arguments import Floats, as_count, as_number, as_real
from ._display import Displayed
from .activations import Activation, as_activation
from .errors import ConvergenceError

__all__ = ["CriticalPoint", "FixedPoint", "critical_point", "fixed_point", "gauss_moment"]

Function = Callable[[Floats], Any]
# Z beyond 12 has a mass of 4e-33.
_reach = 12.0
_nodes, _weights = np.polynomial.legendre.leggauss(24)
# The range in which a fixed point is sought; beyond it lie 0 and infinity.
_least, _most = 1e-60, 1e60
_rounding = 32 * np.finfo(float).eps


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

    @property
    def phase(self) -> str:
        """ "ordered" (gradients vanish), "chaotic" (they explode) or "critical", to 1e-9."""
        return "critical" if abs(self.chi - 1) < 1e-9 else "ordered" if self.chi < 1 else "chaotic"

    def to_dict(self) -> dict[str, Any]:
        """The numbers, and the activation's name."""
        return {**_numbers(self), "activation": self.activation.name, "phase": self.phase}


@dataclass(frozen=True)
class CriticalPoint(Displayed):
    """A point on the line chi = 1: sigma_w and sigma_b, and the fixed point q_star there."""

    sigma_w: float
    sigma_b: float
    q_star: float
    activation: Activation

    def to_dict(self) -> dict[str, Any]:
        """The numbers, and the activation's name."""
        return {**_numbers(self), "activation": self.activation.name}


def _numbers(result: Any) -> dict[str, Any]:
    return {key: value for key, value in vars(result).items() if not isinstance(value, Activation)}


def gauss_moment(
    activation: str | Activation, q: ArrayLike, *, power: int = 2, derivative: bool = False
) -> float | Floats:
    """E phi(h)^power, or E phi'(h)^power, for h ~ N(0, q).

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    q : array_like of real
        Variances, finite and >= 0. At 0 the limit from above is taken.
    power : int
        At least 1.
    derivative : bool
        Of phi' instead of phi.

    Returns
    -------
    float or ndarray
        Of the shape of q. The error is about 1e-14 of E |phi|^power.

    Notes
    -----
    Gauss-Legendre panels, split at the activation's kinks and then in halves until two answers agree.

    Examples
    --------
    >>> round(gauss_moment("relu", 3.0), 12)
    1.5
    >>> round(gauss_moment("erf_unit", 1.0, derivative=True), 12)  # (1 + pi q)^(-1/2)
    0.491378679844
    """
    activation = as_activation("gauss_moment", activation)
    power = as_count("gauss_moment", "power", power)
    variances = as_real("gauss_moment", "q", q).astype(float)
    bad = variances[~(np.isfinite(variances) & (variances >= 0))]
    if bad.size:
        raise ValueError(f"gauss_moment: q must be finite and at least 0, found {bad[0]:g}")
    function = activation.dphi if derivative else activation.phi
    values = np.array([_expect(activation, v, lambda h: function(h) ** power) for v in variances.ravel()])
    return float(values[0]) if variances.ndim == 0 else values.reshape(variances.shape)


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
    activation = as_activation("fixed_point", activation)
    sigma_w = as_number("fixed_point", "sigma_w", sigma_w, least=0)
    sigma_b = as_number("fixed_point", "sigma_b", sigma_b, least=0)
    start = as_number("fixed_point", "q0", q0, above=0)
    if max(sigma_w, sigma_b) > 1e150:
        raise ValueError(f"fixed_point: sigma_w and sigma_b must be at most 1e150, got {sigma_w:g} and {sigma_b:g}")
    q = _flow(activation, sigma_w**2, sigma_b**2, start)
    at = min(q, _most)
    mu1 = _expect(activation, at, lambda h: activation.dphi(h) ** 2)
    variance = _squared_slope_variance(activation, at, mu1)
    return FixedPoint(
        q_star=q,
        chi=sigma_w**2 * mu1,
        chi_q=sigma_w**2 * _slope(activation, at) if sigma_w > 0 else 0.0,
        mu1=mu1,
        mu2=mu1**2 + variance,
        slope_variance=variance / mu1**2 if mu1 > 0 else math.inf,
        sigma_w=sigma_w,
        sigma_b=sigma_b,
        activation=activation,
    )


def critical_point(
    activation: str | Activation, *, q_star: float | None = None, sigma_b: float | None = None
) -> CriticalPoint:
    """The point of the critical line chi = 1 with that fixed point, or with that bias.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    q_star : float, optional
        The fixed point, > 0: the natural coordinate, explicit.
    sigma_b : float, optional
        The biases' standard deviation, >= 0; solved for. Give one of the two; an activation with phi(c h) = c phi(h)
        has a single critical point, and neither is needed.

    Returns
    -------
    CriticalPoint

    Raises
    ------
    ValueError
        If both or neither are given, or if the activation has no critical point there.

    Examples
    --------
    >>> point = critical_point("tanh", q_star=0.5)
    >>> round(point.sigma_w, 10), round(point.sigma_b, 10)
    (1.2992209668, 0.1950415369)
    >>> round(critical_point("relu").sigma_w ** 2, 12)
    2.0
    """
    activation = as_activation("critical_point", activation)
    homogeneous = activation.slopes is not None and set(activation.kinks) <= {0.0} and activation.phi(np.zeros(1)) == 0
    if q_star is not None and sigma_b is not None:
        raise ValueError("critical_point: give one of q_star and sigma_b, got both")
    if q_star is None and sigma_b is None:
        if not homogeneous:
            raise ValueError(
                f"critical_point: {activation.name} has a critical line; give q_star or sigma_b, got neither"
            )
        q_star = 1.0
    if sigma_b is not None:
        bias = as_number("critical_point", "sigma_b", sigma_b, least=0)
        if homogeneous and bias > 0:
            raise ValueError(
                f"critical_point: {activation.name} has a single critical point, with sigma_b = 0,"
                f" got sigma_b = {bias:g}"
            )
        q_star = 1.0 if homogeneous else _critical_variance(activation, bias)
    else:
        assert q_star is not None
        q_star = as_number("critical_point", "q_star", q_star, above=0)
    # Of q_star and sigma_b the one that was given stays as it is.
    mu1 = _expect(activation, q_star, lambda h: activation.dphi(h) ** 2)
    if not mu1 > 0:
        raise ValueError(f"critical_point: {activation.name} has phi' = 0 at q_star = {q_star:g}, so chi = 0")
    if sigma_b is None:
        excess = 0.0 if homogeneous else _excess(activation, q_star)
        if excess < -1e-13 * q_star:
            raise ValueError(
                f"critical_point: {activation.name} has no critical point with q_star = {q_star:g}: sigma_b^2 would be"
                f" {excess:g}"
            )
        sigma_b = math.sqrt(max(excess, 0.0))
    return CriticalPoint(1 / math.sqrt(mu1), float(sigma_b), float(q_star), activation)


def _integrate(function: Function, size: Function | None, breaks: Floats) -> float:
    """Integral over [breaks[0], breaks[-1]] by panels that halve until their halves agree with them.

    `size` bounds what was added up to a value, where that is more than the value: rounding is relative to it.
    """
    low, high = breaks[:-1], breaks[1:]

    def panels(low: Floats, high: Floats) -> tuple[Floats, Floats]:
        half = (high - low)[:, None] / 2
        x, weights = (low + high)[:, None] / 2 + half * _nodes, half * _weights
        values = function(x)
        if np.iscomplexobj(values):
            raise TypeError("gauss_moment: the activation's phi and dphi must be real, got complex values")
        sizes = np.abs(values) if size is None else size(x)
        return (values * weights).sum(axis=1), (sizes * weights).sum(axis=1)

    whole, rounded = panels(low, high)
    scale, total = float(rounded.sum()), 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = np.stack([low, middle], 1).ravel(), np.stack([middle, high], 1).ravel()
        halves, rounded = panels(low, high)
        better = halves[0::2] + halves[1::2]
        done = np.abs(better - whole) <= 2e-16 * scale + 8e-16 * (rounded[0::2] + rounded[1::2])
        total += float(better[done].sum())
        if done.all():
            return total
        scale = max(scale, float(rounded.sum()))
        keep = np.repeat(~done, 2)
        low, high, whole = low[keep], high[keep], halves[keep]
        if len(low) > 200_000 or not math.isfinite(scale):
            break
    raise ConvergenceError(
        "gauss_moment: the Gaussian integral does not converge;"
        " are the activation's kinks declared, its values finite?",
        {"panels": len(low), "near": float(low[0])},
    )


def _breaks(activation: Activation, root: float, reach: float) -> Floats:
    """Panels for Z: unit steps, powers of two of h = root Z (phi bends where h is about 1), and the kinks."""
    top = math.floor(math.log2(reach * root)) if root > 0 else -1
    powers = 2.0 ** np.arange(-1, top + 1) / root if root > 0 else np.zeros(0)
    kinks = np.array([kink / root for kink in activation.kinks if abs(kink) < reach * root])
    breaks = np.concatenate([np.arange(-reach, reach + 1), powers, -powers, kinks])
    return np.unique(breaks[np.abs(breaks) <= reach])


def _expect(activation: Activation, q: float, function: Function, size: Function | None = None) -> float:
    """E function(h), h ~ N(0, q); at q = 0 the limit from above, which tells the two sides of a kink at 0 apart."""
    root = math.sqrt(max(q, 1e-200))

    def times_density(function: Function) -> Function:
        return lambda z: np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * function(root * z)

    return _integrate(
        times_density(function), None if size is None else times_density(size), _breaks(activation, root, _reach)
    )


def _squared_slope_variance(activation: Activation, q: float, mu1: float) -> float:
    """Var phi'^2, without the cancellation of mu2 - mu1^2."""

    def size(h: Floats) -> Any:
        d = activation.dphi(h) ** 2
        return 2 * np.abs(d - mu1) * (d + mu1) + _rounding * (d + mu1) ** 2

    return _expect(activation, q, lambda h: (activation.dphi(h) ** 2 - mu1) ** 2, size)


def _slope(activation: Activation, q: float) -> float:
    """d/dq E phi^2 = E h phi phi' / q."""
    q = max(q, 1e-200)
    return _expect(activation, q, lambda h: (h / q) * activation.phi(h) * activation.dphi(h))


def _flow(activation: Activation, weight: float, bias: float, start: float) -> float:
    """The fixed point of q -> weight E phi^2 + bias that `start` flows to."""

    def image(q: float) -> float:
        return weight * _expect(activation, q, lambda h: activation.phi(h) ** 2) + bias

    def drift(log_q: float) -> float:
        value = image(math.exp(log_q))
        return math.log(value) - log_q if value > 0 else -math.inf

    if weight == 0:
        return bias
    at = math.log(start)
    first = drift(at)
    if abs(first) <= _rounding:
        return start
    direction = math.copysign(1.0, first)
    # Iterates of an increasing map never pass a fixed point; where they slow down, growing steps take over. Where the
    # drift is lost in rounding, as near 0 at the end of the critical line, its sign says nothing: step on.
    here = there = at
    value, step = first, 0.0
    while direction * value > -_rounding:
        if direction * value > _rounding:
            here = there
        step = min(max(abs(value), 1.25 * step), 8.0)
        there += direction * step
        if not math.log(_least) < there < math.log(_most):
            if direction > 0 and drift(math.log(1e150)) < 0:
                raise ValueError(
                    f"fixed_point: with {activation.name}, sigma_w^2 = {weight:g} and sigma_b^2 = {bias:g} the fixed"
                    f" point is above q = {_most:g}, out of reach"
                )
            return math.inf if direction > 0 else 0.0
        value = drift(there)
    low, high = min(here, there), max(here, there)
    root = math.exp(optimize.brentq(drift, low, high, xtol=1e-15, rtol=4 * np.finfo(float).eps, maxiter=300))
    slope = weight * _slope(activation, root)
    if slope < 0.999:  # one Newton step takes off the rounding of exp and ln
        root += (image(root) - root) / (1 - slope)
    return float(root)


def _excess(activation: Activation, q: float) -> float:
    """sigma_b^2 on the critical line: (q E phi'^2 - E phi^2) / E phi'^2.

    By Stein's lemma the numerator does not change when a h is taken off phi; with a = E phi' nothing cancels any more.
    """
    a = _expect(activation, q, activation.dphi)

    def function(h: Floats) -> Any:
        return q * (activation.dphi(h) - a) ** 2 - (activation.phi(h) - a * h) ** 2

    def size(h: Floats) -> Any:
        phi, dphi, line = activation.phi(h), activation.dphi(h), a * h
        first, second = np.abs(dphi) + abs(a), np.abs(phi) + np.abs(line)
        return 2 * (q * np.abs(dphi - a) * first + np.abs(phi - line) * second + _rounding * (q * first**2 + second**2))

    numerator = _expect(activation, q, function, size)
    return numerator / _expect(activation, q, lambda h: activation.dphi(h) ** 2)


def _critical_variance(activation: Activation, bias: float) -> float:
    """The smallest q with sigma_b(q) = bias on the critical line."""
    if bias == 0 and activation.phi(np.zeros(1)) == 0 and 0.0 not in activation.kinks:
        return 0.0
    # Below 1e-8 rounding hides how phi bends; above 1e8 every phi is its own asymptote.
    low = high = math.log(1e-8)
    while _excess(activation, math.exp(high)) < bias**2:
        low, high = high, high + 0.5
        if high > math.log(1e8):
            raise ValueError(f"critical_point: {activation.name} has no critical point with sigma_b = {bias:g}")
    if low == high:
        raise ValueError(
            f"critical_point: {activation.name} has its critical point with sigma_b = {bias:g} below q_star = 1e-8;"
            " give q_star"
        )

    def gap(log_q: float) -> float:
        return math.log(max(_excess(activation, math.exp(log_q)), 1e-300)) - 2 * math.log(bias)

    return math.exp(optimize.brentq(gap, low, high, xtol=1e-15, rtol=4 * np.finfo(float).eps))
