"""Duals of any activation as tables: Chebyshev series in the angle of two inputs and in the logarithms of variances.

Where the activation bends at 0 only, the dual is smooth in the angle and in both variances: in polar coordinates of the
plane of the two Gaussians every kink is a ray, and the quadrature has panels between them. A kink elsewhere leaves a
dual that is smooth in the angle alone, and only where the two variances are one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..activations import Activation
from ._moments import expect_many, least_variance
from ._products import product

__all__ = ["Table", "dual_tables"]

Array = NDArray[np.float64]
Table = tuple[Array, Array, Array, Array]

_degrees = (16, 32, 64, 128, 192)
_orders = (3, 5, 9, 13, 17, 25)
_quadratures = ((32, 20), (48, 32), (96, 64), (192, 96))
_reach = 9.5  # of the radius: exp(-r^2 / 2) is 3e-20


class _NoTableError(Exception):
    """The series does not settle."""


def dual_tables(
    activation: Activation, variances_x: Array, variances_y: Array, tangent: bool, tolerance: float
) -> list[Table] | None:
    """For each row of variances: weights of x and y, and series of the duals of phi and phi' over their roots.

    None where no table is as good as the tolerance.
    """
    out: list[Table] = []
    known: dict[tuple[float, float], tuple[Array, Array, Array]] = {}
    for qx, qy in zip(variances_x, variances_y, strict=True):
        low = max(float(min(qx.min(initial=np.inf), qy.min(initial=np.inf))), least_variance)
        high = max(float(max(qx.max(initial=0.0), qy.max(initial=0.0))), low)
        if high / low > 1e6 or not low < math.inf:
            return None
        if high <= low * (1 + 1e-13):
            low = high
        if (low, high) not in known:
            try:
                known[low, high] = _series(activation, low, high, tangent, tolerance)
            except _NoTableError:
                return None
        nodes, f, d = known[low, high]
        out.append((_weights(nodes, qx), _weights(nodes, qy), f, d))
    return out


def _weights(nodes: Array, q: Array) -> Array:
    """Of Lagrange interpolation in ln q, a row a node."""
    if len(nodes) == 1:
        return np.ones((1, len(q)))
    x = np.log(nodes)
    differences = np.log(np.maximum(q, least_variance)) - x[:, None]
    k = np.arange(len(nodes))
    barycentric = np.sin((2 * k + 1) * math.pi / (2 * len(nodes))) * (-1.0) ** k
    exact = differences == 0
    terms = barycentric[:, None] / np.where(exact, 1.0, differences)
    out = terms / terms.sum(axis=0)
    hit = exact.any(axis=0)
    out[:, hit] = exact[:, hit]
    return np.ascontiguousarray(out)


def _series(
    activation: Activation, low: float, high: float, tangent: bool, tolerance: float
) -> tuple[Array, Array, Array]:
    """Nodes of variances, and the coefficients of both duals: (nodes^2, degree + 1)."""
    radial = all(kink == 0 for kink in activation.kinks)
    if low < high and not radial:
        raise _NoTableError
    nodes = np.array([high])
    if low < high:
        # How many variances, from a few angles; how many angles, from a few variances; then all with all.
        few = np.array([0.0, 0.3, 1.0, 2.0, 3.0, math.pi])
        for order in _orders:
            nodes = _nodes_between(low, high, order)
            if all(_settled(_by_rays(activation, nodes, few, k, tolerance), tolerance) for k in range(1 + tangent)):
                break
        else:
            raise _NoTableError
    found = []
    for derivative in range(1 + tangent):
        for degree in _degrees:
            turn = (np.arange(degree + 1) + 0.5) / (degree + 1)
            angles = math.pi / 2 * (1 + np.cos(math.pi * turn))
            if not radial:
                values = _by_products(activation, float(high), angles, derivative)
            else:
                values = _by_rays(activation, nodes[[0, -1]], angles, derivative, tolerance)
            if np.abs(_coefficients(values)[:, :, -3:]).max() <= tolerance:
                break
        else:
            raise _NoTableError
        if len(nodes) > 1:
            values = _by_rays(activation, nodes, angles, derivative, tolerance)
        elif radial:
            values = values[:1, :1]
        series = _coefficients(values)
        if np.abs(series[:, :, -3:]).max() > 4 * tolerance:
            raise _NoTableError
        # What the tail adds is less than the tolerance: leave it out.
        large = np.flatnonzero(np.abs(series).max(axis=(0, 1)) > tolerance / 64)
        last = int(large[-1]) + 1 if large.size else 1
        found.append(np.ascontiguousarray(series[:, :, :last].reshape(-1, last)))
    return nodes, found[0], found[1] if tangent else np.zeros((len(nodes) ** 2, 1))


def _nodes_between(low: float, high: float, order: int) -> Array:
    points = np.cos((2 * np.arange(order) + 1) * math.pi / (2 * order))
    return np.asarray(math.sqrt(low) * math.sqrt(high) * np.exp(points * math.log(high / low) / 2))


def _coefficients(values: Array) -> Array:
    """Chebyshev coefficients along the last axis, from values at the roots."""
    out = fft.dct(values, type=2, axis=-1) / values.shape[-1]
    out[..., 0] /= 2
    return np.asarray(out)


def _settled(values: Array, tolerance: float) -> bool:
    """Whether the series in the variances has come to its end."""
    by_order = _coefficients(np.moveaxis(values, 0, -1))
    return bool(np.abs(by_order[..., -2:]).max() <= tolerance)


def _by_products(activation: Activation, q: float, angles: Array, derivative: int) -> Array:
    cosine = np.where(angles < 1, 1 - 2 * np.sin(angles / 2) ** 2, -1 + 2 * np.cos(angles / 2) ** 2)
    same = np.full(len(angles), q)
    whole = product(activation, np.full(1, q), np.full(1, q), np.ones(1), derivative)[0]
    if not whole > 0:
        raise _NoTableError
    return np.asarray(product(activation, same, same, cosine, derivative)[None, None] / whole)


def _by_rays(activation: Activation, q: Array, angles: Array, derivative: int, tolerance: float) -> Array:
    """Correlations of f(u) and f(v) for all pairs of variances and all angles, (nodes, nodes, angles)."""
    function = activation.dphi if derivative else activation.phi
    same_sides = activation.parity != 0  # of even and odd functions f(-u) f(-v) is f(u) f(v)
    whole = expect_many(activation, q, lambda h, _: function(h) ** 2, even=True)
    if not (whole > 0).all():
        raise _NoTableError
    roots = np.sqrt(whole)
    for radii, turns in _quadratures:
        own = _of_angle(function, same_sides, q, 0.0, radii, turns).diagonal()
        right = _of_angle(function, same_sides, q, math.pi / 2, radii, turns)
        more = _of_angle(function, same_sides, q, math.pi / 2, radii + 11, turns + 7)
        near = 4 * tolerance
        if np.abs(own / whole - 1).max() <= near and np.abs(right - more).max() <= near * whole.max():
            break
    else:
        raise _NoTableError
    out = np.empty((len(q), len(q), len(angles)))
    for k, angle in enumerate(angles.tolist()):
        out[:, :, k] = _of_angle(function, same_sides, q, angle, radii, turns) / np.outer(roots, roots)
    return out


@cache
def _legendre(order: int) -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return np.asarray(nodes), np.asarray(weights)


def _of_angle(
    function: Callable[[Array], object], same_sides: bool, q: Array, angle: float, radii: int, turns: int
) -> Array:
    """E f(u) f(v) by the four sectors between the rays where u or v is 0: two and two are alike up to signs."""
    r, weight_r = _legendre(radii)
    r, weight_r = _reach * (r + 1) / 2, _reach * weight_r / 2
    weight_r = weight_r * r * np.exp(-r * r / 2)
    x, weight_x = _legendre(turns)
    x, weight_x = (x + 1) / 2, weight_x / 2
    total = np.zeros((len(q), len(q)))
    for width, sign in ((math.pi - angle, 1.0), (angle, -1.0)):
        if width == 0:
            continue
        weight = np.outer(weight_r, weight_x).ravel() * (width / (2 * math.pi))
        h = np.sqrt(q)[:, None, None] * (r[:, None] * np.sin(width * x))
        for side in (1.0,) if same_sides else (1.0, -1.0):
            first = np.asarray(function(side * h), dtype=np.float64)
            second = np.asarray(function(side * sign * h), dtype=np.float64)[:, :, ::-1]
            total += (first.reshape(len(q), -1) * weight) @ second.reshape(len(q), -1).T
    return 2 * total if same_sides else total
