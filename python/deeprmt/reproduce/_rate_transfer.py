"""The best learning rate of a narrow network is that of a wide one in muP, and too large in the standard one.

By gradient descent and by Adam.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks import MLP
from ..training import RateTransfer, rate_transfer
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAMPLES = 64
_MOST = 1e3  # instead of what is infinite
# Parametrization, optimizer, and the ends of the rates.
_KINDS: dict[str, tuple[Any, Any, tuple[float, float]]] = {
    "standard": ("standard", "sgd", (1e-4, 1.0)),
    "mup": ("mup", "sgd", (1e-3, 10.0)),
    "standard, Adam": ("standard", "adam", (1e-5, 1.0)),
    "mup, Adam": ("mup", "adam", (1e-4, 10.0)),
}


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    widths, runs, steps, count = ((32, 64), 1, 4, 5) if quick else ((64, 128, 256, 512), 3, 20, 17)
    rng = np.random.default_rng([seed, 0])
    x = rng.normal(size=(_SAMPLES, 8))
    y = x[:, :1] * x[:, 1:2]
    found: dict[str, RateTransfer] = {}
    for name, (kind, optimizer, ends) in _KINDS.items():
        mlp = MLP([8, widths[0], widths[0], 1], "tanh", sigma_w=1.0, parametrization=kind)
        found[name] = rate_transfer(
            mlp, widths, x, y, rates=np.geomspace(*ends, count), steps=steps, optimizer=optimizer, draws=runs,
            rng=np.random.default_rng([seed, 1]), threads=threads,
        )  # fmt: skip
    # How far the widest network falls short of its best with the rate that was best for the narrowest one.
    short = {name: min(each.shortfall, _MOST) for name, each in found.items()}
    slopes = {name: each.exponent for name, each in found.items()}
    checks = []
    for optimizer, name in (("", "gradient descent"), (", Adam", "Adam")):
        mup, standard = f"mup{optimizer}", f"standard{optimizer}"
        checks += [
            Check.most(f"{name}, muP: loss of the widest at the narrowest's best rate, over its own best", short[mup],
                       1.25),
            Check.least(f"{name}, standard: the same", short[standard], 2.0),
            Check.near(f"{name}, muP: exponent in the width of the rate that reaches a given loss", slopes[mup], 0.0,
                       0.1),
            Check.most(f"{name}, standard: the same", slopes[standard], -0.4),
        ]  # fmt: skip
    content: dict[str, Any] = {name: each.to_dict() for name, each in found.items()}

    def draw(figure: Figure) -> None:
        for ax, (name, each) in zip(figure.subplots(1, 4, sharey=True), found.items(), strict=True):
            each.plot(ax)
            ax.set_xlabel(f"learning rate, {name}")
            if ax is not figure.axes[0]:
                ax.set_ylabel("")

    settings = {"seed": seed, "quick": quick, "samples": _SAMPLES, "steps": steps, "networks": runs}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "rate-transfer",
    "In muP the learning rate of a narrow network suits a wide one; in the standard parametrization it is too large",
    "G. Yang et al., Tensor programs V, arXiv:2203.03466",
    _work,
)
