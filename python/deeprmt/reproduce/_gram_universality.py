"""Nonlinearities of one ratio zeta / eta have one spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import plots
from ..linalg import eigvalsh
from ..nonlinear import constants, gram_eigenvalues, gram_law, gram_matrix, isospectral_activation, leaky_family
from ._experiment import Experiment
from ._gram_spectra import distance, noise
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    n0, trials = (120, 2) if quick else (1500, 2)
    n1, m = 4 * n0 // 3, 2 * n0 // 3  # phi = 3/2, psi = 3/4
    zeta = constants("relu").ratio
    law = gram_law(1.0, zeta, n0 / m, n0 / n1)
    functions = {
        "relu, standardised": leaky_family(0.0),
        "tanh with that linear part": isospectral_activation("tanh", zeta=zeta),
        "sin with that linear part": isospectral_activation("sin", zeta=zeta),
        "hard_tanh with that linear part": isospectral_activation("hard_tanh", zeta=zeta),
    }
    checks, content, spectra = [], {}, {}
    for i, (name, f) in enumerate(functions.items()):
        values = gram_eigenvalues(f, n0, n1, m, trials=trials, center=False, rng=[seed, i], threads=threads)
        nonzero = values[:, -m:]
        # Of the n1 x n1 matrix itself, at a smaller size: rounding leaves its zeros at some 1e-14.
        small = n0 // 9 * 3
        whole = gram_matrix(f, small, 4 * small // 3, 2 * small // 3, center=False, rng=[seed, i], threads=threads)
        levels = eigvalsh(whole, threads=threads)
        zeros = float(np.mean(levels < 1e-11 * levels[-1]))
        apart = distance(values, law)
        checks.append(Check.most(f"{name}: L1 distance to the law of zeta / eta = {zeta:.4f}", apart, noise(m)))
        checks.append(
            Check.near(f"{name}: share of zeros of a matrix of order {len(levels)}", zeros, law.atoms()[0][1], 1e-12)
        )
        content[name] = {"distance": apart, "zeros": zeros}
        spectra[name] = nonzero
    other = leaky_family(0.5)
    values = gram_eigenvalues(other, n0, n1, m, center=False, rng=[seed, 9], threads=threads)
    apart = distance(values, law)
    checks.append(Check.least("f of another ratio, f_alpha(0.5): L1 distance to the same law", apart, 0.1))
    content["another"] = {"distance": apart}

    def draw(figure: Figure) -> None:
        for ax, (name, nonzero) in zip(figure.subplots(1, len(spectra), sharey=True), spectra.items(), strict=True):
            edges = np.linspace(0, law.lambda_max, 60)
            counts = np.histogram(nonzero, edges)[0] / (trials * n1 * np.diff(edges))
            ax.stairs(counts, edges, fill=True, alpha=0.4)
            plots.law(law, ax=ax)
            ax.set_title(name, fontsize=8)

    settings = {"seed": seed, "quick": quick, "n0": n0, "n1": n1, "m": m, "trials": trials}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "gram-universality",
    "Quite different nonlinearities have one spectrum if zeta / eta is the same, and an atom where n1 > m",
    "J. Pennington, P. Worah, NeurIPS (2017), figure 1b",
    _work,
)
