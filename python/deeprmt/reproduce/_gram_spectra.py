"""The spectrum of Y Y^T / m, Y = f(W X), is that of a quartic in which f counts by its linear part alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plots
from ..nonlinear import gram_eigenvalues, gram_law, isospectral_activation
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# zeta: upper edge, densities at 0.2, 1, 2.5, for phi = psi = eta = 1; 25-digit arithmetic.
_EXPECTED = {
    0.0: (4.0, 0.69374031330254, 0.2756644477109, 0.1232808888123),
    0.25: (4.2775432855764, 0.70681626303742, 0.27130243585583, 0.11453820018901),
    0.5: (4.9728294024054, 0.74398852297931, 0.25522424380396, 0.097393048036953),
    0.75: (5.8302629162008, 0.79094164383031, 0.21825102896343, 0.083545319628461),
    1.0: (6.75, 0.64651815429143, 0.17897912748803, 0.074106202832088),
}


def distance(values: Any, law: Any, bins: int = 40) -> float:
    """The L1 distance of a histogram on the law's hull to the law."""
    high = law.lambda_max * 1.02
    edges = np.linspace(0, high, bins + 1)
    counts = np.histogram(np.minimum(values, high), edges)[0] / np.size(values)
    return float(np.abs(counts - np.diff(np.concatenate([[0.0], law.cdf(edges[1:])]))).sum())


def noise(n: int) -> float:
    """The bound on `distance`: 0.05, or where n is small what half an eigenvalue in each of 40 bins makes."""
    return max(0.05, 0.5 * 40 / n)


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    sizes, trials = ((60, 120), 4) if quick else ((500, 1000), 4)
    checks, content, pictures = [], {}, []
    for i, (zeta, (edge, *densities)) in enumerate(_EXPECTED.items()):
        law = gram_law(1.0, zeta, 1.0, 1.0)
        off = max(
            abs(law.lambda_max / edge - 1), float(np.abs(law.pdf([0.2, 1.0, 2.5]) / np.array(densities) - 1).max())
        )
        f = "linear" if zeta == 1 else isospectral_activation("erf", zeta=zeta)
        runs = [
            gram_eigenvalues(f, n, n, n, trials=trials, center=False, rng=[seed, i, n], threads=threads) for n in sizes
        ]
        apart = distance(runs[-1], law)
        # The second moment has a bias of order 1/n, which two sizes take off: 2 m(2 n) - m(n).
        seconds = [np.mean(each**2, axis=1) for each in runs]
        found = 2 * seconds[1].mean() - seconds[0].mean()
        error = float(np.sqrt((4 * seconds[1].var(ddof=1) + seconds[0].var(ddof=1)) / trials))
        checks += [
            Check.most(f"zeta = {zeta:g}: relative error of edge and density", off, 1e-9),
            Check.most(
                f"zeta = {zeta:g}: L1 distance of {trials} matrices of order {sizes[-1]}", apart, noise(sizes[-1])
            ),
            Check.near(
                f"zeta = {zeta:g}: second moment, extrapolated from two sizes", found, float(law.moment(2)), 5 * error
            ),
        ]
        content[f"{zeta:g}"] = {"distance": apart, "second_moments": [float(each.mean()) for each in seconds]}
        pictures.append((zeta, law, runs[-1]))

    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, len(pictures), sharey=True)
        for ax, (zeta, law, values) in zip(axes, pictures, strict=True):
            plots.spectrum(np.ravel(values), law, ax=ax, label="matrices")
            ax.set_ylim(0, 1.5)
            ax.set_title(f"zeta = {zeta:g}", fontsize=9)

    settings = {"seed": seed, "quick": quick, "sizes": list(sizes), "trials": trials}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "gram-spectra",
    "The spectrum of f(W X) f(W X)^T / m solves a quartic: from Marchenko-Pastur (zeta = 0) to a product (zeta = 1)",
    "J. Pennington, P. Worah, NeurIPS (2017), figure 1a",
    _work,
)
