"""What to make of noisy singular values where the signal has few: cut them, or shrink them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import as_choice, as_number
from ..laws import MarchenkoPastur
from ._spikes import strength_squared
from ._units import Array, as_shape, as_values, aspect_of, in_units, unit_of

__all__ = ["LOSSES", "hard_threshold", "shrink"]

LOSSES = ("frobenius", "operator", "nuclear")


def hard_threshold(shape: tuple[int, int], *, sigma: float | None = None, median: float | None = None) -> float:
    """The best place to cut singular values, for the least squared error of a signal of low rank in noise.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns, either one the larger.
    sigma : float, optional
        Standard deviation of the noise's entries.
    median : float, optional
        Of the singular values, where sigma is not known. Give one of the two.

    Returns
    -------
    float
        Keep what is larger. With N the longer and M the shorter side and beta = M / N it is
        ``sqrt(2 (beta + 1) + 8 beta / (beta + 1 + sqrt(beta^2 + 14 beta + 1)))`` times sigma sqrt(N), or that over the
        root of the median eigenvalue of the Marchenko-Pastur law times `median` [1]_.

    Raises
    ------
    ValueError, TypeError
        If not just one of sigma and median is given, or it is not above 0.

    Notes
    -----
    No threshold has less asymptotic mean squared error for any signal of low rank. It is above the edge of the noise:
    weak spikes between the two do more harm than good when they are kept with all the noise that they hold. The median
    of Marchenko and Pastur is exact here, not the cubic in beta that is often used in its place and is off by up to
    0.02.

    References
    ----------
    .. [1] M. Gavish and D. L. Donoho, IEEE Trans. Inf. Theory 60, 5040 (2014), arXiv:1305.5870.

    Examples
    --------
    >>> hard_threshold((100, 100), sigma=0.1)  # 4 / sqrt(3)
    2.309401076758503
    >>> hard_threshold((100, 100), median=1.0)
    2.85836242406...
    """
    shape = as_shape("hard_threshold", shape)
    beta = aspect_of(shape)
    if (sigma is None) == (median is None):
        raise ValueError("hard_threshold: give sigma or median, and not both")
    cut = math.sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + math.sqrt(beta**2 + 14 * beta + 1)))
    if sigma is not None:
        return cut * unit_of("hard_threshold", sigma, shape)
    return cut * as_number("hard_threshold", "median", median, above=0) / math.sqrt(median_eigenvalue(beta))  # type: ignore[arg-type]


def median_eigenvalue(beta: float) -> float:
    """Of the Marchenko-Pastur law with sigma 1."""
    return float(MarchenkoPastur(beta).ppf(0.5))


def shrink(singular_values: ArrayLike, shape: tuple[int, int], sigma: float, *, loss: str = "frobenius") -> Array:
    """Singular values as they should be, given that the vectors are noisy too: the best for a signal of low rank.

    Parameters
    ----------
    singular_values : (k,) array_like of real
        Of signal + noise, in any order.
    shape : (int, int)
        Rows and columns, either one the larger.
    sigma : float
        Standard deviation of the noise's entries, as `fit_bulk` gives it.
    loss : {"frobenius", "operator", "nuclear"}
        The norm of the error that is to be least.

    Returns
    -------
    (k,) ndarray
        0 for all within the bulk. With "operator" they are the estimated strengths of the signal, which undoes the
        repulsion from the bulk; with "frobenius" these times the cosines by which left and right vectors are off, and
        less still with "nuclear".

    Raises
    ------
    ValueError, TypeError
        If a singular value is negative or not finite, sigma is not above 0, or loss is no such word.

    Notes
    -----
    In units of sigma sqrt(N), beta the shorter over the longer side, x the strength that `invert_spikes` gives [1]_:

    - frobenius: ``sqrt((y^2 - beta - 1)^2 - 4 beta) / y``
    - operator: ``x``
    - nuclear: ``(x^4 - beta - sqrt(beta) x y) / (x^2 y)``, where that is positive.

    References
    ----------
    .. [1] M. Gavish and D. L. Donoho, IEEE Trans. Inf. Theory 63, 2137 (2017), arXiv:1405.7511.

    Examples
    --------
    >>> shrink([3.0, 1.5], (1, 1), 1.0)  # the edge of the noise is at 2
    array([2.23606798, 0.        ])
    >>> shrink([3.0], (1, 1), 1.0, loss="operator")
    array([2.61803399])
    """
    shape = as_shape("shrink", shape)
    unit = unit_of("shrink", sigma, shape)
    s = as_values("shrink", "singular_values", singular_values)
    as_choice("shrink", "loss", loss, LOSSES)
    beta = aspect_of(shape)
    y = in_units(s, unit)
    t = strength_squared(y, beta)
    x = np.where(np.isinf(t), s, unit * np.sqrt(t))
    r = 1 / t
    kept = (1 - beta * r**2) / np.sqrt((1 + r) * (1 + beta * r))  # of the strength: both cosines
    if loss == "operator":
        best = x
    elif loss == "frobenius":
        best = x * kept
    else:
        best = x * np.maximum(kept - math.sqrt(beta) * r, 0)
    return np.asarray(np.where(np.isnan(t), 0.0, best))
