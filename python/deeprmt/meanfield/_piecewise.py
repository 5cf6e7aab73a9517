"""What the core wants to know of activations that are lines between kinks, for inputs of many lengths.

At angle 0 two inputs of different variances are two functions of one Gaussian. How far apart those are is analytic in
the two variances to either side of where they are one, not across: it is a series in the mean of the logarithms and in
the size of their difference.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..activations import Activation
from ._dual_table import jumps
from ._moments import least_variance
from ._products import Ramps

__all__ = ["Pieces", "pieces_of"]

Array = NDArray[np.float64]
Terms = tuple[tuple[float, float, int, float], ...]

_most = 16  # kinks
_worst = 4e4  # by so much terms may be larger than what they make: 12 digits are left
_orders = (4, 6, 9, 13, 18, 26, 36, 50, 72, 100)
_reach = 12.0
_nodes, _weights = np.polynomial.legendre.leggauss(20)


class Pieces(NamedTuple):
    """As in `KernelNetwork`."""

    kinks: list[float]
    bends: list[float]
    level: float
    slope: float
    size: float
    apart: list[tuple[float, float, Array, Array, Array]]


class Lines(NamedTuple):
    """What `Ramps` has, with a hash."""

    constant: float
    slope: float
    terms: Terms


def pieces_of(
    activation: Activation, variances: tuple[Array, Array], seconds: tuple[Array, Array], tolerance: float
) -> Pieces | None:
    """Of layers (rows) of variances and means of phi^2 of both sets of inputs; None where sums would lose digits."""
    if activation.slopes is None or not 0 < len(activation.kinks) <= _most or jumps(activation):
        return None
    ramps = Ramps(activation, activation.slopes, 0)
    if not ramps.terms or any(order != 1 for _, _, order, _ in ramps.terms):
        return None
    kinks = [kink for kink, _, _, _ in ramps.terms]
    bends = [bend for _, _, _, bend in ramps.terms]
    size = 0.0
    for q, second in zip(variances, seconds, strict=True):
        inside = q[: len(second)] > least_variance  # an input of zeros is nearly parallel to none
        with np.errstate(divide="ignore", over="ignore"):
            each = q[: len(second)][inside] / second[inside]
        size = max(size, float(each.max(initial=0.0)) * float(np.abs(bends).sum()) ** 2)
    if not size <= _worst:
        return None
    apart = [_apart(ramps, variances[0][layer], variances[1][layer], tolerance) for layer in range(len(seconds[0]))]
    return Pieces(kinks, bends, ramps.constant, ramps.slope, size, apart)


def _apart(ramps: Ramps, qx: Array, qy: Array, tolerance: float) -> tuple[float, float, Array, Array, Array]:
    """What `KernelNetwork` wants of one layer."""
    q = np.concatenate([qx, qy])
    q = q[q > least_variance]
    least = least_variance
    bends = tuple(sorted(abs(kink) for kink, _, _, _ in ramps.terms if kink))
    if ramps.constant == 0:
        least = max(least, (bends[0] / 9 if bends else 0.0) ** 2)  # below, the function is linear on both sides of 0
    low, high = max(float(q.min(initial=np.inf)), least), float(q.max(initial=0.0))
    if not low < high:
        return 0.0, 0.0, np.zeros((1, 1)), np.zeros(len(qx)), np.zeros(len(qy))
    if 1.2 * low < high < 1e300:  # a little wider, so that other inputs of much the same lengths find it made
        low = max(2.0 ** (math.floor(8 * math.log2(low)) / 8), least)
        high = 2.0 ** (math.ceil(8 * math.log2(high)) / 8)
    power, series = _series(ramps.constant, ramps.slope, tuple(ramps.terms), low, high, tolerance)
    x, y, ends = (_coordinate(np.clip(each, low, high), power) for each in (qx, qy, np.array([low, high])))
    return float(ends.min()), float(ends.max()), series, x, y


@lru_cache(maxsize=256)
def _series(
    constant: float, slope: float, terms: Terms, low: float, high: float, tolerance: float
) -> tuple[float, Array]:
    """The power of the coordinate, 0 for ln q, and the series.

    The coordinate is a power of q^(-1/2) or ln q, whichever has the shorter series: in q^(-1/2) a Gaussian density is
    entire, but the functions of large variances are far apart.
    """
    lines = Lines(constant, slope, terms)

    def values(tops: Array, shares: Array, power: float) -> Array:
        least, most = np.sort(_coordinate(np.array([low, high]), power)).tolist()
        top, share = (each.ravel() for each in np.meshgrid(least + (most - least) * tops, shares, indexing="ij"))
        return _distance(lines, top, share * (top - least), power).reshape(len(tops), len(shares))

    few = np.array([0.02, 0.3, 0.7, 1.0])
    kinks = sorted(kink for kink, _, _, _ in terms if kink)
    ratios = [max(b / a, a / b) for a, b in pairwise(kinks) if a * b > 0]
    # Where the kinks of one pass those of the other it is no series, unless that is too far out to be seen.
    passing = min(ratios, default=math.inf) < math.sqrt(high / low)
    # Which coordinate and how many points, from a few lines; then all points.
    for order in _orders[:5] if passing else _orders:
        for power in (0.5, 1.0, 0.0):
            if not _settled(values(_points(order), few, power), tolerance):
                continue
            for columns in (each for each in _orders if each <= order):
                if _settled(values(few, _points(columns), power).T, tolerance):
                    break
            found = values(_points(order), _points(columns), power)
            if not (_settled(found, 4 * tolerance) and _settled(found.T, 4 * tolerance)):
                continue
            series = np.asarray(fft.dctn(found, type=2)) / found.size
            series[0] /= 2
            series[:, 0] /= 2
            # What the tails add is less than the tolerance: leave them out.
            large = np.abs(series) > tolerance / 64 * np.abs(found).max()
            kept = [int(np.flatnonzero(large.any(axis=axis)).max(initial=0)) + 1 for axis in (1, 0)]
            return power, np.ascontiguousarray(series[: kept[0], : kept[1]])
    return 0.0, np.zeros((0, 0))


def _points(order: int) -> Array:
    return np.asarray((1 + np.cos((np.arange(order) + 0.5) * math.pi / order)) / 2)


def _settled(values: Array, tolerance: float) -> bool:
    """Whether series along the first axis have come to their ends."""
    series = fft.dct(values, type=2, axis=0) / len(values)
    return bool(np.abs(series[-2:]).max() <= tolerance * np.abs(values).max())


def _coordinate(q: Array, power: float) -> Array:
    return np.asarray(q ** (-power / 2) if power else np.log(q))


def _distance(ramps: Lines, top: Array, differ: Array, power: float) -> Array:
    """(1 - E f_a f_b) / differ^2, f_a(z) = phi(a^(1/2) z) over the root of its mean square, for coordinates `top` and
    `top` - `differ`.

    As half the mean square of (f_a - f_b) / differ, from phi(a^(1/2) z) - phi(b^(1/2) z) piece by piece: no difference
    of what is close but in slivers between kinks, which are as narrow as their rounding is large.
    """
    root_b = (top ** (-1 / power) if power else np.exp((top - differ) / 2))[:, None]
    step = np.expm1(np.log1p(differ / (top - differ)) / power if power else differ / 2)[:, None]
    root_a = root_b * (1 + step)
    marks = np.array([kink for kink, _, _, _ in ramps.terms])
    inner = np.broadcast_to(np.arange(-_reach, _reach + 0.1, 1.0), (len(differ), 25))
    edges = np.concatenate(
        [inner, np.clip(marks / root_a, -_reach, _reach), np.clip(marks / root_b, -_reach, _reach)], axis=1
    )
    edges = np.sort(edges, axis=1)
    half = np.diff(edges, axis=1)[:, :, None] / 2
    z = ((edges[:, 1:] + edges[:, :-1])[:, :, None] / 2 + half * _nodes).reshape(len(differ), -1)
    weight = (half * _weights).reshape(len(differ), -1) * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    spread = root_b * step / differ[:, None]  # (root_a - root_b) / differ
    change = ramps.slope * spread * z
    first = ramps.constant + ramps.slope * root_a * z
    second = ramps.constant + ramps.slope * root_b * z
    for kink, sign, _, bend in ramps.terms:
        at_a, at_b = (np.maximum(sign * (root * z - kink), 0.0) for root in (root_a, root_b))
        both = (at_a > 0) & (at_b > 0)
        change += bend * np.where(both, sign * spread * z, (at_a - at_b) / differ[:, None])
        first += bend * at_a
        second += bend * at_b
    sizes = [np.sqrt(np.sum(each * each * weight, axis=1, keepdims=True)) for each in (first, second)]
    longer = np.sum(change * (first + second) * weight, axis=1, keepdims=True) / (sizes[0] + sizes[1])
    turned = (change - second * (longer / sizes[1])) / sizes[0]
    return np.asarray(np.sum(turned * turned * weight, axis=1) / 2)
