"""The test error of random features has a peak where there are as many as samples, and none at the best ridge."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .. import plots
from ..nonlinear import double_descent, mei_montanari, optimal_ridge
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PSI2, _NOISE = 3.0, 0.25
_MU_STAR_2 = 0.25 - 1 / (2 * np.pi)  # of relu
# psi1, psi2, lambda / mu*^2: bias and variance of relu, in 25 digits.
_EXPECTED = {
    (2, 3, 0.001): (0.675101821713, 1.957064581313),
    (2, 3, 0.1): (0.4196572088372, 0.7899945110668),
    (2, 3, 1.0): (0.3920227873933, 0.198606154772),
    (0.5, 3, 0.01): (0.8092987104671, 0.1989973902259),
    (3, 3, 0.01): (0.5997817389741, 3.112287492319),
    (10, 3, 0.01): (0.08947650162378, 0.7043108864952),
    (2, 3, 0.0): (0.684899392846, 2.0),
    (6, 3, 0.0): (0.1726269343526, 1.32230872226),
    (1, 3, 0.0): (0.6718593080051, 0.5),
}


def _sphere(rng: np.random.Generator, count: int, d: int) -> np.ndarray:
    x = rng.normal(size=(count, d))
    return np.asarray(x * np.sqrt(d) / np.linalg.norm(x, axis=1, keepdims=True))


def _simulated(d: int, psi1: float, lams: tuple[float, ...], key: list[int]) -> list[float]:
    """The risk of one draw for each lambda; 0 is the solution of least norm."""
    rng = np.random.default_rng(key)
    n, m = round(psi1 * d), round(_PSI2 * d)
    x, test, theta = _sphere(rng, m, d), _sphere(rng, 2000, d), _sphere(rng, n, d)
    beta = rng.normal(size=d)
    beta /= np.linalg.norm(beta)
    y = x @ beta + np.sqrt(_NOISE) * rng.normal(size=m)
    z, new = (np.maximum(each @ theta.T / np.sqrt(d), 0) for each in (x, test))
    out = []
    for lam in lams:
        ridge = m * n * lam / d
        if n <= m:
            a = np.linalg.solve(z.T @ z + ridge * np.eye(n), z.T @ y)
        else:
            a = z.T @ np.linalg.solve(z @ z.T + ridge * np.eye(m), y)
        out.append(float(np.mean((new @ a - test @ beta) ** 2)))
    return out


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    sizes, draws = ((30, 60), (4, 4)) if quick else ((100, 200), (100, 50))
    curve = double_descent(_PSI2, noise=_NOISE)
    ratios = (0.5, 1.0, 2.0, 3.0, 6.0, 10.0)
    found, errors, theory = [], [], []
    for i, psi1 in enumerate(ratios):
        lams: tuple[float, ...] = (0.1 * _MU_STAR_2, optimal_ridge(psi1, _PSI2, noise=_NOISE))
        lams += (0.0,) if psi1 != _PSI2 else ()  # there it is infinite
        runs = [
            np.array([_simulated(d, psi1, lams, [seed, i, d, each]) for each in range(count)])
            for d, count in zip(sizes, draws, strict=True)
        ]
        rest = [math.nan] * (3 - len(lams))
        # What is of the order of 1 / d goes by two sizes.
        found.append((2 * runs[1].mean(axis=0) - runs[0].mean(axis=0)).tolist() + rest)
        parts = [each.var(axis=0, ddof=1) / len(each) for each in runs]
        errors.append(np.sqrt(4 * parts[1] + parts[0]).tolist() + rest)
        theory.append([float(mei_montanari(psi1, _PSI2, lam).risk(noise=_NOISE)) for lam in lams] + rest)
    got, error, law = np.array(found), np.array(errors), np.array(theory)
    # 5 %, or four standard errors of the extrapolation where those are more.
    off = np.nanmax(np.abs(got - law) / np.maximum(0.05 * law, 4 * error), axis=0)
    wrong = 0.0
    for (psi1, psi2, bar), wanted in _EXPECTED.items():
        exact = mei_montanari(psi1, psi2, bar * _MU_STAR_2)
        wrong = max(wrong, *(abs(float(a) / b - 1) for a, b in zip((exact.bias, exact.variance), wanted, strict=True)))
    best = curve.best_risk
    unit = "5 % or four standard errors"
    checks = (
        Check.near("features a sample where the risk is largest, ridge to 0", curve.peak / _PSI2, 1.0, 1e-12),
        Check.most("largest step upwards of the risk at the best ridge", float(np.diff(best).max()), 0.0),
        Check.most(f"largest relative error of {2 * len(_EXPECTED)} biases and variances", wrong, 1e-9),
        *(
            Check.most(f"distance of simulations, {name}, in units of {unit}", float(each), 1.0)
            for name, each in zip(("lambda = 0.1 mu*^2", "best ridge", "ridge 0"), off, strict=True)
        ),
        # From one number of features to the next, in units of their standard errors.
        Check.most(
            "largest step upwards of simulations at the best ridge, in standard errors",
            float(np.max(np.diff(got[:, 1]) / np.hypot(error[1:, 1], error[:-1, 1]))),
            4.0,
        ),
    )
    shown = double_descent(_PSI2, 0.1 * _MU_STAR_2, noise=_NOISE)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        plots.double_descent(curve, ax=left)
        plots.double_descent(shown, ax=right)
        for ax, column, color in ((left, 2, "black"), (left, 1, "#7f7f7f"), (right, 0, "black"), (right, 1, "#7f7f7f")):
            ax.errorbar(np.array(ratios) / _PSI2, got[:, column], 4 * error[:, column], fmt="o", color=color, ms=4)

    settings = {"seed": seed, "quick": quick, "d": list(sizes), "draws": list(draws), "noise": _NOISE, "psi2": _PSI2}
    content = {
        "ratios": list(ratios),
        "columns": ["lambda = 0.1 mu*^2", "best ridge", "ridge 0"],
        "simulated": found,
        "stderr": errors,
        "law": theory,
        "curve": curve.to_dict(),
    }
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "double-descent",
    "The test error of random features peaks at as many features as samples, and falls throughout at the best ridge",
    "S. Mei, A. Montanari, Comm. Pure Appl. Math. 75, 667 (2022), arXiv:1908.05355",
    _work,
)
