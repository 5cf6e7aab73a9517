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
    (0.0, "none"): {300: 0.277, 600: 0.257, 1200: 0.243, 2400: 0.236},
    (0.0, "columns"): {300: 0.258, 600: 0.248, 1200: 0.237, 2400: 0.236},
    (1.0, "none"): {300: 0.189, 600: 0.120, 1200: 0.062, 2400: 0.037},
    (1.0, "columns"): {300: 0.032, 600: 0.024, 1200: 0.016, 2400: 0.013},
}
# alpha: the same at n0 = 900, three networks.
_FAMILY = {-1.0: 1.075, -0.5: 0.727, 0.0: 0.246, 0.5: 0.101, 1.0: 0.091}
_TRIALS = {60: 4, 120: 2, 100: 48, 300: 24, 600: 12, 1200: 6, 2400: 2}


def _noise(eigenvalues: Any) -> float:
    """What the L1 distance of the mean histogram would be if its mean were the law: from the spread over trials."""
    edges = np.linspace(0, 6, 61)
    shares = np.array([np.histogram(each, edges)[0] / each.size for each in eigenvalues])
    return float(np.sqrt(2 / np.pi) * np.sum(shares.std(axis=0, ddof=1) / np.sqrt(len(shares))))


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    sizes = (60, 120) if quick else (100, 300, 600, 1200, 2400)
    depth = 3 if quick else 10
    checks: list[Check] = []
    curves: dict[Any, Any] = {}
    content: dict[str, Any] = {}

    def run(alpha: float, how: str, n0: int, trials: int | None = None) -> Any:
        widths = [2 * n0 // 3] * depth
        rng = [seed, n0, int(1000 * (alpha + 2))]
        count = _TRIALS[n0] if trials is None else trials
        return propagate(leaky_family(alpha), n0, widths, n0, trials=count, normalize=how, rng=rng, threads=threads)

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
            if alpha == 1 and how == "none" and n0 == (sizes[-1] if quick else 600):
                top = float(np.mean(found.eigenvalues[-1][:, -1]))
                predicted = float(np.nanmean(found.outliers()[:, -1]))
                content["outlier"] = {"found": top, "predicted": predicted}
                checks.append(
                    Check.near("alpha = 1: the outlier, over what norms of columns predict", top / predicted, 1.0, 0.2)
                )
    # The family at one size, and its first layer at a third of it.
    small, large = (40, 120) if quick else (300, 900)
    family, falls = {}, []
    for alpha, wanted in _FAMILY.items():
        family[alpha] = run(alpha, "none", large, 3).distances()
        falls.append(float(family[alpha][0] / run(alpha, "none", small, 3).distances()[0]))
        content[f"alpha={alpha:g}, none, n0={large}, three networks"] = family[alpha].tolist()
        if not quick:
            label = f"alpha = {alpha:g}, three networks, n0 = {large}: distance of layer {depth}"
            checks.append(Check.near(label, float(family[alpha][-1]), wanted, 0.2 * wanted))
    first = max(float(curve[0]) for curve in family.values())
    checks.append(Check.most(f"all alpha: distance of the first layer, n0 = {large}", first, 0.05))
    content["falls"] = falls
    # As 1 / n0 that would be 1/3; half of it is the noise of a few histograms.
    label = f"all alpha: distance of the first layer, n0 = {large} over n0 = {small}"
    checks.append(Check.most(label, max(falls), 0.6))
    for alpha, how in ((0.0, "none"), (1.0, "none"), (0.0, "columns"), (1.0, "columns")):
        ends = [float(curves[alpha, how, n0][0]) for n0 in (sizes[0], sizes[-1])]
        label = f"alpha = {alpha:g}, {how}: distance of the first layer, n0 = {sizes[-1]} over n0 = {sizes[0]}"
        checks.append(Check.most(label, ends[1] / ends[0], 0.9 if quick else 0.5))
    # -d ln d / d ln n of the distances: 0.8 for alpha = 1, and nothing much for relu.
    fitted = sizes if quick else sizes[1:]
    slopes = {
        alpha: -float(np.polyfit(np.log(fitted), np.log([curves[alpha, "none", n0][-1] for n0 in fitted]), 1)[0])
        for alpha in (1.0, 0.0)
    }
    label = "exponent of n0 by which the distance falls"
    checks.append(Check.near(f"alpha = 1: {label}", slopes[1.0], 0.8, 0.2 if not quick else 0.8))
    checks.append(Check.most(f"alpha = 0: {label}", slopes[0.0], 0.2))
    # Batch normalisation takes the neurons' variances to one, and not the columns'.
    middle = sizes[-1] if quick else 600
    batch = {alpha: run(alpha, "batch", middle).distances() for alpha in (0.0, 1.0)}
    ratios = {
        alpha: [float(batch[alpha][-1] / curves[alpha, how, middle][-1]) for how in ("none", "columns")]
        for alpha in batch
    }
    for alpha, curve in batch.items():
        content[f"alpha={alpha:g}, batch, n0={middle}"] = curve.tolist()
    if not quick:
        label = f"n0 = {middle}: distance of layer {depth} with batch normalisation, over that"
        checks += [
            Check.most(f"alpha = 1, {label} without", ratios[1.0][0], 1.0),
            Check.least(f"alpha = 1, {label} with columns of one norm", ratios[1.0][1], 1.5),
            Check.near(f"alpha = 0, {label} without", ratios[0.0][0], 1.0, 0.2),
        ]
    # Two sizes take a bias of order 1/n0 off, which relu's distance has: 2 d(2 n) - d(n).
    laws = [layer_law("relu", [1.0] + [1.5] * layers) for layers in (1, depth)]
    edges = np.linspace(0, 6, 61)
    near, far = (np.diff(np.concatenate([[0.0], each.cdf(edges[1:])])) for each in laws)
    limit = content["limit"] = float(np.abs(far - near).sum())
    for how in ("none", "columns"):
        one, two = (float(curves[0.0, how, n0][-1]) for n0 in sizes[-2:])
        label = f"alpha = 0, {how}: distance of layer {depth}, extrapolated from n0 = {sizes[-2]} and {sizes[-1]}"
        checks.append(Check.near(f"{label}, beside that of the laws", 2 * two - one, limit, 0.2 * limit))

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for alpha, curve in family.items():
            left.plot(np.arange(1, depth + 1), curve, "o-", label=f"alpha = {alpha:g}")
        left.set_title(f"n0 = {large}", fontsize=9)
        left.set_xticks(range(1, depth + 1))
        left.set_xlabel("layer")
        left.set_ylabel("L1 distance to the law of the first layer")
        left.legend(fontsize=8)
        for alpha, how in _EXPECTED:
            right.loglog(sizes, [curves[alpha, how, n0][-1] for n0 in sizes], "o-", label=f"alpha = {alpha:g}, {how}")
        for (alpha, curve), marker in zip(batch.items(), "sD", strict=True):
            label = f"alpha = {alpha:g}, batch normalised"
            right.plot([middle], [curve[-1]], marker, color="#7f7f7f", fillstyle="none", label=label)
        right.axhline(limit, color="#7f7f7f", linestyle="--", linewidth=0.8, label="alpha = 0, limit")
        right.set_xlabel("n0")
        right.set_ylabel(f"the same in layer {depth}")
        right.legend(fontsize=7)

    settings = {"seed": seed, "quick": quick, "sizes": list(sizes), "depth": depth}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "isospectral-depth",
    "Activations with zeta = 0 keep the spectrum of the data from layer to layer; others deform it",
    "J. Pennington, P. Worah, NeurIPS (2017), figure 2",
    _work,
)
