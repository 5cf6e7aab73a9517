"""The mean Gram matrix of random features, E f(w . x) f(w . y) with Gaussian w, for data as they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import (
    Floats,
    as_number,
    as_real,
    as_threads,
    refuse_beyond_memory,
    refuse_non_finite,
    shown,
)
from ..activations import Activation, as_activation
from ..meanfield import gauss_moment, gauss_product
from ..meanfield._moments import _nodes as _gauss
from ..meanfield._moments import _weights as _gauss_weights

__all__ = ["as_feature", "feature_kernel", "feature_names"]

Array = np.ndarray[Any, np.dtype[np.float64]]
Kernel = Callable[[Array, Array, Array], Array]

_BLOCK = 1 << 20  # entries that are worked on at once: their temporaries stay small
_DEGREES = 160  # of the Hermite series
_CLOSE = 2e-12  # what its remainder may be, of (E f(u)^2 E f(v)^2)^(1/2)
_TAU = 2 * math.pi


def _heaviside(h: Any) -> Any:
    return np.heaviside(h, 0.5)


def _flat(h: Any) -> Any:
    return np.where(np.isnan(h), h, 0.0 * np.asarray(h))


def _bell(h: Any) -> Any:
    c = np.minimum(np.abs(h), 40.0)
    return np.exp(-c * c / 2)


def _bell_slope(h: Any) -> Any:
    return -np.clip(h, -40.0, 40.0) * _bell(h)


_FEATURES: dict[str, Activation] = {
    each.name: each
    for each in (
        Activation(_heaviside, _flat, name="heaviside", kinks=(0.0,), slopes=(0.0, 0.0)),
        Activation(np.sign, _flat, name="sign", kinks=(0.0,), slopes=(0.0, 0.0)),
        Activation(_bell, _bell_slope, name="gauss", kinks=()),
        Activation(np.square, lambda h: 2 * np.asarray(h), name="square", kinks=()),
    )
}

feature_names: tuple[str, ...] = tuple(_FEATURES)
"""Names that features have beside those of `deeprmt.activations.names`: gauss is exp(-h^2 / 2)."""


def as_feature(function: str, value: str | Activation) -> Activation:
    """The activation of that name, jumping ones among them, or the one given."""
    if isinstance(value, str) and value in _FEATURES:
        return _FEATURES[value]
    if isinstance(value, str):
        try:
            return as_activation(function, value)
        except ValueError as error:
            raise ValueError(f"{error}; or one of {', '.join(feature_names)}") from None
    return as_activation(function, value)


# ---- closed forms: of the variances a and b and the covariance c ----


def _cosine(a: Array, b: Array, c: Array) -> tuple[Array, Array]:
    """sqrt(a b), and the correlation."""
    size = np.sqrt(a) * np.sqrt(b)
    with np.errstate(divide="ignore", invalid="ignore"):
        return size, np.where(size > 0, np.clip(c / size, -1, 1), 0.0)


def _sine(k: Array) -> Array:
    return np.asarray(np.sqrt((1 - k) * (1 + k)))


def _relu(a: Array, b: Array, c: Array) -> Array:
    size, k = _cosine(a, b, c)
    s = _sine(k)
    return np.asarray(size * (k * np.arctan2(s, -k) + s) / _TAU)


def _abs(a: Array, b: Array, c: Array) -> Array:
    size, k = _cosine(a, b, c)
    s = _sine(k)
    return np.asarray(2 * size * (k * np.arctan2(k, s) + s) / math.pi)


def _erf(scale: float, a: Array, b: Array, c: Array) -> Array:
    a, b, c = 2 * scale * a, 2 * scale * b, 2 * scale * c
    return np.asarray(2 / math.pi * np.arctan2(c, np.sqrt(np.maximum(1 + a + b + (a * b - c * c), 1e-300))))


def _step(a: Array, b: Array, c: Array) -> Array:
    _, k = _cosine(a, b, c)
    return np.asarray(0.5 - np.arctan2(_sine(k), k) / _TAU)


def _sign(a: Array, b: Array, c: Array) -> Array:
    _, k = _cosine(a, b, c)
    return np.asarray(2 / math.pi * np.arctan2(k, _sine(k)))


def _wave(odd: bool, a: Array, b: Array, c: Array) -> Array:
    top, low = np.exp(c - (a + b) / 2), np.exp(-c - (a + b) / 2)
    return np.asarray((top - low if odd else top + low) / 2)


def _gaussian(a: Array, b: Array, c: Array) -> Array:
    return np.asarray(1 / np.sqrt(1 + a + b + np.maximum(a * b - c * c, 0.0)))


def _squares(a: Array, b: Array, c: Array) -> Array:
    return np.asarray(2 * c * c + a * b)


_CLOSED: dict[str, Kernel] = {
    "linear": lambda a, b, c: np.asarray(c + 0.0),
    "relu": _relu,
    "abs": _abs,
    "erf": lambda a, b, c: _erf(1.0, a, b, c),
    "erf_unit": lambda a, b, c: _erf(math.pi / 4, a, b, c),
    "heaviside": _step,
    "sign": _sign,
    "cos": lambda a, b, c: _wave(False, a, b, c),
    "sin": lambda a, b, c: _wave(True, a, b, c),
    "gauss": _gaussian,
    "square": _squares,
}


def _closed_form(f: Activation) -> Kernel | None:
    known = _CLOSED.get(f.name)
    return known if known is not None and as_feature("", f.name) == f else None


# ---- any other: Mehler's series, and the double integral where that is too slow ----


def _hermite(f: Activation, q: Array) -> tuple[Array, Array]:
    """E f(sqrt(q) Z) He_k(Z) / sqrt(k!) for each variance, and the root of what squares of higher ones sum to."""
    out = np.empty((len(q), _DEGREES))
    rest = np.empty(len(q))
    inner = np.concatenate([np.arange(-14, 14.1, 0.5), [0.0]])
    for begin in range(0, len(q), 64):
        rows = slice(begin, begin + 64)
        r = np.sqrt(np.maximum(q[rows], 1e-200))[:, None]
        marks = np.array([*f.kinks, -1.0, 1.0]) / r
        edges = np.sort(np.concatenate([np.broadcast_to(inner, (len(r), len(inner))), np.clip(marks, -14, 14)], 1), 1)
        half = np.diff(edges, axis=1)[:, :, None] / 2
        z = ((edges[:, 1:] + edges[:, :-1])[:, :, None] / 2 + half * _gauss).reshape(len(r), -1)
        weight = (half * _gauss_weights).reshape(len(r), -1)
        values = np.asarray(f.phi(r * z), dtype=float)
        before, now = np.zeros_like(z), np.exp(-z * z / 4) / (_TAU**0.25)
        density = now  # Hermite functions: one root of the density each, so that nothing overflows
        weighted = weight * values * density
        for k in range(_DEGREES):
            out[rows, k] = np.sum(weighted * now, axis=1)
            before, now = now, (z * now - math.sqrt(k) * before) / math.sqrt(k + 1)
        whole = np.sum(weighted * values * density, axis=1)
        rest[rows] = np.sqrt(np.maximum(whole - np.sum(out[rows] ** 2, axis=1), 0.0) + 1e-16 * whole)
    return out, rest


def _series(
    f: Activation, a: Array, b: Array, c: Array, first: tuple[Array, Array], second: tuple[Array, Array]
) -> Array:
    _, k = _cosine(a, b, c)
    (left, left_rest), (right, right_rest) = first, second
    total = left[:, -1:] * right[:, -1]
    for i in range(_DEGREES - 2, -1, -1):
        total *= k
        total += left[:, i : i + 1] * right[:, i]
    size = np.sqrt(np.sum(left**2, 1))[:, None] * np.sqrt(np.sum(right**2, 1))
    with np.errstate(under="ignore"):
        doubt = left_rest[:, None] * right_rest * np.abs(k) ** _DEGREES > _CLOSE * size
    if doubt.any():
        first_, second_ = (np.broadcast_to(each, doubt.shape)[doubt] for each in (a, b))
        total[doubt] = gauss_product(f, first_, second_, k[doubt])
    return np.asarray(total)


def as_samples(function: str, argument: str, value: ArrayLike, inputs: int | None = None) -> Floats:
    """Rows of finite numbers, in double precision."""
    x = as_real(function, argument, value)
    if x.ndim != 2 or min(x.shape) < 1:
        raise ValueError(f"{function}: {argument} must be a matrix of samples in rows, got shape {x.shape}")
    if inputs is not None and x.shape[1] != inputs:
        raise ValueError(f"{function}: {argument} must have {inputs} columns, got {x.shape[1]}")
    refuse_non_finite(function, argument, x)
    return x.astype(np.float64, copy=False)


def feature_kernel(
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    activation: str | Activation = "relu",
    sigma_w: float = 1.0,
    threads: int | None = None,
) -> Floats:
    """E f(w . x_i) f(w . y_j) over w with independent N(0, sigma_w^2 / d) entries: what many random features see.

    Parameters
    ----------
    x : (n, d) array_like of real
        Samples in rows.
    y : (m, d) array_like of real, optional
        Other samples. Default: x itself.
    activation : str or Activation
        f: a name of `deeprmt.activations.names`, one of heaviside, sign, gauss (exp(-h^2 / 2)) and square, or
        one's own.
    sigma_w : float, default 1
        The standard deviation of weights times sqrt(d), positive. Papers with standard normal weights have sqrt(d).
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (n, m) ndarray
        Symmetric to the last bit if y is not given.

    Raises
    ------
    ValueError, TypeError
        If samples are no matrix of finite reals, or have different lengths; if sigma_w is not positive; if f is not
        known.
    MemoryError
        If the result and its work cannot fit into memory.

    Notes
    -----
    In closed form for linear, relu, abs, erf, erf_unit, heaviside, sign, cos, sin, gauss, square: some 40 ns an entry.
    Others by Mehler's series in the correlation, 160 terms, about 0.5 us an entry; where its remainder might exceed
    2e-12 of the scale, close to correlation 1 and for sharp bends some way off it, by `meanfield.gauss_product`.

    References
    ----------
    .. [1] C. Louart, Z. Liao, R. Couillet, Ann. Appl. Probab. 28, 1190 (2018), arXiv:1702.05419.

    Examples
    --------
    >>> feature_kernel([[1.0, 0.0], [0.0, 1.0]], activation="relu", sigma_w=2**0.5).round(9)
    array([[0.5       , 0.15915494],
           [0.15915494, 0.5       ]])
    """
    name = "feature_kernel"
    first = as_samples(name, "x", x)
    second = first if y is None else as_samples(name, "y", y, first.shape[1])
    f = as_feature(name, activation)
    sigma = as_number(name, "sigma_w", sigma_w, above=0.0)
    workers = as_threads(name, threads)
    n, m = len(first), len(second)
    work = 8 * (n * m + first.size + second.size + 8 * max(_BLOCK, m))
    refuse_beyond_memory(name, work, f"a kernel of {n} x {m} and its work,")
    return _kernel(name, first, None if y is None else second, f, sigma, workers)


def variances(x: Floats, sigma: float) -> Array:
    """Of w . x for each row."""
    with np.errstate(over="ignore"):
        return np.asarray(sigma * sigma / x.shape[1] * np.einsum("ij,ij->i", x, x))


def _kernel(name: str, first: Floats, other: Floats | None, f: Activation, sigma: float, threads: int) -> Floats:
    second = first if other is None else other
    scale = sigma * sigma / first.shape[1]
    a, b = variances(first, sigma), variances(second, sigma)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"{name}: samples must be short enough for their squared lengths, found an overflow")
    out = _core.linalg.multiply(np.ascontiguousarray(first * scale), np.ascontiguousarray(second.T), threads)
    closed = _closed_form(f)
    diagonal = np.asarray(gauss_moment(f, a)) if other is None else a
    left = right = None
    if closed is None:
        left = _hermite(f, a)
        right = left if other is None else _hermite(f, b)
    step = max(1, _BLOCK // max(out.shape[1], 1))
    for begin in range(0, len(out), step):
        rows = slice(begin, begin + step)
        # A symmetric matrix is filled from its rows' first entry on.
        columns = slice(begin if other is None else 0, None)
        c = out[rows, columns]
        if other is None:
            own = np.arange(c.shape[0])
            c[own, own] = a[rows]
        if closed is not None:
            out[rows, columns] = closed(a[rows, None], b[columns][None], c)
        else:
            assert left is not None
            assert right is not None
            first_part, second_part = (left[0][rows], left[1][rows]), (right[0][columns], right[1][columns])
            out[rows, columns] = _series(f, a[rows, None], b[columns][None], c, first_part, second_part)
        if other is None:  # where angles are 0, and arccos has half of its digits
            out[rows, columns][own, own] = diagonal[rows]
    if other is None:
        for begin in range(0, len(out), step):
            rows = slice(begin, begin + step)
            out[rows, :begin] = out[:begin, rows].T
            square = out[rows, rows]
            below = np.tril_indices(len(square), -1)
            square[below] = square.T[below]
    if not np.isfinite(out).all():
        raise ValueError(f"{name}: E f(u) f(v) must be finite, found {shown(out[~np.isfinite(out)][0])}")
    return np.asarray(out)
