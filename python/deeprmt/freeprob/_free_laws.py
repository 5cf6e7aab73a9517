"""Free sums and products as laws."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ..laws import FussCatalan, Law, MarchenkoPastur
from ..laws._affine import Affine
from ._convolution import Convolution
from ._moments import product_moments, sum_moments
from ._solver import Additive, Multiplicative
from ._sources import Scaled, Solved, Source, source

__all__ = ["FreeProduct", "FreeSum", "factor"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_BESIDE_ZERO = 1e-6  # of the gap above an atom at 0: there the rest of the transform is a line to rounding
_SERIES = 40  # moments up to this order come from the factors' moments


def factor(law: Law, *, product: bool) -> Source:
    """A law as a source; where a series does not resolve what is itself a convolution, its own equations are used.

    Raises
    ------
    ConvergenceError
        If the law is not resolved to a millionth of its mass.
    """
    if isinstance(law, FussCatalan) and law.s >= 1 and product:
        law = FreeProduct([(MarchenkoPastur(1.0), law.s)])
        return Solved(law, law._resolvent, law._resolvent_moments, law._mean_argument)
    out = source(law)
    base = law.base if isinstance(law, Affine) else law
    if out.accuracy > 1e-9 and isinstance(base, Convolution):
        solved = Solved(base, base._resolvent, base._resolvent_moments, base._mean_argument)
        return Scaled(law, solved) if isinstance(law, Affine) else solved
    if out.accuracy > 1e-6:
        raise ConvergenceError(
            f"free convolution: the density of {law!r} is not resolved by cosines of an angle, mass is lost to within"
            f" {out.accuracy:.1g}: it must be analytic inside its intervals, and vanish or diverge at its edges like a"
            " square root",
            {"accuracy": out.accuracy},
        )
    return out


def _square(law: Law) -> Law:
    """Marchenko-Pastur laws whose aspect is 1 but for rounding, and not above, are those of square matrices."""
    if isinstance(law, MarchenkoPastur) and not law.singular and 0 < 1 - law.aspect <= 3e-14:
        return MarchenkoPastur(1.0, law.sigma)
    return law


class FreeSum(Convolution):
    """The law of a sum of free variables; made by `free_add`, `free_power` and `compression`.

    Attributes
    ----------
    parts : tuple of (Law, float)
        The laws, each with its free convolution power.
    report : Report
        What solving took so far.
    """

    _rule = Additive
    _neutral = 0.0

    @staticmethod
    def _combined(here: float, at: float, t: float) -> float:
        return here + t * at

    def _moment(self, k: int) -> float:
        if k > _SERIES:
            return super()._moment(k)
        return float(sum_moments(self.parts, k)[k])

    def var(self) -> np.float64:
        """The variance: variances add."""
        return np.float64(sum(t * float(law.var()) for law, t in self.parts))

    def _r_transform(self, w: Array) -> Array:
        return np.asarray(sum(t * law._r_transform(w) for law, t in self.parts))


class FreeProduct(Convolution):
    """The law of a product of free variables, all at least 0; made by `free_multiply` and `free_power`.

    Attributes
    ----------
    parts : tuple of (Law, float)
        The laws, each with its free convolution power.
    report : Report
        What solving took so far.
    """

    _rule = Multiplicative
    _neutral = 1.0

    def __init__(self, parts: list[tuple[Law, float]]) -> None:
        # A gap between 0 and an edge at 1e-30, without an atom at 0 to tell it by, has no digits.
        super().__init__([(_square(law), t) for law, t in parts])

    @staticmethod
    def _combined(here: float, at: float, t: float) -> float:
        try:
            return here * at**t if at > 0 else -1.0
        except OverflowError:
            return math.inf

    @cached_property
    def _atoms(self) -> list[tuple[float, float]]:
        found = [(at, left) for at, left in self._places if at > 0 and left > 1e-14]
        return [(0.0, self._at_zero), *found] if self._at_zero > 0 else found

    def _transform_at(self, z: Complex, slope: bool) -> Complex:
        """Next to an atom at 0 in a gap: the atom, and the line of what is left over at two points of the gap."""
        gap = self._gaps[0]
        room = _BESIDE_ZERO * gap.high if self._at_zero > 0 and gap.low == 0 else 0.0
        close = np.abs(z) < room
        out = np.empty(z.shape, np.complex128)
        if not close.all():
            out[~close] = super()._transform_at(z[~close], slope)
        if close.any():
            near = z[close]
            below, above = super()._transform_at(np.array([-room, room], np.complex128), False).real
            bend = (above - below + 2 * self._at_zero / room) / (2 * room)
            with np.errstate(all="ignore"):  # next to the range of doubles
                if slope:
                    out[close] = self._at_zero / near**2 + bend
                else:
                    out[close] = (above + below) / 2 + bend * near - self._at_zero / near
        return out

    def _moment(self, k: int) -> float:
        if k > _SERIES:
            return super()._moment(k)
        return float(product_moments(self.parts, k)[k])

    def var(self) -> np.float64:
        """The variance: relative variances add."""
        mean = float(self.mean())
        return np.float64(mean**2 * sum(t * float(law.var()) / float(law.mean()) ** 2 for law, t in self.parts))

    def _s_transform(self, w: Array) -> Array:
        out = np.ones(w.shape)
        for law, t in self.parts:
            out = out * law._s_transform(w) ** t
        return out
