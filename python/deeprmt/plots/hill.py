"""Hill's estimate over the number of values used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import ESTIMATE, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..tails import Hill

__all__ = ["hill"]


def hill(
    estimate: Hill, *, ax: Axes | None = None, label: str | None = None, color: str = ESTIMATE, sigmas: float = 1.96
) -> Axes:
    """Draw xi over k, k in logarithms, with a band of its standard errors. A power law shows as a plateau.

    Parameters
    ----------
    estimate : Hill
        What `deeprmt.tails.hill` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    label, color : str, optional
        Of the line.
    sigmas : float, default 1.96
        The half-width of the band in standard errors.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import plots, tails
    >>> x = np.random.default_rng(1).pareto(2.0, 1000) + 1
    >>> ax = plots.hill(tails.hill(x))
    >>> ax.get_xscale()
    'log'
    """
    ax = as_axes(ax)
    # A few hundred points show all there is to see on a logarithmic axis.
    at = np.unique(np.round(np.geomspace(1, estimate.xi.size, 600)).astype(int)) - 1
    k, xi, width = at + 1, estimate.xi[at], sigmas * estimate.stderr[at]
    ax.fill_between(k, np.maximum(xi - width, 0), xi + width, color=color, alpha=0.2, linewidth=0)
    ax.plot(k, xi, color=color, linewidth=1.5, label=label)
    ax.set_xscale("log")
    ax.set_xlim(1, max(2, k[-1]))
    # The band of the first few k dwarfs the rest.
    ax.set_ylim(0, 1.15 * max((xi + width)[k >= min(10, k[-1])].max(), xi.max()) or 1.0)
    ax.set_xlabel("number of largest values k")
    ax.set_ylabel(r"Hill estimate $\xi_k$")
    tidy(ax)
    return ax
