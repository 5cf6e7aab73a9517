"""The dual of an activation: the mean of phi(u) phi(v), or of phi'(u) phi'(v), for correlated Gaussians u and v.

Three ways, whichever comes first: a closed form in the variances and the correlation; for what is piecewise linear, the
bivariate normal distribution; else quadrature over independent z and w with u = sqrt(q1) z, v = sqrt(q2) (c z + s w),
s = sqrt(1 - c^2), which for wide Gaussians and no kink but 0 is in polar coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, special

from .._arguments import Floats, as_count, as_real
from ..activations import Activation, as_activation
from ..errors import ConvergenceError
from ._dual_rays import has_rays, mean_by_rays
from ._dual_strips import mean_by_strips
from ._moments import least_share, least_variance, real_values
from ._wide_lines import wide_lines

__all__ = ["Ramps", "gauss_product", "product"]

Array = NDArray[np.float64]
Function = Callable[[Array], Any]

_tau = 2 * math.pi
_reach = 10.0  # a mass of 1.5e-23 is beyond
_nodes, _weights = np.polynomial.legendre.leggauss(20)
_chunk = 1 << 20  # entries of a block of points: 8 MiB
_narrow = 16.0  # variances up to which a smooth function takes few points of a grid
_many = 96  # correlations of one pair of variances beyond which a series in their angle is cheaper


def gauss_product(
    activation: str | Activation, q1: ArrayLike, q2: ArrayLike | None = None, c: ArrayLike = 1.0, *, derivative: int = 0
) -> float | Floats:
    """E phi(u) phi(v), or E phi'(u) phi'(v), for Gaussian u and v of mean 0, variances q1 and q2, correlation c.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    q1, q2 : array_like of real
        Variances, finite and >= 0; q2 defaults to q1. At 0 the limit from above is taken.
    c : array_like of real
        Correlation, in [-1, 1]; what is beyond by less than 1e-12 counts as rounding.
    derivative : {0, 1}
        1: of phi' instead of phi.

    Returns
    -------
    float or ndarray
        Of the common shape of q1, q2 and c. The error is below 1e-13 of (E phi(u)^2 E phi(v)^2)^(1/2).

    Raises
    ------
    ValueError, TypeError
        If a variance is negative or not finite; if c is beyond [-1, 1].
    ConvergenceError
        If the integral does not settle.

    Notes
    -----
    In closed form for erf, erf_unit, gelu, sin, cos, gauss, square, cube and all that is piecewise linear (relu,
    leaky_relu, abs, linear, hard_tanh, shifted_relu, sign, heaviside, one's own): then arrays are fast. Others take 0.1
    to 20 ms an entry, up to 1 s where variances are beyond 1e34, or beyond 1e6 with kinks off 0, or where there are
    tens of kinks. Where an array has hundreds of correlations for one pair of variances they take a Chebyshev series in
    the angle arccos(c).

    References
    ----------
    .. [1] C. Williams, Neural Computation 10, 1203 (1998): erf.
    .. [2] Y. Cho, L. Saul, NeurIPS (2009): relu.

    Examples
    --------
    >>> float(round(gauss_product("relu", 1.0, c=0.0), 12))  # 1 / (2 pi)
    0.159154943092
    >>> gauss_product("erf", 1.0, 2.0, [-1.0, 0.0, 1.0]).round(12)
    array([-0.52123641,  0.        ,  0.52123641])
    """
    activation = as_activation("gauss_product", activation)
    derivative = as_count("gauss_product", "derivative", derivative, least=0, most=1)
    first = _variances("q1", q1)
    second = first if q2 is None else _variances("q2", q2)
    correlation = as_real("gauss_product", "c", c).astype(float)
    bad = correlation[~(np.abs(correlation) <= 1 + 1e-12)]
    if bad.size:
        raise ValueError(f"gauss_product: c must be in [-1, 1], found {bad[0]!r}")
    try:
        first, second, correlation = np.broadcast_arrays(first, second, np.clip(correlation, -1, 1))
    except ValueError:
        raise ValueError(
            f"gauss_product: q1, q2 and c must have one common shape, got {first.shape}, {second.shape} and"
            f" {correlation.shape}"
        ) from None
    first, second, flat = first.ravel(), second.ravel(), correlation.ravel()
    above = np.maximum(first, least_variance), np.maximum(second, least_variance)
    out = product(activation, *above, flat, derivative)
    function = activation.dphi if derivative else activation.phi
    out = out * least_share(function, first) * least_share(function, second)
    return float(out[0]) if correlation.ndim == 0 else out.reshape(correlation.shape)


def _variances(argument: str, value: ArrayLike) -> Array:
    q = as_real("gauss_product", argument, value).astype(float)
    bad = q[~(np.isfinite(q) & (q >= 0))]
    if bad.size:
        raise ValueError(f"gauss_product: {argument} must be finite and at least 0, found {bad[0]:g}")
    return q


def product(activation: Activation, a: Array, b: Array, c: Array, derivative: int, gap: Array | None = None) -> Array:
    """As `gauss_product`, for arrays of one axis that are right; `gap` is 1 - |c|, where that is known better."""
    closed = _closed.get(activation.name)
    if closed is not None and as_activation("", activation.name) == activation:
        return np.asarray(closed(a, b, c, derivative))
    if activation.slopes is not None:
        out = piecewise_linear(activation, activation.slopes, a, b, c, derivative)
        wide = _cancels(activation, activation.slopes, a, b, derivative)
        if wide.any():
            found = wide_lines(activation, activation.slopes, a[wide], b[wide], c[wide], derivative)
            if found is None:
                function = activation.phi if derivative == 0 else activation.dphi
                pairs = zip(a[wide], b[wide], c[wide], strict=True)
                found = np.array([_panels(activation, function, *each) for each in pairs])
            out[wide] = found
        return out
    return _by_quadrature(activation, a, b, c, derivative, gap)


# ---- closed forms ----


def _sine2(c: Array) -> Array:
    """1 - c^2, to relative precision."""
    return np.asarray((1 - c) * (1 + c))


def _root(a: Array, b: Array, c: Array) -> Array:
    """(1 + a + b + a b (1 - c^2))^(1/2), also where a b is beyond doubles."""
    small_a, small_b = 1 / (1 + a), 1 / (1 + b)
    large_a, large_b = a * small_a, b * small_b
    share = small_a * small_b + large_a * small_b + small_a * large_b + large_a * large_b * _sine2(c)
    return np.asarray(np.sqrt(1 + a) * np.sqrt(1 + b) * np.sqrt(share))


def _erf(scale: float, a: Array, b: Array, c: Array, derivative: int) -> Array:
    """Of erf(sqrt(scale) h)."""
    a, b = 2 * scale * a, 2 * scale * b
    k, root = c * np.sqrt(a) * np.sqrt(b), _root(a, b, c)
    return np.asarray(2 / math.pi * (np.arctan2(k, root) if derivative == 0 else 2 * scale / root))


def _gelu(a: Array, b: Array, c: Array, derivative: int) -> Array:
    """By Stein's lemma from E Phi(u) Phi(v)."""
    k, root = c * np.sqrt(a) * np.sqrt(b), _root(a, b, c)
    orthant = np.arctan2(k, root) / _tau + 0.25
    if derivative == 1:
        return np.asarray(orthant + k / (_tau * root) * (1 / (1 + a) + 1 / (1 + b) + 1 / root / root))
    size = np.sqrt(a) * np.sqrt(b)  # a b - k^2 is a b (1 - c^2): no difference of squares
    rest = (_sine2(c) + c * c * (1 / (1 + a) + 1 / (1 + b))) * (size / root)
    return np.asarray(k * orthant + size * rest / _tau)


def _wave(a: Array, b: Array, c: Array, odd: bool) -> Array:
    """Of sin if odd, of cos else: exp(-(a + b) / 2) times sinh or cosh of c sqrt(a b), without overflow."""
    root_a, root_b = np.sqrt(a), np.sqrt(b)
    k = np.abs(c) * root_a * root_b
    # k - (a + b) / 2 without that difference, of which large a and b leave nothing but rounding.
    top = np.exp(-((root_a - root_b) ** 2) / 2 - (1 - np.abs(c)) * root_a * root_b) / 2
    return np.asarray(-np.sign(c) * top * np.expm1(-2 * k) if odd else top * (1 + np.exp(-2 * k)))


def _bell(a: Array, b: Array, c: Array, derivative: int) -> Array:
    root = _root(a, b, c)
    return np.asarray(1 / root if derivative == 0 else c * (np.sqrt(a) / root) * (np.sqrt(b) / root) / root)


def _square(a: Array, b: Array, c: Array, derivative: int) -> Array:
    return np.asarray(a * b * (1 + 2 * c * c) if derivative == 0 else 4 * c * np.sqrt(a) * np.sqrt(b))


def _cube(a: Array, b: Array, c: Array, derivative: int) -> Array:
    k = np.sqrt(a) * np.sqrt(b)
    return np.asarray(k**3 * c * (9 + 6 * c * c) if derivative == 0 else 9 * a * b * (1 + 2 * c * c))


_closed: dict[str, Callable[[Array, Array, Array, int], Array]] = {
    "erf": lambda a, b, c, d: _erf(1.0, a, b, c, d),
    "erf_unit": lambda a, b, c, d: _erf(math.pi / 4, a, b, c, d),
    "gelu": _gelu,
    "sin": lambda a, b, c, d: _wave(a, b, c, d == 0),
    "cos": lambda a, b, c, d: _wave(a, b, c, d == 1),
    "gauss": _bell,
    "square": _square,
    "cube": _cube,
}


# ---- piecewise linear ----


def _density(x: Array) -> Array:
    return np.asarray(np.exp(-x * x / 2) / math.sqrt(_tau))


def _ratio(x: Array, y: Array, c: Array, s: Array) -> Array:
    """(x - c y) / s, also for c = 1 and -1; 0 / 0 is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        turned = np.where(c < 0, -y, y)  # x - c y = x - turned + (1 - |c|) turned
        near = np.where(x == turned, 0.0, (x - turned) / s)
        return np.asarray(near + turned * np.sqrt((1 - np.abs(c)) / (1 + np.abs(c))))


def _orthant(x: Array, y: Array, c: Array, s: Array) -> Array:
    """P(U > x, V > y) for x, y >= 0, by Owen's T function."""

    def half(x: Array, y: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slope = np.where(x == 0, np.inf, _ratio(y, x, c, s) / x)
        return np.asarray(special.ndtr(-x) / 2 - special.owens_t(x, slope))

    both = (x == 0) & (y == 0)
    return np.asarray(np.where(both, 0.25 + np.arctan2(c, s) / _tau, half(x, y) + half(y, x)))


class Ramps:
    """A line, and terms weight (h - kink)_+ (order 1) or weight 1[h > kink] (order 0), h and kink turned by `sign`.

    Kinks below 0 turn the sign, so that a small variance sees small terms only: then nothing cancels.
    """

    def __init__(self, activation: Activation, slopes: tuple[float, ...], derivative: int) -> None:
        kinks = activation.kinks
        home = sum(k < 0 for k in kinks)  # the piece that holds 0, or ends there
        ends = [kinks[0] - 1 if kinks else -1.0, *kinks, kinks[-1] + 1 if kinks else 1.0]
        inside = [(a + b) / 2 for a, b in pairwise(ends)]
        levels = [float(activation.phi(np.array(x))) - m * x for x, m in zip(inside, slopes, strict=True)]
        self.constant, self.slope = (levels[home], slopes[home]) if derivative == 0 else (slopes[home], 0.0)
        self.terms: list[tuple[float, float, int, float]] = []  # kink, sign, order, weight
        for i, kink in enumerate(kinks):
            sign = -1.0 if i < home else 1.0
            bend, jump = slopes[i + 1] - slopes[i], levels[i + 1] - levels[i]
            jump += bend * kink
            if abs(jump) <= 1e-14 * (abs(levels[i]) + abs(levels[i + 1]) + abs(bend * kink)):
                jump = 0.0
            pairs = ((1, bend), (0, sign * jump)) if derivative == 0 else ((0, sign * bend),)
            self.terms += [(kink, sign, order, weight) for order, weight in pairs if weight != 0]


def piecewise_linear(
    activation: Activation,
    slopes: tuple[float, ...],
    a: Array,
    b: Array,
    c: Array,
    derivative: int,
    *,
    line: bool = True,
) -> Array:
    """In closed form; without `line` what is left when the mean of the line's own product is taken off."""
    ramps = Ramps(activation, slopes, derivative)
    roots = np.sqrt(a), np.sqrt(b)
    s = np.sqrt(_sine2(c))
    total = (ramps.constant**2 + ramps.slope**2 * c * roots[0] * roots[1]) * float(line)
    for kink, sign, order, weight in ramps.terms:
        for r, other in (roots, roots[::-1]):
            x = sign * kink / r
            tail, density = special.ndtr(-x), _density(x)
            mean = r * (density - x * tail) if order == 1 else tail  # of the term, and times the other's h
            with_h = sign * c * other * (r * tail if order == 1 else density)
            total = total + weight * (ramps.constant * mean + ramps.slope * with_h)
    for kink1, sign1, order1, weight1 in ramps.terms:
        for kink2, sign2, order2, weight2 in ramps.terms:
            x, y, turned = sign1 * kink1 / roots[0], sign2 * kink2 / roots[1], sign1 * sign2 * c
            orthant = _orthant(x, y, turned, s)
            if order1 == order2 == 0:
                value = orthant
            else:
                at_x = _density(x) * special.ndtr(-_ratio(y, x, turned, s))
                at_y = _density(y) * special.ndtr(-_ratio(x, y, turned, s))
                if order1 == 0:
                    value = roots[1] * (at_y + turned * at_x - y * orthant)
                elif order2 == 0:
                    value = roots[0] * (at_x + turned * at_y - x * orthant)
                else:
                    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                        mirrored = np.where(turned < 0, -y, y)
                        apart = np.where(x == mirrored, 0.0, ((x - mirrored) / s) ** 2 / 2)
                        apart = apart + x * mirrored / (1 + np.abs(turned))
                    value = (turned + x * y) * orthant - x * at_y - y * at_x + s / _tau * np.exp(-apart)
                    value = roots[0] * roots[1] * value
            total = total + weight1 * weight2 * value
    return np.asarray(total)


def _cancels(
    activation: Activation, slopes: tuple[float, ...], a: Array, b: Array, derivative: int
) -> NDArray[np.bool_]:
    """Where the terms are so much larger than their sum that 5e-14 of it is rounding.

    Ramps under a wide Gaussian are as large as it, their sum may be bounded.
    """
    ramps = Ramps(activation, slopes, derivative)
    reach = 20 * max([1.0, *np.abs(activation.kinks)]) if ramps.terms else math.inf
    out = np.maximum(a, b) > reach**2
    if not out.any():
        return out
    ones = np.ones(np.count_nonzero(out))
    sizes, terms = [], []
    for q in (a[out], b[out]):
        sizes.append(np.sqrt(np.maximum(piecewise_linear(activation, slopes, q, q, ones, derivative), 0)))
        r = np.sqrt(q)
        terms.append(
            abs(ramps.constant) + abs(ramps.slope) * r + sum(abs(w) * r**order for _, _, order, w in ramps.terms)
        )
    out[out] = 5e-17 * terms[0] * terms[1] > 5e-14 * sizes[0] * sizes[1]
    return out


# ---- quadrature ----


def _by_quadrature(
    activation: Activation, a: Array, b: Array, c: Array, derivative: int, gap: Array | None = None
) -> Array:
    gap = 1 - np.abs(c) if gap is None else gap
    function = activation.phi if derivative == 0 else activation.dphi
    out = np.empty(c.shape)
    pairs, which, counts = np.unique(np.stack([a, b]), axis=1, return_inverse=True, return_counts=True)
    which = which.reshape(-1)
    single = counts[which] <= _many
    out[single] = _each(activation, function, a[single], b[single], c[single], gap[single])
    for i in np.flatnonzero(counts > _many):
        mine = which == i
        out[mine] = _series(activation, function, float(pairs[0, i]), float(pairs[1, i]), c[mine], gap[mine])
    return out


def _series(activation: Activation, function: Function, a: float, b: float, c: Array, gap: Array) -> Array:
    """By Chebyshev interpolation in the angle arccos(c), in which the product is smooth up to its ends."""
    small = 2 * np.arcsin(np.sqrt(np.minimum(gap, 1) / 2))
    coefficients = angle_series(activation, function, a, b, len(c))
    if coefficients is not None:
        return np.asarray(at_angles(coefficients, np.where(c < 0, math.pi - small, small)))
    full = np.full(c.shape, 1.0)
    return _each(activation, function, a * full, b * full, c, gap)


def angle_series(activation: Activation, function: Function, a: float, b: float, most: int) -> Array | None:
    """Chebyshev coefficients over angles from 0 to pi; None if that takes `most` values or more."""
    for degree in (32, 64, 128, 256, 512, 1024):
        if degree >= most:
            break
        turn = np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1)
        near = np.minimum(np.cos(turn / 2), np.sin(turn / 2)) ** 2 * math.pi  # the angle, or what it lacks to pi
        gap, sign = 2 * np.sin(near / 2) ** 2, np.where(turn < math.pi / 2, -1.0, 1.0)
        full = np.full(len(turn), 1.0)
        values = _each(activation, function, a * full, b * full, sign * (1 - gap), gap)
        coefficients = np.asarray(fft.dct(values, type=2)) / (degree + 1)
        coefficients[0] /= 2
        # The nodes hold what rounding adds.
        if np.abs(coefficients[-4:]).max() <= 5e-15 * np.abs(values).max():
            return coefficients
    return None


def at_angles(coefficients: Array, angles: Array) -> Array:
    return np.asarray(np.polynomial.chebyshev.chebval(2 * angles / math.pi - 1, coefficients))


def _each(activation: Activation, function: Function, a: Array, b: Array, c: Array, gap: Array | None = None) -> Array:
    gap = 1 - np.abs(c) if gap is None else gap
    out = np.full(c.shape, np.nan)
    left = np.arange(len(c))
    if not activation.kinks:
        narrow = np.maximum(a, b) <= _narrow
        left = _trapezoidal(function, activation.parity != 0, a, b, c, out, np.flatnonzero(narrow))
        left = np.sort(np.concatenate([left, np.flatnonzero(~narrow)]))
    rays = has_rays(activation)
    even = activation.parity != 0
    if not rays:
        sign = np.where(c[left] < 0, -1.0, 1.0)
        values, done = mean_by_strips(function, activation.kinks, activation.parity, a[left], b[left], gap[left], sign)
        out[left] = values
        left = left[~done]
    for i in left:
        pair, one = (float(a[i]), float(b[i])), np.array([i])
        found = None
        if rays:
            found = mean_by_rays(function, even, *pair, float(gap[i]), -1.0 if c[i] < 0 else 1.0)
        if found is not None:
            out[i] = found
        elif activation.kinks or len(_trapezoidal(function, even, a, b, c, out, one)):
            out[i] = _panels(activation, function, *pair, float(c[i]))
    return out


def _trapezoidal(
    function: Function, even: bool, a: Array, b: Array, c: Array, out: Array, left: NDArray[np.intp]
) -> NDArray[np.intp]:
    """For smooth functions, whose error squares when the step is halved. Gives the entries that it leaves open."""
    last = np.full(len(c), np.inf)
    for halvings in range(4):
        step = 0.5 / 2**halvings
        count = round(_reach / step)
        w = step * np.arange(-count, count + 1)
        weight = step / math.sqrt(_tau) * np.exp(-w * w / 2)
        z, weight_z = w, weight
        if even:  # u and v change sign together
            z, weight_z = w[count:], np.concatenate([weight[count : count + 1], 2 * weight[count + 1 :]])
        rows = max(1, _chunk // (len(z) * len(w)))
        still = np.zeros(len(left), bool)
        for begin in range(0, len(left), rows):
            i = left[begin : begin + rows]
            u = np.sqrt(a[i])[:, None] * z
            s = np.sqrt(_sine2(c[i]))
            v = np.sqrt(b[i])[:, None, None] * (c[i][:, None] * z)[:, :, None]
            v = v + (np.sqrt(b[i]) * s)[:, None, None] * w
            f, g = real_values("gauss_product", function(u)), real_values("gauss_product", function(v))
            value = np.einsum("iz,iz->i", f * weight_z, g @ weight)
            size = np.sqrt((f * f) @ weight_z) * np.sqrt(np.einsum("izw,w,z->i", g * g, weight, weight_z))
            still[begin : begin + rows] = ~(np.abs(value - last[i]) <= 3e-9 * size)
            out[i], last[i] = value, value
        left = left[still]
        if not len(left):
            break
    return left


def _panels(activation: Activation, function: Function, a: float, b: float, c: float) -> float:
    """Panels that end at kinks, in w for each z and in z."""
    root_a, root_b, s = math.sqrt(a), math.sqrt(b), math.sqrt((1 - c) * (1 + c))
    last, best = math.inf, math.nan
    for halvings in range(4):
        breaks, even, marks = _breaks(activation, root_a, root_b, c, s, -1 - 3 * max(0, halvings - 1))
        for _ in range(halvings):
            breaks = np.sort(np.concatenate([breaks, (breaks[1:] + breaks[:-1]) / 2]))
            even = np.sort(np.concatenate([even, (even[1:] + even[:-1]) / 2]))
        # Accurate to the root of what both are by themselves: where they hardly meet that is far more than the value.
        value, size = _two_fold(function, breaks, even, marks, root_a, root_b, c, s)
        if abs(value - last) <= 1e-14 * size:
            return value
        best = value if abs(value - last) <= 1e-12 * size else math.nan
        last = value
    if math.isnan(best):
        raise ConvergenceError(
            f"gauss_product: the integral over {activation.name} does not converge at q1 = {a:g}, q2 = {b:g},"
            f" c = {c!r}; are its kinks declared?",
            {"q1": a, "q2": b, "c": c, "value": last},
        )
    return best


def _breaks(
    activation: Activation, root_a: float, root_b: float, c: float, s: float, least: int
) -> tuple[Array, Array, Array]:
    """Ends of panels in z, of those in w that are the same for all z, and what v has a panel end at: kinks, and powers
    of 2 from 2^least on.
    """
    kinks = np.array(activation.kinks)
    even = np.linspace(-_reach, _reach, 14)
    tops = (max(0, math.floor(math.log2(_reach * r + 1e-300)) + 1) for r in (root_a, root_b))
    bends = [2.0 ** np.arange(least, top) for top in tops]
    marks_u, marks_v = (np.concatenate([kinks, side, -side]) for side in bends)
    outer = [even, marks_u / root_a]
    if c != 0:
        # What is a kink of v is a bend of the mean over w, as wide as w makes it.
        width = s / abs(c) * np.array([-8, -4, -2, -1, 0, 1, 2, 4, 8])
        outer += [(kinks[:, None] / (c * root_b) + width).ravel(), marks_v / (c * root_b)]
    breaks = np.concatenate(outer)
    breaks = np.unique(np.clip(breaks[np.isfinite(breaks)], -_reach, _reach))
    return breaks[np.concatenate([[True], np.diff(breaks) > 1e-15])], even, marks_v


def _two_fold(
    function: Function, breaks: Array, even: Array, marks: Array, root_a: float, root_b: float, c: float, s: float
) -> tuple[float, float]:
    """The mean, and the root of the product of those of f(u)^2 and f(v)^2."""
    half = np.diff(breaks)[:, None] / 2
    z = ((breaks[1:] + breaks[:-1])[:, None] / 2 + half * _nodes).ravel()
    weight = (half * _weights).ravel() * _density(z)
    f = real_values("gauss_product", function(root_a * z))
    if root_b * s == 0:
        g = real_values("gauss_product", function(root_b * c * z))
        return float(np.sum(f * g * weight)), math.sqrt(np.sum(f * f * weight)) * math.sqrt(np.sum(g * g * weight))
    total, square = 0.0, 0.0
    rows = max(1, _chunk // ((len(even) + len(marks)) * len(_nodes)))
    for begin in range(0, len(z), rows):
        part = slice(begin, begin + rows)
        centre = root_b * c * z[part, None]
        edges = (marks - centre) / (root_b * s)
        edges = np.concatenate([np.broadcast_to(even, (len(centre), len(even))), edges], axis=1)
        edges = np.sort(np.clip(edges, -_reach, _reach), axis=1)
        wide = np.diff(edges, axis=1)[:, :, None] / 2
        w = (edges[:, 1:] + edges[:, :-1])[:, :, None] / 2 + wide * _nodes
        g = real_values("gauss_product", function(centre[:, :, None] + root_b * s * w))
        inner = _density(w) * (wide * _weights)
        total += float(np.sum(f[part] * weight[part] * (g * inner).sum(axis=(1, 2))))
        square += float(np.sum(weight[part] * (g * g * inner).sum(axis=(1, 2))))
    return total, math.sqrt(np.sum(f * f * weight)) * math.sqrt(square)
