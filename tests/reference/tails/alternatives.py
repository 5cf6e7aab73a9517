"""Laws on [xmin, inf) that a tail may follow instead of a power law, fitted by maximum likelihood.

All of them are handled as densities of u = log(x / xmin) on [0, inf), where the power law is exponential with mean 1 /
a.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

Array = np.ndarray


class Fit(NamedTuple):
    """The best of one family: log-densities of u at the data."""

    parameters: dict[str, float]
    log_density: Array
    boundary: bool


def _exp(value: float) -> float:
    return math.exp(value) if value < 709 else math.inf


def _log_growth(u: Array) -> Array:
    """log(e^u - 1)."""
    with np.errstate(divide="ignore"):
        return np.asarray(u + np.log(-np.expm1(-u)))


def _exponential(u: Array, xmin: float) -> Fit:
    excess = np.expm1(u)  # x / xmin - 1
    return Fit({"rate": 1 / (excess.mean() * xmin)}, u - np.log(excess.mean()) - excess / excess.mean(), False)


def _stretched_exponential(u: Array, xmin: float) -> Fit:
    """Density proportional to x^(b - 1) exp(-rate x^b). For a shape b the rate is explicit.

    What is left is b m1 - log mean((e^(b u) - 1) / b), concave in b, m1 the mean of u. At b = 0 it is the power law's,
    with slope m1 - m2 / (2 m1).
    """
    m1, m2 = float(u.mean()), float((u * u).mean())
    if m2 >= 2 * m1 * m1:
        return Fit({"shape": 0.0, "rate": math.inf}, -math.log(m1) - u / m1, True)

    def log_terms(b: float) -> Array:
        return np.asarray(_log_growth(b * u) - math.log(b))

    def excess(b: float) -> float:
        terms = log_terms(b)
        weight = np.exp(terms - terms.max())
        z = b * u
        small = z < 1e-2
        safe = np.where(small, 1.0, z)
        inner = np.where(small, 0.5 + z / 12 * (1 - z * z / 60), 1 / -np.expm1(-safe) - 1 / safe)
        return float((weight * u * inner).sum() / weight.sum()) - m1

    low, high = 1e-8 / m1, 1 / m1
    while excess(high) < 0:
        high *= 2
    if excess(low) >= 0:  # the shape is 0 to all digits
        return Fit({"shape": 0.0, "rate": math.inf}, -math.log(m1) - u / m1, True)
    b = float(brentq(excess, low, high, xtol=1e-300, rtol=1e-14))
    terms = log_terms(b)
    log_mean = float(logsumexp(terms)) - math.log(u.size)
    rate = _exp(-log_mean - math.log(b) - b * math.log(xmin))
    return Fit({"shape": b, "rate": rate}, b * u - log_mean - np.exp(terms - log_mean), False)


class _Bent:
    """Densities proportional to exp(-theta u - kappa g(u)) on [0, inf), g convex, g(0) = 0, theta real, kappa > 0.

    An exponential family: the log-likelihood is concave in (theta, kappa) and has one maximum. Scoring steps in theta
    and log kappa, halved where they do not gain. Integrals by Gauss' rule on pieces between which the exponent falls by
    a few units.
    """

    nodes, weights = np.polynomial.legendre.leggauss(24)

    def __init__(
        self,
        g: Callable[[Array], Array],
        peak: Callable[[float, float], float],
        crossing: Callable[[float, float, float, int], float],
    ) -> None:
        """`crossing(theta, kappa, level, sign)`: how far from its peak the exponent has fallen by `level`."""
        self.g, self.peak, self.crossing = g, peak, crossing

    def rule(self, theta: float, kappa: float) -> tuple[Array, Array, float]:
        """Nodes, weights times exp(exponent - top), and top."""
        start = max(self.peak(theta, kappa), 0.0)
        top = -theta * start - kappa * float(self.g(np.array([start]))[0])
        points = {start}
        for sign in (1, -1) if start > 0 else (1,):
            falls = [self.crossing(theta, kappa, level, sign) for level in (1.0, 4.0, 10.0, 20.0, 42.0)]
            ends = [max(start + sign * by, 0.0) for by in falls]
            points.update(ends)
            # A long flat stretch may end abruptly, over a distance of 1: pieces that halve towards that end.
            piece = 1.0
            while piece < abs(ends[0] - start):
                points.add(ends[0] - sign * piece)
                piece *= 2
        corners = np.array(sorted(points))
        half, middle = np.diff(corners) / 2, (corners[1:] + corners[:-1]) / 2
        u = (middle[:, None] + half[:, None] * self.nodes).ravel()
        weight = (half[:, None] * self.weights).ravel()
        return u, weight * np.exp(-theta * u - kappa * self.g(u) - top), top

    def fit(self, u: Array) -> tuple[float, float, Array]:
        """theta, kappa and the log-densities at u."""
        g = self.g(u)
        data = np.array([float(u.mean()), float(g.mean())])

        def state(theta: float, kappa: float) -> tuple[float, Array, Array]:
            nodes, weight, top = self.rule(theta, kappa)
            total = float(weight.sum())
            probability = weight / total
            features = np.stack([nodes, self.g(nodes)])
            mean = features @ probability
            centred = features - mean[:, None]
            value = -theta * data[0] - kappa * data[1] - math.log(total) - top
            return value, mean - data, (centred * probability) @ centred.T

        theta, kappa = 0.0, 1.0
        value, gradient, covariance = state(theta, kappa)
        for _ in range(200):
            size = np.sqrt(np.diag(covariance))
            step = np.linalg.lstsq(covariance / np.outer(size, size), gradient / size, rcond=1e-15)[0] / size
            gain = float(gradient @ step)
            if gain < 1e-22:
                break
            if step[1] < -0.9 * kappa:  # towards the boundary: as far as this, and theta where it is best then
                step[1] = -0.9 * kappa
                step[0] = (gradient[0] - covariance[0, 1] * step[1]) / covariance[0, 0]
            length = 1.0
            while length > 1e-9:
                trial = theta + length * float(step[0]), kappa + length * float(step[1])
                after = state(*trial)
                if after[0] > value:
                    break
                length /= 4
            else:  # the maximum to rounding
                break
            (theta, kappa), (value, gradient, covariance) = trial, after
        else:
            raise RuntimeError("no convergence")
        _, weight, top = self.rule(theta, kappa)
        return theta, kappa, np.asarray(-theta * u - kappa * g - math.log(float(weight.sum())) - top)


def _lognormal(u: Array, xmin: float) -> Fit:
    m1, m2, longest = float(u.mean()), float((u * u).mean()), float(u.max())
    if m2 >= 2 * m1 * m1:  # the slope in kappa at kappa = 0, where the law is the power law
        return Fit({"mu": -math.inf, "sigma": math.inf}, -math.log(m1) - u / m1, True)

    def crossing(theta: float, kappa: float, level: float, sign: int) -> float:
        q = kappa / longest / longest
        return math.sqrt(level / q) if theta < 0 else 2 * level / (theta + math.sqrt(theta * theta + 4 * q * level))

    family = _Bent(lambda v: (v / longest) ** 2, lambda theta, kappa: -theta / (2 * kappa) * longest**2, crossing)
    theta, kappa, log_density = family.fit(u)
    sigma = longest / math.sqrt(2 * kappa)
    return Fit({"mu": math.log(xmin) - theta * sigma * sigma, "sigma": sigma}, log_density, False)


def _truncated_power_law(u: Array, xmin: float) -> Fit:
    """Density proportional to x^(-alpha) exp(-rate x)."""
    m1 = float(u.mean())
    log_excess = _log_growth(u)
    log_longest = float(log_excess.max())
    a = 1 / m1
    log_mean = float(logsumexp(log_excess)) - math.log(u.size)
    # The slope in kappa at kappa = 0: minus the mean of x / xmin - 1, plus that of the power law, 1 / (a - 1).
    if a > 1 and log_mean >= -math.log(a - 1):
        return Fit({"alpha": a + 1, "rate": 0.0}, math.log(a) - a * u, True)

    def g(v: Array) -> Array:
        return np.exp(np.minimum(_log_growth(v) - log_longest, 700.0))

    def peak(theta: float, kappa: float) -> float:
        return math.log(-theta / kappa) + log_longest if theta < 0 else 0.0

    def crossing(theta: float, kappa: float, level: float, sign: int) -> float:
        # By Newton's method from the far side of a convex function, which never oversteps; digits do not matter here.
        # Bounds: e^x - 1 - x is at least x^2 / 2, and half of e^x - 1 from x = 1.26 on.
        log_c = math.log(kappa) - log_longest
        inside = theta < 0 and math.log(-theta) > log_c  # the peak is: from there it falls by -theta (e^x - 1 - x)
        log_slope = math.log(-theta) if inside else log_c
        reach = math.log(2 * level) - log_slope
        x = min(_exp(reach / 2), max(1.26, reach + 0.3))
        if inside and sign < 0:
            x = 1 + _exp(reach) / 2
        elif theta >= 0:
            x = min(level / theta if theta > 0 else math.inf, max(reach, 0.0) + math.log(2))
        for _ in range(60):
            if inside:
                fall, slope = -theta * (math.expm1(sign * x) - sign * x), -theta * sign * math.expm1(sign * x)
            else:
                slope = theta + _exp(log_c + x)
                fall = theta * x + _exp(log_c + x) - _exp(log_c)
            step = (fall - level) / slope
            x -= step
            if not step > 1e-3 * x:
                break
        return x

    theta, kappa, log_density = _Bent(g, peak, crossing).fit(u)
    return Fit({"alpha": theta + 1, "rate": _exp(math.log(kappa) - log_longest - math.log(xmin))}, log_density, False)


ALTERNATIVES: dict[str, Callable[[Array, float], Fit]] = {
    "lognormal": _lognormal,
    "exponential": _exponential,
    "truncated_power_law": _truncated_power_law,
    "stretched_exponential": _stretched_exponential,
}
