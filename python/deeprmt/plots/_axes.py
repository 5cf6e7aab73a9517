"""The axes to draw on; matplotlib is imported here and nowhere at the top of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DATA = "#8fb3d9"
LAW = "#c0392b"
ESTIMATE = "#1f4e79"
QUIET = "#7f7f7f"


def as_axes(ax: Axes | None) -> Axes:
    """`ax`, or the one axes of a new figure."""
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise ImportError('deeprmt.plots needs matplotlib: pip install "deeprmt[plot]"') from error
    if ax is None:
        _, ax = pyplot.subplots(layout="constrained")
    return ax


def tidy(ax: Axes) -> None:
    """No frame where there is nothing to read."""
    ax.spines[["top", "right"]].set_visible(False)
