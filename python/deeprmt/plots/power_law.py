"""A fitted power law beside the values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import DATA, LAW, QUIET, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..tails import PowerLaw

__all__ = ["power_law"]


def power_law(fit: PowerLaw, *, ax: Axes | None = None, label: str | None = None, color: str = LAW) -> Axes:
    """Draw the share of values above x, both in logarithms, with the fitted law from xmin on.

    Parameters
    ----------
    fit : PowerLaw
        What `deeprmt.tails.fit_power_law` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.
    label, color : str, optional
        Of the law.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import plots, tails
    >>> x = np.random.default_rng(1).pareto(2.0, 1000) + 1
    >>> ax = plots.power_law(tails.fit_power_law(x))
    >>> ax.get_yscale()
    'log'
    """
    ax = as_axes(ax)
    n = fit.x.size
    # All of the largest values, and some hundreds of the rest.
    at = np.unique(np.concatenate([np.arange(max(n - 200, 0), n), np.linspace(0, n - 1, 600).astype(int)]))
    ax.plot(fit.x[at], (n - at) / n, ".", color=DATA, markersize=4, label="values")
    end = max(float(fit.x[-1]), fit.xmin * 1.05)
    line = np.geomspace(fit.xmin, end, 100)
    name = label if label is not None else rf"power law, $\alpha$ = {fit.alpha:.3g} $\pm$ {fit.stderr:.2g}"
    share = fit.n_tail / n
    ax.plot(line, share * (line / fit.xmin) ** (1 - fit.alpha), color=color, linewidth=1.5, label=name)
    ax.axvline(fit.xmin, color=QUIET, linestyle=":", linewidth=1, label=rf"$x_{{\min}}$, {fit.n_tail} values above")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(0.5 / n, 1.5)
    ax.set_xlabel("x")
    ax.set_ylabel("share of values at x or above")
    ax.legend(frameon=False)
    tidy(ax)
    return ax
