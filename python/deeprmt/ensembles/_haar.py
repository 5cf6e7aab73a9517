"""Haar measure on the orthogonal and unitary groups."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from .. import _core
from .._arguments import RNG, Floats, as_choice, as_count
from ._fill import MOST, filled


def haar(
    n: int,
    k: int | None = None,
    *,
    field: Literal["real", "complex"] = "real",
    size: int | tuple[int, ...] | None = None,
    method: Literal["householder", "qr"] = "householder",
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Haar-distributed orthogonal or unitary matrices, or their first k columns.

    The law is exact: invariant under multiplication by any orthogonal (unitary) matrix from either side, both
    determinants of real matrices equally likely. The QR decomposition of a Gaussian matrix is Haar if the signs
    (phases) of the diagonal of R are moved into Q; its Householder vectors are independent Gaussian directions [1]_, so
    ``"householder"`` draws and accumulates those, with half the flops of ``"qr"``, which decomposes the Gaussian matrix
    itself [2]_. `HaarOperator` multiplies by such a matrix without forming it.

    Parameters
    ----------
    n : int
        Order of the group, n >= 1.
    k : int, optional
        Number of columns, 1 <= k <= n: a point of the Stiefel manifold. Default: n.
    field : {"real", "complex"}
        The orthogonal group O(n) or the unitary group U(n).
    size : int or tuple of int, optional
        Shape of a stack of independent matrices. Default: one matrix.
    method : {"householder", "qr"}
        The same law by two routes, which give different draws.
    dtype : {float64, float32}
        The type of the entries; for a complex field that of their real and imaginary parts, or complex128, complex64.
    rng : optional
        Anything that `numpy.random.default_rng` takes. Matrix i of a stack has its own stream.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (*size, n, k) ndarray
        Orthonormal columns; for k = n orthonormal rows too. Entries have mean 0 and E |q_ij|^2 = 1/n.

    Raises
    ------
    ValueError, TypeError
        If n < 1, or k is not in 1..n; if an argument has the wrong type.
    MemoryError
        If the result cannot fit into memory; before anything is drawn.

    Notes
    -----
    2 k^2 (n - k/3) flops for each matrix, complex ones for a complex field; memory beyond the result is O(n + k), n k
    more for ``"qr"``.

    References
    ----------
    .. [1] G. W. Stewart, SIAM J. Numer. Anal. 17, 403 (1980).
    .. [2] F. Mezzadri, Notices AMS 54, 592 (2007).

    Examples
    --------
    >>> q = haar(4, rng=0)
    >>> bool(np.allclose(q.T @ q, np.eye(4)))
    True
    >>> haar(100, 3, size=(2, 5), dtype=np.float32, rng=0).shape
    (2, 5, 100, 3)
    """
    n = as_count("haar", "n", n, most=MOST)
    k = n if k is None else as_count("haar", "k", k, most=MOST)
    if k > n:
        raise ValueError(f"haar: k must be at most n = {n}, got {k}")
    as_choice("haar", "field", field, ("real", "complex"))
    by_qr = as_choice("haar", "method", method, ("householder", "qr")) == "qr"

    # QR works on a Gaussian matrix and its reflectors, beside the result.
    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.haar(key, by_qr, out, threads)

    return filled("haar", (n, k), size, dtype, rng, threads, fill, field, beside=2 * n * k if by_qr else 0)
