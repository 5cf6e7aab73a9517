"""What a step of gradient descent does to the steepest direction, over the learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import ESTIMATE, LAW, QUIET, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..meanfield import MaxLearningRate

__all__ = ["max_learning_rate"]


def max_learning_rate(result: MaxLearningRate, *, ax: Axes | None = None) -> Axes:
    """Draw the factor |1 - rate lambda_max| that a step puts to the residual's steepest component, and both borders.

    Parameters
    ----------
    result : MaxLearningRate
        What `deeprmt.meanfield.max_learning_rate` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import meanfield, plots
    >>> plots.max_learning_rate(meanfield.max_learning_rate([[2.0, 0.0], [0.0, 4.0]])).get_xlabel()
    'learning rate'
    """
    ax = as_axes(ax)
    share = np.array([0.0, 1.0, 2.5])  # where the factor bends
    ax.plot(share * result.contraction, np.abs(1 - share), color=ESTIMATE, label="factor of a step")
    ax.axhline(1.0, color=QUIET, linewidth=0.8)
    ax.axvline(result.contraction, color=QUIET, linestyle="--", label=f"1 / lambda_max = {result.contraction:.4g}")
    ax.axvline(result.stability, color=LAW, linestyle="--", label=f"2 / lambda_max = {result.stability:.4g}")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("|1 - rate lambda_max|")
    ax.set_ylim(0, 2.2)  # with room for the legend above
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax
