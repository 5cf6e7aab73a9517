"""The largest eigenvalue of noise, and what noise does to a signal: Tracy-Widom, the transition, shrinkage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import eigh

from ..ensembles import laguerre_eigenvalues
from ..laws import TracyWidom
from ..signal import hard_threshold, shrink, spiked
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A covariance with one eigenvalue ell, aspect 1/2; a matrix of aspect 1/2 with one singular value theta.
_ELL, _THETA = 3.0, 1.5


def _leading(y: Any) -> tuple[float, float, float]:
    """The largest singular value, and the first entries of its vectors."""
    square, u = eigh(y @ y.T, subset_by_index=[len(y) - 1, len(y) - 1])
    s = float(np.sqrt(square[0]))
    return s, float(u[0, 0]), float(y[:, 0] @ u[:, 0] / s)


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    checks: list[Check] = []

    def compare(what: str, samples: Any, expected: float) -> None:
        error = float(np.std(samples, ddof=1) / np.sqrt(len(samples)))
        checks.append(Check.near(what, float(np.mean(samples)), expected, 4 * error))

    # White noise: Johnstone's statistic with the half-integers of Ma, whose bias is a power smaller.
    n, p, draws = (40, 10, 200) if quick else (400, 100, 6000)
    top = n * laguerre_eigenvalues(n, p, 1.0, size=draws, rng=[seed, 0], threads=threads)[:, -1]
    a, b = np.sqrt(n - 0.5), np.sqrt(p - 0.5)
    z = (top - (a + b) ** 2) / ((a + b) * (1 / a + 1 / b) ** (1 / 3))
    law = TracyWidom(1)
    compare("noise: mean of the largest eigenvalue, scaled", z, float(law.mean()))
    compare("noise: share above the 95 % point of Tracy and Widom", 1.0 * (z > law.ppf(0.95)), 0.05)

    # By rotation invariance of the noise the signal's vectors may be the first unit vectors.
    m, trials = (40, 6) if quick else (500, 24)
    shape, rng = (m, 2 * m), np.random.default_rng([seed, 1])
    covariance, matrix = [], []
    for _ in range(trials):
        data = rng.normal(size=shape)
        data[0] *= np.sqrt(_ELL)
        covariance.append(_leading(data / np.sqrt(2 * m)))
        noisy = rng.normal(size=shape) / np.sqrt(2 * m)
        noisy[0, 0] += _THETA
        matrix.append(_leading(noisy))
    c = 0.5
    found = np.array(covariance)
    compare(f"covariance, ell = {_ELL:g}: largest eigenvalue", found[:, 0] ** 2, _ELL * (1 + c / (_ELL - 1)))
    overlap = (1 - c / (_ELL - 1) ** 2) / (1 + c / (_ELL - 1))
    compare(f"covariance, ell = {_ELL:g}: squared overlap", found[:, 1] ** 2, overlap)

    sigma = 1 / np.sqrt(2 * m)
    theory = spiked([_THETA], shape, sigma)
    y, u, v = np.array(matrix).T
    compare(f"theta = {_THETA:g}: largest singular value", y, float(theory.values[0]))
    compare(f"theta = {_THETA:g}: squared overlap of the shorter side", u**2, float(theory.left[0]))
    compare(f"theta = {_THETA:g}: squared overlap of the longer side", v**2, float(theory.right[0]))
    kept = np.concatenate([shrink([each], shape, sigma) for each in y])
    for what, values, size in (
        ("shrunk", kept, float(shrink(theory.values, shape, sigma)[0])),
        ("as it is", y, float(theory.values[0])),
    ):
        loss = values**2 - 2 * values * _THETA * u * v + _THETA**2
        shared = float(np.sqrt(theory.left[0] * theory.right[0]))
        compare(f"theta = {_THETA:g}: squared error, {what}", loss, size**2 - 2 * size * _THETA * shared + _THETA**2)
    cut = hard_threshold((100, 100), sigma=0.1) * np.sqrt(3) / 4
    checks.append(Check.near("square matrices: best threshold over 4 / sqrt(3)", float(cut), 1.0, 1e-12))

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        grid = np.linspace(-5, 4, 200)
        left.hist(z, bins=60, range=(-5, 4), density=True, alpha=0.5)
        left.plot(grid, law.pdf(grid), color="black")
        left.set_xlabel("largest eigenvalue of noise, scaled")
        strengths = np.linspace(0.5, 2.5, 100)
        curve = spiked(strengths, shape, sigma)
        for each, label in ((curve.values, "singular value"), (curve.left, "overlap, short"), (curve.right, "long")):
            right.plot(strengths, each, label=label)
        for each in (y, u**2, v**2):
            right.errorbar([_THETA], [each.mean()], [each.std()], fmt="o", color="black")
        right.set_xlabel("strength of the signal")
        right.legend(fontsize=8)

    content = {"scaled": z[:500].tolist(), "singular_values": y.tolist()}
    settings = {"seed": seed, "quick": quick, "noise": [n, p, draws], "shape": list(shape), "trials": trials}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "edges-and-spikes",
    "The largest eigenvalue of noise follows Tracy and Widom; signals beyond the transition stand out as predicted",
    "I. M. Johnstone, Ann. Stat. 29, 295 (2001); Baik, Ben Arous, Peche (2005); Gavish, Donoho (2014, 2017)",
    _work,
)
