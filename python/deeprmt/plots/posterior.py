"""What an infinitely wide network predicts, with its spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import as_real, refuse_non_finite
from ._axes import ESTIMATE, LAW, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..meanfield import Posterior

__all__ = ["posterior"]


def posterior(result: Posterior, x: ArrayLike | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the mean at the new inputs, and two standard deviations on both sides.

    Parameters
    ----------
    result : Posterior
        What `deeprmt.meanfield.posterior` returns.
    x : (m,) array_like of real, optional
        Where each new input stands on the axis; lines join them in this order. Default: points by number.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import meanfield, plots
    >>> new = np.linspace(-1, 1, 5)
    >>> found = meanfield.posterior([[0.0], [1.0]], [0.0, 1.0], new[:, None], depth=2, activation="erf", sigma_w=1.5,
    ...                             sigma_b=0.5)
    >>> plots.posterior(found, new).get_ylabel()
    'output'
    """
    means = result.mean.reshape(len(result.variance), -1)
    spread = 2 * np.sqrt(result.variance)
    at = None if x is None else as_real("posterior", "x", x).astype(float)
    if at is not None:
        if at.shape != spread.shape:
            raise ValueError(f"posterior: x must have shape {spread.shape}, a number a new input, got {at.shape}")
        refuse_non_finite("posterior", "x", at)
    ax = as_axes(ax)
    order = np.arange(spread.size) if at is None else np.argsort(at, kind="stable")
    for i, mean in enumerate(means.T):
        colour = (ESTIMATE, LAW)[i] if i < 2 else f"C{i}"
        label = "mean" if means.shape[1] == 1 else f"output {i}"
        if at is None:
            ax.errorbar(order, mean, spread, fmt=".", color=colour, capsize=2, label=label)
        else:
            low, high = mean - spread, mean + spread
            ax.fill_between(at[order], low[order], high[order], color=colour, alpha=0.2, linewidth=0)
            ax.plot(at[order], mean[order], color=colour, label=label)
    ax.set_xlabel("number of the new input" if at is None else "new input")
    ax.set_ylabel("output")
    ax.legend(frameon=False, title="with two standard deviations", title_fontsize="small", fontsize="small")
    tidy(ax)
    return ax
