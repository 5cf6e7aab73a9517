"""Levels mapped by a smooth counting function, so that the mean spacing becomes 1."""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import as_count, as_number, as_rows, as_threads, shown
from ..laws import Law
from ._staircase import local_average, polynomial, spline
from ._unfolded import Unfolded

__all__ = ["trusted_length", "unfold"]

_METHODS = ("gaussian", "local", "polynomial", "spline")
_DEGREE, _FREEDOM = 7, 12.0


def _as_method(function: str, method: str | Law) -> str | Law:
    if isinstance(method, Law) or (isinstance(method, str) and method in _METHODS):
        return method
    raise ValueError(
        f"{function}: method must be one of {', '.join(map(repr, _METHODS))} or a Law, got {shown(method)}"
    )


def _as_freedom(function: str, freedom: float) -> float:
    return as_number(function, "freedom", freedom, above=2.0)


def trusted_length(
    n: int, method: str | Law = "gaussian", *, window: int = 15, degree: int = _DEGREE, freedom: float = _FREEDOM
) -> float:
    """The length up to which number variance and rigidity of unfolded levels are those of the levels.

    What varies slowly goes into the smooth counting function, whether it is the density or a fluctuation. So every
    method that learns the density from the levels takes something away from long windows.

    Parameters
    ----------
    n : int
        Number of levels, at least 1.
    method, window, degree, freedom
        As in `unfold`.

    Returns
    -------
    float
        In mean spacings: window / 2 for "gaussian", 3/4 window for "local", n / (2 (degree + 1)) for "polynomial",
        n / (2.5 freedom) for "spline"; infinite for a law, which learns nothing. At this length the number variance of
        pure noise (real Wishart matrices, n = 500 and 2000) is 4 to 8 % too low, and falls behind quickly beyond.

    Notes
    -----
    The opposite error has no such rule: a counting function that is too stiff for the density leaves a trend in the
    levels, which adds to number variance and rigidity. Noise of the same shape shows it (`spacing_test`, or
    `expected_number_variance` as a check).

    Examples
    --------
    >>> trusted_length(512), trusted_length(512, "polynomial", degree=7)
    (7.5, 32.0)
    """
    name = "trusted_length"
    kind, n = _as_method(name, method), as_count(name, "n", n)
    window, degree = as_count(name, "window", window), as_count(name, "degree", degree, most=60)
    freedom = _as_freedom(name, freedom)
    if isinstance(kind, Law):
        return inf
    return {
        "gaussian": window / 2,
        "local": 0.75 * window,
        "polynomial": n / (2 * (degree + 1)),
        "spline": n / (2.5 * freedom),
    }[kind]


def unfold(
    levels: ArrayLike,
    method: str | Law = "gaussian",
    *,
    window: int = 15,
    degree: int = _DEGREE,
    freedom: float = _FREEDOM,
    threads: int | None = None,
) -> Unfolded:
    """Levels mapped by their smoothed counting function, so that neighbours lie about 1 apart.

    Parameters
    ----------
    levels : (..., n) array_like of real
        Ascending along the last axis, n >= 1.
    method : {"gaussian", "local", "polynomial", "spline"} or Law, default "gaussian"
        "gaussian": each level is broadened to a normal density whose width is half the distance between the levels
        `window` places below and above, ``sigma_k = (x_{k+window} - x_{k-window}) / 2`` with indices clipped at the
        ends, and ``xi_i = sum_k Phi((x_i - x_k) / sigma_k)`` [1]_.

        "local": each spacing over the mean of the spacings up to `window` places away, itself included.

        "polynomial": the least squares fit of the ranks i - 1/2 by a polynomial of `degree`, in polynomials that are
        orthogonal on the levels.

        "spline": the same by a smoothing spline with about `freedom` degrees of freedom.

        A `Law`: ``xi_i = n * law.cdf(x_i)``.
    window : int, default 15
        For "gaussian" and "local", >= 1.
    degree : int, default 7
        For "polynomial", from 1 to 60, and n >= degree + 2.
    freedom : float, default 12.0
        For "spline", above 2: a straight line has 2. The penalty follows from it and n, before a level is seen.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    Unfolded
        An (..., n) array of float64: ascending, about between 0 and n; the mean spacing is 1 up to the ends, and is not
        rescaled. Its `trust` is `trusted_length` of n and the method, up to which `number_variance` and `rigidity` do
        not warn. The `window` levels at either end see a one-sided neighbourhood, and polynomials and splines are less
        sure in the outer 5 %: leave these out of statistics.

    Raises
    ------
    ValueError, TypeError
        If there is no level, or levels descend or are not finite; if the method is unknown or an argument out of range;
        if a polynomial or a spline descends somewhere between the first level and the last: sorting its values would
        hide that. If levels are not real.

    References
    ----------
    .. [1] H. Bruus and J.-C. Angles d'Auriac, Phys. Rev. B 55, 9142 (1997).

    Examples
    --------
    >>> from deeprmt import laws
    >>> unfold([-1.0, 0.0, 1.0], laws.Semicircle(0.5))
    array([0. , 1.5, 3. ])
    >>> unfold(np.arange(200.0) ** 2, "spline").trust
    6.666666666666667
    """
    name = "unfold"
    kind = _as_method(name, method)
    rows, stack = as_rows(name, "levels", levels)
    rows = rows.astype(np.float64, copy=False)
    n = rows.shape[1]
    window, degree = as_count(name, "window", window), as_count(name, "degree", degree, most=60)
    freedom, workers = _as_freedom(name, freedom), as_threads(name, threads)
    if kind == "gaussian":
        out = _core.spectra.unfold_gaussian(rows, min(window, max(n, 1)), workers)
    else:
        _core.spectra.check_ascending(name, rows)
        if isinstance(kind, Law):
            out = n * kind.cdf(rows)
        else:
            if n < 1:
                raise ValueError("unfold: the number of levels must be at least 1, got 0")
            out = np.empty_like(rows)
            for r, row in enumerate(rows):
                if kind == "local":
                    out[r] = local_average(row, window)
                else:
                    out[r] = polynomial(row, degree) if kind == "polynomial" else spline(row, freedom)
    trust = trusted_length(max(n, 1), kind, window=window, degree=degree, freedom=freedom)
    return Unfolded.of(np.asarray(out).reshape(*stack, n), trust)
