"""How far depth moves the spectrum of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import DATA, LAW, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..nonlinear import Propagation

__all__ = ["propagation"]


def propagation(result: Propagation, *, ax: Axes | None = None) -> Axes:
    """Draw the distance of each layer's spectrum to the law of the first layer, and to the layer's own law.

    Parameters
    ----------
    result : Propagation
        What `deeprmt.nonlinear.propagate` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import nonlinear, plots
    >>> ax = plots.propagation(nonlinear.propagate("tanh", 90, [60] * 3, 90, rng=0))
    >>> ax.get_ylabel()
    'L1 distance of histograms'
    """
    ax = as_axes(ax)
    layers = np.arange(1, len(result.eigenvalues) + 1)
    own = [float(result.distances(result.law(int(layer)))[layer - 1]) for layer in layers]
    ax.plot(layers, result.distances(), "o-", color=LAW, label="to the law of the first layer")
    ax.plot(layers, own, "o--", color=DATA, label="to the law of the layer, the noise")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("layer")
    ax.set_ylabel("L1 distance of histograms")
    ax.set_title(f"{result.activation.name}, {result.widths[0]} inputs, normalize={result.normalize}")
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax
