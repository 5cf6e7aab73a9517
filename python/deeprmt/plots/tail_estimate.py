"""An estimate of the extreme-value index over the number of values used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import ESTIMATE, QUIET, estimate_over_k

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..tails import TailEstimate

__all__ = ["tail_estimate"]


def tail_estimate(
    estimate: TailEstimate,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    color: str = ESTIMATE,
    sigmas: float = 1.96,
) -> Axes:
    """Draw xi over k, k in logarithms, with a band of its standard errors. A power law shows as a plateau above 0.

    Parameters
    ----------
    estimate : TailEstimate
        What `deeprmt.tails.moment`, `pickands`, `kernel`, `qq` or `rank` returns.
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
    >>> ax = plots.tail_estimate(tails.moment(x))
    >>> ax.get_xscale()
    'log'
    """
    ax, k, xi, width = estimate_over_k(
        ax, estimate.k, estimate.xi, estimate.stderr, sigmas=sigmas, color=color, label=label, floor=-np.inf
    )
    ax.axhline(0, color=QUIET, linewidth=0.8)
    # The first few k scatter so widely that the rest would be a line.
    seen = (k >= min(20, k[-1])) & np.isfinite(xi)
    if seen.any():
        low, high = float((xi - width)[seen].min()), float((xi + width)[seen].max())
        margin = 0.1 * (high - low) or 1.0
        ax.set_ylim(min(low, 0) - margin, max(high, 0) + margin)
    ax.set_ylabel(rf"{estimate.method} estimate $\xi_k$")
    return ax
