"""Haar rotations that leave a vector where it is."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from .._arguments import RNG, Floats, as_choice, as_real, refuse_beyond_memory, refuse_non_finite
from ..ensembles import HaarOperator

__all__ = ["FixingRotation", "fixing_rotation"]


class FixingRotation(LinearOperator):  # type: ignore[misc]  # SciPy has no types
    """An orthogonal matrix U with U x = x, Haar on the complement of x, that acts without being formed.

    Made by `fixing_rotation`. U = H diag(1, V) H: V is a `HaarOperator` of order n - 1, and H = I - 2 u u^T swaps
    x / |x| with plus or minus the first unit vector.

    Attributes
    ----------
    shape, dtype : (n, n), numpy.dtype
        As of a matrix.
    T : FixingRotation
        The transpose, and inverse.

    Examples
    --------
    >>> x = np.array([3.0, 4.0, 0.0, 12.0])
    >>> u = fixing_rotation(x, rng=1, operator=True)
    >>> u
    FixingRotation(4, dtype=float64)
    >>> np.allclose(u @ x, x), np.allclose(u.T @ (u @ np.eye(4)), np.eye(4))
    (True, True)
    """

    def __init__(self, u: Floats, inner: HaarOperator | None) -> None:
        self._u, self._inner = u, inner
        super().__init__(u.dtype, (u.size, u.size))

    def __repr__(self) -> str:
        return f"FixingRotation({self.shape[0]}, dtype={self.dtype})"

    def apply(self, x: ArrayLike, side: Literal["left", "right"] = "left", transpose: bool = False) -> Floats:
        """U x, or x U from the right; with the transpose of U if asked."""
        as_choice("FixingRotation.apply", "side", side, ("left", "right"))
        given = as_real("FixingRotation.apply", "x", x)
        left = side == "left"
        along = 0 if left else -1
        if given.ndim not in (1, 2) or given.shape[along] != self.shape[0]:
            wish = f"({self.shape[0]}, m)" if left else f"(m, {self.shape[0]})"
            raise ValueError(f"FixingRotation.apply: x must have shape {wish}, got {given.shape}")
        block = given if given.ndim == 2 and left else np.atleast_2d(given).T
        out = self._turn(block, transpose == left)
        out = out if left else out.T
        return np.ascontiguousarray(out.reshape(given.shape))

    def to_dense(self) -> Floats:
        """The matrix."""
        n = self.shape[0]
        refuse_beyond_memory("FixingRotation.to_dense", 3 * n * n * self.dtype.itemsize, f"a matrix of order {n}")
        u = self._u
        inner = np.zeros((n, n), self.dtype)
        inner[0, 0] = 1
        if self._inner is not None:
            inner[1:, 1:] = self._inner.to_dense()
        # H B H by updates of rank one.
        right = inner @ u
        inner -= 2 * np.outer(right, u)
        inner -= 2 * np.outer(u, u @ inner)
        return inner

    def _turn(self, block: Any, transpose: bool) -> Any:
        if np.iscomplexobj(block):  # U is real
            return self._turn(block.real, transpose) + 1j * self._turn(block.imag, transpose)
        u = self._u[:, None]
        out = np.array(block, dtype=self.dtype, order="C")
        out -= 2 * u * (u.T @ out)
        if self._inner is not None:
            out[1:] = self._inner.apply(np.ascontiguousarray(out[1:]), transpose=transpose)
        out -= 2 * u * (u.T @ out)
        return out

    def _matvec(self, x: Any) -> Any:
        return self._turn(np.asarray(x).reshape(-1, 1), False)

    def _matmat(self, x: Any) -> Any:
        return self._turn(x, False)

    def _rmatvec(self, x: Any) -> Any:
        return self._turn(np.asarray(x).reshape(-1, 1), True)

    def _rmatmat(self, x: Any) -> Any:
        return self._turn(x, True)

    def _transpose(self) -> FixingRotation:
        return FixingRotation(self._u, None if self._inner is None else self._inner.T)

    _adjoint = _transpose


def fixing_rotation(
    x: ArrayLike, *, operator: bool = False, rng: RNG = None, threads: int | None = None
) -> Floats | FixingRotation:
    """A random orthogonal matrix U with U x = x, Haar-distributed on the complement of x.

    If W_{l+1} of a network becomes W_{l+1} U_l, with U_l that fixes the signal x_l, nothing changes in the forward
    pass, and with Gaussian or Haar weights the joint law of all weights and slopes is the same. So the weights are as
    good as rotated independently of the slopes, up to rank one: that is how Collins and Hayase prove them
    asymptotically free [1]_.

    Parameters
    ----------
    x : (n,) array_like of real
        Finite, not 0. float32 stays float32.
    operator : bool
        Return a `LinearOperator` that applies U from its reflectors, for large n. Default: the matrix.
    rng : optional
        Whatever `numpy.random.default_rng` takes. Matrix and operator of one seed are the same, up to rounding.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (n, n) ndarray or FixingRotation

    Raises
    ------
    ValueError, TypeError
        If x is no vector of finite real numbers, or is 0.

    References
    ----------
    .. [1] B. Collins, T. Hayase, Commun. Math. Phys. 397 (2023), arXiv:2103.13466.

    Examples
    --------
    >>> x = np.array([3.0, 0.0, 4.0])
    >>> u = fixing_rotation(x, rng=0)
    >>> bool(np.allclose(u @ x, x) and np.allclose(u.T @ u, np.eye(3)))
    True
    """
    name = "fixing_rotation"
    vector = as_real(name, "x", x)
    if vector.ndim != 1 or vector.size == 0:
        raise ValueError(f"{name}: x must be a vector, got shape {vector.shape}")
    refuse_non_finite(name, "x", vector)
    largest = np.abs(vector).max()
    if largest == 0:
        raise ValueError(f"{name}: x must not be 0: every rotation fixes it")
    u = vector.astype(np.float64) / float(largest)
    u /= np.linalg.norm(u)
    u[0] += np.copysign(1.0, u[0])  # away from the unit vector: nothing cancels
    u /= np.linalg.norm(u)
    n = vector.size
    inner = HaarOperator(n - 1, dtype=vector.dtype, rng=rng, threads=threads) if n > 1 else None
    out = FixingRotation(u.astype(vector.dtype), inner)
    return out if operator else out.to_dense()
