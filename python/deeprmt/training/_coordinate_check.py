"""How far steps of training move each layer's signals, over the width: what a parametrization is for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core, run
from .._arguments import RNG, Floats, as_number, refuse_beyond_memory, speaking_for
from .._display import Displayed, plain
from ..errors import ConvergenceError
from ..networks import MLP, Network
from ._trainer import Loss, Optimizer, Trainer
from ._widths import Runs, as_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CoordinateCheck", "coordinate_check"]

Array = NDArray[np.float64]
_name = "coordinate_check"


@dataclass(frozen=True, eq=False, repr=False)
class CoordinateCheck(Displayed):
    """How far each layer's preactivations moved over width and step; made by `coordinate_check`.

    Attributes
    ----------
    widths : (w,) ndarray of int
        Of the first hidden layer, ascending.
    sizes : (w, L) ndarray
        R.m.s. entries of h_1 .. h_L before training, over samples, units and draws; h_L is the output.
    changes : (w, t, L) ndarray
        R.m.s. entries of what h_l differs by from its value before training, after 1 .. t steps; NaN from where
        training diverged: a signal of one of the draws left all bounds.
    mlp : networks.MLP
        What was asked for.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(16, 8)), rng.normal(size=(16, 1))
    >>> mlp = MLP([8, 64, 64, 1], "tanh", sigma_w=1.0, parametrization="ntk")
    >>> found = coordinate_check(mlp, [64, 256], x, y, steps=2, rate=0.1, rng=0)
    >>> hidden, output = found.exponents[-1, 1:]
    >>> bool(hidden < -0.3), bool(output > -0.2)  # hidden signals of wide networks stand still, outputs do not
    (True, True)
    """

    widths: NDArray[np.int64]
    sizes: Array
    changes: Array
    mlp: MLP

    @property
    def steps(self) -> int:
        """How many there were."""
        return int(self.changes.shape[1])

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """(w, t): where training had left all bounds by that step, at that width."""
        return np.asarray(np.isnan(self.changes).any(axis=2))

    @property
    def exponents(self) -> Array:
        """(t, L): of the changes in the width, by least squares of logarithms; 0 is what muP is for.

        NaN where a change is 0, or training diverged at any width.
        """
        with np.errstate(divide="ignore"):
            logs = np.log(self.changes)
        across = np.log(self.widths) - np.log(self.widths).mean()
        with np.errstate(invalid="ignore"):
            found = np.einsum("w,wtl->tl", across, logs) / (across @ across)
        return np.where(np.isfinite(logs).all(axis=0), found, np.nan)

    def to_dict(self) -> dict[str, Any]:
        """All numbers; None for what is not finite."""
        names = ("sizes", "changes", "exponents", "diverged")
        content = {name: plain(getattr(self, name)) for name in names}
        return {"widths": self.widths.tolist(), "steps": self.steps} | content

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the changes over the width, a line a layer."""
        from ..plots import coordinate_check

        return coordinate_check(self, ax=ax)

    def __repr__(self) -> str:
        last = ", ".join(f"{each:.2f}" for each in self.exponents[-1])
        widths = f"{self.widths.size} widths {self.widths[0]}..{self.widths[-1]}"
        lost = ", ".join(map(str, self.widths[self.diverged[:, -1]]))
        end = f", diverged at width {lost}" if lost else ""
        return f"CoordinateCheck({widths}, {self.steps} steps, exponents of layers after the last: {last}{end})"


def coordinate_check(
    mlp: MLP,
    widths: Sequence[int],
    x: ArrayLike,
    y: ArrayLike,
    *,
    steps: int = 5,
    rate: float,
    optimizer: Optimizer = "sgd",
    loss: Loss = "squared",
    epsilon: float = 1e-8,
    draws: int = 4,
    rng: RNG = None,
    threads: int | None = None,
    executor: Executor | None = None,
) -> CoordinateCheck:
    """Train a network at several widths with one rate, and measure how far each layer's signals move.

    In muP a step moves hidden signals and outputs by as much at every width [1]_, so that what is tuned at one width
    suits the others: the check of [2]_ on one's own MLP, data and optimizer.

    Parameters
    ----------
    mlp : MLP
        The network; hidden layers keep their proportions.
    widths : sequence of int
        Of the first hidden layer, ascending, at least two.
    x : (n, n_0) array_like of real
        Inputs: trained on, and where signals are measured.
    y : (n, n_L) array_like of real, or (n,) array_like of int
        Values or labels.
    steps : int, default 5
        Of training with all samples.
    rate : float
        The same for all widths; each layer's is multiplied as the parametrization has it.
    optimizer : {"sgd", "adam"}
        As in `Trainer`.
    loss : {"squared", "cross-entropy"}
        As in `Trainer`.
    epsilon : float, default 1e-8
        Of Adam: must be below the gradients of the widest network.
    draws : int, default 4
        Networks a width, over which squares are averaged.
    rng : optional
        Anything that `numpy.random.default_rng` takes.
    threads : int, optional
        Default: every core this process may use, or 1 in each task of an executor. Never changes the result.
    executor : concurrent.futures.Executor, optional
        Where to train networks, as `deeprmt.run.map` has it: a task is a draw at a width. Never changes the
        result.

    Returns
    -------
    CoordinateCheck
        `.sizes`, `.changes`, `.exponents`, `.plot()`.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, a number is out of range, or widths do not ascend. That training diverges is none of
        these: see `CoordinateCheck.diverged`.

    Notes
    -----
    Exponents are those of large widths. Where changes are sums of terms of several orders, those smaller by n^(1/2)
    bend the lines at small ones. In the standard and the NTK parametrization exponents of later steps are those of the
    first only as long as the rate is so small that the widest network is still near its start.

    References
    ----------
    .. [1] G. Yang, E. Hu, Feature learning in infinite-width neural networks, ICML (2021), arXiv:2011.14522.
    .. [2] G. Yang et al., Tensor programs V: tuning large neural networks via zero-shot hyperparameter transfer,
       NeurIPS (2021), arXiv:2203.03466.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(16, 8)), rng.normal(size=(16, 1))
    >>> mlp = MLP([8, 64, 64, 1], "tanh", sigma_w=1.0, parametrization="mup")
    >>> found = coordinate_check(mlp, [64, 128, 256], x, y, steps=3, rate=0.02, rng=0)
    >>> found.changes.shape, bool((abs(found.exponents) < 0.15).all())
    ((3, 3, 3), True)
    """
    runs = as_runs(_name, mlp, widths, x, steps, draws, rng, threads, executor)
    rate = as_number(_name, "rate", rate, above=0)
    shape = (len(runs.networks), runs.steps, mlp.depth)
    refuse_beyond_memory(_name, 8 * math.prod(shape) * (1 + runs.draws), f"{runs.steps} steps of training")
    options: dict[str, Any] = {"loss": loss, "optimizer": optimizer, "epsilon": epsilon, "rate": rate}
    sizes, changes = np.zeros((shape[0], mlp.depth)), np.zeros(shape)
    with speaking_for(_name, "Trainer", "sample", "run.map"):
        found = run.map(_Draw(runs, y, options), runs.each(), executor=executor)
    for (i, _), (squares, moved) in zip(runs.each(), found, strict=True):
        sizes[i] += squares
        changes[i] += moved
    return CoordinateCheck(runs.widths, np.sqrt(sizes / runs.draws), np.sqrt(changes / runs.draws), mlp)


@dataclass(frozen=True)
class _Draw:
    """Mean squares of one network's signals, and of what each step moves them by: a task for any executor."""

    runs: Runs
    y: ArrayLike
    options: dict[str, Any]

    def __call__(self, which: tuple[int, int]) -> tuple[Array, Array]:
        rows, threads = self.runs.rows, self.runs.threads
        start = self.runs.start(*which)
        with np.errstate(over="ignore", invalid="ignore"):
            before = preactivations(start, rows, threads)
            squares = np.array([np.mean(h**2) for h in before])
        if not np.isfinite(squares).all():
            raise ValueError(
                f"{_name}: x must be so small that squares of all preactivations are finite, found entries up to"
                f" {np.abs(rows).max():.3g}"
            )
        trainer = Trainer(start, rows, self.y, rng=0, threads=threads, **self.options)
        return squares, np.array([_moved(trainer, before, rows, threads) for _ in range(self.runs.steps)])


def preactivations(network: Network, rows: Floats, threads: int) -> list[Floats]:
    """h_1 .. h_L, a row an input."""
    found, signal = [], rows
    for layer, (w, b) in enumerate(zip(network.weights, network.biases, strict=True), start=1):
        h = _core.linalg.multiply_transposed(signal, w, threads)
        h += b
        found.append(h)
        if layer < network.depth:
            signal = np.ascontiguousarray(network._of_layer(_name, "phi", network.activation.phi, h, layer))
    return found


def _moved(trainer: Trainer, before: list[Floats], rows: Floats, threads: int) -> list[float]:
    """Take a step: by what mean squares signals then differ from those before training; NaN out of all bounds."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            trainer.step()
            after = preactivations(trainer.network, rows, threads)
            found = [float(np.mean((b - a) ** 2)) for a, b in zip(before, after, strict=True)]
    except (ConvergenceError, ValueError):  # signals or weights that are not finite
        found = []
    return found if found and all(map(math.isfinite, found)) else [math.nan] * len(before)
