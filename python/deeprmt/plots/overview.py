"""All layers and their main numbers at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._axes import as_axes, heat

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..weights import Analysis

__all__ = ["overview"]

# Name, head, and whether the colour follows the logarithm.
_NUMBERS = (
    ("outliers", "outliers", False),
    ("edge_ratio", "largest\n/ edge", True),
    ("bulk_ks", "bulk KS", True),
    ("spacing_ratio", "spacing\nratio", False),
    ("hill_xi", "Hill xi", False),
    ("alpha", "alpha", True),
    ("stable_rank", "stable\nrank", True),
    ("entropy", "entropy", False),
    ("sigma", "sigma", True),
    ("left_boundary", "left\nvectors", False),
    ("right_boundary", "right\nvectors", False),
)


def overview(analysis: Analysis, *, ax: Axes | None = None) -> Axes:
    """Draw a heat map of the layers' main numbers: layers down, numbers across, each column coloured on its own scale.

    Parameters
    ----------
    analysis : Analysis
        From `deeprmt.weights.analyze`. Layers without a fitted law are left out, and columns that no layer has; at most
        200 layers are drawn.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure, as high as the layers need.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> noise = np.random.default_rng(0).normal(size=(60, 50))
    >>> ax = overview(rmt.weights.analyze({"a": noise, "b": noise.T}))
    >>> [each.get_text() for each in ax.get_yticklabels()]
    ['a', 'b']
    """
    rows = [row for row in analysis.rows if row.sigma is not None][:200]
    if not rows:
        raise ValueError("overview: analysis must have at least one layer with a fitted law")
    content = [row.to_dict() for row in rows]
    columns = [each for each in _NUMBERS if any(_finite(numbers[each[0]]) for numbers in content)]
    cells = np.full((len(rows), len(columns)), np.nan)
    texts = [["" for _ in columns] for _ in rows]
    for x, (name, _, logarithm) in enumerate(columns):
        for y, numbers in enumerate(content):
            if _finite(numbers[name]):
                value = float(numbers[name])
                texts[y][x] = f"{value:.3g}"
                cells[y, x] = np.log(max(value, 1e-300)) if logarithm else value
        low, high = np.nanmin(cells[:, x]), np.nanmax(cells[:, x])
        cells[:, x] = (cells[:, x] - low) / (high - low) if high > low else 0 * cells[:, x]
    if ax is None:
        ax = as_axes(None, size=(10.0, min(40.0, 1.2 + 0.22 * len(rows))))
    heat(ax, cells, [row.name or "(no name)" for row in rows], [head for _, head, _ in columns], texts=texts, bar=False)
    ax.xaxis.tick_top()
    ax.set_xticks(ax.get_xticks(), [head for _, head, _ in columns], rotation=0, ha="center")
    return ax


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))
