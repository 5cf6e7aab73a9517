"""How many entries of a vector carry its weight: inverse participation ratio and entropy."""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import polygamma, psi, xlogy

from .._arguments import as_array, as_beta, as_count, refuse_non_finite

__all__ = [
    "MeanAndDeviation",
    "expected_inverse_participation_ratio",
    "expected_vector_entropy",
    "inverse_participation_ratio",
    "vector_entropy",
]

Array = NDArray[np.float64]


class MeanAndDeviation(NamedTuple):
    """The mean and the standard deviation of a statistic of one random vector.

    Examples
    --------
    >>> from deeprmt import spectra
    >>> found = spectra.expected_inverse_participation_ratio(10)
    >>> round(found.mean, 12), bool(found.std > 0)
    (0.25, True)
    """

    mean: float
    std: float


def _weights(function: str, vectors: ArrayLike) -> Array:
    """|u|^2 over its sum, along the axis of the entries: the last but one, or the only one."""
    u = as_array(function, "vectors", vectors)
    if u.dtype.kind not in "fiubc":
        raise TypeError(f"{function}: vectors must be numbers, got dtype {u.dtype}")
    if u.ndim < 1 or u.shape[max(u.ndim - 2, 0)] < 1:
        raise ValueError(f"{function}: vectors must have at least one entry, got shape {u.shape}")
    wide = np.complex128 if u.dtype.kind == "c" else np.float64
    size = np.abs(u.astype(wide, copy=False))
    refuse_non_finite(function, "vectors", size)
    axis = max(u.ndim - 2, 0)
    largest = size.max(axis=axis, keepdims=True) if size.size else np.ones_like(size)
    if (largest == 0).any():
        raise ValueError(f"{function}: vectors must not be zero")
    share = (size / largest) ** 2  # scaled first, so that no square overflows or is lost
    return np.asarray(share / share.sum(axis=axis, keepdims=True))


def inverse_participation_ratio(vectors: ArrayLike) -> Any:
    """The sum of the fourth powers of the entries of a unit vector: 1 / N if spread evenly, 1 if on one entry.

    Parameters
    ----------
    vectors : (N,) or (..., N, k) array_like, real or complex
        One vector, or the columns of a matrix, as in ``linalg.svd(w).u`` and ``linalg.svd(w).vt.T``. Of any length but
        0: they are normalised.

    Returns
    -------
    float64, or (..., k) ndarray

    Raises
    ------
    ValueError, TypeError
        If a vector is zero or an entry is not finite; if entries are no numbers.

    See Also
    --------
    expected_inverse_participation_ratio : of random vectors, 3 / (N + 2) for real ones.

    Examples
    --------
    >>> inverse_participation_ratio([1.0, 1.0, 0.0, 0.0])
    np.float64(0.5)
    """
    p = _weights("inverse_participation_ratio", vectors)
    return (p * p).sum(axis=max(p.ndim - 2, 0))[()]


def vector_entropy(vectors: ArrayLike) -> Any:
    """The entropy ``-sum p ln p`` of the squared entries p of a unit vector: ln N if spread evenly, 0 if on one entry.

    Parameters
    ----------
    vectors : (N,) or (..., N, k) array_like, real or complex
        One vector, or the columns of a matrix; they are normalised.

    Returns
    -------
    float64, or (..., k) ndarray
        Its exponential is the number of entries that carry the vector.

    Raises
    ------
    ValueError, TypeError
        If a vector is zero or an entry is not finite; if entries are no numbers.

    Examples
    --------
    >>> bool(np.isclose(vector_entropy([1.0, -1.0, 0.0]), np.log(2)))
    True
    """
    p = _weights("vector_entropy", vectors)
    return np.maximum(-xlogy(p, p).sum(axis=max(p.ndim - 2, 0)), 0.0)[()]


def _share(function: str, n: int, beta: int) -> tuple[int, float]:
    count = as_count(function, "n", n)
    return count, as_beta(function, beta, (1, 2)) / 2


def expected_inverse_participation_ratio(n: int, beta: int = 1) -> MeanAndDeviation:
    """Mean and standard deviation of the inverse participation ratio of a uniform unit vector of n entries, exact.

    Parameters
    ----------
    n : int
        At least 1.
    beta : {1, 2}
        1 for real vectors, 2 for complex ones.

    Returns
    -------
    MeanAndDeviation
        The mean is 3 / (n + 2) or 2 / (n + 1).

    Examples
    --------
    >>> expected_inverse_participation_ratio(10).mean
    0.25
    """
    n, a = _share("expected_inverse_participation_ratio", n, beta)
    # The squares have Dirichlet's law with parameters a; E p_i^2 p_j^2 and E p_i^4 are ratios of rising factorials.
    total = n * a
    mean = (a + 1) / (total + 1)
    square = (a + 1) * ((a + 2) * (a + 3) + (n - 1) * a * (a + 1)) / ((total + 1) * (total + 2) * (total + 3))
    return MeanAndDeviation(mean, sqrt(max(square - mean * mean, 0.0)) if n > 1 else 0.0)


def expected_vector_entropy(n: int, beta: int = 1) -> MeanAndDeviation:
    """Mean and standard deviation of the entropy of a uniform unit vector of n entries, exact.

    Parameters
    ----------
    n : int
        At least 1.
    beta : {1, 2}
        1 for real vectors, 2 for complex ones.

    Returns
    -------
    MeanAndDeviation
        The mean is ``psi(n/2 + 1) - psi(3/2)`` for real vectors: about ln n - 0.73.

    Examples
    --------
    >>> round(expected_vector_entropy(512).mean, 10)
    5.5106393239
    """
    n, a = _share("expected_vector_entropy", n, beta)
    total = n * a
    mean = float(psi(total + 1) - psi(a + 1))
    variance = float((a + 1) / (total + 1) * polygamma(1, a + 1) - polygamma(1, total + 1))
    return MeanAndDeviation(max(mean, 0.0), sqrt(max(variance, 0.0)) if n > 1 else 0.0)
