"""Moments of a free product from the series of its factors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def moment(
    k: int,
    log_scale: float,
    poles: dict[float, float],
    factors: Iterable[tuple[Array, float, float]],
    jumps: Mapping[tuple[float, float], float] | None = None,
) -> float:
    """m_k = [y^(k-1)] (y z(y))^k / k, Lagrange's inversion of u = 1 / z.

    ln(y z) = log_scale + sum of power ln(1 + a y) over poles + sum of power ln(1 / S_d(width y)) over factors, each
    given by its moments, its power and its width, + sum of power ln(1 - f / (1 + b y)) over jumps (f, b).
    """
    series = np.zeros(k)  # ln(y z)
    order = np.arange(1, k)
    for a, power in poles.items():
        series[1:] -= power * (-a) ** order / order
    for (flat, width), power in (jumps or {}).items():
        log_scale += power * math.log1p(-flat)
        series[1:] -= power * (-width) ** order * np.expm1(-order * math.log1p(-flat)) / order
    for mu, power, width in factors:
        if mu[0] == 0:
            return 0.0
        log_scale += power * math.log(mu[0])
        series[1:] += power * _log_inverse_s(mu[:k])[1:] * width**order
    return float(_exponential(k * series)[k - 1] / k) * math.exp(k * log_scale)


def _log_inverse_s(mu: Array) -> Array:
    """ln(1 / S(y)) less its value at 0: 1 / S = (y / u) / (1 + y), where y = sum mu_j u^j."""
    k = len(mu)
    scaled = mu / mu[0] ** np.arange(1, k + 1)  # u in units of 1 / mean
    log_a = _logarithm(scaled)
    # ln(y / u) as a series in y is that of ln(y / u) in u, composed with u(y): Lagrange for a function of u,
    # [y^j] H(u) = [u^(j-1)] H'(u) (u / y)^j / j.
    out = np.zeros(k)
    slope = log_a[1:] * np.arange(1, k)
    for j in range(1, k):
        out[j] = np.dot(slope[:j], _exponential(-j * log_a)[j - 1 :: -1][:j]) / j
    order = np.arange(1, k)
    out[1:] += (-1.0) ** order / order
    return out


def _logarithm(a: Array) -> Array:
    """ln a, a[0] = 1."""
    out = np.zeros(len(a))
    for i in range(1, len(a)):
        j = np.arange(1, i)
        out[i] = a[i] - np.dot(j * out[1:i], a[i - 1 : 0 : -1]) / i
    return out


def _exponential(a: Array) -> Array:
    """e^a, a[0] = 0."""
    out = np.zeros(len(a))
    out[0] = 1.0
    for i in range(1, len(a)):
        j = np.arange(1, i + 1)
        out[i] = np.dot(j * a[1 : i + 1], out[i - 1 :: -1][:i]) / i
    return out


def flow_moment(k: int, spread: float, smooth: bool) -> float:
    """The same for ln(y z) = ln(1 + y) + spread y, or with y / (1 + y) in the place of the last y."""
    order = np.arange(1, k)
    series = np.zeros(k)
    series[1:] = -((-1.0) ** order) / order
    if smooth:
        series[1:2] += spread
    else:
        series[1:] -= spread * (-1.0) ** order
    return float(_exponential(k * series)[k - 1] / k)
