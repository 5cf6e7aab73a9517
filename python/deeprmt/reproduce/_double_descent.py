"""The test error of random features has a peak where there are as many as samples, and none at the best ridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import plots
from ..nonlinear import double_descent, mei_montanari
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PSI2, _NOISE = 3.0, 0.25
_MU_STAR_2 = 0.25 - 1 / (2 * np.pi)  # of relu


def _sphere(rng: np.random.Generator, count: int, d: int) -> np.ndarray:
    x = rng.normal(size=(count, d))
    return np.asarray(x * np.sqrt(d) / np.linalg.norm(x, axis=1, keepdims=True))


def _simulated(d: int, psi1: float, lam: float, key: list[int]) -> float:
    rng = np.random.default_rng(key)
    n, m = round(psi1 * d), round(_PSI2 * d)
    x, test, theta = _sphere(rng, m, d), _sphere(rng, 2000, d), _sphere(rng, n, d)
    beta = rng.normal(size=d)
    beta /= np.linalg.norm(beta)
    y = x @ beta + np.sqrt(_NOISE) * rng.normal(size=m)
    z = np.maximum(x @ theta.T / np.sqrt(d), 0)
    a = np.linalg.solve(z.T @ z / m + n * lam / d * np.eye(n), z.T @ y / m)
    return float(np.mean((np.maximum(test @ theta.T / np.sqrt(d), 0) @ a - test @ beta) ** 2))


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    sizes, draws = ((30, 60), (4, 4)) if quick else ((100, 200), (60, 24))
    curve = double_descent(_PSI2, noise=_NOISE)
    lam = 0.1 * _MU_STAR_2
    ratios = (1.0, 3.0, 6.0)
    found, errors = [], []
    for i, psi1 in enumerate(ratios):
        runs = [
            np.array([_simulated(d, psi1, lam, [seed, i, d, each]) for each in range(count)])
            for d, count in zip(sizes, draws, strict=True)
        ]
        found.append(2 * runs[1].mean() - runs[0].mean())  # what is of the order of 1 / d goes by two sizes
        parts = [each.var(ddof=1) / each.size for each in runs]
        errors.append(float(np.sqrt(4 * parts[1] + parts[0])))
    theory = np.asarray(mei_montanari(ratios, _PSI2, lam).risk(noise=_NOISE))
    # 5 %, and four standard errors of the extrapolation.
    off = np.abs(found - theory) / (0.05 * theory + 4 * np.array(errors))
    exact = mei_montanari(2.0, 3.0, lam)
    best = curve.best_risk
    checks = (
        Check.near("features a sample where the risk is largest, ridge to 0", curve.peak / _PSI2, 1.0, 1e-12),
        Check.most("largest step upwards of the risk at the best ridge", float(np.diff(best).max()), 0.0),
        Check.near("bias at psi = (2, 3), lambda = 0.1 mu*^2", float(exact.bias), 0.4196572088372, 1e-9),
        Check.near("variance there", float(exact.variance), 0.7899945110668, 1e-9),
        Check.most("distance of simulations, in units of 5 % and four standard errors", float(off.max()), 1.0),
    )
    shown = double_descent(_PSI2, lam, noise=_NOISE)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        plots.double_descent(curve, ax=left)
        plots.double_descent(shown, ax=right)
        right.errorbar(np.array(ratios) / _PSI2, found, 4 * np.array(errors), fmt="o", color="black", markersize=4)

    settings = {"seed": seed, "quick": quick, "d": list(sizes), "draws": list(draws), "noise": _NOISE, "psi2": _PSI2}
    content = {
        "ratios": list(ratios),
        "simulated": [float(f) for f in found],
        "stderr": errors,
        "curve": curve.to_dict(),
    }
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "double-descent",
    "The test error of random features peaks at as many features as samples, and falls throughout at the best ridge",
    "S. Mei, A. Montanari, Comm. Pure Appl. Math. 75, 667 (2022), arXiv:1908.05355",
    _work,
)
