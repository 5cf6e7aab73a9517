"""Hill's estimate and its plateau."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ._axes import LAW, QUIET, as_axes, nothing
from .hill import hill

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..tails import Plateau
    from ..weights import LayerAnalysis

__all__ = ["plateau"]


def plateau(result: Plateau | LayerAnalysis, *, ax: Axes | None = None, color: str = LAW) -> Axes:
    """Draw Hill's estimate over k, its plateau where there is one, and the range that one must span.

    Parameters
    ----------
    result : Plateau or LayerAnalysis
        What `deeprmt.tails.plateau` returns, or a layer of an analysis.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    color : str, optional
        Of the plateau.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import plots, tails
    >>> x = np.random.default_rng(1).pareto(2.0, 1000) + 1
    >>> ax = plots.plateau(tails.plateau(x))
    >>> ax.get_xscale()
    'log'
    """
    given = result
    of_row = getattr(result, "plateau", result)
    if of_row is None and getattr(given, "hill", None) is not None:
        ax = hill(cast("LayerAnalysis", given), ax=ax)
        ax.set_title("no tail")
        return ax
    if of_row is None:
        raise nothing("plateau", cast("LayerAnalysis", given), "tail")
    result = cast("Plateau", of_row)
    ax = as_axes(ax)
    hill(result.estimate if of_row is given else cast("LayerAnalysis", given), ax=ax)
    ax.axvline(result.least, color=QUIET, linestyle=":", linewidth=1, label=f"least range, k = {result.least}")
    if result.exists:
        name = rf"plateau, $\xi$ = {result.xi:.3g} $\pm$ {result.stderr:.2g}"
        ax.plot([1, result.k], [result.xi, result.xi], color=color, linewidth=2, label=name)
        title = f"plateau up to k = {result.k}, p = {result.p_value:.2g}"
    else:
        title = f"no plateau, p = {result.p_value:.2g}"
    ax.set_title(title)
    ax.legend(frameon=False)
    return ax
