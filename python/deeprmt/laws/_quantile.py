"""Quantiles from a distribution function and a density, by safeguarded Newton steps on all levels at once."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ._law import Law

Array = NDArray[np.float64]

_STEPS = 400
# Angles below this count as 0: quantiles are resolved down to the least double from an edge at 0.
_LEAST = 1e-162


def quantile(law: Law, q: Array) -> Array:
    """inf{x : cdf(x) >= q} for q in [0, 1]; the ends of the law for 0 and 1."""
    low, high = law._hull()
    pieces = _pieces(law)
    # The mass up to the end of each piece; rounding must not push a level past the last one.
    tops = np.maximum.accumulate([top for *_, top in pieces])
    which = np.minimum(np.searchsorted(tops, q, side="left"), len(pieces) - 1)
    out = np.empty_like(q)
    for i, (a, b, top) in enumerate(pieces):
        mine = which == i
        if mine.any():
            out[mine] = a if a == b else _solve(law, q[mine], a, b, top)
    out[q == 0], out[q == 1] = low, high
    return out


def _pieces(law: Law) -> list[tuple[float, float, float]]:
    """Atoms (x, x) and the stretches of the support between them, in order, each with the mass up to its end."""
    atoms = dict(law.atoms())
    pieces = [(x, x, float(law._cdf(np.array([x]))[0])) for x in atoms]
    for low, high in law.support():
        ends = [low, *sorted(x for x in {*atoms, *law._singular_points()} if low < x < high), high]
        for a, b in pairwise(ends):
            top = float(law._cdf(np.array([b]))[0]) - atoms.get(b, 0.0) if math.isfinite(b) else 1.0
            pieces.append((a, b, top))
    return sorted(pieces, key=lambda piece: (piece[0], piece[1]))


def _solve(law: Law, q: Array, a: float, b: float, top: float) -> Array:
    """Levels inside one stretch of the support, which has the mass `top` up to its end.

    The unknown is the angle t from the nearer edge, x = a + (b - a) sin^2 t or x = b - (b - a) sin^2 t: it resolves
    both edges. Newton's steps are taken between logarithms, where a power law is a straight line.
    """
    if math.isinf(a) or math.isinf(b):
        a, b = _finite(law, q, a, b)
    width = b - a
    edges = float(law._cdf(np.array([a]))[0]), 1 - top

    def point(t: Array, upper: NDArray[np.bool_]) -> Array:
        sine2 = np.sin(t) ** 2
        return np.where(upper, b - width * sine2, a + width * sine2)

    def excess(x: Array, q: Array) -> Array:
        return np.where(q > 0.5, (1 - q) - law._sf(x), law._cdf(x) - q)

    quarter = np.full_like(q, math.pi / 4)
    middle = excess(point(quarter, np.zeros(q.shape, bool)), q)
    upper = middle < 0
    goal = np.where(upper, (1 - q) - edges[1], q - edges[0])  # the mass between the nearer edge and the level

    out = quarter.copy()
    live = np.arange(q.size)
    near, far = np.zeros_like(q), quarter
    last = np.full_like(q, np.inf)
    with np.errstate(all="ignore"):  # what comes out not finite is bisected
        t = far * np.cbrt(goal / (goal + np.abs(middle)))  # right for a square-root edge
        t = np.where((t > near) & (t < far), t, far / 2)
        for _ in range(_STEPS):
            x = point(t, upper)
            more = np.where(upper, -1.0, 1.0) * excess(x, q)  # mass beyond the goal, which grows with t
            near, far = np.where(more <= 0, t, near), np.where(more >= 0, t, far)
            slope = law._pdf(x) * width * np.sin(2 * t)
            step = -np.log1p(more / goal) * (goal + more) / (slope * t)
            new = t * np.exp(step)
            size = np.abs(step)
            inside = np.isfinite(new) & (new >= near) & (new <= far)
            # Done at a step of rounding, or where rounding in the cdf keeps steps from shrinking.
            done = (size <= 2e-16) | ((size < 1e-8) & (size >= last / 2)) | (far - near <= 2e-16 * far)
            done |= far < 2 * _LEAST
            # A step of rounding that rounding has barred.
            done |= ~inside & (size < 1e-8) & (np.abs(more) <= 1e-15)
            # Bisection, in the logarithm while the bracket spans orders of magnitude.
            wide = far > 16 * near
            half = np.where(wide, np.sqrt(np.maximum(near, _LEAST) * far), near + (far - near) / 2)
            slow = inside & (size > last / 2) & (size > 1e-8)  # Newton does not converge: a kink, or two humps
            out[live] = np.where(inside, new, t)
            t = np.where(inside & ~slow, new, half)
            last = np.where(inside, size, np.inf)
            keep = ~done
            if not keep.any():
                break
            live, t, q, upper, goal, last = live[keep], t[keep], q[keep], upper[keep], goal[keep], last[keep]
            near, far = near[keep], far[keep]
    # The lower end has no mass that these levels ask for.
    return np.clip(point(out, middle < 0), np.nextafter(a, b), b)


def _finite(law: Law, q: Array, a: float, b: float) -> tuple[float, float]:
    """A finite stretch that holds the levels, all but q = 0 and 1."""
    inner = q[(q > 0) & (q < 1)]
    if inner.size == 0:
        return (0.0 if math.isinf(a) else a), (1.0 if math.isinf(b) else b)
    anchor = a if math.isfinite(a) else b if math.isfinite(b) else 0.0
    reach: Any = 1.0
    if math.isinf(b):
        while law._sf(np.array([anchor + reach]))[0] > 1 - inner.max() and reach < 1e300:
            reach *= 2
        b = anchor + reach
        while law._cdf(np.array([b]))[0] < inner.max() and b < 1e300:  # where 1 - q has lost the last digit
            b += reach
    reach = 1.0
    if math.isinf(a):
        top = b if anchor == b else anchor
        while law._cdf(np.array([top - reach]))[0] > inner.min() and reach < 1e300:
            reach *= 2
        a = top - reach
    return a, b
