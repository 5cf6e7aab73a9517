"""Which closed form the dual of an activation has."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..activations import Activation, as_activation, highest_power, rectified_power
from ._moments import expect_many, least_share, least_variance, refuse_infinite
from ._products import product
from ._variance_nodes import of_many

__all__ = ["Family"]

Array = NDArray[np.float64]


class Family:
    """The name of the closed form in the core, its parameters (below, above, order), and means at one input.

    `kind` is None where there is none.
    """

    kind: str | None

    def __init__(self, activation: Activation, function: str = "kernels") -> None:
        self.function = function
        self.activation = activation
        self.kind, self.parameters = _kind(activation)

    def second(self, q: Array, derivative: int) -> Array:
        """E phi(h)^2, or of phi', h ~ N(0, q): for each of the variances, to rounding."""
        below, above, order = self.parameters
        if self.kind == "ramp":
            mean = (below**2 + above**2) / 2
            return np.full_like(q, mean) if derivative else mean * q
        if self.kind == "step":
            return np.full_like(q, 0.0 if derivative else 0.5)
        if self.kind == "power":
            power = order - derivative
            odd = math.prod(range(1, 2 * power, 2))  # E Z^(2 power)
            return np.asarray((order if derivative else 1) ** 2 * odd / 2 * q**power)
        if self.kind == "sign":
            return np.full_like(q, 0.0 if derivative else 1.0)
        if self.kind in ("square", "cube"):
            square = 4 * q if derivative else 3 * q**2
            cube = 27 * q**2 if derivative else 15 * q**3
            return np.asarray(square if self.kind == "square" else cube)
        function = self.activation.dphi if derivative else self.activation.phi
        variances, which = np.unique(np.maximum(q, least_variance), return_inverse=True)
        if self.kind is not None:
            means = product(self.activation, variances, variances, np.ones_like(variances), derivative)
        else:
            refuse_infinite(self.function, self.activation, variances, lambda h: function(h) ** 2)
            means = of_many(
                lambda q: expect_many(self.activation, q, lambda h, _: function(h) ** 2, even=True), variances
            )
        return np.asarray(means[which.reshape(q.shape)] * least_share(function, q) ** 2)


def _kind(activation: Activation) -> tuple[str | None, tuple[float, float, int]]:
    nothing = (0.0, 0.0, 0)
    for name, kind, scale in (
        ("erf", "erf", 1.0),
        ("erf_unit", "erf", math.pi / 4),
        ("gelu", "gelu", 0.0),
        ("sin", "sine", 0.0),
        ("cos", "cosine", 0.0),
        ("gauss", "bell", 0.0),
        ("square", "square", 0.0),
        ("cube", "cube", 0.0),
        ("sign", "sign", 0.0),
        ("heaviside", "step", 0.0),
        ("step", "step", 0.0),
    ):
        if activation.name == name and activation == as_activation("", name):
            return kind, (0.0, scale, 0)
    if activation.name.startswith("rectified_power("):
        for order in range(2, highest_power + 1):
            if activation == rectified_power(order):
                return "power", (0.0, 1.0, order)
    if activation.slopes is not None and activation.kinks in ((), (0.0,)):
        below, above = activation.slopes[0], activation.slopes[-1]
        if np.array_equal(activation.phi(np.array([-1.0, 1.0])), [-below, above]):
            return "ramp", (below, above, 0)
    return None, nothing
