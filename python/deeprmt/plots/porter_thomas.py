"""p-values of singular vectors, their windowed mean, and the boundary between learned and random ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from .._arguments import as_choice
from ._axes import DATA, ESTIMATE, LAW, QUIET, as_axes, as_row, nothing, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..spectra import PorterThomas
    from ..weights import LayerAnalysis

__all__ = ["porter_thomas"]


def porter_thomas(
    test: PorterThomas | LayerAnalysis, *, side: str = "left", ax: Axes | None = None, label: str | None = None
) -> Axes:
    """Draw the p-value of each vector, the windowed mean with the band of random vectors, and the boundary.

    Parameters
    ----------
    test : PorterThomas or LayerAnalysis
        What `deeprmt.spectra.porter_thomas` returns, or a layer of an analysis with ``vectors=True``.
    side : "left" or "right"
        Which vectors of a layer.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    label : str, optional
        Of the windowed mean; default: how many vectors it is over.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import ensembles, plots, spectra
    >>> plots.porter_thomas(spectra.porter_thomas(ensembles.haar(100, rng=1))).get_ylabel()
    'p-value'
    """
    row = as_row(test)
    if row is not None:
        as_choice("porter_thomas", "side", side, ("left", "right"))
        of_row = row.left_vectors if side == "left" else row.right_vectors
        if of_row is None:
            raise nothing("porter_thomas", row, "tested vectors (analyze with vectors=True)")
        test = of_row
    test = cast("PorterThomas", test)
    ax = as_axes(ax)
    k = np.arange(1, test.p_values.size + 1)
    low = test.threshold
    ax.fill_between(k, low, 1 - low, color=QUIET, alpha=0.18, linewidth=0, label=f"random vectors, {test.sigmas:g} sd")
    ax.plot(k, test.p_values, ".", color=DATA, markersize=4, label="each vector")
    name = f"mean of {2 * test.window + 1} neighbours" if label is None else label
    ax.plot(k, test.windowed, color=ESTIMATE, linewidth=1.8, label=name)
    if 0 < test.boundary < k.size:
        ax.axvline(test.boundary + 0.5, color=LAW, linewidth=1.4, label=f"boundary: {test.boundary}")
    ax.set_xlim(0.5, k.size + 0.5)
    ax.set_ylim(0, 1)
    ax.set_xlabel("singular vector, by descending singular value")
    ax.set_ylabel("p-value")
    # Outside: the points fill the axes.
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    tidy(ax)
    return ax
