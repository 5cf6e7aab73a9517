"""Interpolation in the logarithm of variances, and how far two functions phi(q^(1/2) Z) of two variances are apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..activations import Activation
from ._moments import breaks_of, least_variance

__all__ = [
    "Terms",
    "apart",
    "coefficients",
    "interpolation",
    "legendre",
    "nodes_between",
    "of_many",
    "orders",
    "settled",
    "terms",
]

Array = NDArray[np.float64]
Terms = tuple[list[int], Array, Array]

# How many variances between which to interpolate.
orders = (3, 5, 9, 13, 17, 25, 37, 49)


@cache
def legendre(order: int) -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return np.asarray(nodes), np.asarray(weights)


def nodes_between(low: float, high: float, order: int) -> Array:
    points = np.cos((2 * np.arange(order) + 1) * math.pi / (2 * order))
    return np.asarray(math.sqrt(low) * math.sqrt(high) * np.exp(points * math.log(high / low) / 2))


def interpolation(nodes: Array, q: Array) -> Array:
    """Weights of Lagrange interpolation in ln q, a row a node."""
    if len(nodes) == 1:
        return np.ones((1, len(q)))
    x = np.log(nodes)
    differences = np.log(np.maximum(q, least_variance)) - x[:, None]
    k = np.arange(len(nodes))
    barycentric = np.sin((2 * k + 1) * math.pi / (2 * len(nodes))) * (-1.0) ** k
    exact = differences == 0
    parts = barycentric[:, None] / np.where(exact, 1.0, differences)
    out = parts / parts.sum(axis=0)
    hit = exact.any(axis=0)
    out[:, hit] = exact[:, hit]
    return np.ascontiguousarray(out)


def of_many(function: Callable[[Array], Array], q: Array) -> Array:
    """A positive, smooth function of variances at many of them: its logarithm interpolated to rounding where that takes
    fewer values.
    """
    low, high = float(q.min(initial=math.inf)), float(q.max(initial=0.0))
    if len(q) < 4 * orders[-1] or not (low > 1e-20 and high < min(1e20, 1e6 * low)):
        return function(q)
    for order in orders:
        nodes = nodes_between(low, high, order)
        values = function(nodes)
        if not (np.isfinite(values) & (values > 0)).all():
            break
        size = values[order // 2]
        logs = np.log(values / size)
        if settled(logs, 1e-15):
            out = np.asarray(size * np.exp(logs @ interpolation(nodes, q)))
            few = np.linspace(0, len(q) - 1, 5).astype(int)
            if np.abs(function(q[few]) / out[few] - 1).max() <= 1e-14:
                return out
    return function(q)


def coefficients(values: Array) -> Array:
    """Chebyshev coefficients along the last axis, from values at the roots."""
    out = fft.dct(values, type=2, axis=-1) / values.shape[-1]
    out[..., 0] /= 2
    return np.asarray(out)


def settled(values: Array, tolerance: float) -> bool:
    """Whether the series in the variances, along the first axis, has come to its end."""
    if len(values) < 2:
        return True
    by_order = coefficients(np.moveaxis(values, 0, -1))
    return bool(np.abs(by_order[..., -2:]).max() <= tolerance * max(1.0, float(np.abs(values).max())))


def terms(series: Array, cut: float) -> Terms:
    """For symmetric matrices, series[:, :, t] of degree t, few products whose sum they are: none below the cut."""
    ends, left, right = [], [np.zeros((0, len(series)))], [np.zeros((0, len(series)))]
    count = 0
    for matrix in np.moveaxis(series, -1, 0):
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        large = np.abs(values) > cut
        left.append((values * vectors)[:, large].T)
        right.append(vectors[:, large].T)
        count += int(large.sum())
        ends.append(count)
    return ends, np.ascontiguousarray(np.concatenate(left)), np.ascontiguousarray(np.concatenate(right))


def apart(activation: Activation, q: Array) -> Array:
    """(1 - E f_r f_s) / ln(q_r / q_s)^2, f_r(z) = phi(q_r^(1/2) z) over the root of its mean square: (nodes, nodes).

    As half the mean square of the mean of slopes of f in ln q, from q_r to q_s: no difference of what is close.
    """
    ends = [breaks_of(activation, math.sqrt(each), 12.0) for each in (q.min(), q.max())]
    edges = np.unique(np.concatenate(ends))
    edges = edges[np.concatenate([[True], np.diff(edges) > 1e-12])]
    x, weight = legendre(24)
    half = np.diff(edges)[:, None] / 2
    z = ((edges[1:] + edges[:-1])[:, None] / 2 + half * x).ravel()
    weight = (half * weight).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    t, weight_t = legendre(8)

    def slopes(logs: Array) -> Array:
        """Of f in ln q, (variances, z)."""
        h = np.exp(logs / 2)[:, None] * z
        value = np.asarray(activation.phi(h), dtype=float)
        slope = h * np.asarray(activation.dphi(h)) / 2
        square = (value * value) @ weight
        rise = (value * slope) @ weight
        return np.asarray((slope - value * (rise / square)[:, None]) / np.sqrt(square)[:, None])

    order = np.argsort(q)
    logs = np.log(q[order])
    sums = [np.zeros_like(z)]  # of slopes from the first variance up to each
    for low, high in pairwise(logs.tolist()):
        panels = 1 + int(high - low)
        steps = (np.arange(panels)[:, None] + (t + 1) / 2).ravel() / panels
        sums.append(
            sums[-1] + (high - low) / panels * np.tile(weight_t / 2, panels) @ slopes(low + (high - low) * steps)
        )
    own = slopes(logs)
    out = np.empty((len(q), len(q)))
    for r in range(len(q)):
        for s in range(r + 1):
            mean = own[r] if r == s else (sums[r] - sums[s]) / (logs[r] - logs[s])
            out[order[r], order[s]] = out[order[s], order[r]] = (mean * mean) @ weight / 2
    return out
