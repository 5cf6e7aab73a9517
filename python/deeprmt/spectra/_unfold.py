"""Levels mapped by a smooth counting function, so that the mean spacing becomes 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import as_count, as_rows, as_threads, shown
from ..laws import Law

__all__ = ["unfold"]


def unfold(
    levels: ArrayLike, method: str | Law = "gaussian", *, window: int = 15, threads: int | None = None
) -> NDArray[np.float64]:
    """Levels mapped by their smoothed counting function, so that neighbours lie about 1 apart.

    Parameters
    ----------
    levels : (..., n) array_like of real
        Ascending along the last axis, n >= 1.
    method : "gaussian" or Law, default "gaussian"
        "gaussian": each level is broadened to a normal density whose width is half the distance between the levels
        `window` places below and above, ``sigma_k = (x_{k+window} - x_{k-window}) / 2`` with indices clipped at the
        ends, and ``xi_i = sum_k Phi((x_i - x_k) / sigma_k)`` [1]_. A `Law`: ``xi_i = n * law.cdf(x_i)``.
    window : int, default 15
        The half-width of the broadening, >= 1. Fluctuations longer than about `window` spacings are smoothed away
        with the density, so trust number variance and rigidity up to about half of it.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (..., n) ndarray of float64
        Ascending, between 0 and n; the mean spacing is 1 up to the ends, and is not rescaled. The `window` levels at
        either end see a one-sided neighbourhood: leave them out of statistics.

    Raises
    ------
    ValueError, TypeError
        If there is no level, or levels descend or are not finite; if the method is unknown or window < 1; if levels are
        not real.

    References
    ----------
    .. [1] H. Bruus and J.-C. Angles d'Auriac, Phys. Rev. B 55, 9142 (1997).

    Examples
    --------
    >>> from deeprmt import laws
    >>> unfold([-1.0, 0.0, 1.0], laws.Semicircle(0.5))
    array([0. , 1.5, 3. ])
    """
    rows, stack = as_rows("unfold", "levels", levels)
    rows = rows.astype(np.float64, copy=False)
    count = as_count("unfold", "window", window)
    workers = as_threads("unfold", threads)
    if isinstance(method, Law):
        _core.spectra.check_ascending("unfold", rows)
        out = rows.shape[1] * method.cdf(rows)
    elif isinstance(method, str) and method == "gaussian":
        out = _core.spectra.unfold_gaussian(rows, min(count, max(rows.shape[1], 1)), workers)
    else:
        raise ValueError(f"unfold: method must be 'gaussian' or a Law, got {shown(method)}")
    return np.asarray(out).reshape(*stack, rows.shape[1])
