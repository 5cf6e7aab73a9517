"""Quadrature nodes and Chebyshev moments of an operator, for blocks of probes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from .. import _core
from .._arguments import Floats
from ._operator import Operator, power_of_two

Doubles = NDArray[np.float64]
Tick = Callable[[], object]


@dataclass(frozen=True)
class Rules:
    """Gauss rules, one a probe: nodes in ascending order; what a short rule lacks has weight 0."""

    nodes: Doubles
    weights: Doubles


class _Ring:
    """Rows of a basis, of which only the newest are kept."""

    def __init__(self, rows: int, capacity: int, n: int, dtype: object) -> None:
        self.basis = np.zeros((rows, capacity, n), dtype)  # type: ignore[call-overload]
        self.capacity = capacity
        self.count = 0

    def newest(self) -> Floats:
        return np.asarray(self.basis[:, (self.count - 1) % self.capacity])

    def put(self, rows: Floats) -> None:
        self.basis[:, 0] = rows
        self.count = 1

    def step(self, w: Floats, pair: bool, threads: int) -> tuple[Doubles, Doubles, Doubles]:
        """The next vectors from w: (part along the newest, part along the one before, length left)."""
        last = (self.count - 1) % self.capacity if self.count else -1
        before = (self.count - 2) % self.capacity if pair and self.count > 1 and self.capacity > 1 else -1
        found = _core.linalg.orthonormal_step(
            self.basis, min(self.count, self.capacity), last, before, self.count % self.capacity, w, threads
        )
        self.count += 1
        return found


def lanczos(
    operator: Operator, start: Floats, steps: int, keep: int, threads: int, tick: Tick, check: bool
) -> tuple[Rules, Doubles]:
    """Gauss rules of a symmetric operator, and for each probe how far its extreme nodes may be off."""
    rows, n = start.shape
    ring = _Ring(rows, keep, n, start.dtype)
    ring.put(start)
    on, off = np.zeros((rows, steps)), np.zeros((rows, steps))
    count = np.full(rows, steps)
    for j in range(steps):
        w = operator(ring.newest())
        w = _scaled(operator, w)
        on[:, j], along, off[:, j] = ring.step(w, True, threads)
        if j and check:
            _refuse_difference(operator, along, off[:, j - 1], float(np.abs(on).max() + off.max()), n, True)
        tick()
        ended = off[:, j] == 0
        count = np.where(ended & (count == steps), j + 1, count)
        if ended.all():
            break
    nodes, weights = np.zeros((rows, steps)), np.zeros((rows, steps))
    miss = np.zeros((rows, 2))
    for i, c in enumerate(count):
        values, vectors = scipy.linalg.eigh_tridiagonal(on[i, :c], off[i, : c - 1])
        nodes[i, :c], nodes[i, c:] = values, values[-1]
        weights[i, :c] = vectors[0] ** 2
        miss[i] = off[i, c - 1] * np.abs(vectors[-1, [0, -1]])
    return Rules(nodes * operator.scale, weights), miss * operator.scale


def golub_kahan(
    operator: Operator, start: Floats, steps: int, keep: int, threads: int, tick: Tick, check: bool
) -> Rules:
    """Gauss rules for the singular values of an (m, n) operator, m >= n, from probes of length n.

    Bidiagonalisation is Lanczos on A^T A without forming it, so small singular values keep their digits.
    """
    rows, n = start.shape
    right, left = _Ring(rows, keep, n, start.dtype), _Ring(rows, keep, operator.shape[0], start.dtype)
    right.put(start)
    diagonal, above = np.zeros((rows, steps)), np.zeros((rows, steps))
    count = np.full(rows, steps)
    for j in range(steps):
        w = _scaled(operator, operator(right.newest()))
        along, _, diagonal[:, j] = left.step(w, False, threads)
        if j and check:
            _refuse_difference(operator, along, above[:, j - 1], float(diagonal.max() + above.max()), n, False)
        tick()
        if j < steps - 1:
            along, _, above[:, j] = right.step(operator.transposed(left.newest()), False, threads)
            if check:
                _refuse_difference(operator, along, diagonal[:, j], float(diagonal.max() + above.max()), n, False)
            tick()
        ended = above[:, j] == 0
        count = np.where(ended & (count == steps), j + 1, count)
        if ended.all():
            break
    nodes, weights = np.zeros((rows, steps)), np.zeros((rows, steps))
    for i, c in enumerate(count):
        bidiagonal = np.diag(diagonal[i, :c]) + np.diag(above[i, : c - 1], 1)
        _, values, vectors = np.linalg.svd(bidiagonal)
        nodes[i, :c], nodes[i, c:] = values[::-1], values[0]
        weights[i, :c] = vectors[::-1, 0] ** 2
    return Rules(nodes * operator.scale, weights)


class TooNarrow(Exception):
    """A Chebyshev interval does not hold the spectrum."""


def chebyshev_moments(
    operator: Operator, start: Floats, steps: int, interval: tuple[float, float], threads: int, tick: Tick
) -> Doubles:
    """(p, 2 steps) moments <x, T_k(s(A)) x>: each application gives two, by T_j T_k = (T_{j+k} + T_{j-k}) / 2.

    `interval` is in units of what the operator gives, after its scale.
    """
    center, half = interval[0] / 2 + interval[1] / 2, interval[1] / 2 - interval[0] / 2
    current, previous = start.copy(), np.zeros_like(start)
    moments = np.ones((start.shape[0], 2 * steps))
    first = np.ones(start.shape[0])
    for j in range(steps):
        w = operator(current)
        cross, square = _core.linalg.chebyshev_step(w, current, previous, center, half, 2 if j else 1, threads)
        current, previous = previous, current
        # |T_k| <= 1 on the interval; rounding adds far less than a hundredth.
        if not square.max() <= 1.01:  # NaN too
            raise TooNarrow
        if j == 0:
            first = cross
            moments[:, 1] = cross
        else:
            moments[:, 2 * j + 1] = 2 * cross - first
        if j + 1 < steps:
            moments[:, 2 * j + 2] = 2 * square - 1
        tick()
    return moments


def _scaled(operator: Operator, w: Floats) -> Floats:
    """The first values tell whether the operator is so large or small that squares leave the range."""
    if not operator.settled:
        operator.settled = True
        operator.scale = power_of_two(float(np.abs(w).max(initial=0)), w.dtype)
        if operator.scale != 1.0:
            w *= 1 / operator.scale
    return w


def _refuse_difference(operator: Operator, found: Doubles, wish: Doubles, size: float, n: int, symmetric: bool) -> None:
    """<u, A v> must be <A^T u, v>: what a step takes out along the last vector is the length that made that vector.

    `size` is the largest number seen of any probe: a single one may have begun where the operator nearly vanishes.
    """
    bound = 100 * np.sqrt(n) * float(np.finfo(operator.dtype).eps) * size
    wrong = np.abs(found - wish) > bound
    if wrong.any():
        i = int(np.argmax(wrong))
        what = (
            "must be symmetric, but <x, A y> and <A x, y> are"
            if symmetric
            else "and its transpose must fit, but <u, A v> and <A^T u, v> are"
        )
        hint = "; gram=True or singular=True take any matrix" if symmetric else ""
        raise ValueError(
            f"{operator.function}: operator {what} {found[i] * operator.scale:.8g} and "
            f"{wish[i] * operator.scale:.8g}{hint}"
        )
