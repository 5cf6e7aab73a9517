"""How unequally directions of weights are felt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import LAW, QUIET, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..nonlinear import FisherSpectrum

__all__ = ["fisher"]


def fisher(result: FisherSpectrum, *, ax: Axes | None = None) -> Axes:
    """Draw the share of eigenvalues below each, over the mean, in logarithms; zeros are at the left end.

    Parameters
    ----------
    result : FisherSpectrum
        What `deeprmt.nonlinear.fisher_spectrum` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import nonlinear, plots
    >>> ax = plots.fisher(nonlinear.fisher_spectrum(8, activation="tanh", rng=0))
    >>> ax.get_xlabel()
    'eigenvalue over the mean'
    """
    ax = as_axes(ax)
    values = np.sort(result.eigenvalues) / result.eigenvalues.mean()
    shown = values > 1e-10 * values[-1]
    left = values[shown][0] / 3
    share = np.arange(1, values.size + 1) / values.size
    start = 1 - shown.mean()
    ax.step(np.append(left, values[shown]), np.append(start, share[shown]), where="post", color=LAW)
    ax.axvline(1, color=QUIET, linewidth=0.8, zorder=0)
    ax.set_xscale("log")
    ax.set_xlim(left, 1.5 * values[-1])
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("eigenvalue over the mean")
    ax.set_ylabel("share below")
    ax.set_title(f"{result.activation}: {result.zero_fraction:.3g} zeros, largest {result.condition:.3g}")
    tidy(ax)
    return ax
