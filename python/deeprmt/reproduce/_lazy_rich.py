"""From lazy to rich: the larger the output scale, the less training leaves in the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import ConvergenceError
from ..training import dataset
from ._experiment import Experiment
from ._networks import decomposed, fit, rank_correlation, rise, square_layers, start, worst_fall
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_LEVEL = 1e-3  # as in the test of vectors: random ones hardly ever fail
_LEARNED = 0.95


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    from scipy.stats import kstest  # slow to import

    width, epochs, count = (64, 4, 5) if quick else (256, 30, 9)
    scales = [float(a) for a in np.geomspace(1e-2, 1e2, count)]
    data = dataset("digits")
    network = start(data, width, seed, sigma_w=float(np.sqrt(2)))
    rejected, outliers, moved, accuracies, p_lazy, rates = [], [], [], [], 0.0, []
    for scale in scales:
        # Slopes of the loss grow as 1 / alpha; below 1 the rate makes up for it. Halved until the network has learned:
        # one that has not tells nothing of lazy or rich.
        rate = 0.02 * min(1.0, scale)
        for _ in range(8):
            try:
                found = fit(network, data, seed, threads, epochs=epochs, rate=rate, scale=scale, center=True)
            except ConvergenceError:
                rate /= 2
                continue
            if quick or found.accuracies[-1] >= _LEARNED:
                break
            rate /= 2
        layers = [decomposed(weight, threads) for weight in square_layers(found.network)]
        rates.append(rate)
        rejected.append(sum(layer.rejected(_LEVEL) for layer in layers))
        outliers.append(sum(layer.bulk.outliers for layer in layers))
        off = [a - b for a, b in zip(square_layers(found.network), square_layers(network), strict=True)]
        norms = [float(np.linalg.norm(w)) for w in square_layers(network)]
        moved.append(max(float(np.linalg.norm(d)) / n for d, n in zip(off, norms, strict=True)))
        assert found.test_accuracies is not None
        accuracies.append(float(found.test_accuracies[-1]))
        p_lazy = min(float(kstest(s.p_values, "uniform").pvalue) for layer in layers for s in (layer.left, layer.right))
    vectors = 4 * width
    checks = (
        # From some scale on vectors are as random ones, and a single one that fails by chance would be ranked: so the
        # fall must exceed chance, and no rise may. Outliers have no such chance hits.
        Check.least("fall of rejected vectors over the scales, in sd of counts", rise(rejected[::-1]), 3),
        Check.most("their worst rise on the way, in sd of counts", worst_fall(rejected[::-1]), 3),
        Check.most("rank correlation of outliers with the scale", rank_correlation(scales, outliers), -0.9),
        # The least of four p-values that noise has below 0.0025 in one run of a hundred.
        Check.least("lazy end: least p-value for uniform p-values of the vectors", p_lazy, 0.0025),
        Check.near(
            f"lazy end: vectors with p < {_LEVEL}", rejected[-1], _LEVEL * vectors, 3 * float(np.sqrt(_LEVEL * vectors))
        ),
        Check.near("lazy end: outliers", outliers[-1], 0, 0),
        Check.least("least test accuracy of all scales", min(accuracies), 0.9),
    )
    content = {
        "scales": scales,
        "rates": rates,
        "rejected": rejected,
        "outliers": outliers,
        "moved": moved,
        "test_accuracies": accuracies,
    }

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.plot(scales, rejected, "o-", color="#1f4e79", label=f"vectors with p < {_LEVEL}")
        left.plot(scales, outliers, "s-", color="#c0392b", label="outliers")
        left.axhline(_LEVEL * vectors, color="#7f7f7f", linestyle=":", label="random vectors")
        left.set_ylabel("number in two layers")
        right.plot(scales, moved, "o-", color="#1f4e79", label="|W - W(0)| / |W(0)|")
        right.set_yscale("log")
        right.set_ylabel("how far weights moved")
        for ax in (left, right):
            ax.set_xscale("log")
            ax.set_xlabel("output scale")
            ax.legend(frameon=False)

    settings = {"seed": seed, "quick": quick, "width": width, "epochs": epochs, "level": _LEVEL}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "lazy-rich",
    "The larger the output scale, the fewer singular values and vectors leave the random bulk",
    "M. Thamm, M. Staats, B. Rosenow, arXiv:2203.14661; L. Chizat, E. Oyallon, F. Bach, arXiv:1812.07956",
    _work,
)
