"""Losses: the mean over samples, and its slope at the outputs. Outputs are in columns, one a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import Floats

Targets = NDArray[Any]
"""Labels (b,) of cross-entropy, or values (n_L, b) of squares."""


def cross_entropy(outputs: Floats, labels: Targets) -> tuple[float, Floats]:
    """-log softmax at the label."""
    shifted = outputs - outputs.max(axis=0)
    each = np.arange(labels.size)
    at_label = shifted[labels, each]
    np.exp(shifted, out=shifted)
    total = shifted.sum(axis=0)
    loss = float(np.mean(np.log(total) - at_label, dtype=np.float64))
    shifted /= total
    shifted[labels, each] -= 1
    shifted /= outputs.dtype.type(labels.size)
    return loss, shifted


def squared(outputs: Floats, values: Targets) -> tuple[float, Floats]:
    """Half the squared length of the difference."""
    off = outputs - values
    count = off.shape[1]
    loss = 0.5 * float(np.sum(np.square(off, dtype=np.float64))) / count
    off /= outputs.dtype.type(count)
    return loss, off


LOSSES = {"cross-entropy": cross_entropy, "squared": squared}
