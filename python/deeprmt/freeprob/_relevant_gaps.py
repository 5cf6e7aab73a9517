"""Of a law with very many gaps, those that may leave one of the convolution open."""

from __future__ import annotations

import numpy as np

from ._cutting import CELLS, cells_of
from ._piece import Piece
from ._solver import Equations
from ._sources import Atoms

__all__ = ["that_matter"]


def that_matter(
    equations: Equations, i: int, windows: list[tuple[int, float, float]], outer: list[list[Piece]]
) -> list[tuple[int, float, float]]:
    """Those gaps of a law with very many that may leave something open: most are closed by far.

    Next to the other laws' outer pieces a gap stays open where t u exceeds t - 1 + sum t (1 - u) of the others.
    """
    source, power = equations.parts[i]
    product = equations.rule.product
    low, high = (np.array([each[k] for each in windows]) for k in (1, 2))
    width = high - low
    # First by the nearest neighbours alone, which bound |G'| from below.
    spread = _spread(equations, i)
    if isinstance(source, Atoms) and spread > 0:
        # Eight atoms to each side; there are none beyond the ends.
        at = np.concatenate([np.full(8, -np.inf), source._at, np.full(8, np.inf)])
        mass = np.concatenate([np.zeros(8), source._mass, np.zeros(8)])
        left = np.searchsorted(at, (low + high) / 2) - 1
        bound = np.zeros(width.size)
        for k in range(8):
            bound += mass[left - k] / (high - at[left - k]) ** 2 + mass[left + 1 + k] / (at[left + 1 + k] - low) ** 2
        if product:
            bound *= low * low
        keep = bound * spread < 100
        windows = [each for each, mine in zip(windows, keep, strict=True) if mine]
        low, high = low[keep], high[keep]
        width = high - low
    if not windows:
        return windows
    w = (low[:, None] + width[:, None] * np.array([0.25, 0.5, 0.75])).ravel()
    with np.errstate(all="ignore"):
        g, slope = (each.real for each in source.resolvent(w.astype(np.complex128)))
        if product:
            one = w * g
            y = one - 1
            c, u = np.log(np.abs(one / y)), -y * one / (w * (g + w * slope))
        else:
            c, u = 1 / g, g * g / -slope
    cell = cells_of(product, w, g)
    shut = np.full(w.size, max(power - 1, 0.0) / power)
    for j, (_, t) in enumerate(equations.parts):
        if j == i:
            continue
        v = np.full(w.size, 1.0)
        for number, name in enumerate(CELLS[product]):
            for piece in outer[j]:
                mine = cell == number
                if piece.cell == name and mine.any():
                    v[mine] = np.minimum(v[mine], piece.about(c[mine]))
        shut += t * v / power
    ratio = np.where(np.isfinite(u), np.abs(u) / np.maximum(shut, 1e-300), np.inf).reshape(-1, 3).max(axis=1)
    open_enough = (ratio > 0.4) | (np.abs(u).reshape(-1, 3).max(axis=1) > 0.3)
    return [each for each, mine in zip(windows, open_enough, strict=True) if mine]


def _spread(equations: Equations, i: int) -> float:
    """The variance of the other laws together, relative to the means for a product."""
    total = 0.0
    for j, (source, t) in enumerate(equations.parts):
        if j != i:
            mean, var = float(source.law.mean()), float(source.law.var())
            total += t * (var / mean**2 if equations.rule.product else var)
    return total
