"""Bias and variance of random-feature regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import DATA, QUIET, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..nonlinear import MeiMontanari

__all__ = ["bias_variance"]


def bias_variance(result: MeiMontanari, *, ax: Axes | None = None) -> Axes:
    """Draw bias and variance over what varies: features, samples or the ridge, in logarithms.

    Parameters
    ----------
    result : MeiMontanari
        What `deeprmt.nonlinear.mei_montanari` returns, of more than one point.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import nonlinear, plots
    >>> ax = plots.bias_variance(nonlinear.mei_montanari(2.0, 3.0, [0.01, 0.1, 1.0]))
    >>> ax.get_xlabel()
    'ridge'
    """
    axes = (
        ("features a dimension", result.psi1),
        ("samples a dimension", result.psi2),
        ("ridge", result.lam),
    )
    moving = [(label, np.ravel(values)) for label, values in axes if np.ptp(values) > 0]
    if len(moving) != 1:
        raise ValueError(f"bias_variance: one of psi1, psi2 and lam must vary, got {len(moving)} of them")
    label, x = moving[0]
    order = np.argsort(x)
    order = order[x[order] > 0]  # ridge 0 has no place on the axis
    ax = as_axes(ax)
    for name, color, style in (("bias", DATA, "-"), ("variance", QUIET, "--")):
        y = np.ravel(getattr(result, name))[order]
        ax.plot(x[order], np.where(np.isfinite(y), y, np.nan), style, color=color, label=name)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(label)
    ax.set_ylabel("test error")
    ax.set_title(result.activation)
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax
