"""Singular values of long products of matrices, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import Floats, as_real, as_threads, refuse_beyond_memory, refuse_non_finite, shown

__all__ = ["log_svdvals"]


def factor_stacks(function: str, factors: ArrayLike | Iterable[ArrayLike]) -> Iterator[tuple[int, Floats]]:
    """(index of the first, (count, m, n)): the factors in the order given, checked; an array comes in one piece."""
    if isinstance(factors, np.ndarray) and factors.dtype != object:
        stack = as_real(function, "factors", factors)
        if stack.ndim != 3:
            raise ValueError(f"{function}: factors must be a stack of matrices, 3 axes, got {stack.ndim}")
        refuse_non_finite(function, "factors", stack)
        yield 0, stack
        return
    if isinstance(factors, str | bytes) or not isinstance(factors, Iterable):
        raise TypeError(f"{function}: factors must be matrices, one after the other, got {shown(factors)}")
    for index, each in enumerate(factors):
        name = f"factors[{index}]"
        matrix = as_real(function, name, each)
        if matrix.ndim != 2:
            raise ValueError(f"{function}: {name} must be a matrix, got {matrix.ndim} axes")
        refuse_non_finite(function, name, matrix)
        yield index, matrix[np.newaxis]


def refuse_mismatch(function: str, index: int, stack: Floats, rows: int) -> None:
    """A factor takes what the one before gives, as does each of a stack of several."""
    count, m, n = stack.shape
    if count and n != rows:
        raise ValueError(
            f"{function}: factors[{index}] must have {rows} columns, as many as factors[{index - 1}] has rows, got {n}"
        )
    if count > 1 and m != n:
        raise ValueError(f"{function}: a stack of factors must hold square matrices, got {m} x {n}")


def log_svdvals(factors: ArrayLike | Iterable[ArrayLike], *, threads: int | None = None) -> NDArray[np.float64]:
    """Logarithms of the singular values of the product of many matrices, `factors[0]` applied first.

    The product is ``P = factors[-1] @ ... @ factors[1] @ factors[0]``: in the order in which a network applies its
    layers, the reverse of the order in which the product is written. It is never multiplied out, so that values may
    lie hundreds of orders of magnitude apart and beyond the range of floating-point numbers, and depth has no limit.

    Parameters
    ----------
    factors : (depth, n, n) array_like, or iterable of (n_l, n_{l-1}) array_like of real
        Each factor has as many columns as the one before has rows. A generator is consumed one factor at a time, and
        only one is in memory. The work is done in float64, whatever their type.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (min(n_0, n_L),) ndarray of float64
        Natural logarithms, descending; -inf where rows or columns of zeros, or a smaller size within the chain, make
        the product singular.

    Raises
    ------
    ValueError, TypeError
        If there is no factor (a stack of shape (0, n, n) is the identity), a size does not match the one before, or an
        entry is not finite (factor and entry are named); if a factor is not a matrix of real numbers.
    MemoryError
        If the work cannot fit into memory.

    Notes
    -----
    The chain keeps P = Q D T, D a graded diagonal with exponents of its own, T well-conditioned: one QR decomposition
    for each factor, its columns sorted by norm first [1]_. In the end one-sided Jacobi finds the values of D T to high
    relative accuracy [2]_. Rounding changes a logarithm by about eps n times the sum of the condition numbers of T over
    the first steps, until the values lie apart, and by eps n a step from then on: 1e-11 at n = 8 and depth 10^4.

    Beyond that, the values are as sensitive to the factors as they are: where one part of the chain enlarges a
    direction far (1e12) beyond another and a later part undoes it, rounding in the factors themselves already changes
    the result. A factor that is singular by cancellation, without a zero row or column, may give a value of the size of
    its rounding errors in place of -inf.

    A step takes about 2.2 matrix products' flops at n x n; memory about 7 n^2 numbers, and 6 more in the end.

    References
    ----------
    .. [1] A. Tomas, C.-C. Chang, R. Scalettar and Z. Bai, IPDPS (2012), 308-319.
    .. [2] J. Demmel and K. Veselic, SIAM J. Matrix Anal. Appl. 13, 1204 (1992).

    Examples
    --------
    >>> log_svdvals([[[1e-300, 0.0], [0.0, 1e200]]] * 1000)
    array([ 460517.01859881, -690775.52789821])

    The first factor acts first: here a 2 x 3 matrix, then a 2 x 2 one.

    >>> log_svdvals([[[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]])
    array([1.09861229,       -inf])
    """
    inner = as_threads("log_svdvals", threads)
    product = None
    for index, each in factor_stacks("log_svdvals", factors):
        stack = each.astype(np.float64, copy=False)
        _, m, n = stack.shape
        if product is None:
            refuse_beyond_memory("log_svdvals", 56 * max(m, n) * n, f"the work on factors of {m} x {n}", inner)
            product = _core.linalg.LogProduct(n)
        refuse_mismatch("log_svdvals", index, stack, product.rows)
        product.push(stack, inner)
    if product is None:
        raise ValueError("log_svdvals: factors must hold at least one matrix, got none")
    return product.log_values(inner)
