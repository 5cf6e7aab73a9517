"""Training diverges above 2 / lambda_max, which falls like 1 / depth under isometry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plots
from ..meanfield import critical_point, max_learning_rate
from ..networks import MLP
from ..plots._axes import ticks_at
from ..training import learning_rate_map
from ..training._learning_rate_map import Task
from ..training._widths import at_depth
from ._experiment import Experiment
from ._fits import exponent
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Q = 0.05


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    width, depths, count, steps = (40, (2, 4), 6, 8) if quick else (300, (2, 4, 8, 16, 32), 14, 30)
    point = critical_point("hard_tanh", q_star=_Q)
    checks: list[Check] = []
    content: dict[str, Any] = {"depths": list(depths)}
    shown = {}
    for kind in ("haar", "gaussian"):
        mlp = MLP([width] * 3, "hard_tanh", weights=kind, sigma_w=point.sigma_w, sigma_b=point.sigma_b)
        borders = [max_learning_rate(at_depth(mlp, d), biases=True).stability for d in depths]
        found = [
            _measured(at_depth(mlp, depth), border, steps, seed, threads)
            for depth, border in zip(depths, borders, strict=True)
        ]
        content[kind] = {"border": borders, "measured": found}
        if kind == "haar":
            rates = np.geomspace(borders[-1] / 3, borders[0] * 3, count)
            rng = np.random.default_rng([seed, 1])
            settings: dict[str, Any] = {"depths": depths, "rates": rates, "steps": steps, "rng": rng}
            shown["map"] = learning_rate_map(mlp, threads=threads, **settings)
            content["map"] = shown["map"].to_dict()
            checks += [
                Check.near(f"Haar, depth {depth}: rate from which the loss grows, over 2 / lambda_max", ratio, 1.0, 0.1)
                for depth, ratio in zip(depths, np.divide(found, borders), strict=True)
            ]
        # Biases and single networks bend the line by some per cent; the laws without biases have -1 and about -1.9.
        wanted, tolerance = (-1.0, 0.1) if kind == "haar" else (-2.0, 0.3)
        name = {"haar": "Haar", "gaussian": "Gaussian"}[kind]
        checks.append(
            Check.near(f"{name}: exponent of that rate in the depth", exponent(depths, found), wanted, tolerance)
        )

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        plots.learning_rate(shown["map"], ax=left)
        for kind, colour in (("haar", "#c0392b"), ("gaussian", "#1f4e79")):
            right.loglog(depths, content[kind]["border"], "-", color=colour, label=f"{kind}, 2 / lambda_max of the law")
            right.loglog(
                depths, content[kind]["measured"], "o", color=colour, label=f"{kind}, the loss grows from here"
            )
        ticks_at(right, depths)
        right.set_xlabel("depth")
        right.set_ylabel("learning rate")
        right.legend(frameon=False, fontsize="small")

    settings = {"seed": seed, "quick": quick, "width": width, "q_star": _Q, "steps": steps}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


def _measured(mlp: MLP, border: float, steps: int, seed: int, threads: int) -> float:
    """The rate from which the loss is larger after the steps than before, to 2 %, close to the targets."""
    from ..training._learning_rate_map import _random_input, _targets

    network = mlp.sample(np.random.default_rng([seed, mlp.depth]), threads=threads)
    x = _random_input(mlp, None, seed)
    # So close that the network is linear until the loss has grown by some decades.
    task = Task(network, x, _targets(network, x, None, 1e-4, seed, threads), threads)
    low, high = border / 2, border * 2
    while high / low > 1.02:
        middle = float(np.sqrt(low * high))
        if task.run(middle, steps)[1] <= 1:
            low = middle
        else:
            high = middle
    return float(np.sqrt(low * high))


EXPERIMENT = Experiment(
    "learning-rate-border",
    "Gradient descent diverges above 2 / lambda_max, which is inversely proportional to the depth under isometry",
    "T. Hayase, R. Karakida, AISTATS (2021), arXiv:2006.07814",
    _work,
)
