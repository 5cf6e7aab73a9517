"""Wide networks train as their linearisation at the start does, and no faster than 2 / lambda_max."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import ConvergenceError
from ..meanfield import gradient_descent, max_learning_rate
from ..networks import MLP, Network
from ..plots._axes import ticks_at
from ..training import Trainer
from ._experiment import Experiment
from ._fits import exponent
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAMPLES, _TESTS = 24, 16


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    widths, runs, steps = ((16, 64), 2, 8) if quick else ((64, 128, 256, 512, 1024), 4, 100)
    rng = np.random.default_rng([seed, 0])
    x, tests = rng.normal(size=(_SAMPLES, 5)), rng.normal(size=(_TESTS, 5))
    y = np.sin(x[:, :1]) + 0.3 * x[:, 1:2]
    off, curves = [], {}
    for width in widths:
        distances = []
        for each in range(runs):
            mlp = MLP([5, width, width, 1], "erf", sigma_w=1.5, sigma_b=0.1, parametrization="ntk")
            network = mlp.sample(np.random.default_rng([seed, 1, each]), threads=threads)
            rate = max_learning_rate(network, x, threads=threads).contraction
            real, linear = _both(network, x, y, tests, rate, steps, threads)
            distances.append(float(np.sqrt(np.mean((real[-1] - linear[-1]) ** 2))))
            if each == 0:
                curves[width] = (real, linear)
        off.append(float(np.mean(distances)))
    border = max_learning_rate(network, x, threads=threads).stability
    factors = (0.9, 1.1)
    grows = [_growth(network, x, factor * border, steps, threads) for factor in factors]
    checks = (
        Check.most("exponent in the width of the distance after training, test points", exponent(widths, off), -0.4),
        Check.most("0.9 of 2 / lambda_max: loss after training over that before", grows[0], 1.0),
        Check.least("1.1 of 2 / lambda_max: the same", grows[1], 2.0),
    )
    content = {"widths": list(widths), "distance": off, "factors": list(factors), "growth": grows}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for width, colour in ((widths[0], "#8fb3d9"), (widths[-1], "#c0392b")):
            real, linear = curves[width]
            for i in range(4):
                left.plot(real[:, i], color=colour, label=f"width {width}" if i == 0 else None)
                left.plot(linear[:, i], "--", color="black", linewidth=0.8, label="linearised" if i == 0 else None)
        left.set_xlabel("step")
        left.set_ylabel("outputs at four test points")
        handles = dict(zip(*reversed(left.get_legend_handles_labels()), strict=True))
        left.legend(handles.values(), handles.keys(), frameon=False)
        right.loglog(widths, off, "o-", color="#1f4e79", label="networks")
        right.loglog(widths, off[0] * np.sqrt(widths[0] / np.array(widths)), ":", color="#7f7f7f", label="width^-1/2")
        ticks_at(right, widths)
        right.set_xlabel("width")
        right.set_ylabel("r.m.s. distance from the linearisation")
        right.legend(frameon=False)

    settings = {"seed": seed, "quick": quick, "samples": _SAMPLES, "steps": steps, "networks": runs}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


def _both(network: Network, x, y, tests, rate: float, steps: int, threads: int):  # type: ignore[no-untyped-def]
    """Outputs at the tests after each step: of gradient descent, and of the network that is linear in its weights."""
    trainer = Trainer(network, x, y, loss="squared", rate=rate, threads=threads)
    real = [trainer.outputs(tests)[:, 0]]
    for _ in range(steps):
        trainer.step()
        real.append(trainer.outputs(tests)[:, 0])
    theta = network.ntk(np.vstack([x, tests]), threads=threads)
    start = (network.forward(x, threads=threads), network.forward(tests, threads=threads))
    linear = gradient_descent(  # whose loss is a sum, where the trainer has a mean
        None, y, steps=range(steps + 1), learning_rate=rate / len(x), kernels=(None, theta), initial=start
    )
    return np.array(real), linear.mean[:, :, 0]


def _growth(network: Network, x, rate: float, steps: int, threads: int) -> float:  # type: ignore[no-untyped-def]
    """The loss after the steps over that before, with targets so close that the network is linear."""
    y = network.forward(x, threads=threads) + 1e-6 * np.random.default_rng(0).normal(size=(len(x), 1))
    trainer = Trainer(network, x, y, loss="squared", rate=rate, threads=threads)
    try:
        losses = [trainer.step() for _ in range(steps)]
    except ConvergenceError:
        return 1e300
    return losses[-1] / losses[0]


EXPERIMENT = Experiment(
    "linearised-training",
    "Wide networks train as linear models with the tangent kernel do, up to a distance that falls with the width",
    "J. Lee, L. Xiao et al., NeurIPS (2019), arXiv:1902.06720",
    _work,
)
