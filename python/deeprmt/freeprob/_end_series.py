"""The Stieltjes transform next to an end of the support, as a series in a root of the distance.

At an end e, m(z) = sum a_j (z - e)^(j / q) with q = 2, or 3 where the density has a cusp. The same numbers hold on the
whole closed upper half-plane near e: on the axis inside the support, in the gap, and in between. They are found from
values straight above e, where the solver has its digits; at e itself it has half of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EndSeries", "end_series"]

Complex = NDArray[np.complex128]

_TERMS = {2: 9, 3: 12}
_HEIGHTS = np.geomspace(1e-7, 1e-3, 24)  # in units of the room that the end has
_FITS = 3e-9


@dataclass(frozen=True)
class EndSeries:
    """m(z) = sum over j from `first` on of a_j ((z - end) / unit)^(j / root)."""

    end: float
    unit: float
    root: int
    first: int
    coefficients: Complex

    def __call__(self, z: Complex, *, slope: bool = False) -> Complex:
        """m, or its derivative, for z in the closed upper half-plane; infinite at the end if the limit is."""
        out = np.zeros(z.shape, np.complex128)
        with np.errstate(all="ignore"):
            away = (z - self.end) / self.unit + 0j
            for j, a in enumerate(self.coefficients, self.first):
                if j == 0:
                    out += 0 if slope else a
                    continue
                power = j / self.root
                out += a * power * away ** (power - 1) / self.unit if slope else a * away**power
        return np.where(np.isfinite(out), out, complex(math.inf, 0.0))


def end_series(stieltjes: Callable[[Complex], Complex], end: float, room: float) -> EndSeries | None:
    """The series at an end that has nothing singular within `room`; None if values above it do not follow one."""
    m = stieltjes((end + 1j * room * _HEIGHTS).astype(np.complex128))
    unit = room * _HEIGHTS[-1]
    away = 1j * _HEIGHTS / _HEIGHTS[-1]
    for root, terms in _TERMS.items():
        diverging = _fitted(m, away, root, 1 - root, terms)
        # What diverges does so visibly; else it is rounding, and there is no such term.
        size = np.abs(diverging[: root - 1] * away[0] ** (np.arange(1 - root, 0) / root)).max()
        first = 1 - root if size > 1e-3 * np.abs(m[0]) else 0
        found = _fitted(m, away, root, first, terms)
        off = np.abs(_powers(away, root, first, terms) @ found - m).max()
        if off <= _FITS * np.abs(m).max():
            return EndSeries(end, unit, root, first, found)
    return None


def _powers(away: Complex, root: int, first: int, terms: int) -> Complex:
    return away[:, None] ** (np.arange(first, terms) / root)


def _fitted(m: Complex, away: Complex, root: int, first: int, terms: int) -> Complex:
    weights = 1 / np.abs(m)
    found, *_ = np.linalg.lstsq(_powers(away, root, first, terms) * weights[:, None], m * weights, rcond=None)
    return np.asarray(found)
