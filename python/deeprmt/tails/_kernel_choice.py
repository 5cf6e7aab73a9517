"""What the choice of a bandwidth for the kernel estimator needs: its criterion, and the bandwidth that follows."""

from __future__ import annotations

import math

import numpy as np

from ._estimates import KERNELS, POWER, kernel_terms, spread
from ._values import Array

_MOST = 4.0  # the factor between the two bandwidths is of order 1; beyond this a bias vanishes by accident


class _Both:
    """The estimates of both kernels for k = 2..size-1, from gaps; every power is computed once for all resamples."""

    def __init__(self, size: int) -> None:
        terms = max(shape.size for shape in KERNELS.values())
        i, k = np.arange(1, size - 1) / size, np.arange(2, size) / size
        self.whole = [(i ** (1 + 2 * m), k ** -(1.0 + 2 * m)) for m in range(terms)]
        self.part = [(i ** (POWER + 2 * m), k ** -(POWER + 2 * m)) for m in range(terms)]

    def __call__(self, gaps: Array) -> tuple[Array, ...]:
        whole = [np.cumsum(power * gaps) * scale for power, scale in self.whole]
        part = [np.cumsum(power * gaps) * scale for power, scale in self.part]
        found = []
        for shape in KERNELS.values():
            first = sum(c * each for c, each in zip(shape, whole, strict=False))
            below = sum(c * each for c, each in zip(shape, part, strict=False))
            above = sum((POWER + 1 + 2 * m) * c * part[m] for m, c in enumerate(shape))
            with np.errstate(divide="ignore", invalid="ignore"):
                found.append(np.where(below > 0, first - 1 + above / below, np.nan))
        return tuple(found)


def criterion(depth: Array, size: int, samples: int, key: int, part: int) -> Array:
    """The mean over resamples of the squared difference of both kernels, for k = 1..size-1; infinite where undefined.

    `depth` is the logarithm of the largest value over each, ascending. Resample r has a stream of its own.
    """
    both = _Both(size)
    total, count = np.zeros(size - 2), np.zeros(size - 2)
    for r in range(samples):
        stream = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, part, r]))
        times = np.bincount(stream.integers(0, depth.size, size), minlength=depth.size)
        one, other = both(np.diff(np.repeat(depth, times))[:-1])
        square = (one - other) ** 2
        defined = np.isfinite(square)
        total[defined] += square[defined]
        count += defined
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.concatenate([[np.inf], np.where(count > samples / 2, total / count, np.inf)])


def factor(xi: float, rho: float) -> float:
    """The best k for the biweight kernel over the best k for the difference of both kernels.

    The squared error is V / k + (B c)^2 (k/n)^(-2 rho), least at a k that goes as (V / B^2)^(1 / (1 - 2 rho)); V and B
    belong to the estimator, c to the law.
    """
    one, other = (kernel_terms(shape, xi) for shape in KERNELS.values())
    difference = one + [(-weight, exponent) for weight, exponent in other]
    bias = [_bias(shape, xi, rho) for shape in KERNELS.values()]
    v, b = spread(one) / spread(difference), (bias[0] - bias[1]) / bias[0] if bias[0] else math.inf
    with np.errstate(over="ignore"):
        found = float((v * b * b) ** (1 / (1 - 2 * rho)))
    return min(max(found, 1 / _MOST), _MOST)


def _bias(shape: Array, xi: float, rho: float) -> float:
    """What gaps that are off by a factor 1 + v^-rho do to the estimate, over that."""
    powers = 2 * np.arange(shape.size)
    g = max(-xi, 0.0)
    norm = float((shape / (POWER + g + powers)).sum())
    return float(abs(xi) * (shape / (1 + powers - rho)).sum() + rho * (shape / (POWER + g + powers - rho)).sum() / norm)
