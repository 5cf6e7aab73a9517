"""Weights and slopes are asymptotically free, and weights may be rotated around the signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import _core
from ..meanfield import critical_point
from ..networks import MLP, Network, fixing_rotation
from ..networks._tangent_kernel import signals
from ..plots._axes import ticks_at
from ._experiment import Experiment
from ._fits import exponent
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Standard deviations of the trace below, measured beforehand on other networks of these widths.
_KNOWN = {"haar": {125: 3.4e-3, 250: 1.5e-3, 500: 6.3e-4, 1000: 3.4e-4},
          "gaussian": {125: 2.5e-3, 250: 1.7e-3, 500: 7e-4, 1000: 4.3e-4}}  # fmt: skip


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    sizes = {125: 4, 250: 2} if quick else {125: 64, 250: 32, 500: 16, 1000: 8}
    point = critical_point("tanh", q_star=1.0)
    found: dict[str, list[list[float]]] = {}
    moved = 0.0
    for kind in ("haar", "gaussian"):
        rows = []
        for n, trials in sizes.items():
            mlp = MLP([n] * 4, "tanh", weights=kind, sigma_w=point.sigma_w, sigma_b=point.sigma_b)
            rng = np.random.default_rng([seed, n])
            x = rng.normal(size=n)
            x *= np.sqrt(n * (1.0 - point.sigma_b**2)) / (point.sigma_w * np.linalg.norm(x))
            traces = []
            for _ in range(trials):
                network = mlp.sample(rng, threads=threads)
                passed = signals("freeness", "x", network, x[None], threads)
                one, two = (slope[0] ** 2 - np.mean(slope[0] ** 2) for slope in passed.slopes)
                # tr W D1 W^T D2 of diagonal matrices without their traces: 0 if W and (D1, D2) are free.
                traces.append(float(np.einsum("i,ij,j->", two, network.weights[1] ** 2, one)) / n)
            rows.append(traces)
            # W_2 turned around the signal x_1: the network's value is as it was.
            u = fixing_rotation(passed.inputs[1][0], rng=rng)
            turned = list(network.weights)
            turned[1] = _core.linalg.multiply(network.weights[1], np.ascontiguousarray(u), threads)
            other = Network(tuple(turned), network.biases, network.activation)
            off = np.abs(other.forward(x, threads=threads) - network.forward(x, threads=threads)).max()
            moved = max(moved, float(off))
        found[kind] = rows
    widths = list(sizes)
    deviation = {kind: [float(np.sqrt(np.mean(np.square(each)))) for each in rows] for kind, rows in found.items()}
    checks = [Check.most("largest change of the output when a weight is turned around the signal", moved, 1e-12)]
    for kind, name in (("haar", "Haar"), ("gaussian", "Gaussian")):
        n = widths[-1]
        checks += [
            Check.most(f"{name}: |mean trace| of centred words at width {n}", abs(float(np.mean(found[kind][-1]))),
                       4 * _KNOWN[kind][n]),
            Check.near(f"{name}: exponent of its r.m.s. in the width", exponent(widths, deviation[kind]), -1.0, 0.3),
        ]  # fmt: skip
    content = {"widths": widths, "rms": deviation, "traces": found}

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        for kind, colour in (("haar", "#c0392b"), ("gaussian", "#1f4e79")):
            ax.loglog(widths, deviation[kind], "o-", color=colour, label=f"{kind}, r.m.s.")
            for n, traces in zip(widths, found[kind], strict=True):
                ax.loglog(np.full(len(traces), n), np.abs(traces), ".", color=colour, alpha=0.3)
        ax.loglog(widths, 0.4 / np.asarray(widths), ":", color="#7f7f7f", label="1 / width")
        ticks_at(ax, widths)
        ax.set_xlabel("width")
        ax.set_ylabel("|tr W D1 W^T D2| of centred D1, D2")
        ax.legend(frameon=False)

    settings = {"seed": seed, "quick": quick, "networks": list(sizes.values()), "q_star": 1.0}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "freeness",
    "Weights and slopes are asymptotically free: centred words have traces of 1 / width, and weights may be rotated",
    "B. Collins, T. Hayase, Commun. Math. Phys. 397 (2023), arXiv:2103.13466",
    _work,
)
