"""An estimated spectral density with its error band, and a law over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._arguments import as_count
from ._axes import ESTIMATE, LAW, as_axes, tidy
from .law import draw_density

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..laws import Law
    from ..linalg import SpectralDensity

__all__ = ["spectral_density"]


def spectral_density(
    estimate: SpectralDensity,
    law: Law | None = None,
    *,
    ax: Axes | None = None,
    points: int = 400,
    width: float | None = None,
    sigmas: float = 1.96,
    label: str | None = "estimate",
    law_label: str | None = "law",
    color: str = ESTIMATE,
) -> Axes:
    """Draw a smoothed density with a band of its standard errors, and the density of a law over it.

    Parameters
    ----------
    estimate : SpectralDensity
        What `deeprmt.linalg.spectral_density` returns.
    law : Law, optional
        Drawn as a line.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    points : int, default 400
        Where the density is evaluated, evenly over the support and a little beyond.
    width : float, optional
        What the density is smoothed with; default: the width of the estimate.
    sigmas : float, default 1.96
        The half-width of the band in standard errors. It does not hold the bias of smoothing.
    label, law_label, color : str, optional
        Texts, and the colour of the estimate.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import ensembles, laws, linalg, plots
    >>> estimate = linalg.spectral_density(ensembles.goe(200, rng=1), steps=30, rng=1)
    >>> ax = plots.spectral_density(estimate, laws.Semicircle())
    >>> ax.get_xlabel()
    'eigenvalues'
    """
    count = as_count("spectral_density", "points", points, least=2)
    ax = as_axes(ax)
    low, high = estimate.support_estimate
    reach = 4 * (estimate.width if width is None else width)
    x = np.linspace(low - reach, high + reach, count)
    if estimate.kind != "eigenvalues":
        x = x[x >= 0]
    value, stderr = estimate.density(x) if width is None else estimate.density(x, width=width)
    if estimate.probes > 1:
        band = sigmas * stderr
        ax.fill_between(x, np.maximum(value - band, 0), value + band, color=color, alpha=0.25, linewidth=0)
    ax.plot(x, value, color=color, linewidth=1.5, label=label)
    top = float(value.max())
    if law is not None:
        draw_density(law, ax, law_label, LAW)
    if top > 0:
        ax.set_ylim(0, 1.15 * top)  # a law's pole at an edge would flatten the rest
    ax.set_xlabel(estimate.kind)
    ax.set_ylabel("density")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False)
    tidy(ax)
    return ax
