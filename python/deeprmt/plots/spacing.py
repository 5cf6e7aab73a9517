"""A histogram of level spacings, and the law they should follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import as_real
from ._axes import DATA, LAW, QUIET, as_axes, as_row, nothing, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..laws import Law
    from ..weights import LayerAnalysis

__all__ = ["spacing"]


def spacing(
    spacings: ArrayLike | LayerAnalysis,
    law: Law | None = None,
    *,
    ax: Axes | None = None,
    label: str | None = "measured",
) -> Axes:
    """Draw a histogram of unfolded spacings with the law of random matrices, and that of independent levels, over it.

    Parameters
    ----------
    spacings : array_like of real or LayerAnalysis
        Not negative, finite, any shape; of unfolded levels, so that their mean is about 1. Or a layer of an analysis.
    law : Law, optional
        Default: Wigner's surmise for real matrices, ``deeprmt.spectra.wigner_surmise(1)``.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    label : str, optional
        Of the bars.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import plots, spectra
    >>> ax = plots.spacing(spectra.wigner_surmise(1).rvs(500, rng=1))
    >>> ax.get_ylabel()
    'density'
    """
    from ..laws import WignerSurmise

    given: Any = spacings
    row = as_row(spacings)
    if row is not None:
        if row.spacing_count is None:
            raise nothing("spacing", row, "spacings")
        given = row.spacings
    s = as_real("spacing", "spacings", given).astype(np.float64).ravel()
    if s.size == 0 or not (np.isfinite(s) & (s >= 0)).all():
        raise ValueError("spacing: spacings must be finite, not negative and at least one")
    ax = as_axes(ax)
    end = 4.0
    bins = np.linspace(0, end, 1 + int(np.clip(np.sqrt(s.size), 10, 60)))
    heights, edges = np.histogram(s, bins)  # the few beyond 4 mean spacings are left out, and not made up for
    ax.stairs(heights / (s.size * np.diff(edges)), edges, fill=True, color=DATA, alpha=0.85, label=label)
    x = np.linspace(0, end, 401)
    surmise = WignerSurmise(1) if law is None else law
    ax.plot(x, surmise.pdf(x), color=LAW, linewidth=1.8, label="Wigner surmise" if law is None else repr(law))
    ax.plot(x, np.exp(-x), color=QUIET, linewidth=1.2, linestyle="--", label="independent levels")
    ax.set_xlim(0, end)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("spacing / mean spacing")
    ax.set_ylabel("density")
    ax.legend(frameon=False)
    tidy(ax)
    return ax
