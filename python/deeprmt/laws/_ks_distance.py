"""The Kolmogorov-Smirnov distance of values to a law that may have atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ._law import Law

__all__ = ["ks_distance"]

Array = NDArray[np.float64]


def ks_distance(law: Law, x: Array) -> float:
    """How far the distribution functions of the law and of the values x are apart at most."""
    points, counts = np.unique(x, return_counts=True)
    after = np.cumsum(counts) / x.size
    before = after - counts / x.size
    cdf = np.asarray(law.cdf(points))
    distance = np.maximum(np.abs(after - cdf), np.abs(before - cdf))
    locations, masses = np.array(sorted(law.atoms())).reshape(-1, 2).T
    if not locations.size:
        return float(distance.max())
    middles = (locations[1:] + locations[:-1]) / 2
    reach = 1e-9 * np.abs(points).max()
    nearest = np.searchsorted(middles, points)
    beside = np.abs(points - locations[nearest]) <= reach
    distance = np.where(beside, distance - masses[nearest], distance)
    # Where the stretches in doubt end nothing is.
    low = np.maximum(locations - reach, np.concatenate([[-np.inf], middles]))
    high = np.minimum(locations + reach, np.concatenate([middles, [np.inf]]))
    ranks = np.searchsorted(points, low, side="left"), np.searchsorted(points, high, side="right")
    counted = np.concatenate([[0.0], after])[np.concatenate(ranks)]
    ends = np.asarray(law.cdf(np.concatenate([low, high])))
    ends[: locations.size] -= np.where(low == locations, masses, 0.0)  # the stretch is the atom alone
    return float(max(0.0, distance.max(), np.abs(counted - ends).max()))
