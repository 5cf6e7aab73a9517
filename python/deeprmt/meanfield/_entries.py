"""Layers of an infinitely wide network for single pairs of inputs, where nothing but the means themselves is known.

As in the core, a pair goes from layer to layer as 1 - |r| with the sign of its correlation r.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..activations import Activation
from ._dual_rays import gap_by_rays, has_rays
from ._dual_strips import gap_by_strips
from ._dual_table import jumps
from ._moments import breaks_of, expect_many, least_variance
from ._products import product

__all__ = ["Pairs", "dual", "first_pairs", "next_pairs"]

Array = NDArray[np.float64]

_close = 1e-3  # below, 1 - |r| is no difference of means any more
_few = 1 << 14  # coordinates that are subtracted at once
_nodes, _weights = np.polynomial.legendre.leggauss(8)
_tail = (np.polynomial.legendre.legvander(_nodes, 7) * _weights[:, None] * (np.arange(8) + 0.5))[:, 6:]
_share = 1e-13  # of the integral over the angle that a panel may miss
_halvings = 12  # of a panel
_fine, _fine_weights = np.polynomial.legendre.leggauss(24)


@dataclass(frozen=True)
class Pairs:
    """1 - |r|, and the sign of r: 1 or -1."""

    gap: Array
    sign: Array

    @property
    def correlation(self) -> Array:
        return self.sign * (1 - self.gap)


def first_pairs(x: Array, y: Array, i: NDArray[np.intp], j: NDArray[np.intp]) -> Pairs:
    """Of rows x_i and y_j of length 1: small gaps are sums of squared differences."""
    r = (x[i[0] : i[-1] + 1] @ y.T)[i - i[0], j] if len(i) else np.zeros(0)
    gap, sign = np.maximum(1 - np.abs(r), 0.0), np.where(r < 0, -1.0, 1.0)
    near = np.flatnonzero(gap < 1 / 64)
    step = max(1, _few // x.shape[1])
    for begin in range(0, len(near), step):
        some = near[begin : begin + step]
        difference = x[i[some]] - sign[some, None] * y[j[some]]
        gap[some] = np.minimum(np.einsum("ij,ij->i", difference, difference) / 2, 1.0)
    return Pairs(gap, sign)


def next_pairs(
    activation: Activation,
    a: Array,
    b: Array,
    second_a: Array,
    second_b: Array,
    mean: Array,
    pairs: Pairs,
    weight: float,
    bias: float,
) -> tuple[Array, Pairs]:
    """`mean`, which is E phi(u) phi(v) for variances a and b, corrected for pairs that are almost parallel; E phi(u)^2
    and E phi(v)^2 are known. And the pairs of the next layer.
    """
    size = np.sqrt(second_a) * np.sqrt(second_b)
    r = np.divide(mean, size, out=np.zeros_like(mean), where=size > 0)
    gap, sign = np.maximum(1 - np.abs(r), 0.0), np.where(r < 0, -1.0, 1.0)
    near = (pairs.gap < _close) & (a > least_variance) & (b > least_variance) & (size > 0)
    if activation.parity == 0:
        near &= pairs.sign > 0
    if near.any() and not jumps(activation):
        gap[near] = _gap(activation, a[near], b[near], pairs.gap[near], size[near])
        sign[near] = pairs.sign[near] if activation.parity == -1 else 1.0
        mean[near] = sign[near] * size[near] * (1 - gap[near])
    if bias == 0:
        return mean, Pairs(gap, sign)
    # With A = weight size: sqrt(a' b') - K' = A gap + bias (sqrt a' - sqrt b')^2 / ..., and the like for the sum.
    next_a, next_b = weight * second_a + bias, weight * second_b + bias
    root, whole = np.sqrt(next_a) * np.sqrt(next_b), weight * size
    roots = np.sqrt(second_a) - np.sqrt(second_b)
    low = whole * gap + bias * weight * roots**2 / (root + whole + bias)
    high = whole * gap + bias + bias * (weight * (second_a + second_b) + bias) / (root + whole)
    gap = np.where(sign > 0, low, high) / root
    beyond = gap > 1
    return mean, Pairs(np.where(beyond, np.maximum(2 - gap, 0.0), gap), np.where(beyond, -sign, sign))


def dual(activation: Activation, a: Array, b: Array, pairs: Pairs, derivative: int) -> Array:
    """E phi(u) phi(v), or of phi', pair by pair."""
    a, b = np.maximum(a, least_variance), np.maximum(b, least_variance)
    return product(activation, a, b, pairs.correlation, derivative, pairs.gap)


def _gap(activation: Activation, a: Array, b: Array, gap: Array, size: Array) -> Array:
    """1 - E phi(u) phi(v) / size for r > 0, `size` = (E phi(u)^2 E phi(v)^2)^(1/2)."""
    out = np.zeros(len(a))
    left = np.flatnonzero((a != b) | (gap > 0))
    if has_rays(activation):
        by_rays = [gap_by_rays(activation, float(a[k]), float(b[k]), float(gap[k])) for k in left]
        out[left] = [0.0 if each is None else each for each in by_rays]
        left = left[[each is None for each in by_rays]]
    elif len(left) and activation.slopes is None:  # the closed form of lines is faster
        seconds = [expect_many(activation, q[left], lambda h, _: activation.phi(h) ** 2, even=True) for q in (a, b)]
        sizes = np.sqrt(seconds[0]), np.sqrt(seconds[1])
        values, done = gap_by_strips(
            activation.phi, activation.kinks, activation.parity, a[left], b[left], gap[left], sizes
        )
        out[left] = values
        left = left[~done]
    if len(left):
        out[left] = _gap_of_slopes(activation, a[left], b[left], gap[left]) / size[left]
    return out


def _gap_of_slopes(activation: Activation, a: Array, b: Array, gap: Array) -> Array:
    """(E phi(u)^2 E phi(v)^2)^(1/2) - E phi(u) phi(v) for r > 0: what different variances make of it at angle 0, and
    the integral of the dual of phi' from there.
    """
    out = np.sqrt(a) * np.sqrt(b) * _slopes_up_to(activation, a, b, 2 * np.arcsin(np.sqrt(gap / 2)))
    for k in np.flatnonzero(a != b):
        out[k] += _apart(activation, math.sqrt(a[k]), math.sqrt(b[k]))
    return np.asarray(np.maximum(out, 0.0))


def _slopes_up_to(activation: Activation, a: Array, b: Array, angle: Array) -> Array:
    """The integral of the dual of phi' times sin(t) over angles t from 0 to `angle`, pair by pair."""
    low, high, pair = _first_panels(a, b, angle)
    out, size = np.zeros(len(a)), np.zeros(len(a))
    for last in [False] * _halvings + [True]:
        if not len(pair):
            break
        half = (high - low) / 2
        t = ((low + high) / 2)[:, None] + half[:, None] * _nodes
        wide_a, wide_b = np.broadcast_to(a[pair, None], t.shape), np.broadcast_to(b[pair, None], t.shape)
        gaps = 2 * np.sin(t.ravel() / 2) ** 2
        slope = dual(activation, wide_a.ravel(), wide_b.ravel(), Pairs(gaps, np.ones_like(gaps)), 1)
        f = slope.reshape(t.shape) * np.sin(t)
        top = np.abs(f).max(axis=1)
        # Gauss's rule of n nodes errs by coefficient 2 n of the Legendre series, about the square of the last it shows.
        tail = np.abs(f @ _tail).max(axis=1)
        error = np.divide(tail, top, out=np.zeros_like(top), where=top > 0) * tail * half
        here = np.bincount(pair, np.abs(f) @ _weights * half, len(a))
        done = (error <= _share * (size + here)[pair]) | last
        size += np.bincount(pair[done], (np.abs(f) @ _weights * half)[done], len(a))
        out += np.bincount(pair[done], (f @ _weights * half)[done], len(a))
        low, high, pair = low[~done], high[~done], pair[~done]
        middle = (low + high) / 2
        low, high, pair = np.concatenate([low, middle]), np.concatenate([middle, high]), np.tile(pair, 2)
    return out


def _first_panels(a: Array, b: Array, angle: Array) -> tuple[Array, Array, NDArray[np.intp]]:
    """Ends of panels and the pair of each.

    The dual of phi' bends where the angle is about as large as the difference of the logarithms of the variances, and
    where u and v come apart by 1, which is early when the variances are large.
    """
    bend = np.abs(np.log(a / b)) / 2
    early = 0.5 / np.sqrt(np.maximum(a, b))
    early = np.where(early > 1e-8, early, np.inf)  # below, cosines are 1, and 1e-8 of the integral is at stake
    doublings = math.ceil(math.log2(float((angle / early).max(initial=1.0))))
    ends = [np.zeros_like(bend), bend / 4, bend, 4 * bend, *(early * 2.0**k for k in range(doublings + 1)), angle]
    edges = np.sort(np.minimum(np.stack(ends), angle), axis=0).T
    pair, at = np.nonzero(np.diff(edges, axis=1) > 0)
    return edges[pair, at], edges[pair, at + 1], pair


def _apart(activation: Activation, root_a: float, root_b: float) -> float:
    edges = np.unique(np.concatenate([breaks_of(activation, root, 12.0) for root in (root_a, root_b)]))
    half = np.diff(edges)[:, None] / 2
    z = ((edges[:-1] + edges[1:])[:, None] / 2 + half * _fine).ravel()
    weight = (half * _fine_weights).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    first, second = (np.asarray(activation.phi(root * z), dtype=float) for root in (root_a, root_b))
    # Half the squared distance of the two at length 1: however long one is to the other, nothing cancels.
    lengths = [math.sqrt(each * each @ weight) for each in (first, second)]
    if not min(lengths) > 0:
        return 0.0
    distance = first / lengths[0] - second / lengths[1]
    return lengths[0] * lengths[1] * float(distance * distance @ weight) / 2
