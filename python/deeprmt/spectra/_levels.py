"""Statistics of levels that need no unfolding, and plain spacings."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import Floats, as_rows, as_threads

__all__ = ["spacing_ratio", "spacings"]


def spacing_ratio(levels: ArrayLike, *, threads: int | None = None) -> Floats:
    """Ratios of consecutive level spacings, smaller over larger, which need no unfolding.

    Parameters
    ----------
    levels : (..., n) array_like of real
        Ascending along the last axis, n >= 3. float32 stays float32; other reals become float64.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (..., n - 2) ndarray
        Dimensionless, in [0, 1]; NaN where both spacings are zero. The mean is 2 ln 2 - 1 = 0.38629 if the levels
        are independent, 0.53064 for the bulk of the GOE, 0.59975 for the GUE [1]_.

    Raises
    ------
    ValueError, TypeError
        If n < 3, or levels descend or are not finite; if levels are not real.

    References
    ----------
    .. [1] Y. Y. Atas et al., Phys. Rev. Lett. 110, 084101 (2013).

    Examples
    --------
    >>> spacing_ratio([0.0, 1.0, 3.0, 4.0])
    array([0.5, 0.5])
    """
    rows, stack = as_rows("spacing_ratio", "levels", levels)
    out = _core.spectra.spacing_ratio(rows, as_threads("spacing_ratio", threads))
    return out.reshape(*stack, out.shape[1])


def spacings(levels: ArrayLike) -> Floats:
    """Differences of neighbouring levels.

    Parameters
    ----------
    levels : (..., n) array_like of real
        Ascending along the last axis, n >= 2: unfolded ones, to be compared with `wigner_surmise`. float32 stays
        float32; other reals become float64.

    Returns
    -------
    (..., n - 1) ndarray
        Not negative, in the units of the levels.

    Raises
    ------
    ValueError, TypeError
        If n < 2, or levels descend or are not finite; if levels are not real.

    Examples
    --------
    >>> spacings([0.0, 1.0, 3.0])
    array([1., 2.])
    """
    rows, stack = as_rows("spacings", "levels", levels)
    if rows.shape[1] < 2:
        raise ValueError(f"spacings: the number of levels must be at least 2, got {rows.shape[1]}")
    _core.spectra.check_ascending("spacings", rows)
    with np.errstate(over="ignore"):  # answered below
        out = np.diff(rows)
    if not np.isfinite(out).all():
        raise ValueError(f"spacings: differences of levels must be within the range of {rows.dtype}, one overflows")
    return out.reshape(*stack, rows.shape[1] - 1)
