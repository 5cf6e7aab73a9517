"""Losses over depth and learning rate, with the border of divergence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._axes import LAW, as_axes, log_ticks, ticks_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..training import LearningRateMap

__all__ = ["learning_rate"]


def learning_rate(result: LearningRateMap, *, ax: Axes | None = None) -> Axes:
    """Draw the loss after training over that before as colours, and on it 2 / lambda_max and 1 / lambda_max.

    Parameters
    ----------
    result : LearningRateMap
        What `deeprmt.training.learning_rate_map` returns, of at least two depths and two rates.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Depth to the right, rate upwards, both on logarithmic axes. Colours from the least loss to the
        largest, within 1e-6 and 1e2. White: the loss grew without end.

    Examples
    --------
    >>> from deeprmt import networks, plots, training
    >>> mlp = networks.MLP([20] * 3, "tanh", weights="haar", sigma_w=1.05)
    >>> found = training.learning_rate_map(mlp, depths=[2, 4], rates=[1, 10, 100], steps=3, q0=0.05, rng=0)
    >>> ax = plots.learning_rate(found)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('depth', 'learning rate')
    """
    if min(result.losses.shape) < 2:
        raise ValueError(
            f"learning_rate: result must have at least two depths and two rates, got {result.losses.shape}"
        )
    ax = as_axes(ax)
    from matplotlib.colors import LogNorm

    def edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Between the middles of cells, on a logarithmic axis."""
        logs = np.log(values)
        middle = (logs[1:] + logs[:-1]) / 2
        return np.asarray(np.exp([2 * logs[0] - middle[0], *middle, 2 * logs[-1] - middle[-1]]))

    kept = np.isfinite(result.losses)
    known = result.losses[kept] if kept.any() else np.ones(1)
    low, high = float(np.clip(known.min(), 1e-6, 1e2)), float(np.clip(known.max(), 1e-6, 1e2))
    if high < 3 * low:  # what is flat looks flat
        low, high = math.sqrt(low * high / 3), math.sqrt(low * high * 3)
    beyond = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    extend = beyond[bool(known.min() < low), bool(known.max() > high)]
    losses = np.where(kept, np.clip(result.losses, low, high), np.nan)
    x, y = edges(result.depths.astype(float)), edges(result.rates)
    mesh = ax.pcolormesh(x, y, losses.T, norm=LogNorm(low, high), cmap="viridis", rasterized=True)
    label = f"loss after {result.steps} steps, over that before"
    log_ticks(ax.figure.colorbar(mesh, ax=ax, label=label, extend=extend).ax)
    theory = np.isfinite(result.border).all()
    line = result.border if theory else result.measured
    ax.plot(result.depths, line, color=LAW, linewidth=2, label="2 / lambda_max" + ("" if theory else ", networks"))
    ax.plot(result.depths, line / 2, color=LAW, linewidth=1.2, linestyle="--", label="1 / lambda_max")
    if theory:
        ax.plot(
            result.depths, result.measured, "o", color="black", markersize=4, label="2 / lambda_max of each network"
        )
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])
    ticks_at(ax, result.depths)
    ax.set_xlabel("depth")
    ax.set_ylabel("learning rate")
    # Above the cells, none of which it hides.
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize="small")
    log_ticks(ax)
    return ax
