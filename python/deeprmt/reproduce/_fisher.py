"""Linear networks have the worst-conditioned Fisher matrices; nonlinear ones have no flat directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..nonlinear import FisherSpectrum, fisher_law, fisher_spectrum
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMES = ("linear", "tanh", "relu", "abs")


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    n, draws = (12, 16) if quick else (26, 16)
    found: dict[str, list[FisherSpectrum]] = {
        name: [fisher_spectrum(n, activation=name, rng=[seed, each], threads=threads) for each in range(draws)]
        for name in _NAMES
    }
    zeros = {name: float(np.mean([each.zero_fraction for each in rows])) for name, rows in found.items()}
    conditions = {name: float(np.mean([each.condition for each in rows])) for name, rows in found.items()}
    errors = {
        name: float(np.std([each.condition for each in rows], ddof=1) / np.sqrt(draws)) for name, rows in found.items()
    }
    spreads = {name: float(np.mean([each.spread for each in rows])) for name, rows in found.items()}
    others = _NAMES[1:]
    laws = {name: fisher_law(name) for name in _NAMES}
    half = [
        fisher_spectrum(n // 2, samples=8 * n, activation="tanh", rng=[seed, draws + each], threads=threads)
        for each in range(4 * draws)
    ]
    many = [
        fisher_spectrum(n, samples=16 * n, activation="tanh", rng=[seed, 5 * draws + each], threads=threads)
        for each in range(draws)
    ]
    distances = {
        "linear": laws["linear"].ks_distance(np.concatenate([each.eigenvalues for each in found["linear"]])),
        "tanh, half as wide": laws["tanh"].ks_distance(np.concatenate([each.eigenvalues for each in half])),
        "tanh": laws["tanh"].ks_distance(np.concatenate([each.eigenvalues for each in many])),
    }
    checks = (
        Check.near("share of zeros, linear", zeros["linear"], 0.5, 0.0),
        Check.most("largest share of zeros, nonlinear", max(zeros[name] for name in others), 0.0),
        Check.least(
            "largest eigenvalue over the mean: linear over the largest of the others",
            conditions["linear"] / max(conditions[name] for name in others),
            1.0,
        ),
        Check.least(
            "mean square over squared mean: linear over the largest of the others",
            spreads["linear"] / max(spreads[name] for name in others),
            1.0,
        ),
        # Of order 1 / n.
        Check.most("distance to the limit law, linear", distances["linear"], 0.05 * 26 / n),
        Check.most(
            "distance to the limit law, tanh: over that at half the width",
            distances["tanh"] / distances["tanh, half as wide"],
            1.0,
        ),
    )

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for name, rows in found.items():
            values = np.sort(np.concatenate([each.eigenvalues / each.eigenvalues.mean() for each in rows]))
            (line,) = left.plot(np.maximum(values, 1e-6), np.linspace(0, 1, values.size), label=name)
            mean = float(laws[name].mean())
            low, high = laws[name]._hull()
            x = np.geomspace(max(low, 1e-6 * mean), high, 300)
            left.plot(x / mean, laws[name].cdf(x), "--", color=line.get_color(), linewidth=1)
        left.set_xscale("log")
        left.set_xlabel("eigenvalue over the mean (zeros at 1e-6; dashed: the limit)")
        left.set_ylabel("share below")
        left.legend(fontsize="small")
        heights, bars = ([each[name] for name in _NAMES] for each in (conditions, errors))
        right.bar(_NAMES, heights, yerr=bars, capsize=3, color="#8fb3d9")
        right.set_ylabel("largest eigenvalue over the mean")

    settings = {"seed": seed, "quick": quick, "n": n, "draws": draws}
    content = {"zeros": zeros, "conditions": conditions, "stderr": errors, "spreads": spreads, "distances": distances}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "fisher",
    "Linear networks have the most flat directions and the worst-conditioned Fisher matrix, at equal variance of units",
    "J. Pennington, P. Worah, NeurIPS (2018)",
    _work,
)
