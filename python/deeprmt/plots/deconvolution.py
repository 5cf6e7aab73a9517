"""What is known of a missing free summand or factor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ._axes import ESTIMATE, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..freeprob import Deconvolution

__all__ = ["deconvolution"]


def deconvolution(result: Deconvolution, *, ax: Axes | None = None, points: int = 201) -> Axes:
    """Draw the density at the height of the result, over four standard deviations and four heights on each side.

    Where the total is a sample, a band shows two standard errors.

    Parameters
    ----------
    result : Deconvolution
        What `deeprmt.freeprob.free_subtract` or `free_divide` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    points : int, default 201
        The number of points.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConvergenceError
        Where the height is too small.

    Examples
    --------
    >>> from deeprmt import freeprob, laws, plots
    >>> ax = plots.deconvolution(freeprob.free_subtract(laws.Semicircle(5.0), laws.Semicircle(3.0)))
    >>> ax.get_ylabel()
    'density'
    """
    ax = as_axes(ax)
    width = 4 * (math.sqrt(max(float(result.var()), 0.0)) + result.height)
    x = float(result.mean()) + np.linspace(-width, width, points)
    density, error = result.pdf(x), result.stderr(x)
    ax.plot(x, density, color=ESTIMATE, linewidth=1.5)
    if error.any():
        ax.fill_between(x, density - 2 * error, density + 2 * error, color=ESTIMATE, alpha=0.2, linewidth=0)
    ax.set_xlabel("x")
    ax.set_ylabel("density")
    ax.set_title(f"with Cauchy noise of scale {result.height:.3g}")
    tidy(ax)
    return ax
