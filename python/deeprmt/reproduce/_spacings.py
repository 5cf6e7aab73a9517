"""Neighbouring singular values repel each other as those of random matrices do, before training and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import plots
from ..ensembles import ginibre
from ..linalg import svdvals
from ..spectra import SpacingTest, spacing_test
from ..training import dataset
from ._experiment import Experiment
from ._networks import decomposed, fit, square_layers, start
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    width, noise, runs, epochs = (100, 8, 1, 8) if quick else (512, 20, 3, 30)
    trials = 99 if quick else 199

    def test(levels: object) -> SpacingTest:
        return spacing_test(levels, shape=(width, width), window=15, trials=trials, threads=threads)  # type: ignore[arg-type]

    draws = ginibre(width, width, size=noise, rng=np.random.default_rng([seed, 2]), threads=threads)
    random = [test(np.sort(np.asarray(s))) for s in svdvals(draws, threads=threads)]
    data = dataset("digits")
    trained, accuracies, outliers = [], [], []
    for each in range(runs):
        found = fit(start(data, width, 100 * seed + each, sigma_w=0.5), data, seed, threads, epochs=epochs)
        assert found.test_accuracies is not None
        accuracies.append(float(found.test_accuracies[-1]))
        for weight in square_layers(found.network):
            layer = decomposed(weight, threads)
            outliers.append(layer.bulk.outliers)
            trained.append(test(layer.levels))

    def ratios(tests: list[SpacingTest]) -> list[float]:
        return [each.ratio.mean for each in tests]

    def passing(tests: list[SpacingTest]) -> float:
        return float(np.mean([each.p_exact > 0.05 for each in tests]))

    # 95 % is what a calibrated test gives on average, so that 20 matrices fall short of it in every third
    # run: 3 binomial standard deviations are allowed for.
    def share(tests: list[SpacingTest]) -> float:
        return 0.95 - 3 * float(np.sqrt(0.95 * 0.05 / len(tests)))

    # 0.04 is three standard deviations of the mean ratio of one such matrix.
    each_off = max(abs(r - 0.5307) for r in ratios(random + trained))
    checks = (
        Check.least(
            f"share of {noise} Gaussian matrices with spacings of the law, p > 0.05", passing(random), share(random)
        ),
        Check.least(f"share of {len(trained)} trained layers, p > 0.05", passing(trained), share(trained)),
        Check.near(
            "mean ratio of spacings, Gaussian", float(np.mean(ratios(random))), 0.5307, 0.04 / float(np.sqrt(noise))
        ),
        Check.near(
            "mean ratio of spacings, trained",
            float(np.mean(ratios(trained))),
            0.5307,
            0.04 / float(np.sqrt(len(trained))),
        ),
        Check.most("largest distance of one matrix from that ratio", each_off, 0.04),
    )
    content = {
        "p_gaussian": [each.p_exact for each in random],
        "p_trained": [each.p_exact for each in trained],
        "ratio_gaussian": ratios(random),
        "ratio_trained": ratios(trained),
        "outliers_trained": outliers,
        "test_accuracies": accuracies,
    }

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        plots.spacing(np.concatenate([each.spacings for each in trained]), ax=left)
        left.set_title(f"{len(trained)} trained layers, outliers left out", fontsize=9)
        for place, (name, tests) in enumerate((("Gaussian", random), ("trained", trained))):
            y = [each.ratio.mean for each in tests]
            e = [each.ratio.stderr for each in tests]
            x = place + np.linspace(-0.3, 0.3, len(y))
            right.errorbar(x, y, e, fmt=".", label=name, color=("#1f4e79", "#c0392b")[place])
        right.axhline(0.5307, color="#7f7f7f", linewidth=1)
        right.set_xticks([0, 1], ["Gaussian", "trained"])
        right.set_ylabel("mean ratio of neighbouring spacings")

    settings = {"seed": seed, "quick": quick, "width": width, "networks": runs, "epochs": epochs, "window": 15}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "spacings",
    "Spacings of singular values of trained weights are those of random matrices",
    "M. Thamm, M. Staats, B. Rosenow, Phys. Rev. E 106, 054124 (2022), arXiv:2203.14661",
    _work,
)
