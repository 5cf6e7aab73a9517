"""What a training leaves: networks over time, losses and accuracies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._display import Displayed, plain
from ..networks import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Training(Displayed):
    """A training that is over; made by `train`.

    Attributes
    ----------
    networks : tuple of Network
        At the checkpoints.
    checkpoints : tuple of int
        After how many epochs.
    losses, accuracies : (epochs + 1,) ndarray
        Of the samples, before training and after each epoch; the loss as `Trainer.evaluate` has it. Accuracies are NaN
        without labels.
    test_losses, test_accuracies : (epochs + 1,) ndarray or None
        Of the test samples, if there were some.
    settings : dict
        What was asked for.

    Examples
    --------
    >>> from deeprmt.networks import Network
    >>> from deeprmt.training import train
    >>> found = train(Network([[[0.0]]]), [[1.0]], [[2.0]], loss="squared", rate=0.25, epochs=3)
    >>> found.losses
    array([2.     , 0.5    , 0.125  , 0.03125])
    >>> found.network.weights[0]
    array([[0.875]])
    """

    networks: tuple[Network, ...]
    checkpoints: tuple[int, ...]
    losses: Array
    accuracies: Array
    test_losses: Array | None
    test_accuracies: Array | None
    settings: dict[str, Any]

    @property
    def network(self) -> Network:
        """At the last checkpoint."""
        return self.networks[-1]

    def to_dict(self) -> dict[str, Any]:
        """Curves and settings, without the networks; None for what is not finite."""
        names = ("losses", "accuracies", "test_losses", "test_accuracies")
        curves = {name: plain(getattr(self, name)) for name in names}
        return {"checkpoints": list(self.checkpoints)} | curves | {"settings": dict(self.settings)}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the losses over epochs."""
        from ..plots import training

        return training(self, ax=ax)

    def __repr__(self) -> str:
        end = "" if np.isnan(self.accuracies[-1]) else f", accuracy {self.accuracies[-1]:.1%}"
        test = self.test_accuracies
        if test is not None and not np.isnan(test[-1]):
            end += f", {test[-1]:.1%} in the test"
        epochs = self.losses.size - 1
        return f"Training({epochs} epochs: loss {self.losses[0]:.4g} -> {self.losses[-1]:.4g}{end})"
