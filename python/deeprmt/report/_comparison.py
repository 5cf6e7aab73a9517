"""A comparison of checkpoints as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._blocks import figure, page, table, words
from ._layer import require_matplotlib

if TYPE_CHECKING:
    from ..weights import Comparison

CHANGE = {
    "change_stable_rank": ("its stable rank", "The sum of its squared singular values over the largest."),
    "change_outliers": ("its outliers", "Singular values of the difference beyond its own noise."),
}
"""Columns of a difference of weights, here and on pages of series."""

_COLUMNS = {
    "name": ("layer", "The name of the tensor."),
    "shape": ("shape", "Rows x columns of the matrix."),
    "relative_change": ("change", "The norm of the difference over that of the base."),
    "change_rank": ("rank of change", "Singular values of the difference beyond rounding."),
    **CHANGE,
    "base_outliers": ("outliers before", "Singular values beyond the noise."),
    "tuned_outliers": ("after", "Singular values beyond the noise."),
    "left_bulk": ("left the bulk", "Whether there are more than before."),
    "k": ("k", "How many leading singular vectors are compared."),
    "left_overlap": ("left overlap", "Mean squared cosine between the spans of the left ones; 1: the same span."),
    "left_chance": ("by chance", "What random spans give."),
    "right_overlap": ("right overlap", "The same of the right ones."),
    "right_chance": ("by chance", "What random spans give."),
    "note": ("note", "What could not be had, and why."),
}


def comparison_page(comparison: Comparison, title: str = "What changed") -> str:
    """A comparison as a whole page.

    Parameters
    ----------
    comparison : Comparison
        From `deeprmt.weights.compare`.
    title : str
        Of the page.

    Returns
    -------
    str
        HTML that needs no other file.

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> comparison_page(rmt.weights.compare({"w": np.eye(20)}, {"w": 2 * np.eye(20)})).count("<svg")
    1
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(9, 3.2))
    comparison.plot(drawing.subplots())
    content = [each.to_dict() for each in comparison.rows]
    lines = [
        [" x ".join(map(str, row["shape"])) if name == "shape" else row[name] for name in _COLUMNS] for row in content
    ]
    parts = [f"<p>{words(repr(comparison))}.</p>", figure(drawing, repr(comparison), "changes")]
    parts.append(table(list(_COLUMNS.values()), lines))
    for where, names in (("base", comparison.only_base), ("tuned", comparison.only_tuned)):
        if names:
            parts.append(f"<p>Only in {where}: {words(', '.join(names))}</p>")
    return page(title, "\n".join(parts))
