"""The 5 + 1 phases of training, told apart on matrices that are made to be in one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .. import plots
from ..ensembles import ginibre, heavy_tailed, spiked
from ..linalg import svdvals
from ..signal import fit_bulk
from ..weights import phase
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Matrix = NDArray[np.float64]

# Strengths whose eigenvalues lie at 1.09 and 1.12 times the edge, four standard deviations of the larger one below
# 1.25, where `phase` begins to see a gap; and at 1.8 and more. Aspect 3/4.
_WEAK = (1.25, 1.3)
_STRONG = (2.2, 2.6, 3.0, 3.5, 4.0)


def _decay(m: int, n: int, rng: np.random.Generator) -> Matrix:
    """Correlated rows whose variances are lognormal: no edge, and no power law."""
    scale = np.exp(0.5 * ndtri((np.arange(m) + 0.5) / m))
    return np.asarray(scale[:, None] * ginibre(m, n, rng=rng))


def _low(m: int, n: int, rng: np.random.Generator) -> Matrix:
    return rng.normal(size=(m, m // 5)) @ rng.normal(size=(m // 5, n))


# What is drawn, the phase it is made to be in, and the class of its entries.
_CASES: dict[str, tuple[Callable[[int, int, np.random.Generator], Matrix], str, str | None]] = {
    "noise": (lambda m, n, rng: ginibre(m, n, rng=rng), "random-like", None),
    "noise and weak spikes": (lambda m, n, rng: spiked(m, n, _WEAK, rng=rng), "bleeding-out", None),
    "noise and strong spikes": (lambda m, n, rng: spiked(m, n, _STRONG, rng=rng), "bulk+spikes", None),
    "lognormal variances": (_decay, "bulk-decay", None),
    "Pareto entries, mu = 1.5": (lambda m, n, rng: heavy_tailed(m, n, 1.5, rng=rng), "heavy-tailed", "very heavy"),
    "Pareto entries, mu = 3": (lambda m, n, rng: heavy_tailed(m, n, 3.0, rng=rng), "heavy-tailed", "moderately heavy"),
    # A fourth moment: the spectrum is that of noise, and only the entries tell.
    "Pareto entries, mu = 5": (lambda m, n, rng: heavy_tailed(m, n, 5.0, rng=rng), "random-like", "weakly heavy"),
    "low rank": (_low, "rank-collapse", None),
}


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    m, n, draws = (150, 200, 4) if quick else (300, 400, 50)
    labels: dict[str, list[list[str | None]]] = {}
    shown: dict[str, Matrix] = {}
    for at, (name, (draw, _, _)) in enumerate(_CASES.items()):
        rng = np.random.default_rng([seed, 6, at])
        labels[name] = []
        for _ in range(draws):
            matrix = draw(m, n, rng)
            shown.setdefault(name, np.asarray(svdvals(matrix, threads=threads)))
            found = phase(matrix, rng=seed, threads=threads)
            labels[name].append([found.label, found.entry_class])
    shares = {
        name: float(np.mean([each == [label, kind] for each in labels[name]]))
        for name, (_, label, kind) in _CASES.items()
    }
    checks = tuple(
        Check.least(f"{name}: share of {draws} draws called {label}{f', {kind}' if kind else ''}", shares[name], 0.95)
        for name, (_, label, kind) in _CASES.items()
    )

    def draw_figure(figure: Figure) -> None:
        for ax, (name, s) in zip(figure.subplots(2, 4).ravel(), shown.items(), strict=True):
            kept = s[s > 1e-9 * s[0]]
            bulk = fit_bulk(s, (m, n))
            plots.spectrum(kept[kept < 3 * bulk.threshold], ax=ax, label=None, xlabel="")
            if bulk.found and kept.size == s.size:
                x = np.linspace(*bulk.law.support()[0], 200)[1:-1]
                ax.plot(x, bulk.law.pdf(x) * bulk.values.size / s.size, color="#c0392b", linewidth=1.4)
            ax.set_title(f"{name}:\n{_CASES[name][1]}, {shares[name]:.0%}", fontsize=8)
            ax.set_ylabel("")
            ax.set_yticks([])
            ax.tick_params(labelsize=7)

    settings = {"seed": seed, "quick": quick, "shape": [m, n], "draws": draws}
    content = {"labels": labels, "shares": shares}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw_figure)


EXPERIMENT = Experiment(
    "phases",
    "Spectrum and entries of a matrix tell the 5 + 1 phases of training apart",
    "C. H. Martin, M. W. Mahoney, J. Mach. Learn. Res. 22, 165 (2021), arXiv:1810.01075",
    _work,
)
