"""Eigenvalues of symmetric tridiagonal matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import Floats, as_rows, as_threads, refuse_non_finite
from ._overflow import refuse_overflow

__all__ = ["eigvalsh_tridiagonal"]


def eigvalsh_tridiagonal(d: ArrayLike, e: ArrayLike, *, threads: int | None = None) -> Floats:
    """Eigenvalues of a real symmetric tridiagonal matrix, or of each matrix of a stack.

    Divide and conquer [1]_ [2]_ without the vectors: of those only the first and last entries are needed, so memory is
    O(n) and time O(n^2).

    Parameters
    ----------
    d : (..., n) array_like of real
        The diagonal, n >= 1.
    e : (..., n - 1) array_like of real
        The entries beside it, with the same leading axes.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (..., n) ndarray
        Ascending; float32 if both arguments are, else float64. Errors are below 20 eps times the largest absolute
        eigenvalue, whatever n; blocks between zeros of `e` are each accurate on their own scale.

    Raises
    ------
    ValueError, TypeError
        If an entry is not finite (the first one is named), n is 0, or shapes do not fit; if an argument is not real.

    References
    ----------
    .. [1] J. J. M. Cuppen, Numer. Math. 36, 177 (1981).
    .. [2] M. Gu and S. C. Eisenstat, SIAM J. Matrix Anal. Appl. 16, 172 (1995).

    Examples
    --------
    >>> eigvalsh_tridiagonal([0.0, 0.0], [1.0])
    array([-1.,  1.])
    """
    name = "eigvalsh_tridiagonal"
    diagonal, stack = as_rows(name, "d", d)
    off, other = as_rows(name, "e", e)
    n = diagonal.shape[1]
    if n == 0:
        raise ValueError(f"{name}: d must have at least one entry, got shape {(*stack, n)}")
    if (*other, off.shape[1]) != (*stack, n - 1):
        raise ValueError(f"{name}: e must have shape {(*stack, n - 1)} beside d, got {(*other, off.shape[1])}")
    refuse_non_finite(name, "d", diagonal.reshape(*stack, n))
    refuse_non_finite(name, "e", off.reshape(*stack, n - 1))
    entry = np.result_type(diagonal, off)
    out = _core.linalg.eigvals_tridiagonal(
        np.asarray(diagonal, entry), np.asarray(off, entry), as_threads(name, threads)
    )
    return refuse_overflow(name, out, "d and e").reshape(*stack, n)
