"""Tangent kernels of wide networks hardly depend on the draw, and hardly move in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..meanfield import ntk
from ..networks import MLP
from ..plots._axes import ticks_at
from ..training import train
from ._experiment import Experiment
from ._fits import exponent
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DEPTH, _SAMPLES, _STEPS, _RATE, _DRAWS = 4, 16, 200, 1.0, 200


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    widths, runs, steps = ((16, 64, 256), 20, 4) if quick else ((32, 64, 128, 256, 512), 10, _STEPS)
    angles = np.linspace(-np.pi, np.pi, 61)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    x = np.random.default_rng([seed, 0]).normal(size=(_SAMPLES, 2))
    y = x[:, :1] * x[:, 1:]
    limit = ntk(circle[30:31], circle, depth=_DEPTH, activation="relu", sigma_w=2**0.5, sigma_b=0.1)[0]
    kernels: dict[int, list[list[np.ndarray]]] = {}
    spread, drift, distance, shares = [], [], [], []
    for width in widths:
        mlp = MLP([2, *[width] * (_DEPTH - 1), 1], "relu", sigma_w=2**0.5, sigma_b=0.1, parametrization="ntk")
        pairs = []
        for each in range(runs):
            network = mlp.sample(np.random.default_rng([seed, 1, each]), threads=threads)
            rate = _RATE / 8  # the kernel is 8 at |x|^2 = 2: this is below the border
            after = train(network, x, y, loss="squared", rate=rate, epochs=steps, threads=threads).network
            pairs.append([each.ntk(circle[30], circle, threads=threads) for each in (network, after)])
        kernels[width] = pairs
        start = np.array([before for before, _ in pairs])
        size = float(np.linalg.norm(limit))
        # Of more draws than are trained: they cost little.
        spread.append(_spread(width, _DRAWS, circle, seed, threads) / size)
        own = float(np.sqrt(start.var(axis=0, ddof=1).sum())) / size
        drift.append(float(np.mean([np.linalg.norm(b - a) for a, b in pairs])) / size)
        distance.append(float(np.linalg.norm(start.mean(axis=0) - limit)) / size)
        shares.append(distance[-1] / (own / np.sqrt(runs)))
    # The published pair of widths, before training: 10000 is too wide to be trained in minutes.
    pair = (64, 256) if quick else (500, 10000)
    before = [_spread(width, _DRAWS if width < 1000 else 40, circle, seed, threads) for width in pair]
    wanted = float(np.sqrt(pair[1] / pair[0]))
    checks = (
        # Kernels have long tails: ten draws tell a spread to 28 %, and so 40 of them to 14 %, 200 to 6 %.
        Check.near(
            f"spread over draws at width {pair[0]} over that at {pair[1]}", before[0] / before[1], wanted, 0.3 * wanted
        ),
        # 6 % a width are 0.03 of the exponent, over five widths that span four octaves and over a quick run's three.
        Check.near("exponent of the spread over draws in the width", exponent(widths, spread), -0.5, 0.15),
        Check.most("exponent of the drift in training in the width", exponent(widths, drift), -0.5),
        Check.most(
            "widest: distance of the mean kernel from the infinitely wide one, in standard errors", shares[-1], 3.0
        ),
    )
    content: dict[str, Any] = {"widths": list(widths), "spread": spread, "drift": drift, "distance": distance}
    content["published_widths"] = {"widths": list(pair), "spread": before}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for width, colour in ((widths[0], "#8fb3d9"), (widths[-1], "#c0392b")):
            for i, (before, after) in enumerate(kernels[width]):
                left.plot(angles, before, color=colour, linewidth=0.8, label=f"width {width}" if i == 0 else None)
                left.plot(angles, after, ":", color=colour, linewidth=0.8)
        left.plot(angles, limit, color="black", linewidth=1.5, label="infinitely wide")
        left.set_xlabel("angle of x (dotted: after training)")
        left.set_ylabel("Theta(x_0, x)")
        left.legend(frameon=False)
        right.loglog(widths, spread, "o-", color="#1f4e79", label="spread over draws")
        right.loglog(widths, drift, "s-", color="#c0392b", label="drift in training")
        right.loglog(
            widths, spread[0] * np.sqrt(widths[0] / np.array(widths)), ":", color="#7f7f7f", label="width^-1/2"
        )
        ticks_at(right, widths)
        right.set_xlabel("width")
        right.set_ylabel("relative to the kernel")
        right.legend(frameon=False)

    settings = {"seed": seed, "quick": quick, "depth": _DEPTH, "samples": _SAMPLES, "steps": steps}
    settings |= {"trained": runs, "draws": _DRAWS}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


def _spread(width: int, draws: int, circle: Any, seed: int, threads: int) -> float:
    """Of Theta(x_0, .) over draws; in single precision, of which a network of width 10000 is 0.8 GB."""
    mlp = MLP([2, *[width] * (_DEPTH - 1), 1], "relu", sigma_w=2**0.5, sigma_b=0.1, parametrization="ntk")
    rows = []
    for each in range(draws):
        network = mlp.sample(np.random.default_rng([seed, 2, width, each]), dtype=np.float32, threads=threads)
        rows.append(network.ntk(circle[30], circle, threads=threads))
    return float(np.sqrt(np.var(rows, axis=0, ddof=1, dtype=float).sum()))


EXPERIMENT = Experiment(
    "kernel-convergence",
    "As networks widen their tangent kernel becomes deterministic, and constant in training",
    "A. Jacot, F. Gabriel, C. Hongler, NeurIPS (2018), arXiv:1806.07572",
    _work,
)
