"""In muP signals move by as much at every width, by gradient descent and by Adam; elsewhere they do not."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from ..networks import MLP, Network
from ..networks._mlp import Parametrization
from ..networks._tangent_kernel import signals
from ..training import Trainer
from ._experiment import Experiment
from ._fits import exponent
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAMPLES, _DEPTH = 16, 3
# Of a step's effect on hidden signals and on outputs, in the width: with one rate for all widths. A step of gradient
# descent adds rate * n^(1/2) (standard), n^(-1/2) (ntk) to signals. Steps of Adam have one size: n entries of the rate
# (1 in the standard parametrization, n^(-1/2) in the ntk one) times signals that they are aligned with add up to n or
# n^(1/2), and n output weights of n^(-1/2) read that with their own signs. Where such sums grow, terms smaller by
# n^(1/2) bend the lines, by some 0.1 at these widths.
_EXPECTED = {
    "sgd": {"mup": (0.0, 0.0), "ntk": (-0.5, 0.0), "standard": (0.5, 1.0)},
    "adam": {"mup": (0.0, 0.0), "ntk": (0.5, 1.0), "standard": (1.0, 1.5)},
}
_RATES = {
    "sgd": {"mup": 0.02, "ntk": 0.1, "standard": 1e-5},
    "adam": {"mup": 0.005, "ntk": 1e-4, "standard": 1e-6},
}
_NAMES = {"sgd": "gradient descent", "adam": "Adam"}


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    widths, runs = ((32, 128), 2) if quick else ((128, 256, 512, 1024, 2048), 4)
    rng = np.random.default_rng([seed, 0])
    x, y = rng.normal(size=(_SAMPLES, 10)), rng.normal(size=(_SAMPLES, 1))
    moved: dict[str, dict[str, list[list[float]]]] = {name: {} for name in _NAMES}
    for optimizer, kind in product(_NAMES, get_args(Parametrization)):
        rows = []
        for width in widths:
            found = []
            for each in range(runs):
                mlp = MLP([10, *[width] * (_DEPTH - 1), 1], "tanh", sigma_w=1.0, parametrization=kind)
                network = mlp.sample(np.random.default_rng([seed, 1, each]), threads=threads)
                found.append(_moves(network, x, y, optimizer, _RATES[optimizer][kind], threads))
            rows.append(np.sqrt(np.mean(np.square(found), axis=0)).tolist())
        moved[optimizer][kind] = rows
    checks = []
    for optimizer, expected in _EXPECTED.items():
        for kind, wanted in expected.items():
            for name, column in (("last hidden signal", 0), ("output", 1)):
                slope = exponent(widths, [row[column] for row in moved[optimizer][kind]])
                label = f"{_NAMES[optimizer]}, {kind}: exponent in the width of the first step's effect on the {name}"
                tolerance = 0.2 if optimizer == "adam" and kind != "mup" else 0.1
                checks.append(Check.near(label, slope, wanted[column], tolerance))
    content: dict[str, Any] = {"widths": list(widths), "moved": moved}

    def draw(figure: Figure) -> None:
        colours = {"standard": "#1f4e79", "ntk": "#2e8b57", "mup": "#c0392b"}
        for ax, column, name in zip(figure.subplots(1, 2), (0, 1), ("last hidden signal", "output"), strict=True):
            for (optimizer, style), (kind, colour) in product((("sgd", "o-"), ("adam", "s--")), colours.items()):
                values = np.array([row[column] for row in moved[optimizer][kind]])
                label = kind if optimizer == "sgd" else f"{kind}, Adam"
                ax.loglog(widths, values / values[0], style, color=colour, label=label)
            ax.set_xticks(widths, [str(width) for width in widths])
            ax.minorticks_off()
            ax.set_xlabel("width")
            ax.set_ylabel("r.m.s. move, over the narrowest's")
            ax.set_title(name, fontsize=9)
            ax.legend(frameon=False, fontsize="small")

    settings = {"seed": seed, "quick": quick, "samples": _SAMPLES, "depth": _DEPTH, "networks": runs, "rates": _RATES}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


def _moves(network: Network, x: Any, y: Any, optimizer: Any, rate: float, threads: int) -> tuple[float, float]:
    """R.m.s. entries of what a step adds to the last hidden signal and to the output."""
    trainer = Trainer(network, x, y, loss="squared", optimizer=optimizer, epsilon=0.0, rate=rate, threads=threads)
    trainer.step()
    after = trainer.network
    hidden = [signals("coordinate-check", "x", each, x, threads).inputs[-1] for each in (network, after)]
    outputs = [each.forward(x, threads=threads) for each in (network, after)]
    first, second = (float(np.sqrt(np.mean((b - a) ** 2))) for a, b in (hidden, outputs))
    return first, second


EXPERIMENT = Experiment(
    "coordinate-check",
    "In muP a step moves hidden signals and outputs as far at every width, also one of Adam; elsewhere it does not",
    "G. Yang, E. Hu, arXiv:2011.14522; G. Yang et al., arXiv:2203.03466",
    _work,
)
