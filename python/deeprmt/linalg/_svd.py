"""Singular values and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import Floats
from ._room import entries_for_vectors
from ._values import values_of, vectors_of

__all__ = ["SVD", "svd", "svdvals"]


class SVD(NamedTuple):
    """Thin singular value decomposition, a = u @ diag(s) @ vt.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[3.0, 0.0], [4.0, 5.0], [0.0, 0.0]])
    >>> found = svd(a)
    >>> found.u.shape, found.vt.shape
    ((3, 2), (2, 2))
    >>> np.allclose(found.u * found.s @ found.vt, a)
    True
    """

    u: Floats
    s: Floats
    vt: Floats


def svdvals(a: ArrayLike, *, threads: int | None = None) -> Floats:
    """Singular values of a matrix, or of each matrix of a stack.

    Two stages: blocks of reflectors take the matrix to a band, bulge chasing takes the band to bidiagonal form, and
    the dqds iteration, or divide and conquer, gives its singular values [1]_ [2]_. Nearly all flops are matrix
    products. Small matrices, which stay in the cache, go straight to bidiagonal form.

    Parameters
    ----------
    a : (..., m, n) array_like
        Any shape and scale. float32 stays float32; other reals become float64. Complex matrices are solved as real ones
        of twice the order, which takes about eight times the work of a real one of this order.
    threads : int, optional
        Default: every core this process may use. Never changes the result. Several matrices are spread over the
        threads, a single large one uses all of them.

    Returns
    -------
    (..., min(m, n)) ndarray of float32 or float64
        Descending. Errors are below (min(m, n) + 100) eps times the largest one, and most of them, where the values
        are no cluster, near sqrt(min(m, n)) eps or less. For m, n that differ by more than a factor of ten, columns
        whose entries are all alike may add up to max(m, n) / 1000 eps.

    Raises
    ------
    ValueError, TypeError
        If an entry is not finite (the first one is named), or `a` has fewer than two axes; if `a` is no array of
        numbers.
    MemoryError
        If the work cannot fit into memory; before it starts.

    Notes
    -----
    Memory for each matrix that is worked on at once: a copy of it, min(m, n)^2 numbers where one side is half as long
    again as the other, and 320 (m + n) from order 480 on; some chunks of 8 min(m, n) rows instead where one side is ten
    times as long. Ctrl-C is answered between blocks.

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


def svdvals_in_double(a: ArrayLike) -> Floats:
    """`svdvals` of one matrix in double precision; of float32 by its Gram matrix, where that loses nothing that counts.

    Products of float32 numbers are exact in double precision, so that the Gram matrix is off by rounding of its sums
    alone. Where the smallest value is below 3e-5 of the largest, the matrix itself is decomposed.
    """
    if getattr(a, "dtype", None) != np.float32:
        return svdvals(np.asarray(a, np.float64))
    return values_of("svdvals", _single, a, None)


def _single(stack: Floats, threads: int) -> Floats:
    return _core.linalg.svdvals_in_double(stack, threads)


def svd(
    a: ArrayLike,
    *,
    k: int | None = None,
    which: Literal["leading", "trailing"] | Sequence[int] = "leading",
    threads: int | None = None,
) -> SVD:
    """Thin singular value decomposition a = u @ diag(s) @ vt, or some of its triplets.

    The two stages of `svdvals`; divide and conquer gives the vectors of the bidiagonal matrix [1]_, and the reflectors
    of both stages turn the chosen ones, and only those, into vectors of `a` [2]_. Small matrices go through LAPACK.

    Parameters
    ----------
    a : (..., m, n) array_like of real
        float32 stays float32; other reals become float64.
    k : int, optional
        How many triplets. Default: all min(m, n).
    which : {"leading", "trailing"} or sequence of int
        The k largest, the k smallest, or those of these numbers, 0 being the largest.
    threads : int, optional
        Default: every core this process may use. Never changes the result. Several matrices are spread over the
        threads, a single large one uses all of them.

    Returns
    -------
    SVD
        Named tuple of ``u`` (..., m, k), ``s`` (..., k), descending unless `which` is a sequence, and ``vt``
        (..., k, n). Columns of u and rows of vt are orthonormal to about max(m, n) eps at worst, and mostly far better;
        the sign of each pair is arbitrary.

    Raises
    ------
    ValueError, TypeError
        If an entry is not finite (the first one is named), `a` has fewer than two axes, k is not in 1..min(m, n), or
        `which` is no such word or number; if `a` is not real.
    MemoryError
        As in `svdvals`.

    Notes
    -----
    Memory: up to 9 min(m, n)^2 numbers and two copies of a matrix, for each that is worked on at once, and the result:
    8.7 n^2 numbers in all for a Gaussian matrix of order 2000. Where one side is half as long again as the other, up to
    192 max(m, n) more. Ctrl-C is answered between blocks.

    References
    ----------
    .. [1] M. Gu and S. C. Eisenstat, SIAM J. Matrix Anal. Appl. 16, 79 (1995).
    .. [2] C. H. Bischof, B. Lang and X. Sun, ACM Trans. Math. Softw. 26, 581 (2000).

    Examples
    --------
    >>> u, s, vt = svd([[3.0, 0.0], [0.0, -4.0]], k=1)
    >>> s
    array([4.])
    >>> u.shape, vt.shape
    ((2, 1), (1, 2))
    >>> svd([[3.0, 0.0], [0.0, -4.0]], k=1, which="trailing").s
    array([3.])
    """
    ends = ("leading", "trailing")
    return SVD(*vectors_of("svd", _core.linalg.svd, entries_for_vectors, a, k, which, ends, threads))
