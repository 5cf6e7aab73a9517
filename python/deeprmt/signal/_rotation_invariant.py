"""What to make of noisy singular values or eigenvalues where nothing is known of the signal but the data's spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from .._arguments import as_number
from ._units import Array, as_shape, as_values, in_units, unit_of

if TYPE_CHECKING:
    from ..laws import Law

__all__ = ["ledoit_peche", "rotation_invariant"]

_ROWS = 256


def rotation_invariant(singular_values: ArrayLike, shape: tuple[int, int], sigma: float) -> Array:
    """Singular values as they should be, given that the vectors are noisy too: for signals of any rank.

    The rectangular, additive relative of Ledoit and Peche's formula [1]_ [2]_: of all matrices with the singular
    vectors of the data, the one that is closest to the signal in the mean square.

    Parameters
    ----------
    singular_values : (min(shape),) array_like of real
        All of those of signal + noise, descending.
    shape : (int, int)
        Rows and columns, either one the larger. Where some singular values are zero for want of rank, cut the shorter
        side to the rank.
    sigma : float
        Standard deviation of the noise's independent Gaussian entries.

    Returns
    -------
    (min(shape),) ndarray
        Descending, at least 0, at most the values given.

    Raises
    ------
    ValueError, TypeError
        If the singular values are not min(shape) finite numbers that descend and are not negative; if sigma is not
        above 0.

    Notes
    -----
    With N the longer and M the shorter side, the estimate at y is
    ``y - sigma^2 ((N - M) / y + sum over j of (1 / (y - y_j) + 1 / (y + y_j)))`` [3]_, because the noise's part of
    u^T Y v is, by Stein's lemma, sigma^2 times the divergence of u v^T. The sum is the real part of the resolvent of
    the measured spectrum, smoothed: each level is a semicircle of radius M^(-1/3) times the interquartile range of the
    singular values, which has a transform in closed form. Noise alone comes out as 0 but for the smoothing at its
    edges; a lone spike as with ``shrink(loss="frobenius")``. Estimates are made monotone, as the truth is.

    Time O(M^2), memory O(M).

    References
    ----------
    .. [1] O. Ledoit and S. Peche, Probab. Theory Relat. Fields 151, 233 (2011), arXiv:0911.3010.
    .. [2] J. Bun, R. Allez, J.-P. Bouchaud and M. Potters, IEEE Trans. Inf. Theory 62, 7475 (2016), arXiv:1502.06736.
    .. [3] E. Troiani, V. Erba, F. Krzakala, A. Maillard and L. Zdeborova, arXiv:2203.07752 (2022).

    Examples
    --------
    >>> from deeprmt.linalg import svdvals
    >>> y = svdvals(np.random.default_rng(0).normal(size=(200, 300)))  # noise alone
    >>> cleaned = rotation_invariant(y, (200, 300), 1.0)
    >>> bool(cleaned @ cleaned < 0.01 * (y @ y))
    True
    """
    shape = as_shape("rotation_invariant", shape)
    unit = unit_of("rotation_invariant", sigma, shape)
    s = as_values("rotation_invariant", "singular_values", singular_values, min(shape))
    if s.size < min(shape):
        raise ValueError(
            f"rotation_invariant: singular_values must be all min(shape) = {min(shape)} of them, got {s.size}"
        )
    n, m = max(shape), min(shape)
    y = in_units(s, unit)
    high, low = np.quantile(y, [0.75, 0.25])
    radius = max(float(high - low) * m ** (-1 / 3), 1e-8 * float(y[0]), 1e-150)
    sums = np.concatenate([
        (_transform(rows - y, radius) + _transform(rows + y, radius)).sum(axis=1)
        for rows in (y[i : i + _ROWS, None] for i in range(0, m, _ROWS))
    ])  # fmt: skip
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        drift = ((n - m) / y if n > m else 0.0) / n + sums / n
        best = np.where(y > 0, y - drift, 0.0)
    best = np.maximum(np.nan_to_num(best, nan=0.0, neginf=0.0), -y)  # 1/y at y = 0 would pull down all the rest
    return np.asarray(unit * np.clip(isotonic_regression(best, increasing=False).x, 0.0, y))


def _transform(x: Array, radius: float | Array) -> Array:
    """Of a semicircle around 0 with that radius: the principal value of the integral of 1 / (x - .)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # x = 0, which is inside; huge x
        outside = np.sqrt(np.maximum((np.abs(x) - radius) * (np.abs(x) + radius), 0.0))
        return np.where(np.abs(x) <= radius, 2 * x / radius**2, 2 / (x + np.copysign(outside, x)))


def ledoit_peche(eigenvalues: ArrayLike, aspect: float, law: Law | None = None) -> Array:
    """Eigenvalues of a sample covariance as they should be, given that its eigenvectors are noisy.

    Of all matrices with the eigenvectors of the sample covariance, the one that is closest to the population's in the
    mean square has these eigenvalues, in the limit of large matrices [1]_.

    Parameters
    ----------
    eigenvalues : (p,) array_like of real
        Above 0; all of them, in any order, unless `law` is given.
    aspect : float
        Variables over samples, at most 1.
    law : Law, optional
        The limit law of the sample's eigenvalues, not of the population's: with H for that it is
        ``free_multiply(H, MarchenkoPastur(aspect))``. It has no atom at an eigenvalue. Default: the eigenvalues
        themselves, each a semicircle of radius ``2 (samples)^(-1/3)`` times its location [2]_.

    Returns
    -------
    (p,) ndarray
        ``x / |1 - aspect - aspect x m(x)|^2`` with m the Stieltjes transform of the law at x + i0.

    Raises
    ------
    ValueError, TypeError
        If an eigenvalue is not finite and above 0, or aspect is not above 0 and at most 1; if law has an atom at one.

    References
    ----------
    .. [1] O. Ledoit and S. Peche, Probab. Theory Relat. Fields 151, 233 (2011), arXiv:0911.3010.
    .. [2] O. Ledoit and M. Wolf, Ann. Statist. 48, 3043 (2020).

    Examples
    --------
    >>> from deeprmt.laws import MarchenkoPastur
    >>> ledoit_peche([0.5, 1.0, 2.0], 0.5, MarchenkoPastur(0.5))  # the population's are all 1
    array([1., 1., 1.])
    """
    x = as_values("ledoit_peche", "eigenvalues", eigenvalues)
    c = as_number("ledoit_peche", "aspect", aspect, above=0)
    if c > 1:
        raise ValueError(f"ledoit_peche: aspect must be at most 1, got {aspect!r}")
    if x.size == 0 or x.min() == 0:
        raise ValueError("ledoit_peche: eigenvalues must be at least one and above 0")
    for place, mass in [] if law is None else law.atoms():
        if (np.abs(x - place) <= 1e-12 * x).any():
            raise ValueError(
                "ledoit_peche: law must be that of the sample's eigenvalues, without an atom at any, found mass "
                f"{mass:.3g} at {place:g}; of a population law H it is free_multiply(H, MarchenkoPastur(aspect))"
            )
    m = _smoothed(x, c) if law is None else np.asarray(law.stieltjes(x))
    return np.asarray(x / np.abs(1 - c - c * x * m) ** 2)


def _smoothed(x: Array, aspect: float) -> NDArray[np.complex128]:
    """The Stieltjes transform at each x + i0 of semicircles around all of them."""
    radius = 2 * x * (x.size / aspect) ** (-1 / 3)
    out = np.empty(x.size, np.complex128)
    for begin in range(0, x.size, _ROWS):
        rows = x[begin : begin + _ROWS, None] - x
        inside = np.sqrt(np.maximum((radius - rows) * (radius + rows), 0.0))
        density = 2 * inside / (np.pi * radius**2)
        out[begin : begin + _ROWS] = -_transform(rows, radius).mean(axis=1) + 1j * np.pi * density.mean(axis=1)
    return out
