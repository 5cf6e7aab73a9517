"""The law of factor * value + offset."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import comb, isfinite, log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._law import Array, Law
from ._parametric import Parametric
from ._times_power import times_power

__all__ = ["Affine"]


class Affine(Parametric):
    """The law of ``factor * x + offset`` where x has the law `base`; made by `Law.scale` and `Law.shift`."""

    base: Law
    factor: float
    offset: float

    def __init__(self, base: Law, factor: float, offset: float) -> None:
        self._set(base=base, factor=factor, offset=offset)
        inner = [end for end in base._hull() if np.isfinite(end)]
        if factor == 0 or not np.isfinite([factor, offset, *(self._image(end) for end in inner)]).all():
            raise ValueError(
                f"{type(base).__name__}: scale and shift must stay within the range of doubles, got a factor of"
                f" {factor!r} and an offset of {offset!r}"
            )

    def __repr__(self) -> str:
        text = repr(self.base)
        if self.factor != 1:
            text += f".scale({self.factor!r})"
        return text + f".shift({self.offset!r})" if self.offset != 0 else text

    @property
    def report(self) -> Any:
        """That of the law which was scaled and shifted, if that has one."""
        return self.base.report  # type: ignore[attr-defined]

    def scale(self, c: float) -> Affine:
        """The law of c times a value; a negative c mirrors it."""
        factor = super().scale(c).factor
        return Affine(self.base, factor * self.factor, factor * self.offset)

    def shift(self, c: float) -> Affine:
        """The law of a value plus c."""
        return Affine(self.base, self.factor, self.offset + super().shift(c).offset)

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""
        ends = [(self._image(low), self._image(high)) for low, high in self.base.support()]
        return sorted((min(pair), max(pair)) for pair in ends)

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        return sorted((self._image(location), mass) for location, mass in self.base.atoms())

    def _image(self, x: float) -> float:
        return self.factor * x + self.offset

    def _inverse(self, x: Array) -> Array:
        """Back to the base, inside its hull; atoms and edges go exactly to where they came from."""
        y = (x - self.offset) / self.factor
        special = [location for location, _ in self.base.atoms()]
        special += [end for pair in self.base.support() for end in pair]
        for point in special:
            y[x == self._image(point)] = point
        return np.clip(y, *self.base._hull())

    def _at(self, y: Array) -> Array:
        """The mass of the base's atoms at y."""
        return sum((mass * (y == location) for location, mass in self.base.atoms()), np.zeros_like(y))

    def _pdf(self, x: Array) -> Array:
        return self.base._pdf(self._inverse(x)) / abs(self.factor)

    def _cdf(self, x: Array) -> Array:
        y = self._inverse(x)
        return self.base._cdf(y) if self.factor > 0 else self.base._sf(y) + self._at(y)

    def _sf(self, x: Array) -> Array:
        y = self._inverse(x)
        return self.base._sf(y) if self.factor > 0 else self.base._cdf(y) - self._at(y)

    def _ppf(self, q: Array) -> Array:
        if self.factor < 0:
            return super()._ppf(q)
        x = self.base._ppf(q)
        out = self.factor * x + self.offset
        if self.offset == 0:
            return np.where((out == 0) & (x > 0), 5e-324, out)  # 0 would be an atom
        # What is small against the offset is rounded, at an end to less than the quantile: the next double reaches it.
        ends = np.array([low for low, _ in self.support() if isfinite(low)])
        if ends.size:
            k = np.minimum(np.searchsorted(ends, out), ends.size - 1)
            near = np.minimum(np.abs(out - ends[k]), np.abs(out - ends[np.maximum(k - 1, 0)]))
            at = np.flatnonzero(near.ravel() <= 1e6 * np.spacing(np.abs(out.ravel())))
            for _ in range(2):
                at = at[self._cdf(out.ravel()[at]) < q.ravel()[at] - 1e-12] if at.size else at
                out.flat[at] = np.nextafter(out.flat[at], np.inf)
        return out

    def _moment(self, k: int) -> float:
        with suppress(OverflowError):
            if self.offset == 0:
                value = float(self.base.moment(k))
                if isfinite(value) and abs(value) > 1e-290:
                    return times_power(value, abs(self.factor), k) * (-1 if self.factor < 0 and k % 2 else 1)
            elif k == 1 or (
                k <= 20 and self.offset > 0 and self.factor > 0 and self.base._hull()[0] >= 0
            ):  # no term cancels another
                return sum(
                    comb(k, j) * self.factor**j * float(self.base.moment(j)) * self.offset ** (k - j)
                    for j in range(k + 1)
                )
        return super()._moment(k)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        """As the base does it: next to its ends it has digits that x has not."""
        return self.base._expect(lambda y: function(self.factor * y + self.offset))

    def var(self) -> np.float64:
        """The variance."""
        return np.float64(self.factor * self.factor * float(self.base.var()))

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return self._mirrored(self.base._stieltjes, z) / self.factor

    def _mirrored(
        self, function: Callable[[NDArray[np.complex128]], NDArray[np.complex128]], z: NDArray[np.complex128]
    ) -> NDArray[np.complex128]:
        """A function of the base at the z there. A mirror turns above into below, which matters on the axis."""
        y = (z - self.offset) / self.factor
        return function(y + 0j) if self.factor > 0 else np.conj(function(np.conj(y) + 0j))

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return self._mirrored(self.base._stieltjes_derivative, z) / self.factor**2

    def _log_potential(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        y = (z - self.offset) / self.factor
        if self.factor > 0:
            return log(self.factor) + self.base._log_potential(y + 0j)
        # Half a turn takes the lower half plane, where y is, to the upper one.
        return log(-self.factor) + 1j * pi + np.conj(self.base._log_potential(np.conj(y) + 0j))

    def _r_transform(self, w: Array) -> Array:
        return self.factor * self.base._r_transform(self.factor * w) + self.offset

    def _s_transform(self, w: Array) -> Array:
        if self.offset == 0 and self.factor > 0:
            return self.base._s_transform(w) / self.factor
        return super()._s_transform(w)
