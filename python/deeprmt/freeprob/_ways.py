"""The way down to an end of an interval, from one solution to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ._solver import State

__all__ = ["Way", "joined", "next_of"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass
class Way:
    """The way down to an end of an interval: what has been solved, ever closer to it."""

    interval: int
    edge: float
    inwards: float  # the reach of the end, with a sign
    least: float  # in reaches, where the way ends
    distance: float = 0.01  # of the next step; 0 where one failed
    steps: list[tuple[Array, State]] = field(default_factory=list)


def joined(states: list[State]) -> State:
    """Solutions at several sets of points, one after the other."""
    return State(np.concatenate([each.c for each in states]), np.concatenate([each.p for each in states], axis=1))


def next_of(one: Complex, two: Complex, three: Complex) -> Complex:
    """The next value where differences shrink by a constant factor."""
    with np.errstate(all="ignore"):
        ratio = (three - two) / (two - one)
        ratio = np.where(np.isfinite(ratio) & (np.abs(ratio) < 1), ratio, 0.5)
    new = three + (three - two) * ratio
    return np.where(new.imag > 0, new, new.real + 0.5j * three.imag)
