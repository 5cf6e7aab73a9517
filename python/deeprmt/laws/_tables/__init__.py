"""Tables of laws that have no closed form; `make` makes them.

A function is kept as its logarithm: a Chebyshev series on each of a row of pieces of width 1, and beyond them the
expansion ``a u^2 + b u + c log u + sum_k d_k u^-k`` in a power u of the argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["LogFunction", "log_function"]

Array = NDArray[np.float64]

_BLOCK = 8192  # points whose work space stays in the cache
_FILE = Path(__file__).parent / "edge_and_bulk.npz"


@dataclass(frozen=True)
class LogFunction:
    """A tabulated logarithm; where it has no expansion, its first or last piece is continued."""

    coefficients: Array
    low: float
    exponent: float
    left: Array | None
    right: Array | None

    def __call__(self, x: Array) -> Array:
        """The logarithm at finite x, an array of one axis."""
        out = np.empty_like(x)
        for begin in range(0, x.size, _BLOCK):
            part = slice(begin, begin + _BLOCK)
            out[part] = self._pieces(x[part])
        high = self.low + self.coefficients.shape[1]
        for tail, where in ((self.left, x < self.low), (self.right, x > high)):
            if tail is not None and where.any():
                out[where] = self._tail(tail, np.abs(x[where]))
        return out

    def _pieces(self, x: Array) -> Array:
        place = np.clip(x - self.low, 0.0, self.coefficients.shape[1])
        piece = np.minimum(place.astype(np.intp), self.coefficients.shape[1] - 1)
        t = 2 * (place - piece) - 1
        twice = 2 * t
        b1, b2 = self.coefficients[-1].take(piece), np.zeros_like(x)
        for row in self.coefficients[-2:0:-1]:
            b2 = row.take(piece) + twice * b1 - b2
            b1, b2 = b2, b1
        return np.asarray(self.coefficients[0].take(piece) + t * b1 - b2)

    def _tail(self, tail: Array, x: Array) -> Array:
        with np.errstate(over="ignore"):
            u = np.minimum(x**self.exponent, 1e308)
            series = np.polynomial.polynomial.polyval(1 / u, tail[3:])
            return np.asarray(u * (tail[0] * u + tail[1] + tail[2] * np.log(u) / u) + series)


@cache
def log_function(domain: str, name: str) -> LogFunction:
    """The logarithm of "cdf1", ..., "pdf4": of the largest eigenvalue ("edge") or of the spacing ("bulk")."""
    with np.load(_FILE) as file:
        key = f"{domain}.{name}"
        tails = [file.get(f"{key}.{side}") for side in ("left", "right")]
        return LogFunction(file[key], float(file[f"{key}.low"]), {"edge": 1.5, "bulk": 1.0}[domain], *tails)
