"""Losses over the learning rate, at several widths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..training import RateTransfer

__all__ = ["rate_transfer"]


def rate_transfer(result: RateTransfer, *, ax: Axes | None = None) -> Axes:
    """Draw the loss after training over the learning rate, a line a width, and mark the best rates.

    Parameters
    ----------
    result : RateTransfer
        What `deeprmt.training.rate_transfer` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Both axes logarithmic. Losses above ten times those before training are left out.

    Examples
    --------
    >>> from deeprmt import networks, plots, training
    >>> mlp = networks.MLP([2, 8, 1], "tanh", sigma_w=1.0, parametrization="mup")
    >>> x, y = [[1.0, 0.0], [0.0, 1.0]], [[1.0], [-1.0]]
    >>> found = training.rate_transfer(mlp, [8, 16], x, y, rates=[0.01, 0.1, 1], steps=5, rng=0)
    >>> plots.rate_transfer(found).get_xlabel()
    'learning rate'
    """
    ax = as_axes(ax)
    count = len(result.widths)
    for i, (width, row, before, best) in enumerate(
        zip(result.widths, result.losses, result.before, result.best, strict=True)
    ):
        colour = np.array([0.1, 0.3, 0.6]) + (i / max(1, count - 1)) * np.array([0.7, -0.1, -0.4])
        label = f"width {width}" if np.isfinite(row).any() else f"width {width}: diverged"
        ax.loglog(result.rates, np.where(row <= 10 * before, row, np.nan), ".-", color=colour, label=label)
        if np.isfinite(best):
            ax.axvline(best, color=colour, linewidth=0.8, linestyle=":")
    ax.set_xlabel("learning rate")
    ax.set_ylabel(f"loss after {result.steps} steps")
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax
