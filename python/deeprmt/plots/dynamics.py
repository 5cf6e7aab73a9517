"""Outputs of infinitely wide networks while they are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..meanfield import Dynamics

__all__ = ["dynamics"]

_MOST = 8  # lines that can be told apart


def dynamics(result: Dynamics, *, ax: Axes | None = None) -> Axes:
    """Draw means over time with two standard deviations: at the first new inputs, or training inputs without these.

    Parameters
    ----------
    result : Dynamics
        What `deeprmt.meanfield.gradient_flow` and `gradient_descent` return.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Of the first output at up to eight inputs; the end of time is a dotted line.

    Examples
    --------
    >>> from deeprmt import meanfield, plots
    >>> found = meanfield.gradient_flow([[1.0, 1.0], [1.0, -1.0]], [1.0, -1.0], times=[0, 0.1, 1], depth=3,
    ...                                 activation="relu", sigma_w=2**0.5)
    >>> plots.dynamics(found).get_xlabel()
    'time'
    """
    ax = as_axes(ax)
    new = result.mean.shape[1] > 0
    means, variances = (result.mean, result.variance) if new else (result.train_mean, result.train_variance)
    means = means.reshape(*means.shape[:2], -1)[:, :_MOST, 0]
    spread = 2 * np.sqrt(variances[:, :_MOST])
    order = np.argsort(result.times, kind="stable")
    order = order[np.isfinite(result.times[order])]
    times = result.times[order]
    ended = np.flatnonzero(np.isinf(result.times))[:1]
    for i in range(means.shape[1]):
        colour, mean, wide = f"C{i}", means[order, i], spread[order, i]
        ax.plot(times, mean, ".-" if times.size < 30 else "-", color=colour, label=f"{i}")
        if wide.any():
            ax.fill_between(times, mean - wide, mean + wide, color=colour, alpha=0.12, linewidth=0)
        if ended.size:
            ax.axhline(means[ended[0], i], color=colour, linewidth=0.8, linestyle=":")
    positive = times[times > 0]
    if positive.size and positive.max() > 100 * positive.min():
        ax.set_xscale("symlog", linthresh=float(positive.min()))
        ax.set_xlim(left=float(times[0]))
    ax.set_xlabel("time" if result.learning_rate is None else "step")
    ax.set_ylabel("output")
    ax.legend(frameon=False, fontsize="small", title="new input" if new else "training input", title_fontsize="small")
    tidy(ax)
    return ax
