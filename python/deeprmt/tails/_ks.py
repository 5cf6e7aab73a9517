"""The law of Kolmogorov's distance for a sample of any size, without the import of scipy.stats."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, smirnov

Array = NDArray[np.float64]

_MOST = 3000  # beyond, the matrix may be too large


def ks_sf(distance: float, n: int) -> float:
    """P(D >= distance) for n independent uniform numbers, two-sided.

    From where both tails together differ from twice the one-sided one by less than 1e-12 of it, that; else the matrix
    power of Marsaglia, Tsang and Wang, J. Stat. Softw. 8, 18 (2003), exact up to rounding of numbers about 1.
    """
    if distance >= 1:
        return 0.0
    if n * distance * distance > 4 or distance >= 0.5:
        return min(1.0, 2 * float(smirnov(n, distance)))
    if 2 * n * distance <= 1:
        return 1.0
    if n > _MOST:
        from scipy.stats import kstwo  # slow to import

        return float(kstwo.sf(distance, n))
    return min(1.0, max(0.0, 1 - _cdf(distance, n)))


def _cdf(distance: float, n: int) -> float:
    k = math.ceil(n * distance)
    m, h = 2 * k - 1, k - n * distance
    inverse = np.exp(-gammaln(np.arange(m + 1) + 1.0))  # of factorials
    lag = np.subtract.outer(np.arange(m), np.arange(m)) + 1
    a = np.where(lag >= 0, inverse[np.maximum(lag, 0)], 0.0)
    powers = h ** np.arange(1, m + 1) * inverse[1:]
    a[:, 0] -= powers
    a[-1] -= powers[::-1]
    if h > 0.5:
        a[-1, 0] += (2 * h - 1) ** m * inverse[m]
    return _middle_of_power(a, k - 1, n)


def _middle_of_power(a: Array, at: int, n: int) -> float:
    """n! / n^n times an entry of a^n, by squaring; the scale is kept apart."""
    log_scale, log_base = 0.0, 0.0
    row = np.zeros(len(a))
    row[at] = 1.0
    count = n
    while True:
        if count & 1:
            row = row @ a
            log_scale += log_base
            top = float(np.abs(row).max())
            row /= top
            log_scale += math.log(top)
        count >>= 1
        if not count:
            break
        a = a @ a
        top = float(np.abs(a).max())
        a /= top
        log_base = 2 * log_base + math.log(top)
    log_factor = math.lgamma(n + 1) - n * math.log(n)
    return float(row[at]) * math.exp(log_scale + log_factor)
