"""The distance of data from their power law among those of samples of the law."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import DATA, LAW, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..tails import GoodnessOfFit

__all__ = ["goodness_of_fit"]


def goodness_of_fit(result: GoodnessOfFit, *, ax: Axes | None = None, bins: int = 40, color: str = LAW) -> Axes:
    """Draw the distances of the samples as a histogram and that of the data as a line.

    Parameters
    ----------
    result : GoodnessOfFit
        What `PowerLaw.goodness_of_fit` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    bins : int, default 40
        Of the histogram.
    color : str, optional
        Of the line.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import plots, tails
    >>> x = np.random.default_rng(1).pareto(2.0, 1000) + 1
    >>> ax = plots.goodness_of_fit(tails.fit_power_law(x).goodness_of_fit(samples=99))
    >>> ax.get_ylabel()
    'samples'
    """
    ax = as_axes(ax)
    distances = result.distances[~np.isnan(result.distances)]
    ax.hist(distances, bins=bins, color=DATA, label="samples of the fitted law")
    ax.axvline(result.ks, color=color, linewidth=1.5, label=f"the data, p = {result.p_value:.3g}")
    ax.set_xlabel("distance from the fitted law")
    ax.set_ylabel("samples")
    ax.legend(frameon=False)
    tidy(ax)
    return ax
