"""The second moment of an activation under narrow Gaussians, without its line through 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .._arguments import Floats
from ..activations import Activation
from ..errors import ConvergenceError
from ._moments import expect
from ._products import piecewise_linear

__all__ = ["NearZero", "near_zero"]

# Smooth activations follow the first two terms of their series up to here, to about 1e-10.
_smooth = 1e-5


@dataclass(frozen=True)
class NearZero:
    """E phi^2 = slope^2 q + rest(q) for q up to `most`, where phi(0) = 0; the rest to relative precision.

    Next to a critical point it is the rest that decides, far below the rounding of the whole.
    """

    slope: float
    most: float
    rest: Callable[[Floats], Floats]


@lru_cache(maxsize=64)
def near_zero(activation: Activation) -> NearZero | None:
    """None where phi has no line through 0."""
    if 0.0 in activation.kinks or float(activation.phi(np.zeros(1))[0]) != 0:
        return None
    slope = float(activation.dphi(np.zeros(1))[0])
    if activation.slopes is not None:
        slopes, nearest = activation.slopes, min(map(abs, activation.kinks), default=1e3)

        def ramps(q: Floats) -> Floats:
            return piecewise_linear(activation, slopes, q, q, np.ones_like(q), 0, line=False)

        return NearZero(slope, nearest * nearest / 4, ramps)

    def bend(q: float) -> float:
        return expect(
            activation,
            q,
            lambda h: activation.phi(h) ** 2 - (slope * h) ** 2,
            lambda h: activation.phi(h) ** 2 + (slope * h) ** 2,
        )

    try:
        at = [bend(_smooth * share) / (_smooth * share) ** 2 for share in (1.0, 2.0, 0.5)]
    except ConvergenceError:
        return None
    cubic = (at[1] - at[0]) / _smooth
    square = at[0] - cubic * _smooth
    # Rounding of slope^2 q against bends of q^2; what is rougher at 0 does not follow.
    if not abs(square + cubic * _smooth / 2 - at[2]) <= 1e-7 * abs(square) + 1e-10 * slope * slope:
        return None
    return NearZero(slope, _smooth, lambda q: (square + cubic * q) * q * q)
