"""Duals of activations that bend at 0 only, for single pairs of Gaussians however wide: polar coordinates.

There u = a^(1/2) r sin(x) and v = b^(1/2) r sin(width - x) between the two rays on which u or v is 0. What phi does
where |h| is about 1 is, in the plane, near the rays and as near as the variance is large: panels grow from the rays and
from r = 0 by a constant factor, so that their number is a logarithm of the variances.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..activations import Activation
from ._moments import expect_many, real_values
from ._variance_nodes import legendre

__all__ = ["gap_by_rays", "has_rays", "mean_by_rays"]

Array = NDArray[np.float64]
Function = Callable[[Array], Any]

_growth = 3.0  # of panels
_first = 0.5  # of h: phi has one shape below
_orders = (10, 14, 20, 28)  # nodes of a panel
_outer = (1.0, 2.2, 3.6, 5.2, 7.0, 9.5)  # radii
_reaches = (9.5, 14.0, 20.0, 28.0, 38.0)
_chunk = 1 << 17  # points at once
_least = 1e-18  # of an angle: what is nearer to a ray adds nothing
_settled = 1e-11  # from one order to the next, whose own error is far smaller
_widest = 1e17
_slope_nodes, _slope_weights = np.polynomial.legendre.leggauss(6)


def has_rays(activation: Activation) -> bool:
    return all(kink == 0 for kink in activation.kinks)


def mean_by_rays(function: Function, even: bool, a: float, b: float, gap: float, sign: float) -> float | None:
    """E f(u) f(v) for variances a and b and the correlation sign (1 - gap); None if that does not settle.

    `even` says that f is even or odd: f(u) f(v) is even then.
    """

    def integrand(u: Array, v: Array, _: Array | None, __: float) -> tuple[Array, Array]:
        value = real_values("gauss_product", function(u)) * real_values("gauss_product", function(v))
        if even:
            return 2 * value, 2 * np.abs(value)
        other = real_values("gauss_product", function(-u)) * real_values("gauss_product", function(-v))
        return value + other, np.abs(value) + np.abs(other)

    angles = _angles(gap, sign)
    return _from_narrower(
        lambda root_a, root_b: _integral(integrand, root_a, root_b, angles, False), math.sqrt(a), math.sqrt(b)
    )


def gap_by_rays(activation: Activation, a: float, b: float, gap: float) -> float | None:
    """1 - E f(u) g(v) for f and g that are phi over the root of its mean square, and the correlation 1 - gap that is
    almost 1: as half the mean square of f(u) - g(v), in which nothing cancels. None if that does not settle.
    """
    angles = _angles(gap, 1.0)

    def at(root_a: float, root_b: float) -> float | None:
        q = np.array([root_a, root_b]) ** 2
        seconds = expect_many(activation, q, lambda h, _: activation.phi(h) ** 2, even=True)
        if not (seconds > 0).all():
            return None
        size_a, size_b = np.sqrt(seconds).tolist()
        longer = float(seconds[1] - seconds[0]) / (size_a + size_b) / size_b

        def half_square(u: Array, v: Array, apart: Array, same_side: bool) -> Array:
            g = real_values("gauss_product", activation.phi(v))
            change = real_values("gauss_product", activation.phi(u)) - g
            if same_side:
                # What is close to each other is so by the slope.
                near = np.abs(apart) <= 0.25 * np.maximum(1.0, np.minimum(np.abs(u), np.abs(v)))
                middle, half = (u[near] + v[near]) / 2, apart[near] / 2
                slopes = real_values("gauss_product", activation.dphi(middle[:, None] + half[:, None] * _slope_nodes))
                change[near] = np.einsum("ij,j->i", slopes, _slope_weights) * half
            change = (change + g * longer) / size_a
            return np.asarray(change * change / 2)

        def integrand(u: Array, v: Array, apart: Array, sign: float) -> tuple[Array, Array]:
            value = half_square(u, v, apart, sign > 0)
            value = 2 * value if activation.parity else value + half_square(-u, -v, -apart, sign > 0)
            return value, value

        return _integral(integrand, root_a, root_b, angles, True)

    return _from_narrower(at, math.sqrt(a), math.sqrt(b))


def _angles(gap: float, sign: float) -> tuple[float, float]:
    """arccos of the correlation, and what it lacks to pi."""
    small = 2 * math.asin(math.sqrt(gap / 2))
    return (small, math.pi - small) if sign > 0 else (math.pi - small, small)


def _from_narrower(at: Callable[[float, float], float | None], root_a: float, root_b: float) -> float | None:
    """Of Gaussians so wide that nothing is left of what phi does near 0 but a power of the width: found at two widths
    beyond which that is so to rounding, and refused where those do not show it.
    """
    wide = [root > 2 * _widest for root in (root_a, root_b)]
    if not any(wide):
        return at(root_a, root_b)
    least = min(root for root, is_wide in zip((root_a, root_b), wide, strict=True) if is_wide)
    factor = least / _widest
    values = []
    for part in (factor, 4 * factor):
        roots = (root / part if is_wide else root for root, is_wide in zip((root_a, root_b), wide, strict=True))
        values.append(_from_narrower(at, *roots))
    first, second = values
    if first is None or second is None:
        return None
    if first == 0 or second == 0:
        return first if first == second else None
    power = math.log2(first / second) / 2 if first / second > 0 else math.nan
    if not abs(power - round(power)) <= 1e-13:
        return None
    with np.errstate(under="ignore", over="ignore"):
        return float(first * np.float64(factor) ** round(power))


def _integral(
    integrand: Callable[..., tuple[Array, Array]],
    root_a: float,
    root_b: float,
    angles: tuple[float, float],
    apart: bool,
) -> float | None:
    """`apart` says that the integrand wants u - v."""
    inner = _growing(_first / max(root_a, root_b), _outer[0])
    for reach in range(1, len(_reaches) + 1):
        radii = np.concatenate([inner, _outer[1:], _reaches[1:reach]])
        last = None
        for order in _orders:
            value, size, end = _sum(integrand, root_a, root_b, angles, radii, order, apart)
            if not math.isfinite(size):
                return None
            if end > 1e-15 * size:
                break  # it goes on beyond
            if last is not None and abs(value - last) <= _settled * size:
                return value
            last = value
        else:
            return None
    return None


def _growing(low: float, high: float) -> Array:
    """Edges from 0 to high, the first one at most `low`."""
    if low >= high:
        return np.array([0.0, high])
    count = math.ceil(math.log(high / low) / math.log(_growth))
    return np.concatenate([[0.0], high * _growth ** np.arange(-count, 1.0)])


def _nodes(edges: Array, order: int) -> tuple[Array, Array]:
    x, weight = legendre(order)
    half = np.diff(edges)[:, None] / 2
    return ((edges[1:] + edges[:-1])[:, None] / 2 + half * x).ravel(), (half * weight).ravel()


def _sum(
    integrand: Callable[..., tuple[Array, Array]],
    root_a: float,
    root_b: float,
    angles: tuple[float, float],
    radii: Array,
    order: int,
    apart: bool,
) -> tuple[float, float, float]:
    """The integral, that of its size, and the size at the last radius."""
    r, weight_r = _nodes(radii, order)
    weight_r = weight_r * r * np.exp(-r * r / 2) / (2 * math.pi)
    r = np.append(r, radii[-1])
    last = radii[-1] * math.exp(-(radii[-1] ** 2) / 2)
    total, size, end = 0.0, 0.0, 0.0
    rows = max(1, _chunk // len(r))
    # Between the rays u and v have one sign in the wider part where the angle is acute, two in the other.
    for width, beside, sign in ((angles[1], angles[0], 1.0), (angles[0], angles[1], -1.0)):
        if not width > 0:
            continue
        for of_u in (True, False):
            near, far = (root_a, root_b) if of_u else (root_b, root_a)
            low, other_low = (max(_first / (radii[-1] * root), _least) for root in (near, far))
            low = min(low, max(other_low, beside))  # beyond this ray, by that angle, is the other one
            edges = _growing(low, width / 2)
            x, weight_x = _nodes(edges, order)
            for begin in range(0, len(x), rows):
                part = slice(begin, begin + rows)
                sine, other = np.sin(x[part])[:, None], np.sin(width - x[part])[:, None]
                one, two = near * r * sine, far * r * other
                differ = None
                if apart:
                    # sin(x) - sin(width - x), where the width is almost pi.
                    less = -2 * np.cos(x[part] + beside / 2)[:, None] * math.sin(beside / 2)
                    differ = r * (near * less + (near - far) * other) * (1 if of_u else -1)
                u, v = (one, sign * two) if of_u else (sign * two, one)
                value, its_size = integrand(u, v, differ, sign)
                w = weight_x[part]
                # Not by BLAS, which would start threads for so little.
                total += float(w @ np.einsum("ij,j->i", value[:, :-1], weight_r))
                size += float(w @ np.einsum("ij,j->i", its_size[:, :-1], weight_r))
                end = max(end, float(its_size[:, -1].max()) * last)
    return total, size, end
