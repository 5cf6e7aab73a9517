"""Smaller batches train more into the weights: exponents of the tail and stable ranks fall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..linalg import svdvals
from ..signal import fit_bulk
from ..tails import fit_power_law
from ..training import dataset
from ._experiment import Experiment
from ._networks import EPSILON, fit, rank_correlation, square_layers, start
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    width, epochs, batches = (64, 4, (8, 64, 512)) if quick else (256, 30, (4, 8, 16, 32, 64, 128, 256))
    data = dataset("digits")
    network = start(data, width, seed, sigma_w=1.0)
    rng = np.random.default_rng([seed, 5])
    alphas, stable, accuracies, traps = [], [], [], []
    for batch in batches:
        found = fit(network, data, seed, threads, epochs=epochs, rate=0.05, momentum=0.0, batch=batch)
        assert found.test_accuracies is not None
        accuracies.append(float(found.test_accuracies[-1]))
        of_layers: list[list[float]] = [[], []]
        for weight in square_layers(found.network):
            squares = np.asarray(svdvals(weight.astype(np.float64), threads=threads)) ** 2
            of_layers[0].append(float(fit_power_law(squares[squares > 0], threads=threads).alpha))
            of_layers[1].append(float(squares.sum() / squares[0]))
            permuted = rng.permutation(weight.ravel()).reshape(weight.shape).astype(np.float64)
            shape = (weight.shape[0], weight.shape[1])
            traps.append(fit_bulk(svdvals(permuted, threads=threads), shape, precision=EPSILON).outliers)
        alphas.append(float(np.mean(of_layers[0])))
        stable.append(float(np.mean(of_layers[1])))
    checks = (
        Check.least("rank correlation of alpha with the batch", rank_correlation(batches, alphas), 0.9),
        Check.least("rank correlation of the stable rank with the batch", rank_correlation(batches, stable), 0.9),
        Check.near("outliers of permuted weights, all layers", sum(traps), 0, 0),
    )
    content: dict[str, Any] = {"batches": list(batches), "alphas": alphas, "stable_ranks": stable, "traps": traps}
    content["test_accuracies"] = accuracies

    def draw(figure: Figure) -> None:
        for ax, values, name in zip(figure.subplots(1, 2), (alphas, stable), ("alpha", "stable rank"), strict=True):
            ax.plot(batches, values, "o-", color="#1f4e79")
            ax.set_xscale("log", base=2)
            ax.set_xlabel("samples a batch")
            ax.set_ylabel(f"{name}, mean of two layers")

    settings = {"seed": seed, "quick": quick, "width": width, "epochs": epochs, "rate": 0.05, "sigma_w": 1.0}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "batch-size",
    "The smaller the batches, the smaller the exponent of the tail and the stable rank",
    "C. H. Martin, M. W. Mahoney, J. Mach. Learn. Res. 22, 165 (2021), arXiv:1810.01075",
    _work,
)
