"""What `deeprmt demo` shows: random networks beside their laws, and a trained network that ships with the package."""

from __future__ import annotations

from pathlib import Path

from .isometry import Comparison, compare, critical_network

__all__ = ["Comparison", "compare", "critical_network", "trained_network"]


def trained_network() -> Path:
    """Where the trained network lies that ships with deeprmt.

    It is a perceptron with widths 784, 256, 256, 10 and relu, trained on 4000 handwritten digits by
    `python -m deeprmt.demo.train`. ``PROVENANCE.md`` beside the file says from what, how, and how accurate it is.

    Returns
    -------
    pathlib.Path
        An ``.npz`` file of float32 arrays: ``weight_1`` .. ``weight_3``, each (n_out, n_in), and ``bias_1`` ..
        ``bias_3``. `deeprmt.demo.train.initial_network` gives the network from before training.

    Examples
    --------
    >>> import numpy as np
    >>> with np.load(trained_network()) as arrays:
    ...     [arrays[f"weight_{layer}"].shape for layer in (1, 2, 3)]
    [(256, 784), (256, 256), (10, 256)]
    """
    return Path(__file__).with_name("digits_mlp.npz")
