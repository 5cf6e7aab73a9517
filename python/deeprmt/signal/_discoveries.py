"""False discoveries among many tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import as_real
from ._units import Array

__all__ = ["benjamini_hochberg"]


def benjamini_hochberg(p_values: ArrayLike) -> Array:
    """P-values adjusted for many tests, so that a bound on them bounds the share of false discoveries.

    Parameters
    ----------
    p_values : (n,) array_like of real
        One a test, a layer say, in any order. NaN is a test that was not made: it stays NaN and counts for nothing.

    Returns
    -------
    (n,) ndarray
        Call those at most q discoveries: then at most a share q of them is false on average, if the tests are
        independent or positively dependent [1]_.

    Raises
    ------
    ValueError, TypeError
        If `p_values` is no vector, or one of them is outside [0, 1].

    References
    ----------
    .. [1] Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B 57, 289 (1995).

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5])
    array([0.04      , 0.05333333, 0.05333333, 0.5       ])
    """
    p = np.asarray(as_real("benjamini_hochberg", "p_values", p_values), np.float64)
    if p.ndim != 1:
        raise ValueError(f"benjamini_hochberg: p_values must be a vector, got shape {p.shape}")
    made = ~np.isnan(p)
    if ((p < 0) | (p > 1)).any():
        first = int(np.argmax((p < 0) | (p > 1)))
        raise ValueError(f"benjamini_hochberg: p_values must be in [0, 1], found {p[first]} at {first}")
    out = np.full(p.shape, np.nan)
    order = np.argsort(p[made], kind="stable")
    raised = p[made][order] * order.size / np.arange(1, order.size + 1)
    adjusted = np.empty(order.size)
    adjusted[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    out[made] = adjusted
    return out
