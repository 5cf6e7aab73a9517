"""Gaussian matrices of any size as operators: drawn where they are needed, never stored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.sparse.linalg import LinearOperator

from .. import _core
from .._arguments import (
    RNG,
    Floats,
    as_count,
    as_dtype,
    as_key,
    as_number,
    as_real,
    as_threads,
    refuse_beyond_memory,
    refuse_masked,
    refuse_non_finite,
)
from ._fill import MOST

__all__ = ["GaussianOperator"]


class GaussianOperator(LinearOperator):  # type: ignore[misc]  # SciPy has no types
    """A matrix of independent Gaussian entries, N(0, sigma^2/n), that is drawn again for each product.

    Its entries are those of ``sigma * ginibre(m, n, dtype=dtype, rng=rng)``, bit for bit where sigma is 1. A product
    with a block of p vectors takes m n draws and 2 m n p flops and keeps one tile of 64 x 4096 entries a thread, so
    that a matrix of any size acts, and one product with many vectors costs little more than with one. A SciPy
    `LinearOperator`: products, sums and transposes of operators work, and `linalg.spectral_density` takes them.

    Parameters
    ----------
    m, n : int
        Rows and columns, at least 1. Default of n: m.
    sigma : float
        Scale, not negative; the entry variance is sigma^2/n.
    dtype : {float64, float32}
        Of the entries and of what products are computed in.
    rng : optional
        Anything that `numpy.random.default_rng` takes.
    threads : int, optional
        Default: every core this process may use. Never changes a bit of a product.

    Examples
    --------
    >>> a = GaussianOperator(3, 5, rng=1)
    >>> x = np.arange(5.0)
    >>> bool(np.allclose(a @ x, a.to_dense() @ x))
    True
    >>> a.T.shape
    (5, 3)
    """

    def __init__(
        self,
        m: int,
        n: int | None = None,
        *,
        sigma: float = 1.0,
        dtype: DTypeLike = np.float64,
        rng: RNG = None,
        threads: int | None = None,
    ) -> None:
        name = "GaussianOperator"
        rows = as_count(name, "m", m, most=MOST)
        columns = rows if n is None else as_count(name, "n", n, most=MOST)
        self.sigma = as_number(name, "sigma", sigma, least=0)
        self.threads = as_threads(name, threads)
        self._size = (rows, columns)
        self._transposed = False
        self._key = as_key(name, rng)
        super().__init__(as_dtype(name, dtype), (rows, columns))

    def __repr__(self) -> str:
        m, n = self._size
        text = f"GaussianOperator({m}, {n}, sigma={self.sigma:g}, dtype={self.dtype})"
        return f"{text}.T" if self._transposed else text

    def to_dense(self) -> Floats:
        """The matrix itself; MemoryError if it cannot fit."""
        m, n = self._size
        what = f"a matrix of {m} x {n} entries"
        refuse_beyond_memory("GaussianOperator.to_dense", m * n * self.dtype.itemsize, what)
        out = np.empty((1, m, n), self.dtype)
        _core.ensembles.ginibre(self._key, self._deviation, out, self.threads)
        return np.asarray(out[0].T if self._transposed else out[0])

    @property
    def _deviation(self) -> float:
        return self.sigma / math.sqrt(self._size[1])

    def _apply(self, x: ArrayLike, transpose: bool) -> Floats:
        with np.errstate(over="ignore"):  # what does not fit is told below
            block = as_real("GaussianOperator", "x", x).astype(self.dtype, copy=False)
        refuse_non_finite("GaussianOperator", "x", block)
        m, n = self._size
        if block.size == 0:
            return np.zeros((n if transpose != self._transposed else m, *block.shape[1:]), self.dtype)
        out = _core.ensembles.gaussian_apply(
            self._key,
            self._deviation,
            m,
            n,
            transpose != self._transposed,
            block.reshape(block.shape[0], -1),
            self.threads,
        )
        return np.asarray(out.reshape(-1, *block.shape[1:]))

    def dot(self, x: Any) -> Any:
        """As of any `LinearOperator`, but masks are told, which SciPy drops."""
        refuse_masked("GaussianOperator", "x", x)
        return super().dot(x)

    def __rmatmul__(self, x: Any) -> Any:
        refuse_masked("GaussianOperator", "x", x)
        return super().__rmatmul__(x)

    def _matvec(self, x: ArrayLike) -> Floats:
        return self._apply(x, False)

    def _matmat(self, x: ArrayLike) -> Floats:
        return self._apply(x, False)

    def _rmatvec(self, x: ArrayLike) -> Floats:
        return self._apply(x, True)

    def _rmatmat(self, x: ArrayLike) -> Floats:
        return self._apply(x, True)

    def _transpose(self) -> GaussianOperator:
        other: Any = object.__new__(GaussianOperator)
        other.__dict__.update(self.__dict__)
        other._transposed = not self._transposed
        other.shape = self.shape[::-1]
        return other  # type: ignore[no-any-return]

    def _adjoint(self) -> GaussianOperator:
        return self._transpose()
