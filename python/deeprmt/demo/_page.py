"""The demonstration as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..report import analysis_sections, figure, page, table
from .isometry import Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..weights import Analysis

_COLUMNS = [
    ("activation", "The function between the layers."),
    ("layers", "Number of weight matrices, each Haar orthogonal times sigma_w."),
    ("width", "Units in every layer."),
    ("networks", "Independent networks whose eigenvalues are pooled."),
    ("sigma_w", "Scale of the weights, on the critical line."),
    ("mean", "Mean eigenvalue of J J^T over the networks. The law's mean is in the next column."),
    ("law", "Mean of the law."),
    ("largest", "Largest eigenvalue over the networks."),
    ("law's edge", "Upper end of the law."),
    ("KS", "Kolmogorov-Smirnov distance: how far the two distribution functions are apart at most."),
]


def draw(comparisons: list[Comparison]) -> Figure:
    """One panel for each comparison, in a row."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(5.2 * len(comparisons), 3.4), layout="constrained")
    axes = drawing.subplots(1, len(comparisons), squeeze=False)
    for comparison, ax in zip(comparisons, axes[0], strict=True):
        comparison.plot(ax)
    return drawing


def demo_page(comparisons: list[Comparison], analysis: Analysis) -> str:
    """Both parts of the demonstration in one self-contained page."""
    rows = []
    for each in comparisons:
        facts = each.to_dict()
        rows.append(
            [
                facts[name]
                for name in (
                    "activation", "depth", "width", "networks", "sigma_w", "mean", "law_mean", "largest",
                    "law_largest", "ks",
                )
            ]
        )  # fmt: skip
    words = "; ".join(f"{r['activation']}: KS {r['ks']:.4f}" for r in map(Comparison.to_dict, comparisons))
    body = [
        "<h2>1. Random networks: the Jacobian's singular values</h2>",
        "<p>How a small change of the input changes the output of a deep network is its input-output Jacobian J. "
        "Below are the singular values of J of random orthogonal networks on the critical line, and the law that "
        "theory gives for infinite width: no fit, no free parameter. Arrows are atoms, single values that a whole "
        "share of the singular values takes. The table is about their squares, the eigenvalues of "
        "J J<sup>T</sup>.</p>",
        figure(draw(comparisons), f"Singular values of Jacobians beside their laws. {words}", "jacobians"),
        table(_COLUMNS, rows),
        "<h2>2. A trained network: what is noise, what was learned</h2>",
        "<p>A perceptron that reads handwritten digits ships with deeprmt. Before training its weights are pure noise "
        "and every spectrum follows the Marchenko-Pastur law; training moves a few singular values out of that bulk "
        "and leaves the rest as it was.</p>",
        analysis_sections(analysis),
    ]
    return page("deeprmt: random matrices of deep networks", "\n".join(body))
