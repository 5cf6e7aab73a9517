"""Spacings against the laws of random matrices, with p-values from noise of the same shape and unfolding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import as_beta, as_count, as_rows, as_threads, shown
from .._display import Displayed
from ..ensembles import hermite_eigenvalues, laguerre_eigenvalues
from ..laws import Law, MarchenkoPastur, Semicircle, Spacing, WignerSurmise
from ._levels import spacing_ratio
from ._staircase import Descent
from ._unfold import unfold

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RatioStatistics", "SpacingTest", "ratio_statistics", "spacing_correlation", "spacing_test"]

Array = NDArray[np.float64]
_name = "spacing_test"

# Means of the smaller over the larger of two neighbouring spacings: independent levels exactly, beta = 2 from Fredholm
# determinants, 1 and 4 from simulations (Y. Y. Atas et al., Phys. Rev. Lett. 110, 084101).
RATIOS = {0: 2 * float(np.log(2)) - 1, 1: 0.5307, 2: 0.599750420951, 4: 0.6744}

# Of the simulations; no seed of the user's, so that the same question has the same answer.
_KEY = 20130214


@dataclass(frozen=True, repr=False, eq=False)
class RatioStatistics(Displayed):
    """The mean ratio of neighbouring spacings with its error; made by `ratio_statistics`.

    Attributes
    ----------
    mean, stderr : float
        The smaller over the larger; the error is from the scatter of means over blocks.
    count : int
        The number of ratios.

    Examples
    --------
    >>> from deeprmt import ensembles, spectra
    >>> found = spectra.ratio_statistics(ensembles.hermite_eigenvalues(1000, 1, rng=1))
    >>> bool(abs(found.z(1)) < 5), found.count
    (True, 998)
    """

    mean: float
    stderr: float
    count: int

    def expected(self, beta: int = 1) -> float:
        """The limit for large matrices of Dyson's index 1, 2 or 4; 0 is for independent levels."""
        if isinstance(beta, bool | str) or beta not in RATIOS:
            raise ValueError(f"RatioStatistics.expected: beta must be 0, 1, 2 or 4, got {shown(beta)}")
        return RATIOS[beta]

    def z(self, beta: int = 1) -> float:
        """(mean - expected) / stderr."""
        return (self.mean - self.expected(beta)) / self.stderr

    def __repr__(self) -> str:
        return f"RatioStatistics({self.mean:.4f} +- {self.stderr:.4f} of {self.count}; z = {self.z():.1f} for beta = 1)"

    def to_dict(self) -> dict[str, Any]:
        """Numbers for JSON."""
        return {"mean": self.mean, "stderr": self.stderr, "count": self.count}


def ratio_statistics(levels: ArrayLike) -> RatioStatistics:
    """The mean ratio of neighbouring spacings, smaller over larger, with its standard error; needs no unfolding.

    Parameters
    ----------
    levels : (..., n) array_like of real
        Ascending along the last axis; rows of a stack are taken together. At least 8 ratios in all.

    Returns
    -------
    RatioStatistics
        `mean`, `stderr`, `expected(beta)`, `z(beta)`. Ratios that are 0 / 0 are left out.

    Raises
    ------
    ValueError, TypeError
        If levels descend or are not finite, or are too few; if all ratios are equal up to rounding; if levels are not
        real.

    Notes
    -----
    Neighbouring ratios share a spacing. The error is that of means over blocks of about n^(1/3) of them, 4 at least.

    Examples
    --------
    >>> from deeprmt.ensembles import hermite_eigenvalues
    >>> ratio_statistics(hermite_eigenvalues(1000, 2, rng=1)).expected(2)
    0.599750420951
    """
    ratios = np.asarray(spacing_ratio(levels), dtype=np.float64).ravel()
    ratios = ratios[~np.isnan(ratios)]
    if ratios.size < 8:
        raise ValueError(f"ratio_statistics: levels must have at least 8 ratios, got {ratios.size}")
    rows = np.atleast_2d(np.asarray(levels, np.float64))
    gaps = np.diff(rows)
    # What rounding of the levels makes out of a ratio.
    noise = 8 * 2.0**-52 * float(np.abs(rows).max()) / float(np.median(gaps[gaps > 0], axis=None)) if gaps.any() else 0
    if np.ptp(ratios) <= noise:
        raise ValueError(
            f"ratio_statistics: levels must not be equidistant: all ratios are {ratios[0]:.4g} up to rounding, and no "
            "error can be had from them"
        )
    block = int(min(max(4, np.cbrt(ratios.size)), ratios.size // 2))
    means = ratios[: ratios.size // block * block].reshape(-1, block).mean(axis=1)
    return RatioStatistics(float(ratios.mean()), float(means.std(ddof=1) / np.sqrt(ratios.size / block)), ratios.size)


def spacing_correlation(spacings: ArrayLike, most: int = 5) -> tuple[Array, Array]:
    """Correlations of spacings with those 1, 2, ..., `most` places further on.

    Parameters
    ----------
    spacings : (..., n) array_like of real
        Of unfolded levels, in their order, n > most; rows of a stack are taken together.
    most : int, default 5
        At least 1.

    Returns
    -------
    (correlations, stderr) : (most,) ndarrays
        0 for independent levels. Neighbours in the bulk of real random matrices have (2 v_4 - v_1) / v_1 = -0.27084,
        where v_1 and v_4 are the variances of `spacing_law`: every second level of beta = 1 is one of beta = 4 [1]_.
        The standard errors are from the scatter of the products, at least 1 / sqrt(n) or so.

    Raises
    ------
    ValueError, TypeError
        If there are too few spacings, or they are all equal or not finite; if they are not real.

    References
    ----------
    .. [1] M. L. Mehta and F. J. Dyson, J. Math. Phys. 4, 713 (1963).

    Examples
    --------
    >>> correlations, stderr = spacing_correlation(np.random.default_rng(1).exponential(size=10_000), 2)
    >>> bool((np.abs(correlations) < 5 * stderr).all())
    True
    """
    name = "spacing_correlation"
    rows, _ = as_rows(name, "spacings", spacings)
    lags = as_count(name, "most", most)
    if rows.shape[1] <= lags + 1 or len(rows) < 1:
        raise ValueError(f"{name}: the number of spacings must be above most + 1 = {lags + 1}, got {rows.shape[1]}")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name}: spacings must be finite")
    s = rows.astype(np.float64)
    s /= np.abs(s).max() or 1.0  # a correlation knows no unit, and no square overflows
    s -= s.mean()
    variance = float((s * s).mean())
    if not variance > 0:
        raise ValueError(f"{name}: spacings must not all be equal")
    values, errors = np.empty(lags), np.empty(lags)
    for lag in range(1, lags + 1):
        product = (s[:, :-lag] * s[:, lag:] / variance).ravel()
        values[lag - 1] = product.mean()
        errors[lag - 1] = product.std() / np.sqrt(product.size)
    return values, errors


@dataclass(frozen=True, repr=False, eq=False)
class SpacingTest(Displayed):
    """Spacings of unfolded levels against the laws of random matrices; made by `spacing_test`.

    Attributes
    ----------
    spacings : (m,) ndarray
        Of the unfolded levels without the ends, scaled to mean 1.
    ks_exact, ks_surmise : float
        Kolmogorov-Smirnov distances to `spacing_law` and to `wigner_surmise`.
    p_exact, p_surmise : float
        The share of noise spectra of the same shape, unfolded alike, with at least that distance; at least
        1 / (trials + 1).
    p_independent : float
        What independent spacings would have for `ks_exact`: too large for levels that repel each other.
    ratio : RatioStatistics
        Of the same levels, before unfolding.
    p_ratio : float
        Two-sided, of the mean ratio among the same noise spectra.
    beta, trials : int
        What was asked for; fewer trials if a polynomial or spline was refused for some of the noise.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import spectra
    >>> found = spectra.spacing_test(np.sort(np.random.default_rng(1).normal(size=200)), trials=19)
    >>> found.p_exact, bool(found.ratio.mean < found.ratio.expected(1))
    (0.05, True)
    """

    spacings: Array
    ks_exact: float
    ks_surmise: float
    p_exact: float
    p_surmise: float
    p_independent: float
    ratio: RatioStatistics
    p_ratio: float
    beta: int
    trials: int

    def __repr__(self) -> str:
        return (
            f"SpacingTest({self.spacings.size} spacings; distance to the exact law {self.ks_exact:.4f}, "
            f"p = {self.p_exact:.3g}; mean ratio {self.ratio.mean:.4f}, p = {self.p_ratio:.3g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Numbers and the list of spacings for JSON."""
        names = ("ks_exact", "ks_surmise", "p_exact", "p_surmise", "p_independent", "p_ratio", "beta", "trials")
        out: dict[str, Any] = {key: getattr(self, key) for key in names}
        return out | {"ratio": self.ratio.to_dict(), "spacings": self.spacings.tolist()}

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the histogram of the spacings with the exact law; `options` go to `deeprmt.plots.spacing`."""
        from ..plots import spacing

        return spacing(self.spacings, options.pop("law", Spacing(self.beta)), ax=ax, **options)


def spacing_test(
    levels: ArrayLike,
    method: str | Law = "gaussian",
    *,
    shape: tuple[int, int] | None = None,
    beta: int = 1,
    window: int = 15,
    degree: int = 7,
    freedom: float = 12.0,
    drop: int | None = None,
    trials: int = 199,
    threads: int | None = None,
) -> SpacingTest:
    """Tests whether levels repel each other as those of a random matrix do, with p-values that are calibrated.

    Spacings of neighbouring levels are dependent, and unfolding learns from the levels. So Kolmogorov-Smirnov
    p-values are not uniform for noise: on average they are about 3/4. Here noise of the same shape is unfolded in
    the same way, and its distances are what the measured one is compared with.

    Parameters
    ----------
    levels : (n,) array_like of real
        Ascending: singular values of a weight matrix without outliers, or eigenvalues of a symmetric one.
    method, window, degree, freedom
        Of `unfold`. With a `Law`, noise is unfolded by its own: Marchenko and Pastur's, or the semicircle.
    shape : (int, int), optional
        Of the matrix whose singular values the levels are; n may be less than the smaller side if outliers were left
        out, from the top. Default: the levels are eigenvalues of a symmetric n x n matrix.
    beta : {1, 2, 4}
        Dyson's index: 1 for real matrices.
    drop : int, optional
        Levels that are left out at either end once unfolded. Default: `window`, or for polynomials and splines n / 20.
    trials : int, default 199
        Noise spectra, at least 19. They are cached: the next layer of that shape costs nothing.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    SpacingTest
        Distances and p-values for the exact law and for the surmise, and the mean ratio of spacings; `plot()`.

    Raises
    ------
    ValueError, TypeError
        If levels descend, are not finite or fewer than 20 remain; if an argument is out of range; if levels are
        not real.

    Notes
    -----
    The noise comes from counter-based streams with a key of their own: the same question has the same answer.
    O(trials n^2) the first time, about a second for n = 512.

    Examples
    --------
    >>> from deeprmt import ensembles
    >>> x = ensembles.hermite_eigenvalues(200, 1, rng=1)
    >>> spacing_test(x, trials=99).p_exact > 0.01
    True
    >>> spacing_test(np.sort(np.random.default_rng(1).normal(size=200)), trials=99).p_exact
    0.01
    """
    from scipy.stats import kstwo  # slow to import

    rows, stack = as_rows(_name, "levels", levels)
    if stack:
        raise ValueError(f"{_name}: levels must have one axis, got {len(stack) + 1}")
    x = np.asarray(rows[0], dtype=np.float64)
    beta = as_beta(_name, beta, (1, 2, 4))
    count, workers = as_count(_name, "trials", trials, least=19), as_threads(_name, threads)
    window = as_count(_name, "window", window)
    sides = (0, 0)
    if shape is not None:
        try:
            a, b = shape
        except (TypeError, ValueError):
            raise ValueError(f"{_name}: shape must be two whole numbers, got {shown(shape)}") from None
        sides = (max(as_count(_name, "shape", a), as_count(_name, "shape", b)), min(int(a), int(b)))
        if sides[1] < x.size:
            raise ValueError(f"{_name}: shape must have room for {x.size} levels, got {shown(shape)}")
    default = window if isinstance(method, Law) or method in ("gaussian", "local") else max(1, x.size // 20)
    end = default if drop is None else as_count(_name, "drop", drop, least=0)
    if x.size - 2 * end < 20:
        raise ValueError(f"{_name}: levels must be at least 20 without {end} at either end, got {x.size}")
    settings = (window, degree, float(freedom))
    measured, spacings = _statistics(x, method, settings, end, int(beta), workers)
    known = method if isinstance(method, str) else "law"
    null = _null(x.size, sides, known, settings, end, int(beta), count, workers)

    def above(k: int) -> float:
        return float((1 + np.count_nonzero(null[:, k] >= measured[k])) / (len(null) + 1))

    low = np.count_nonzero(null[:, 2] <= measured[2])
    high = np.count_nonzero(null[:, 2] >= measured[2])
    p_ratio = min(1.0, 2 * (1 + min(int(low), int(high))) / (len(null) + 1))
    return SpacingTest(
        spacings=spacings,
        ks_exact=float(measured[0]),
        ks_surmise=float(measured[1]),
        p_exact=above(0),
        p_surmise=above(1),
        p_independent=float(kstwo.sf(measured[0], spacings.size)),
        ratio=ratio_statistics(x[end : x.size - end]),
        p_ratio=p_ratio,
        beta=int(beta),
        trials=len(null),
    )


def _statistics(
    x: Array, method: str | Law, settings: tuple[int, int, float], drop: int, beta: int, threads: int
) -> tuple[Array, Array]:
    """Distances to both laws and the mean ratio; the spacings."""
    window, degree, freedom = settings
    unfolded = np.asarray(unfold(x, method, window=window, degree=degree, freedom=freedom, threads=threads))
    inner = slice(drop, x.size - drop)
    s = np.diff(unfolded[inner])
    mean = float(s.mean())
    if not mean > 0:
        raise ValueError(f"{_name}: levels must not all be equal")
    s /= mean
    ratios = np.asarray(spacing_ratio(x[inner], threads=1))
    found = [Spacing(beta).ks_distance(s), WignerSurmise(beta).ks_distance(s), float(np.nanmean(ratios))]
    return np.array(found), s


@lru_cache(maxsize=128)
def _null(
    n: int,
    sides: tuple[int, int],
    method: str,
    settings: tuple[int, int, float],
    drop: int,
    beta: int,
    trials: int,
    threads: int,
) -> Array:
    """(trials, 3) statistics of noise."""
    how: str | Law = method
    if sides == (0, 0):
        levels = hermite_eigenvalues(n, beta, size=trials, rng=_KEY, threads=threads)
        if method == "law":
            how = Semicircle()
    else:
        levels = np.sqrt(laguerre_eigenvalues(*sides, beta, size=trials, rng=_KEY, threads=threads))[:, :n]
        if method == "law":
            how = MarchenkoPastur(sides[1] / sides[0], singular=True)
    found = []
    for row in levels:
        try:
            found.append(_statistics(np.asarray(row), how, settings, drop, beta, threads)[0])
        except Descent:  # as the measured levels would have been: noise that can be unfolded is what they compare with
            continue
    if 2 * len(found) < trials:
        raise ValueError(f"{_name}: the unfolding must suit noise of this shape, but descends for most: take another")
    return np.array(found)
