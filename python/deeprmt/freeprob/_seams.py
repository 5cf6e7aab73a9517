"""Ends of gaps next to a seam, where c is infinite: see `_support`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ._piece import Piece

__all__ = ["beside_seam", "is_far"]

Array = NDArray[np.float64]

_NEAR = np.array([0.005, 0.0075, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.025, 0.03, 0.035, 0.04])
_SHARES = 0.25 ** np.arange(5)
_FITS = 1e-12
_ROUNDED = 1e-7  # g of a turn below this is rounding


def is_far(lead: Piece, s: float) -> bool:
    """Whether c is so large that dP/dc is rounding."""
    return abs(float(_small(lead, lead.value(np.array([s]))[1])[0])) < 1e-3


def beside_seam(
    chosen: list[Piece],
    powers: list[float],
    lead: Piece,
    at: float,
    here: float,
    near: float,
    evaluate: Callable[[Array], tuple[Array, Array, Array]],
) -> float:
    """The end of a gap where c is infinite or nearly so: a turn of P = P_0 + b g + k g^2 + ..., or P_0 itself.

    g is as in `_small`, P_0 is known, and the gap was followed to s = `here`, where P is `near`.
    """
    s, c = lead.table()
    upper = bool(c[-1] > 0 if abs(s[-1] - at) < abs(s[0] - at) else c[0] > 0)
    start = _at_seam(chosen, powers, lead, upper)
    scale = 1.0 if lead.product else lead.unit
    if start is None or abs(start - near) > 1e-3 * scale:
        return near
    within = max(2 * abs(float(_small(lead, lead.value(np.array([here]))[1])[0])), _ROUNDED)
    for share in _SHARES:
        wanted = share * _NEAR
        c = -np.log(wanted) if lead.product else lead.unit / wanted
        s = lead.place(c if upper else -c)
        if not np.isfinite(s).all():
            return near
        g = _small(lead, lead.value(s)[1])
        away = evaluate(s)[0] - start
        # Next to a rare atom the series holds for a small g alone: the points in between tell.
        slopes = np.polynomial.polynomial.polyfit(g[::2], away[::2] / g[::2], 5)
        if not np.isfinite(slopes).all():
            return near
        off = np.abs(np.polynomial.polynomial.polyval(g, slopes) * g - away).max()
        if off > _FITS * max(scale, abs(start)):
            continue
        series = np.polynomial.Polynomial([0.0, *slopes])
        turns = [x.real for x in map(complex, series.deriv().roots()) if abs(x.imag) <= 1e-9 * abs(x)]
        found = [x for x in turns if x / g[0] > 0 and abs(x) < min(within, np.abs(g).max())]
        if found:
            return float(start + series(min(found, key=abs)))
        return start if abs(start - near) <= float(np.abs(away).max()) else near
    return near


def _at_seam(chosen: list[Piece], powers: list[float], lead: Piece, upper: bool) -> float | None:
    """P where c is infinite, above 0 or below: one omega stays there, and others go to infinity, or to 0, as means say.

    None if it is not one that stays.
    """
    total, stays = 0.0, 0
    for piece, t in zip(chosen, powers, strict=True):
        if piece.product and not upper:
            leaves = piece.low == 0 or piece.high == 0
        else:
            leaves = math.isinf(piece.high) or math.isinf(piece.low)
        law = piece.source.law
        if leaves and piece.product:
            size = float(law.mean()) if upper else 1 / abs(float(law.stieltjes(0.0).real))
            if size == 0:
                return None
            total += t * math.log(size)
        elif leaves:
            total += t * float(law.mean())
        else:
            s, c = piece.table()
            if t != 1 or c.size < 2:
                return None
            beside = s[-1] if (c[-1] > 0) == upper and abs(c[-1]) > abs(c[0]) else s[0]
            first = abs(beside - piece.begin) < abs(beside - piece.end)
            if not piece.seams[0 if first else 1]:
                return None
            omega = float(piece.omega(np.array([piece.begin if first else piece.end]))[0])
            total += math.log(abs(omega)) if piece.product else omega
            stays += 1
    return total if stays == 1 else None


def _small(piece: Piece, c: Array) -> Array:
    """What goes to 0 where c becomes infinite, and what P is smooth in: 1 / c for sums, exp(-|c|) for products."""
    return np.exp(-np.abs(c)) if piece.product else piece.unit / c
