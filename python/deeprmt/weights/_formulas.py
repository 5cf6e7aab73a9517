"""The metrics of Martin and Mahoney that are functions of the eigenvalues alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BINS, _LEAST = 100, 1e-12


def entropy(levels: Array) -> Array:
    """-sum p ln p / ln n of positive numbers along the last axis, p their shares; 0 for one number."""
    n = levels.shape[-1]
    if n == 1:
        return np.zeros(levels.shape[:-1])
    p = levels / levels.sum(axis=-1, keepdims=True)
    return np.asarray(-(p * np.log(p)).sum(axis=-1) / math.log(n))


def det_x(levels: Array) -> NDArray[np.int64]:
    """How many of the largest it takes until their product falls below 1, once their mean is 1; all if never.

    Logarithms are added: a product of thousands leaves the range of double precision.
    """
    descending = -np.sort(-levels, axis=-1)
    logs = np.log(descending / descending.mean(axis=-1, keepdims=True))
    n = levels.shape[-1]
    below = np.cumsum(logs, axis=-1) < -1e-13 * n  # equal values have a product of 1 but for rounding
    return np.asarray(np.where(below.any(axis=-1), below.argmax(axis=-1) + 1, n), np.int64)


def det_x_crossing(levels: Array) -> Array:
    """Where between two of them, the logarithm of the product taken as linear there, that product falls through 1.

    `det_x` is the whole number above. It takes two or three values in noise; this has no ties.
    """
    descending = -np.sort(-levels, axis=-1)
    logs = np.log(descending / descending.mean(axis=-1, keepdims=True))
    n = levels.shape[-1]
    sums = np.concatenate([np.zeros((*logs.shape[:-1], 1)), np.cumsum(logs, axis=-1)], axis=-1)
    below = sums[..., 1:] < -1e-13 * n
    last = below.argmax(axis=-1)[..., None]
    before, after = (np.take_along_axis(sums, each, axis=-1)[..., 0] for each in (last, last + 1))
    some = below.any(axis=-1)
    share = np.maximum(before, 0) / np.where(some, np.maximum(before, 0) - after, 1)
    return np.asarray(np.where(some, last[..., 0] + share, n), np.float64)


def log_power_sum(levels: Array, alpha: Any) -> Array:
    """log10 sum x^alpha along the last axis, whatever the size of alpha."""
    logs = np.asarray(alpha)[..., None] * np.log(levels)
    top = logs.max(axis=-1)
    return np.asarray((top + np.log(np.exp(logs - top[..., None]).sum(axis=-1))) / math.log(10))


def spectral_distance(p: Array, q: Array, distance: str) -> float:
    """The root of the Jensen-Shannon divergence of two ascending spectra of one length.

    "ww": the eigenvalues themselves, paired by rank, are taken for probabilities, as WeightWatcher does.
    "density": histograms of 100 equal bins over the range of both.
    """
    if distance == "density":
        low, high = min(p[0], q[0]), max(p[-1], q[-1])
        if not low < high:
            return 0.0
        edges = np.linspace(low, high, _BINS + 1)
        p, q = (np.histogram(each, edges)[0] + _LEAST for each in (p, q))
    middle = (p + q) / 2
    middle = middle / middle.sum()

    def divergence(x: Array) -> float:
        x = x / x.sum()
        some = x > 0
        return float((x[some] * np.log(x[some] / middle[some])).sum())

    return math.sqrt(max(0.0, (divergence(p) + divergence(q)) / 2))
