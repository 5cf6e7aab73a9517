"""Estimators of the extreme-value index beside Hill's, each for every number of largest values at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from .. import _core
from .._arguments import as_choice, as_threads
from .._display import Displayed
from ._values import Array, ascending_values, log_gaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class TailEstimate(Displayed):
    """An estimate of the extreme-value index for many numbers k of largest values.

    Attributes
    ----------
    method : str
        "moment", "pickands", "kernel", "qq" or "rank".
    k : ndarray of int64
        How many of the largest values are used.
    xi : ndarray of float64
        The extreme-value index; NaN where ties leave it undefined.
    stderr : ndarray of float64
        Its asymptotic standard error for independent values, at the estimate itself; the bias comes on top.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import tails
    >>> found = tails.moment(np.random.default_rng(1).pareto(2.0, 10_000) + 1)
    >>> at = found.k == 500
    >>> bool(abs(found.xi[at][0] - 0.5) < 5 * found.stderr[at][0])
    True
    """

    method: str
    k: NDArray[np.int64]
    xi: Array
    stderr: Array

    @property
    def alpha(self) -> Array:
        """The exponent of the density, ``1 + 1/xi``; infinite where xi is not positive: there is no power law."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(self.xi > 0, 1 + 1 / self.xi, np.where(np.isnan(self.xi), np.nan, np.inf)))

    def __repr__(self) -> str:
        at = max((self.k.size + 1) // 10 - 1, 0)
        return (
            f"TailEstimate({self.method}, k up to {self.k[-1]}; "
            f"xi = {self.xi[at]:.4g} +- {self.stderr[at]:.2g} at k = {self.k[at]})"
        )

    def to_dict(self) -> dict[str, Any]:
        """The arrays as lists, for JSON; None where there is no estimate."""

        def plain(values: Array) -> list[float | None]:
            return [None if np.isnan(v) else float(v) for v in values]

        return {"method": self.method, "k": self.k.tolist(), "xi": plain(self.xi), "stderr": plain(self.stderr)}

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw xi over k with its standard errors; `options` go to `deeprmt.plots.tail_estimate`."""
        from ..plots import tail_estimate

        return tail_estimate(self, ax=ax, **options)


def _spread(hill: Array) -> Array:
    """(k - 1)/k H_{k-1}^2 summed: k times the variance of the k largest logarithms, for k = 1, 2, ...

    The k-th value lies H_{k-1} below the mean of those above it, so that nothing cancels.
    """
    j = np.arange(2, hill.size + 1)
    return np.concatenate([[0.0], np.cumsum((j - 1) / j * hill[:-1] ** 2)])


def moment(x: ArrayLike, *, threads: int | None = None) -> TailEstimate:
    """The moment estimator of the extreme-value index, of either sign, for every number of largest values.

    ``xi = M1 + 1 - (1/2) / (1 - M1^2 / M2)``, with Mj the mean over the k largest values of ``log(x_i / x_{k+1})^j``
    [1]_. A negative index belongs to laws that end at a finite point, as eigenvalues of noise do.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 3.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    TailEstimate
        For k = 1..n-1; NaN at k = 1 and where the largest values are all equal. The squared standard error is
        ``(1 + xi^2) / k`` for xi >= 0, else ``(1-xi)^2 (1-2 xi) (1-xi+6 xi^2) / ((1-3 xi) (1-4 xi) k)``.

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, too few values or one that is not positive and finite; if it is not real.

    References
    ----------
    .. [1] A. L. M. Dekkers, J. H. J. Einmahl, L. de Haan, Ann. Stat. 17, 1833 (1989).

    Examples
    --------
    >>> x = np.random.default_rng(1).random(10_000)  # ends at 1: the index is -1
    >>> moment(x)
    TailEstimate(moment, k up to 9999; xi = -1.0... +- 0.0... at k = 1000)
    """
    values = ascending_values("moment", x, 3)
    m1, _ = _core.tails.hill(values, as_threads("moment", threads))
    k = np.arange(1, values.size)
    variance = _spread(m1) / k
    with np.errstate(divide="ignore", invalid="ignore"):
        xi = m1 + 1 - (variance + m1**2) / (2 * variance)
    xi[~(variance > 0)] = np.nan
    below = np.minimum(xi, 0)
    square = np.where(
        xi >= 0,
        1 + xi**2,
        (1 - below) ** 2 * (1 - 2 * below) * (1 - below + 6 * below**2) / ((1 - 3 * below) * (1 - 4 * below)),
    )
    return TailEstimate("moment", k, xi, np.sqrt(square / k))


def pickands(x: ArrayLike) -> TailEstimate:
    """Pickands' estimator of the extreme-value index, of either sign, which neither a shift nor a scale changes.

    ``xi = log((x_k - x_2k) / (x_2k - x_4k)) / log 2`` over the values in descending order [1]_, [2]_.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 4.

    Returns
    -------
    TailEstimate
        For k = 1..n//4, which uses 4k values; NaN where ties leave no difference. The squared standard error is
        ``xi^2 (2^(2 xi + 1) + 1) / ((2 (2^xi - 1) log 2)^2 k)``, several times that of other estimators.

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, too few values or one that is not positive and finite; if it is not real.

    References
    ----------
    .. [1] J. Pickands, Ann. Stat. 3, 119 (1975).
    .. [2] A. L. M. Dekkers, L. de Haan, Ann. Stat. 17, 1795 (1989).

    Examples
    --------
    >>> pickands([1.0, 2.0, 3.0, 7.0]).xi
    array([1.])
    """
    values = ascending_values("pickands", x, 4)
    top = values[::-1]
    k = np.arange(1, values.size // 4 + 1)
    first, second = top[k - 1] - top[2 * k - 1], top[2 * k - 1] - top[4 * k - 1]
    defined = (first > 0) & (second > 0)
    xi = np.full(k.size, np.nan)
    xi[defined] = (np.log(first[defined]) - np.log(second[defined])) / np.log(2)
    growth = np.expm1(np.minimum(xi, 50.0) * np.log(2))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(np.abs(xi) > 1e-9, xi / growth, 1 / np.log(2))
    error = np.abs(slope) * np.sqrt((2 * (1 + growth) ** 2 + 1) / k) / (2 * np.log(2))
    return TailEstimate("pickands", k, xi, error)


KERNELS = {"biweight": np.array([1.0, -2, 1]) * 15 / 8, "triweight": np.array([1.0, -3, 3, -1]) * 35 / 16}
POWER = 0.6  # of the weights v^a that the estimator of Groeneboom et al. adds; any above 1/2


def kernel(x: ArrayLike, kernel: str = "biweight") -> TailEstimate:
    """The kernel estimator of the extreme-value index, of either sign, smooth in the number of largest values.

    With ``d_i = log(x_i / x_{i+1})`` over the values in descending order and ``v = i/k < 1``, it is
    ``sum v K(v) d - 1 + sum (v^1.6 K(v))' d / sum v^0.6 K(v) d`` [1]_.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 3.
    kernel : {"biweight", "triweight"}, default "biweight"
        ``K(v) = (15/8) (1 - v^2)^2`` or ``(35/16) (1 - v^2)^3``.

    Returns
    -------
    TailEstimate
        For k = 2..n, the bandwidth h = k/n of [1]_; NaN where the largest values are all equal. The standard error
        follows from the process of largest values of a law with index xi by integrals of powers of v.

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, too few values or one that is not positive and finite; if it is not real; if the kernel
        is unknown.

    References
    ----------
    .. [1] P. Groeneboom, H. P. Lopuhaä, P. P. de Wolf, Ann. Stat. 31, 1956 (2003).

    Examples
    --------
    >>> x = np.random.default_rng(1).pareto(2.0, 10_000) + 1
    >>> kernel(x)
    TailEstimate(kernel, k up to 10000; xi = 0.5... +- 0.0... at k = ...)
    """
    shape = KERNELS[as_choice("kernel", "kernel", kernel, tuple(KERNELS))]
    values = ascending_values("kernel", x, 3)
    gaps = log_gaps(values)
    i = np.arange(1.0, values.size)
    k = np.arange(2, values.size + 1)
    # Sums over i < k of v^p d for p = 1, 3, ... and 0.6, 2.6, ..., each power from the one before.
    whole, part = i * gaps, i**POWER * gaps
    whole_scale, part_scale = 1.0 * k, k**POWER
    first, below, above = np.zeros(k.size), np.zeros(k.size), np.zeros(k.size)
    for m, c in enumerate(shape):
        first += c * np.cumsum(whole) / whole_scale
        term = c * np.cumsum(part) / part_scale
        below += term
        above += (POWER + 1 + 2 * m) * term
        for up, by in ((whole, i), (part, i), (whole_scale, k), (part_scale, k)):
            up *= by
            up *= by
    with np.errstate(divide="ignore", invalid="ignore"):
        xi = first - 1 + above / below
    xi[~(below > 0)] = np.nan
    return TailEstimate("kernel", k, xi, np.sqrt(_kernel_variance(shape, xi) / k))


def _kernel_variance(shape: Array, xi: Array) -> Array:
    """k times the asymptotic variance of the kernel estimator."""
    return np.asarray(spread(kernel_terms(shape, xi)))


Terms = list[tuple[Any, Any]]


def kernel_terms(shape: Array, xi: Any) -> Terms:
    """Weights w and exponents s of the fluctuation sum w int v^(s-1) W(v) dv / sqrt(k) of the kernel estimator.

    The estimator is linear in the gaps to first order, with weights phi(v) = sum c v^p. The gaps are those of -log v
    for xi >= 0 and of v^g / g, g = -xi, for xi < 0, v being a Poisson process: its fluctuation W(v) / sqrt(k) enters as
    int phi' v^(g-1) W dv.
    """
    xi = np.asarray(xi)
    g = np.maximum(-xi, 0)
    power = POWER + 2 * np.arange(shape.size)
    norm = (shape / (power + g[..., None])).sum(axis=-1)
    terms: Terms = [(c * (p + g) / norm * p, p + g - 1) for c, p in zip(shape, power, strict=True)]
    return terms + [(np.maximum(xi, 0) * c * (1 + 2 * m), 2 * m + g) for m, c in enumerate(shape)]


def spread(terms: Terms) -> Any:
    """The variance of such a sum: one over pairs of powers."""
    return sum(w * u * (2 + s + t) / ((1 + s) * (1 + t) * (1 + s + t)) for w, s in terms for u, t in terms)


def _regression_parts(function: str, x: ArrayLike, threads: int | None) -> tuple[Array, Array]:
    """The values, ascending, and Hill's estimates."""
    values = ascending_values(function, x, 3)
    return values, _core.tails.hill(values, as_threads(function, threads))[0]


def qq(x: ArrayLike, *, threads: int | None = None) -> TailEstimate:
    """The slope of the quantile plot of the logarithms of the largest values, an estimate of a positive index.

    Least squares of ``log x_i`` on ``-log(i / (k + 1))``, i = 1..k, over the values in descending order [1]_.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 3.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    TailEstimate
        For k = 2..n-1. The standard error is ``xi sqrt(2 / k)``.

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, too few values or one that is not positive and finite; if it is not real.

    References
    ----------
    .. [1] M. Kratz, S. Resnick, Stochastic Models 12, 699 (1996).

    Examples
    --------
    >>> qq([1.0, 2.0, 4.0]).xi
    array([1.])
    """
    _, hill = _regression_parts("qq", x, threads)
    k = np.arange(2, hill.size + 1)
    # The k-th point lies H below the mean of the others in log x and L below it in -log i; products of both add up to
    # the covariance, and no two large sums are subtracted.
    lag = np.log(k) - gammaln(k) / (k - 1)
    weight = (k - 1) / k
    xi = np.cumsum(weight * hill[:-1] * lag) / np.cumsum(weight * lag**2)
    return TailEstimate("qq", k, xi, xi * np.sqrt(2 / k))


def rank(x: ArrayLike, *, threads: int | None = None) -> TailEstimate:
    """The regression of log(rank - 1/2) on the logarithm of size, whose shift removes most of the bias.

    Least squares of ``log(i - 1/2)`` on ``log x_i``, i = 1..k, over the values in descending order; the slope is minus
    the tail index 1/xi [1]_.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 3.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    TailEstimate
        For k = 2..n-1; NaN where the largest values are all equal. The standard error is ``xi sqrt(2 / k)``: that of
        the tail index is ``sqrt(2 / k) / xi``, and not what least squares would report.

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, too few values or one that is not positive and finite; if it is not real.

    References
    ----------
    .. [1] X. Gabaix, R. Ibragimov, J. Bus. Econ. Stat. 29, 24 (2011).

    Examples
    --------
    >>> x = np.random.default_rng(1).pareto(2.0, 10_000) + 1
    >>> rank(x)
    TailEstimate(rank, k up to 9999; xi = 0.5... +- 0.0... at k = ...)
    """
    _, hill = _regression_parts("rank", x, threads)
    k = np.arange(2, hill.size + 1)
    # The mean of log(i - 1/2) over i < k is (log Gamma(k - 1/2) - log Gamma(1/2)) / (k - 1).
    lag = np.log(k - 0.5) - (gammaln(k - 0.5) - gammaln(0.5)) / (k - 1)
    weight = (k - 1) / k
    with np.errstate(divide="ignore", invalid="ignore"):
        xi = np.cumsum(weight * hill[:-1] ** 2) / np.cumsum(weight * hill[:-1] * lag)
    xi[~(xi > 0)] = np.nan
    return TailEstimate("rank", k, xi, xi * np.sqrt(2 / k))
