"""Statistics of levels: unfolding, spacings, spacing ratios."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._arguments import Floats, as_count, as_rows, as_threads, shown
from .laws import Law, Spacing, WignerSurmise

__all__ = ["spacing_law", "spacing_ratio", "spacings", "unfold", "wigner_surmise"]


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


def spacing_law(beta: int) -> Spacing:
    """The exact law of the spacing of neighbouring unfolded levels in the bulk of a large random matrix.

    Its density is ``p(s) = E''(s)``, E(s) being the probability that an interval of length s holds no level [1]_. The
    mean is 1 and the variance 0.285530655731 (beta = 1), 0.179993877692 (2), 0.104098422225 (4). For small s,
    ``p = pi^2 s / 6``, ``pi^2 s^2 / 3``, ``16 pi^4 s^4 / 135``; for large s, log p approaches ``-(pi s)^2 beta / 16``.

    Parameters
    ----------
    beta : {1, 2, 4}
        Dyson's index: real symmetric matrices and real sample covariances 1, complex ones 2, quaternion ones 4 (each of
        the doubly degenerate levels counted once).

    Returns
    -------
    Law
        From tables that ``python -m deeprmt.laws._tables.make`` makes from Fredholm determinants of the sine kernel
        with 80 digits [2]_, and from expansions beyond them. pdf, cdf and sf have a relative error of at most 2e-14 up
        to s = 4, at 0 included, and of 3e-13 wherever they are above 1e-300. Quantiles are right to 1e-14 or to
        rounding of their level, moments up to the 20th to 1e-12.

    Raises
    ------
    ValueError
        If beta is another number, or none.

    See Also
    --------
    wigner_surmise : close, and in closed form.

    References
    ----------
    .. [1] M. L. Mehta, Random Matrices, 3rd ed., chapters 6, 7 and 11 (2004).
    .. [2] F. Bornemann, Markov Process. Relat. Fields 16, 803 (2010), arXiv:0904.1581.

    Examples
    --------
    >>> law = spacing_law(1)
    >>> law.mean(), law.var(), law.cdf(1.0)
    (np.float64(1.0), np.float64(0.28553065573...), np.float64(0.548173394488...))
    """
    return Spacing(beta)


def wigner_surmise(beta: int) -> WignerSurmise:
    """Wigner's surmise for the spacing of neighbouring unfolded levels, exact for 2 x 2 Gaussian matrices.

    ``p(s) = a s^beta exp(-b s^2)`` with mean 1. For the spacings of large matrices its distribution function is off by
    at most 0.0066 (beta = 1), 0.0016 (2) and 0.0005 (4) [1]_.

    Parameters
    ----------
    beta : {1, 2, 4}
        Dyson's index: real symmetric matrices and real sample covariances 1, complex ones 2, quaternion ones 4.

    Returns
    -------
    Law
        Everything in closed form: incomplete gamma functions.

    References
    ----------
    .. [1] M. L. Mehta, Random Matrices, 3rd ed., chapters 1 and 6 (2004).

    Examples
    --------
    >>> law = wigner_surmise(1)
    >>> law.mean(), law.cdf(1.0)
    (np.float64(1.0), np.float64(0.544061872...))
    """
    return WignerSurmise(beta)
