"""Hill's estimate over the number of values used."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ._axes import ESTIMATE, estimate_over_k, nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..tails import Hill
    from ..weights import LayerAnalysis

__all__ = ["hill"]


def hill(
    estimate: Hill | LayerAnalysis,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    color: str = ESTIMATE,
    sigmas: float = 1.96,
) -> Axes:
    """Draw xi over k, k in logarithms, with a band of its standard errors. A power law shows as a plateau.

    Parameters
    ----------
    estimate : Hill or LayerAnalysis
        What `deeprmt.tails.hill` returns, or a layer of an analysis.
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
    >>> import numpy as np
    >>> from deeprmt import plots, tails
    >>> x = np.random.default_rng(1).pareto(2.0, 1000) + 1
    >>> ax = plots.hill(tails.hill(x))
    >>> ax.get_xscale()
    'log'
    """
    given: object = estimate
    curve = getattr(estimate, "hill", estimate)
    if curve is None:
        raise nothing("hill", cast("LayerAnalysis", given), "tail")
    estimate = cast("Hill", curve)
    # Of a layer, half of the eigenvalues: the bulk is no tail, and the smallest would hide it.
    most = estimate.xi.size if curve is given else max(2, estimate.xi.size // 2)
    k, xi, error = (np.asarray(each)[:most] for each in (estimate.k, estimate.xi, estimate.stderr))
    ax, k, xi, width = estimate_over_k(ax, k, xi, error, sigmas=sigmas, color=color, label=label, floor=0.0)
    # The band of the first few k dwarfs the rest.
    ax.set_ylim(0, 1.15 * max((xi + width)[k >= min(10, k[-1])].max(), xi.max()) or 1.0)
    ax.set_ylabel(r"Hill estimate $\xi_k$")
    return ax
