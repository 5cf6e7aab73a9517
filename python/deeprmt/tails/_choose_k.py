"""How many of the largest values to use: the double bootstrap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import RNG, as_count, as_key, as_threads
from .._display import Displayed
from ._values import Array, ascending_values, log_gaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class TailSize(Displayed):
    """How many of the largest values give Hill's estimate with the least mean squared error; made by `choose_k`.

    Attributes
    ----------
    k : int
        That number.
    xi, stderr : float
        Hill's estimate there and its standard error, which does not include the choice of k.
    rho : float
        The second-order index, negative: the smaller, the faster the tail approaches a power law.
    reliable : bool
        Whether the criterion had both minima inside their ranges, the one of the smaller resamples at the smaller k,
        and k is below nine tenths of the values. If not, the tail has no bias to be traded against variance (an exact
        power law) or no power law at all.
    k1, k2 : int
        Where the criterion is least for resamples of n1 and of n2 values.
    n1, n2 : int
        Sizes of the resamples.
    criterion1, criterion2 : ndarray of float64
        The criterion for k = 1..n1-1 and 1..n2-1.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import tails
    >>> found = tails.choose_k(1 / np.random.default_rng(1).random(2000) - 0.5)
    >>> found.n2 < found.n1 < 2000, bool(found.rho < 0), bool(abs(found.xi - 1) < 0.3)
    (True, True, True)
    """

    k: int
    xi: float
    stderr: float
    rho: float
    reliable: bool
    k1: int
    k2: int
    n1: int
    n2: int
    criterion1: Array
    criterion2: Array

    def __repr__(self) -> str:
        doubt = "" if self.reliable else ", not reliable"
        return f"TailSize(k={self.k}: xi={self.xi:.4g} +- {self.stderr:.2g}{doubt})"

    def to_dict(self) -> dict[str, Any]:
        """The numbers, without the criteria, for JSON."""
        names = ("k", "xi", "stderr", "rho", "reliable", "k1", "k2", "n1", "n2")
        return {name: getattr(self, name) for name in names}

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw both criteria and their minima; `options` go to `deeprmt.plots.tail_size`."""
        from ..plots import tail_size

        return tail_size(self, ax=ax, **options)


def choose_k(
    x: ArrayLike, *, samples: int = 500, n1: int | None = None, rng: RNG = 0, threads: int | None = None
) -> TailSize:
    """Choose how many of the largest values Hill's estimator uses, by the double bootstrap.

    Over resamples of n1 values, drawn with replacement, the k with the least mean of ``(M2 - 2 M1^2)^2`` balances
    variance and bias, Mj being the mean of ``log(x_i / x_{k+1})^j``; so it does for n2 = n1^2 / n. The two tell how k
    grows with the number of values, and so the best one for all of them [1]_, [2]_.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 20, not all equal.
    samples : int, default 500
        Resamples of each size.
    n1 : int, optional
        Size of the larger resamples, with n1^2 / n >= 10. Default: ``n^0.95``.
    rng : int, SeedSequence or Generator, default 0
        As `numpy.random.default_rng` takes it. A seed, also the default, gives the same choice each time.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    TailSize
        `k`, and Hill's `xi` and `stderr` there. It answers for any values: ask `plateau` or `verdict` whether there is
        a power law to estimate.

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, too few values, one that is not positive and finite, or only equal ones; if n1 is too
        small or above n; if x is not real.

    References
    ----------
    .. [1] J. Danielsson, L. de Haan, L. Peng, C. G. de Vries, J. Multivariate Anal. 76, 226 (2001).
    .. [2] Y. Qi, Extremes 11, 81 (2008).

    Examples
    --------
    >>> x = 1 / np.random.default_rng(1).random(2000) - 0.5  # a power law with xi = 1, shifted
    >>> choose_k(x)
    TailSize(k=...: xi=1.0... +- 0.0...)
    """
    name = "choose_k"
    values = ascending_values(name, x, 20)
    if values[0] == values[-1]:
        raise ValueError(f"{name}: x must have at least two distinct values, all {values.size} are {values[0]:g}")
    n = values.size
    count, key, workers = as_count(name, "samples", samples), as_key(name, rng), as_threads(name, threads)
    larger = round(n**0.95) if n1 is None else as_count(name, "n1", n1, math.ceil(math.sqrt(10 * n)), n)
    smaller = max(round(larger * larger / n), 10)
    depth = np.concatenate([[0.0], np.cumsum(log_gaps(values))])
    minima: list[int] = []
    criteria: list[Array] = []
    inside = True
    for part, size in enumerate((larger, smaller)):
        criterion = _core.tails.bootstrap_criterion(depth, size, count, key, part, workers)
        # Very small k have noise alone; at the very largest the least values decide.
        low, high = max(2, math.ceil(0.01 * size)), max(3, math.floor(0.9 * size))
        at = low + int(np.argmin(criterion[low - 1 : high]))
        inside = inside and low < at < high
        minima.append(at)
        criteria.append(criterion)
    k1, k2 = minima
    log_n, log_k = math.log(larger), math.log(k1)
    factor = (log_k / (2 * log_n - log_k)) ** (2 * (log_n - log_k) / log_n)
    k = min(max(round(k1 * k1 / k2 * factor), 2), n - 1)
    rho = log_k / (2 * (log_k - log_n)) if k1 < larger else -math.inf
    hill, _ = _core.tails.hill(values, workers)
    xi = float(hill[k - 1])
    reliable = bool(inside and k2 < k1 and 2 < k < 0.9 * n)
    return TailSize(k, xi, xi / math.sqrt(k), rho, reliable, k1, k2, larger, smaller, criteria[0], criteria[1])
