"""Eigenvalues of the classical beta-ensembles."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from .. import _core
from .._arguments import RNG, Floats, as_count, as_number
from ._fill import MOST, filled

HERMITE_ROOM, BIDIAGONAL_ROOM = 22, 27
"""Numbers of float64 for each eigenvalue that the work takes at most, beside the result."""


def _as_beta(function: str, beta: float) -> float:
    return as_number(function, "beta", beta, above=0)


def hermite_eigenvalues(
    n: int,
    beta: float,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Eigenvalues of the Gaussian (Hermite) beta-ensemble.

    Their joint density is proportional to the product of ``|x_i - x_j|**beta`` over pairs times
    ``exp(-beta n sum(x**2) / 4)``. They are those of a random tridiagonal matrix [1]_, so that no dense matrix is made
    and beta may be any positive number.

    Parameters
    ----------
    n : int
        Number of eigenvalues, at least 1; 10^5 is fine.
    beta : float
        Above 0. 1, 2 and 4 are the orthogonal, unitary and symplectic ensembles.
    size : int or tuple of int, optional
        Shape of a stack of independent samples. Default: one sample.
    dtype : {float64, float32}
        The type of the result; the work is in float64.
    rng : optional
        Anything that `numpy.random.default_rng` takes. Sample i of a stack has its own stream.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (*size, n) ndarray
        Ascending. Their density tends to `laws.Semicircle` on [-2, 2] as n grows. For beta = 1 they are the eigenvalues
        of `goe`: entries of variance 1/n. Multiply by sqrt(n) for the classical scaling, with weight
        ``exp(-beta x**2 / 4)``.

    Raises
    ------
    ValueError, TypeError
        If n < 1, or beta is not finite and above 0, or is so large or small that numbers overflow; if an argument has
        the wrong type.

    Notes
    -----
    Time O(n^2). Beyond the result at most 22 n numbers of float64, for each thread where there are as many samples as
    threads; what cannot fit is a MemoryError before anything is drawn.

    References
    ----------
    .. [1] I. Dumitriu and A. Edelman, J. Math. Phys. 43, 5830 (2002).

    Examples
    --------
    >>> x = hermite_eigenvalues(1000, 2.5, rng=0)
    >>> x.shape, bool(abs(x).max() < 2.1)
    ((1000,), True)
    """
    name = "hermite_eigenvalues"
    n = as_count(name, "n", n, most=MOST)
    beta = _as_beta(name, beta)

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.hermite_eigenvalues(key, beta, out, threads)

    room = HERMITE_ROOM * n
    return filled(name, (1, n), size, dtype, rng, threads, fill, beside=room, work=np.float64)[..., 0, :]


def laguerre_eigenvalues(
    n: int,
    p: int,
    beta: float,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Eigenvalues of the Wishart (Laguerre) beta-ensemble: sample covariances of p variables and n samples.

    Their joint density is proportional to the product of ``|x_i - x_j|**beta`` over pairs times that of
    ``x**(beta (n - p + 1) / 2 - 1) exp(-beta n x / 2)``. They are the squared singular values of a random bidiagonal
    matrix [1]_.

    Parameters
    ----------
    n, p : int
        Number of samples and of eigenvalues, n >= p >= 1.
    beta, size, dtype, rng, threads
        As in `hermite_eigenvalues`.

    Returns
    -------
    (*size, p) ndarray
        Ascending, not negative, mean 1. Their density tends to `laws.MarchenkoPastur` of aspect p/n as both grow. For
        beta = 1 they are the eigenvalues of ``wishart(p, n)``. Multiply by beta n for the classical scaling, with
        weight ``exp(-x / 2)``. Relative errors are below 1e-8, however small the eigenvalue.

    Raises
    ------
    ValueError, TypeError
        If p < 1 or p > n, or beta is not finite and above 0; if an argument has the wrong type.

    Notes
    -----
    Time O(p^2). Beyond the result at most 27 p numbers of float64, as in `hermite_eigenvalues`.

    References
    ----------
    .. [1] I. Dumitriu and A. Edelman, J. Math. Phys. 43, 5830 (2002).

    Examples
    --------
    >>> x = laguerre_eigenvalues(4000, 1000, 2.0, rng=0)
    >>> x.shape, bool(((0.2 < x) & (x < 2.3)).all())
    ((1000,), True)
    """
    name = "laguerre_eigenvalues"
    n = as_count(name, "n", n, most=MOST)
    p = as_count(name, "p", p, most=MOST)
    if p > n:
        raise ValueError(f"{name}: p must be at most n = {n}, got {p}")
    beta = _as_beta(name, beta)

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.laguerre_eigenvalues(key, n, beta, out, threads)

    room = BIDIAGONAL_ROOM * p
    return filled(name, (1, p), size, dtype, rng, threads, fill, beside=room, work=np.float64)[..., 0, :]


def jacobi_eigenvalues(
    p: int,
    a: float,
    b: float,
    beta: float,
    *,
    size: int | tuple[int, ...] | None = None,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
) -> Floats:
    """Eigenvalues of the MANOVA (Jacobi) beta-ensemble.

    Their joint density on [0, 1] is proportional to the product of ``|x_i - x_j|**beta`` over pairs times that of
    ``x**(beta (a + 1) / 2 - 1) (1 - x)**(beta (b + 1) / 2 - 1)``. They are the squared singular values of a random
    bidiagonal matrix [1]_.

    Parameters
    ----------
    p : int
        Number of eigenvalues, at least 1.
    a, b : float
        Above -1. For beta = 1, a = n1 - p and b = n2 - p give the eigenvalues of A (A + B)^-1 with A and B Wishart
        matrices of n1 and n2 samples: the squared cosines of principal angles, or the squared singular values of a
        corner of a Haar matrix.
    beta, size, dtype, rng, threads
        As in `hermite_eigenvalues`.

    Returns
    -------
    (*size, p) ndarray
        Ascending, in [0, 1]. The mean of all is (a + p) / (a + b + 2 p). Relative errors of small eigenvalues are below
        1e-8; near 1 the absolute error is below 1e-14.

    Raises
    ------
    ValueError, TypeError
        If p < 1, a or b is not above -1, or beta is not finite and above 0; if an argument has the wrong type.

    Notes
    -----
    Time O(p^2). Beyond the result at most 27 p numbers of float64, as in `hermite_eigenvalues`.

    References
    ----------
    .. [1] A. Edelman and B. D. Sutton, Found. Comput. Math. 8, 259 (2008).

    Examples
    --------
    >>> x = jacobi_eigenvalues(500, 500, 500, 1.0, rng=0)
    >>> x.shape, round(float(x.mean()), 2)
    ((500,), 0.5)
    """
    name = "jacobi_eigenvalues"
    p = as_count(name, "p", p, most=MOST)
    a = as_number(name, "a", a, above=-1)
    b = as_number(name, "b", b, above=-1)
    beta = _as_beta(name, beta)

    def fill(key: int, out: Floats, threads: int) -> None:
        _core.ensembles.jacobi_eigenvalues(key, a, b, beta, out, threads)

    room = BIDIAGONAL_ROOM * p
    return filled(name, (1, p), size, dtype, rng, threads, fill, beside=room, work=np.float64)[..., 0, :]
