"""The mean Gram matrix of random features, E f(w . x) f(w . y) with Gaussian w, for data as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import (
    Floats,
    as_number,
    as_real,
    as_threads,
    refuse_non_finite,
)
from ..activations import Activation
from ..meanfield import gauss_moment
from ..meanfield._kernels import feature_kernel_of
from ._constants import as_function

__all__ = ["as_samples", "feature_kernel", "variances"]

Array = np.ndarray[Any, np.dtype[np.float64]]


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
    activation: str | Activation | Callable[[Any], Any] = "relu",
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
    activation : str, Activation or callable
        f: a name of `deeprmt.activations.names` or `more_names`, or one's own.
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
    This is `meanfield.nngp` of depth 2 without biases, K^2 / sigma_w^2: in closed form for linear, relu, leaky_relu,
    abs, powers of relu, erf, erf_unit, gelu, heaviside, sign, cos, sin, gauss, square and cube; others that are smooth
    or bend at 0 only by a table. Both are some 10 to 50 ns an entry; nearly parallel samples keep their angle. Kinks
    elsewhere (hard_tanh) cost 1 us an entry, and where f is curved as well more, close to correlation 1 much more.

    A sample of length 0 has f(0), as features do: heaviside is 1/2 there and sign 0.

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
    f = as_function(name, "activation", activation)
    sigma = as_number(name, "sigma_w", sigma_w, above=0.0)
    workers = as_threads(name, threads)
    return _kernel(name, first, None if y is None else second, f, sigma, workers)


def variances(x: Floats, sigma: float) -> Array:
    """Of w . x for each row."""
    with np.errstate(over="ignore"):
        return np.asarray(sigma * sigma / x.shape[1] * np.einsum("ij,ij->i", x, x))


def _kernel(name: str, first: Floats, other: Floats | None, f: Activation, sigma: float, threads: int) -> Floats:
    second = first if other is None else other
    sizes = [variances(each, sigma) for each in (first, second)]
    if not all(np.isfinite(each).all() for each in sizes):
        raise ValueError(f"{name}: samples must be short enough for their squared lengths, found an overflow")
    some = [each > 0 for each in sizes]
    if all(each.all() for each in some):
        return feature_kernel_of(name, first, other, f, sigma, threads)
    # Of samples of length 0 f(w . x) is f(0), whatever w: a number beside the mean of the other.
    means = []
    for each, there in zip(sizes, some, strict=True):
        mean = np.full(len(each), float(np.asarray(f.phi(np.zeros(1)))[0]))
        mean[there] = gauss_moment(f, each[there], power=1)
        means.append(mean)
    out = np.asarray(means[0][:, None] * means[1])
    inner = feature_kernel_of(name, first[some[0]], None if other is None else second[some[1]], f, sigma, threads)
    out[np.ix_(*some)] = inner
    return out
