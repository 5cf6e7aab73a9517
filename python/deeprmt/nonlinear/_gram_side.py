"""The law of the eigenvalues that both Gram matrices of f(W X) share: its support, and the core's points inside."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import expit

from .. import _core
from .._arguments import available_threads
from ..jacobian._solved import SolvedLaw, _settled
from ..laws._quadrature import Interval, integrate
from ._ridge_point import _root

Array = NDArray[np.float64]
# Points whose root is real though they lie in the support are within rounding of an end; further in they failed.
_at_end = 1e-5
# Below this part of zeta what is not linear is 0: places in its bulk, and products of squares, are no doubles.
_linear = 1e-70


class ShorterSide(SolvedLaw):
    """The eigenvalues of the smaller of Y Y^T / m and Y^T Y / m.

    The core's header has the algebra: psi x = Y + (phi + psi) eta + K / Y + B / s + C / s^2, s = Y - zeta. Ends
    of the support are where that is stationary at a real Y: one above zeta, one below 0, and where there is a gap two
    in between. c is the larger of phi and psi, d the smaller one.
    """

    def __init__(self, zeta: float, rest: float, phi: float, psi: float) -> None:
        # What is below rounding wherever it enters is 0.
        self.zeta = 0.0 if zeta * max(1.0, 1 / max(phi, psi)) < 2.0**-52 * rest else zeta
        self.phi, self.psi = phi, psi
        # eta is near 1 in the core's units, which are a power of 2: nothing is rounded.
        self._unit = 2.0 ** math.frexp(zeta + rest)[1]
        self.rest = rest if rest >= _linear * zeta else 0.0

    @property
    def _name(self) -> str:
        return "GramLaw"

    def __repr__(self) -> str:
        return f"GramLaw(zeta={self.zeta!r}, nonlinearity={self.rest!r}, phi={self.phi!r}, psi={self.psi!r})"

    @cached_property
    def _centres(self) -> tuple[Fraction, Fraction, Fraction]:
        """The constants of psi x for Y near infinity, 0 and zeta."""
        zeta, rest = Fraction(self.zeta / self._unit), Fraction(self.rest / self._unit)
        both, product = Fraction(self.phi) + Fraction(self.psi), Fraction(self.phi) * Fraction(self.psi)
        far, zero = both * (zeta + rest), rest * (both - 2 * product)
        return far, zero, zeta + far + product * rest * rest / zeta if zeta else far

    @cached_property
    def _solver(self) -> Any:
        pairs = [part for each in self._centres for part in (float(each), float(each - Fraction(float(each))))]
        return _core.nonlinear.GramLaw(self.zeta / self._unit, self.rest / self._unit, self.phi, self.psi, pairs)

    @property
    def _known_atoms(self) -> tuple[tuple[float, float], ...]:
        c = max(self.phi, self.psi)
        return ((0.0, 1 - c),) if self.rest == 0 and c < 1 else ()

    # ---- support ----

    @cached_property
    def _support(self) -> list[tuple[float, float]]:
        z, r, c, d = self.zeta / self._unit, self.rest / self._unit, max(self.phi, self.psi), min(self.phi, self.psi)
        high = self._upper_end(z, r, c, d)
        gap = self._gap(z, r, c, d)
        if r == 0 and c < 1:
            found = [(gap[1] if gap else 0.0, high)]  # no gap: it is below rounding
        else:
            low = self._lower_end(z, r, c, d)
            found = [(low, gap[0]), (gap[1], high)] if gap else [(low, high)]
        return [(low * self._unit, high * self._unit) for low, high in found]

    def _place(self, y: float, s: float, poles: tuple[float, float, float]) -> tuple[float, float]:
        """x at a real Y, by the constant next to which least is lost, and what that is."""
        k, b, c = poles
        zeta = self.zeta / self._unit
        tail = b / s + c / s / s if b else 0.0
        best: list[tuple[float, tuple[float, ...], int]] = [
            (abs(y) + abs(k / y if k else 0.0) + abs(tail), (y, k / y if k else 0.0, tail), 0)
        ]
        if b:
            first, second = b / (s * zeta), c / (s * s) / zeta * (2 - y / zeta)
            terms: tuple[float, ...] = (y, y * (first + second), k / y if k else 0.0)
            best.append((sum(map(abs, terms)) + abs(y * first), terms, 1))
            terms = (s, b / s, c / s / s, -k / y * s / zeta if k else 0.0)
            best.append((sum(map(abs, terms)), terms, 2))
        lost, terms, which = min(best)
        whole = self._centres[which] + sum(map(Fraction, terms))
        return float(whole / Fraction(self.psi)), lost / self.psi

    def _stationary(self, y: float) -> float | None:
        """x where its slope is 0 near y, in many digits: next to a gap between narrow bulks all but the last cancel."""
        with localcontext() as context:
            context.prec = 120
            zeta, rest = Decimal(self.zeta / self._unit), Decimal(self.rest / self._unit)
            phi, psi, at = Decimal(self.phi), Decimal(self.psi), Decimal(y)
            k = phi * psi * rest * rest
            b = (phi + psi) * zeta * zeta + phi * psi * zeta * (zeta + 2 * rest)
            c = phi * psi * zeta**3
            for _ in range(12):
                if abs(at - Decimal(y)) > Decimal("1e-6") * abs(Decimal(y)):
                    return None  # before it comes to a pole
                s = at - zeta
                slope = 1 - k / at**2 - b / s**2 - 2 * c / s**3
                curvature = 2 * k / at**3 + 2 * b / s**3 + 6 * c / s**4
                if not curvature:
                    return None
                step = slope / curvature
                at -= step
                if abs(step) < abs(at) * Decimal(10) ** -60:
                    break
            else:
                return None
            s = at - zeta
            value = float((at + (phi + psi) * (zeta + rest) + k / at + b / s + c / s**2) / psi)
        return value if value > 0 else None

    @staticmethod
    def _poles(z: float, r: float, c: float, d: float) -> tuple[float, float, float]:
        return c * d * r * r, (c + d) * z * z + c * d * z * (z + 2 * r), c * d * z**3

    def _upper_end(self, z: float, r: float, c: float, d: float) -> float:
        k, b, twice = self._poles(z, r, c, d)
        if z == 0:
            return self._place(math.sqrt(k), math.sqrt(k), (k, b, twice))[0]

        def slope(log_s: float) -> float:
            s = math.exp(log_s)
            return 1 - (math.sqrt(k) / (z + s)) ** 2 - b / s / s - 2 * twice / s / s / s

        top = 2 * (math.sqrt(k) + math.sqrt(b) + (2 * twice) ** (1 / 3))
        s = math.exp(optimize.brentq(slope, math.log(b) / 2 - 1e-6, math.log(top), xtol=1e-15, rtol=1e-15))
        return self._place(z + s, s, (k, b, twice))[0]

    def _lower_end(self, z: float, r: float, c: float, d: float) -> float:
        """The largest x between the roots of 1 + c p and 1 + d p."""
        if c == d:
            return 0.0
        eta = z + r
        (y_c, y_d), (other_c, other_d) = _roots(z, r, c, d)
        if not y_c + other_d > 0:
            return 0.0
        apart = (c - d) * (eta * y_c + z * r) / (y_c + other_d)
        if not apart > 0:
            return 0.0

        def parts(w: float) -> tuple[float, float, float]:
            return apart * float(expit(w)), apart * float(expit(-w)), y_d + apart * float(expit(-w))

        def excess(w: float) -> float:
            t, left, y = parts(w)
            rest = left / y + 2 * left / (y + z) - left / (y + other_c) - left / (y + other_d)
            return float(expit(-w) - expit(w) + t / apart * rest)

        t, left, y = parts(optimize.brentq(excess, -600.0, 600.0, xtol=1e-15, rtol=1e-15))
        product = t * (left / (y + z)) * ((y + other_c) / (y + z)) * ((y + other_d) / y) / self.psi
        x, lost = self._place(-y, -y - z, self._poles(z, r, c, d))
        return product if product < lost else x

    def _gap(self, z: float, r: float, c: float, d: float) -> tuple[float, float] | None:
        """Between both bulks, where there are two; from 0 on if what is below has no width."""
        if z == 0 or c >= 1:
            return None
        k, b, twice = poles = self._poles(z, r, c, d)
        root = math.sqrt(c)
        top = z * (1 - c) / (1 + root)
        (y_c, y_d), (other_c, other_d) = _roots(z, r, c, d)

        def parts(w: Any) -> tuple[Any, Any]:
            return top * expit(w), z * root + top * expit(-w)

        def slope(w: Any) -> Any:
            """Over the size of its terms: as a sum of poles or, where c is close to 1, of logarithms."""
            y, q = parts(w)
            with np.errstate(all="ignore"):  # 1 / Y^2; what is not finite is not taken
                terms = np.array([np.ones_like(y), -np.square(math.sqrt(k) / y), -b / q**2, 2 * twice / q**3])
                sums, sizes = terms.sum(0), np.abs(terms).sum(0)
                terms = np.array([1 / (y + y_c), 1 / (y + y_d), -1 / (other_c - y), -1 / (other_d - y), -1 / y, 2 / q])
                # For linear f y_c and y_d are 0: y goes with y, lest y^2 underflow.
                whole = (y + y_c) / q * ((other_c - y) / q) * (other_d - y) * ((y + y_d) / y)
                logs = np.abs(whole) * np.abs(terms).sum(0)
                by_logs = logs < sizes
                out = np.where(by_logs, whole * terms.sum(0), sums) / np.where(by_logs, logs, sizes)
            return np.where(np.isnan(out), -1.0, out)  # 1 / Y^2 is out of range

        grid = np.linspace(-600, 45, 2581)
        values = slope(grid)
        i = int(np.argmax(values))
        if 0 < i < grid.size - 1:
            best = optimize.minimize_scalar(
                lambda w: -slope(w), bounds=(grid[i - 1], grid[i + 1]), method="bounded", options={"xatol": 1e-10}
            )
            middle, height = float(best.x), -float(best.fun)
        else:
            middle, height = float(grid[i]), float(values[i])
        if not height > 1e-13:
            return None
        ends = []
        for far in (-600.0, 45.0):
            if slope(far) > 0:
                ends.append(0.0 if far < 0 else self._place(top, -z * root, poles)[0])
                continue
            y, q = parts(optimize.brentq(slope, *sorted((far, middle)), xtol=1e-15, rtol=1e-15))
            ends.append(self._stationary(float(y)) or self._place(float(y), -float(q), poles)[0])
        return (ends[0], ends[1]) if ends[1] > ends[0] else None

    @cached_property
    def _least(self) -> float:
        """Below it, where the support begins at 0, all is a power of x."""
        low, high = self._support[0]
        return 1e-140 * high if low == 0 else 0.0

    # ---- points ----

    def _everything(self, x: Array) -> tuple[Array, Array, Array]:
        """Density, distribution function and its complement at x >= 0."""
        if self._least > 0 and ((x > 0) & (x < self._least)).any():
            return self._next_to_zero(x)
        density, cdf, sf = np.zeros(x.shape), np.zeros(x.shape), np.ones(x.shape)
        support, at_zero = self._support, sum(mass for _, mass in self._known_atoms)
        cdf[...], sf[...] = at_zero, 1 - at_zero
        c = max(self.phi, self.psi)
        tops = [(1 - c, c), (1.0, 0.0)] if len(support) == 2 else [(1.0, 0.0)]
        before = (at_zero, 1 - at_zero)
        for (low, high), after in zip(support, tops, strict=True):
            cdf[x >= high], sf[x >= high] = after
            inside = np.flatnonzero((x > low) & (x < high))
            if inside.size:
                found = self._solver.evaluate(np.ascontiguousarray(x[inside] / self._unit), available_threads())
                *values, report = found
                lost = np.isnan(values[0])
                share = (x[inside] - low) / (high - low)
                near = (np.minimum(share, 1 - share) < _at_end) & ((low > 0) | (share > 0.5))
                report["failed"] = int((lost & ~near).sum())
                if report["failed"]:
                    report["first_failure"] = float(x[inside][lost & ~near][0])
                self._check(report, "x", inside.size)
                for side, ends in ((share < 0.5, before), (share >= 0.5, after)):
                    for each, end in zip(values, (0.0, *ends), strict=True):
                        each[lost & side] = end
                density[inside] = values[0] / self._unit
                cdf[inside] = np.clip(values[1], before[0], after[0])
                sf[inside] = np.clip(values[2], after[1], before[1])
            before = after
        return density, cdf, sf

    def _next_to_zero(self, x: Array) -> tuple[Array, Array, Array]:
        close = (x > 0) & (x < self._least)
        density, cdf, sf = self._everything(np.where(close, self._least, x))
        at = self._everything(self._least * np.array([1.0, 10.0]))[0]
        power = 1 + math.log10(at[1] / at[0])
        share = x[close] / self._least
        density[close] = at[0] * share ** (power - 1)
        cdf[close] = sum(mass for _, mass in self._known_atoms) + self._least * at[0] / power * share**power
        sf[close] = 1 - cdf[close]
        return density, cdf, sf

    def _evaluate_both(self, x: Array) -> tuple[Array, Array]:
        return self._everything(x)[:2]

    def _pdf(self, x: Array) -> Array:
        density = self._everything(x)[0]
        return np.where((x == 0) & (self._support[0][0] == 0), np.inf, density)

    def _sf(self, x: Array) -> Array:
        return self._everything(x)[2]

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        upper = np.where(z.imag < 0, np.conj(z), z)
        upper = np.where(upper == 0, -1e-140, upper) / self._unit
        g, report = self._solver.resolvent([complex(each) for each in upper], available_threads())
        self._check(report, "|z|", z.size)
        return np.asarray(-np.where(z.imag < 0, np.conj(g), g) / self._unit)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        """In ln x where a bulk begins next to 0 but not at it; else as any other."""
        support = self._support
        if not any(0 < 16 * low < high for low, high in support):
            return super()._expect(function)
        total: Any = sum(mass * function(np.array([x]))[0] for x, mass in self._known_atoms)
        for low, high in support:
            start = low
            if 0 < 16 * low < high:
                start = high / 4
                total = total + integrate(
                    lambda t: function(np.exp(t)) * self._pdf(np.exp(t)) * np.exp(t),
                    Interval(math.log(low), math.log(start)),
                    rtol=_settled,
                )
            total = total + integrate(lambda x: function(x) * self._pdf(x), Interval(start, high), rtol=_settled)
        return total


def _roots(z: float, r: float, c: float, d: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Of 1 + c p and 1 + d p: those at Y = -y, and those at Y = y' above 0."""
    eta = z + r
    low, high = _root(np.array([c, d]), np.array(z / eta), np.array(r / eta))
    return tuple(map(float, low * eta)), tuple(map(float, high * eta))
