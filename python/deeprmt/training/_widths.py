"""One network at several widths or depths, learning rates and runs: what tools that compare networks share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import RNG, Floats, as_count, as_counts, as_key, as_real, as_threads, refuse_non_finite, shown
from ..networks import MLP, Network

Array = NDArray[np.float64]


def as_mlp(function: str, mlp: object) -> MLP:
    """A network with a hidden layer."""
    if not isinstance(mlp, MLP):
        raise TypeError(f"{function}: mlp must be a deeprmt.networks.MLP, got {type(mlp).__name__}")
    if mlp.depth < 2:
        raise ValueError(f"{function}: mlp.widths must name a hidden layer, got {list(mlp.widths)}")
    return mlp


def with_widths(mlp: MLP, widths: Sequence[int]) -> MLP:
    """The same with other widths."""
    return MLP(
        widths,
        mlp.activation,
        weights=mlp.weights,
        sigma_w=mlp.sigma_w,
        sigma_b=mlp.sigma_b,
        parametrization=mlp.parametrization,
    )


def at_width(mlp: MLP, width: int) -> MLP:
    """The same with `width` units in the first hidden layer, and as many times more or fewer in the other ones."""
    first, *rest = mlp.widths[1:-1]
    return with_widths(
        mlp, [mlp.widths[0], width, *[max(1, round(each * width / first)) for each in rest], mlp.widths[-1]]
    )


def at_depth(mlp: MLP, depth: int) -> MLP:
    """The same with `depth` weight matrices: hidden layers as wide as the first one."""
    return with_widths(mlp, [mlp.widths[0], *[mlp.widths[1]] * (depth - 1), mlp.widths[-1]])


def ascending(function: str, argument: str, values: Any, least: int, number: int, most: int) -> list[int]:
    """Whole numbers that ascend, at least `number` of them."""
    levels = as_counts(function, argument, values, least, most)
    if len(levels) < number or any(b <= a for a, b in pairwise(levels)):
        wish = f"must ascend, at least {'two' if number > 1 else 'one'} of them"
        raise ValueError(f"{function}: {argument} {wish}, got {shown(levels)}")
    return levels


def as_rates(function: str, rates: ArrayLike) -> Array:
    """Learning rates, positive and ascending."""
    grid = as_real(function, "rates", rates).astype(np.float64)
    refuse_non_finite(function, "rates", grid)
    if grid.ndim != 1 or not grid.size or grid[0] <= 0 or (np.diff(grid) <= 0).any():
        raise ValueError(f"{function}: rates must be positive and ascend, at least one, got {shown(rates)}")
    return grid


@dataclass(frozen=True)
class Runs:
    """Networks of several widths, each drawn a few times, what they learn from and for how long."""

    networks: list[MLP]
    rows: Floats
    steps: int
    draws: int
    key: int
    threads: int

    @property
    def widths(self) -> NDArray[np.int64]:
        """Of the first hidden layer."""
        return np.array([each.widths[1] for each in self.networks])

    def each(self) -> Iterator[tuple[int, int]]:
        """Which width and which draw, of every network."""
        return ((i, draw) for i in range(len(self.networks)) for draw in range(self.draws))

    def start(self, i: int, draw: int) -> Network:
        """The network before training."""
        return self.networks[i].sample(np.random.default_rng([self.key, draw]), threads=self.threads)


def threads_in_tasks(function: str, threads: int | None, executor: Executor | None) -> int:
    """One in each task of an executor, which has its own workers, unless asked for more."""
    return 1 if executor is not None and threads is None else as_threads(function, threads)


def as_runs(
    function: str,
    mlp: object,
    widths: Any,
    x: ArrayLike,
    steps: int,
    draws: int,
    rng: RNG,
    threads: int | None,
    executor: Executor | None,
) -> Runs:
    """What is asked for, checked."""
    mlp = as_mlp(function, mlp)
    levels = ascending(function, "widths", widths, least=1, number=2, most=2**31 - 1)
    count, runs = as_count(function, "steps", steps), as_count(function, "draws", draws)
    workers = threads_in_tasks(function, threads, executor)
    key = as_key(function, rng)
    rows = as_real(function, "x", x).astype(np.float64)
    if rows.ndim != 2 or rows.shape[1] != mlp.widths[0] or not len(rows):
        raise ValueError(f"{function}: x must have shape (n, {mlp.widths[0]}), got {rows.shape}")
    refuse_non_finite(function, "x", rows)
    return Runs([at_width(mlp, width) for width in levels], rows, count, runs, key, workers)
