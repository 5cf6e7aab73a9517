"""The law of the Kolmogorov-Smirnov distance between the entries of a random unit vector and their own law."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.special import kolmogorov, ndtr, smirnov, stdtr
from scipy.stats import kstwo

from .. import _core

__all__ = ["distance", "entry_cdf", "p_values"]

Array = NDArray[np.float64]

# Entries are not independent, since their squares add up to 1: the distance is that of a normal sample of known mean
# and estimated variance, smaller than that of independent entries. RATIO is the p-value over that of independent
# entries, at NAIVE: from 4 * 10^6 vectors of 64 entries, by ``python -m deeprmt.spectra._make_vector_null``. From 16
# entries on it is the same within 0.01 down to 0.05, and 0.05 below. Its limit at 0 is sqrt(2/3): far out the distance
# is that near the median, and there the variance of the limiting process is 1/4 - (t - 1/2)^2 for independent entries
# and 1/4 - (3/2) (t - 1/2)^2 here.
NAIVE = (0.0, 0.002, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.96, 0.99, 1.0)
RATIO = (
    0.8165, 0.8165, 0.828, 0.834, 0.8435, 0.8516, 0.8601, 0.8687,
    0.8789, 0.8918, 0.9081, 0.9286, 0.9555, 0.9777, 0.9927, 1.0,
)  # fmt: skip

_FEW = 16
_DRAWS = 20_000
_FINE = 2**17
_LOW, _HIGH = 0.25, 3.2  # below, p is 1 to 1e-7


@lru_cache(maxsize=8)
def _grid(n: int) -> tuple[Array, Array]:
    z = np.linspace(-9.0, 9.0, _FINE + 1)
    return z, entry_cdf(z, n, "exact")


def entry_cdf(z: Array, n: int, law: str) -> Array:
    """The distribution function of sqrt(n) times an entry of a uniform unit vector; of a normal number for "normal".

    For many entries by interpolation, whose error is below 1e-9; law "exact" avoids it.
    """
    if law == "normal":
        return np.asarray(ndtr(z))
    if law == "sphere" and n >= 64:
        return np.interp(z, *_grid(n))
    if n == 1:
        return np.where(z < -0.5, 0.0, np.where(z < 0.5, 0.5, 1.0))
    # u / sqrt(1 - u^2) times sqrt(n - 1) has Student's law.
    rest = np.sqrt(np.maximum(n - z * z, 1e-300))
    return np.asarray(stdtr(n - 1, z * (sqrt(n - 1) / rest)))


def distance(rows: Array, law: str) -> Array:
    """Of each row, unit vectors times the root of their length; sorts the rows in place."""
    n = rows.shape[1]
    rows.sort(axis=1)
    t = entry_cdf(rows, n, law)
    below = np.arange(n) / n
    t -= below
    return np.asarray(np.maximum(t.max(axis=1), 1 / n - t.min(axis=1)))


@lru_cache(maxsize=64)
def _simulated(n: int, law: str) -> Array:
    """Distances of random vectors of few entries, ascending; from a stream of their own, so that they never change."""
    rows = np.empty((_DRAWS, n))
    _core.random.normals(n, 0, 0, 0, rows.reshape(-1))
    rows *= sqrt(n) / np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.sort(distance(rows, law))


@lru_cache(maxsize=64)
def _correction(n: int) -> Array:
    """Of the logarithm of the asymptotic p-value over _LOW to _HIGH, as a Chebyshev series."""
    x = chebyshev.chebpts1(64)
    scaled = _LOW + (_HIGH - _LOW) * (x + 1) / 2
    return np.asarray(chebyshev.chebfit(x, np.log(kstwo.sf(scaled / sqrt(n), n) / _asymptotic(scaled, n)), 63))


def _asymptotic(scaled: Array, n: int) -> Array:
    return np.asarray(kolmogorov(scaled + 1 / (6 * sqrt(n)) + (scaled - 1) / (4 * n)))


def _independent(d: Array, n: int) -> Array:
    """The exact p-values of n independent entries; from 16 entries on to 3e-6, because SciPy takes up to 1 ms each."""
    if n < _FEW:
        return np.asarray(kstwo.sf(d, n))
    scaled = d * sqrt(n)
    out = np.ones_like(d)
    middle, far = (scaled > _LOW) & (scaled <= _HIGH), scaled > _HIGH
    position = (scaled[middle] - _LOW) / (_HIGH - _LOW) * 2 - 1
    out[middle] = _asymptotic(scaled[middle], n) * np.exp(chebyshev.chebval(position, _correction(n)))
    out[far] = 2 * smirnov(n, d[far])  # exact to 1e-9 there
    return np.minimum(out, 1.0)


def p_values(d: Array, n: int, law: str) -> tuple[Array, Array]:
    """The p-values of distances for a uniform unit vector of n entries, and those for independent entries."""
    naive = _independent(d, n)
    if n >= _FEW:  # of the normal law, too: it is off by O(1 / n), beside a distance of O(1 / sqrt(n))
        return naive * np.interp(naive, NAIVE, RATIO), naive
    null = _simulated(n, law)
    at_least = null.size - np.searchsorted(null, d - 1e-12)
    return (1 + at_least) / (1 + null.size), naive
