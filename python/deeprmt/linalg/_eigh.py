"""Eigenvalues and eigenvectors of symmetric matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from numpy.typing import ArrayLike

from .. import _core
from .._arguments import Floats
from ._complex import is_complex, refuse_not_hermitian
from ._values import values_of, vectors_of

__all__ = ["Eigh", "eigh", "eigvalsh"]


class Eigh(NamedTuple):
    """Eigenvalues and eigenvectors of a symmetric matrix, a @ eigenvectors = eigenvectors @ diag(eigenvalues).

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> found = eigh(a)
    >>> found.eigenvalues.round(12)
    array([1., 3.])
    >>> np.allclose(a @ found.eigenvectors, found.eigenvectors * found.eigenvalues)
    True
    """

    eigenvalues: Floats
    eigenvectors: Floats


def eigvalsh(a: ArrayLike, *, threads: int | None = None) -> Floats:
    """Eigenvalues of a real symmetric or Hermitian matrix, or of each matrix of a stack.

    Parameters
    ----------
    a : (..., n, n) array_like
        Symmetric to rounding: entries (i, j) and (j, i) may differ by 100 eps times the largest entry; what is used
        is their mean. float32 stays float32; other reals become float64. Complex matrices, Hermitian in the same way,
        are solved as real ones of twice the order, which takes about eight times the work of a real one of order n.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (..., n) ndarray of float32 or float64
        Ascending. Errors are below (n + 20) eps times the largest absolute eigenvalue, most of them near sqrt(n) eps.

    Raises
    ------
    ValueError, TypeError
        If an entry is not finite, or `a` is not square or not symmetric (the first such pair is named); if `a` is no
        array of numbers.
    MemoryError
        If the work, a copy of each matrix that is worked on at once and 640 n numbers beside it, cannot fit into
        memory; before it starts.

    References
    ----------
    .. [1] C. H. Bischof, B. Lang and X. Sun, ACM Trans. Math. Softw. 26, 581 (2000).

    Examples
    --------
    >>> eigvalsh([[0.0, 1.0], [1.0, 0.0]])
    array([-1.,  1.])
    """
    if is_complex(a):
        refuse_not_hermitian("eigvalsh", a)
    return values_of("eigvalsh", _core.linalg.eigvalsh, a, threads)


def eigh(
    a: ArrayLike,
    *,
    k: int | None = None,
    which: Literal["smallest", "largest"] | Sequence[int] = "smallest",
    threads: int | None = None,
) -> Eigh:
    """Eigenvalues and eigenvectors of a real symmetric matrix, or some of them.

    Two stages: blocks of reflectors take the matrix to a band, bulge chasing takes the band to tridiagonal form. Divide
    and conquer gives the vectors of that [1]_, and the reflectors of both stages turn the chosen ones, and only those,
    into vectors of `a` [2]_. Small matrices go through LAPACK.

    Parameters
    ----------
    a : (..., n, n) array_like of real
        Symmetric to rounding, as in `eigvalsh`.
    k : int, optional
        How many pairs. Default: all n.
    which : {"smallest", "largest"} or sequence of int
        The k smallest, the k largest, or those of these numbers, 0 being the smallest.
    threads : int, optional
        Default: every core this process may use. Never changes the result. Several matrices are spread over the
        threads, a single large one uses all of them.

    Returns
    -------
    Eigh
        Named tuple of ``eigenvalues`` (..., k), ascending unless `which` is a sequence, and ``eigenvectors``
        (..., n, k): columns orthonormal to about n eps, of arbitrary sign.

    Raises
    ------
    ValueError, TypeError
        As in `eigvalsh`; if k is not in 1..n, or `which` is no such word or number.
    MemoryError
        If the work cannot fit into memory; before it starts.

    Notes
    -----
    Memory: up to 6 n^2 numbers for each matrix that is worked on at once, and the result. Ctrl-C is answered
    between blocks.

    References
    ----------
    .. [1] M. Gu and S. C. Eisenstat, SIAM J. Matrix Anal. Appl. 16, 172 (1995).
    .. [2] C. H. Bischof, B. Lang and X. Sun, ACM Trans. Math. Softw. 26, 581 (2000).

    Examples
    --------
    >>> values, vectors = eigh([[2.0, 0.0], [0.0, 1.0]], k=1)
    >>> values, abs(vectors[:, 0])
    (array([1.]), array([0., 1.]))
    """
    ends = ("smallest", "largest")
    return Eigh(*vectors_of("eigh", _core.linalg.eigh, lambda m, n: 6 * m * n, a, k, which, ends, threads))
