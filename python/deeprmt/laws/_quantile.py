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
# Angles below this count as 0: quantiles are resolved down to 1e-298 of the width from an edge at 0.
_LEAST = 1e-149


def quantile(law: Law, q: Array) -> Array:
    """inf{x : cdf(x) >= q} for q in [0, 1]; the ends of the law for 0 and 1."""
    low, high = law._hull()
    pieces = _pieces(law)
    # The mass up to the end of each piece; rounding must not push a level past the last one.
    tops = np.maximum.accumulate([top for *_, top in pieces])
    which = np.minimum(np.searchsorted(tops, q, side="left"), len(pieces) - 1)
    out = np.empty_like(q)
    for i, (a, b, _) in enumerate(pieces):
        mine = which == i
        if mine.any():
            out[mine] = a if a == b else _solve(law, q[mine], a, b)
    out[q == 0], out[q == 1] = low, high
    return out


def _pieces(law: Law) -> list[tuple[float, float, float]]:
    """Atoms (x, x) and the stretches of the support between them, in order, each with the mass up to its end."""
    atoms = dict(law.atoms())
    pieces = [(x, x, float(law._cdf(np.array([x]))[0])) for x in atoms]
    for low, high in law.support():
        ends = [low, *(x for x in sorted(atoms) if low < x < high), high]
        for a, b in pairwise(ends):
            top = float(law._cdf(np.array([b]))[0]) - atoms.get(b, 0.0) if math.isfinite(b) else 1.0
            pieces.append((a, b, top))
    return sorted(pieces, key=lambda piece: (piece[0], piece[1]))


def _solve(law: Law, q: Array, a: float, b: float) -> Array:
    """Levels inside one stretch. The unknown is an angle, x = a + (b - a) sin^2: it resolves both edges."""
    if math.isinf(a) or math.isinf(b):
        a, b = _finite(law, q, a, b)
    width = b - a
    quarter = math.pi / 4

    def value(t: Array) -> tuple[Array, Array]:
        """x and cdf(x) - q. A negative t is the angle measured from the upper edge."""
        sine2 = np.sin(t) ** 2
        x = np.where(t < 0, b - width * sine2, a + width * sine2)
        excess = np.where(q > 0.5, (1 - q) - law._sf(x), law._cdf(x) - q)
        return x, excess

    # Which half holds the level; then an angle in (0, pi/4] from the nearer edge, sign says which edge.
    upper = value(np.full_like(q, quarter))[1] < 0
    sign = np.where(upper, -1.0, 1.0)
    # In the angle from the nearer edge the excess grows (lower half) or falls (upper half).
    near, far = np.zeros_like(q), np.full_like(q, quarter)
    t = far / 2
    for _ in range(_STEPS):
        x, excess = value(sign * t)
        excess = excess * sign
        far = np.where(excess >= 0, t, far)
        near = np.where(excess <= 0, t, near)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a density of 0 gives no Newton step
            step = excess / (law._pdf(x) * width * np.sin(2 * t))
        newton = t - step
        # Bisection, in the logarithm while the bracket spans orders of magnitude.
        middle = np.where(far > 16 * near, np.sqrt(np.maximum(near, _LEAST) * far), near + (far - near) / 2)
        good = np.isfinite(newton) & (newton > near) & (newton < far)
        new = np.where(good, newton, middle)
        done = (np.abs(new - t) <= 2e-16 * t) | (far - near <= 2e-16 * far) | (far < 2 * _LEAST)
        t = np.where(done & ~good, t, new)
        if done.all():
            break
    return np.clip(value(sign * t)[0], a, b)


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
