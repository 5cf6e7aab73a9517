"""Random features memorise noise the better the less linear they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..nonlinear import gram_eigenvalues, isospectral_activation, training_error
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GAMMAS = (1e-8, 1e-4, 1e-2, 1.0)
# phi, psi, log10(eta / zeta - 1): training errors at these ridges; 25-digit arithmetic.
_EXPECTED = {
    (0.5, 0.5, -math.inf): (0.5, 0.50000005988819, 0.50050424996712, 0.64571730331509),
    (0.5, 0.5, -8.0): (0.28867513651931, 0.49995006738793, 0.50050374991233, 0.64571729715664),
    (0.5, 0.5, -4.0): (0.0035357990124467, 0.28869443828392, 0.49557843704387, 0.64565573643076),
    (0.5, 0.5, -2.0): (0.00035705449991126, 0.035614941449482, 0.29104133629529, 0.63973007947419),
    (0.5, 0.5, 0.0): (5.9460355544429e-5, 0.0059458307509375, 0.05926414550429, 0.48651287513605),
    (0.5, 0.5, 2.0): (5.0004807843098e-5, 0.005000418204755, 0.049942345700286, 0.44723252881924),
    (0.5, 0.75, -math.inf): (0.50000000000001, 0.50000089101141, 0.50431491181247, 0.70459816249067),
    (0.5, 0.75, -8.0): (0.41540083749259, 0.49998422601143, 0.50431474386813, 0.70459815924849),
    (0.5, 0.75, -4.0): (0.33333335582434, 0.41541916435452, 0.50265264065397, 0.70456574860542),
    (0.5, 0.75, -2.0): (0.33333333333577, 0.33354964849588, 0.42040197413344, 0.70143396119371),
    (0.5, 0.75, 0.0): (0.33333333333334, 0.33333365719897, 0.33562026750712, 0.61266253902796),
    (0.5, 0.75, 2.0): (0.33333333333334, 0.33333351284869, 0.33471165460458, 0.58831483885814),
}


def _shares(beta: float) -> tuple[float, float]:
    """zeta and eta - zeta of eta = 1, from log10(eta / zeta - 1)."""
    odds = 10.0**beta if beta > -math.inf else 0.0
    return 1 / (1 + odds), odds / (1 + odds)


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    sizes, trials = ((50, 100), 3) if quick else ((300, 600), 10)
    curves: dict[Any, Any] = {}
    gammas, off = np.geomspace(1e-8, 1e2, 101), 0.0
    for (phi, psi, beta), expected in _EXPECTED.items():
        zeta, rest = _shares(beta)
        found = training_error(np.array(_GAMMAS), 1.0, zeta, phi, psi, nonlinearity=rest)
        off = max(off, float(np.abs(found / np.array(expected) - 1).max()))
        curves[phi, psi, beta] = training_error(gammas, 1.0, zeta, phi, psi, nonlinearity=rest)
    checks = [Check.most("largest relative error of 48 training errors", off, 1e-9)]
    for psi in (0.5, 0.75):
        stack = np.array([curve for (_, other, _), curve in curves.items() if other == psi])
        rise = float(np.diff(stack, axis=0).max())
        checks.append(Check.most(f"psi = {psi:g}: largest gain of a more linear f, over all ridges", rise, 1e-12))
    content: dict[str, Any] = {}
    points: list[tuple[float, ...]] = []
    # The mean over targets is exact: gamma^2 tr Q^2 / m. The bias of order 1/n goes by two sizes.
    for psi, beta in ((psi, beta) for phi, psi, beta in _EXPECTED):
        zeta, rest = _shares(beta)
        f: Any = "linear" if beta == -math.inf else isospectral_activation("erf", zeta=zeta)
        # With n1 = m the least eigenvalues are some (eta - zeta) / n^2, whose law is another one: no limit below that.
        ridges = [
            gamma for gamma in _GAMMAS if psi > 0.5 or beta == -math.inf or gamma > 10 * rest / (2 * sizes[-1]) ** 2
        ]
        runs = []
        for n0 in sizes:
            values = gram_eigenvalues(
                f, n0, round(n0 / psi), 2 * n0,
                trials=trials, side="samples", center=False, rng=[seed, n0], threads=threads,
            )  # fmt: skip
            runs.append(np.array([np.mean((gamma / (gamma + values)) ** 2, axis=1) for gamma in ridges]))
        means = [each.mean(axis=1) for each in runs]
        errors = [each.std(axis=1, ddof=1) / math.sqrt(trials) for each in runs]
        found = 2 * means[1] - means[0]
        error = np.hypot(2 * errors[1], errors[0])
        wanted = training_error(np.array(ridges), 1.0, zeta, 0.5, psi, nonlinearity=rest)
        # 1 % at 600 inputs, for what is left is of order 1/n^2, or four standard errors where those are more.
        off = np.abs(found - wanted) / np.maximum(4 * error, 0.01 * 600 / sizes[-1] * wanted)
        label = f"networks, psi = {psi:g}, log10(eta / zeta - 1) = {beta:g}"
        unit = "1 % or four standard errors" if sizes[-1] == 600 else "the tolerance"
        checks.append(Check.most(f"{label}, {len(ridges)} ridges: distance, in units of {unit}", float(off.max()), 1.0))
        content[label] = {
            "ridges": ridges, "sizes": [each.tolist() for each in means], "extrapolated": found.tolist(),
            "error": error.tolist(), "law": wanted.tolist(),
        }  # fmt: skip
        points += [(psi, *each) for each in zip(ridges, found.tolist(), error.tolist(), strict=True)]

    def draw(figure: Figure) -> None:
        for ax, psi in zip(figure.subplots(1, 2, sharey=True), (0.5, 0.75), strict=True):
            for (_, other, beta), curve in curves.items():
                if other == psi:
                    ax.semilogx(gammas, curve, label=f"{beta:g}")
            for other, gamma, found, error in points:
                if other == psi:
                    ax.errorbar([gamma], [found], [4 * error], fmt=".", color="black")
            ax.set_title(f"phi = 0.5, psi = {psi:g}", fontsize=9)
            ax.set_xlabel("ridge")
        ax.legend(title="log10(eta / zeta - 1); dots: networks", fontsize=8)

    settings = {"seed": seed, "quick": quick, "sizes": list(sizes), "trials": trials}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "memorisation",
    "The less linear f is, the better ridge regression on f(W X) fits targets that are noise",
    "J. Pennington, P. Worah, NeurIPS (2017), figure 3",
    _work,
)
