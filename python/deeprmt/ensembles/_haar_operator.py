"""Haar matrices as operators: products without the matrix."""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.sparse.linalg import LinearOperator

from .. import _core
from .._arguments import (
    RNG,
    Floats,
    as_choice,
    as_count,
    as_key,
    as_threads,
    refuse_beyond_memory,
    refuse_masked,
    refuse_non_finite,
    shown,
)
from .._memory import available_memory
from ._fill import MOST, as_entry

__all__ = ["HaarOperator"]

_REFLECTORS = {
    "float32": _core.ensembles.HaarReflectorsFloat32,
    "float64": _core.ensembles.HaarReflectorsFloat64,
    "complex64": _core.ensembles.HaarReflectorsComplex64,
    "complex128": _core.ensembles.HaarReflectorsComplex128,
}


class _Reflectors:
    """The matrix itself, shared by an operator and its transposes: a key, and the reflectors once they are kept."""

    def __init__(self, key: int, n: int, dtype: Any, store: bool | None) -> None:
        self.key, self.n, self.dtype = key, n, dtype
        need = n * (n // 2 + 192) * dtype.itemsize
        if store is None:  # a quarter of the memory, so that several operators and what they act on fit too
            store = 4 * need <= min((room for room, _ in available_memory()), default=sys.maxsize)
        elif store:
            refuse_beyond_memory("HaarOperator", need, f"the reflectors of order {n}")
        self.store = store
        self._kept: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}  # drawn again where it is unpickled

    def apply(self, side: str, adjoint: bool, x: Floats, threads: int) -> None:
        """Multiply x, 2-D and contiguous, in place."""
        op = "C" if adjoint else "N"
        if not self.store:
            _core.ensembles.haar_apply(self.key, side, op, x, threads)
            return
        if self._kept is None:
            self._kept = _REFLECTORS[self.dtype.name](self.key, self.n, threads)
        self._kept.apply(side, op, x, threads)


class HaarOperator(LinearOperator):  # type: ignore[misc]  # SciPy has no types
    """A Haar-distributed orthogonal or unitary matrix that acts without being formed.

    The matrix is that of ``haar(n, field=field, dtype=dtype, rng=rng)``, up to rounding: its Householder reflectors
    [1]_ are drawn, and applied in blocks. A product with an n x m block takes 2 n^2 m flops. A SciPy `LinearOperator`:
    products, sums and transposes of operators work, and whatever takes operators takes this one.

    Parameters
    ----------
    n : int
        Order, at least 1.
    field : {"real", "complex"}
        The orthogonal group O(n) or the unitary group U(n).
    dtype : {float64, float32}
        The type of the entries and of what products are computed in; for a complex field that of their real and
        imaginary parts, or complex128, complex64.
    rng : optional
        Anything that `numpy.random.default_rng` takes.
    store : bool, optional
        True keeps the reflectors after the first product, n^2/2 + O(n) numbers. False draws them again for each
        product: O(n) numbers, which is how n = 100,000 fits. Default: keep them if they take at most a quarter of the
        memory that is free. Both give the same product up to rounding.
    threads : int, optional
        Default: every core this process may use. Never changes a bit of a product.

    Attributes
    ----------
    shape, dtype : (n, n), numpy.dtype
        As of a matrix.
    T, H : HaarOperator
        Transpose and adjoint, which share the reflectors.

    References
    ----------
    .. [1] G. W. Stewart, SIAM J. Numer. Anal. 17, 403 (1980).

    Examples
    --------
    >>> q = HaarOperator(4, rng=0)
    >>> x = np.arange(4.0)
    >>> bool(np.allclose(q @ x, q.to_dense() @ x))
    True
    >>> bool(np.allclose(q.T @ (q @ x), x))
    True
    """

    def __init__(
        self,
        n: int,
        *,
        field: Literal["real", "complex"] = "real",
        dtype: DTypeLike = np.float64,
        rng: RNG = None,
        store: bool | None = None,
        threads: int | None = None,
    ) -> None:
        name = "HaarOperator"
        n = as_count(name, "n", n, most=MOST)
        as_choice(name, "field", field, ("real", "complex"))
        entry = as_entry(name, dtype, field)
        if store is not None and not isinstance(store, bool | np.bool_):
            raise TypeError(f"{name}: store must be True, False or None, got {shown(store)}")
        self.threads = as_threads(name, threads)
        self._reflectors = _Reflectors(as_key(name, rng), n, entry, store)
        self._adjoint_of = False
        self._conjugated = False
        super().__init__(entry, (n, n))

    def __repr__(self) -> str:
        n = self.shape[0]
        mark = {(False, False): "", (True, False): ".H", (True, True): ".T", (False, True): ".conj()"}
        turned = ".T" if self._adjoint_of and self.dtype.kind == "f" else mark[self._adjoint_of, self._conjugated]
        return f"HaarOperator({n}, dtype={self.dtype}, store={self._reflectors.store}){turned}"

    def apply(self, x: ArrayLike, side: Literal["left", "right"] = "left", transpose: bool = False) -> Floats:
        """Q x, or x Q from the right; with the transpose of Q if asked.

        Parameters
        ----------
        x : (n,) or (n, m) array_like, from the right (n,) or (m, n)
            A vector or a block of them. A complex one times a real Q is turned part by part.
        side : {"left", "right"}
            Where Q stands.
        transpose : bool
            Whether Q^T stands there. (The adjoint is that of `H`.)

        Returns
        -------
        ndarray
            Of the shape of x.

        Raises
        ------
        ValueError, TypeError
            If the shape of x does not fit, or an entry is not finite; if entries are no numbers.
        """
        as_choice("HaarOperator.apply", "side", side, ("left", "right"))
        adjoint, conjugated = self._adjoint_of, self._conjugated
        if transpose:
            adjoint, conjugated = not adjoint, not conjugated
        return self._apply(x, side == "left", adjoint, conjugated)

    def to_dense(self) -> Floats:
        """The matrix itself; MemoryError if it cannot fit."""
        n = self.shape[0]
        refuse_beyond_memory("HaarOperator.to_dense", n * n * self.dtype.itemsize, f"a matrix of {n} x {n} entries")
        out = np.empty((1, n, n), self.dtype)
        _core.ensembles.haar(self._reflectors.key, False, out, self.threads)
        q = out[0].T if self._adjoint_of else out[0]
        return np.asarray(q.conj() if self.dtype.kind == "c" and self._adjoint_of != self._conjugated else q)

    def _apply(self, x: ArrayLike, left: bool, adjoint: bool, conjugated: bool) -> Floats:
        name, n = "HaarOperator.apply", self.shape[0]
        refuse_masked(name, "x", x)
        given = np.asarray(x)
        if given.dtype.kind not in "fiubc" or given.dtype.itemsize > (16 if given.dtype.kind == "c" else 8):
            raise TypeError(f"{name}: x must be numbers whose parts have at most 64 bits, got dtype {given.dtype}")
        if given.ndim not in (1, 2) or given.shape[0 if left else -1] != n:
            wish = f"({n},) or ({n}, m)" if left else f"({n},) or (m, {n})"
            raise ValueError(f"{name}: x must have shape {wish}, got {given.shape}")
        parts = given.dtype.kind == "c" and self.dtype.kind == "f"
        entry = np.result_type(self.dtype, np.complex64) if parts else self.dtype
        refuse_beyond_memory(name, given.size * entry.itemsize, f"a copy of x, {given.size} entries,", self.threads)
        with np.errstate(over="ignore"):  # what does not fit is told below
            block = np.array(given, dtype=entry, order="C")
        refuse_non_finite(name, "x", block)
        block = block.reshape((n, -1) if left else (-1, n))
        if parts and left:  # columns of real and imaginary parts in turn
            self._reflectors.apply("L", adjoint, block.view(self.dtype), self.threads)
        elif parts:
            both = np.concatenate([block.real, block.imag])
            self._reflectors.apply("R", adjoint, both, self.threads)
            block.real, block.imag = both[: len(block)], both[len(block) :]
        else:
            turn = conjugated and self.dtype.kind == "c"
            if turn:  # conj(Q) x = conj(Q conj(x))
                np.conjugate(block, out=block)
            self._reflectors.apply("L" if left else "R", adjoint, block, self.threads)
            if turn:
                np.conjugate(block, out=block)
        return block.reshape(given.shape)

    def dot(self, x: Any) -> Any:
        """As of any `LinearOperator`, but masks are told, which SciPy drops."""
        refuse_masked("HaarOperator", "x", x)
        return super().dot(x)

    def __rmatmul__(self, x: Any) -> Any:
        refuse_masked("HaarOperator", "x", x)
        return super().__rmatmul__(x)

    def _matvec(self, x: ArrayLike) -> Floats:
        return self._apply(x, True, self._adjoint_of, self._conjugated)

    def _matmat(self, x: ArrayLike) -> Floats:
        return self._apply(x, True, self._adjoint_of, self._conjugated)

    def _rmatvec(self, x: ArrayLike) -> Floats:
        return self._apply(x, True, not self._adjoint_of, self._conjugated)

    def _rmatmat(self, x: ArrayLike) -> Floats:
        return self._apply(x, True, not self._adjoint_of, self._conjugated)

    def _turned(self, adjoint: bool, conjugated: bool) -> HaarOperator:
        other: Any = object.__new__(HaarOperator)
        other.__dict__.update(self.__dict__)
        other._adjoint_of = self._adjoint_of != adjoint
        other._conjugated = self._conjugated != conjugated
        return other  # type: ignore[no-any-return]

    def _transpose(self) -> HaarOperator:
        return self._turned(True, True)

    def _adjoint(self) -> HaarOperator:
        return self._turned(True, False)
