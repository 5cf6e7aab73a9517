"""Filtering the noise out of weights that learned wrong labels makes them better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks import Network
from ..training import Dataset, dataset, noisy_labels
from ..weights import filter
from ._experiment import Experiment
from ._networks import fit, start
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Cut the bulk; or cut it and undo the repulsion of what is left.
_METHODS = {"cut": "bulk", "cut and shift": "operator"}


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    width, epochs, runs, shares = (100, 6, 1, (0.0, 0.4)) if quick else (256, 60, 3, (0.0, 0.2, 0.4, 0.6))
    data = dataset("digits")
    accuracy: dict[str, list[list[float]]] = {name: [] for name in ("unfiltered", *_METHODS)}
    ranks: list[list[int]] = []
    for share in shares:
        rows: dict[str, list[float]] = {name: [] for name in accuracy}
        for each in range(runs):
            key = 100 * seed + each
            labels = noisy_labels(data.y, share, classes=data.classes, rng=np.random.default_rng([key, 4]))
            network = fit(start(data, width, key, sigma_w=0.5), data, key, threads, epochs=epochs, y=labels).network
            rows["unfiltered"].append(_accuracy(network, data, threads))
            for name, method in _METHODS.items():
                filtered, kept = _filtered(network, method, threads)
                rows[name].append(_accuracy(filtered, data, threads))
            ranks.append(kept)
        for name, values in rows.items():
            accuracy[name].append(values)
    gain = {name: np.subtract(accuracy[name], accuracy["unfiltered"]) for name in _METHODS}
    best = gain["cut and shift"]
    checks = [
        # One test sample in 359 is 0.003: not to hurt is to lose less than two of them.
        Check.least("right labels: gain in test accuracy, mean over networks", float(best[0].mean()), -0.006)
    ]
    checks += [
        Check(
            f"{share:.0%} wrong labels: gain in test accuracy",
            float(row.mean()),
            "above 0",
            "none",
            bool(row.mean() > 0),
        )
        for share, row in zip(shares, best, strict=True)
        if share >= 0.4
    ]
    content: dict[str, Any] = {"shares": list(shares), "ranks": ranks} | {"accuracy": accuracy}
    content["gain"] = {name: values.tolist() for name, values in gain.items()}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        styles = {"unfiltered": ("#7f7f7f", "o-"), "cut": ("#8fb3d9", "s--"), "cut and shift": ("#1f4e79", "D-")}
        for name, (colour, style) in styles.items():
            left.plot(shares, np.mean(accuracy[name], axis=1), style, color=colour, label=name)
        left.set_ylabel("accuracy on right test labels")
        for name, values in gain.items():
            error = values.std(axis=1, ddof=1) / np.sqrt(runs) if runs > 1 else None
            colour, style = styles[name]
            right.errorbar(shares, values.mean(axis=1), error, fmt=style, color=colour, capsize=3, label=name)
        right.axhline(0, color="#7f7f7f", linewidth=0.8)
        right.set_ylabel("gain by filtering")
        for ax in (left, right):
            ax.set_xlabel("share of wrong training labels")
            ax.legend(frameon=False)

    settings = {"seed": seed, "quick": quick, "width": width, "networks": runs, "epochs": epochs, "sigma_w": 0.5}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


def _accuracy(network: Network, data: Dataset, threads: int) -> float:
    return float(np.mean(network.forward(data.x_test, threads=threads).argmax(axis=1) == data.y_test))


def _filtered(network: Network, method: str, threads: int) -> tuple[Network, list[int]]:
    """All square layers without their noise; biases stay."""
    weights, ranks = list(network.weights), []
    for layer in range(1, len(weights) - 1):
        found = filter(weights[layer], method=method, threads=threads)
        weights[layer] = found.weight
        ranks.append(found.rank)
    return Network(tuple(weights), network.biases, network.activation), ranks


EXPERIMENT = Experiment(
    "label-noise",
    "Filtering weights does no harm where labels are right, and helps where many are wrong",
    "M. Staats, M. Thamm, B. Rosenow, arXiv:2206.03927",
    _work,
)
