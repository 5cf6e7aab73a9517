"""Slopes depend on the weights, and spectra do not know: Jacobians of networks have the law of independent slopes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..jacobian import law, singular_values
from ..linalg import svdvals
from ..meanfield import critical_point
from ..networks import MLP, Network
from ..plots._axes import ticks_at
from ._experiment import Experiment
from ._fits import exponent
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DEPTH = 4
_KINDS = {"gaussian": "Gaussian", "haar": "Haar", "signs": "random signs", "uniform": "uniform"}


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    from scipy.stats import kstest  # slow to import

    sizes = {20: 8, 40: 4} if quick else {100: 128, 200: 64, 400: 32, 800: 16}
    point = critical_point("tanh", q_star=1.0)
    mean: dict[str, list[float]] = {}
    surrogate: dict[str, list[float]] = {}
    for kind in _KINDS:
        weights: Any = "haar" if kind == "haar" else "gaussian"
        distances, others = [], []
        for n, trials in sizes.items():
            mlp = MLP([n] * (_DEPTH + 1), "tanh", weights=weights, sigma_w=point.sigma_w, sigma_b=point.sigma_b)
            limit = law(mlp)
            rng = np.random.default_rng([seed, n])
            if kind in ("gaussian", "haar"):
                # All networks see one input of the length that the law has; the surrogate's slopes are drawn anew.
                values = singular_values(mlp, trials=trials, rng=rng, threads=threads) ** 2
                again = singular_values(mlp, trials=trials, rng=rng, surrogate=True, threads=threads) ** 2
                others.append(float(np.mean([kstest(each, limit.cdf).statistic for each in again])))
            else:
                values = np.array([_other(kind, mlp, rng, threads) for _ in range(trials)])
            distances.append(float(np.mean([kstest(each, limit.cdf).statistic for each in values])))
        mean[kind] = distances
        if others:
            surrogate[kind] = others
    widths = list(sizes)
    checks = [
        Check.most(f"{name} weights: mean Kolmogorov distance at width {widths[-1]}", mean[kind][-1], 0.02)
        for kind, name in _KINDS.items()
    ]
    checks += [
        Check.most(f"{name} weights: exponent of the distance in the width", exponent(widths, mean[kind]), -0.35)
        for kind, name in _KINDS.items()
    ]
    # Means of sixteen distances each, which scatter by a third: their ratio by an eighth.
    checks += [
        Check.near(f"{_KINDS[kind]} weights: that distance over the one with slopes drawn anew",
                   mean[kind][-1] / others[-1], 1.0, 0.5)
        for kind, others in surrogate.items()
    ]  # fmt: skip
    content: dict[str, Any] = {"widths": widths, "networks": mean, "independent_slopes": surrogate}

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        for (kind, name), colour in zip(_KINDS.items(), ("#1f4e79", "#c0392b", "#2e8b57", "#b8860b"), strict=True):
            ax.loglog(widths, mean[kind], "o-", color=colour, label=f"networks, {name}")
            if kind in surrogate:
                ax.loglog(widths, surrogate[kind], "s--", color=colour, mfc="white", label=f"{name}, slopes drawn anew")
        ax.loglog(widths, 0.35 / np.sqrt(widths), ":", color="#7f7f7f", label="width^(-1/2)")
        ticks_at(ax, widths)
        ax.set_xlabel("width")
        ax.set_ylabel("Kolmogorov distance of one network to the law")
        ax.legend(frameon=False, fontsize="small")

    settings = {"seed": seed, "quick": quick, "depth": _DEPTH, "q_star": 1.0, "sigma_w": float(point.sigma_w)}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


def _other(kind: str, mlp: MLP, rng: np.random.Generator, threads: int) -> NDArray[np.float64]:
    """Squared singular values of a network whose weights have independent entries of another law."""
    from ..jacobian._samples import stationary_input

    n = mlp.widths[0]
    scale, half = mlp.sigma_w / np.sqrt(n), np.sqrt(3.0)
    weights = []
    for _ in range(mlp.depth):
        entries = rng.choice((-1.0, 1.0), (n, n)) if kind == "signs" else rng.uniform(-half, half, (n, n))
        weights.append(scale * entries)
    biases = [mlp.sigma_b * rng.normal(size=n) for _ in weights]
    x = rng.normal(size=n)
    x *= np.sqrt(n * stationary_input(mlp)) / np.linalg.norm(x)
    jacobian = Network(tuple(weights), tuple(biases), mlp.activation).jacobian(x, threads=threads)
    return np.asarray(svdvals(jacobian, threads=threads), np.float64) ** 2


EXPERIMENT = Experiment(
    "random-slopes",
    "Spectra of Jacobians are those of slopes drawn independently of the weights, whatever the law of the entries",
    "L. Pastur, arXiv:2001.06188; L. Pastur, V. Slavin, arXiv:2011.11439; L. Pastur, arXiv:2201.04543",
    _work,
)
