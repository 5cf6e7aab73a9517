"""Complex matrices as real ones of twice the order, which have each of their values twice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import Floats, refuse_beyond_memory, refuse_masked, refuse_non_finite

_real = {np.dtype(np.complex64): np.float32, np.dtype(np.complex128): np.float64}


def is_complex(a: ArrayLike) -> bool:
    """Whether these are matrices of complex entries, in any byte order."""
    if type(a) is np.ndarray and a.dtype.kind == "f":
        return False  # said first: small matrices take no longer than the questions
    try:
        array = np.asanyarray(a)
    except ValueError:
        return False  # a ragged sequence, which is refused where real numbers are asked for
    return array.ndim >= 2 and array.dtype.kind == "c"


def real_form(function: str, a: ArrayLike) -> Floats:
    """[[Re, -Im], [Im, Re]] of (..., m, n). Orthogonal and unitary factors go over into each other, norms stay."""
    refuse_masked(function, "a", a)
    z: NDArray[Any] = np.asarray(a)
    z = z if z.dtype.isnative else z.astype(z.dtype.newbyteorder("="))
    if z.dtype not in _real:
        raise TypeError(f"{function}: a must be complex64 or complex128 where it is complex, got dtype {z.dtype}")
    *stack, m, n = z.shape
    if max(m, n) >= 2**30:
        raise ValueError(f"{function}: a must have fewer than 2**30 rows and columns, got shape {z.shape}")
    refuse_beyond_memory(function, 2 * z.nbytes, f"the real form, {2 * m} x {2 * n}, of each matrix")
    refuse_non_finite(function, "a", z)
    out = np.empty((*stack, 2 * m, 2 * n), _real[z.dtype])
    out[..., :m, :n] = out[..., m:, n:] = z.real
    out[..., m:, :n] = z.imag
    np.negative(z.imag, out=out[..., :m, n:])
    return out


def refuse_not_hermitian(function: str, a: ArrayLike) -> None:
    """The first pair (i, j), (j, i) that differs by more than rounding."""
    z = np.asarray(a)
    if z.shape[-1] != z.shape[-2]:
        raise ValueError(f"{function}: a must be square, got shape {z.shape}")
    refuse_non_finite(function, "a", z)
    with np.errstate(over="ignore"):  # values beyond range are refused by the kernel
        size = np.abs(z).max(axis=(-2, -1), initial=0, keepdims=True)
        off = np.abs(z - np.conj(np.swapaxes(z, -1, -2))) > 100 * np.finfo(z.dtype).eps * size
    if off.any():
        *stack, i, j = (int(k) for k in np.unravel_index(int(np.argmax(off)), z.shape))
        here, there = z[(*stack, i, j)], z[(*stack, j, i)]
        raise ValueError(
            f"{function}: a must be Hermitian, found {here} at index {(*stack, i, j)} and {there} at {(*stack, j, i)}"
        )
