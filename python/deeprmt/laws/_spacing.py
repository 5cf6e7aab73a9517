"""The exact law of the spacing of neighbouring levels in the bulk of a large random matrix."""

from __future__ import annotations

from math import inf

import numpy as np

from ._law import Array
from ._tabulated import Tabulated

__all__ = ["Spacing"]


class Spacing(Tabulated):
    """The spacing of neighbouring unfolded levels; made by `deeprmt.spectra.spacing_law`, which says more.

    Parameters
    ----------
    beta : {1, 2, 4}
        Dyson's index.

    Examples
    --------
    >>> round(float(Spacing(2).var()), 12)
    0.179993877692
    """

    _domain = "bulk"

    def __init__(self, beta: int) -> None:
        super().__init__(beta, "spacing_law")

    @property
    def _factor(self) -> float:
        return 2.0 if self.beta == 4 else 1.0

    @property
    def _power(self) -> int:
        return self.beta

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return [(0.0, inf)]

    def _moment(self, k: int) -> float:
        return 1.0 if k == 1 else super()._moment(k)

    def _grid(self) -> Array:
        return np.concatenate([[1e-170], np.linspace(0.005, 8.0, 1600)])  # beyond: a straight line, and sf < 2^-54
