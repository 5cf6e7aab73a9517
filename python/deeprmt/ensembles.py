"""Random matrices: samplers that return arrays. Every ensemble has entries of variance 1/n, n the number of columns."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from . import _core
from ._arguments import RNG, Floats, as_choice, as_count, as_dtype, as_key, as_size, as_threads, refuse_beyond_memory

__all__ = ["ginibre", "goe", "haar", "wishart"]

_MOST = 2**31 - 1
"""Rows, columns or samples of one matrix: far beyond any memory, and every product of two fits the core's indices."""


def _filled(
    function: str,
    shape: tuple[int, int],
    size: int | tuple[int, ...] | None,
    dtype: DTypeLike,
    rng: RNG,
    threads: int | None,
    fill: Callable[[int, Floats, int], None],
) -> Floats:
    """A stack of matrices of `shape`, filled by the core from a key that `rng` gives."""
    stack = as_size(function, size)
    count = math.prod(stack)
    if count >= 2**32:
        raise ValueError(f"{function}: size must hold fewer than 2**32 matrices, got {size!r}")
    entry = as_dtype(function, dtype)
    what = f"an array of {count} x {shape[0]} x {shape[1]} {entry} entries"
    refuse_beyond_memory(function, count * math.prod(shape) * entry.itemsize, what)
    out = np.empty((count, *shape), entry)
    fill(as_key(function, rng), out, as_threads(function, threads))
    return out.reshape(*stack, *shape)


def haar(
    n: int,
    k: int | None = None,
    *,
    field: Literal["real"] = "real",
    size: int | tuple[int, ...] | None = None,
    method: Literal["householder", "qr"] = "householder",
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Haar-distributed orthogonal matrices, or their first k columns.

    The law is exact: invariant under multiplication by any orthogonal matrix from either side, both determinants
    equally likely. The QR decomposition of a Gaussian matrix is Haar if the signs of the diagonal of R are moved into
    Q; its Householder vectors are independent Gaussian directions [1]_, so ``"householder"`` draws and accumulates
    those, with half the flops of ``"qr"``, which decomposes the Gaussian matrix itself [2]_.

    Parameters
    ----------
    n : int
        Order of the orthogonal group, n >= 1.
    k : int, optional
        Number of columns, 1 <= k <= n: a point of the Stiefel manifold. Default: n.
    field : {"real"}
        The orthogonal group.
    size : int or tuple of int, optional
        Shape of a stack of independent matrices. Default: one matrix.
    method : {"householder", "qr"}
        The same law by two routes, which give different draws.
    dtype : {float64, float32}
        The type of the entries.
    rng : optional
        Anything that `numpy.random.default_rng` takes. Matrix i of a stack has its own stream.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (*size, n, k) ndarray
        Orthonormal columns; for k = n orthonormal rows too. Entries have mean 0 and variance 1/n.

    Raises
    ------
    ValueError, TypeError
        If n < 1, or k is not in 1..n; if an argument has the wrong type.
    MemoryError
        If the result cannot fit into memory; before anything is drawn.

    Notes
    -----
    2 k^2 (n - k/3) flops for each matrix; memory beyond the result is O(n + k), n k more for ``"qr"``.

    References
    ----------
    .. [1] G. W. Stewart, SIAM J. Numer. Anal. 17, 403 (1980).
    .. [2] F. Mezzadri, Notices AMS 54, 592 (2007).

    Examples
    --------
    >>> q = haar(4, rng=0)
    >>> bool(np.allclose(q.T @ q, np.eye(4)))
    True
    >>> haar(100, 3, size=(2, 5), dtype=np.float32, rng=0).shape
    (2, 5, 100, 3)
    """
    n = as_count("haar", "n", n, most=_MOST)
    k = n if k is None else as_count("haar", "k", k, most=_MOST)
    if k > n:
        raise ValueError(f"haar: k must be at most n = {n}, got {k}")
    as_choice("haar", "field", field, ("real",))
    by_qr = as_choice("haar", "method", method, ("householder", "qr")) == "qr"

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.haar(key, by_qr, out, threads)

    return _filled("haar", (n, k), size, dtype, rng, threads, fill)


def ginibre(
    m: int,
    n: int | None = None,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Matrices of independent Gaussian entries, N(0, 1/n).

    Parameters
    ----------
    m, n : int
        Rows and columns, at least 1. Default of n: m.
    size, dtype, rng, threads
        As in `haar`.

    Returns
    -------
    (*size, m, n) ndarray
        Entry variance 1/n. The eigenvalues of G G^T follow `laws.MarchenkoPastur` of aspect m/n as n grows; those of
        a square G fill the unit disc.

    Raises
    ------
    ValueError, TypeError
        If m or n is below 1; if an argument has the wrong type.

    References
    ----------
    .. [1] J. Ginibre, J. Math. Phys. 6, 440 (1965).

    Examples
    --------
    >>> g = ginibre(2, 500, rng=0)
    >>> g.shape
    (2, 500)
    """
    m = as_count("ginibre", "m", m, most=_MOST)
    n = m if n is None else as_count("ginibre", "n", n, most=_MOST)

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.ginibre(key, 1 / math.sqrt(n), out, threads)

    return _filled("ginibre", (m, n), size, dtype, rng, threads, fill)


def goe(
    n: int,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Real symmetric matrices of the Gaussian orthogonal ensemble.

    Parameters
    ----------
    n : int
        Order, at least 1.
    size, dtype, rng, threads
        As in `haar`.

    Returns
    -------
    (*size, n, n) ndarray
        Symmetric to the bit. Entries above the diagonal are N(0, 1/n), those on it N(0, 2/n), independent; the
        eigenvalues follow `laws.Semicircle` on [-2, 2] as n grows.

    Raises
    ------
    ValueError, TypeError
        If n < 1; if an argument has the wrong type.

    References
    ----------
    .. [1] M. L. Mehta, Random Matrices, 3rd ed., Elsevier (2004).

    Examples
    --------
    >>> h = goe(3, rng=0)
    >>> bool((h == h.T).all())
    True
    """
    n = as_count("goe", "n", n, most=_MOST)

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.goe(key, out, threads)

    return _filled("goe", (n, n), size, dtype, rng, threads, fill)


def wishart(
    m: int,
    n: int,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Sample covariance matrices G G^T of Ginibre matrices G (m, n).

    Parameters
    ----------
    m, n : int
        Order of the result and number of samples, at least 1.
    size, dtype, rng, threads
        As in `haar`.

    Returns
    -------
    (*size, m, m) ndarray
        Symmetric to the bit, mean the identity; the eigenvalues follow `laws.MarchenkoPastur` of aspect m/n as n grows.

    Raises
    ------
    ValueError, TypeError
        If m or n is below 1; if an argument has the wrong type.

    References
    ----------
    .. [1] J. Wishart, Biometrika 20A, 32 (1928).

    Examples
    --------
    >>> w = wishart(3, 1000, rng=0)
    >>> bool(np.allclose(w, np.eye(3), atol=0.2))
    True
    """
    m = as_count("wishart", "m", m, most=_MOST)
    n = as_count("wishart", "n", n, most=_MOST)

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.wishart(key, n, out, threads)

    return _filled("wishart", (m, m), size, dtype, rng, threads, fill)
