"""A mixture of nonlinearities fits a noisy auto-encoder better than any single one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..nonlinear import mixture_errors, test_error, training_error
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PHI, _PSI, _RIDGE, _SIGNAL, _SHARE = 0.5, 0.5, 0.01, 0.9, 0.55


def _simulated(n0: int, seed: int, each: int) -> float:
    """The training error of rows h and |h| (centred, of variance 1), targets with a linear part."""
    rng = np.random.default_rng([seed, each])
    n1, m = round(n0 / _PSI), round(n0 / _PHI)
    x = rng.normal(size=(n0, m))
    y = rng.normal(size=(n1, n0)) @ x / np.sqrt(n0)
    even = y[round(_SHARE * n1) :]
    even[:] = (np.abs(even) - np.sqrt(2 / np.pi)) / np.sqrt(1 - 2 / np.pi)
    q = np.linalg.inv(y.T @ y / m + _RIDGE * np.eye(m))
    noise = np.sum(q * q) / m
    signal = np.sum((x @ q) ** 2) / n0 / m
    return float(_RIDGE**2 * (_SIGNAL * signal + (1 - _SIGNAL) * noise))


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    n0, draws = (60, 3) if quick else (600, 6)
    mixed = mixture_errors(_RIDGE, [1 - _SHARE, _SHARE], [1.0, 1.0], [0.0, 1.0], _PHI, _PSI, signal=_SIGNAL)
    zetas = np.linspace(0, 1, 401)
    single = np.asarray(training_error(_RIDGE, 1.0, zetas, _PHI, _PSI, signal=_SIGNAL))
    tests = np.asarray(test_error(_RIDGE, 1.0, zetas, _PHI, _PSI, signal=_SIGNAL))
    best = int(np.argmin(single))
    runs = np.array([_simulated(n0, seed, each) for each in range(draws)])
    train = float(mixed.train)
    checks = (
        Check.near("training error of the mixture", train, 0.019997739582, 1e-9),
        Check.near("training error of a single f, zeta = 0.9 eta", float(single[360]), 0.021159817071, 1e-9),
        Check.least("best single training error over that of the mixture", float(single[best]) / train, 1.02),
        Check.near(
            f"training error of the mixture, mean of {draws} simulations",
            runs.mean(),
            train,
            # Three standard errors, and 2 % for the size.
            3 * float(runs.std(ddof=1)) / float(np.sqrt(draws)) + 0.02 * train,
        ),
        Check.most("best single test error over that of the mixture", float(tests.min()) / float(mixed.test), 1.0),
    )
    shares = np.linspace(0, 1, 41)
    curve = [
        float(mixture_errors(_RIDGE, [1 - s, s], [1.0, 1.0], [0.0, 1.0], _PHI, _PSI, signal=_SIGNAL).train)
        for s in shares
    ]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.plot(zetas, single, label="one nonlinearity, zeta / eta")
        left.plot(shares, curve, label="a mixture, share of linear features")
        left.errorbar([_SHARE], [runs.mean()], [runs.std()], fmt="o", color="black", markersize=4, label="simulations")
        left.set_ylabel("training error")
        left.legend(fontsize="small")
        right.plot(zetas, tests)
        right.axhline(float(mixed.test), color="#c0392b")
        right.set_xlabel("zeta / eta of one nonlinearity")
        right.set_ylabel("test error (line: the mixture)")
        right.set_yscale("log")

    settings = {"seed": seed, "quick": quick, "n0": n0, "draws": draws, "ridge": _RIDGE, "signal": _SIGNAL}
    content = {"zeta": zetas[::10].tolist(), "single": single[::10].tolist(), "mixture": curve, "runs": runs.tolist()}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "mixed-features",
    "A mixture of two nonlinearities fits a noisy auto-encoder better than the best single one (and is worse in tests)",
    "B. Adlam, J. Levinson, J. Pennington, arXiv:1912.00827",
    _work,
)
