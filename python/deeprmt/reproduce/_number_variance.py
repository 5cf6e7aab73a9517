"""The number variance of singular values of random and of trained matrices is that of the orthogonal ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plots
from ..ensembles import ginibre
from ..laws import MarchenkoPastur
from ..linalg import svdvals
from ..spectra import NumberVariance, number_variance, unfold
from ..training import dataset
from ._experiment import Experiment
from ._networks import decomposed, fit, square_layers, start
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_WINDOW = 15
_LENGTHS = np.arange(1.0, 8.0)


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    width, noise, runs, epochs = (128, 10, 1, 8) if quick else (512, 20, 6, 30)
    draws = ginibre(width, width, size=noise, rng=np.random.default_rng([seed, 2]), threads=threads)
    levels = np.sort(np.asarray(svdvals(draws, threads=threads)), axis=-1)
    law = MarchenkoPastur(1.0, singular=True)
    random = _pooled([_variance(unfold(row, law, threads=threads), threads) for row in levels])
    data = dataset("digits")
    single = []
    for each in range(runs):
        found = fit(start(data, width, 100 * seed + each, sigma_w=0.5), data, seed, threads, epochs=epochs)
        for weight in square_layers(found.network):
            row = decomposed(weight, threads).levels
            single.append(_variance(unfold(row, window=_WINDOW, threads=threads), threads))
    trained = _pooled(single)
    checks = tuple(_check(name, each) for name, each in (("Gaussian", random), ("trained", trained)))
    content: dict[str, Any] = {"gaussian": random.to_dict(), "trained": trained.to_dict()}
    content["expected"] = random.expected(1).tolist()

    def draw(figure: Figure) -> None:
        for ax, name, each in zip(figure.subplots(1, 2), ("Gaussian", "trained"), (random, trained), strict=True):
            plots.number_variance(each, ax=ax)
            ax.set_title(name, fontsize=9)

    settings = {"seed": seed, "quick": quick, "width": width, "networks": runs, "epochs": epochs, "window": _WINDOW}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


def _check(name: str, found: NumberVariance) -> Check:
    """The length that is worst off, held to 5 % or to three standard errors where these are more."""
    ratio = found.value / found.expected(1)
    allowed = np.maximum(0.05, 3 * found.stderr / found.expected(1))
    worst = int(np.argmax(np.abs(ratio - 1) - allowed))
    what = (
        f"{name}: number variance over that of the orthogonal ensemble, L = {_LENGTHS[worst]:g} (the worst of 1 to 7)"
    )
    return Check.near(what, float(ratio[worst]), 1.0, float(allowed[worst]))


def _variance(unfolded: Any, threads: int) -> NumberVariance:
    """Without the ends, which see a one-sided neighbourhood."""
    return number_variance(unfolded[_WINDOW:-_WINDOW], _LENGTHS, trust=_WINDOW / 2, threads=threads)


def _pooled(single: list[NumberVariance]) -> NumberVariance:
    """The mean over matrices, with the error that their scatter shows."""
    value, mean = (np.array([getattr(each, name) for each in single]) for name in ("value", "mean"))
    error = value.std(axis=0, ddof=1) / np.sqrt(len(single))
    return NumberVariance(_LENGTHS, value.mean(axis=0), error, _WINDOW / 2, mean.mean(axis=0))


EXPERIMENT = Experiment(
    "number-variance",
    "The number variance of singular values of trained weights is that of random matrices",
    "M. Thamm, M. Staats, B. Rosenow, Phys. Rev. E 106, 054124 (2022), arXiv:2203.14661",
    _work,
)
