"""How far the spectrum of the data moves from that of the first layer, and that zeta = 0 keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..nonlinear import layer_law, leaky_family, propagate
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# alpha, normalisation: distance of layer 10 to the first layer's law by n0, 60 bins on [0, 6], phi = 1, psi = 3/2, from
# an independent program.
_EXPECTED = {
    (0.0, "none"): {300: 0.277, 600: 0.257},
    (0.0, "columns"): {300: 0.258, 600: 0.248},
    (1.0, "none"): {300: 0.189, 600: 0.120},
    (1.0, "columns"): {300: 0.032, 600: 0.024},
}
_TRIALS = {60: 4, 120: 2, 300: 24, 600: 12}


def _noise(eigenvalues: Any) -> float:
    """What the L1 distance of the mean histogram would be if its mean were the law: from the spread over trials."""
    edges = np.linspace(0, 6, 61)
    shares = np.array([np.histogram(each, edges)[0] / each.size for each in eigenvalues])
    return float(np.sqrt(2 / np.pi) * np.sum(shares.std(axis=0, ddof=1) / np.sqrt(len(shares))))


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    sizes = (60, 120) if quick else (300, 600)
    depth = 3 if quick else 10
    checks: list[Check] = []
    curves: dict[Any, Any] = {}
    content: dict[str, Any] = {}

    def run(alpha: float, how: str, n0: int) -> Any:
        widths = [2 * n0 // 3] * depth
        rng = [seed, n0, int(1000 * (alpha + 2))]
        return propagate(
            leaky_family(alpha), n0, widths, n0, trials=_TRIALS[n0], normalize=how, rng=rng, threads=threads
        )

    for (alpha, how), expected in _EXPECTED.items():
        for n0 in sizes:
            found = run(alpha, how, n0)
            distances = found.distances()
            curves[alpha, how, n0] = distances
            content[f"alpha={alpha:g}, {how}, n0={n0}"] = distances.tolist()
            label = f"alpha = {alpha:g}, {how}, n0 = {n0}: distance of layer {depth}"
            noise = _noise(found.eigenvalues[-1])
            content[f"alpha={alpha:g}, {how}, n0={n0}, noise"] = noise
            if (alpha, how) == (1.0, "columns"):
                # Nearly all of it is the noise of the histogram, which differs between seeds by a quarter: a bound.
                bound = 1.2 * expected[n0] if n0 in expected else 2 * noise
                label += f", of which noise of the histogram {noise:.3f}"
                checks.append(Check.most(label, float(distances[-1]), bound))
            elif n0 in expected:  # not the small sizes of a quick run
                checks.append(Check.near(label, float(distances[-1]), expected[n0], 0.2 * expected[n0]))
            if alpha == 1 and how == "none" and n0 == sizes[-1]:
                top = float(np.mean(found.eigenvalues[-1][:, -1]))
                predicted = float(np.nanmean(found.outliers()[:, -1]))
                content["outlier"] = {"found": top, "predicted": predicted}
                checks.append(
                    Check.near("alpha = 1: the outlier, over what norms of columns predict", top / predicted, 1.0, 0.2)
                )
    for alpha in (-1.0, -0.5, 0.5):
        found = run(alpha, "none", sizes[-1])
        curves[alpha, "none", sizes[-1]] = found.distances()
        content[f"alpha={alpha:g}, none, n0={sizes[-1]}"] = found.distances().tolist()
    first = max(float(curve[0]) for (_, _, n0), curve in curves.items() if n0 == sizes[-1])
    checks.append(Check.most(f"all alpha: distance of the first layer, n0 = {sizes[-1]}", first, 0.05))
    # -n ln d / d ln n of the distances: 0.8 for alpha = 1, and nothing much for relu.
    x = np.log(sizes)
    for alpha, bound in ((1.0, 0.4), (0.0, 0.2)):
        slope = -float(np.polyfit(x, np.log([curves[alpha, "none", n0][-1] for n0 in sizes]), 1)[0])
        make = Check.least if alpha == 1 else Check.most
        checks.append(make(f"alpha = {alpha:g}: exponent of n0 by which the distance falls", slope, bound))
    # Two sizes take a bias of order 1/n0 off, which relu's distance has: 2 d(2 n) - d(n).
    laws = [layer_law("relu", [1.0] + [1.5] * layers) for layers in (1, depth)]
    edges = np.linspace(0, 6, 61)
    one, last = (np.diff(np.concatenate([[0.0], each.cdf(edges[1:])])) for each in laws)
    limit = content["limit"] = float(np.abs(last - one).sum())
    for how in ("none", "columns"):
        small, large = (float(curves[0.0, how, n0][-1]) for n0 in sizes)
        label = f"alpha = 0, {how}: distance of layer {depth}, extrapolated from n0 = {sizes[0]} and {sizes[1]}"
        checks.append(Check.near(f"{label}, beside that of the laws", 2 * large - small, limit, 0.2 * limit))

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for (alpha, how, n0), curve in curves.items():
            if n0 == sizes[-1] and how == "none":
                left.plot(np.arange(1, depth + 1), curve, "o-", label=f"alpha = {alpha:g}")
        left.set_xlabel("layer")
        left.set_ylabel("L1 distance to the law of the first layer")
        left.legend(fontsize=8)
        for alpha, how in _EXPECTED:
            right.loglog(sizes, [curves[alpha, how, n0][-1] for n0 in sizes], "o-", label=f"alpha = {alpha:g}, {how}")
        right.axhline(limit, color="#7f7f7f", linestyle="--", linewidth=0.8, label="alpha = 0, limit")
        right.set_xlabel("n0")
        right.set_ylabel(f"the same in layer {depth}")
        right.legend(fontsize=8)

    settings = {"seed": seed, "quick": quick, "sizes": list(sizes), "depth": depth}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "isospectral-depth",
    "Activations with zeta = 0 keep the spectrum of the data from layer to layer; others deform it",
    "J. Pennington, P. Worah, NeurIPS (2017), figure 2",
    _work,
)
