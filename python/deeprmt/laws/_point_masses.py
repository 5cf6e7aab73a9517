"""Laws of atoms alone."""

from __future__ import annotations

from collections.abc import Callable
from math import fsum, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import as_number, as_real, available_threads, refuse_non_finite
from ._law import Array, Law

__all__ = ["Bernoulli", "Discrete", "Point", "PointMasses"]


class PointMasses(Law):
    """What laws of atoms share: `locations` ascend and differ, `masses` are positive and sum to 1."""

    locations: Array
    masses: Array
    _below: Array
    _above: Array

    def _place(self, locations: Array, masses: Array) -> None:
        """For `__init__` alone."""
        self.locations, self.masses = locations, masses
        self._below = np.concatenate([[0.0], np.cumsum(masses)])  # [i]: the mass left of locations[i]
        self._above = np.concatenate([np.cumsum(masses[::-1])[::-1], [0.0]])  # [i]: the mass from locations[i] on
        self._below[-1] = self._above[0] = 1.0
        for array in (self.locations, self.masses, self._below, self._above):
            array.flags.writeable = False

    def support(self) -> list[tuple[float, float]]:
        """No interval: there is no continuous part."""
        return []

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        return list(zip(self.locations.tolist(), self.masses.tolist(), strict=True))

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        return np.sum(self.masses * function(self.locations))

    def _hull(self) -> tuple[float, float]:
        return float(self.locations[0]), float(self.locations[-1])

    def _pdf(self, x: Array) -> Array:
        return np.zeros_like(x)

    def _cdf(self, x: Array) -> Array:
        return self._below[np.searchsorted(self.locations, x, side="right")]

    def _sf(self, x: Array) -> Array:
        return self._above[np.searchsorted(self.locations, x, side="right")]

    def _ppf(self, q: Array) -> Array:
        # The first location whose cdf reaches q.
        i = np.searchsorted(self._below[1:], q, side="left")
        return self.locations[np.minimum(i, self.locations.size - 1)]

    def _moment(self, k: int) -> float:
        with np.errstate(over="raise"):
            try:
                return fsum(self.masses * self.locations**k)
            except FloatingPointError:
                raise OverflowError from None

    def var(self) -> np.float64:
        """The variance."""
        return np.float64(fsum(self.masses * (self.locations - float(self.mean())) ** 2))

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return _core.laws.cauchy_sum(self.locations, self.masses, z, 1, available_threads())

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return _core.laws.cauchy_sum(self.locations, self.masses, z, 2, available_threads())


class Discrete(PointMasses):
    """The law that gives the mass p_i to the point x_i.

    Parameters
    ----------
    x : array_like of real
        Finite, at least one, in any order and shape; equal points make one atom.
    p : array_like of real, optional
        As many, not negative, of sum 1 to within 1e-9 (they are divided by their sum). Default: equal masses. A point
        of mass 0 is no atom.

    Examples
    --------
    >>> law = Discrete([1.0, 3.0], [0.25, 0.75])
    >>> law.cdf([0.0, 1.0, 3.0])
    array([0.  , 0.25, 1.  ])
    >>> law.mean()
    np.float64(2.5)
    """

    def __init__(self, x: ArrayLike, p: ArrayLike | None = None) -> None:
        points = as_real("Discrete", "x", x).astype(np.float64).ravel()
        if points.size == 0:
            raise ValueError("Discrete: x must be at least one, got none")
        refuse_non_finite("Discrete", "x", points)
        if p is None:
            masses = np.full(points.size, 1 / points.size)
        else:
            masses = as_real("Discrete", "p", p).astype(np.float64).ravel()
            if masses.size != points.size:
                raise ValueError(f"Discrete: p must be as many as x, {points.size}, got {masses.size}")
            refuse_non_finite("Discrete", "p", masses)
            if (masses < 0).any():
                raise ValueError(f"Discrete: p must not be negative, found {float(masses[masses < 0][0])!r}")
            total = fsum(masses)
            if abs(total - 1) > 1e-9:
                raise ValueError(f"Discrete: p must sum to 1, got {total!r}")
            masses = masses / total
        points, masses = points[masses > 0] + 0.0, masses[masses > 0]  # -0.0 becomes 0.0
        locations, which = np.unique(points, return_inverse=True)
        self._place(locations, np.bincount(which.ravel(), masses).astype(np.float64))

    def __repr__(self) -> str:
        if self.locations.size <= 4:
            return f"Discrete({self.locations.tolist()}, {self.masses.tolist()})"
        low, high = self._hull()
        return f"Discrete({self.locations.size} points from {low:.6g} to {high:.6g})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Discrete)
            and np.array_equal(self.locations, other.locations)
            and np.array_equal(self.masses, other.masses)
        )

    def __hash__(self) -> int:
        return hash((self.locations.tobytes(), self.masses.tobytes()))


class Point(Discrete):
    """All mass at one point: the law of a constant.

    Parameters
    ----------
    x : float
        Where.

    Examples
    --------
    >>> Point(2.0).moment(3)
    np.float64(8.0)
    """

    def __init__(self, x: float) -> None:
        super().__init__([as_number("Point", "x", x)])

    def __repr__(self) -> str:
        return f"Point({float(self.locations[0])!r})"

    def _r_transform(self, w: Array) -> Array:
        return np.full_like(w, self.locations[0])

    def _s_transform(self, w: Array) -> Array:
        if self.locations[0] <= 0:
            return super()._s_transform(w)
        return np.full_like(w, 1 / self.locations[0])


class Bernoulli(Discrete):
    """One with probability p, else zero: eigenvalues of a projection, squared slopes of relu and of hard_tanh.

    Parameters
    ----------
    p : float
        In [0, 1].

    Notes
    -----
    S(w) = (1 + w) / (p + w), and R(w) is the root of w R^2 + (1 - w) R = p that is p at 0.

    Examples
    --------
    >>> Bernoulli(0.25).atoms()
    [(0.0, 0.75), (1.0, 0.25)]
    """

    def __init__(self, p: float) -> None:
        p = as_number("Bernoulli", "p", p, least=0)
        if p > 1:
            raise ValueError(f"Bernoulli: p must be in [0, 1], got {p!r}")
        super().__init__([0.0, 1.0], [1 - p, p])
        self.p = p

    def __repr__(self) -> str:
        return f"Bernoulli(p={self.p!r})"

    def var(self) -> np.float64:
        """The variance."""
        return np.float64(self.p * (1 - self.p))

    def _moment(self, k: int) -> float:
        return self.p

    def _r_transform(self, w: Array) -> Array:
        p = self.p
        # (1 - w)^2 + 4 p w = (1 - (1 - 2 p) w)^2 + 4 p (1 - p) w^2
        root = np.hypot(1 - (1 - 2 * p) * w, 2 * sqrt(p * (1 - p)) * w)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(w <= 1, 2 * p / (1 - w + root), ((w - 1) / 2 + root / 2) / w)

    def _s_transform(self, w: Array) -> Array:
        if self.p == 0:
            return super()._s_transform(w)
        beyond = (w <= -self.p) | (w < -1)
        if self.p < 1 and beyond.any():
            raise ValueError(
                f"{self._name}.s_transform: w must be in the range of the transform, above {-self.p!r}, got"
                f" {float(w[beyond][0])!r}"
            )
        return np.asarray((1 + w) / (self.p + w)) if self.p < 1 else np.ones_like(w)
