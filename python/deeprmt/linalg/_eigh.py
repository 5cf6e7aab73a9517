"""Eigenvalues of symmetric matrices."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .. import _core
from .._arguments import Floats
from ._values import values_of

__all__ = ["eigvalsh"]


def eigvalsh(a: ArrayLike, *, threads: int | None = None) -> Floats:
    """Eigenvalues of a real symmetric matrix, or of each matrix of a stack.

    Parameters
    ----------
    a : (..., n, n) array_like of real
        Symmetric to rounding: entries (i, j) and (j, i) may differ by 100 eps times the largest entry; what is used
        is their mean. float32 stays float32; other reals become float64.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (..., n) ndarray
        Ascending. Errors are below (n + 20) eps times the largest absolute eigenvalue, most of them near sqrt(n) eps.

    Raises
    ------
    ValueError, TypeError
        If an entry is not finite, or `a` is not square or not symmetric (the first such pair is named); if `a` is not
        real.
    MemoryError
        If the work, one copy of a matrix for each that is worked on at once, cannot fit into memory; before it starts.

    References
    ----------
    .. [1] C. H. Bischof, B. Lang and X. Sun, ACM Trans. Math. Softw. 26, 581 (2000).

    Examples
    --------
    >>> eigvalsh([[0.0, 1.0], [1.0, 0.0]])
    array([-1.,  1.])
    """
    return values_of("eigvalsh", _core.linalg.eigvalsh, a, threads)
