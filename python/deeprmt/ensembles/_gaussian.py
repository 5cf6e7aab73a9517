"""Matrices of Gaussian entries."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from .. import _core
from .._arguments import RNG, Floats, as_count
from ._fill import MOST, filled


def ginibre(
    m: int,
    n: int | None = None,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Matrices of independent Gaussian entries, N(0, 1/n).

    Parameters
    ----------
    m, n : int
        Rows and columns, at least 1. Default of n: m.
    size, dtype, rng, threads
        As in `haar`.

    Returns
    -------
    (*size, m, n) ndarray
        Entry variance 1/n. The eigenvalues of G G^T follow `laws.MarchenkoPastur` of aspect m/n as n grows; those of
        a square G fill the unit disc.

    Raises
    ------
    ValueError, TypeError
        If m or n is below 1; if an argument has the wrong type.

    References
    ----------
    .. [1] J. Ginibre, J. Math. Phys. 6, 440 (1965).

    Examples
    --------
    >>> g = ginibre(2, 500, rng=0)
    >>> g.shape
    (2, 500)
    """
    m = as_count("ginibre", "m", m, most=MOST)
    n = m if n is None else as_count("ginibre", "n", n, most=MOST)

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.ginibre(key, 1 / math.sqrt(n), out, threads)

    return filled("ginibre", (m, n), size, dtype, rng, threads, fill)


def goe(
    n: int,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Real symmetric matrices of the Gaussian orthogonal ensemble.

    Parameters
    ----------
    n : int
        Order, at least 1.
    size, dtype, rng, threads
        As in `haar`.

    Returns
    -------
    (*size, n, n) ndarray
        Symmetric to the bit. Entries above the diagonal are N(0, 1/n), those on it N(0, 2/n), independent; the
        eigenvalues follow `laws.Semicircle` on [-2, 2] as n grows.

    Raises
    ------
    ValueError, TypeError
        If n < 1; if an argument has the wrong type.

    References
    ----------
    .. [1] M. L. Mehta, Random Matrices, 3rd ed., Elsevier (2004).

    Examples
    --------
    >>> h = goe(3, rng=0)
    >>> bool((h == h.T).all())
    True
    """
    n = as_count("goe", "n", n, most=MOST)

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.goe(key, out, threads)

    return filled("goe", (n, n), size, dtype, rng, threads, fill)


def gue(
    n: int,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Complex Hermitian matrices of the Gaussian unitary ensemble.

    Parameters
    ----------
    n : int
        Order, at least 1.
    dtype : {float64, float32}
        Of the real and imaginary parts, or complex128, complex64.
    size, rng, threads
        As in `haar`.

    Returns
    -------
    (*size, n, n) ndarray of complex
        Hermitian to the bit. E |h_ij|^2 = 1/n everywhere: real and imaginary parts above the diagonal are N(0, 1/2n),
        the real entries on it N(0, 1/n), independent; the eigenvalues follow `laws.Semicircle` on [-2, 2] as n grows.

    Raises
    ------
    ValueError, TypeError
        If n < 1; if an argument has the wrong type.

    References
    ----------
    .. [1] M. L. Mehta, Random Matrices, 3rd ed., Elsevier (2004).

    Examples
    --------
    >>> h = gue(3, rng=0)
    >>> bool((h == h.conj().T).all())
    True
    """
    n = as_count("gue", "n", n, most=MOST)

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.gue(key, out, threads)

    return filled("gue", (n, n), size, dtype, rng, threads, fill, "complex")


def wishart(
    m: int,
    n: int,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Sample covariance matrices G G^T of Ginibre matrices G (m, n).

    Parameters
    ----------
    m, n : int
        Order of the result and number of samples, at least 1.
    size, dtype, rng, threads
        As in `haar`.

    Returns
    -------
    (*size, m, m) ndarray
        Symmetric to the bit, mean the identity; the eigenvalues follow `laws.MarchenkoPastur` of aspect m/n as n grows.

    Raises
    ------
    ValueError, TypeError
        If m or n is below 1; if an argument has the wrong type.
    MemoryError
        If the result and what is drawn at a time cannot fit into memory; before anything is drawn.

    Notes
    -----
    G is drawn in blocks of columns, so that n may be as large as patience allows: beyond the result, max(2^22, 512 m)
    entries at most, for each thread where there are as many matrices as threads.

    References
    ----------
    .. [1] J. Wishart, Biometrika 20A, 32 (1928).

    Examples
    --------
    >>> w = wishart(3, 1000, rng=0)
    >>> bool(np.allclose(w, np.eye(3), atol=0.2))
    True
    """
    m = as_count("wishart", "m", m, most=MOST)
    n = as_count("wishart", "n", n, most=MOST)

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.wishart(key, n, out, threads)

    beside = m * _core.ensembles.wishart_block(m, n)
    return filled("wishart", (m, m), size, dtype, rng, threads, fill, beside=beside)
