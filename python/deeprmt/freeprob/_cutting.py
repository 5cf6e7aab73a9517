"""Cuts the gaps of one law into pieces on which c is monotone: see `_support`."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bracketed import bracketed
from ._piece import BASE, END, MANY, Piece
from ._solver import Equations
from ._sources import Atoms, Source

__all__ = ["CELLS", "cells_of", "is_outer", "pieces", "windows_of"]

Array = NDArray[np.float64]

_FAR = 14.0  # how far beyond the support omega is followed, as a logarithm
_SPARSE = np.array([-END, -16.0, -8.0, -4.0, -2.0, 0.0, 2.0, 4.0, 8.0, 16.0, END])
CELLS = {False: ("plus", "minus"), True: ("up", "mid", "down")}


def windows_of(source: Source, product: bool) -> list[tuple[int, float, float]]:
    """(gap, low, high) of the intervals of omega to look at; for products 0 is a border."""
    out = []
    for i, (low, high) in enumerate(source.gaps):
        if product and low < 0 < high:
            out += [(i, low, 0.0), (i, 0.0, high)]
        elif not product or high <= 0 or low >= 0:
            out.append((i, low, high))
    return out


def is_outer(source: Source, window: tuple[int, float, float]) -> bool:
    """Whether a window is of the gap below, or above, all mass: for products that below is cut at 0."""
    return window[0] in (0, len(source.gaps) - 1)


def cells_of(product: bool, w: Array, g: Array) -> Array:
    """The cell of each point: 0 or 1 for the sign of g; 0, 1, 2 for y above 0, in (-1, 0), and below -1."""
    if not product:
        return np.where(g > 0, 0, 1)
    y = w * g - 1
    return np.where(y > 0, 0, np.where(y > -1, 1, 2))


def pieces(equations: Equations, source: Source, windows: list[tuple[int, float, float]]) -> list[Piece]:
    """All pieces of a law within some of its gaps."""
    product = equations.rule.product
    numbers = equations.rule.explicit(source)
    out = []
    many, seen = equations.many, equations.far(source)
    far = max(_FAR, math.log(equations.total) / 2 + 10) if many else _FAR + _beyond(equations, source)
    for gap, low, high in windows:
        begin, end = -END, END
        if math.isinf(high):
            end = far
        if math.isinf(low):
            begin = -far
        elif product and 0 < low < high < math.inf:  # a logarithm: as close to low, next to low, as elsewhere
            begin -= max(0.0, math.log(high / low - 1)) if high > 2 * low else 0.0
        whole = Piece(source, product, numbers, gap, low, high, "", begin, end, (False, False), seen)
        # Of atoms G, and M for a product, falls all the way through a gap: few points tell where it crosses a level.
        base = _SPARSE if isinstance(source, Atoms) and len(source.gaps) > MANY else BASE
        s = base[(begin <= base) & (end >= base)]
        s = np.concatenate([np.arange(begin, -END), s, np.arange(END + 1, end)])
        w = whole.omega(s)
        with np.errstate(all="ignore"):
            g = source.resolvent(w.astype(np.complex128))[0].real
        fine = np.isfinite(g)
        s, w, g = s[fine], w[fine], g[fine]
        if s.size < 2:
            continue
        cell = cells_of(product, w, g)
        marks: list[tuple[float, bool]] = [(float(s[0]), math.isinf(low))]
        for k in np.flatnonzero(np.diff(cell)):
            for level in (0.0, -1.0) if product else (0.0,):
                crossing = _crossing(whole, s[k : k + 2], level)
                if crossing is not None:
                    marks.append((crossing, True))
        marks.append((float(s[-1]), math.isinf(high)))
        marks.sort()
        for (a, first), (b, last) in pairwise(marks):
            if b - a < 1e-12:
                continue
            middle = np.array([(a + b) / 2])
            w = whole.omega(middle)
            g = source.resolvent(w.astype(np.complex128))[0].real
            name = CELLS[product][int(cells_of(product, w, g)[0])]
            # An outer piece of a product ends at 0 with c infinite too.
            out.append(Piece(source, product, numbers, gap, low, high, name, a, b, (first, last), seen))
    return out


def _beyond(equations: Equations, source: Source) -> float:
    """How much further, as a logarithm, omega goes than for laws as wide as this one: in a sum as far as the others."""
    if equations.rule.product:
        return 0.0
    low, high = source.hull
    mine = max(high - low, 1e-3 * abs(low), 1e-3 * abs(high), 1e-300)
    widest = max(other.hull[1] - other.hull[0] for other, _ in equations.parts)
    if not (math.isfinite(mine) and math.isfinite(widest) and widest > mine):
        return 0.0
    return min(math.log(widest) - math.log(mine), 300.0)


def _crossing(piece: Piece, s: Array, level: float) -> float | None:
    """Where M, or G for a sum, passes a level between two s."""

    def above(t: Array, _: Any) -> Array:
        w = piece.omega(t)
        g = piece.source.resolvent(w.astype(np.complex128))[0].real
        return np.asarray(w * g - 1 - level if piece.product else g)

    first, last = above(s[:1], None), above(s[1:], None)
    if first[0] * last[0] > 0 or first[0] == last[0]:
        return None
    return float(bracketed(above, s[:1], s[1:], first, last)[0])
