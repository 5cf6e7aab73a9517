"""Layers over the checkpoints of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import LAW, as_axes, heat

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..weights import Series

__all__ = ["series"]


def series(found: Series, *, value: str = "outliers", ax: Axes | None = None) -> Axes:
    """Draw a heat map of one number, layers down and checkpoints across, and mark where layers left the bulk.

    Parameters
    ----------
    found : Series
        From `deeprmt.weights.series`.
    value : str, default "outliers"
        One of the numbers of `SeriesRow.to_dict`, such as "relative_change", "left_overlap" or "stable_rank". What a
        layer does not have is hatched.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure, as high as the layers need.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> noise = np.random.default_rng(0).normal(size=(60, 50))
    >>> ax = series(rmt.weights.series([{"w": noise}, {"w": 2 * noise}]), value="relative_change")
    >>> ax.get_title()
    'relative change'
    """
    table = found.table(value)
    if not all(_is_number(x) for row in table.values() for x in row):
        numbers = [key for key, each in found.rows[0].to_dict().items() if _is_number(each) and key not in ("k", "at")]
        raise ValueError(f"series: value must be a number, such as {', '.join(numbers)}, got {value!r}")
    cells = np.array([[np.nan if x is None else float(x) for x in row] for row in table.values()])
    if ax is None:
        ax = as_axes(None, size=(min(12.0, 3.5 + 0.7 * len(found.checkpoints)), min(40.0, 1.5 + 0.28 * len(table))))
    heat(ax, cells, list(table), found.checkpoints)
    left = found.left_bulk
    at = [(found.checkpoints.index(when), y) for y, name in enumerate(table) if (when := left.get(name)) is not None]
    if at:
        from matplotlib.patches import Rectangle

        style = {"facecolor": "none", "edgecolor": LAW, "linewidth": 1.6, "zorder": 4, "clip_on": False}
        for place, (x, y) in enumerate(at):
            label = "left the bulk" if place == 0 else None
            ax.add_patch(Rectangle((x - 0.48, y - 0.47), 0.96, 0.94, label=label, **style))  # type: ignore[arg-type]
        ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1, fontsize=8)
    ax.set_xlabel("checkpoint")
    ax.set_title(value.replace("_", " "), fontsize=10)
    return ax


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)
