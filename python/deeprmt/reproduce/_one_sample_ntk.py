"""At one input the tangent kernel of an isometric network concentrates at its maximum, of the order of the depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import erfc

from ..linalg import eigvalsh
from ..meanfield import critical_point, one_sample_ntk_law
from ..networks import MLP
from ..plots._axes import ticks_at
from ._experiment import Experiment
from ._fits import exponent
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Q = 0.05
# The upper end of the law of tanh with Haar weights: where dz / dy = 0 along its S-transforms, in many digits.
_TANH = {2: 0.0954738045339, 4: 0.205753421915, 8: 0.457958397074, 16: 1.06656226897}
_NEAR = 0.001  # q* of tanh where all but 1 % is isometric


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    width, depths = (60, (2, 4)) if quick else (800, (2, 4, 8, 16))
    point = critical_point("hard_tanh", q_star=_Q)
    checks: list[Check] = []
    content: dict[str, Any] = {"depths": list(depths), "width": width}
    spectra: dict[str, Any] = {}
    for kind in ("haar", "gaussian"):
        largest, measured, means = [], [], []
        for depth in depths:
            mlp = MLP([width] * (depth + 1), "hard_tanh", weights=kind, sigma_w=point.sigma_w, sigma_b=point.sigma_b)
            limit = one_sample_ntk_law(mlp)
            second = float(limit.second_moments[0])
            rng = np.random.default_rng([seed, depth])
            x = rng.normal(size=width)
            x *= np.sqrt(width * second) / np.linalg.norm(x)
            kernel = mlp.sample(rng, threads=threads).one_sample_ntk(x, threads=threads)
            values = np.asarray(eigvalsh(kernel, threads=threads))
            largest.append(limit.lambda_max)
            measured.append(float(values[-1]))
            means.append(float(limit.mean()))
            spectra[kind] = values / means[-1]  # the deepest stays
            if kind == "haar":
                # The slopes are 0 or 1: all hidden layers but a share (L - 1) P(slope 0) leave the largest value whole.
                flat = float(erfc(np.sqrt(0.5 / _Q)))
                top = dict(limit.atoms()).get(limit.lambda_max, 0.0)
                checks.append(
                    Check.near(f"depth {depth}: mass of the law at its maximum", top, 1 - (depth - 1) * flat, 1e-8)
                )
                grow = float(point.sigma_w) ** 2
                wanted = second * sum(grow**k for k in range(depth))  # of the units that are open in every layer
                checks.append(
                    Check.near(f"depth {depth}: maximum of the law over its formula", largest[-1] / wanted, 1.0, 1e-8)
                )
                checks.append(
                    Check.near(f"depth {depth}: largest eigenvalue of a network over that of the law",
                               measured[-1] / largest[-1], 1.0, 0.01)
                )  # fmt: skip
        content[kind] = {"law": largest, "network": measured, "mean": means}
    checks += [
        Check.near("Haar: exponent of the largest eigenvalue in the depth", exponent(depths, content["haar"]["law"]),
                   1.0, 0.01),
        Check.near("Gaussian: exponent of the largest eigenvalue in the depth",
                   exponent(depths, content["gaussian"]["law"]), 2.0, 0.1),
    ]  # fmt: skip
    content["tanh"] = _tanh(checks, depths, width, seed, threads)
    content["spectra"] = {kind: values.tolist() for kind, values in spectra.items()}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for kind, colour in (("haar", "#c0392b"), ("gaussian", "#1f4e79")):
            left.loglog(depths, content[kind]["law"], "-", color=colour, label=f"{kind}, law")
            left.loglog(depths, content[kind]["network"], "o", color=colour, label=f"{kind}, a network")
        left.loglog(depths, content["tanh"]["law"], "-", color="#2e8b57", label="haar, tanh, law")
        left.loglog(depths, content["tanh"]["network"], "s", color="#2e8b57", mfc="none", label="haar, tanh, networks")
        left.loglog(depths, content["haar"]["mean"], ":", color="#7f7f7f", label="mean of both laws")
        ticks_at(left, depths)
        left.set_xlabel("depth")
        left.set_ylabel("largest eigenvalue")
        left.legend(frameon=False, fontsize="small")
        for kind, colour in (("haar", "#c0392b"), ("gaussian", "#1f4e79")):
            right.semilogy(np.arange(1, width + 1) / width, spectra[kind], color=colour, label=kind)
        right.set_xlabel(f"share of eigenvalues below, depth {depths[-1]}")
        right.set_ylabel("eigenvalue over the law's mean")
        right.legend(frameon=False)

    settings = {"seed": seed, "quick": quick, "width": width, "q_star": _Q, "sigma_w": float(point.sigma_w)}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


def _tanh(checks: list[Check], depths: Any, width: int, seed: int, threads: int) -> dict[str, Any]:
    """The same of tanh with Haar weights: its slopes are spread out, and no atom holds the largest eigenvalue."""
    point = critical_point("tanh", q_star=_Q)
    laws, networks = [], []
    for depth in depths:
        mlp = MLP([width] * (depth + 1), "tanh", weights="haar", sigma_w=point.sigma_w, sigma_b=point.sigma_b)
        limit = one_sample_ntk_law(mlp)
        second = float(limit.second_moments[0])
        found = []
        for each in range(4):  # lengths of signals vary by 1 / sqrt(width)
            rng = np.random.default_rng([seed, depth, each])
            x = rng.normal(size=width)
            x *= np.sqrt(width * second) / np.linalg.norm(x)
            kernel = mlp.sample(rng, threads=threads).one_sample_ntk(x, threads=threads)
            found.append(float(eigvalsh(kernel, threads=threads)[-1]))
        laws.append(limit.lambda_max)
        networks.append(float(np.mean(found)))
        checks += [
            Check.near(f"tanh, depth {depth}: upper end of the law over its value in many digits",
                       laws[-1] / _TANH[depth], 1.0, 1e-8),
            Check.near(f"tanh, depth {depth}: largest eigenvalue of 4 networks over that of the law",
                       networks[-1] / laws[-1], 1.0, 0.01),
        ]  # fmt: skip
    # One slope between: its largest value is 1, so that the end is q (1 + sigma_w^2).
    point = critical_point("tanh", q_star=_NEAR)
    for depth in (2, depths[-1]):
        mlp = MLP([width] * (depth + 1), "tanh", weights="haar", sigma_w=point.sigma_w, sigma_b=point.sigma_b)
        limit = one_sample_ntk_law(mlp)
        second = float(limit.second_moments[0])
        if depth == 2:
            wanted = second * (1 + float(point.sigma_w) ** 2)
            checks.append(
                Check.near("tanh, depth 2: upper end of the law over its formula", limit.lambda_max / wanted, 1.0, 1e-8)
            )
        near = limit.lambda_max / (depth * second)
        checks.append(
            Check.near(
                f"tanh close to isometry, depth {depth}: upper end of the law over depth times q", near, 1.0, 0.01
            )
        )
    return {"law": laws, "network": networks}


EXPERIMENT = Experiment(
    "one-sample-ntk",
    "Under isometry the tangent kernel at one input concentrates at its maximum, which is proportional to the depth",
    "T. Hayase, R. Karakida, AISTATS (2021), arXiv:2006.07814",
    _work,
)
