"""Small singular values matter: after fine-tuning it hurts more to take them away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..linalg import svd
from ..networks import Network
from ..training import Dataset, Trainer, dataset
from ._experiment import Experiment
from ._networks import fit, start
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARTS = ("smallest", "middle", "largest")


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    width, runs, epochs, tuning = (64, 2, 8, 3) if quick else (256, 5, 30, 10)
    data = dataset("digits")
    other = replace(data, x=_turned(data.x), x_test=_turned(data.x_test))
    damage: dict[str, dict[str, list[float]]] = {when: {part: [] for part in _PARTS} for when in ("before", "after")}
    losses: dict[str, list[float]] = {when: [] for when in damage}
    for each in range(runs):
        key = 100 * seed + each
        first = fit(start(data, width, key, sigma_w=1.0), data, key, threads, epochs=epochs).network
        second = fit(first, other, key + 50, threads, epochs=tuning, rate=0.01).network
        for when, network, task in (("before", first, data), ("after", second, other)):
            whole = _loss(network, task, threads)
            losses[when].append(whole)
            for part in _PARTS:
                damage[when][part].append(_loss(_without(network, part, threads), task, threads) - whole)
    change = {part: np.subtract(damage["after"][part], damage["before"][part]) for part in _PARTS}
    smallest = change["smallest"]
    error = float(smallest.std(ddof=1) / np.sqrt(runs))
    checks = (
        Check.least(
            "rise of the test loss without the smallest tenth, after fine-tuning less before: mean over its error",
            float(smallest.mean()) / error,
            2.0,
        ),
    )
    content: dict[str, Any] = {"damage": damage, "losses": losses}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(2, 1))
        for place, (when, colour) in enumerate((("before", "#8fb3d9"), ("after", "#1f4e79"))):
            for at, part in enumerate(_PARTS):
                values = damage[when][part]
                x = at + 0.25 * (place - 0.5) + np.linspace(-0.06, 0.06, len(values))
                left.plot(x, values, "o", color=colour, label=f"{when} fine-tuning" if at == 0 else None)
        left.set_yscale("symlog", linthresh=1e-4)
        left.axhline(0, color="#7f7f7f", linewidth=0.8)
        left.set_xticks(range(3), [f"{part} tenth" for part in _PARTS])
        left.set_ylabel("rise of the test loss without")
        left.legend(frameon=False)
        right.plot(smallest, "o", color="#c0392b")
        right.axhline(0, color="#7f7f7f", linewidth=0.8)
        right.set_xticks(range(runs))
        right.set_xlabel("network")
        right.set_ylabel("smallest tenth: after less before")

    settings = {"seed": seed, "quick": quick, "width": width, "networks": runs, "epochs": [epochs, tuning]}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


def _turned(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same images, on their side."""
    return np.ascontiguousarray(np.rot90(x.reshape(-1, 8, 8), axes=(1, 2)).reshape(len(x), 64))


def _loss(network: Network, data: Dataset, threads: int) -> float:
    return Trainer(network, data.x_test, data.y_test, rate=1.0, rng=0, threads=threads).evaluate()[0]


def _without(network: Network, part: str, threads: int) -> Network:
    """A tenth of the singular values of each square layer set to 0."""
    weights = list(network.weights)
    for layer in range(1, len(weights) - 1):
        u, s, vt = svd(weights[layer].astype(np.float64), threads=threads)
        count = s.size // 10
        begin = {"largest": 0, "middle": (s.size - count) // 2, "smallest": s.size - count}[part]
        gone = slice(begin, begin + count)
        weights[layer] = (weights[layer] - (u[:, gone] * s[gone]) @ vt[gone]).astype(np.float32)
    return Network(tuple(weights), network.biases, network.activation)


EXPERIMENT = Experiment(
    "fine-tuning",
    "Small singular values hold what fine-tuning learned: without them it hurts more after than before",
    "M. Staats, M. Thamm, B. Rosenow, arXiv:2410.17770",
    _work,
)
