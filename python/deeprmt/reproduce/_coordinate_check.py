"""In muP signals move by as much at every width, by gradient descent and by Adam; elsewhere they do not."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from ..networks import MLP
from ..networks._mlp import Parametrization
from ..plots._axes import ticks_at
from ..training import CoordinateCheck, coordinate_check
from ..training._trainer import Optimizer
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAMPLES, _DEPTH, _STEPS = 16, 3, 5
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
    "sgd": {"mup": 0.2, "ntk": 0.1, "standard": 1e-5},
    "adam": {"mup": 0.02, "ntk": 1e-4, "standard": 1e-6},
}
_NAMES = {"sgd": "gradient descent", "adam": "Adam"}


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    widths, runs = ((32, 128), 2) if quick else ((128, 256, 512, 1024, 2048), 4)
    rng = np.random.default_rng([seed, 0])
    x, y = rng.normal(size=(_SAMPLES, 10)), rng.normal(size=(_SAMPLES, 1))
    found: dict[tuple[str, str], CoordinateCheck] = {}
    optimizers: tuple[Optimizer, ...] = ("sgd", "adam")
    for optimizer, kind in product(optimizers, get_args(Parametrization)):
        mlp = MLP([10, *[widths[0]] * (_DEPTH - 1), 1], "tanh", sigma_w=1.0, parametrization=kind)
        found[optimizer, kind] = coordinate_check(
            mlp, widths, x, y, steps=_STEPS, rate=_RATES[optimizer][kind], optimizer=optimizer, epsilon=0.0,
            draws=runs, rng=np.random.default_rng([seed, 1]), threads=threads,
        )  # fmt: skip
    checks = []
    for optimizer in optimizers:
        for kind, wanted in _EXPECTED[optimizer].items():
            slopes = found[optimizer, kind].exponents[:, -2:]
            tolerance = 0.2 if optimizer == "adam" and kind != "mup" else 0.1
            for (step, when), (column, name) in product(
                ((0, "one step"), (_STEPS - 1, f"{_STEPS} steps")), enumerate(("last hidden signal", "output"))
            ):
                label = f"{_NAMES[optimizer]}, {kind}: exponent in the width of the move of the {name} in {when}"
                checks.append(Check.near(label, slopes[step, column], wanted[column], tolerance))
    content: dict[str, Any] = {"widths": list(widths)}
    content["moved"] = {
        name: {kind: found[name, kind].changes.tolist() for kind in _EXPECTED[name]} for name in _EXPECTED
    }

    def draw(figure: Figure) -> None:
        colours = {"standard": "#1f4e79", "ntk": "#2e8b57", "mup": "#c0392b"}
        for ax, column, name in zip(figure.subplots(1, 2), (-2, -1), ("last hidden signal", "output"), strict=True):
            for (optimizer, style), (kind, colour) in product((("sgd", "o-"), ("adam", "s--")), colours.items()):
                values = found[optimizer, kind].changes[:, -1, column]
                label = kind if optimizer == "sgd" else f"{kind}, Adam"
                ax.loglog(widths, values / values[0], style, color=colour, label=label)
            ticks_at(ax, widths)
            ax.set_xlabel("width")
            ax.set_ylabel(f"r.m.s. move in {_STEPS} steps, over the narrowest's")
            ax.set_title(name, fontsize=9)
            ax.legend(frameon=False, fontsize="small")

    settings: dict[str, Any] = {"seed": seed, "quick": quick, "samples": _SAMPLES, "depth": _DEPTH, "networks": runs}
    settings |= {"steps": _STEPS, "rates": _RATES}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "coordinate-check",
    "In muP steps move hidden signals and outputs as far at every width, also those of Adam; elsewhere they do not",
    "G. Yang, E. Hu, arXiv:2011.14522; G. Yang et al., arXiv:2203.03466",
    _work,
)
