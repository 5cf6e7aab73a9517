"""The best learning rate of a narrow network is that of a wide one in muP, and too large in the standard one.

By gradient descent and by Adam.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConvergenceError
from ..networks import MLP
from ..training import Trainer
from ._experiment import Experiment
from ._fits import exponent
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAMPLES = 64
# Parametrization, optimizer, and the ends of the rates.
_KINDS: dict[str, tuple[Any, Any, tuple[float, float]]] = {
    "standard": ("standard", "sgd", (1e-4, 1.0)),
    "mup": ("mup", "sgd", (1e-3, 10.0)),
    "standard, Adam": ("standard", "adam", (1e-5, 1.0)),
    "mup, Adam": ("mup", "adam", (1e-4, 10.0)),
}


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    widths, runs, steps, count = ((32, 64), 1, 4, 5) if quick else ((64, 128, 256, 512), 3, 20, 17)
    rng = np.random.default_rng([seed, 0])
    x = rng.normal(size=(_SAMPLES, 8))
    y = x[:, :1] * x[:, 1:2]
    rates = {name: np.geomspace(*ends, count) for name, (_, _, ends) in _KINDS.items()}
    losses: dict[str, list[list[float]]] = {}
    best: dict[str, list[float]] = {}
    for kind, grid in rates.items():
        parametrization, optimizer, _ = _KINDS[kind]
        rows, lowest = [], []
        for width in widths:
            mlp = MLP([8, width, width, 1], "tanh", sigma_w=1.0, parametrization=parametrization)
            starts = [mlp.sample(np.random.default_rng([seed, 1, each]), threads=threads) for each in range(runs)]
            row = [
                float(np.mean([_loss(s, x, y, optimizer, float(rate), steps, threads) for s in starts]))
                for rate in grid
            ]
            rows.append(row)
            # A parabola through the best rate and its neighbours, where there are two that did not diverge.
            lowest.append(_minimum(np.log(grid), np.log(row)))
        losses[kind], best[kind] = rows, lowest
    # How far the widest network falls short of its best with the rate that was best for the narrowest one.
    short = {kind: rows[-1][int(np.argmin(rows[0]))] / min(rows[-1]) for kind, rows in losses.items()}
    # The loss half of the way, on a logarithmic scale, from the narrowest's first to its least.
    levels = {kind: float(np.sqrt(rows[0][0] * min(rows[0]))) for kind, rows in losses.items()}
    needed = {kind: [_needed(rates[kind], row, levels[kind]) for row in rows] for kind, rows in losses.items()}
    slopes = {kind: exponent(widths, values) for kind, values in needed.items()}
    checks = []
    for optimizer, name in (("", "gradient descent"), (", Adam", "Adam")):
        mup, standard = f"mup{optimizer}", f"standard{optimizer}"
        checks += [
            Check.most(f"{name}, muP: loss of the widest at the narrowest's best rate, over its own best", short[mup],
                       1.25),
            Check.least(f"{name}, standard: the same", short[standard], 2.0),
            Check.near(f"{name}, muP: exponent in the width of the rate that reaches a given loss", slopes[mup], 0.0,
                       0.1),
            Check.most(f"{name}, standard: the same", slopes[standard], -0.4),
        ]  # fmt: skip
    content: dict[str, Any] = {"widths": list(widths), "losses": _finite(losses), "best": best, "needed": needed}
    content["rates"] = {kind: grid.tolist() for kind, grid in rates.items()}

    def draw(figure: Figure) -> None:
        for ax, (kind, grid) in zip(figure.subplots(1, 4, sharey=True), rates.items(), strict=True):
            for i, width in enumerate(widths):
                values = np.where(np.array(losses[kind][i]) < 10, losses[kind][i], np.nan)
                colour = np.array([0.1, 0.3, 0.6]) + (i / len(widths)) * np.array([0.7, 0.0, -0.4])
                ax.loglog(grid, values, ".-", color=colour, label=f"width {width}")
                ax.axvline(best[kind][i], color=colour, linewidth=0.8, linestyle=":")
            ax.set_xlabel(f"learning rate, {kind}")
        figure.axes[0].legend(frameon=False, fontsize="small")
        figure.axes[0].set_ylabel(f"loss after {steps} steps")

    settings = {"seed": seed, "quick": quick, "samples": _SAMPLES, "steps": steps, "networks": runs}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


def _loss(network: Any, x: Any, y: Any, optimizer: Any, rate: float, steps: int, threads: int) -> float:
    trainer = Trainer(network, x, y, loss="squared", optimizer=optimizer, rate=rate, threads=threads)
    try:
        for _ in range(steps):
            if not trainer.step() < 1e3:
                return 1e3
        return min(trainer.evaluate()[0], 1e3)
    except ConvergenceError:
        return 1e3


def _needed(rates: Any, losses: list[float], level: float) -> float:
    """The rate that brings the loss down to the level: on a line between rates, in logarithms."""
    after = int(np.argmax(np.asarray(losses) <= level))
    if after == 0:  # by the first rate, or by none
        return float(rates[0] if losses[0] <= level else rates[-1])
    high, low = np.log(losses[after - 1]), np.log(losses[after])
    share = (high - np.log(level)) / (high - low)
    return float(rates[after - 1] * (rates[after] / rates[after - 1]) ** share)


def _minimum(x: Any, y: Any) -> float:
    at = int(np.argmin(y))
    if 0 < at < len(x) - 1 and max(y[at - 1], y[at + 1]) < np.log(10):
        curve = np.polyfit(x[at - 1 : at + 2], y[at - 1 : at + 2], 2)
        return float(np.exp(-curve[1] / (2 * curve[0])))
    return float(np.exp(x[at]))


def _finite(losses: Any) -> Any:
    return {kind: [[value if value < 1e3 else None for value in row] for row in rows] for kind, rows in losses.items()}


EXPERIMENT = Experiment(
    "rate-transfer",
    "In muP the learning rate of a narrow network suits a wide one; in the standard parametrization it is too large",
    "G. Yang et al., Tensor programs V, arXiv:2203.03466",
    _work,
)
