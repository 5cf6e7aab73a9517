"""What a user's function of an array is made of: where it kinks, whether it is linear in between, its derivative.

The line is cut into cells, halved until 17 Chebyshev points resolve the function on each. What no halving resolves is a
kink or a jump.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import shown

__all__ = ["Derivative", "as_elementwise", "kinks_of", "parity_of", "slopes_of"]

Array = NDArray[np.float64]
Function = Callable[[Any], Any]

_degree = 16
_points = np.cos(np.pi * (np.arange(_degree + 1) + 0.5) / (_degree + 1))[::-1]
_to_coefficients = np.linalg.inv(np.polynomial.chebyshev.chebvander(_points, _degree))
_ends = np.array([-1 + 1e-7, 1 - 1e-7])  # a kink may lie beyond the last points, and on the very end where it is known
_at_ends = np.polynomial.chebyshev.chebvander(_ends, _degree)
_differentiate = np.array([np.polynomial.chebyshev.chebder(row) for row in np.eye(_degree + 1)])

_near = 64.0
_far = 1e6
_tolerance = 2e-13
# Cells of a kink stop here: there a jump of phi' still shows, and one of phi'' no longer does.
_least_width = 2.0**-22
_most_cells = 6000
# Off every number that a person would write, so that no kink lies on an edge.
_offset = 0.01382786


class _Each:
    """A function of one number, applied to each entry."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __call__(self, h: Any) -> Any:
        array = np.asarray(h)
        values = np.array([float(self.function(float(x))) for x in array.ravel()]).reshape(array.shape)
        return (values.astype(np.float32) if array.dtype == np.float32 else values)[()]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.function == other.function

    def __hash__(self) -> int:
        return hash(self.function)


class _Filled(_Each):
    """A function that gives one number for a whole array: a constant."""

    def __call__(self, h: Any) -> Any:
        array = np.asarray(h)
        return np.full(array.shape, self.function(array), np.float32 if array.dtype == np.float32 else np.float64)[()]


def as_elementwise(argument: str, function: Function) -> Function:
    """`function`, made to take arrays if it takes single numbers only; refused if it is no function of each entry."""
    h = np.concatenate([np.linspace(-8, 8, 33) + 0.01, [0.0, 1e-9, -1.0, 1.0]])
    try:
        values = _call(function, h)
    except (TypeError, ValueError) as error:
        try:
            values = np.array([float(function(float(x))) for x in h])
        except Exception:
            raise TypeError(
                f"Activation: {argument} must be a function of a NumPy array, and raises {type(error).__name__}:"
                f" {shown(str(error))}"
            ) from error
        function = _Each(function)
    if values.dtype.kind == "c":
        raise TypeError(f"Activation: {argument} must be real, got complex values")
    if values.dtype.kind not in "fiub":
        raise TypeError(f"Activation: {argument} must return real numbers, got dtype {values.dtype}")
    if values.shape == () and all(_call(function, h[:k]) == values for k in (1, 2, 5)):
        values, function = np.full(h.shape, values), _Filled(function)
    if values.shape != h.shape:
        raise ValueError(
            f"Activation: {argument} must return the shape that it is given, got {values.shape} for {h.shape}"
        )
    finite = np.isfinite(values)
    if argument == "dphi":
        finite |= np.isinf(values)  # as that of a root
    if not finite.all():
        bad = int(np.argmin(finite))
        raise ValueError(f"Activation: {argument} must be finite, is {values[bad]} at h = {h[bad]:g}")
    alone = _call(function, h[::3])
    scale = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    with np.errstate(invalid="ignore"):
        same = (alone == values[::3]) | (np.abs(alone - values[::3]) <= 1e-5 * scale)
    if not same.all():
        raise ValueError(
            f"Activation: {argument} must act on each entry alone, but its value at h = {h[::3][~same][0]:g} depends"
            " on the others"
        )
    return function


def _call(function: Function, h: Array) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        return np.asarray(function(h))


class _Cells:
    """Cells that resolve a function: (low, high], Chebyshev coefficients; and the places that none resolves."""

    def __init__(self, function: Function, edges: Array, *, least: float = _least_width) -> None:
        unit = _call(function, np.linspace(-3, 3, 61))
        self.scale = float(np.abs(unit[np.isfinite(unit)]).max(initial=0.0))
        precision = np.finfo(unit.dtype).eps if unit.dtype.kind == "f" else 2e-16
        self.tolerance = max(1.0, float(precision) / 2.3e-16) * _tolerance
        low, high = edges[:-1], edges[1:]
        done: list[tuple[Array, Array, Array]] = []
        self.singular: list[tuple[float, float]] = []
        while len(low):
            if len(low) > _most_cells:
                raise ValueError(
                    "Activation: phi must be smooth between a few kinks, but varies too fast, or is too noisy, for"
                    f" kinks to be found (near h = {low[len(low) // 2]:.6g}); declare kinks=(...), () if there are none"
                )
            coefficients, resolved = self.fit(function, low, high)
            done.append((low[resolved], high[resolved], coefficients[resolved]))
            low, high = low[~resolved], high[~resolved]
            small = high - low < least * np.maximum(1.0, np.abs(low))
            self.singular += zip(low[small].tolist(), high[small].tolist(), strict=True)
            low, high = low[~small], high[~small]
            middle = (low + high) / 2
            low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
        self.low, self.high, self.coefficients = (np.concatenate(part) for part in zip(*done, strict=True))
        order = np.argsort(self.low)
        self.low, self.high, self.coefficients = self.low[order], self.high[order], self.coefficients[order]
        self.singular.sort()

    def fit(self, function: Function, low: Array, high: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Coefficients on each cell, and whether they have fallen to rounding."""
        x = (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * np.concatenate([_points, _ends])
        values = _call(function, x.ravel()).reshape(x.shape).astype(float)
        if np.isnan(values).any():
            raise ValueError(f"Activation: phi must be a number everywhere, is nan at h = {x[np.isnan(values)][0]:.6g}")
        finite = np.isfinite(values).all(axis=1)  # beyond the range of doubles there is nothing to resolve
        values[~finite] = 0
        coefficients = values[:, :-2] @ _to_coefficients.T
        size = np.maximum(np.abs(values).max(axis=1), self.scale)
        # Beyond the points rounding grows, and the argument's own is one of the slope's.
        off = np.abs(coefficients @ _at_ends.T - values[:, -2:]).max(axis=1) / 16
        tail = np.maximum(np.abs(coefficients[:, -3:]).max(axis=1), off)
        return coefficients, ~finite | (tail <= self.tolerance * size)


def _edges(kinks: tuple[float, ...] = (), reach: float = _near) -> Array:
    cells = np.arange(-16, 16.25, 0.25)
    outer = 16.25 * 1.25 ** np.arange(0, math.ceil(math.log(reach / 16.25) / math.log(1.25)) + 1)
    return np.unique(np.concatenate([np.concatenate([-outer, cells, outer]) + _offset, kinks]))


def kinks_of(phi: Function, dphi: Function | None) -> tuple[float, ...]:
    """Where phi or phi' jumps."""
    found = _kinks(phi, _edges())
    if slopes_of(phi, dphi, found, reach=_near) is not None:  # cheap to look further: only kinks are left there
        found = _kinks(phi, _edges(reach=_far))
    if dphi is not None:
        exact = _kinks(dphi, _edges())
        # The jump of dphi itself is sharper than the kink of phi.
        found = [k for k in found if all(abs(k - e) > 1e-7 * max(1.0, abs(k)) for e in exact)] + exact
    return tuple(sorted(found))


def _kinks(function: Function, edges: Array) -> list[float]:
    cells = _Cells(function, edges)
    if len(cells.singular) > 400:
        raise ValueError(
            f"Activation: phi must have a few kinks, seems to have {len(cells.singular)}; declare kinks=(...)"
        )
    merged: list[list[float]] = []
    for low, high in cells.singular:
        if merged and low <= merged[-1][1]:
            merged[-1][1] = high
        else:
            merged.append([low, high])
    out: list[float] = []
    for i, (low, high) in enumerate(merged):
        before = merged[i - 1][1] if i else -math.inf
        after = merged[i + 1][0] if i + 1 < len(merged) else math.inf
        place = _place(function, cells, low, high, min(low - before, after - high))
        tidy = round(place, 10)
        place = tidy if abs(tidy - place) <= 3e-13 * max(1.0, abs(place)) else place
        out.append(place + 0.0)  # no -0
    return out


def _place(function: Function, cells: _Cells, low: float, high: float, gap: float) -> float:
    """The kink in (low, high): where the smooth branches of both sides meet, or where one jumps to the other."""
    middle = (low + high) / 2
    for d in (2.0**-6, 2.0**-9, 2.0**-12, 2.0**-15):
        d *= max(1.0, abs(middle))
        if d > gap / 2:
            continue
        sides, resolved = cells.fit(function, np.array([low - d, high]), np.array([low, high + d]))
        if not resolved.all():
            continue
        branches = [
            np.polynomial.Chebyshev(side[:9], domain)
            for side, domain in zip(sides, ([low - d, low], [high, high + d]), strict=True)
        ]
        difference = branches[0] - branches[1].convert(domain=branches[0].domain)
        slope = float(difference.deriv()(middle))
        place = middle - float(difference(middle)) / slope if slope != 0 else math.inf
        if low - (high - low) <= place <= high + (high - low):
            return place
        a, b = low, high
        while b - a > 4e-16 * max(abs(a), abs(b), 1e-16):
            x = (a + b) / 2
            if x in (a, b):
                break
            value = float(_call(function, np.array([x]))[0])
            left = abs(value - branches[0](x)) < abs(value - branches[1](x))
            a, b = (x, b) if left else (a, x)
        return a if abs(a) > 1e-15 else 0.0
    # No smooth branches, as at a root's infinite slope: halve on.
    for _ in range(60):
        x = (low + high) / 2
        halves, resolved = cells.fit(function, np.array([low, x]), np.array([x, high]))
        if resolved.all() or x in (low, high):
            break
        rough = np.abs(halves[:, -3:]).max(axis=1)
        low, high = (low, x) if rough[0] > rough[1] else (x, high)
    return (low + high) / 2


def slopes_of(
    phi: Function, dphi: Function | None, kinks: tuple[float, ...] | list[float], *, reach: float = _far
) -> tuple[float, ...] | None:
    """phi' on each piece between kinks, if it is constant there."""
    ends = [-reach, *sorted(kinks), reach]
    if any(b <= a for a, b in pairwise(ends)):
        return None
    out = []
    for a, b in pairwise(ends):
        middle = [0.5 * b] if a == -reach and b > 0 else []
        inner = np.array([a + (b - a) * t for t in (0.02, 0.11, 0.37, 0.53, 0.74, 0.9, 0.98)] + middle)
        close = np.linspace(max(a, min(-20.0, b - 1)), min(b, max(20.0, a + 1)), 203)[1:-1]
        h = np.unique(np.concatenate([inner, close]))
        values = _call(phi, h).astype(float)
        if not np.isfinite(values).all():
            return None
        slope = (values[-1] - values[0]) / (h[-1] - h[0])
        tidy = float(round(slope, 12))
        slope = tidy if abs(slope - tidy) <= 4e-15 * max(1.0, abs(slope)) else float(slope)
        off = np.abs(values - values[0] - slope * (h - h[0]))
        if (off > 4e-15 * (np.abs(values) + np.abs(values[0]) + np.abs(slope * h) + np.abs(slope * h[0]))).any():
            return None
        if dphi is not None:
            given = _call(dphi, h).astype(float)
            if not (given == given[0]).all() or abs(given[0] - slope) > 1e-9 * max(1.0, abs(slope)):
                return None
            slope = float(given[0])
        out.append(slope)
    return tuple(out)


def parity_of(phi: Function, kinks: tuple[float, ...]) -> int:
    """1 if phi is even, -1 if it is odd, 0 if neither."""
    h = np.concatenate([np.geomspace(1e-3, 30, 97), np.linspace(0.03, 9, 97)])
    left, right = _call(phi, -h).astype(float), _call(phi, h).astype(float)
    if not (np.isfinite(left) & np.isfinite(right)).all():
        return 0
    close = 4e-15 * np.maximum(np.abs(left), np.abs(right))
    mirrored = np.allclose(sorted(-k for k in kinks), kinks, rtol=1e-12, atol=1e-15)
    if not mirrored or not (left.any() or right.any()):
        return 0
    return 1 if (np.abs(left - right) <= close).all() else -1 if (np.abs(left + right) <= close).all() else 0


class Derivative:
    """phi' from the Chebyshev cells of phi, out to |h| = 64; by differences beyond.

    The error is about 1e-13 of the size of phi over the width of the cells, which is 1/4 where phi varies on a scale
    of 1.
    """

    def __init__(self, phi: Function, kinks: tuple[float, ...], differences: Function) -> None:
        self.phi, self.kinks, self.differences = phi, kinks, differences
        inside = tuple(k for k in kinks if abs(k) < _near)
        try:
            cells = _Cells(phi, _edges(inside))
        except ValueError:
            self.high = np.zeros(0)  # not resolved anywhere: differences alone
            return
        high = cells.high.copy()
        # A cell that nothing resolves is split where it is singular, and its neighbours stretch to there.
        for low, end in cells.singular:
            i = int(np.searchsorted(cells.low, low))
            if 0 < i < len(high):
                inner = [k for k in inside if low <= k <= end]
                high[i - 1] = inner[0] if inner else end
        self.high = high
        self.middle, self.half = (cells.low + cells.high) / 2, (cells.high - cells.low) / 2
        self.coefficients = np.ascontiguousarray(((cells.coefficients @ _differentiate) / self.half[:, None]).T)

    def __call__(self, h: Any) -> Any:
        h = np.asarray(h)
        x = h.astype(np.float64)
        if not len(self.high):
            return self.differences(h)
        inside = (x > self.middle[0] - self.half[0]) & (x <= self.high[-1])
        if not inside.all():
            out = np.asarray(self.differences(x), dtype=float)
            if inside.any():
                out[inside] = self._inside(x[inside])
        else:
            out = self._inside(x)
        return (out.astype(np.float32) if h.dtype == np.float32 else out)[()]

    def _inside(self, x: Array) -> Array:
        cell = np.searchsorted(self.high, x, side="left")
        t = 2 * (x - self.middle[cell]) / self.half[cell]
        b1, b2 = self.coefficients[-1][cell], np.zeros(x.shape)
        for row in self.coefficients[-2:0:-1]:
            b1, b2 = row[cell] + t * b1 - b2, b1
        return np.asarray(self.coefficients[0][cell] + t / 2 * b1 - b2)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (self.phi, self.kinks) == (other.phi, other.kinks)

    def __hash__(self) -> int:
        return hash((self.phi, self.kinks))
