"""Duals of any function by Mehler's series in the correlation, where inputs have many lengths and no table is short."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._moments import least_variance

__all__ = ["HermiteSeries", "mehler"]

Array = NDArray[np.float64]

_degrees = 256
_close = 2e-13  # what the remainder may be, of (E f(u)^2 E f(v)^2)^(1/2)
_nodes, _weights = np.polynomial.legendre.leggauss(24)


@dataclass(frozen=True)
class HermiteSeries:
    """E f(sqrt(q) Z) He_k(Z) / sqrt(k!) of each variance, a row each, and the root of the sum of squares of higher
    ones.
    """

    coefficients: Array
    rest: Array

    @classmethod
    def of(cls, function: Callable[[Array], Any], kinks: tuple[float, ...], q: Array) -> HermiteSeries:
        out, rest = np.empty((len(q), _degrees)), np.empty(len(q))
        inner = np.concatenate([np.arange(-14, 14.1, 0.5), [0.0]])
        for begin in range(0, len(q), 64):
            rows = slice(begin, begin + 64)
            r = np.sqrt(np.maximum(q[rows], least_variance))[:, None]
            powers = 2.0 ** np.arange(min(60, max(1, math.ceil(math.log2(14 * float(r.max())) + 1))))
            marks = np.clip(np.concatenate([kinks, -powers, powers]) / r, -14, 14)
            edges = np.sort(np.concatenate([np.broadcast_to(inner, (len(r), len(inner))), marks], axis=1), axis=1)
            half = np.diff(edges, axis=1)[:, :, None] / 2
            z = ((edges[:, 1:] + edges[:, :-1])[:, :, None] / 2 + half * _nodes).reshape(len(r), -1)
            weight = (half * _weights).reshape(len(r), -1)
            values = np.asarray(function(r * z), dtype=float)
            before, now = np.zeros_like(z), np.exp(-z * z / 4) / (2 * math.pi) ** 0.25
            density = now  # Hermite functions: one root of the density each, so that nothing overflows
            weighted = weight * values * density
            for k in range(_degrees):
                out[rows, k] = np.sum(weighted * now, axis=1)
                before, now = now, (z * now - math.sqrt(k) * before) / math.sqrt(k + 1)
            whole = np.sum(weighted * values * density, axis=1)
            rest[rows] = np.sqrt(np.maximum(whole - np.sum(out[rows] ** 2, axis=1), 0.0) + 1e-16 * whole)
        return cls(out, rest)

    def ends(self, c: float, roots: Array, tolerance: float) -> bool:
        """Whether the remainder at the correlation c is below the tolerance for all rows, `roots` their sizes."""
        return bool((self.rest / roots).max() ** 2 * abs(c) ** _degrees <= tolerance)

    def between_all(self, c: float) -> Array:
        """E f(u) f(v) of each row with each."""
        return np.asarray((self.coefficients * c ** np.arange(_degrees)) @ self.coefficients.T)


def mehler(
    first: HermiteSeries, second: HermiteSeries, i: NDArray[np.intp], j: NDArray[np.intp], c: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """E f(u) f(v) for pairs of rows, and where the remainder may be more than 2e-13 of its size."""
    left, right = first.coefficients, second.coefficients
    total = left[i, -1] * right[j, -1]
    for k in range(_degrees - 2, -1, -1):
        total *= c
        total += left[i, k] * right[j, k]
    size = np.sqrt(np.sum(left**2, axis=1))[i] * np.sqrt(np.sum(right**2, axis=1))[j]
    with np.errstate(under="ignore"):
        doubt = first.rest[i] * second.rest[j] * np.abs(c) ** _degrees > _close * size
    return total, doubt
