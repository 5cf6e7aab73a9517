"""Singular values and vectors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import Floats, as_count, as_matrices, as_threads, refuse_non_finite
from ._overflow import refuse_overflow
from ._room import refuse_large
from ._values import values_of

__all__ = ["SVD", "svd", "svdvals"]


class SVD(NamedTuple):
    """Thin singular value decomposition, a = u @ diag(s) @ vt."""

    u: Floats
    s: Floats
    vt: Floats


def svdvals(a: ArrayLike, *, threads: int | None = None) -> Floats:
    """Singular values of a matrix, or of each matrix of a stack.

    Two stages: blocks of reflectors take the matrix to a band, bulge chasing takes the band to bidiagonal form, and
    the dqds iteration gives its singular values to high relative accuracy [1]_ [2]_. Nearly all flops are matrix
    products. Small matrices, which stay in the cache, go straight to bidiagonal form.

    Parameters
    ----------
    a : (..., m, n) array_like of real
        Any shape and scale. float32 stays float32; other reals become float64.
    threads : int, optional
        Default: every core this process may use. Never changes the result. Several matrices are spread over the
        threads, a single large one uses all of them.

    Returns
    -------
    (..., min(m, n)) ndarray
        Descending. Errors are below (min(m, n) + 100) eps times the largest one, and most of them, where the values
        are no cluster, near sqrt(min(m, n)) eps or less.

    Raises
    ------
    ValueError, TypeError
        If an entry is not finite (the first one is named), or `a` has fewer than two axes; if `a` is not real.
    MemoryError
        If the work cannot fit into memory; before it starts.

    Notes
    -----
    Memory: one copy of a matrix for each thread that works on its own matrix. Ctrl-C is answered between blocks.

    References
    ----------
    .. [1] B. Lang, Parallel Comput. 25, 969 (1999).
    .. [2] K. V. Fernando and B. N. Parlett, Numer. Math. 67, 191 (1994).

    Examples
    --------
    >>> svdvals([[3.0, 0.0], [0.0, -4.0]])
    array([4., 3.])
    """
    return values_of("svdvals", _core.linalg.svdvals, a, threads)


def svd(a: ArrayLike, *, k: int | None = None, threads: int | None = None) -> SVD:
    """Thin singular value decomposition a = u @ diag(s) @ vt.

    Parameters
    ----------
    a : (..., m, n) array_like of real
        float32 stays float32; other reals become float64.
    k : int, optional
        Keep only the k leading triplets. Default: all min(m, n).
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    SVD
        Named tuple of ``u`` (..., m, k), ``s`` (..., k) descending and ``vt`` (..., k, n). Columns of u and rows of vt
        are orthonormal to about n eps; the sign of each pair is arbitrary.

    Raises
    ------
    ValueError, TypeError
        If an entry is not finite (the first one is named), `a` has fewer than two axes, or k is not in
        1..min(m, n); if `a` is not real.
    MemoryError
        As in `svdvals`.

    Notes
    -----
    One-stage reduction to bidiagonal form, in panels, and LAPACK's divide and conquer, which runs on one thread.
    Memory: about seven copies of one matrix. Ctrl-C is answered between panels, and before and after divide and
    conquer, about a tenth of the time.

    References
    ----------
    .. [1] M. Gu and S. C. Eisenstat, SIAM J. Matrix Anal. Appl. 16, 79 (1995).

    Examples
    --------
    >>> u, s, vt = svd([[3.0, 0.0], [0.0, -4.0]], k=1)
    >>> s
    array([4.])
    >>> u.shape, vt.shape
    ((2, 1), (1, 2))
    """
    matrices, stack = as_matrices("svd", "a", a)
    refuse_non_finite("svd", "a", matrices.reshape(*stack, *matrices.shape[1:]))
    count, m, n = matrices.shape
    full = min(m, n)
    keep = full if k is None else as_count("svd", "k", k)
    if keep > full:
        raise ValueError(f"svd: k must be at most min(m, n) = {full}, got {keep}")
    inner = as_threads("svd", threads)
    refuse_large("svd", matrices, 7, 1, count * keep * (m + n))  # one matrix after the other
    u = np.empty((count, m, keep), matrices.dtype)
    s = np.empty((count, keep), matrices.dtype)
    vt = np.empty((count, keep, n), matrices.dtype)
    for i, matrix in enumerate(matrices):
        each = _core.linalg.svd(matrix, inner)
        u[i], s[i], vt[i] = each[0][:, :keep], refuse_overflow("svd", each[1])[:keep], each[2][:keep]
    return SVD(u.reshape(*stack, m, keep), s.reshape(*stack, keep), vt.reshape(*stack, keep, n))
