"""Where one piece of each law together leave a gap of the convolution: see `_support`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bracketed import bracketed
from ._gap import Part
from ._piece import Piece
from ._seams import beside_seam, is_far
from ._sources import Atoms

__all__ = ["gaps_on"]

Array = NDArray[np.float64]


def gaps_on(chosen: list[Piece], powers: list[float], cell: str) -> list[Part]:
    """The parts of gaps on one choice of pieces: (low, high, sf, key, seam at low, seam at high)."""
    sign = -1.0 if cell == "mid" else 1.0
    ranges = [piece.table()[1] for piece in chosen if piece.numbers is None]
    if any(c.size < 2 for c in ranges):
        return []
    first = next((i for i, piece in enumerate(chosen) if piece.numbers is None), 0)
    order = sorted(range(len(chosen)), key=lambda i: (not isinstance(chosen[i].source, Atoms), i != first))
    master = order[0]
    lead = chosen[master]

    def evaluate(s: Array, known: Any = None) -> tuple[Array, Array, Array]:
        """P, sign dP/dc, and the size of what nearly cancels in dP/dc = 1 - sum t v, v = 1 - u."""
        p, c, u, v = lead.value(s) if known is None else known
        place = c + powers[master] * lead.less(p, c)
        slope = u if powers[master] == 1 else 1 - powers[master] * v
        terms = [powers[master] * np.abs(v)]
        for i, piece in enumerate(chosen):
            if i != master:
                p, u, v = piece.inverse(c)
                place = place + powers[i] * piece.less(p, c)
                slope = slope - powers[i] * v
                terms.append(powers[i] * np.abs(v))
        size = np.sort(terms, axis=0)[:-1].sum(axis=0) if len(terms) > 1 else np.ones(s.shape)
        return place, sign * slope, size

    s, known = lead.values()
    on_grid = evaluate(s, known)
    whole = s
    # Where the range of another law's c ends, look closely too.
    ends = [end for i, piece in enumerate(chosen) if i != master for end in _ends(piece)]
    if ends:
        marks = lead.place(np.array(ends))
        marks = marks[np.isfinite(marks)]
        steps = np.concatenate([[0.0], 0.5 ** np.arange(0, 46, 2)])
        close = np.concatenate([marks[:, None] + steps, marks[:, None] - steps], axis=None)
        # A gap of another law may lie between two points of this grid, and its own grid tells.
        others = [_may_be_open(chosen, powers, i) for i in range(len(chosen)) if i != master]
        between = lead.place(np.concatenate(others))
        close = np.concatenate([close, between[np.isfinite(between)]])
        close = np.unique(close[(close > s[0]) & (close < s[-1])])
        places = np.argsort(np.concatenate([s, close]), kind="stable")
        s = np.concatenate([s, close])[places]
        more = evaluate(close)
        place, good, size = (np.concatenate([on_grid[k], more[k]])[places] for k in range(3))
    else:
        place, good, size = on_grid
    fine = np.isfinite(place) & np.isfinite(good)
    # Far out nothing nearly cancels; next to laws that are nearly points little does anywhere.
    fine &= size > 1e-20 * min(1.0, float(size[fine].max(initial=0.0)))
    s, place, good, size = s[fine], place[fine], good[fine], size[fine]
    if s.size < 2:
        return []
    # The two outer gaps of a law are one, through infinity.
    key = tuple(piece.gap % (len(piece.source.gaps) - 1) for piece in chosen)
    whole_s, whole_size, whole_place, whole_share = s, size, place, good / size
    s, good, place = _peaks(evaluate, s, good, size, place)
    # Where 1 - u of another law is a difference, it is known to rounding of 1.
    several = sum(piece.numbers is None for piece in chosen) > 1
    positive = good > 1e-14 * (np.interp(s, whole_s, whole_size) + several)
    if not positive.any():
        top = int(np.argmax(whole_share))
        if several or whole_share[top] < -1e-9:
            return []
        at = math.exp(whole_place[top]) if lead.product else float(whole_place[top])  # a gap that has just closed
        return [(at, at, _above(chosen, powers, master, float(whole_s[top]), cell), key, True, True)]
    change = np.flatnonzero(positive[1:] != positive[:-1])
    enough = 1e-11 * np.maximum(np.abs(good[change]), np.abs(good[change + 1]))
    roots = bracketed(lambda t, _: evaluate(t)[1], s[change], s[change + 1], good[change], good[change + 1], enough)
    at_roots = evaluate(roots)[0] if roots.size else roots
    seam_begin, seam_end = s[0] == whole[0] and lead.seams[0], s[-1] == whole[-1] and lead.seams[1]
    out = []
    begin = 0
    borders = [*change.tolist(), s.size - 1]
    for k, last in enumerate(borders):
        if positive[last]:
            low_at = place[0] if k == 0 else at_roots[k - 1]
            high_at = place[-1] if k == len(borders) - 1 else at_roots[k]
            seams = (k == 0 and seam_begin, k == len(borders) - 1 and seam_end)
            begins, ends_at = (
                float(s[0] if k == 0 else roots[k - 1]),
                float(s[-1] if k == len(borders) - 1 else roots[k]),
            )
            if lead.seams[0] and is_far(lead, begins):
                low_at = beside_seam(chosen, powers, lead, lead.begin, begins, float(low_at), evaluate)
            if lead.seams[1] and is_far(lead, ends_at):
                high_at = beside_seam(chosen, powers, lead, lead.end, ends_at, float(high_at), evaluate)
            middle = (s[begin] + s[last]) / 2 if begin < last else s[last]
            sf = _above(chosen, powers, master, float(middle), cell)
            if high_at < low_at:
                low_at, high_at, seams = high_at, low_at, seams[::-1]
            if lead.product:
                low_at, high_at = math.exp(min(low_at, 700.0)), math.exp(min(high_at, 700.0))
            out.append((float(low_at), float(high_at), sf, key, *seams))
        begin = last + 1
    return out


def _ends(piece: Piece) -> list[float]:
    """The finite ends of the range of c."""
    if piece.numbers is not None:
        a, s2, *_ = piece.numbers
        if not piece.product:
            root = math.sqrt(s2)
            if math.isinf(a):
                return [root if piece.cell == "plus" else -root]
            return [a * s2 + math.sqrt(a) * s2, a * s2 - math.sqrt(a) * s2]
        y = [1 / math.sqrt(a), -1 / math.sqrt(a), -1 / a]
        return [math.log(abs((1 + each) / each)) for each in y if each != -1.0]
    c = piece.table()[1]
    return [float(c[0]), float(c[-1])] if c.size else []


def _may_be_open(chosen: list[Piece], powers: list[float], i: int) -> Array:
    """The c on the grid of law i where the laws may leave a gap open, and one more to each side of those."""
    if chosen[i].numbers is not None:
        return np.zeros(0)
    _, c, _, v = chosen[i].values()[1]
    fine = np.isfinite(c) & np.isfinite(v)
    c, v = c[fine], v[fine]
    shut = powers[i] * v
    for j, piece in enumerate(chosen):
        if j != i and piece.numbers is None:
            shut = shut + powers[j] * piece.about(c) / 2  # which is rough
    room = (shut < 1) | (chosen[i].cell == "mid")
    near = room.copy()
    near[1:] |= room[:-1]
    near[:-1] |= room[1:]
    return np.asarray(c[near])


def _peaks(
    evaluate: Callable[[Array], tuple[Array, Array, Array]], s: Array, good: Array, size: Array, place: Array
) -> tuple[Array, Array, Array]:
    """Adds the tops of humps that come close to 0 from below: gaps narrower than the grid."""
    inner = np.flatnonzero((good[1:-1] <= 0) & (good[1:-1] >= good[:-2]) & (good[1:-1] >= good[2:])) + 1
    inner = inner[good[inner] > -0.3 * size[inner]]
    if inner.size == 0 or inner.size > 8:  # so many humps are rounding
        return s, good, place
    a, b, d = s[inner - 1].copy(), s[inner].copy(), s[inner + 1].copy()
    fb, scale = good[inner].copy(), size[inner].copy()
    tops: list[tuple[Array, Array]] = []
    for _ in range(60):  # the longer side is cut at the golden section
        right = d - b > b - a
        x = np.where(right, b + 0.381966 * (d - b), b - 0.381966 * (b - a))
        fx = evaluate(x)[1]
        better = fx > fb
        a = np.where(better & right, b, np.where(~better & ~right, x, a))
        d = np.where(better & ~right, b, np.where(~better & right, x, d))
        b, fb = np.where(better, x, b), np.where(better, fx, fb)
        # A top is flat: once the bracket is short, what is clearly below 0 stays there.
        keep = (fb <= 0) & (d - a > 1e-8) & ((d - a > 1e-3) | (fb > -1e-5 * scale))
        tops.append((b[~keep], fb[~keep]))
        a, b, d, fb, scale = a[keep], b[keep], d[keep], fb[keep], scale[keep]
        if b.size == 0:
            break
    tops.append((b, fb))
    b = np.concatenate([each for each, _ in tops])
    s = np.concatenate([s, b])
    order = np.argsort(s)
    top, value, _ = evaluate(b)
    return s[order], np.concatenate([good, value])[order], np.concatenate([place, top])[order]


def _above(chosen: list[Piece], powers: list[float], master: int, s: float, cell: str) -> float:
    """The mass above a gap: sum t sf(omega) - (T - 1) where c, or y, has turned to the other side."""
    at = np.array([s])
    p, c, _, _ = chosen[master].value(at)
    outer = cell in ("plus", "up")
    total = 0.0 if outer else 1.0
    for i, piece in enumerate(chosen):
        where = p if i == master else piece.inverse(c)[0]
        if piece.product:
            where = np.exp(where) * (-1 if piece.high <= 0 else 1)
        mass = _mass_above(piece, float(where[0]))
        total += powers[i] * (mass if outer else mass - 1)
    return min(max(total, 0.0), 1.0)


def _mass_above(piece: Piece, omega: float) -> float:
    low, high = piece.source.gaps[piece.gap]
    if math.isinf(high):
        return 0.0
    if math.isinf(low):
        return 1.0
    return float(piece.source.law.sf(min(max(omega, low), math.nextafter(high, low))))
