"""Eigenvalues with heavy-tailed weights beside those with Gaussian ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import ESTIMATE, QUIET, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..nonlinear import HeavyTailedKernel

__all__ = ["heavy_tails"]


def heavy_tails(result: HeavyTailedKernel, *, ax: Axes | None = None) -> Axes:
    """Draw eigenvalues over their rank, both axes in logarithms: a power law is a line.

    Parameters
    ----------
    result : HeavyTailedKernel
        What `deeprmt.nonlinear.heavy_tailed_kernel` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import nonlinear, plots
    >>> ax = plots.heavy_tails(nonlinear.heavy_tailed_kernel(60, 60, 90, tail_index=1.0, rng=0))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['tail index 1', 'Gaussian weights']
    """
    ax = as_axes(ax)
    rank = np.arange(1, result.eigenvalues.size + 1)
    sets = (
        (result.eigenvalues, ESTIMATE, f"tail index {result.tail_index:g}"),
        (result.gaussian, QUIET, "Gaussian weights"),
    )
    for values, color, label in sets:
        shown = values > 1e-12 * values[0]  # zeros of linear f have no logarithm
        ax.plot(rank[shown], values[shown], ".", color=color, label=label)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("rank")
    ax.set_ylabel("eigenvalue")
    ax.set_title(result.activation)
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax
