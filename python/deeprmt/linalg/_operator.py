"""What users call a matrix (arrays, sparse matrices, operators, functions) as one thing that maps blocks of vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import DTypeLike, NDArray
from scipy.sparse.linalg import LinearOperator

from .. import _core
from .._arguments import Floats, as_array, as_count, as_dtype, as_real, refuse_non_finite, shown

Apply = Callable[[Floats], Any]


class Operator:
    """A real matrix by what it does to blocks of vectors, which are rows here: (p, n) -> (p, m).

    `forward` and `backward` take and give (n, p) blocks, as users write them. What they give is checked, divided by
    `scale` (a power of two, so nothing is rounded) and a copy of its own.
    """

    def __init__(
        self, function: str, shape: tuple[int, int], dtype: Any, forward: Apply, backward: Apply | None
    ) -> None:
        self.function, self.shape, self.dtype = function, shape, dtype
        self._forward, self._backward = forward, backward
        self.scale = 1.0
        self.settled = False  # whether the scale has been chosen

    def __call__(self, rows: Floats) -> Floats:
        return self._checked(self._forward, rows, self.shape[0], "operator")

    def transposed(self, rows: Floats) -> Floats:
        """The same for the transpose."""
        assert self._backward is not None
        return self._checked(self._backward, rows, self.shape[1], "the transpose of operator")

    @property
    def has_transpose(self) -> bool:
        """Whether the transpose can be applied."""
        return self._backward is not None

    @property
    def turned(self) -> Operator:
        """The transpose."""
        assert self._backward is not None
        m, n = self.shape
        return Operator(self.function, (n, m), self.dtype, self._backward, self._forward)

    def _checked(self, apply: Apply, rows: Floats, size: int, name: str) -> Floats:
        block = np.array(rows.T, order="C")  # its own memory, whatever the operator does to it
        try:
            result = apply(block)
        except (NotImplementedError, TypeError) as error:  # SciPy's where a product was not given
            raise ValueError(f"{self.function}: {name} must be one that can be applied, got {error!r}") from error
        found = np.asarray(result)
        wish = (size, rows.shape[0])
        if found.shape != wish:
            raise ValueError(
                f"{self.function}: {name} must turn a block of shape {block.shape} into {wish}, got {found.shape}"
            )
        if found.dtype.kind not in "fiu":
            raise TypeError(f"{self.function}: {name} must give real numbers, got dtype {found.dtype}")
        with np.errstate(over="ignore"):  # of float64 to float32: refused below
            out = np.array(found.T, dtype=self.dtype, order="C")
        if not np.isfinite(out).all():
            raise ValueError(f"{self.function}: {name} must give finite numbers, found {_first_bad(out)}")
        if self.scale != 1.0:
            out *= 1 / self.scale
        return out


def _first_bad(rows: Floats) -> str:
    i, j = (int(each) for each in np.unravel_index(int(np.argmin(np.isfinite(rows))), rows.shape))
    return f"{abs(rows[i, j]) if np.isnan(rows[i, j]) else rows[i, j]} at index ({j}, {i})"


def as_operator(
    function: str,
    value: Any,
    *,
    shape: Any,
    transpose: Any,
    dtype: DTypeLike | None,
    symmetric: bool,
    threads: int,
) -> Operator:
    """`value` as an Operator; `symmetric` asks for a square one, and for equal entries where entries can be seen."""
    plain = callable(value) and not isinstance(value, LinearOperator) and not hasattr(value, "__array__")
    if plain:
        form = _form(function, shape)
        _real(function, dtype)
        _function("transpose", transpose, function)
        made = Operator(function, form, as_dtype(function, dtype or np.float64), value, transpose)
    else:
        for name, given in (("shape", shape), ("transpose", transpose)):
            if given is not None:
                raise TypeError(
                    f"{function}: {name} must be left out unless operator is a function, got {shown(given)}"
                )
        if isinstance(value, LinearOperator):
            made = _from_linear(function, value, dtype)
        elif scipy.sparse.issparse(value):
            made = _from_sparse(function, value, dtype, symmetric)
        else:
            made = _from_dense(function, value, dtype, symmetric, threads)
    if symmetric and made.shape[0] != made.shape[1]:
        raise ValueError(
            f"{function}: operator must be square, got {made.shape}; gram=True or singular=True take any shape"
        )
    return made


def _form(function: str, shape: Any) -> tuple[int, int]:
    if shape is None:
        raise TypeError(f"{function}: shape must be given where operator is a function: n, or (m, n)")
    several = tuple(shape) if isinstance(shape, tuple | list) else (shape, shape)
    if len(several) != 2:
        raise ValueError(f"{function}: shape must be n or (m, n), got {shown(shape)}")
    m, n = (as_count(function, "shape", each, least=0) for each in several)
    return m, n


def _function(name: str, value: Any, function: str) -> None:
    if value is not None and not callable(value):
        raise TypeError(f"{function}: {name} must be a function of a block of vectors, got {shown(value)}")


def _real(function: str, dtype: Any) -> None:
    if dtype is not None and np.dtype(dtype).kind == "c":
        raise TypeError(f"{function}: operator must be real, got dtype {np.dtype(dtype)}")


def _entry(function: str, own: Any, wish: DTypeLike | None) -> Any:
    """float32 operators are computed with in float32, all others in float64, unless the user says."""
    _real(function, own)
    if wish is not None:
        return as_dtype(function, wish)
    return np.dtype(np.float32) if own is not None and np.dtype(own) == np.float32 else np.dtype(np.float64)


def _from_linear(function: str, value: LinearOperator, dtype: DTypeLike | None) -> Operator:
    entry = _entry(function, value.dtype, dtype)
    m, n = (int(each) for each in value.shape)
    return Operator(function, (m, n), entry, value.matmat, value.rmatmat)


def _from_sparse(function: str, value: Any, dtype: DTypeLike | None, symmetric: bool) -> Operator:
    if value.ndim != 2:
        raise ValueError(f"{function}: operator must have two axes, got {value.ndim}")
    if value.dtype.kind not in "fiubc" or value.dtype.itemsize > 16:
        raise TypeError(f"{function}: operator must be real numbers of at most 64 bits, got dtype {value.dtype}")
    matrix = value.tocsr().astype(_entry(function, value.dtype, dtype))
    if not np.isfinite(matrix.data).all():
        raise ValueError(f"{function}: operator must be finite, found {matrix.data[~np.isfinite(matrix.data)][0]}")
    if symmetric and matrix.shape[0] == matrix.shape[1] and matrix.nnz:
        difference = abs(matrix - matrix.T).tocoo()
        _refuse_asymmetry(function, difference.data, difference.coords, abs(matrix.data).max(), matrix.dtype)
    return Operator(function, matrix.shape, matrix.dtype, matrix.__matmul__, matrix.T.__matmul__)


def _from_dense(function: str, value: Any, dtype: DTypeLike | None, symmetric: bool, threads: int) -> Operator:
    if (given := as_array(function, "operator", value)).dtype.kind == "c":
        raise TypeError(f"{function}: operator must be real, got dtype {given.dtype}")
    array = as_real(function, "operator", value)
    if array.ndim != 2:
        raise ValueError(f"{function}: operator must have two axes, got {array.ndim}")
    if dtype is not None:
        array = array.astype(as_dtype(function, dtype), copy=False)
    refuse_non_finite(function, "operator", array)
    m, n = array.shape
    if symmetric and m == n and n:
        # In bands of rows, so that no second matrix is made.
        band = max(1, 2**22 // n)
        for top in range(0, n, band):
            difference = np.abs(array[top : top + band] - array[:, top : top + band].T)
            if difference.max() > 0:
                i, j = np.nonzero(difference)
                _refuse_asymmetry(function, difference[i, j], (i + top, j), np.abs(array).max(), array.dtype)

    def forward(block: Floats) -> Floats:
        if symmetric:  # x^T A reads A as it lies
            return _core.linalg.multiply(np.ascontiguousarray(block.T), array, threads).T
        return _core.linalg.multiply(array, block, threads)

    def backward(block: Floats) -> Floats:
        return _core.linalg.multiply(np.ascontiguousarray(block.T), array, threads).T

    return Operator(function, (m, n), array.dtype, forward, backward)


def _refuse_asymmetry(
    function: str, difference: Floats, where: tuple[NDArray[Any], ...], largest: float, dtype: Any
) -> None:
    if difference.size and difference.max() > 100 * np.finfo(dtype).eps * largest:
        at = int(difference.argmax())
        i, j = int(where[0][at]), int(where[1][at])
        raise ValueError(
            f"{function}: operator must be symmetric, but entries ({i}, {j}) and ({j}, {i}) differ by "
            f"{difference[at]:.3g}; gram=True or singular=True take any matrix"
        )


def power_of_two(largest: float, dtype: Any) -> float:
    """What to divide by so that squares and their sums neither overflow nor vanish; 1 for ordinary numbers."""
    limit, most = (1e100, 1000) if np.dtype(dtype) == np.float64 else (1e10, 120)
    ordinary = largest == 0 or 1 / limit < largest < limit
    return 1.0 if ordinary else 2.0 ** max(-most, min(math.frexp(largest)[1], most))
