"""The networks that the experiments train, and what is measured on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..linalg import svd
from ..networks import MLP, Network
from ..signal import Bulk, fit_bulk
from ..spectra import PorterThomas, porter_thomas
from ..training import Dataset, Training, train

EPSILON = float(np.finfo(np.float32).eps)
"""Of what the weights are stored in."""


def start(data: Dataset, width: int, seed: int, *, sigma_w: float, hidden: int = 3) -> Network:
    """A relu network with Gaussian weights, float32; layers 2 to `hidden` are square."""
    widths = [data.x.shape[1], *[width] * hidden, data.classes]
    return MLP(widths, "relu", sigma_w=sigma_w).sample(np.random.default_rng([seed, 0]), dtype=np.float32)


def fit(network: Network, data: Dataset, seed: int, threads: int, **settings: Any) -> Training:
    """Trained on the data; momentum 0.9 and batches of 32 where nothing else is said."""
    given: dict[str, Any] = {"rate": 0.05, "momentum": 0.9, "batch": 32, "y": data.y} | settings
    labels = given.pop("y")
    rng = np.random.default_rng([seed, 1])
    return train(network, data.x, labels, test=(data.x_test, data.y_test), rng=rng, threads=threads, **given)


@dataclass(frozen=True)
class Decomposed:
    """A weight matrix by its singular values and vectors."""

    values: NDArray[np.float64]
    shape: tuple[int, int]
    bulk: Bulk
    left: PorterThomas
    right: PorterThomas

    @property
    def levels(self) -> NDArray[np.float64]:
        """The singular values without outliers and without zeros, ascending."""
        return np.asarray(self.bulk.values[::-1])

    def rejected(self, level: float) -> int:
        """Vectors, left and right, whose p-value is below the level."""
        return int(sum(np.count_nonzero(side.p_values < level) for side in (self.left, self.right)))


def decomposed(weight: NDArray[Any], threads: int) -> Decomposed:
    """Values, bulk and vectors of one matrix."""
    wide = np.asarray(weight, np.float64)
    u, s, vt = svd(wide, threads=threads)
    shape = (wide.shape[0], wide.shape[1])
    left, right = (porter_thomas(v, threads=threads) for v in (u, vt.T))
    return Decomposed(np.asarray(s), shape, fit_bulk(s, shape, precision=EPSILON), left, right)


def square_layers(network: Network) -> Sequence[NDArray[Any]]:
    """All but the first and the last."""
    return network.weights[1:-1]


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's; 0 if all of one are equal."""
    from scipy.stats import spearmanr  # slow to import

    return float(spearmanr(a, b).statistic) if len(set(a)) > 1 and len(set(b)) > 1 else 0.0


def rise(counts: Sequence[float]) -> float:
    """How far the last number lies above the first, in standard deviations of the difference of two Poisson numbers."""
    return float((counts[-1] - counts[0]) / max(1.0, counts[-1] + counts[0]) ** 0.5)


def worst_fall(counts: Sequence[float]) -> float:
    """The largest fall from an earlier number to a later one, in the same standard deviations; 0 if there is none.

    Numbers that go up and then stay where they are scatter about one value: ranks would make an order of that.
    """
    pairs = ((a, b) for at, a in enumerate(counts) for b in counts[at + 1 :])
    return max((float(max(a - b, 0) / max(1.0, a + b) ** 0.5) for a, b in pairs), default=0.0)
