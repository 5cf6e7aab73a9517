"""Hill's estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import as_threads
from .._display import Displayed
from ._values import ascending_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Hill", "hill"]


@dataclass(frozen=True, repr=False, eq=False)
class Hill(Displayed):
    """Hill's estimate for every number k of largest values; made by `hill`.

    Attributes
    ----------
    xi : (n - 1,) ndarray of float64
        The extreme-value index: the survival function falls like ``x^(-1/xi)``.
    stderr : (n - 1,) ndarray of float64
        The asymptotic standard error of xi for independent values, ``xi / sqrt(k)``.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import tails
    >>> found = tails.hill(np.random.default_rng(1).pareto(2.0, 10_000) + 1)
    >>> at = found.k == 500
    >>> bool(abs(found.xi[at] - 0.5) < 5 * found.stderr[at])
    True
    """

    xi: NDArray[np.float64]
    stderr: NDArray[np.float64]

    @property
    def k(self) -> NDArray[np.int64]:
        """1, ..., n - 1: how many of the largest values are used."""
        return np.arange(1, self.xi.size + 1)

    @property
    def alpha(self) -> NDArray[np.float64]:
        """The exponent of the density, ``1 + 1/xi``: p(x) falls like ``x^(-alpha)``. Infinite where xi is 0 (ties)."""
        with np.errstate(divide="ignore"):  # 1/0 is infinite on purpose
            return np.asarray(1 + 1 / self.xi)

    def __repr__(self) -> str:
        n = self.xi.size + 1
        k = max(n // 10, 1)
        return f"Hill({n} values; xi = {self.xi[k - 1]:.4g} +- {self.stderr[k - 1]:.2g} at k = {k})"

    def to_dict(self) -> dict[str, Any]:
        """The arrays as lists, for JSON."""
        return {"k": self.k.tolist(), "xi": self.xi.tolist(), "stderr": self.stderr.tolist()}

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw xi over k with its standard errors; `options` go to `deeprmt.plots.hill`."""
        from ..plots import hill

        return hill(self, ax=ax, **options)


def hill(x: ArrayLike, *, threads: int | None = None) -> Hill:
    """Hill's estimator of the extreme-value index for every number of largest values at once.

    ``xi_k = (1/k) sum_{i <= k} log(x_i / x_{k+1})`` over the values in descending order [1]_. A power law shows as a
    plateau over k; on values without a heavy tail the estimate drifts with k and means nothing.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 2. Ties are fine.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    Hill
        `k`, `xi`, `stderr` as arrays of n - 1 entries, and `alpha = 1 + 1/xi`, the exponent of the density.

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, has fewer than two values or one that is not positive and finite; if it is not real.

    References
    ----------
    .. [1] B. M. Hill, Ann. Stat. 3, 1163 (1975).

    Examples
    --------
    >>> estimate = hill([1.0, 2.0, 4.0, 8.0])
    >>> estimate.xi / np.log(2)
    array([1. , 1.5, 2. ])
    """
    ascending = ascending_values("hill", x)
    return Hill(*_core.tails.hill(ascending, as_threads("hill", threads)))
