"""Laws on [xmin, inf) that a tail may follow instead of a power law, fitted by maximum likelihood.

All of them are handled as densities of u = log(x / xmin) on [0, inf), where the power law is exponential with mean 1 /
a.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .. import _core
from ..errors import ConvergenceError
from ._values import Array


class Fit(NamedTuple):
    """The best of one family: log-densities of u at the data."""

    parameters: dict[str, float]
    log_density: Array
    boundary: bool


def _log_mean_exp(values: Array) -> float:
    top = float(values.max())
    return top + math.log(float(np.exp(values - top).mean()))


def _exp(value: float) -> float:
    return math.exp(value) if value < 709 else math.inf


def _log_growth(u: Array) -> Array:
    """log(e^u - 1)."""
    with np.errstate(divide="ignore"):
        return np.asarray(u + np.log(-np.expm1(-u)))


def _exponential(u: Array, xmin: float) -> Fit:
    log_excess = _log_growth(u)  # log(x / xmin - 1)
    log_mean = _log_mean_exp(log_excess)
    rate = _exp(-log_mean - math.log(xmin))
    return Fit({"rate": rate}, u - log_mean - np.exp(log_excess - log_mean), False)


def _stretched_exponential(u: Array, xmin: float) -> Fit:
    """Density proportional to x^(b - 1) exp(-rate x^b). For a shape b the rate is explicit.

    What is left is b m1 - log mean((e^(b u) - 1) / b), concave in b, m1 the mean of u. At b = 0 it is the power law's,
    with slope m1 - m2 / (2 m1).
    """
    m1, m2 = float(u.mean()), float((u * u).mean())
    if m2 >= 2 * m1 * m1:
        return Fit({"shape": 0.0, "rate": math.inf}, -math.log(m1) - u / m1, True)

    b = _core.tails.stretched_shape(u)
    if b == 0:  # to all digits
        return Fit({"shape": 0.0, "rate": math.inf}, -math.log(m1) - u / m1, True)
    terms = _log_growth(b * u) - math.log(b)
    log_mean = _log_mean_exp(terms)
    rate = _exp(-log_mean - math.log(b) - b * math.log(xmin))
    return Fit({"shape": b, "rate": rate}, b * u - log_mean - np.exp(terms - log_mean), False)


def _bent(u: Array, *, truncated: bool) -> tuple[float, float, Array]:
    """theta, kappa and the log-densities at u of the best density proportional to exp(-theta u - kappa g(u))."""
    theta, kappa, gain, log_density = _core.tails.fit_bent(u, truncated)
    if gain > 0:
        raise ConvergenceError(
            f"compare: the fit of a tail did not converge, the last step gained {gain:.2g} per value",
            {"where": "truncated law", "gain": gain, "steps": 200},
        )
    return theta, kappa, log_density


def _lognormal(u: Array, xmin: float) -> Fit:
    m1, m2, longest = float(u.mean()), float((u * u).mean()), float(u.max())
    if m2 >= 2 * m1 * m1:  # the slope in kappa at kappa = 0, where the law is the power law
        return Fit({"mu": -math.inf, "sigma": math.inf}, -math.log(m1) - u / m1, True)

    theta, kappa, log_density = _bent(u, truncated=False)
    sigma = longest / math.sqrt(2 * kappa)
    return Fit({"mu": math.log(xmin) - theta * sigma * sigma, "sigma": sigma}, log_density, False)


def _truncated_power_law(u: Array, xmin: float) -> Fit:
    """Density proportional to x^(-alpha) exp(-rate x)."""
    m1 = float(u.mean())
    log_excess = _log_growth(u)
    log_longest = float(log_excess.max())
    a = 1 / m1
    log_mean = _log_mean_exp(log_excess)
    # The slope in kappa at kappa = 0: minus the mean of x / xmin - 1, plus that of the power law, 1 / (a - 1).
    if a > 1 and log_mean >= -math.log(a - 1):
        return Fit({"alpha": a + 1, "rate": 0.0}, math.log(a) - a * u, True)

    theta, kappa, log_density = _bent(u, truncated=True)
    return Fit({"alpha": theta + 1, "rate": _exp(math.log(kappa) - log_longest - math.log(xmin))}, log_density, False)


ALTERNATIVES: dict[str, Callable[[Array, float], Fit]] = {
    "lognormal": _lognormal,
    "exponential": _exponential,
    "truncated_power_law": _truncated_power_law,
    "stretched_exponential": _stretched_exponential,
}
