"""Linear networks have the worst-conditioned Fisher matrices; nonlinear ones have no flat directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..nonlinear import FisherSpectrum, fisher_spectrum
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
    )

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for name, rows in found.items():
            values = np.sort(np.concatenate([each.eigenvalues / each.eigenvalues.mean() for each in rows]))
            left.plot(np.maximum(values, 1e-6), np.linspace(0, 1, values.size), label=name)
        left.set_xscale("log")
        left.set_xlabel("eigenvalue over the mean (zeros at 1e-6)")
        left.set_ylabel("share below")
        left.legend(fontsize="small")
        heights, bars = ([each[name] for name in _NAMES] for each in (conditions, errors))
        right.bar(_NAMES, heights, yerr=bars, capsize=3, color="#8fb3d9")
        right.set_ylabel("largest eigenvalue over the mean")

    settings = {"seed": seed, "quick": quick, "n": n, "draws": draws}
    content = {"zeros": zeros, "conditions": conditions, "stderr": errors, "spreads": spreads}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "fisher",
    "Linear networks have the most flat directions and the worst-conditioned Fisher matrix, at equal variance of units",
    "J. Pennington, P. Worah, NeurIPS (2018)",
    _work,
)
