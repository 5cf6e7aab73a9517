"""The slope of the Stieltjes transform."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ._law import Law

__all__ = ["slope_of_narrow", "slope_on_circle", "stieltjes_slope"]

Array = NDArray[np.float64]

_CIRCLE = 48  # values


def stieltjes_slope(law: Law, z: NDArray[np.complex128], *, by_quadrature: bool) -> NDArray[np.complex128]:
    """The slope at each z: along a circle, or by one integral where m is one too and z is far enough out."""
    low, high = law._hull()
    if by_quadrature and math.isfinite(high - low):
        beside = np.hypot(np.maximum(np.maximum(low - z.real, z.real - high), 0), z.imag)
        plain = beside > 0.1 * (high - low)
        if plain.any():  # one integral, not 48
            out = np.empty_like(z)
            out[plain] = [law.expect(_double_pole(each)) for each in z[plain]]
            if not plain.all():
                out[~plain] = slope_on_circle(law, z[~plain])
            return out
    return slope_on_circle(law, z)


def slope_of_narrow(law: Law, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The slope for a law that may be narrow for the place of its ends; one integral where its density is nothing."""
    mean, width = float(law.mean()), float(law.std())
    beside = (np.abs(z.real - mean) > 10 * width) & (law.pdf(z.real) * width < 1e-60)
    out = np.empty_like(z)
    out[beside] = [law.expect(_double_pole(each)) for each in z[beside]]
    if not beside.all():
        out[~beside] = slope_on_circle(law, z[~beside], bulk=(mean, width))
    return out


def slope_on_circle(
    law: Law, z: NDArray[np.complex128], *, bulk: tuple[float, float] | None = None
) -> NDArray[np.complex128]:
    """The slope of the Stieltjes transform m along a circle in the upper half plane that ends at z.

    With d the distance of z to the ends of the support and to the atoms, m continues analytically to a distance
    of at least sqrt(5) times the radius d / 2 from the centre z + i d / 2, also where z lies on the support. The
    48 values on the circle so give the slope to 48 / 5^24, times 1 / d. Wants a density that is analytic inside.

    A law that is narrow for the place of its ends goes on, below the axis, as steeply as a Gaussian: `bulk` is its mean
    and standard deviation, and d is no more than that deviation, from the axis or from eight of them beside the mean.
    """
    upper = np.where(z.imag < 0, np.conj(z), z)
    ends = [end for pair in law.support() for end in pair if math.isfinite(end)]
    ends += [location for location, _ in law.atoms()]
    if ends:
        marks = np.unique(ends)
        right = np.minimum(np.searchsorted(marks, upper.real), marks.size - 1)
        near = np.minimum(np.abs(upper - marks[right]), np.abs(upper - marks[np.maximum(right - 1, 0)]))
    else:
        near = np.maximum(law._intervals()[0].scale, upper.imag)
    if bulk is not None:
        mean, width = bulk
        near = np.minimum(near, upper.imag + np.maximum(width, np.abs(upper.real - mean) - 8 * width))
    out = np.full(z.shape, complex(np.inf, 0.0))  # at an end or an atom
    live = near > 0
    if live.any():
        radius = near[live, None] / 2
        turn = np.exp(2j * math.pi * (np.arange(_CIRCLE) / _CIRCLE - 0.25))  # begins at z, below the centre
        path = upper[live, None] + radius * (turn + 1j)
        path[:, 0] = upper[live]
        path.imag = np.maximum(path.imag, 0.0)
        values = law._stieltjes(path.ravel()).reshape(path.shape)
        # m = sum_k a_k turn^k on the circle, and m' = sum_k k a_k turn^(k - 1) / radius at turn = -i.
        a = np.fft.fft(values, axis=1) / _CIRCLE  # in powers of i turn, which is 1 at z
        out[live] = 1j * (a @ np.arange(_CIRCLE)) / radius[:, 0]
    below = z.imag < 0
    out[below] = np.conj(out[below])
    outside = (z.imag == 0) & live
    for low, high in law.support():
        outside &= (z.real < low) | (z.real > high)
    out.imag[outside] = 0.0
    return out


def _double_pole(z: complex) -> Callable[[Array], Any]:
    def pole(x: Array) -> Any:
        away = x - z
        return np.where(away == 0, 0, 1 / np.where(away == 0, 1, away) ** 2)  # where there is no mass

    return pole
