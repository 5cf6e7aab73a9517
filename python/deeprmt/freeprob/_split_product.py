"""Free products whose mass at 0 splits off exactly.

With S-transforms, the law (1 - p) delta_0 + p mu has S(p u) = (1 + p u) / (p (1 + u)) S_mu(u), and that of Marchenko
and Pastur S(p u) = 1 / (sigma^2 (1 + a p u)), one of aspect a p. So in a product of Marchenko-Pastur laws

- with one law (1 - p) delta_0 + p mu, what is not at 0 is the product of mu with the laws of aspects a p;
- of the largest aspect a > 1, what is not at 0 is the product of laws whose aspects are divided by a, where one of
  those of aspect a turns into MarchenkoPastur(1 / a) times a.

The equations of a product itself have the mass at 0 as a limit that digits are lost against: equal masses of two
factors, or large ones, leave few for the density next to 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..laws import Discrete, Law, MarchenkoPastur, Mixture, Point
from ..laws._point_masses import PointMasses
from ._free_laws import FreeProduct, factor
from ._report import Report
from ._sources import Source

__all__ = ["SplitProduct", "split"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Parts = list[tuple[Law, float]]


def split(parts: Parts) -> tuple[float, Parts] | None:
    """The mass off 0, if some is at 0, and the factors of the law of what is there; None where neither rule applies."""
    noise = [_is_noise(law) for law, _ in parts]
    others = [k for k, each in enumerate(noise) if not each]
    if len(others) > 1 or not any(noise):
        return None
    if others:
        (k,) = others
        law, t = parts[k]
        off = _off_zero(law) if t == 1 else None
        if off is None:
            return None
        p, rest = off
        return p, [(_thinner(each, p), power) if noise[i] else (rest, 1.0) for i, (each, power) in enumerate(parts)]
    k = max(range(len(parts)), key=lambda i: parts[i][0].aspect)  # type: ignore[attr-defined]
    law, t = parts[k]
    a = law.aspect  # type: ignore[attr-defined]
    if not a > 1:
        return None
    inner: Parts = [(MarchenkoPastur(1 / a, law.sigma * math.sqrt(a)), 1.0)]  # type: ignore[attr-defined]
    for i, (each, power) in enumerate(parts):
        if i != k or t > 1:
            inner.append((_divided(each, a), power - (i == k)))
    return 1 / a, inner


def _is_noise(law: Law) -> bool:
    return isinstance(law, MarchenkoPastur) and not law.singular


def _thinner(law: Any, p: float) -> Law:
    return MarchenkoPastur(law.aspect * p, law.sigma)


def _divided(law: Any, a: float) -> Law:
    return MarchenkoPastur(law.aspect / a, law.sigma)


def _off_zero(law: Law) -> tuple[float, Law] | None:
    """The mass off 0 of a law with an atom there, and the law of what is there."""
    if isinstance(law, PointMasses):
        keep = law.locations != 0
        if keep.all() or not keep.any():
            return None
        p = math.fsum(law.masses[keep])
        return p, Discrete(law.locations[keep], law.masses[keep] / p)
    if isinstance(law, Mixture):
        found = [(w, each, _off_zero(each)) for w, each in law.parts]
        left = [
            (w, each) if off is None else (w * off[0], off[1])
            for w, each, off in found
            if off is not None or each.support() or any(at != 0 for at, _ in each.atoms())
        ]
        if not left or any(at == 0 for _, each in left for at, _ in each.atoms()):
            return None
        p = math.fsum(w for w, _ in left)
        if not any(at == 0 for at, _ in law.atoms()):
            return None
        return p, left[0][1] if len(left) == 1 else Mixture([(w / p, each) for w, each in left])
    return None


class SplitProduct(FreeProduct):
    """A free product as an atom at 0 and the law of what is not there; made by `free_multiply`."""

    _name = "FreeProduct"

    @cached_property
    def _split(self) -> tuple[float, Law]:
        from ._operations import product

        found = split([(law, t) for law, t in self.parts])
        assert found is not None
        p, inner = found
        return p, product(inner)

    @cached_property
    def _mixture(self) -> Mixture:
        p, law = self._split
        return Mixture([(1 - p, Point(0.0)), (p, law)])

    @cached_property
    def _source(self) -> Source:
        return factor(self._split[1], product=True)

    @property
    def report(self) -> Report:
        """What solving took so far."""
        found = getattr(self._split[1], "report", None)
        return found if isinstance(found, Report) else Report(0, 0, 0, 0.0, 0.0, 0)

    def _note_failed(self, count: int) -> None:
        """Counted by the law that was asked."""

    @property
    def _scale(self) -> float:
        return float(self.mean())

    @property
    def _pieces(self) -> list[tuple[float, float]]:
        law = self._split[1]
        return law._pieces if isinstance(law, FreeProduct) else law.support()

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order; those that touch are one."""
        return self._split[1].support()

    @cached_property
    def _atoms(self) -> list[tuple[float, float]]:
        p, law = self._split
        inner = dict(law.atoms())
        at_zero = max(mass for each, _ in self.parts for at, mass in each.atoms() if at == 0)
        return [(0.0, at_zero), *((at, p * mass) for at, mass in sorted(inner.items()) if at != 0)]

    def _pdf(self, x: Array) -> Array:
        return self._mixture._pdf(x)

    def _cdf(self, x: Array) -> Array:
        return self._mixture._cdf(x)

    def _sf(self, x: Array) -> Array:
        return self._mixture._sf(x)

    def _ppf(self, q: Array) -> Array:
        p, law = self._split
        rest = (q - (1 - p)) / p
        out = np.zeros(q.shape)
        if (rest > 0).any():
            out[rest > 0] = law._ppf(np.minimum(rest[rest > 0], 1.0))
        return out

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        return self._mixture._expect(function)

    def _stieltjes(self, z: Complex) -> Complex:
        out = np.full(z.shape, complex(math.inf, 0))
        if (z != 0).any():
            out[z != 0] = self._mixture._stieltjes(z[z != 0])
        return out

    def _stieltjes_derivative(self, z: Complex) -> Complex:
        return self._mixture._stieltjes_derivative(z)

    def _log_potential(self, z: Complex) -> Complex:
        return self._mixture._log_potential(z)

    def _resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        p = self._split[0]
        g, slope = self._source.resolvent(w)
        return (1 - p) / w + p * g, p * slope - (1 - p) / (w * w)

    def _resolvent_moments(self, w: Complex) -> tuple[Complex, Complex, Complex]:
        p = self._split[0]
        one, y, slope = self._source.moments(w)
        return (1 - p) + p * one, p * y, p * slope

    def _mean_argument(self, w: Complex) -> Array:
        p = self._split[0]
        return np.asarray((1 - p) * np.angle(w) + p * self._source.argument(w))
