"""Hill's estimate of trained weights has no plateau: their tail is no power law."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import plots, tails
from ..training import dataset
from ._experiment import Experiment
from ._networks import decomposed, fit, square_layers, start
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    width, runs, epochs, samples = (100, 1, 8, 40) if quick else (512, 2, 60, 200)
    data = dataset("digits")
    layers = []
    for each in range(runs):
        found = fit(start(data, width, 100 * seed + each, sigma_w=0.5), data, seed, threads, epochs=epochs)
        layers += [decomposed(weight, threads).values ** 2 for weight in square_layers(found.network)]
    layers = [values[values > 0] for values in layers]
    # Density exponent 3: in the middle of what is reported for weights.
    pareto = 1 / np.sqrt(1 - np.random.default_rng([seed, 3]).random((samples, width)))
    flat = [tails.plateau(row, threads=threads) for row in pareto]
    trained = [tails.plateau(values, threads=threads) for values in layers]
    fits = [tails.fit_power_law(values, threads=threads) for values in layers]
    rivals = [power.compare("lognormal") for power in fits]
    favoured = sum(rival.ratio > 0 and rival.p_value < 0.05 for rival in rivals)
    verdicts = [tails.verdict(values, rng=seed, threads=threads) for values in layers]
    share = float(np.mean([each.exists for each in flat]))
    checks = (
        Check.near(
            f"share of {samples} Pareto samples of {width} values with a plateau",
            share,
            0.95,
            3 * float(np.sqrt(0.95 * 0.05 / samples)),
        ),
        Check.near(f"plateaus of {len(trained)} trained layers", sum(each.exists for each in trained), 0, 0),
        Check.near("layers whose tail is likelier a power law than lognormal, p < 0.05", favoured, 0, 0),
        Check.near("layers with the verdict 'power law'", sum(v.verdict == "power law" for v in verdicts), 0, 0),
    )
    content = {
        "p_plateau": [each.p_value for each in trained],
        "alpha": [power.alpha for power in fits],
        "tail_sizes": [power.n_tail for power in fits],
        "against_lognormal": [rival.to_dict() for rival in rivals],
        "verdicts": [[v.verdict, *v.reasons] for v in verdicts],
    }

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        plots.plateau(flat[0], ax=left)
        left.set_title(f"Pareto: {left.get_title()}", fontsize=9)
        plots.plateau(trained[-1], ax=right)
        right.set_title(f"trained: {right.get_title()}", fontsize=9)

    settings = {"seed": seed, "quick": quick, "width": width, "networks": runs, "epochs": epochs, "sigma_w": 0.5}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "no-plateau",
    "Tails of trained weights have no plateau in Hill's plot: no tail index describes them",
    "M. Thamm, M. Staats, B. Rosenow, Phys. Rev. E 106, 054124 (2022), arXiv:2203.14661",
    _work,
)
