"""Where training diverges: losses over depth and learning rate, beside the borders that tangent kernels give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import run
from .._arguments import (
    RNG,
    Floats,
    as_array,
    as_count,
    as_key,
    as_number,
    as_real,
    refuse_non_finite,
    speaking_for,
)
from .._display import Displayed, plain
from ..errors import ConvergenceError
from ..networks import MLP, Network
from ._trainer import Trainer
from ._widths import as_mlp, as_rates, ascending, at_depth, threads_in_tasks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LearningRateMap", "learning_rate_map"]

Array = NDArray[np.float64]
_name = "learning_rate_map"
_DEEPEST = 2**20  # a network of so many layers would take a day
_DIVERGED = 1e6  # times the loss before training: nothing comes back from there


@dataclass(frozen=True, eq=False, repr=False)
class LearningRateMap(Displayed):
    """Losses after some steps over depth and learning rate; made by `learning_rate_map`.

    Attributes
    ----------
    depths : (d,) ndarray of int
        L, of the networks.
    rates : (r,) ndarray
        Of the steps, ascending.
    losses : (d, r) ndarray
        The loss after the last step over that before the first; infinite where it left all bounds.
    peaks : (d, r) ndarray
        The largest loss on the way, over that before the first step.
    border : (d,) ndarray
        2 / lambda_max by theory, as `meanfield.max_learning_rate` has it for an MLP: of the limit law at one input, of
        the infinitely wide network at a training set; NaN where it refuses the network.
    measured : (d,) ndarray
        2 / lambda_max of the networks that were trained, by their own tangent kernels before training.
    steps : int
        How many there were.
    mlp : networks.MLP
        What was asked for.

    Examples
    --------
    >>> mlp = MLP([30] * 3, "tanh", weights="haar", sigma_w=1.05)
    >>> found = learning_rate_map(mlp, depths=[2, 4], rates=[1, 7, 49], steps=9, q0=0.05, rng=0)
    >>> found.diverged
    array([[False, False,  True],
           [False,  True,  True]])
    """

    depths: NDArray[np.int64]
    rates: Array
    losses: Array
    peaks: Array
    border: Array
    measured: Array
    steps: int
    mlp: MLP

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Where the loss is larger after training than before."""
        return ~(self.losses < 1)

    @property
    def unstable(self) -> NDArray[np.bool_]:
        """Where the loss ever was larger than before training, though it may have fallen to a flatter place since."""
        return ~(self.peaks <= 1)

    @property
    def best(self) -> Array:
        """For each depth the rate with the smallest loss."""
        return np.asarray(self.rates[np.argmin(self.losses, axis=1)])

    def to_dict(self) -> dict[str, Any]:
        """All numbers; None for what is not finite."""
        axes = {"depths": self.depths.tolist(), "rates": self.rates.tolist(), "steps": self.steps}
        return axes | {name: plain(getattr(self, name)) for name in ("losses", "peaks", "border", "measured")}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the losses as colours, and the borders as lines."""
        from ..plots import learning_rate

        return learning_rate(self, ax=ax)

    def __repr__(self) -> str:
        return (
            f"LearningRateMap({self.depths.size} depths {self.depths[0]}..{self.depths[-1]}, {self.rates.size} rates"
            f" {self.rates[0]:.3g}..{self.rates[-1]:.3g}, {self.steps} steps, {self.diverged.mean():.0%} diverged)"
        )


def learning_rate_map(
    mlp: MLP,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    depths: Sequence[int],
    rates: ArrayLike | None = None,
    steps: int = 50,
    q0: float | None = None,
    distance: float = 0.1,
    rng: RNG = None,
    threads: int | None = None,
    executor: Executor | None = None,
) -> LearningRateMap:
    """Train networks of several depths at several learning rates, and say where theory has the border of divergence.

    With it the learning rate of one's own MLP is planned: 2 / lambda_max of the tangent kernel is the red line of [1]_.

    Parameters
    ----------
    mlp : MLP
        The network; of its hidden layers the first one's width is repeated to reach each depth.
    x : (n_0,) or (n, n_0) array_like of real, optional
        One input or a training set. Default: one random input.
    y : (n_L,) or (n, n_L) array_like of real, or (n,) array_like of int, optional
        Values or labels. Default: the output before training moved by `distance`.
    depths : sequence of int
        Numbers of weight matrices, ascending, each at least 2.
    rates : array_like of real, optional
        Ascending and positive. Default: 24 from a quarter of the least border to four times the largest.
    steps : int
        Of gradient descent with all samples.
    q0 : float, optional
        |x|^2 / n_0 of the random input. Default: that of the mean field's fixed point.
    distance : float
        The r.m.s. distance of default targets from outputs, in units of the r.m.s. output: the smaller it is, the
        closer is training to that of the linearised network, which the border is about.
    rng : optional
        Anything that `numpy.random.default_rng` takes.
    threads : int, optional
        Default: every core this process may use, or 1 in each task of an executor. Never changes the result.
    executor : concurrent.futures.Executor, optional
        Where to train networks, as `deeprmt.run.map` has it: a task is a network at a rate. Never changes the
        result.

    Returns
    -------
    LearningRateMap
        `.losses`, `.peaks`, `.border`, `.measured`, `.diverged`, `.unstable`, `.best`, `.plot()`.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or depths or rates are out of range or do not ascend.

    Notes
    -----
    Rates are in the unit of `meanfield.max_learning_rate`: with one input the loss is |f - y|^2 / (2 n_L), with a
    training set the mean over samples of |f - y|^2 / 2. Biases are trained.

    References
    ----------
    .. [1] T. Hayase, R. Karakida, The spectrum of Fisher information of deep networks achieving dynamical isometry,
       AISTATS (2021), arXiv:2006.07814.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(30, 8)), rng.normal(size=(30, 1))
    >>> mlp = MLP([8, 100, 1], "relu", sigma_w=2**0.5, parametrization="ntk")
    >>> found = learning_rate_map(mlp, x, y, depths=[2, 3], steps=20, rng=0)
    >>> found.losses.shape, bool((found.best < 2 * found.measured).all())
    ((2, 24), True)
    """
    mlp = as_mlp(_name, mlp)
    levels = ascending(_name, "depths", depths, least=2, number=1, most=_DEEPEST)
    count = as_count(_name, "steps", steps)
    far = as_number(_name, "distance", distance, above=0)
    threads = threads_in_tasks(_name, threads, executor)
    key = as_key(_name, rng)
    described = [at_depth(mlp, depth) for depth in levels]
    inputs = None if x is None else as_real(_name, "x", x).astype(np.float64)
    if inputs is None and y is not None:
        raise TypeError(f"{_name}: y must be left out without x")
    if inputs is not None and q0 is not None:
        raise TypeError(f"{_name}: q0 must be left out where x is given")
    if inputs is not None:
        if inputs.ndim not in (1, 2) or inputs.shape[-1] != mlp.widths[0] or not inputs.size:
            raise ValueError(
                f"{_name}: x must have shape ({mlp.widths[0]},) or (n, {mlp.widths[0]}), got {inputs.shape}"
            )
        refuse_non_finite(_name, "x", inputs)
    given = None if rates is None else as_rates(_name, rates)
    with speaking_for(
        _name, "Trainer", "sample", "forward", "ntk_operator", "one_sample_ntk", "max_learning_rate", "run.map"
    ):
        return _mapped(mlp, inputs, y, described, levels, given, count, q0, far, key, threads, executor)


def _mapped(
    mlp: MLP,
    inputs: Floats | None,
    y: ArrayLike | None,
    described: list[MLP],
    levels: list[int],
    grid: Array | None,
    count: int,
    q0: float | None,
    far: float,
    key: int,
    threads: int,
    executor: Executor | None,
) -> LearningRateMap:
    tasks = []
    for each in described:
        at = _random_input(each, q0, key) if inputs is None else inputs
        network = each.sample(np.random.default_rng([key, 0, each.depth]), threads=threads)
        tasks.append(Task(network, at, _targets(network, at, y, far, key, threads), threads))
    pairs = list(zip(described, (task.x for task in tasks), strict=True))
    border = np.array(run.map(partial(_border, threads), pairs, executor=executor))
    if inputs is not None and not inputs.any() and mlp.parametrization == "ntk" and mlp.sigma_b == 0:
        raise ValueError(f"{_name}: x must not be 0 everywhere where biases do not learn, got shape {inputs.shape}")
    measured = np.array(run.map(Task.border, tasks, executor=executor))
    if grid is None:
        known = np.concatenate([measured, border[np.isfinite(border)]])
        grid = np.geomspace(known.min() / 4, known.max() * 4, 24)
    runs = ((task, float(rate)) for task in tasks for rate in grid)
    found = np.array(run.map(partial(_trained, count), runs, executor=executor)).reshape(len(tasks), grid.size, 2)
    losses, peaks = found[..., 0], found[..., 1]
    return LearningRateMap(np.array(levels), grid, losses, peaks, border, measured, count, mlp)


@dataclass(frozen=True)
class Task:
    """One network, and what it is to learn."""

    network: Network
    x: Floats
    y: Any
    threads: int

    @property
    def unit(self) -> float:
        """The rate of `Trainer` over that of `max_learning_rate`: with one input the loss is over n_L."""
        return 1 / self.network.widths[-1] if self.x.ndim == 1 else 1.0

    def border(self) -> float:
        """2 / lambda_max of the network's own tangent kernel, biases trained."""
        from ..meanfield import max_learning_rate

        return max_learning_rate(self.network, self.x, biases=True, threads=self.threads).stability

    def run(self, rate: float, steps: int) -> tuple[float, float]:
        """The loss after the steps, and the largest, over that before them; infinite if it left all bounds."""
        trainer = Trainer(
            self.network, np.atleast_2d(self.x), self.y, loss="squared", rate=rate * self.unit, rng=0,
            threads=self.threads,
        )  # fmt: skip
        losses: list[float] = []
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for _ in range(steps):
                    losses.append(trainer.step())
                    if not losses[-1] <= _DIVERGED * losses[0]:
                        return math.inf, math.inf
                losses.append(trainer.evaluate()[0])
        except (ConvergenceError, ValueError):  # signals that are not finite
            return math.inf, math.inf
        if not math.isfinite(losses[-1]):
            return math.inf, math.inf
        return (losses[-1] / losses[0], max(losses) / losses[0]) if losses[0] else (0.0, 1.0)


def _trained(steps: int, which: tuple[Task, float]) -> tuple[float, float]:
    task, rate = which
    return task.run(rate, steps)


def _random_input(mlp: MLP, q0: float | None, key: int) -> Floats:
    from ..meanfield._one_sample import _stationary

    second = _stationary(_name, mlp) if q0 is None else as_number(_name, "q0", q0, above=0)
    x = np.random.default_rng([key, 1]).normal(size=mlp.widths[0])
    return np.asarray(x * math.sqrt(second / np.mean(x**2)))


def _targets(network: Network, x: Floats, y: ArrayLike | None, far: float, key: int, threads: int) -> Any:
    """As `Trainer` takes them, a row an input."""
    if y is not None:
        given = as_array(_name, "y", y)
        return given[None] if x.ndim == 1 and given.ndim == 1 else given
    outputs = network.forward(np.atleast_2d(x), threads=threads)
    far *= float(np.sqrt(np.mean(np.square(outputs)))) or 1.0
    return outputs + far * np.random.default_rng([key, 2]).normal(size=outputs.shape)


def _border(threads: int, which: tuple[MLP, Floats]) -> float:
    """By theory; NaN where it has none."""
    from ..meanfield import max_learning_rate

    mlp, x = which
    try:
        return max_learning_rate(mlp, x, biases=True, threads=threads).stability
    except (ValueError, ConvergenceError):
        return math.nan
