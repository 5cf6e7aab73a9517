"""Losses of a training over its epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._axes import DATA, ESTIMATE, LAW, as_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..training import Training

__all__ = ["training"]


def training(result: Training, *, ax: Axes | None = None) -> Axes:
    """Draw the loss after each epoch on a logarithmic axis, that of the test beside it, and mark the checkpoints.

    Parameters
    ----------
    result : Training
        What `deeprmt.training.train` returns.
    ax : matplotlib.axes.Axes, optional
        Where; default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from deeprmt import networks, plots, training
    >>> found = training.train(networks.Network([[[0.0]]]), [[1.0]], [[2.0]], loss="squared", rate=0.25, epochs=3)
    >>> plots.training(found).get_xlabel()
    'epoch'
    """
    ax = as_axes(ax)
    epochs = np.arange(result.losses.size)
    for values, colour, name in ((result.losses, ESTIMATE, "training"), (result.test_losses, LAW, "test")):
        if values is not None:
            ax.plot(epochs, values, color=colour, label=name)
    kept = list(result.checkpoints)
    ax.plot(kept, result.losses[kept], "o", color=DATA, label="kept networks")
    if (result.losses > 0).all() and (result.test_losses is None or (result.test_losses > 0).all()):
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.legend(frameon=False)
    tidy(ax)
    return ax
