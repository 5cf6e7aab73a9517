"""What the choice of k minimised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import DATA, ESTIMATE, LAW, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..tails import TailSize

__all__ = ["tail_size"]


def tail_size(result: TailSize, *, ax: Axes | None = None) -> Axes:
    """Draw the criterion of both resamples over the share k/n of values used, with their minima.

    Parameters
    ----------
    result : TailSize
        What `deeprmt.tails.choose_k` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import plots, tails
    >>> x = 1 / np.random.default_rng(1).random(500) - 0.5
    >>> ax = plots.tail_size(tails.choose_k(x, samples=50))
    >>> ax.get_yscale()
    'log'
    """
    ax = as_axes(ax)
    rows = ((result.n1, result.k1, result.criterion1, ESTIMATE), (result.n2, result.k2, result.criterion2, DATA))
    for size, best, criterion, color in rows:
        k = np.unique(np.round(np.geomspace(1, size - 1, 600)).astype(int))
        ax.plot(k / size, criterion[k - 1], color=color, linewidth=1.5, label=f"resamples of {size}")
        ax.plot(best / size, criterion[best - 1], "o", color=LAW, markersize=5)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("share of values used")
    difference = r"M_2 - 2 M_1^2" if result.estimator == "hill" else r"\xi_{biweight} - \xi_{triweight}"
    ax.set_ylabel(rf"mean of $({difference})^2$")
    ax.set_title(rf"k = {result.k}, $\xi$ = {result.xi:.3g} $\pm$ {result.stderr:.2g}")
    ax.legend(frameon=False)
    tidy(ax)
    return ax
