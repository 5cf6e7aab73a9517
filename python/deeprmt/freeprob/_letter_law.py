"""The law of one variable as the solver of pencils takes it: closed forms, or atoms and cosine series, or panels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from .. import _core
from ..errors import ConvergenceError
from ..laws import Beta, Law, MarchenkoPastur, Semicircle
from ..laws._affine import Affine
from ._panels import Halves, Panels

__all__ = ["LetterLaw", "letter_law"]

Array = NDArray[np.float64]

_LEAST, _FEW, _MOST = 32, 512, 2**14
# Below this a cosine coefficient is rounding of the density.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class LetterLaw:
    """x = factor * y + offset, with the law of y in `core`; `nodes` and `weights` are a rule for the means of y."""

    factor: float
    offset: float
    core: _core.freeprob.LetterLaw | None  # None for a constant
    alpha: Array | None  # Jacobi coefficients of y where they are known: alpha_0, alpha_1 and so on from there
    beta: Array | None
    nodes: Array
    weights: Array
    low: float
    high: float

    def jacobi(self, count: int) -> tuple[Array, Array]:
        """alpha_0 ... alpha_(count-1) and beta_1 ... beta_count of x: the recurrence of its orthonormal polynomials."""
        if self.alpha is not None and self.beta is not None:
            pad = np.arange(count)
            alpha, beta = self.alpha[np.minimum(pad, 1)], self.beta[np.zeros(count, dtype=int)]
        else:
            alpha, beta = _lanczos(self.nodes, self.weights, count)
        return self.factor * alpha + self.offset, abs(self.factor) * beta


def letter_law(name: str, law: Law) -> LetterLaw:
    """What the solver needs of the law of the variable `name`."""
    low, high = law._hull()
    if not math.isfinite(low) or not math.isfinite(high):
        raise ValueError(f"freeprob.law: the law of {name} must have bounded support, got {law!r} on ({low}, {high})")
    factor, offset, base = 1.0, 0.0, law
    while isinstance(base, Affine):
        offset += factor * base.offset
        factor *= base.factor
        base = base.base
    none = np.zeros(0)
    if low == high:
        return LetterLaw(0.0, low, None, np.zeros(2), np.zeros(1), none, none, low, high)
    if isinstance(base, Semicircle):
        (a, b) = base.support()[0]
        centre, radius = (a + b) / 2, (b - a) / 2
        core = _core.freeprob.LetterLaw.semicircle(1.0)
        scale = factor * radius / 2
        return LetterLaw(scale, offset + factor * centre, core, np.zeros(2), np.ones(1), none, none, low, high)
    if isinstance(base, MarchenkoPastur) and not base.singular:
        core = _core.freeprob.LetterLaw.poisson(1.0, base.aspect)
        alpha, beta = np.array([1.0, 1 + base.aspect]), np.array([math.sqrt(base.aspect)])
        return LetterLaw(factor * base.sigma**2, offset, core, alpha, beta, none, none, low, high)
    return _general(name, law, low, high)


def _general(name: str, law: Law, low: float, high: float) -> LetterLaw:
    """Any other law, moved and scaled to (-1, 1)."""
    found = _by_cosines(name, law, low, high, _FEW)
    if found is None:
        try:
            found = _by_panels(law)
        except ConvergenceError:
            found = _by_cosines(name, law, low, high, _MOST)
    assert found is not None
    return found


def _by_cosines(name: str, law: Law, low: float, high: float, most: int) -> LetterLaw | None:
    """Atoms, and a series of cosines an interval; None where a few terms are not enough."""
    centre, radius = (low + high) / 2, (high - low) / 2
    atoms = np.array(sorted(law.atoms()), dtype=np.float64).reshape(-1, 2)
    locations, masses = np.ascontiguousarray((atoms[:, 0] - centre) / radius), np.ascontiguousarray(atoms[:, 1])
    intervals, series = [], []
    nodes, weights = [locations], [masses]
    for a, b in law.support():
        coefficients = _cosines(name, law, a, b, most)
        if coefficients is None:
            return None
        middle, half = ((a + b) / 2 - centre) / radius, (b - a) / 2 / radius
        intervals.append((middle, half))
        series.append(coefficients.tolist())
        count = max(2 * len(coefficients), 64)
        angle = (np.arange(count) + 0.5) * math.pi / count
        density = dct(np.concatenate([coefficients, np.zeros(count - len(coefficients))]), type=3)
        density = (density + coefficients[0]) / 2  # a_0 + sum a_k cos(k angle)
        nodes.append(middle + half * np.cos(angle))
        weights.append(np.maximum(density, 0) * math.pi / count)
    mass = float(masses.sum() + sum(math.pi * each[0] for each in series))
    if abs(mass - 1) > 1e-8:
        raise ConvergenceError(
            f"freeprob.law: the density of the law of {name} is not resolved: its mass comes out as {mass:.12g}",
            {"letter": name, "mass": mass},
        )
    core = _core.freeprob.LetterLaw.general(
        locations, masses, np.array(intervals, dtype=np.float64).reshape(-1, 2), series
    )
    return LetterLaw(radius, centre, core, None, None, np.concatenate(nodes), np.concatenate(weights), low, high)


def _by_panels(law: Law) -> LetterLaw:
    """Where cosines do not do, as next to a hard edge of any exponent: 0 stays 0, where doubles have their digits."""
    factor, offset, base = 1.0, 0.0, law
    while isinstance(base, Affine):
        offset += factor * base.offset
        factor *= base.factor
        base = base.base
    low, high = base._hull()
    parts: list[tuple[_core.freeprob.Panels, float, bool]]
    if isinstance(base, Beta) and base.b < 1:
        halves = Halves(base)
        accuracy = halves.accuracy
        lower, upper = halves.lower, halves.upper
        parts = [(lower.core, 0.0, False), (upper.core, 1.0, True)]
        (x, p), (u, q) = lower.rule(), upper.rule()
        nodes, weights = np.concatenate([x, 1 - u]), np.concatenate([p, q])
        locations, masses = np.zeros(0), np.zeros(0)
    else:
        if not low - 0.1 * (high - low) <= 0 <= high + 0.1 * (high - low):
            offset += factor * (low + high) / 2
            base = base.shift(-(low + high) / 2)
        size = 2.0 ** math.ceil(math.log2(max(map(abs, base._hull()))))
        base, factor = base.scale(1 / size), factor * size
        panels = Panels(base)
        accuracy = panels.accuracy
        parts = [(panels.core, 0.0, False)]
        atoms = np.array(panels.atoms, dtype=np.float64).reshape(-1, 2)
        locations, masses = np.ascontiguousarray(atoms[:, 0]), np.ascontiguousarray(atoms[:, 1])
        x, p = panels.rule()
        nodes, weights = np.concatenate([locations, x]), np.concatenate([masses, p])
    if accuracy > 1e-9:
        raise ConvergenceError(f"freeprob.law: {law!r} is resolved to {accuracy:.1g} only", {"accuracy": accuracy})
    core = _core.freeprob.LetterLaw.general(locations, masses, np.zeros((0, 2)), [], parts)
    return LetterLaw(factor, offset, core, None, None, nodes, weights, *law._hull())


def _cosines(name: str, law: Law, a: float, b: float, most: int) -> Array | None:
    """a_k with density(x) |dx| = sum a_k cos(k angle) d(angle), x = (a + b) / 2 + (b - a) / 2 cos(angle).

    None where so few are not enough, though more might be.
    """
    count, coefficients, tail = _LEAST, np.zeros(1), math.inf
    while count <= most:
        angle = (np.arange(count) + 0.5) * math.pi / count
        # Each end is the place from which points close to it are measured.
        x = np.where(angle < math.pi / 2, b - (b - a) * np.sin(angle / 2) ** 2, a + (b - a) * np.cos(angle / 2) ** 2)
        values = law._pdf(x) * (b - a) / 2 * np.sin(angle)
        if not np.isfinite(values).all():
            where = float(x[~np.isfinite(values)][0])
            raise ConvergenceError(f"freeprob.law: the density of the law of {name} is not finite at {where!r}")
        coefficients = dct(values, type=2) / count
        coefficients[0] /= 2
        size = float(np.abs(coefficients).max(initial=1e-300))
        before, tail = tail, float(np.abs(coefficients[-max(count // 8, 4) :]).max()) / size
        if tail < _ROUNDING or (tail < 1e-11 and tail > before / 4):
            break
        count *= 2
    if count > most < _MOST:
        return None
    kept = np.flatnonzero(np.abs(coefficients) > max(_ROUNDING, tail / 4) * np.abs(coefficients).max(initial=0.0))
    return coefficients[: (int(kept[-1]) + 1 if kept.size else 1)]


def _lanczos(nodes: Array, weights: Array, count: int) -> tuple[Array, Array]:
    """Jacobi coefficients of a discrete law, with full reorthogonalisation; zeros once the nodes are used up."""
    alpha, beta = np.zeros(count), np.zeros(count)
    basis = [np.sqrt(weights / weights.sum())]
    for k in range(count):
        v = nodes * basis[-1]
        alpha[k] = v @ basis[-1]
        for _ in range(2):
            for each in basis:
                v = v - (v @ each) * each
        beta[k] = np.linalg.norm(v)
        if beta[k] < 1e-13:
            beta[k] = 0
            break
        basis.append(v / beta[k])
    return alpha, beta
