"""The law of a sample: equal masses at the values found."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import as_real
from ._law import Array
from ._point_masses import PointMasses

__all__ = ["Empirical"]


class Empirical(PointMasses):
    """The law that gives each of the values the same mass: atoms only.

    Parameters
    ----------
    values : array_like of real
        Finite, at least one, in any order and shape; equal values make one atom.

    Examples
    --------
    >>> law = Empirical([3.0, 1.0, 1.0, 2.0])
    >>> law.cdf([0.5, 1.0, 2.5])
    array([0.  , 0.5 , 0.75])
    >>> law.median()
    np.float64(1.0)
    """

    def __init__(self, values: ArrayLike) -> None:
        x = np.sort(as_real("Empirical", "values", values).astype(np.float64), axis=None)
        if x.size == 0 or not np.isfinite(x[[0, -1]]).all():  # NaN is sorted to the end
            found = f"found {x[0] if np.isfinite(x[-1]) else x[-1]}" if x.size else "got none"
            raise ValueError(f"Empirical: values must be finite and at least one, {found}")
        x.flags.writeable = False
        self.values = x
        locations, counts = np.unique(x, return_counts=True)
        self._place(locations, counts / x.size)

    def __repr__(self) -> str:
        return f"Empirical({self.values.size} values from {self.values[0]:.6g} to {self.values[-1]:.6g})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Empirical) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash(self.values.tobytes())

    def _cdf(self, x: Array) -> Array:
        return np.searchsorted(self.values, x, side="right") / self.values.size

    def _sf(self, x: Array) -> Array:
        return (self.values.size - np.searchsorted(self.values, x, side="right")) / self.values.size

    def _ppf(self, q: Array) -> Array:
        # The least x with cdf >= q; q n may round to either side of a whole number.
        n = self.values.size
        i = np.clip(np.ceil(q * n).astype(np.int64) - 1, 0, n - 1)
        i = np.where((i > 0) & (i / n >= q), i - 1, i)
        return self.values[np.where((i + 1) / n < q, np.minimum(i + 1, n - 1), i)]

    def _moment(self, k: int) -> float:
        return float(np.mean(self.values**k))

    def var(self) -> np.float64:
        """The variance, 1/n times the sum of squared deviations."""
        return np.float64(np.var(self.values))
