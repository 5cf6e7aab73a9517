"""Duals of smooth activations as Hermite series in the correlation (Mehler's formula), interpolated in variances.

f(z) = phi(q^(1/2) z) over the root of its mean square has the coefficients h_k(q) = E f(Z) He_k(Z) / k!^(1/2), and of
two inputs with correlation c the correlation of features is the sum of h_k(a) h_k(b) c^k. Where phi is analytic within
a distance s of the real line, h_k falls as exp(-s (2 k / q)^(1/2)): some tens of terms do.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..activations import Activation
from ._variance_nodes import Terms, apart, legendre, nodes_between, orders, settled, terms

__all__ = ["hermite_series", "hermite_table"]

Array = NDArray[np.float64]

_most = 320  # terms: beyond, a series in the angle is the shorter one
_reach = 13.0  # of the root of the density times a Hermite function: exp(-13^2 / 4) is 4e-19
_nodes, _weights = legendre(16)


def hermite_table(
    activation: Activation, low: float, high: float, tolerance: float
) -> tuple[Array, Terms, Terms] | None:
    """Nodes of variances, the coefficients of each degree, and how far apart two variances are; None if that takes too
    many terms.
    """
    if activation.kinks or not 1e-20 < low <= high < 1e20:
        return None
    ends = np.array([low, high])
    count = _count(activation, ends, tolerance / 8)
    if count is None:
        return None
    if low == high:
        nodes, between = np.array([high]), np.zeros((1, 1))
        found = hermite_series(activation, nodes, count)
    else:
        for order in orders:
            nodes = nodes_between(low, high, order)
            found = hermite_series(activation, nodes, count)
            # The gap of small angles is the sum of k h_k^2: each term to rounding of the whole.
            degree = np.sqrt(_degrees(activation, count))
            slopes = found * degree / np.sqrt(np.sum((found * degree) ** 2, axis=1))[:, None]
            if settled(found, tolerance / 8) and settled(slopes, tolerance / 8):
                between = apart(activation, nodes)
                if settled(between, tolerance):
                    break
        else:
            return None
    by_degree = np.ascontiguousarray(found.T)
    distance = terms(between[:, :, None], tolerance / 64 * float(np.abs(between).max()))
    return nodes, (list(range(1, len(by_degree) + 1)), by_degree, by_degree), distance


def hermite_series(activation: Activation, q: Array, count: int, panels: int = 52) -> Array:
    """h_k of each variance, a row each, for the first `count` degrees; of even and odd activations every second one."""
    edges = np.linspace(-_reach, _reach, panels + 1)
    half = np.diff(edges)[:, None] / 2
    z = ((edges[1:] + edges[:-1])[:, None] / 2 + half * _nodes).ravel()
    density = np.exp(-z * z / 4) / (2 * math.pi) ** 0.25  # its root: one for each of two factors
    weight = (half * _weights).ravel() * density
    values = np.asarray(activation.phi(np.sqrt(q)[:, None] * z), dtype=float)
    size = np.sqrt((values * values) @ (weight * density))
    before, now = np.zeros_like(z), density
    functions = np.empty((count, len(z)))
    degrees = _degrees(activation, count)
    at = 0
    for k in range(int(degrees[-1]) + 1):
        if k == degrees[at]:
            functions[at] = now
            at += 1
        before, now = now, (z * now - math.sqrt(k) * before) / math.sqrt(k + 1)
    return np.asarray((values * weight) @ functions.T / size[:, None])


def _degrees(activation: Activation, count: int) -> Array:
    step = 2 if activation.parity else 1
    return np.arange(count, dtype=float) * step + (1 if activation.parity < 0 else 0)


def _count(activation: Activation, q: Array, tail: float) -> int | None:
    """How many terms, so that what is left out of the sum of k h_k^2 is below the tail: at the ends of a range of
    variances. None if too many, or if the quadrature does not see what phi does.
    """
    # So steep a phi counts beyond the quadrature.
    with np.errstate(all="ignore"):
        values = np.asarray(activation.phi(np.sqrt(q)[:, None] * np.array([-_reach, _reach])), dtype=float)
        if not (np.abs(values) < 1e12).all():
            return None
    for most in (40, 80, _most * 4 // 3):
        found = hermite_series(activation, q, most)
        if not np.isfinite(found).all():
            return None
        parts = _degrees(activation, most) * found**2
        left = np.cumsum(parts[:, ::-1], axis=1)[:, ::-1] / parts.sum(axis=1, keepdims=True)
        count = 1 + int(np.max(np.sum(left > tail, axis=1)))
        if count <= most * 3 // 4:
            finer = hermite_series(activation, q, count, panels=104)
            near = np.abs(finer - found[:, :count]).max() <= 2e-15
            whole = np.abs(np.sum(found**2, axis=1) - 1).max() <= max(1e-13, tail)
            return max(count, 2) if near and whole else None
    return None
