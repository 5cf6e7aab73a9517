"""How many of the largest values to use: the double bootstrap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import RNG, as_choice, as_count, as_key, as_threads
from .._display import Displayed
from . import _kernel_choice
from ._estimates import kernel
from ._values import Array, ascending_values, log_gaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_KERNEL = 5  # of fewer values the kernels' difference is that of two or three gaps


@dataclass(frozen=True, repr=False, eq=False)
class TailSize(Displayed):
    """How many of the largest values give an estimate with the least mean squared error; made by `choose_k`.

    Attributes
    ----------
    k : int
        That number.
    xi, stderr : float
        The estimate there and its standard error, which does not include the choice of k.
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
    estimator : {"hill", "kernel"}
        Whose.

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
    estimator: str = "hill"

    def __repr__(self) -> str:
        doubt = "" if self.reliable else ", not reliable"
        return f"TailSize({self.estimator}, k={self.k}: xi={self.xi:.4g} +- {self.stderr:.2g}{doubt})"

    def to_dict(self) -> dict[str, Any]:
        """The numbers, without the criteria, for JSON."""
        names = ("estimator", "k", "xi", "stderr", "rho", "reliable", "k1", "k2", "n1", "n2")
        return {name: getattr(self, name) for name in names}

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw both criteria and their minima; `options` go to `deeprmt.plots.tail_size`."""
        from ..plots import tail_size

        return tail_size(self, ax=ax, **options)


def choose_k(
    x: ArrayLike,
    *,
    estimator: str = "hill",
    samples: int = 500,
    n1: int | None = None,
    rng: RNG = 0,
    threads: int | None = None,
) -> TailSize:
    """Choose how many of the largest values an estimator uses, by a double bootstrap.

    Over resamples of n1 values, drawn with replacement, the k with the least mean square of the difference of two
    estimates balances variance and bias; so it does for n2 = n1^2 / n. The two tell how k grows with the number of
    values, and so the best one for all of them. For Hill's estimator the difference is ``M2 - 2 M1^2``, Mj being the
    mean of ``log(x_i / x_{k+1})^j`` [1]_, [2]_; for the kernel estimator that of a biweight and a triweight kernel
    [3]_.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 20, not all equal.
    estimator : {"hill", "kernel"}, default "hill"
        `hill` is for a positive index. `kernel`, with the biweight kernel, is for any: light tails and those that end
        too.
    samples : int, default 500
        Resamples of each size. For "kernel" 500 take 0.15 s for 1000 values, and 5 s for 10^5.
    n1 : int, optional
        Size of the larger resamples, with n1^2 / n >= 10. Default: ``n^0.95``.
    rng : int, SeedSequence or Generator, default 0
        As `numpy.random.default_rng` takes it. A seed, also the default, gives the same choice each time.
    threads : int, optional
        For "hill". Default: every core this process may use. Never changes the result.

    Returns
    -------
    TailSize
        `k`, and the `xi` and `stderr` there. It answers for any values: ask `plateau` or `verdict` whether there is
        a power law to estimate.

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, too few values, one that is not positive and finite, or only equal ones; if n1 is too
        small or above n; if x is not real; if the estimator is unknown.

    Notes
    -----
    From the best k for a difference follows that for the estimator by a factor that depends on the second-order index
    rho. For the kernels it follows from their variances and biases at the index found first; it is held within 1/4 and
    4. For 300 to 2000 values of laws with an index between -1 and 1 the root mean square error of the kernel estimate
    is then 1 to 2.5 times that at the best k, which nobody knows; for exponential numbers, whose logarithms have a bias
    that the criterion hardly sees, 3 to 6 times.

    References
    ----------
    .. [1] J. Danielsson, L. de Haan, L. Peng, C. G. de Vries, J. Multivariate Anal. 76, 226 (2001).
    .. [2] Y. Qi, Extremes 11, 81 (2008).
    .. [3] P. Groeneboom, H. P. Lopuhaä, P. P. de Wolf, Ann. Stat. 31, 1956 (2003).

    Examples
    --------
    >>> x = 1 / np.random.default_rng(1).random(2000) - 0.5  # a power law with xi = 1, shifted
    >>> choose_k(x)
    TailSize(hill, k=...: xi=1.0... +- 0.0...)
    >>> u = np.random.default_rng(1).random(1000)  # ends at 1: xi = -1
    >>> choose_k(u, estimator="kernel", samples=100).xi < -0.7
    True
    """
    name = "choose_k"
    kernels = as_choice(name, "estimator", estimator, ("hill", "kernel")) == "kernel"
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
        if kernels:
            criterion = _kernel_choice.criterion(depth, size, count, key, part)
        else:
            criterion = _core.tails.bootstrap_criterion(depth, size, count, key, part, workers)
        # Very small k have noise alone; at the very largest the least values decide.
        low, high = max(_LEAST_KERNEL if kernels else 2, math.ceil(0.01 * size)), max(3, math.floor(0.9 * size))
        at = low + int(np.argmin(criterion[low - 1 : high]))
        inside = inside and low < at < high
        minima.append(at)
        criteria.append(criterion)
    k1, k2 = minima
    log_n, log_k = math.log(larger), math.log(k1)
    rho = log_k / (2 * (log_k - log_n)) if k1 < larger else -math.inf
    if kernels:
        estimates = kernel(values)
        first = float(estimates.xi[min(max(round(k1 * k1 / k2), 2), n - 1) - 2])
        grow = _kernel_choice.factor(first, rho) if math.isfinite(first) and math.isfinite(rho) else 1.0
    else:
        grow = (log_k / (2 * log_n - log_k)) ** (2 * (log_n - log_k) / log_n)
    k = min(max(round(k1 * k1 / k2 * grow), 2), n - 1)
    if kernels:
        xi, stderr = float(estimates.xi[k - 2]), float(estimates.stderr[k - 2])
    else:
        xi = float(_core.tails.hill(values, workers)[0][k - 1])
        stderr = xi / math.sqrt(k)
    reliable = bool(inside and k2 < k1 and 2 < k < 0.9 * n and math.isfinite(xi))
    return TailSize(k, xi, stderr, rho, reliable, k1, k2, larger, smaller, criteria[0], criteria[1], estimator)
