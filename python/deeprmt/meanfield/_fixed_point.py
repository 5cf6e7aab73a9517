"""The fixed point of the variance map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from .._arguments import Floats, as_number
from .._display import Displayed
from ..activations import Activation, as_activation
from ._moments import expect, rounding

__all__ = ["FixedPoint", "fixed_point", "numbers"]

# The range in which a fixed point is sought; beyond it lie 0 and infinity.
_least, _most = 1e-60, 1e60


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
        return {**numbers(self), "activation": self.activation.name, "phase": self.phase}


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
    activation = as_activation("fixed_point", activation)
    sigma_w = as_number("fixed_point", "sigma_w", sigma_w, least=0)
    sigma_b = as_number("fixed_point", "sigma_b", sigma_b, least=0)
    start = as_number("fixed_point", "q0", q0, above=0)
    if max(sigma_w, sigma_b) > 1e150:
        raise ValueError(f"fixed_point: sigma_w and sigma_b must be at most 1e150, got {sigma_w:g} and {sigma_b:g}")
    q = _flow(activation, sigma_w**2, sigma_b**2, start)
    at = min(q, _most)
    mu1 = expect(activation, at, lambda h: activation.dphi(h) ** 2)
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


def _squared_slope_variance(activation: Activation, q: float, mu1: float) -> float:
    """Var phi'^2, without the cancellation of mu2 - mu1^2."""

    def size(h: Floats) -> Any:
        d = activation.dphi(h) ** 2
        return 2 * np.abs(d - mu1) * (d + mu1) + rounding * (d + mu1) ** 2

    return expect(activation, q, lambda h: (activation.dphi(h) ** 2 - mu1) ** 2, size)


def _slope(activation: Activation, q: float) -> float:
    """d/dq E phi^2 = E h phi phi' / q."""
    q = max(q, 1e-200)
    return expect(activation, q, lambda h: (h / q) * activation.phi(h) * activation.dphi(h))


def _flow(activation: Activation, weight: float, bias: float, start: float) -> float:
    """The fixed point of q -> weight E phi^2 + bias that `start` flows to."""

    def image(q: float) -> float:
        return weight * expect(activation, q, lambda h: activation.phi(h) ** 2) + bias

    def drift(log_q: float) -> float:
        value = image(math.exp(log_q))
        return math.log(value) - log_q if value > 0 else -math.inf

    if weight == 0:
        return bias
    at = math.log(start)
    first = drift(at)
    if abs(first) <= rounding:
        return start
    direction = math.copysign(1.0, first)
    # Iterates of an increasing map never pass a fixed point; where they slow down, growing steps take over. Where the
    # drift is lost in rounding, as near 0 at the end of the critical line, its sign says nothing: step on.
    here = there = at
    value, step = first, 0.0
    while direction * value > -rounding:
        if direction * value > rounding:
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
