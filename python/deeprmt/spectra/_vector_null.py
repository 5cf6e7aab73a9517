"""The law of the Kolmogorov-Smirnov distance between the entries of a random unit vector and their own law."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.special import kolmogorov, ndtr, smirnov, stdtr

from .. import _core

__all__ = ["distance", "entry_cdf", "of_squares", "p_values"]

Array = NDArray[np.float64]

# Entries are not independent, since their squares add up to 1: the distance is that of a normal sample of known mean
# and estimated variance, smaller than that of independent entries. RATIOS are p-values over those of independent
# entries, at NAIVE, for vectors of SIZES entries: from 4 * 10^6 vectors each (2 * 10^6 of 128), made non-decreasing
# along NAIVE, by ``python -m deeprmt.spectra._make_vector_null``. The limit of many entries and small p is
# sqrt(2/3) = 0.8165: far out the distance is that near the median, and there the variance of the limiting process is
# 1/4 - (t - 1/2)^2 for independent entries and 1/4 - (3/2) (t - 1/2)^2 here. Below the first of NAIVE the ratio is
# kept: the p-value is then too large.
NAIVE = (1e-4, 4e-4, 0.002, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.96, 0.99, 1.0)
SIZES = (16, 20, 28, 40, 64, 128)
RATIOS = (
    (
        0.5193, 0.6054, 0.6846, 0.7603, 0.7964, 0.8326, 0.8464, 0.8558, 0.8644,
        0.8747, 0.8874, 0.9038, 0.9239, 0.9524, 0.9762, 0.9919, 1.0000,
    ),
    (
        0.5772, 0.6540, 0.7249, 0.7822, 0.8081, 0.8351, 0.8486, 0.8559, 0.8648,
        0.8753, 0.8881, 0.9043, 0.9255, 0.9531, 0.9765, 0.9925, 1.0000,
    ),
    (
        0.6838, 0.7219, 0.7713, 0.7987, 0.8173, 0.8387, 0.8501, 0.8583, 0.8672,
        0.8770, 0.8897, 0.9061, 0.9270, 0.9545, 0.9770, 0.9926, 1.0000,
    ),
    (
        0.7181, 0.7698, 0.7828, 0.8084, 0.8245, 0.8388, 0.8505, 0.8586, 0.8674,
        0.8772, 0.8900, 0.9063, 0.9274, 0.9550, 0.9773, 0.9926, 1.0000,
    ),
    (
        0.7826, 0.7826, 0.8087, 0.8267, 0.8339, 0.8433, 0.8511, 0.8599, 0.8686,
        0.8791, 0.8919, 0.9080, 0.9283, 0.9554, 0.9778, 0.9928, 1.0000,
    ),
    (
        0.8260, 0.8260, 0.8276, 0.8346, 0.8402, 0.8473, 0.8541, 0.8608, 0.8687,
        0.8787, 0.8918, 0.9081, 0.9290, 0.9559, 0.9780, 0.9928, 1.0000,
    ),
)  # fmt: skip

# Squared moduli of complex entries are exponential numbers over their sum, whose mean is thus known: the limiting
# process has variance t (1 - t) - (1 - t)^2 log^2 (1 - t), at most 0.1492, and p-values are no multiple of those of
# independent entries. COMPLEX are quantiles of the distance times sqrt(n), from 2 * 10^6 vectors each.
COMPLEX_SIZES = (16, 20, 28, 40, 64, 128, 256)
COMPLEX_P = (
    0.999, 0.99, 0.97, 0.93, 0.87, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.14, 0.1, 0.06, 0.03, 0.01, 0.003, 0.001, 3e-4,
    1e-4,
)  # fmt: skip
COMPLEX = (
    (
        0.3170, 0.3712, 0.4099, 0.4506, 0.4910, 0.5280, 0.5737, 0.6169, 0.6608, 0.7083, 0.7637,
        0.8337, 0.8899, 0.9398, 1.0106, 1.0990, 1.2263, 1.3508, 1.4585, 1.5681, 1.6653,
    ),
    (
        0.3201, 0.3745, 0.4136, 0.4546, 0.4952, 0.5324, 0.5784, 0.6218, 0.6661, 0.7141, 0.7696,
        0.8400, 0.8965, 0.9467, 1.0177, 1.1074, 1.2361, 1.3625, 1.4704, 1.5782, 1.6682,
    ),
    (
        0.3245, 0.3786, 0.4181, 0.4597, 0.5008, 0.5380, 0.5843, 0.6281, 0.6727, 0.7211, 0.7770,
        0.8480, 0.9056, 0.9564, 1.0284, 1.1189, 1.2495, 1.3815, 1.4884, 1.5981, 1.7006,
    ),
    (
        0.3270, 0.3823, 0.4220, 0.4639, 0.5053, 0.5431, 0.5895, 0.6335, 0.6783, 0.7269, 0.7832,
        0.8547, 0.9124, 0.9633, 1.0359, 1.1269, 1.2579, 1.3877, 1.4974, 1.6083, 1.7082,
    ),
    (
        0.3313, 0.3871, 0.4270, 0.4690, 0.5106, 0.5483, 0.5950, 0.6394, 0.6844, 0.7333, 0.7899,
        0.8617, 0.9197, 0.9709, 1.0435, 1.1348, 1.2677, 1.3985, 1.5078, 1.6184, 1.7077,
    ),
    (
        0.3365, 0.3921, 0.4323, 0.4746, 0.5163, 0.5541, 0.6012, 0.6456, 0.6909, 0.7400, 0.7967,
        0.8690, 0.9271, 0.9783, 1.0517, 1.1440, 1.2767, 1.4063, 1.5164, 1.6260, 1.7219,
    ),
    (
        0.3393, 0.3961, 0.4362, 0.4786, 0.5203, 0.5584, 0.6055, 0.6500, 0.6953, 0.7444, 0.8012,
        0.8735, 0.9319, 0.9834, 1.0565, 1.1485, 1.2803, 1.4109, 1.5210, 1.6363, 1.7316,
    ),
)  # fmt: skip
_COMPLEX_VARIANCE = 0.1492
_CERTAIN = 0.2  # times 1 / sqrt(n): a distance that nearly all vectors exceed

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
    rows.sort(axis=1)
    return of_cdf(entry_cdf(rows, rows.shape[1], law))


def of_squares(squares: Array) -> Array:
    """The same for complex vectors, from the squared moduli of their entries, whose law is beta(1, n - 1)."""
    n = squares.shape[1]
    return of_cdf(-np.expm1((n - 1) * np.log1p(-np.minimum(np.sort(squares, axis=1), 1 - 2.0**-53))))


def of_cdf(t: Array) -> Array:
    """The distance of Kolmogorov and Smirnov of each ascending row from the uniform law; destroys t."""
    n = t.shape[1]
    t -= np.arange(n) / n
    return np.asarray(np.maximum(t.max(axis=1), 1 / n - t.min(axis=1)))


@lru_cache(maxsize=64)
def _simulated(n: int, law: str) -> Array:
    """Distances of random vectors of few entries, ascending; from a stream of their own, so that they never change."""
    if law == "complex":
        parts = np.empty((_DRAWS, 2 * n))
        _core.random.normals(n, 1, 0, 0, parts.reshape(-1))
        squares = parts[:, :n] ** 2 + parts[:, n:] ** 2
        return np.sort(of_squares(squares / squares.sum(axis=1, keepdims=True)))
    rows = np.empty((_DRAWS, n))
    _core.random.normals(n, 0, 0, 0, rows.reshape(-1))
    rows *= sqrt(n) / np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.sort(distance(rows, law))


@lru_cache(maxsize=64)
def _correction(n: int) -> Array:
    """Of the logarithm of the asymptotic p-value over _LOW to _HIGH, as a Chebyshev series."""
    from scipy.stats import kstwo  # slow to import

    x = chebyshev.chebpts1(64)
    scaled = _LOW + (_HIGH - _LOW) * (x + 1) / 2
    return np.asarray(chebyshev.chebfit(x, np.log(kstwo.sf(scaled / sqrt(n), n) / _asymptotic(scaled, n)), 63))


def _asymptotic(scaled: Array, n: int) -> Array:
    return np.asarray(kolmogorov(scaled + 1 / (6 * sqrt(n)) + (scaled - 1) / (4 * n)))


def _independent(d: Array, n: int) -> Array:
    """The exact p-values of n independent entries; from 16 entries on to 3e-6, because SciPy takes up to 1 ms each."""
    from scipy.stats import kstwo  # slow to import

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
    if n >= _FEW and law == "complex":
        return _complex(d * sqrt(n), n), naive
    if n >= _FEW:  # of the normal law, too: it is off by O(1 / n), beside a distance of O(1 / sqrt(n))
        ratios = _between(np.array(RATIOS), 1 / np.array(SIZES), 1 / n)
        return naive * np.interp(np.log(np.maximum(naive, NAIVE[0])), np.log(NAIVE), ratios), naive
    null = _simulated(n, law)
    at_least = null.size - np.searchsorted(null, d - 1e-12)
    return (1 + at_least) / (1 + null.size), naive


def _between(rows: Array, at: Array, x: float) -> Array:
    """Rows interpolated over descending `at`; the last one beyond."""
    return np.array([np.interp(x, at[::-1], column[::-1]) for column in rows.T])


def _complex(scaled: Array, n: int) -> Array:
    """p-values of the distance times sqrt(n): quantiles are linear in 1 / sqrt(n), and the logarithm of p in them."""
    table = np.array(COMPLEX)
    limit = 2 * table[-1] - table[COMPLEX_SIZES.index(64)]
    at = np.append(1 / np.sqrt(COMPLEX_SIZES), 0.0)
    points = np.append(_CERTAIN, _between(np.vstack([table, limit]), at, 1 / sqrt(n)))
    inside = np.interp(scaled, points, np.append(0.0, np.log(COMPLEX_P)))
    beyond = np.maximum(scaled**2 - points[-1] ** 2, 0.0) / (2 * _COMPLEX_VARIANCE)
    return np.asarray(np.exp(inside - beyond))
