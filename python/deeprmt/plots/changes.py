"""How far the layers of a model went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._axes import DATA, LAW, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..weights import Comparison

__all__ = ["changes"]


def changes(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw each layer's relative change, and how much of the span of its leading singular vectors is another.

    Parameters
    ----------
    comparison : Comparison
        From `deeprmt.weights.compare`. Layers that could not be compared leave a gap; those with more outliers than
        before are marked.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> changes(rmt.weights.compare({"w": np.eye(20)}, {"w": 2 * np.eye(20)})).get_xlabel()
    'layer, in the order of the rows'
    """
    ax = as_axes(ax)
    rows = [(at, row) for at, row in enumerate(comparison.rows) if row.relative_change is not None]
    ax.plot(*_points(rows, "relative_change"), "o", color=DATA, markersize=4, label="relative change")
    turned = [(at, 1 - row.left_overlap) for at, row in rows if row.left_overlap is not None]
    ax.plot([x for x, _ in turned], [y for _, y in turned], "s", color=LAW, markersize=4, label="1 - left overlap")
    left = [(at, row) for at, row in rows if row.left_bulk]
    if left:
        ax.plot(
            *_points(left, "relative_change"), "o", color=DATA, fillstyle="none", markersize=9, label="left the bulk"
        )
    ax.set_xlim(-0.7, max(len(comparison.rows), 1) - 0.3)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("layer, in the order of the rows")
    ax.legend(frameon=False)
    tidy(ax)
    return ax


def _points(rows: Sequence[tuple[int, object]], name: str) -> tuple[list[int], list[float]]:
    return [at for at, _ in rows], [getattr(row, name) for _, row in rows]
