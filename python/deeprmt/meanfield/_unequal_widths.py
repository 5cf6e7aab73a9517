"""The largest eigenvalue of a wide network's tangent kernel at one input, where layers differ in width."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from ..activations import Activation
from ._moments import breaks_of

__all__ = ["Layer", "largest_at_one_input"]

Array = NDArray[np.float64]
_nodes, _weights = np.polynomial.legendre.leggauss(24)


@dataclass(frozen=True)
class Layer:
    """A layer behind a hidden one of variance `q`: `wider` is its width over that one's, `weight` the variance of its
    entries times that one's width, and `own` what its own parameters add to the kernel, a multiple of the identity.
    """

    q: float
    wider: float
    weight: float
    own: float


class _Slopes:
    """The law nu of phi'(h)^2, h ~ N(0, q), as nodes and masses."""

    def __init__(self, activation: Activation, q: float) -> None:
        root = math.sqrt(q)
        breaks = breaks_of(activation, root, 12.0)
        breaks = np.unique(np.concatenate([np.linspace(a, b, 5) for a, b in pairwise(breaks.tolist())]))
        half = np.diff(breaks)[:, None] / 2
        z = ((breaks[:-1] + breaks[1:])[:, None] / 2 + half * _nodes).ravel()
        self.mass = (half * _weights).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        self.value = np.asarray(activation.dphi(root * z), dtype=float) ** 2
        # The largest is between nodes: at an end of a panel, such as 0, or near the node that is largest.
        ends = np.asarray(activation.dphi(root * breaks), dtype=float) ** 2
        i = int(self.value.argmax())
        near = optimize.minimize_scalar(
            lambda z: -(float(activation.dphi(np.array([root * z]))[0]) ** 2),
            bounds=(z[max(i - 1, 0)], z[min(i + 1, len(z) - 1)]),
            method="bounded",
        )
        self.top = max(float(self.value.max()), float(ends.max()), -float(near.fun))

    def inverse(self, y: float) -> float:
        """omega beyond the largest value, where the mean of d / (omega - d) is y."""
        if self.top == 0:
            return 0.0

        def excess(log: float) -> float:
            return math.log(float(self.mass @ (self.value / (self.top * math.exp(log) + (self.top - self.value))))) - (
                math.log(y)
            )

        low, high = -60.0, 1.0
        while excess(high) > 0:
            high += 4.0
        if excess(low) < 0:  # the mean stays finite up to the largest value, and y is beyond
            return self.top
        return self.top * (1 + math.exp(float(optimize.brentq(excess, low, high, xtol=1e-14, rtol=1e-15))))


def largest_at_one_input(activation: Activation, first: float, layers: list[Layer], haar: bool) -> float:
    """The upper end of the limit law of Theta, which is `first` times the identity before the `layers`.

    With M(z) the mean of t / (z - t), Theta' = own + W D Theta D W^T takes a point (y, z) of the curve y = M(z) to one
    of the next curve: the S-transforms of D^2 and W^T W are factors, then zeros are added or removed, and the kernel
    is shifted. z falls as y rises from 0, down to the end of the law.
    """
    slopes = {layer.q: _Slopes(activation, layer.q) for layer in layers}

    def at(log_y: float) -> float:
        y = math.exp(log_y)
        z = first * (1 + y) / y
        for layer in layers:
            z *= y / (1 + y) * slopes[layer.q].inverse(y)
            if haar:  # W^T W is a projection, or W an isometry
                z *= layer.weight * ((layer.wider + y) / (1 + y) if layer.wider < 1 else layer.wider)
            else:
                z *= layer.weight * (layer.wider + y)
            y /= layer.wider
            if not z > 0:  # nothing comes through: a multiple of the identity begins anew
                z = layer.own * (1 + y) / y
                continue
            y += layer.own * (1 + y) / z
            z += layer.own
        return z

    return _first_minimum(at)


def _first_minimum(at: Callable[[float], float]) -> float:
    grid = np.arange(-14.0, 34.0, 0.25)
    before, now = math.inf, at(float(grid[0]))
    for i in range(1, len(grid)):
        after = at(float(grid[i]))
        if after > now * (1 + 1e-13):
            found = optimize.minimize_scalar(
                at, bounds=(float(grid[max(i - 2, 0)]), float(grid[i])), method="bounded", options={"xatol": 1e-9}
            )
            return float(min(found.fun, now))
        before, now = now, after
    return min(before, now)
