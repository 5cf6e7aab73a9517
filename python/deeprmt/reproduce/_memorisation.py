"""The less linear an activation is, the better random features memorise noise."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..linalg import eigvalsh
from ..nonlinear import training_error
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BETAS = (-np.inf, -2.0, 0.0, 2.0)  # log10(eta / zeta - 1)
_PANELS = ((0.5, 0.5), (0.5, 0.75))
_RIDGES = np.array([1e-2, 0.1, 1.0])


def _zeta(beta: float) -> float:
    return float(1 / (1 + 10.0**beta))


def _simulated(n0: int, phi: float, psi: float, zeta: float, draws: int, key: list[int], threads: int) -> np.ndarray:
    """Training errors of noise, by eigenvalues of Y Y^T / m; f = sqrt(zeta) z + sqrt(1 - zeta) |z|, centred."""
    n1, m = round(n0 / psi), round(n0 / phi)
    found = []
    for each in range(draws):
        rng = np.random.default_rng([*key, each])
        h = rng.normal(size=(n1, n0)) @ rng.normal(size=(n0, m)) / np.sqrt(n0)
        y = np.sqrt(zeta) * h
        y += np.sqrt((1 - zeta) / (1 - 2 / np.pi)) * (np.abs(h) - np.sqrt(2 / np.pi))
        gram = y @ y.T / m
        levels = np.maximum(eigvalsh((gram + gram.T) / 2, threads=threads), 0.0)
        inside = np.sum((_RIDGES[:, None] / (levels + _RIDGES[:, None])) ** 2, axis=1)
        found.append((inside + (m - n1)) / m)
    return np.asarray(np.mean(found, axis=0))


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    sizes, draws = ((40, 80), (2, 2)) if quick else ((250, 500), (16, 6))
    grid = np.geomspace(1e-8, 10, 200)
    curves, points, worst, order = {}, {}, 0.0, 0.0
    for phi, psi in _PANELS:
        rows = []
        for i, beta in enumerate(_BETAS):
            zeta = _zeta(beta)
            row = np.asarray(training_error(grid, 1.0, zeta, phi, psi, nonlinearity=1 - zeta))
            rows.append(row)
            small, large = (
                _simulated(n0, phi, psi, zeta, count, [seed, round(100 * psi), i, n0], threads)
                for n0, count in zip(sizes, draws, strict=True)
            )
            # What is left is of the order of 1 / n0, and goes by two sizes.
            found = 2 * large - small
            theory = np.asarray(training_error(_RIDGES, 1.0, zeta, phi, psi, nonlinearity=1 - zeta))
            worst = max(worst, float(np.abs(found / theory - 1).max()))
            points[f"{psi}, {beta}"] = found.tolist()
        curves[f"psi {psi}"] = [row.tolist() for row in rows]
        # Each curve lies below that of the next more linear f, at every ridge.
        order = max(order, float(max(np.max(b - a) for a, b in pairwise(rows))))
    exact = float(training_error(1e-4, 1.0, 0.5, 0.5, 0.5))
    checks = (
        Check.most("largest relative distance of simulations from the law, two sizes extrapolated", worst, 0.01),
        Check.most("largest excess of a less linear f's error over a more linear one's", order, 1e-12),
        Check.near("error at ridge 1e-4, zeta = eta / 2, phi = psi = 1/2", exact, 0.0059458307509375, 1e-12),
        Check.near("linear floor, 1 - phi", float(training_error(1e-12, 1.0, 1.0, 0.5, 0.5)), 0.5, 1e-9),
    )

    def draw(figure: Figure) -> None:
        for ax, (phi, psi) in zip(figure.subplots(1, 2, sharey=True), _PANELS, strict=True):
            for i, beta in enumerate(_BETAS):
                line = ax.plot(grid, curves[f"psi {psi}"][i], label=f"{beta:g}")[0]
                ax.plot(_RIDGES, points[f"{psi}, {beta}"], ".", color=line.get_color())
            ax.set_xscale("log")
            ax.set_xlabel("ridge")
            ax.set_title(f"phi = {phi}, psi = {psi}", fontsize=9)
        figure.axes[0].set_ylabel("training error of noise")
        figure.axes[0].legend(title="log10(eta / zeta - 1)", fontsize="small")

    settings = {"seed": seed, "quick": quick, "n0": list(sizes), "draws": list(draws), "ridges": _RIDGES.tolist()}
    content = {"ridge": grid.tolist(), "curves": curves, "simulated": points}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "memorisation",
    "Random features memorise noise the better, the less linear their activation is",
    "J. Pennington, P. Worah, NeurIPS (2017), Figure 3",
    _work,
)
