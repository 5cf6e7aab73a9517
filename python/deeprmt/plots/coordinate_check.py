"""How far training moved each layer, over the width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import as_axes, ticks_at, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..training import CoordinateCheck

__all__ = ["coordinate_check"]


def coordinate_check(result: CoordinateCheck, *, ax: Axes | None = None) -> Axes:
    """Draw the r.m.s. change of each layer's preactivations over the width, after the first step and after the last.

    Parameters
    ----------
    result : CoordinateCheck
        What `deeprmt.training.coordinate_check` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Both axes logarithmic. Dotted: the first step; the exponents are those of the last. Where training diverged
        there is no point, and no exponent.

    Examples
    --------
    >>> from deeprmt import networks, plots, training
    >>> mlp = networks.MLP([2, 8, 1], "tanh", sigma_w=1.0, parametrization="mup")
    >>> x, y = [[1.0, 0.0], [0.0, 1.0]], [[1.0], [-1.0]]
    >>> found = training.coordinate_check(mlp, [8, 16], x, y, steps=2, rate=0.1, rng=0)
    >>> plots.coordinate_check(found).get_xlabel()
    'width'
    """
    ax = as_axes(ax)
    from matplotlib import colormaps

    depth = result.changes.shape[2]
    lost = bool(result.diverged[:, -1].any())
    for layer in range(depth):
        colour = colormaps["viridis"](0.9 * layer / max(1, depth - 1))
        name = "output" if layer == depth - 1 else f"layer {layer + 1}"
        label = f"{name}: {'diverged' if lost else f'width^{result.exponents[-1, layer]:.2f}'}"
        ax.loglog(result.widths, result.changes[:, -1, layer], "o-", color=colour, label=label)
        if result.steps > 1:
            ax.loglog(result.widths, result.changes[:, 0, layer], ":", color=colour)
    ticks_at(ax, result.widths)
    known = result.changes[np.isfinite(result.changes) & (result.changes > 0)]
    if known.size and known.max() < 10 * known.min():  # a decade and more, so that what is flat looks flat
        middle = np.sqrt(known.max() * known.min())
        ax.set_ylim(middle / 10, middle * 10)
    ax.set_xlabel("width")
    ax.set_ylabel(f"r.m.s. change of h after {result.steps} steps (dotted: 1)" if result.steps > 1 else
                  "r.m.s. change of h after a step")  # fmt: skip
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax
