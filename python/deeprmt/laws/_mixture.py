"""A law drawn from several."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import as_number, shown
from ._law import Array, Law
from ._parametric import Parametric

__all__ = ["Mixture", "merged"]


class Mixture(Parametric):
    """The law of a value drawn from one of several laws: with probability w_i from the i-th.

    Parameters
    ----------
    parts : iterable of (float, Law)
        Weights, not negative and of sum 1 to within 1e-9 (they are divided by their sum), and laws. Parts of weight 0
        are left out.

    Examples
    --------
    >>> from deeprmt.laws import Point, Semicircle
    >>> law = Mixture([(0.25, Point(3.0)), (0.75, Semicircle())])
    >>> law.support(), law.atoms()
    ([(-2.0, 2.0)], [(3.0, 0.25)])
    >>> law.mean()
    np.float64(0.75)
    """

    parts: tuple[tuple[float, Law], ...]

    def __init__(self, parts: Iterable[tuple[float, Law]]) -> None:
        if not isinstance(parts, Iterable):
            raise TypeError(f"Mixture: parts must be pairs of a weight and a law, got {shown(parts)}")
        pairs: list[tuple[float, Law]] = []
        for pair in parts:
            if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[1], Law):
                raise TypeError(f"Mixture: parts must be pairs of a weight and a law, found {shown(pair)}")
            pairs.append((as_number("Mixture", "weights", pair[0], least=0), pair[1]))
        if not pairs:
            raise ValueError("Mixture: parts must be at least one pair of a weight and a law, got none")
        total = fsum(weight for weight, _ in pairs)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"Mixture: weights must sum to 1, got {total!r}")
        self._set(parts=tuple((weight / total, law) for weight, law in pairs if weight > 0))

    def __repr__(self) -> str:
        return f"Mixture([{', '.join(f'({weight!r}, {law!r})' for weight, law in self.parts)}])"

    @property
    def report(self) -> dict[str, Any]:
        """Those of the parts that were solved, if any, together: counts added, the largest of residuals."""
        from ._reports import together

        return together((law for _, law in self.parts), self._name)

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        return merged(pair for _, law in self.parts for pair in law.support())

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        masses: dict[float, float] = {}
        for weight, law in self.parts:
            for location, mass in law.atoms():
                masses[location] = masses.get(location, 0.0) + weight * mass
        return sorted(masses.items())

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        return sum(weight * law.expect(function) for weight, law in self.parts)

    def _sum(self, values: Callable[[Law], Any]) -> Any:
        return np.asarray(sum(weight * values(law) for weight, law in self.parts))

    def _pdf(self, x: Array) -> Array:
        return np.asarray(self._sum(lambda law: law.pdf(x)))

    def _cdf(self, x: Array) -> Array:
        return np.asarray(self._sum(lambda law: law.cdf(x)))

    def _sf(self, x: Array) -> Array:
        return np.asarray(self._sum(lambda law: law.sf(x)))

    def _moment(self, k: int) -> float:
        moments = [weight * float(law.moment(k)) for weight, law in self.parts]
        return fsum(moments) if np.isfinite(moments).all() else sum(moments)

    def var(self) -> np.float64:
        """The variance: within the parts and between them."""
        mean = float(self.mean())
        return np.float64(
            fsum(weight * (float(law.var()) + (float(law.mean()) - mean) ** 2) for weight, law in self.parts)
        )

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return np.asarray(self._sum(lambda law: law._stieltjes(z)))

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return np.asarray(self._sum(lambda law: law._stieltjes_derivative(z)))

    def _log_potential(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        values = [(weight, law._log_potential(z)) for weight, law in self.parts]
        out = np.empty_like(z)  # part by part: -inf at atoms leaves the angle alone
        out.real = sum(weight * value.real for weight, value in values)
        out.imag = sum(weight * value.imag for weight, value in values)
        return out


def merged(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The union as disjoint intervals; those that touch become one."""
    out: list[tuple[float, float]] = []
    for low, high in sorted(intervals):
        if out and low <= out[-1][1]:
            out[-1] = out[-1][0], max(high, out[-1][1])
        else:
            out.append((low, high))
    return out
