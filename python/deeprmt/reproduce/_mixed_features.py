"""Two kinds of features fit better than one kind of any linear part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..linalg import eigh
from ..nonlinear import hermite_activation, mixture_errors, training_error
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PHI, _PSI, _GAMMA, _SIGNAL, _SHARE = 0.5, 0.5, 0.01, 0.9, 0.45


def _network(n0: int, kinds: Any, rng: np.random.Generator, threads: int) -> float:
    """gamma^2 tr (s K + 1 - s) Q^2 / m: the training error, its mean over targets taken exactly."""
    n1, m = round(n0 / _PSI), round(n0 / _PHI)
    x = rng.normal(size=(n0, m))
    h = rng.normal(size=(n1, n0)) @ x / np.sqrt(n0)
    y, begin = np.empty_like(h), 0
    for share, f in kinds:
        end = begin + round(share * n1)
        y[begin:end] = f.phi(h[begin:end])
        begin = end
    values, vectors = eigh(y.T @ y / m, threads=threads)
    signal = np.mean((x @ vectors) ** 2, axis=0)  # v^T K v
    ridge = (_GAMMA / (_GAMMA + np.maximum(values, 0))) ** 2
    return float(np.mean((_SIGNAL * signal + 1 - _SIGNAL) * ridge))


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    sizes, trials = ((30, 60), 4) if quick else ((200, 400), 12)
    zetas = np.linspace(0, 1, 41)
    single = np.array([float(training_error(_GAMMA, 1.0, z, _PHI, _PSI, signal=_SIGNAL)) for z in zetas])
    mixed = mixture_errors(_GAMMA, [_SHARE, 1 - _SHARE], [1.0, 1.0], [0.0, 1.0], _PHI, _PSI, signal=_SIGNAL)
    best = float(single.min())
    checks = [
        Check.near(
            "training error of 45 % zeta = 0 and 55 % zeta = 1, theory", float(mixed.train), 0.019997739582, 2e-11
        ),
        Check.near("best single zeta, theory", float(zetas[single.argmin()]), 0.9, 1e-12),
        Check.near("its training error, theory", best, 0.021159817071, 2e-11),
        Check.least("gain of the mixture", best - float(mixed.train), 1e-3),
    ]
    cubic, linear = hermite_activation({3: 1.0}), hermite_activation({1: 1.0})
    content: dict[str, Any] = {"zeta": zetas.tolist(), "single": single.tolist(), "mixture_law": float(mixed.train)}
    designs = {
        "mixture": ([(_SHARE, cubic), (1 - _SHARE, linear)], float(mixed.train)),
        "single, zeta = 0.9": ([(1.0, hermite_activation({1: 0.9**0.5, 3: 0.1**0.5}))], best),
    }
    for name, (kinds, wanted) in designs.items():
        runs = [
            np.array([_network(n0, kinds, np.random.default_rng([seed, n0, t]), threads) for t in range(trials)])
            for n0 in sizes
        ]
        found = 2 * runs[1].mean() - runs[0].mean()  # the bias is of order 1/n
        error = float(np.sqrt((4 * runs[1].var(ddof=1) + runs[0].var(ddof=1)) / trials))
        checks.append(
            Check.near(f"{name}: networks of two sizes, extrapolated", found, wanted, 3 * error + 0.02 * wanted)
        )
        content[name] = {"sizes": [float(each.mean()) for each in runs], "extrapolated": float(found), "error": error}

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        ax.plot(zetas, single, label="one nonlinearity")
        ax.axhline(float(mixed.train), color="#c0392b", label="45 % zeta = 0, 55 % zeta = 1")
        for place, name in ((0.9, "single, zeta = 0.9"), (0.55, "mixture")):
            found = content[name]
            ax.errorbar([place], [found["extrapolated"]], [found["error"]], fmt="o", label=f"networks, {name}")
        ax.set_xlabel("zeta")
        ax.set_ylabel("training error")
        ax.legend(fontsize=8)

    settings = {"seed": seed, "quick": quick, "sizes": list(sizes), "trials": trials, "ridge": _GAMMA}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "mixed-features",
    "A mixture of a linear and a purely nonlinear kind of features fits better than any one nonlinearity",
    "B. Adlam, J. Levinson, J. Pennington, arXiv:1912.00827",
    _work,
)
