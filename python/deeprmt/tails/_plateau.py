"""Whether Hill's estimate is constant, within its errors, over a range of k."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import as_count, as_number
from .._display import Displayed
from ._hill import Hill, hill
from ._ks import ks_sf
from ._values import Array, ascending_values, log_gaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class Plateau(Displayed):
    """Whether Hill's estimate has a plateau; made by `plateau`.

    Attributes
    ----------
    exists : bool
        Whether the `least` largest values may be those of a power law: p_value >= level.
    p_value : float
        Uniform for independent values whose `least` largest follow a power law.
    least : int
        How many values the plateau must span.
    k : int
        How far it extends: up to there every range on the grid passes; 0 if there is none.
    xi, stderr : float
        Hill's estimate at k and its standard error; NaN if there is no plateau.
    level : float
        Of each test.
    tried : ndarray of int64
        The ranges 1..K that were tested, up to the first that fails.
    p_values : ndarray of float64
        Theirs.
    estimate : Hill
        Hill's estimate for all k.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import tails
    >>> found = tails.plateau(np.random.default_rng(1).pareto(2.0, 5000) + 1)
    >>> found.exists, bool(abs(found.xi - 0.5) < 5 * found.stderr)
    (True, True)
    """

    exists: bool
    p_value: float
    least: int
    level: float
    estimate: Hill = field(repr=False)
    _sums: Array = field(repr=False)

    @property
    def tried(self) -> NDArray[np.int64]:
        return self._ranges[0]

    @property
    def p_values(self) -> Array:
        return self._ranges[1]

    @property
    def k(self) -> int:
        passed = int(np.count_nonzero(self.p_values >= self.level))
        return int(self.tried[passed - 1]) if passed else 0

    @property
    def xi(self) -> float:
        return float(self.estimate.xi[self.k - 1]) if self.exists else np.nan

    @property
    def stderr(self) -> float:
        return float(self.estimate.stderr[self.k - 1]) if self.exists else np.nan

    @cached_property
    def _ranges(self) -> tuple[NDArray[np.int64], Array]:
        """The grid up to the first range that fails: when it is asked for, because each exact p-value takes a while."""
        n = self._sums.size + 1
        grid = np.unique(np.append(np.round(np.geomspace(self.least, n - 1, 24)).astype(np.int64), self.least))
        p_values = [self.p_value]
        while p_values[-1] >= self.level and len(p_values) < grid.size:
            p_values.append(_p_value(self._sums[: grid[len(p_values)]]))
        return grid[: len(p_values)], np.array(p_values)

    def __repr__(self) -> str:
        if not self.exists:
            return f"Plateau(none over the {self.least} largest values, p_value={self.p_value:.3g})"
        return f"Plateau(up to k={self.k}: xi={self.xi:.4g} +- {self.stderr:.2g}, p_value={self.p_value:.3g})"

    def to_dict(self) -> dict[str, Any]:
        """The numbers and the tests, for JSON."""
        return {
            "exists": self.exists,
            "p_value": self.p_value,
            "least": self.least,
            "k": self.k,
            "xi": self.xi if self.exists else None,
            "stderr": self.stderr if self.exists else None,
            "level": self.level,
            "tried": self.tried.tolist(),
            "p_values": self.p_values.tolist(),
        }

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw Hill's estimate with the plateau, if there is one; `options` go to `deeprmt.plots.plateau`."""
        from ..plots import plateau

        return plateau(self, ax=ax, **options)


def plateau(x: ArrayLike, *, least: int | None = None, level: float = 0.05, threads: int | None = None) -> Plateau:
    """Test whether Hill's estimate is constant, within its errors, over the largest values.

    If the K + 1 largest of independent values follow a power law, ``i log(x_i / x_{i+1})`` for i = 1..K are independent
    exponential numbers, and their sums up to i over the sum up to K are K - 1 sorted uniform numbers: the test of
    Kolmogorov and Smirnov is exact, whatever the index and K. Since xi_i is the mean of the first i of them, it asks
    whether ``(i/K) xi_i / xi_K`` stays as near to i/K as that.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 5. Rounding that makes many values equal counts against a power law.
    least : int, optional
        How many of the largest values a plateau must span, 2 or more. Default: a tenth of them, at least 20 (or all).
        Any tail looks straight over few enough values.
    level : float, default 0.05
        The probability to miss a plateau of a power law over the `least` largest values.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    Plateau
        Eigenvalues repel each other and scatter less than independent values: then p-values are too large, and a
        plateau that is denied is denied all the more surely. The edge of pure noise passes: ask `verdict` first whether
        there is a tail.

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, too few values or one that is not positive and finite; if it is not real; if `least` or
        `level` is out of range.

    References
    ----------
    .. [1] M. Thamm, M. Staats, B. Rosenow, Phys. Rev. E 106, 054124 (2022), arXiv:2203.14661: weights have none.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> plateau(rng.pareto(2.0, 5000) + 1).exists, plateau(rng.exponential(size=5000)).exists
    (True, False)
    """
    name = "plateau"
    values = ascending_values(name, x, 5)
    n = values.size
    span = min(max(n // 10, 20), n - 1) if least is None else as_count(name, "least", least, 2, n - 1)
    alpha = as_number(name, "level", level, above=0)
    if alpha >= 1:
        raise ValueError(f"{name}: level must be below 1, got {level!r}")
    estimate = hill(values, threads=threads)
    sums = np.cumsum(np.arange(1, n) * log_gaps(values))
    p = _p_value(sums[:span])
    return Plateau(p >= alpha, p, span, alpha, estimate, sums)


def _p_value(sums: Array) -> float:
    """Of sums of exponential numbers, given the last: sorted uniform ones."""
    if not sums[-1] > 0:
        return 0.0
    u = sums[:-1] / sums[-1]
    i = np.arange(u.size)
    distance = max(float(((i + 1) / u.size - u).max()), float((u - i / u.size).max()))
    return ks_sf(distance, u.size)
