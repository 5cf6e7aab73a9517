"""Whether the learning rate of a narrow network suits a wide one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import run
from .._arguments import RNG, as_number, speaking_for
from .._display import Displayed, plain
from ..errors import ConvergenceError
from ..networks import MLP, Network
from ._trainer import Loss, Optimizer, Trainer
from ._widths import Runs, as_rates, as_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RateTransfer", "rate_transfer"]

Array = NDArray[np.float64]
_name = "rate_transfer"
_DIVERGED = 1e3  # times the loss before training


@dataclass(frozen=True, eq=False, repr=False)
class RateTransfer(Displayed):
    """Losses after some steps over width and learning rate; made by `rate_transfer`.

    Attributes
    ----------
    widths : (w,) ndarray of int
        Of the first hidden layer, ascending.
    rates : (r,) ndarray
        Ascending.
    losses : (w, r) ndarray
        After the last step, means over draws; infinite where training diverged: the loss of one draw grew to 1000
        times that before training, or left all bounds.
    before : (w,) ndarray
        The losses before training.
    steps : int
        How many there were.
    mlp : networks.MLP
        What was asked for.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(16, 8)), rng.normal(size=(16, 1))
    >>> mlp = MLP([8, 32, 32, 1], "tanh", sigma_w=1.0)
    >>> found = rate_transfer(mlp, [32, 256], x, y, rates=[0.003, 0.03, 0.3], steps=10, rng=0)
    >>> found.shortfall > 10, bool(found.exponent < -0.5)  # the standard parametrization does not transfer rates
    (True, True)
    """

    widths: NDArray[np.int64]
    rates: Array
    losses: Array
    before: Array
    steps: int
    mlp: MLP

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """(w, r): where training left all bounds."""
        return ~np.isfinite(self.losses)

    @property
    def best(self) -> Array:
        """For each width the rate of the least loss: of a parabola through it and its neighbours, in logarithms.

        That of the grid at its ends, and beside losses that are not below ten times those before training; NaN
        where training diverged at all rates.
        """
        pairs = zip(self.losses, self.before, strict=True)
        return np.array([_minimum(np.log(self.rates), row, 10 * before) for row, before in pairs])

    @property
    def shortfall(self) -> float:
        """The loss of the widest network at the rate that is best for the narrowest one, over its own best."""
        wide, narrow = self.losses[-1], self.losses[0]
        if not (np.isfinite(wide).any() and np.isfinite(narrow).any()):
            return math.nan
        found, least = float(wide[np.argmin(narrow)]), float(wide.min())
        return found / least if least else (1.0 if found == 0 else math.inf)

    def reaching(self, level: float | None = None) -> Array:
        """For each width the least rate that brings the loss down to a level, on lines between rates, in logarithms.

        The default level is the geometric mean of the narrowest network's loss at the first rate and its least one.
        NaN where the first rate is enough already, or none is.
        """
        if level is None:
            level = math.sqrt(self.losses[0, 0]) * math.sqrt(self.losses[0].min())
        else:
            level = as_number("reaching", "level", level, above=0)
        return np.array([_crossing(self.rates, row, level) for row in self.losses])

    @property
    def exponent(self) -> float:
        """Of `reaching()` in the width: 0 where rates carry over; NaN where fewer than two widths reach it."""
        rates = self.reaching()
        known = np.isfinite(rates)
        if known.sum() < 2:
            return math.nan
        return float(np.polyfit(np.log(self.widths[known]), np.log(rates[known]), 1)[0])

    def to_dict(self) -> dict[str, Any]:
        """All numbers; None for what is not finite."""
        names = ("rates", "losses", "before", "diverged", "best", "shortfall", "exponent")
        content = {name: plain(getattr(self, name)) for name in names}
        return {"widths": self.widths.tolist(), "steps": self.steps} | content

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the losses over the rate, a line a width, and mark the best rates."""
        from ..plots import rate_transfer

        return rate_transfer(self, ax=ax)

    def __repr__(self) -> str:
        lost = ", ".join(map(str, self.widths[self.diverged.all(axis=1)]))
        end = f", diverged at all rates at width {lost}" if lost else ""
        return (
            f"RateTransfer({self.widths.size} widths {self.widths[0]}..{self.widths[-1]}, {self.rates.size} rates,"
            f" {self.steps} steps: best rates {self.best[0]:.3g}..{self.best[-1]:.3g},"
            f" shortfall of the widest {self.shortfall:.3g}{end})"
        )


def rate_transfer(
    mlp: MLP,
    widths: Sequence[int],
    x: ArrayLike,
    y: ArrayLike,
    *,
    rates: ArrayLike,
    steps: int = 20,
    optimizer: Optimizer = "sgd",
    loss: Loss = "squared",
    epsilon: float = 1e-8,
    draws: int = 3,
    rng: RNG = None,
    threads: int | None = None,
    executor: Executor | None = None,
) -> RateTransfer:
    """Train a network at several widths and rates, to see whether the best rate of a narrow one suits a wide one.

    It does in muP [1]_, of gradient descent and of Adam, each with its own rates of layers.

    Parameters
    ----------
    mlp : MLP
        The network; hidden layers keep their proportions.
    widths : sequence of int
        Of the first hidden layer, ascending, at least two.
    x : (n, n_0) array_like of real
        Inputs.
    y : (n, n_L) array_like of real, or (n,) array_like of int
        Values or labels.
    rates : array_like of real
        Ascending and positive.
    steps : int, default 20
        Of training with all samples.
    optimizer : {"sgd", "adam"}
        As in `Trainer`.
    loss : {"squared", "cross-entropy"}
        As in `Trainer`.
    epsilon : float, default 1e-8
        Of Adam: must be below the gradients of the widest network.
    draws : int, default 3
        Networks a width, the same at every rate, over which losses are averaged.
    rng : optional
        Anything that `numpy.random.default_rng` takes.
    threads : int, optional
        Default: every core this process may use, or 1 in each task of an executor. Never changes the result.
    executor : concurrent.futures.Executor, optional
        Where to train networks, as `deeprmt.run.map` has it: a task is a draw at a width and a rate. Never changes the
        result.

    Returns
    -------
    RateTransfer
        `.losses`, `.best`, `.shortfall`, `.exponent`, `.reaching()`, `.plot()`.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, a number is out of range, or widths or rates do not ascend.

    References
    ----------
    .. [1] G. Yang et al., Tensor programs V: tuning large neural networks via zero-shot hyperparameter transfer,
       NeurIPS (2021), arXiv:2203.03466.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(16, 8)), rng.normal(size=(16, 1))
    >>> mlp = MLP([8, 32, 32, 1], "tanh", sigma_w=1.0, parametrization="mup")
    >>> found = rate_transfer(mlp, [32, 256], x, y, rates=[0.01, 0.03, 0.1, 0.3], steps=10, rng=0)
    >>> found.losses.shape, found.shortfall < 1.2
    ((2, 4), True)
    """
    runs = as_runs(_name, mlp, widths, x, steps, draws, rng, threads, executor)
    grid = as_rates(_name, rates)
    options: dict[str, Any] = {"loss": loss, "optimizer": optimizer, "epsilon": epsilon, "threads": runs.threads}
    losses, before = np.zeros((len(runs.networks), grid.size)), np.zeros(len(runs.networks))
    # Workers draw a network again for each of its rates; here one serves all of them.
    parts = [slice(None)] if executor is None else [slice(j, j + 1) for j in range(grid.size)]
    tasks = [(*which, part) for which in runs.each() for part in parts]
    with speaking_for(_name, "Trainer", "sample", "run.map"):
        found = run.map(_Draw(runs, y, grid, options), tasks, executor=executor)
    for (i, _, part), (first, last) in zip(tasks, found, strict=True):
        losses[i, part] += last / runs.draws
        if part == parts[0]:
            before[i] += first / runs.draws
    return RateTransfer(runs.widths, grid, losses, before, runs.steps, mlp)


@dataclass(frozen=True)
class _Draw:
    """The loss of one network before training, and after it at some of the rates: a task for any executor."""

    runs: Runs
    y: ArrayLike
    grid: Array
    options: dict[str, Any]

    def __call__(self, task: tuple[int, int, slice]) -> tuple[float, Array]:
        *which, part = task
        runs, start = self.runs, self.runs.start(*which)
        first = Trainer(start, runs.rows, self.y, rate=1.0, rng=0, **self.options).evaluate()[0]
        last = [
            _loss(start, runs.rows, self.y, float(rate), runs.steps, _DIVERGED * first, self.options)
            for rate in self.grid[part]
        ]
        return first, np.array(last)


def _loss(network: Network, x: Any, y: Any, rate: float, steps: int, most: float, options: Any) -> float:
    """After the steps; infinite if it left all bounds."""
    trainer = Trainer(network, x, y, rate=rate, rng=0, **options)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                if not trainer.step() <= most:
                    return math.inf
            last = trainer.evaluate()[0]
    except (ConvergenceError, ValueError):  # signals that are not finite
        return math.inf
    return last if last <= most else math.inf


def _crossing(rates: Array, losses: Array, level: float) -> float:
    below = losses <= level
    after = int(np.argmax(below))
    if after == 0 or not np.isfinite(losses[after - 1]):
        return math.nan
    if losses[after] == 0:
        return float(rates[after])
    share = math.log(losses[after - 1] / level) / math.log(losses[after - 1] / losses[after])
    return float(rates[after - 1] * (rates[after] / rates[after - 1]) ** share)


def _minimum(x: Array, losses: Array, most: float) -> float:
    if not np.isfinite(losses).any():
        return math.nan
    at = int(np.argmin(losses))
    near = slice(at - 1, at + 2)
    if 0 < at < len(x) - 1 and losses[at] > 0 and losses[near].max() < most:
        bend, slope, _ = np.polyfit(x[near] - x[at], np.log(losses[near]), 2)
        if bend > 0:
            return float(np.exp(x[at] - slope / (2 * bend)))
    return float(np.exp(x[at]))
