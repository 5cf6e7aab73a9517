"""Duals of activations with kinks anywhere, many pairs of Gaussians at once: coordinates along and across the bisector.

With u = a^(1/2) (C x + S y) and v = +-b^(1/2) (C x - S y), C and S of half the acute angle, kinks are straight lines
whose slope is at most 1 however small the angle is. Between the values of y at which such lines cross, what is left of
the integral over x is analytic in y: panels end there, and for each y where x meets a line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._moments import real_values
from ._variance_nodes import legendre

__all__ = ["gap_by_strips", "mean_by_strips"]

Array = NDArray[np.float64]
Function = Callable[[Array], Any]
Bools = NDArray[np.bool_]

_reach = 10.0
_crossing = 7.5  # beyond this radius the density is 6e-13, and what a rule makes of a corner a small part of that
_rules = ((5, 10), (5, 14), (5, 20), (10, 14), (10, 20), (24, 16), (24, 22))  # panels of a half line, nodes of each
_chunk = 1 << 17  # points at once
_rows = 1 << 12  # strips at once
_settled = (2e-13, 1e-12)  # from one rule to the next, whose own error is far smaller: with few panels, and with more


def mean_by_strips(
    function: Function, kinks: tuple[float, ...], parity: int, a: Array, b: Array, gap: Array, sign: Array
) -> tuple[Array, Bools]:
    """E f(u) f(v) for variances a and b and correlations sign (1 - gap); and where that settled, to 1e-13 of
    (E f(u)^2 E f(v)^2)^(1/2).

    `parity` is not 0 where f is even or odd.
    """

    def integrand(u: Array, v: Array, _: NDArray[np.intp]) -> tuple[Array, Array, Array]:
        f, g = real_values("gauss_product", function(u)), real_values("gauss_product", function(v))
        return f * g, f * f, g * g

    def close(change: Array, sums: Array, panels: int) -> Bools:
        return np.asarray(change <= _settled[panels > 5] * np.sqrt(sums[1]) * np.sqrt(sums[2]))

    return _refined(integrand, close, kinks, parity, a, b, gap, sign)


def gap_by_strips(
    function: Function,
    kinks: tuple[float, ...],
    parity: int,
    a: Array,
    b: Array,
    gap: Array,
    sizes: tuple[Array, Array],
) -> tuple[Array, Bools]:
    """1 - E f(u) g(v) for the correlation 1 - gap, f and g being phi over its `sizes`, which are the roots of its mean
    squares: as half the mean square of f(u) - g(v). And where that settled.
    """

    def integrand(u: Array, v: Array, pair: NDArray[np.intp]) -> tuple[Array, Array, Array]:
        change = (
            real_values("gauss_product", function(u)) / sizes[0][pair][:, None]
            - real_values("gauss_product", function(v)) / sizes[1][pair][:, None]
        )
        change *= change / 2
        return change, change, change

    def close(change: Array, sums: Array, _: int) -> Bools:
        # A rounding of f - g is one of the angle.
        return np.asarray(change <= 1e-11 * sums[0] + 1e-15 * np.sqrt(sums[0]) + 1e-30)

    return _refined(integrand, close, kinks, parity, a, b, gap, np.ones_like(gap))


def _refined(
    integrand: Callable[..., tuple[Array, Array, Array]],
    close: Callable[[Array, Array, int], Bools],
    kinks: tuple[float, ...],
    parity: int,
    a: Array,
    b: Array,
    gap: Array,
    sign: Array,
) -> tuple[Array, Bools]:
    out, done = np.full(len(a), np.nan), np.zeros(len(a), bool)
    # What is even in y takes half of it: by exchange of u and v, or of the signs of both.
    half = np.full(len(a), parity != 0) | ((a == b) & (sign > 0))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for is_half in (True, False):
            left = np.flatnonzero(half == is_half)
            last = np.full(len(left), np.inf)
            for panels, order in _rules:
                if not len(left):
                    break
                sums = _sums(
                    integrand, np.array(kinks), a[left], b[left], gap[left], sign[left], is_half, panels, order
                )
                out[left] = sums[0]
                settled = np.isfinite(sums).all(axis=0) & close(np.abs(sums[0] - last), sums, panels)
                done[left] = settled
                left, last = left[~settled], sums[0, ~settled]
    return out, done


def _sums(
    integrand: Callable[..., tuple[Array, Array, Array]],
    kinks: Array,
    a: Array,
    b: Array,
    gap: Array,
    sign: Array,
    half: bool,
    panels: int,
    order: int,
) -> Array:
    nodes, weights = legendre(order)
    root_a, root_b = np.sqrt(a), np.sqrt(b)
    sine, cosine = np.sqrt(gap / 2), np.sqrt(1 - gap / 2)
    kinks = kinks[np.abs(kinks) < 1.5 * _reach * max(root_a.max(), root_b.max())]
    at_u, at_v = kinks / root_a[:, None], sign[:, None] * kinks / root_b[:, None]
    even = np.linspace(-_reach, _reach, 2 * panels + 1)
    shape = (len(a), len(kinks) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = (at_u[:, :, None] - at_v[:, None, :]).reshape(shape) / (2 * sine[:, None])
        along = (at_u[:, :, None] + at_v[:, None, :]).reshape(shape) / (2 * cosine[:, None])
        crossings = np.where(crossings**2 + along**2 < _crossing**2, crossings, 0.0)
    edges = np.concatenate([np.broadcast_to(even, (len(a), len(even))), crossings], axis=1)
    edges = np.sort(np.clip(edges, 0.0 if half else -_reach, _reach), axis=1)
    pair, at = np.nonzero(np.diff(edges, axis=1) > 1e-15)
    low, high = edges[pair, at], edges[pair, at + 1]
    y = ((low + high) / 2)[:, None] + ((high - low) / 2)[:, None] * nodes
    weight_y = ((high - low) / 2)[:, None] * weights * np.exp(-y * y / 2) * ((2 if half else 1) / (2 * math.pi))
    y, weight_y, pair = y.ravel(), weight_y.ravel(), np.repeat(pair, order)
    out = np.zeros((3, len(a)))
    for begin in range(0, len(y), _rows):
        rows = slice(begin, begin + _rows)
        i, across = pair[rows], (sine[pair[rows]] * y[rows])[:, None]
        lines = np.concatenate([at_u[i] - across, at_v[i] + across], axis=1) / cosine[i][:, None]
        edges = np.concatenate([np.broadcast_to(even, (len(i), len(even))), lines], axis=1)
        edges = np.sort(np.clip(edges, -_reach, _reach), axis=1)
        row, at = np.nonzero(np.diff(edges, axis=1) > 1e-15)
        low, high = edges[row, at], edges[row, at + 1]
        step = max(1, _chunk // order)
        for first in range(0, len(row), step):
            part = slice(first, first + step)
            k = row[part]
            wide = ((high[part] - low[part]) / 2)[:, None]
            x = ((high[part] + low[part]) / 2)[:, None] + wide * nodes
            weight = wide * weights * np.exp(-x * x / 2) * weight_y[rows][k][:, None]
            x *= cosine[i[k]][:, None]
            u = root_a[i[k]][:, None] * (x + across[k])
            v = (sign * root_b)[i[k]][:, None] * (x - across[k])
            for total, values in zip(out, integrand(u, v, i[k]), strict=True):
                total += np.bincount(i[k], np.einsum("ij,ij->i", values, weight), len(a))
    return out
