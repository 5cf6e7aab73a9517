"""Singular values before and after filtering."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import as_real
from ._axes import ESTIMATE, LAW, QUIET, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["shrinkage"]


def shrinkage(before: ArrayLike, after: ArrayLike, *, ax: Axes | None = None, edge: float | None = None) -> Axes:
    """Draw what a filter made of each singular value, with the diagonal on which nothing would change.

    Parameters
    ----------
    before, after : (k,) array_like of real
        Singular values of the matrix and of the filtered one, in the same order.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    edge : float, optional
        The end of the noise's own singular values, drawn as a dotted line.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import plots
    >>> ax = plots.shrinkage([3.0, 2.5, 1.0], [2.2, 1.5, 0.0], edge=2.0)
    >>> ax.get_xlabel()
    'singular value before'
    """
    x = as_real("shrinkage", "before", before).astype(np.float64)
    y = as_real("shrinkage", "after", after).astype(np.float64)
    if x.ndim != 1 or x.shape != y.shape or not (np.isfinite(x) & np.isfinite(y)).all():
        raise ValueError(
            f"shrinkage: before and after must be finite vectors of one length, got shapes {x.shape} and {y.shape}"
        )
    ax = as_axes(ax)
    top = float(max(x.max(initial=0.0), y.max(initial=0.0), edge or 0.0)) or 1.0
    ax.plot([0, top], [0, top], color=QUIET, linewidth=1.0, linestyle="--", label="unchanged")
    if edge is not None:
        ax.axvline(edge, color=LAW, linewidth=1.2, linestyle=":", label="end of the noise")
    ax.plot(x, y, linestyle="none", marker="o", markersize=4, color=ESTIMATE, label="filtered", clip_on=False)
    ax.set_xlim(0, 1.03 * top)
    ax.set_ylim(0, 1.03 * top)
    ax.set_xlabel("singular value before")
    ax.set_ylabel("after")
    ax.legend(frameon=False, loc="upper left")
    tidy(ax)
    return ax
