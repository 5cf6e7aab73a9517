"""Duals of any activation as tables: Chebyshev series in the angle of two inputs and in the logarithms of variances.

Where the activation bends at 0 only, the dual is smooth in the angle and in both variances: in polar coordinates of the
plane of the two Gaussians every kink is a ray, and the quadrature has panels between them. A kink elsewhere leaves a
dual that is smooth in the angle alone, and only where the two variances are one.

Not the dual of phi itself is the series, but how far its correlation is from 1, over 1 - cos(angle): pairs that are
nearly parallel keep all digits of their angle. Two different variances are two different functions of one Gaussian, and
how far apart those are is a table of its own, over the square of the logarithms' difference. Each coefficient, a
matrix over pairs of variances, is a sum of few products.

Where phi is smooth everywhere a Hermite series is shorter: it comes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..activations import Activation
from ._hermite_table import hermite_table
from ._mehler import HermiteSeries
from ._moments import expect_many, least_variance
from ._products import angle_series, at_angles
from ._variance_nodes import Terms, apart, coefficients, interpolation, legendre, nodes_between, orders, settled, terms

__all__ = ["Table", "dual_tables", "jumps"]

Array = NDArray[np.float64]
Table = tuple[bool, Array, Array, Terms, Terms, Terms]
_Series = tuple[bool, Array, Terms, Terms, Terms]

_degrees = (16, 32, 64, 128, 192)
_more_degrees = (384, 768)  # where the angle is all that varies
_angles = 2049
_quadratures = ((32, 20), (48, 32), (96, 64), (192, 96))
_chunk = 1 << 15  # points at once: what a cache holds
_middle = 0.93  # cosines up to which a gap is a difference
_reach = 9.5  # of the radius: exp(-r^2 / 2) is 3e-20


class _NoTableError(Exception):
    """The series does not settle."""


def dual_tables(
    activation: Activation, variances_x: Array, variances_y: Array, tangent: bool, tolerance: float
) -> list[Table] | None:
    """For each row of variances: weights of x and y, and the tables of `KernelNetwork`.

    None where no table is as good as the tolerance.
    """
    out: list[Table] = []
    for qx, qy in zip(variances_x, variances_y, strict=True):
        low = max(float(min(qx.min(initial=np.inf), qy.min(initial=np.inf))), least_variance)
        high = max(float(max(qx.max(initial=0.0), qy.max(initial=0.0))), low)
        if high / low > 1e6 or not low < math.inf:
            return None
        if high <= low * (1 + 1e-13):
            low = high
        if high > 1.2 * low:  # a little wider, so that other inputs of much the same lengths find it made
            low, high = (
                2.0 ** (rounded(8 * math.log2(q)) / 8) for rounded, q in ((math.floor, low), (math.ceil, high))
            )
        try:
            hermite, nodes, gap, between, d = _known(activation, low, high, tangent, tolerance)
        except _NoTableError:
            return None
        out.append((hermite, interpolation(nodes, qx), interpolation(nodes, qy), gap, between, d))
    return out


def jumps(activation: Activation) -> bool:
    """Whether phi has two limits at one of its kinks."""
    for kink in activation.kinks:
        step = 1e-9 * max(1.0, abs(kink))
        ends = np.asarray(activation.phi(np.array([kink - step, kink + step, kink - 1.0, kink + 1.0])), dtype=float)
        if not abs(ends[1] - ends[0]) <= 1e-6 * np.abs(ends).max():
            return True
    return False


def _known(activation: Activation, low: float, high: float, tangent: bool, tolerance: float) -> _Series:
    try:
        return _kept(activation, low, high, tangent, tolerance)
    except TypeError:  # of functions that have no hash
        return _series(activation, low, high, tangent, tolerance)


def _series(activation: Activation, low: float, high: float, tangent: bool, tolerance: float) -> _Series:
    """Whether it is a Hermite series, nodes of variances, and the coefficients of gaps, of gaps at angle 0 and of the
    dual of phi'.
    """
    short = hermite_table(activation, low, high, tolerance)
    if short is not None:
        return True, *short, _nothing(len(short[0]))
    radial = all(kink == 0 for kink in activation.kinks)
    if low < high and not radial:
        raise _NoTableError
    jump = jumps(activation)
    # What is even or odd is known from acute angles.
    reach = math.pi / 2 if activation.parity and not jump else math.pi
    kinds = ["correlation" if jump else "gap", "slope"][: 1 + tangent]
    nodes = np.array([high])
    if low < high:
        # How many variances, from a few angles; how many angles, from a few variances; then all with all.
        few = reach * np.array([0.01, 0.1, 0.3, 0.6, 0.95, 1.0])
        for order in orders:
            nodes = nodes_between(low, high, order)
            between = np.zeros((1, 1)) if jump else apart(activation, nodes)
            if settled(between[:, :, None], tolerance) and all(
                settled(_by_rays(activation, nodes, few, kind, tolerance), tolerance) for kind in kinds
            ):
                break
        else:
            raise _NoTableError
    else:
        between = np.zeros((1, 1))
    found = []
    known: dict[str, Array] = {}
    for kind in kinds:
        for degree in _degrees if radial else _degrees + _more_degrees:
            turn = (np.arange(degree + 1) + 0.5) / (degree + 1)
            angles = reach / 2 * (1 + np.cos(math.pi * turn))
            if not radial:
                values = _by_products(activation, float(high), angles, kind, known)
            else:
                values = _by_rays(activation, nodes[[0, -1]], angles, kind, tolerance)
            if np.abs(coefficients(values)[:, :, -3:]).max() <= tolerance * max(1.0, float(np.abs(values).max())):
                break
        else:
            raise _NoTableError
        if len(nodes) > 1:
            values = _by_rays(activation, nodes, angles, kind, tolerance)
        elif radial:
            values = values[:1, :1]
        series = coefficients(values)
        size = max(1.0, float(np.abs(values).max()))
        if np.abs(series[:, :, -3:]).max() > 4 * tolerance * size:
            raise _NoTableError
        # What the tail adds is less than the tolerance: leave it out.
        large = np.flatnonzero(np.abs(series).max(axis=(0, 1)) > tolerance / 64)
        last = int(large[-1]) + 1 if large.size else 1
        found.append(terms(series[:, :, :last], tolerance / 64))
    nothing = _nothing(len(nodes))
    distance = nothing if jump else terms(between[:, :, None], tolerance / 64 * float(np.abs(between).max()))
    return False, nodes, found[0], distance, found[1] if tangent else nothing


def _nothing(nodes: int) -> Terms:
    return [], np.zeros((0, nodes)), np.zeros((0, nodes))


_kept = lru_cache(maxsize=64)(_series)


def _by_products(activation: Activation, q: float, angles: Array, kind: str, known: dict[str, Array]) -> Array:
    """As `_by_rays` for one variance, from series over all angles which are kept in `known`."""
    of = "phi" if kind == "correlation" else "slope"
    if of not in known:
        series = angle_series(activation, activation.phi if of == "phi" else activation.dphi, q, q, _angles)
        if series is None:
            raise _NoTableError
        known[of] = series
    whole = expect_many(
        activation, np.array([q]), lambda h, _: (activation.dphi if kind == "slope" else activation.phi)(h) ** 2
    )[0]
    if not whole > 0:
        raise _NoTableError
    if kind != "gap":
        return np.asarray(at_angles(known[of], angles)[None, None] / whole)
    # The dual of phi is the integral of that of phi' in the covariance.
    x, weight = legendre(32 + len(known[of]) // 2)
    x, weight = (x + 1) / 2, weight / 2
    inner = np.outer(angles, x)
    lost = q * (at_angles(known[of], inner) * np.sin(inner)) @ weight * angles
    return np.asarray((lost / (2 * np.sin(angles / 2) ** 2))[None, None] / whole)


def _by_rays(activation: Activation, q: Array, angles: Array, kind: str, tolerance: float) -> Array:
    """For all pairs of variances and all angles, (nodes, nodes, angles): correlations of phi or phi' ("slope"), or how
    much less those of phi are than at angle 0, over 1 - cos(angle).
    """
    function = activation.dphi if kind == "slope" else activation.phi
    parity = -activation.parity if kind == "slope" else activation.parity
    whole = expect_many(activation, q, lambda h, _: function(h) ** 2, even=True)
    if not (whole > 0).all():
        raise _NoTableError
    roots = np.sqrt(whole)
    for radii, turns in _quadratures:
        own = _of_angle(function, parity, q, 0.0, radii, turns).diagonal()
        right = _of_angle(function, parity, q, math.pi / 2, radii, turns)
        more = _of_angle(function, parity, q, math.pi / 2, radii + 11, turns + 7)
        near = 4 * tolerance
        if np.abs(own / whole - 1).max() <= near and np.abs(right - more).max() <= near * whole.max():
            break
    else:
        raise _NoTableError
    out = np.empty((len(q), len(q), len(angles)))
    series = None if activation.kinks else HermiteSeries.of(function, (), q)
    size = np.outer(roots, roots)
    parallel = _of_angle(function, parity, q, 0.0, radii, turns) if series is not None and kind == "gap" else None
    for k, angle in enumerate(angles.tolist()):
        cosine = math.cos(angle)
        if series is not None and series.ends(cosine, roots, tolerance / 16) and abs(cosine) < _middle:
            mean = series.between_all(cosine)
            out[:, :, k] = (mean if parallel is None else (parallel - mean) / (1 - cosine)) / size
        else:
            out[:, :, k] = _of_angle(function, parity, q, angle, radii, turns, kind == "gap") / size
    return out


def _of_angle(
    function: Callable[[Array], object],
    parity: int,
    q: Array,
    angle: float,
    radii: int,
    turns: int,
    less: bool = False,
) -> Array:
    """E f(u) f(v) by the four sectors between the rays where u or v is 0: two and two are alike up to signs.

    If `less`, how much less it is than at angle 0, over 1 - cos(angle), from differences of f at the two ends.
    `parity` is that of f.
    """
    r, weight_r = legendre(radii)
    r, weight_r = _reach * (r + 1) / 2, _reach * weight_r / 2
    weight_r = weight_r * r * np.exp(-r * r / 2)
    total = np.zeros((len(q), len(q)))
    for width, sign in ((math.pi - angle, 1.0), (angle, -1.0)):
        if width == 0:
            continue
        # The ends of a sector are what takes nodes, which crowd there as the square of their number.
        x, weight_x = legendre(min(turns, math.ceil(turns * math.sqrt(width / math.pi)) + 8))
        x, weight_x = (x + 1) / 2, weight_x / 2
        sines = np.sin(width * x)
        step = max(1, _chunk // (len(q) * len(x)))
        for begin in range(0, radii, step):
            some = slice(begin, begin + step)
            weight = np.outer(weight_r[some], weight_x) * (width / (2 * math.pi))
            h = np.sqrt(q)[:, None, None] * (r[some, None] * sines)
            above = np.asarray(function(h), dtype=np.float64)
            below = parity * above if parity else np.asarray(function(-h), dtype=np.float64)
            for u, v in ((above, below), (below, above))[: 1 if parity else 2]:
                second = np.ascontiguousarray((u if sign > 0 else v)[:, :, ::-1])
                if less:
                    change = (u - second) * (np.sqrt(weight) / (2 * math.sin(angle / 2)))
                    total += _by_radius(change, change)
                else:
                    total += _by_radius(u * weight, second)
    return 2 * total if parity else total


def _by_radius(first: Array, second: Array) -> Array:
    """The sum over radii and turns of products, a small one for each radius: BLAS starts no threads for these, which
    would take longer than the products.
    """
    return np.asarray(np.matmul(first.transpose(1, 0, 2), second.transpose(1, 2, 0)).sum(axis=0))
