"""All layers side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import DATA, LAW, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..weights import Analysis

__all__ = ["layers"]


def layers(analysis: Analysis, *, ax: Axes | None = None) -> Axes:
    """Draw every eigenvalue over the upper edge of its own layer's law: outliers lie above 1.

    Parameters
    ----------
    analysis : Analysis
        From `deeprmt.weights.analyze`. Layers without a fitted law leave a gap.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np, deeprmt as rmt
    >>> noise = np.random.default_rng(0).normal(size=(60, 50))
    >>> layers(rmt.weights.analyze({"a": noise, "b": noise.T})).get_ylabel()
    'eigenvalue / upper edge'
    """
    from matplotlib.ticker import MaxNLocator

    ax = as_axes(ax)
    for index, row in enumerate(analysis.rows):
        if row.upper_edge is None or row.outliers is None:
            continue
        levels = row.eigenvalues / row.upper_edge
        inside = levels.size - row.outliers
        for part, color in ((levels[:inside], DATA), (levels[inside:], LAW)):
            ax.plot(np.full(part.size, index), part, "_", color=color, markersize=6)
    ax.axhline(1, color="black", linewidth=0.8, linestyle=":")
    ax.set_yscale("log")
    ax.set_ylim(bottom=max(1e-3, ax.get_ylim()[0]))  # the hard edge of square matrices reaches far down
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlim(-0.7, max(len(analysis.rows), 1) - 0.3)
    ax.set_xlabel("layer, in the order of the rows")
    ax.set_ylabel("eigenvalue / upper edge")
    tidy(ax)
    return ax
