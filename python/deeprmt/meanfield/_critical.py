"""The critical line, where gradients neither vanish nor explode."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from .._arguments import Floats, as_number
from .._display import Displayed
from ..activations import Activation, as_activation
from ._fixed_point import numbers
from ._moments import expect, rounding

__all__ = ["CriticalPoint", "critical_point"]


@dataclass(frozen=True)
class CriticalPoint(Displayed):
    """A point on the line chi = 1: sigma_w and sigma_b, and the fixed point q_star there."""

    sigma_w: float
    sigma_b: float
    q_star: float
    activation: Activation

    def to_dict(self) -> dict[str, Any]:
        """The numbers, and the activation's name."""
        return {**numbers(self), "activation": self.activation.name}


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
    mu1 = expect(activation, q_star, lambda h: activation.dphi(h) ** 2)
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


def _excess(activation: Activation, q: float) -> float:
    """sigma_b^2 on the critical line: (q E phi'^2 - E phi^2) / E phi'^2.

    By Stein's lemma the numerator does not change when a h is taken off phi; with a = E phi' nothing cancels any more.
    """
    a = expect(activation, q, activation.dphi)

    def function(h: Floats) -> Any:
        return q * (activation.dphi(h) - a) ** 2 - (activation.phi(h) - a * h) ** 2

    def size(h: Floats) -> Any:
        phi, dphi, line = activation.phi(h), activation.dphi(h), a * h
        first, second = np.abs(dphi) + abs(a), np.abs(phi) + np.abs(line)
        return 2 * (q * np.abs(dphi - a) * first + np.abs(phi - line) * second + rounding * (q * first**2 + second**2))

    numerator = expect(activation, q, function, size)
    return numerator / expect(activation, q, lambda h: activation.dphi(h) ** 2)


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
