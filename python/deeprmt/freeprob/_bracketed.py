"""Roots within brackets, many at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bracketed"]

Array = NDArray[np.float64]

_FEW = 4  # roots, up to which numbers are faster than arrays


def bracketed(
    function: Callable[[Array, Any], Array], a: Array, b: Array, fa: Array, fb: Array, enough: Any = 0.0
) -> Array:
    """Roots between a and b, all at once: inverse quadratic steps within a bracket (Chandrupatla, 1997).

    Where the function has fallen to `enough` that will do.
    """
    if a.size <= _FEW:
        return _few_bracketed(function, a, b, fa, fb, enough)
    a, b, fa, fb = (np.array(x, dtype=np.float64) for x in (a, b, fa, fb))
    enough = np.broadcast_to(enough, a.shape)
    c, fc = a.copy(), fa.copy()
    t = np.full(a.shape, 0.5)
    out = np.where(np.abs(fa) < np.abs(fb), a, b)
    live = np.flatnonzero((fa * fb < 0) | ((np.sign(fa) * np.sign(fb) < 0) & np.isfinite(fa) & np.isfinite(fb)))
    for _ in range(100):
        if live.size == 0:
            break
        x = a[live] + t[live] * (b[live] - a[live])
        fx = function(x, live)
        fx = np.where(np.isfinite(fx), fx, 0.0)
        same = np.sign(fx) == np.sign(fa[live])
        c[live] = np.where(same, a[live], b[live])
        fc[live] = np.where(same, fa[live], fb[live])
        b[live] = np.where(same, b[live], a[live])
        fb[live] = np.where(same, fb[live], fa[live])
        a[live], fa[live] = x, fx
        best = np.where(np.abs(fa[live]) < np.abs(fb[live]), a[live], b[live])
        out[live] = best
        width = np.abs(b[live] - a[live])
        tolerance = (4e-16 * np.abs(best) + 1e-17) / np.where(width > 0, width, 1)
        done = (tolerance >= 0.5) | (np.abs(fx) <= enough[live])
        with np.errstate(all="ignore"):
            xi = (a[live] - b[live]) / (c[live] - b[live])
            phi = (fa[live] - fb[live]) / (fc[live] - fb[live])
            smooth = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
            alpha = (c[live] - a[live]) / (b[live] - a[live])
            step = fa[live] / (fb[live] - fa[live]) * fc[live] / (fb[live] - fc[live])
            step += alpha * fa[live] / (fc[live] - fa[live]) * fb[live] / (fc[live] - fb[live])
        step = np.where(smooth & np.isfinite(step), step, 0.5)
        t[live] = np.clip(step, tolerance, 1 - tolerance)
        live = live[~done]
    return out


def _few_bracketed(
    function: Callable[[Array, Any], Array], a: Array, b: Array, fa: Array, fb: Array, enough: Any
) -> Array:
    """The same, bit for bit, in plain numbers, which are faster than arrays of few."""
    roots = [_Bracket(*each) for each in zip(*(x.tolist() for x in (a, b, fa, fb)), strict=True)]
    limits = np.broadcast_to(enough, a.shape).tolist()
    live = [k for k, root in enumerate(roots) if root.fa * root.fb < 0 or root.opposite]
    for _ in range(100):
        if not live:
            break
        values = function(np.array([roots[k].next for k in live]), np.array(live)).tolist()
        live = [k for k, value in zip(live, values, strict=True) if not roots[k].step(value, limits[k])]
    return np.array([root.best for root in roots])


class _Bracket:
    """One root between a and b."""

    def __init__(self, a: float, b: float, fa: float, fb: float) -> None:
        self.a, self.b, self.c, self.fa, self.fb, self.fc = a, b, a, fa, fb, fa
        self.t = 0.5
        self.best = a if abs(fa) < abs(fb) else b

    @property
    def opposite(self) -> bool:
        """Whether signs differ, where the product of the values is too little to tell."""
        return math.isfinite(self.fa) and math.isfinite(self.fb) and (self.fa > 0 > self.fb or self.fa < 0 < self.fb)

    @property
    def next(self) -> float:
        return self.a + self.t * (self.b - self.a)

    def step(self, fx: float, enough: float) -> bool:
        """Takes in the value at `next`; whether that is all."""
        x = self.next
        if not math.isfinite(fx):
            fx = 0.0
        if (fx > 0 and self.fa > 0) or (fx < 0 and self.fa < 0) or fx == self.fa == 0:
            self.c, self.fc = self.a, self.fa
        else:
            self.c, self.fc, self.b, self.fb = self.b, self.fb, self.a, self.fa
        self.a, self.fa = x, fx
        a, b, c, fa, fb, fc = self.a, self.b, self.c, self.fa, self.fb, self.fc
        self.best = a if abs(fa) < abs(fb) else b
        width = abs(b - a)
        tolerance = (4e-16 * abs(self.best) + 1e-17) / (width if width > 0 else 1)
        self.t = 0.5
        try:
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            if phi * phi < xi and (1 - phi) * (1 - phi) < 1 - xi:
                step = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
                if math.isfinite(step):
                    self.t = step
        except ZeroDivisionError:
            pass
        self.t = min(max(self.t, tolerance), 1 - tolerance)
        return tolerance >= 0.5 or abs(fx) <= enough
