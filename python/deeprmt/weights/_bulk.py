"""The bulk of a spectrum: which levels are zero, which stand out, and the Marchenko-Pastur law of the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .._arguments import Floats
from ..laws import MarchenkoPastur

_TRACY_WIDOM_999 = 3.272196059002
"""The largest eigenvalue of pure noise stays below its 0.999 quantile (beta = 1) in 999 of 1000 matrices."""
_ROUNDS = 20


@dataclass(frozen=True)
class Bulk:
    """The Marchenko-Pastur law of the levels that are left after `outliers` were set apart.

    Each level set apart takes one dimension from both sides, so that of p x n noise the rest is as
    (p - outliers) x (n - outliers): `aspect` is the ratio of these, `law_sigma` is sigma sqrt((n - outliers) / n).
    """

    sigma: float
    outliers: int
    aspect: float
    law_sigma: float
    threshold: float
    rounds: int
    settled: bool
    found: bool = True


def rounding(shape: tuple[int, ...], rms: float, precision: float) -> float:
    """What rounding of the stored entries can add to a singular value.

    Each entry is off by up to half the distance to the next number. As a noise matrix that has a norm below
    rms * precision / 2 * (sqrt m + sqrt n). Entries that were also computed in the precision they are stored in (a
    product of factors, say) are off by more: single and double precision are fine enough for a wide margin.
    """
    margin = 16 if precision < 1e-6 else 1
    return margin * precision / 2 * rms * (math.sqrt(shape[0]) + math.sqrt(shape[1]))


def zeros(singular: Floats, shape: tuple[int, ...], rms: float, precision: float) -> int:
    """How many of the descending singular values are zero up to rounding.

    That is rounding of the decomposition, below max(shape) * 2^-52 * s_max, or of the stored entries. The smallest
    levels of a full, nearly square matrix come as low as the latter by chance and in a known number: those stay.
    """
    least, most = min(shape), max(shape)
    bound = rounding(shape, rms, precision)
    exact = int(np.count_nonzero(singular <= most * 2.0**-52 * singular[0]))
    rounded = int(np.count_nonzero(singular <= bound))
    chance = least * float(MarchenkoPastur(least / most, rms).cdf(bound**2 / most))
    return max(exact, rounded if rounded > chance + 5 * math.sqrt(chance) else 0)


def fit(levels: Floats, n: int) -> Bulk:
    """Fit sigma to descending positive eigenvalues of W^T W / n.

    The median, matched to the law's, gives the first sigma, which no spike can inflate. Levels beyond the edge plus
    the Tracy-Widom allowance for a matrix of that size are set apart, the mean of the rest gives the next sigma, and
    so on until the count stays. Where that eats up half of all levels there is no such bulk: then the law of the
    median stands, and `found` is False.
    """
    outliers, settled = 0, False
    sigma2 = float(np.median(levels)) / float(MarchenkoPastur(levels.size / n).ppf(0.5))
    first = sigma2
    for rounds in range(1, _ROUNDS + 1):
        beyond = int(np.count_nonzero(levels > _threshold(sigma2, levels.size - outliers, n - outliers, n)))
        if 2 * beyond > levels.size:
            law = _bulk(levels.size, n, first, 0, rounds, settled=False)
            return replace(law, outliers=int(np.count_nonzero(levels > law.threshold)), found=False)
        settled = beyond == outliers and rounds > 1
        outliers = beyond
        sigma2 = float(levels[outliers:].mean()) * n / (n - outliers)
        if settled:
            break
    return _bulk(levels.size, n, sigma2, outliers, rounds, settled)


def _bulk(levels: int, n: int, sigma2: float, outliers: int, rounds: int, settled: bool) -> Bulk:
    p, m = levels - outliers, n - outliers
    return Bulk(
        sigma=math.sqrt(sigma2),
        outliers=outliers,
        aspect=p / m,
        law_sigma=math.sqrt(sigma2 * m / n),
        threshold=_threshold(sigma2, p, m, n),
        rounds=rounds,
        settled=settled,
    )


def _threshold(sigma2: float, p: int, m: int, n: int) -> float:
    """Of sigma^2 / n times A^T A, A m x p with unit entries: the 0.999 quantile of the largest eigenvalue.

    Johnstone, Ann. Stat. 29, 295 (2001), with the dimensions that Ma, Bernoulli 18, 322 (2012), found to do best.
    """
    a, b = math.sqrt(m - 0.5), math.sqrt(p - 0.5)
    width = (a + b) * math.cbrt(1 / a + 1 / b)
    return sigma2 / n * ((a + b) ** 2 + _TRACY_WIDOM_999 * width)
