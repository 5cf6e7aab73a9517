"""The support of a free sum or product: found first, from the real axis alone.

A gap of the convolution is where every omega_i is real, outside the support of its law: each omega_i runs through a
piece of a gap of mu_i on which c_i (see `_solver`) is monotone. On such pieces, one of each law, c is a coordinate,

    P = sum t_i p_i(c) - (T - 1) c,     dP/dc = sum t_i u_i - (T - 1),     u_i = dp_i/dc,

and x(c) belongs to a gap exactly where dP/dc > 0: there the real omega's are the attracting fixed points of the
subordination equations (Denjoy and Wolff), of which there is one at each x. Edges are where dP/dc = 0. x is stationary
there, so that half of the digits of omega give all digits of the edge.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import ConvergenceError
from ._cutting import CELLS, is_outer, pieces, windows_of
from ._explicit_gaps import gaps_of_explicit
from ._gap import Gap, Part
from ._gaps_on_pieces import gaps_on
from ._piece import MANY, Piece
from ._relevant_gaps import that_matter
from ._solver import Equations

__all__ = ["gaps"]


@np.errstate(over="ignore", invalid="ignore")  # a place beyond the range of doubles is none
def gaps(equations: Equations) -> list[Gap]:
    """The gaps, ascending; the first begins at -inf (0 for a product), the last ends at inf."""
    product = equations.rule.product
    parts = equations.parts
    if product and not equations.implicit:
        return gaps_of_explicit(equations)
    outer = []
    for source, _ in parts:
        windows = [each for each in windows_of(source, product) if is_outer(source, each)]
        outer.append(pieces(equations, source, windows))
    options = []
    for i, (source, _) in enumerate(parts):
        windows = [each for each in windows_of(source, product) if not is_outer(source, each)]
        if len(windows) > MANY:
            windows = that_matter(equations, i, windows, outer)
        options.append(outer[i] + pieces(equations, source, windows))
    found: list[Part] = []
    for cell in CELLS[product]:
        for chosen in _tuples(options, [t for _, t in parts], cell, product):
            found += gaps_on(chosen, [t for _, t in parts], cell)
    return _joined(found, product, equations)


def _tuples(options: list[list[Piece]], powers: list[float], cell: str, product: bool) -> list[list[Piece]]:
    """One piece of each law, all in one cell; in the middle cell one omega is above 0, the others below."""
    mine = [[piece for piece in each if piece.cell == cell] for each in options]
    out: list[list[Piece]] = []
    if product and cell == "mid":
        for i, t in enumerate(powers):
            if t == 1 and all(_below(mine[j]) for j in range(len(mine)) if j != i):
                for piece in mine[i]:
                    if piece.low >= 0:
                        out.append([piece if j == i else _below(mine[j])[0] for j in range(len(mine))])
        return out

    def extend(begun: list[Piece], room: float) -> None:
        if len(begun) == len(mine):
            out.append(begun)
            return
        for piece in mine[len(begun)]:
            if product and piece.low < 0:
                continue
            rest = room - powers[len(begun)] * piece.least_v()
            if rest > 0:
                extend([*begun, piece], rest)

    extend([], 1.0 + 1e-9)
    return out


def _below(each: list[Piece]) -> list[Piece]:
    return [piece for piece in each if piece.high <= 0]


def _joined(found: list[Part], product: bool, equations: Equations) -> list[Gap]:
    """Parts of one gap that meet at a seam become one; the outermost reach to the ends."""
    scale, unit = equations.size, equations.unit
    found = sorted(each for each in found if each[1] >= each[0])
    out: list[Gap] = []
    last_seam = False
    for low, high, sf, key, first, last in found:
        if low == high:
            continue
        before = out[-1] if out else None
        meets = before is not None and before.key == key and (first or last_seam)
        near = 1e-4 * (high - low + before.high - before.low) + 1e-12 * unit(low) if before is not None else 0.0
        if before is not None and meets and low - before.high <= near:
            before.high = max(before.high, high)
        else:
            out.append(Gap(low, high, sf, key))
        last_seam = last
    out = [gap for gap in out if gap.high - gap.low > 1e-12 * unit(gap.high)]
    # Closed gaps, where two parts of the support touch: away from open ones, for there rounding invents some.
    for low, high, sf, key, *_ in found:
        if low == high and all(not gap.low - 1e-6 * unit(low) <= low <= gap.high + 1e-6 * unit(low) for gap in out):
            out.append(Gap(low, high, sf, key))
    out.sort(key=lambda gap: gap.low)
    if not out or out[-1].sf > 1e-15:
        raise _lost("above all mass")
    out[-1].high = math.inf
    if product:
        if out[0].sf > 1 - 1e-12 or out[0].low < 1e-12 * min(out[0].high, scale):
            out[0].low = 0.0
        elif all(source.hull[0] > 0 for source, _ in equations.parts):
            raise _lost("below all mass")
    else:
        if out[0].sf < 1 - 1e-15:
            raise _lost("below all mass")
        out[0].low = -math.inf
    return out


def _lost(where: str) -> Exception:
    return ConvergenceError(f"free convolution: the gap {where} was not found")
