"""Smooth fits to the staircase of levels: polynomial and smoothing spline. Monotone, or refused."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.interpolate import BSpline, PPoly, make_smoothing_spline

__all__ = ["Descent", "local_average", "polynomial", "spline"]

Array = NDArray[np.float64]

# A spline of few degrees of freedom sees no difference between single levels and the means of a few of them; and
# SciPy's loses its digits where points are many: from 2000 on they show, 20,000 give nonsense.
_POINTS = 600


class Descent(ValueError):
    """A fit that does not ascend."""


def _scaled(x: Array) -> Array:
    """To [-1, 1]; halves first, so that no difference overflows."""
    low, high = x[0] / 2, x[-1] / 2
    if not high > low:
        raise ValueError("unfold: levels must not all be equal")
    return np.asarray(np.clip((x / 2 - low) / (high - low) * 2 - 1, -1.0, 1.0))


def _refuse_descent(what: str, x: Array, t: Array, slopes: Array) -> None:
    """`slopes` at points `t` of [-1, 1], among them wherever the slope is least."""
    least = int(np.argmin(slopes))
    if slopes[least] <= 0:
        where = x[0] + (x[-1] - x[0]) * float(t[least] + 1) / 2
        raise Descent(
            f"unfold: {what} must ascend, but it descends near {where:.6g}, where it would swap levels: take another "
            "degree or freedom, leave out outliers, or choose another method"
        )


def polynomial(x: Array, degree: int) -> Array:
    """The least squares polynomial of the ranks, at the levels."""
    n = x.size
    if n < degree + 2:
        raise ValueError(f"unfold: the number of levels must be at least degree + 2 = {degree + 2}, got {n}")
    t, rank = _scaled(x), np.arange(n) + 0.5
    if np.count_nonzero(np.diff(t)) < degree:
        raise ValueError(f"unfold: levels must have at least degree + 1 = {degree + 1} different values")
    # Polynomials that are orthogonal on the levels themselves, by their three-term recurrence (Forsythe 1957); beside
    # the levels, at Chebyshev points, so that the fit is known as a function.
    points = chebyshev.chebpts1(degree + 1)
    at = np.concatenate([t, points])
    before, now = np.zeros_like(at), np.full_like(at, 1 / sqrt(n))
    fit, norm, left = np.zeros_like(at), 1.0, rank - n / 2
    for k in range(degree + 1):
        weight = float((left * now[:n]).sum())
        fit += weight * now
        left = left - weight * now[:n]
        if k < degree:
            centre = float((at[:n] * now[:n] ** 2).sum())
            after = (at - centre) * now - (norm if k else 0.0) * before
            norm = sqrt(float((after[:n] ** 2).sum()))
            before, now = now, after / norm
    coefficients = chebyshev.chebfit(points, fit[n:], degree)
    slope = chebyshev.chebder(coefficients)
    turns = chebyshev.chebroots(chebyshev.chebder(slope)) if degree > 2 else np.zeros(0)
    turns = turns.real[(np.abs(turns.imag) < 1e-6) & (np.abs(turns.real) < 1)]
    where = np.concatenate([[-1.0, 1.0], turns])
    _refuse_descent(f"the polynomial of degree {degree}", x, where, chebyshev.chebval(where, slope))
    return np.asarray(fit[:n] + n / 2)


def spline(x: Array, freedom: float) -> Array:
    """SciPy's smoothing spline of the ranks, at the levels; its penalty is fixed by the degrees of freedom."""
    n = x.size
    t = _scaled(x)
    # Equal levels are one point with more weight; many levels are taken together in runs, but for the two ends.
    edges = np.unique(np.concatenate([[0, 1], np.linspace(1, n - 1, min(n, _POINTS)).astype(int)]))
    points, starts = np.unique(np.add.reduceat(t, edges) / np.diff(np.append(edges, n)), return_index=True)
    starts = edges[starts]
    weights = np.diff(np.append(starts, n)).astype(float)
    points[-1] = t[-1]
    ranks = np.add.reduceat(np.arange(n) + 0.5, starts) / weights
    if points.size < max(5, freedom + 1):
        least = int(max(5, np.ceil(freedom + 1)))
        raise ValueError(f"unfold: levels must have at least {least} different values, got {points.size}")
    # On an interval of length 2 the smoother of levels of constant density has the eigenvalues 1, 1 and, about,
    # 1 / (1 + (2 lam / n) (pi (k + 1/2) / 2)^4), k = 1, 2, ...: together 1 + (n / (2 lam))^(1/4) / sqrt(2).
    lam = n / 2 / (sqrt(2) * (freedom - 1)) ** 4
    fitted: BSpline = make_smoothing_spline(points, ranks, weights, lam)
    pieces = PPoly.from_spline(fitted)
    slope = pieces.derivative()
    turns = slope.derivative().roots(discontinuity=False, extrapolate=False)
    where = np.concatenate([points, turns[np.isfinite(turns)]])
    where = where[(where >= points[0]) & (where <= points[-1])]
    _refuse_descent(f"the spline with freedom {freedom:g}", x, where, slope(where))
    return np.asarray(fitted(t))


def local_average(x: Array, window: int) -> Array:
    """Each spacing over the mean of the spacings up to `window` places below and above, then added up from 1/2."""
    n = x.size
    half = x / 2  # no difference overflows
    i = np.arange(n - 1)
    low, high = np.maximum(i - window, 0), np.minimum(i + 1 + window, n - 1)
    reach = half[high] - half[low]
    with np.errstate(invalid="ignore"):
        steps = np.where(reach > 0, (high - low) * (np.diff(half) / np.where(reach > 0, reach, 1)), 0.0)
    return np.concatenate([[0.5], 0.5 + np.cumsum(steps)]) if n else x
