"""WeightWatcher's fit of a Marchenko-Pastur law: least squares to a smoothed density.

It serves comparison alone. Of a square matrix the law that is fitted is a quarter circle of fixed radius 2 and free
height, so that its edge is not one of the spectrum; a spike coarsens the grid for all the rest.
"""

from __future__ import annotations

import math

import numpy as np

from ._formulas import Array

_POINTS, _BANDWIDTH, _LEAST_DENSITY = 1000, 0.1, 0.01
_REFUSED = 1000.0


def density_edge(levels: Array, aspect: float) -> float:
    """The upper edge of the fitted law, for positive ascending levels of mean 1."""
    from scipy.optimize import brute, fmin

    square = aspect == 1
    x, y = _smoothed(np.sqrt(levels) if square else levels)
    keep = y > _LEAST_DENSITY
    x, y = x[keep], y[keep]
    if x.size == 0:
        return math.nan
    peak, root = float(x[int(y.argmax())]), math.sqrt(aspect)
    half = np.sqrt(np.maximum(4 - x**2, 0)) / math.pi

    def residual(sigma: Array) -> float:
        s2 = float(np.ravel(sigma)[0]) ** 2
        if square:
            return float(((half / s2 - y) ** 2).sum())
        low, high = s2 * (1 - root) ** 2, s2 * (1 + root) ** 2
        if high < peak or high > x[-1] or low > peak:
            return y.size * _REFUSED**2
        law = np.sqrt(np.maximum((high - x) * (x - low), 0)) / (2 * math.pi * s2 * aspect * np.maximum(x, 1e-300))
        return float(((law - y) ** 2).sum())

    scale = math.sqrt(levels[-1]) / (1 + root)
    grid = (slice(0.05 * scale, 2 * scale, 0.01 * scale),)
    sigma = float(np.ravel(brute(residual, grid, finish=fmin))[0])
    return sigma**2 * (1 + root) ** 2


def allowance(edge: float, aspect: float, short: int) -> float:
    """What WeightWatcher adds to the edge before it counts spikes."""
    return math.sqrt(math.sqrt(aspect) * (edge / short) ** (2 / 3))


def _smoothed(values: Array) -> tuple[Array, Array]:
    """Grid and density with a triangular kernel, from running sums."""
    x = np.linspace(0, values[-1] + 0.5, _POINTS)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    left, here, right = (np.searchsorted(values, x + shift) for shift in (-_BANDWIDTH, 0.0, _BANDWIDTH))
    below = (here - left) * (_BANDWIDTH - x) + sums[here] - sums[left]
    above = (right - here) * (_BANDWIDTH + x) - sums[right] + sums[here]
    return x, (below + above) / (values.size * _BANDWIDTH**2)
