"""Haar measure on the orthogonal group."""

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
    field: Literal["real"] = "real",
    size: int | tuple[int, ...] | None = None,
    method: Literal["householder", "qr"] = "householder",
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Haar-distributed orthogonal matrices, or their first k columns.

    The law is exact: invariant under multiplication by any orthogonal matrix from either side, both determinants
    equally likely. The QR decomposition of a Gaussian matrix is Haar if the signs of the diagonal of R are moved into
    Q; its Householder vectors are independent Gaussian directions [1]_, so ``"householder"`` draws and accumulates
    those, with half the flops of ``"qr"``, which decomposes the Gaussian matrix itself [2]_.

    Parameters
    ----------
    n : int
        Order of the orthogonal group, n >= 1.
    k : int, optional
        Number of columns, 1 <= k <= n: a point of the Stiefel manifold. Default: n.
    field : {"real"}
        The orthogonal group.
    size : int or tuple of int, optional
        Shape of a stack of independent matrices. Default: one matrix.
    method : {"householder", "qr"}
        The same law by two routes, which give different draws.
    dtype : {float64, float32}
        The type of the entries.
    rng : optional
        Anything that `numpy.random.default_rng` takes. Matrix i of a stack has its own stream.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (*size, n, k) ndarray
        Orthonormal columns; for k = n orthonormal rows too. Entries have mean 0 and variance 1/n.

    Raises
    ------
    ValueError, TypeError
        If n < 1, or k is not in 1..n; if an argument has the wrong type.
    MemoryError
        If the result cannot fit into memory; before anything is drawn.

    Notes
    -----
    2 k^2 (n - k/3) flops for each matrix; memory beyond the result is O(n + k), n k more for ``"qr"``.

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
    as_choice("haar", "field", field, ("real",))
    by_qr = as_choice("haar", "method", method, ("householder", "qr")) == "qr"

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.haar(key, by_qr, out, threads)

    return filled("haar", (n, k), size, dtype, rng, threads, fill)
