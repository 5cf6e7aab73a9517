"""A test of freeness, word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from ._axes import ESTIMATE, LAW, QUIET, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..freeprob import FreenessTest

__all__ = ["freeness"]


def freeness(test: FreenessTest, *, ax: Axes | None = None, most: int = 40) -> Axes:
    """Draw z of each word as a bar, with the band that all words keep to if the families are free.

    Parameters
    ----------
    test : FreenessTest
        What `deeprmt.freeprob.freeness_test` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    most : int, default 40
        Of more words than that only those with the largest \\|z\\| are drawn.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import ensembles, freeprob, plots
    >>> a, b = ensembles.goe(50, size=2, rng=1)
    >>> plots.freeness(freeprob.freeness_test([a, b], rng=1)).get_xlabel()
    'z = (value - expected) / standard error'
    """
    ax = as_axes(ax)
    shown = np.sort(np.argsort(-np.abs(test.z), kind="stable")[:most])
    freedom = (test.trials if test.trials > 1 else test.rotations) - 1
    limit = float(-stdtrit(freedom, test.level / (2 * len(test.words))))
    at = np.arange(shown.size)
    ax.axvspan(-limit, limit, color=QUIET, alpha=0.15, linewidth=0)
    outside = np.abs(test.z[shown]) > limit
    ax.barh(at, test.z[shown], color=np.where(outside, LAW, ESTIMATE), height=0.7)
    ax.set_yticks(at, [test.words[i] for i in shown])
    ax.invert_yaxis()
    reach = 1.1 * max(limit, float(np.abs(test.z[shown]).max()))
    ax.set_xlim(-reach, reach)
    ax.set_xlabel("z = (value - expected) / standard error")
    ax.set_title("consistent with freeness" if test.free else "not free")
    tidy(ax)
    return ax
