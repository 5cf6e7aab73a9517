"""What every law can do, from its support, its density and its distribution function alone."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from .. import _core
from .._arguments import RNG, as_count, as_key, as_number, as_real, as_size, refuse_non_finite, shown
from .._display import two_columns
from ..errors import ConvergenceError
from ._quadrature import Interval, integrate
from ._quantile import quantile
from ._separately import separately

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._affine import Affine

__all__ = ["Law"]

Array = NDArray[np.float64]

_CIRCLE = 48

# Formulas may pass through 0/0 and overflow on the way to a right value, and inf is one: no warning leaves a law.
quiet = np.errstate(all="ignore")


class Law(ABC):
    """A probability law on the real line: a continuous part on some intervals, and atoms.

    Methods are named as in `scipy.stats`, so ``scipy.stats.kstest(x, law.cdf)`` works for a law without atoms. Computed
    values scatter around an atom by rounding, and half of its mass would count as distance: there `ks_distance` is the
    one to take. Methods take arrays of any shape and return float64 arrays of that shape (a NumPy scalar for a scalar);
    NaN in gives NaN out. Of a law that is solved numerically, points at which that fails are NaN too, and its `report`
    counts them; where all points of a call fail, or many, that is a `ConvergenceError`.

    Notes
    -----
    Transforms, with mu the law:

    - Stieltjes transform ``m(z)``: the integral of mu(dx) / (x - z). Its imaginary part is positive in the upper half
      plane and the density is ``Im m(x + i0) / pi``. Free probability mostly writes ``G(z) = -m(z)``. On the axis it is
      the limit from above. Where that diverges, at an atom and at an end of the support where the density does not
      vanish, it is ``complex(inf, 0)``: infinity, whatever the direction.
    - R-transform: ``R(G(z)) + 1 / G(z) = z``. It adds under free sums; ``R(0)`` is the mean.
    - S-transform: ``S(y) = (1 + y) / (y M^{-1}(y))`` with ``M(z) = z G(z) - 1``. It multiplies under free products of
      laws on [0, inf); ``S(0)`` is 1 / mean.

    A new law needs `support`, `_pdf` and `_cdf`, and `atoms` where it has any. The rest follows numerically: quantiles
    by bracketed root finding, moments and `stieltjes` by quadrature in an angle that takes square-root edges, vanishing
    or diverging, in its stride; R and S by inverting G and M on the real axis outside the support. A law that knows a
    closed form overrides the method's inner half (`_ppf`, `_moment`, `_expect`, `_stieltjes`, ...), which gets and
    returns arrays of one axis. `_pdf` and `_cdf` see finite x only, inside the hull of the support and the atoms. `_sf`
    is worth overriding where 1 - cdf loses digits near the upper edge.

    Examples
    --------
    >>> class Uniform(Law):
    ...     def support(self):
    ...         return [(0.0, 1.0)]
    ...
    ...     def _pdf(self, x):
    ...         return np.ones_like(x)
    ...
    ...     def _cdf(self, x):
    ...         return x
    >>> law = Uniform()
    >>> law.ppf(0.25), law.cdf(2.0), round(float(law.var()), 12)
    (np.float64(0.25), np.float64(1.0), 0.083333333333)
    """

    # ---- what a law states ----

    @abstractmethod
    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order."""

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        return []

    @abstractmethod
    def _pdf(self, x: Array) -> Array:
        """The density of the continuous part; 0 outside the support."""

    @abstractmethod
    def _cdf(self, x: Array) -> Array:
        """The mass of (-inf, x], atoms included."""

    def _logpdf(self, x: Array) -> Array:
        with np.errstate(divide="ignore"):  # log 0 is -inf on purpose
            return np.log(self._pdf(x))

    def _sf(self, x: Array) -> Array:
        """The mass of (x, inf)."""
        return 1 - self._cdf(x)

    # ---- density and distribution ----

    def pdf(self, x: ArrayLike) -> Any:
        """The density of the continuous part at x; atoms do not show in it."""
        return self._evaluate("pdf", x, self._pdf, below=0.0, above=0.0)

    def logpdf(self, x: ArrayLike) -> Any:
        """The logarithm of `pdf`; -inf outside the support."""
        return self._evaluate("logpdf", x, self._logpdf, below=-np.inf, above=-np.inf)

    def cdf(self, x: ArrayLike) -> Any:
        """The probability of a value of at most x; what one call returns never falls, rounding included."""
        return _never_falling(x, self._evaluate("cdf", x, self._cdf, below=0.0, above=1.0), 1.0, self._rounding)

    def sf(self, x: ArrayLike) -> Any:
        """The probability of a value above x; what one call returns never rises, rounding included."""
        return _never_falling(x, self._evaluate("sf", x, self._sf, below=1.0, above=0.0), -1.0, self._rounding)

    # By how much rounding may let the distribution function fall: what falls further is not hidden.
    _rounding = 1e-14

    @quiet
    def ppf(self, q: ArrayLike) -> Any:
        """The least x whose `cdf` reaches the probability q; the ends of the support for q = 0 and 1."""
        levels = as_real(f"{self._name}.ppf", "q", q).astype(np.float64)
        outside = (levels < 0) | (levels > 1)
        if outside.any():
            raise ValueError(f"{self._name}.ppf: q must be in [0, 1], got {float(levels[outside].flat[0])!r}")
        known = ~np.isnan(levels)
        out = np.full(levels.shape, np.nan)
        if known.any():
            out[known] = self._ppf(levels[known])
        return out[()]

    def _ppf(self, q: Array) -> Array:
        return quantile(self, q)

    @quiet
    def ks_distance(self, values: ArrayLike) -> float:
        """The Kolmogorov-Smirnov distance: how far the distribution functions of values and law are apart at most.

        Parameters
        ----------
        values : array_like of real
            Finite, at least one, any shape and order. Whether one within 1e-9 of the largest magnitude of an atom lies
            on it, or beside it by rounding, cannot be told: there the distance counts for what it exceeds the atom's
            mass by.

        Returns
        -------
        float
            In [0, 1].

        Raises
        ------
        ValueError, TypeError
            If there is no value, or one is not finite; if they are not real.

        Examples
        --------
        >>> from deeprmt.laws import Semicircle
        >>> round(Semicircle().ks_distance([0.0]), 12)
        0.5
        """
        x = as_real(f"{self._name}.ks_distance", "values", values).astype(np.float64)
        if x.size == 0:
            raise ValueError(f"{self._name}.ks_distance: values must be at least one, got none")
        refuse_non_finite(f"{self._name}.ks_distance", "values", x)
        points, counts = np.unique(x, return_counts=True)
        after = np.cumsum(counts) / x.size
        before = after - counts / x.size
        cdf = np.asarray(self.cdf(points))
        distance = np.maximum(np.abs(after - cdf), np.abs(before - cdf))
        locations, masses = np.array(sorted(self.atoms())).reshape(-1, 2).T
        if not locations.size:
            return float(distance.max())
        middles = (locations[1:] + locations[:-1]) / 2
        reach = 1e-9 * np.abs(points).max()
        nearest = np.searchsorted(middles, points)
        beside = np.abs(points - locations[nearest]) <= reach
        distance = np.where(beside, distance - masses[nearest], distance)
        # Where the stretches in doubt end nothing is.
        low = np.maximum(locations - reach, np.concatenate([[-np.inf], middles]))
        high = np.minimum(locations + reach, np.concatenate([middles, [np.inf]]))
        ranks = np.searchsorted(points, low, side="left"), np.searchsorted(points, high, side="right")
        counted = np.concatenate([[0.0], after])[np.concatenate(ranks)]
        ends = np.asarray(self.cdf(np.concatenate([low, high])))
        ends[: locations.size] -= np.where(low == locations, masses, 0.0)  # the stretch is the atom alone
        return float(max(0.0, distance.max(), np.abs(counted - ends).max()))

    def median(self) -> np.float64:
        """The quantile of 1/2."""
        return np.float64(self.ppf(0.5))

    @quiet
    def rvs(self, size: int | tuple[int, ...] | None = None, *, rng: RNG = None) -> Any:
        """Independent values with this law, from a counter-based stream; by quantiles of uniform numbers, mostly.

        Parameters
        ----------
        size : int or tuple of int, optional
            The shape; None gives a single number.
        rng : optional
            Whatever `numpy.random.default_rng` takes. The same seed gives the same values.
        """
        shape = as_size(f"{self._name}.rvs", size)
        return self._rvs(math.prod(shape), as_key(f"{self._name}.rvs", rng)).reshape(shape)[()]

    def _rvs(self, count: int, key: int) -> Array:
        q = np.empty(count)
        _core.random.uniforms(key, 0, 0, 0, q)
        return self._ppf(q)

    # ---- moments ----

    @quiet
    def moment(self, k: int) -> np.float64:
        """The mean of the k-th power, k >= 0; inf, or -inf, beyond the range of doubles."""
        power = as_count(f"{self._name}.moment", "k", k, least=0)
        try:
            value = 1.0 if power == 0 else self._moment(power)
        except OverflowError:
            value = math.nan
        if math.isnan(value):
            low, high = self._hull()
            if power % 2 == 0 or low >= 0:
                return np.float64(math.inf)
            if high <= 0:
                return np.float64(-math.inf)
            raise ValueError(f"{self._name}.moment: moment {power} is beyond the range of doubles")
        return np.float64(value)

    def _moment(self, k: int) -> float:
        """In units of the far end, or of where most of the integral comes from, so that nothing overflows early."""
        low, high = self._hull()
        size = max(abs(low), abs(high))
        if math.isinf(size) and k > 20:
            return self._moment_by_logarithms(k)
        if k <= 20 and (math.isinf(size) or 1e-15 < size < 1e15):
            return float(self.expect(lambda x: x**k))
        if size == 0:
            return 0.0
        return _times_power(float(self.expect(lambda x: (x / size) ** k)), size, k)

    def _moment_by_logarithms(self, k: int) -> float:
        """Of a law without atoms whose support has no end."""
        total = 0.0
        for interval in self._intervals():
            # The mode of |x|^k times the density, on both sides of 0.
            steps = np.geomspace(1e-3, 1e6, 4001) * (interval.scale + abs(interval.centre))
            x = np.concatenate([-steps[::-1], steps])
            x = x[(x > interval.low) & (x < interval.high)]
            height = k * np.log(np.abs(x)) + self._logpdf(x)
            top = float(np.nanmax(height))
            mode = float(x[np.nanargmax(height)])

            def integrand(x: Array, top: float = top) -> Array:
                value = np.exp(k * np.log(np.abs(x)) + self._logpdf(x) - top)
                return np.where(np.isfinite(x) & (x != 0), np.sign(x) ** k * value, 0.0)

            share = float(integrate(integrand, interval, split=(mode / 2, mode, 2 * mode)))
            total += math.copysign(math.exp(top + math.log(abs(share))), share) if share else 0.0
        return total

    def mean(self) -> np.float64:
        """The mean."""
        return self.moment(1)

    def var(self) -> np.float64:
        """The variance."""
        mean = float(self.mean())
        return np.float64(self.expect(lambda x: (x - mean) ** 2))

    def std(self) -> np.float64:
        """The standard deviation."""
        return np.float64(math.sqrt(self.var()))

    def expect(self, function: Callable[[Array], Any]) -> Any:
        """The mean of a vectorised function, real or complex, by quadrature.

        Raises
        ------
        ConvergenceError, TypeError
            If the integral does not settle, for instance because it is infinite; if `function` is none.
        """
        if not callable(function):
            raise TypeError(f"{self._name}.expect: function must be callable, got {shown(function)}")
        return np.asarray(self._expect(function))[()]

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        total: Any = 0.0
        if atoms := self.atoms():
            locations, masses = np.array(atoms).T
            total = np.sum(masses * function(locations))
        for interval in self._intervals():
            total = total + integrate(_weighted(function, self._pdf), interval)
        return total

    # ---- transforms ----

    @quiet
    def stieltjes(self, z: ArrayLike) -> Any:
        """The integral of mu(dx) / (x - z), complex128.

        At a real z inside the support it is the limit from the upper half plane, pi times the density being its
        imaginary part. Where the limit is infinite, at atoms and at ends where the density does not vanish, it is
        ``complex(inf, 0)``.
        """
        points = self._complex("stieltjes", "z", z)
        return self._transform("stieltjes", points, self._stieltjes, lambda far: -_inverse(far), 1)

    def _transform(
        self,
        method: str,
        z: NDArray[np.complex128],
        function: Callable[[Any], Any],
        beyond: Callable[[Any], Any],
        order: int,
    ) -> NDArray[np.complex128]:
        """`function` of upper half planes where z is finite, `beyond` so far out that the law looks like a point at 0.

        What is infinite in one part is infinite. It may be so where the law diverges, and no number anywhere else is
        an error that says where.
        """
        out = np.full(z.shape, complex(np.nan, np.nan))
        out[np.isinf(z)] = 0
        live = np.isfinite(z)
        below = z.imag < 0
        upper = np.where(below, np.conj(z), z) + 0j  # -0.0 is 0
        far = self._far(upper, live)
        out[far] = beyond(upper[far])
        live &= ~far
        if live.any():
            value, failed = self._separately(function, upper[live])
            if (lost := ~np.isfinite(value) & ~failed).any():
                at = upper[live][lost]
                wrong = at[~self._infinite_at(at, order)]
                if wrong.size:
                    message = f"{self._name}.{method}: the formula gives no number at {complex(wrong[0])!r}"
                    raise ConvergenceError(message, {"z": wrong})
                value = np.where(lost, complex(math.inf, 0), value)
            out[live] = value
        out[below] = np.conj(out[below])
        return out[()]

    def _infinite_at(self, z: NDArray[np.complex128], order: int) -> NDArray[np.bool_]:
        """Whether the integral of 1 / |x - z|^order is infinite, or beyond the range of doubles, at z or next to it."""
        reach = 1e-300 if order == 1 else 1e-140
        marks = [location for location, _ in self.atoms()]
        ends = [end for pair in self.support() for end in pair if math.isfinite(end)]
        if order == 1 and ends:  # elsewhere the density vanishes
            heights = self._pdf(np.array(ends))
            ends = [end for end, height in zip(ends, heights, strict=True) if height > 0]
        out = np.zeros(z.shape, bool)
        for mark in [*marks, *ends]:
            out |= np.abs(z - mark) <= max(reach, 4 * math.ulp(mark))
        rest = ~out & (z.imag <= reach)
        low, high = self._hull()
        rest &= (z.real >= low) & (z.real <= high)
        if rest.any():  # an infinite density inside
            out[rest] = self._pdf(z.real[rest]) > (1e300 if order == 1 else 1e140)
        return out

    def _far(self, z: NDArray[np.complex128], live: NDArray[np.bool_]) -> NDArray[np.bool_]:
        size = np.abs(z)  # inf beyond the range of doubles
        if not (size[live] > 1e100).any():
            return np.zeros(z.shape, bool)
        low, high = self._hull()
        if math.isfinite(low) and math.isfinite(high):
            return live & (size > max(1e100, 1e30 * max(abs(low), abs(high))))
        # Tails may fall slowly.
        reach = max(abs(each.centre) + each.scale for each in self._intervals())
        return live & (size > max(1e200, 1e150 * reach))

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        upper = [self._stieltjes_above(complex(each.real, abs(each.imag))) for each in z]
        return np.where(z.imag < 0, np.conj(upper), upper)

    def _stieltjes_above(self, z: complex) -> complex:
        total = 0j
        for location, mass in self.atoms():
            if z == location:
                return complex(math.inf, 0)
            total += mass / (location - z)
        x0 = z.real
        for interval in self._intervals():
            a, b = interval.low, interval.high
            for end, other in ((a, b), (b, a)):
                if math.isfinite(end) and abs(z - end) <= 1e-280:  # below what quadrature can resolve
                    if not self._pole_diverges(end, other, interval.scale):
                        z = complex(end)
                    elif z == end:
                        return complex(math.inf, 0)
            x0 = z.real
            inside = a < x0 < b
            # Half of the distance to the finite end, or a typical width.
            reach = min(x0 - a, b - x0, abs(x0 - interval.centre) + interval.scale) / 2
            close = inside and abs(z.imag) < (b - a if math.isfinite(b - a) else reach)
            height = float(self._pdf(np.array([x0]))[0]) if close else math.nan
            split = (x0, *_towards_ends(z, interval))
            if close and not math.isfinite(b - a):  # a window around the pole, and the rest
                low, high = x0 - reach, x0 + reach
                total += integrate(
                    _less(self._pdf, height, z), Interval(low, high), split=(x0,), rtol=1e-12, size=height
                )
                total += height * _pole_between(low, high, z)
                for rest in (
                    Interval(a, low, interval.scale, interval.centre),
                    Interval(high, b, interval.scale, interval.centre),
                ):
                    total += integrate(_less(self._pdf, 0.0, z), rest, split=split, rtol=1e-12)
            elif math.isfinite(height):
                # The pole is close to the path: take the density at x0 out, whose integral is a logarithm.
                total += integrate(_less(self._pdf, height, z), interval, split=split, rtol=1e-12, size=height)
                total += height * _pole_between(a, b, z)
            else:
                total += integrate(_less(self._pdf, 0.0, z), interval, split=split, rtol=1e-12)
        return total

    def _pole_diverges(self, end: float, other: float, scale: float) -> bool:
        """Whether the mean of 1 / |x - end| is infinite: the density does not vanish there, but for rounding."""
        width = other - end if math.isfinite(other) else math.copysign(scale, other)
        x = end + width * np.array([0.0, 1e-10, 1e-4])
        here, near, far = self._pdf(x)
        return bool(here > 0 and near > far / 2 and x[1] != x[0])

    @quiet
    def stieltjes_derivative(self, z: ArrayLike) -> Any:
        """The derivative of `stieltjes`: the integral of mu(dx) / (x - z)^2, complex128.

        At a real z inside the support it is the limit from the upper half plane, as there, and ``complex(inf, 0)``
        where that is infinite.
        """
        points = self._complex("stieltjes_derivative", "z", z)
        return self._transform(
            "stieltjes_derivative", points, self._stieltjes_derivative, lambda far: _inverse(far) ** 2, 2
        )

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Where a law knows nothing better: the slope of m along a circle in the upper half plane that ends at z.

        With d the distance of z to the ends of the support and to the atoms, m continues analytically to a distance
        of at least sqrt(5) times the radius d / 2 from the centre z + i d / 2, also where z lies on the support. The
        48 values on the circle so give the slope to 48 / 5^24, times 1 / d. Wants a density that is analytic inside.
        """
        low, high = self._hull()
        if type(self)._stieltjes is Law._stieltjes and math.isfinite(high - low):
            beside = np.hypot(np.maximum(np.maximum(low - z.real, z.real - high), 0), z.imag)
            plain = beside > 0.1 * (high - low)
            if plain.any():  # one integral, not 48
                out = np.empty_like(z)
                out[plain] = [self.expect(_double_pole(each)) for each in z[plain]]
                if not plain.all():
                    out[~plain] = self._slope_on_circle(z[~plain])
                return out
        return self._slope_on_circle(z)

    def _slope_on_circle(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        upper = np.where(z.imag < 0, np.conj(z), z)
        ends = [end for pair in self.support() for end in pair if math.isfinite(end)]
        ends += [location for location, _ in self.atoms()]
        if ends:
            marks = np.unique(ends)
            right = np.minimum(np.searchsorted(marks, upper.real), marks.size - 1)
            near = np.minimum(np.abs(upper - marks[right]), np.abs(upper - marks[np.maximum(right - 1, 0)]))
        else:
            near = np.maximum(self._intervals()[0].scale, upper.imag)
        out = np.full(z.shape, complex(np.inf, 0.0))  # at an end or an atom
        live = near > 0
        if live.any():
            radius = near[live, None] / 2
            turn = np.exp(2j * math.pi * (np.arange(_CIRCLE) / _CIRCLE - 0.25))  # begins at z, below the centre
            path = upper[live, None] + radius * (turn + 1j)
            path[:, 0] = upper[live]
            path.imag = np.maximum(path.imag, 0.0)
            values = self._stieltjes(path.ravel()).reshape(path.shape)
            # m = sum_k a_k turn^k on the circle, and m' = sum_k k a_k turn^(k - 1) / radius at turn = -i.
            a = np.fft.fft(values, axis=1) / _CIRCLE  # in powers of i turn, which is 1 at z
            out[live] = 1j * (a @ np.arange(_CIRCLE)) / radius[:, 0]
        below = z.imag < 0
        out[below] = np.conj(out[below])
        outside = (z.imag == 0) & live
        for low, high in self.support():
            outside &= (z.real < low) | (z.real > high)
        out.imag[outside] = 0.0
        return out

    @quiet
    def log_potential(self, z: ArrayLike) -> Any:
        """The integral of log(z - x) mu(dx), complex128; at real z the limit from the upper half plane.

        Its imaginary part is then pi times the mass above z, its real part the mean of log |z - x|. The derivative is
        minus `stieltjes`.
        """
        points = self._complex("log_potential", "z", z)
        out = np.full(points.shape, complex(np.nan, np.nan))
        live = np.isfinite(points)
        below = points.imag < 0
        upper = np.where(below, np.conj(points), points) + 0j
        infinite = np.isinf(upper)
        out[infinite] = math.inf + 1j * np.angle(upper[infinite])
        far = self._far(upper, live)
        out[far] = np.log(upper[far] / 4) + math.log(4)
        live &= ~far
        if live.any():
            out[live] = self._log_potential(upper[live])
        out[below] = np.conj(out[below])
        return out[()]

    def _log_potential(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """For z in the closed upper half plane: the argument at a real z is known without quadrature."""
        out = np.empty(z.shape, np.complex128)
        for i, each in enumerate(z):
            total = 0j
            with np.errstate(divide="ignore"):
                for location, mass in self.atoms():
                    total += mass * np.log(complex(each) - location + 0j)
                for interval in self._intervals():
                    inside = (each.real,) if interval.low < each.real < interval.high else ()
                    total += integrate(_times_logarithm(self._pdf, complex(each)), interval, split=inside, rtol=1e-12)
            out[i] = complex(total.real, math.pi * float(self.sf(each.real))) if each.imag == 0 else total
        return out

    def r_transform(self, w: ArrayLike) -> Any:
        """R(w), real w in the range of G on the real axis outside the support: R(G(z)) + 1 / G(z) = z."""
        return self._evaluate("r_transform", w, lambda w: self._in_range("r_transform", w), argument="w")

    def _in_range(self, method: str, w: Array) -> Array:
        """A closed form, which knows no end, for w in the range of the transform; what is inverted notices itself."""
        if np.isinf(w).any():
            raise ValueError(f"{self._name}.{method}: w must be finite, got {float(w[np.isinf(w)][0])!r}")
        positive = method == "s_transform"
        low, high = self._hull()
        inner = self._s_transform if positive else self._r_transform
        if positive and low >= 0:
            bottom = sum(mass for location, mass in self.atoms() if location == 0) - 1
            if (w < bottom).any() or (bottom > -1 and (w == bottom).any()):
                raise ValueError(
                    f"{self._name}.s_transform: w must be in the range of the transform, above {bottom!r}, got"
                    f" {float(w[w <= bottom][0])!r}"
                )
        closed = getattr(type(self), inner.__name__) is not getattr(Law, inner.__name__)
        if closed and math.isfinite(low + high) and not (positive and low < 0):
            # M at the upper end, or G at both; their rounding counts like that of its root.
            ends = np.array([high]) if positive else np.array([low, high])
            m = np.asarray(self.stieltjes(ends)).real
            limits = np.where(np.isinf(m), math.inf, -ends * m - 1 if positive else -m)
            top, least = limits[-1], -math.inf if positive or math.isinf(limits[0]) else limits[0]
            beyond = (w > top * (1 + 1e-7)) | (w < least * (1 + 1e-7))
            if beyond.any():
                wish = f"at most {top:.6g}" if positive else f"from {least:.6g} to {top:.6g}"
                raise ValueError(
                    f"{self._name}.{method}: w must be in the range of the transform, {wish}, got"
                    f" {float(w[beyond][0])!r}"
                )
        try:
            return inner(w)
        except ConvergenceError as error:
            message = f"{self._name}.{method}: w is too close to the end of the range of the transform: {error}"
            raise ConvergenceError(message, error.report) from None

    def _r_transform(self, w: Array) -> Array:
        low, high = self._hull()
        centre = (low + high) / 2 if math.isfinite(low + high) else low if math.isfinite(low) else high
        if not math.isfinite(centre):
            raise ValueError(f"{self._name}.r_transform: the support must have an end")

        def means(t: float) -> tuple[float, float]:
            return self._means_beside(centre, t)

        def solve(w: float) -> float:
            t = self._invert("r_transform", lambda t: t * means(t)[1], w, low - centre, high - centre)
            numerator, denominator = means(t)
            return centre + numerator / denominator

        return np.array([solve(each) for each in w])

    def _means_beside(self, centre: float, t: float) -> tuple[float, float]:
        """The means of y / (1 - t y) and of 1 / (1 - t y), y = x - centre, for 1 / t + centre outside the support."""
        return (
            float(self.expect(lambda x: (x - centre) / (1 - t * (x - centre)))),
            float(self.expect(lambda x: 1 / (1 - t * (x - centre)))),
        )

    def s_transform(self, w: ArrayLike) -> Any:
        """S(w) of a law on [0, inf), real w above -1 + (mass at 0), up to M at the upper edge; S(0) = 1 / mean."""
        return self._evaluate("s_transform", w, lambda w: self._in_range("s_transform", w), argument="w")

    def _s_transform(self, w: Array) -> Array:
        low, high = self._hull()
        if low < 0:
            raise ValueError(
                f"{self._name}.s_transform: the law must live on [0, inf), but its support begins at {low}"
            )

        def mean(u: float) -> float:
            return self._means_beside(0.0, u)[0]  # with z = 1 / u, this is M(z) / u

        def solve(w: float) -> float:
            u = self._invert("s_transform", lambda u: u * mean(u), w, 0.0, high)
            return (1 + w) / mean(u)

        return np.array([solve(each) for each in w])

    def _invert(self, method: str, function: Callable[[float], float], w: float, low: float, high: float) -> float:
        """The t in (1 / low, 1 / high) where the increasing `function`, 0 at 0, equals w; low <= 0 <= high."""
        if w == 0:
            return 0.0
        bound = high if w > 0 else low
        if math.isinf(bound):
            side = "positive" if w > 0 else "negative"
            raise ValueError(
                f"{self._name}.{method}: w must not be {side} where the support has no end on that side, got {w!r}"
            )
        end = math.copysign(math.inf, w) if bound == 0 else 1 / bound
        size = max(abs(x) for x in (low, high) if math.isfinite(x))
        t = end / 2 if math.isfinite(end) else math.copysign(1 / size if size > 0 else 1.0, w)
        previous = 0.0
        slope = function(t * 1e-6) / (t * 1e-6)
        if abs(w) < slope * abs(t * 1e-7):  # bisection from 0 would be slow, and the transform is a straight line here
            t, previous = 2 * w / slope, w / slope / 2
        for _ in range(200):
            if t in (0, end) or abs(function(t)) >= abs(w):
                break
            previous = t
            t = 4 * t if math.isinf(end) else end - (end - t) / 4
        if t in (0, end) or abs(function(t)) < abs(w):
            raise ValueError(f"{self._name}.{method}: w must be in the range of the transform, got {w!r}")
        # In units of t and of w, so that brentq's products do not underflow.
        return t * float(brentq(lambda s: function(s * t) / w - 1, previous / t, 1.0, xtol=1e-300, rtol=1e-15))

    # ---- new laws from this one ----

    def scale(self, c: float) -> Affine:
        """The law of c times a value; a negative c mirrors it."""
        from ._affine import Affine

        factor = as_number(f"{self._name}.scale", "c", c)
        if factor == 0:
            raise ValueError(f"{self._name}.scale: c must not be 0")
        return Affine(self, factor, 0.0)

    def shift(self, c: float) -> Affine:
        """The law of a value plus c."""
        from ._affine import Affine

        return Affine(self, 1.0, as_number(f"{self._name}.shift", "c", c))

    def power(self, p: float) -> Law:
        """The law of a value to the power p: any p but 0 for laws on [0, inf), p = 1, 2, 3, ... for others.

        ``power(0.5)`` turns eigenvalues of ``J @ J.T`` into singular values of J. A negative p wants no mass at 0.
        """
        from ._power import Power

        exponent = as_number(f"{self._name}.power", "p", p)
        if exponent == 0:
            raise ValueError(f"{self._name}.power: p must not be 0")
        return self if exponent == 1 else Power(self, exponent)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the density, and the atoms as stems; `options` go to `deeprmt.plots.law`."""
        from ..plots import law
        from ..plots._axes import refuse_no_axes

        refuse_no_axes(f"{self._name}.plot", ax)
        return law(self, ax=ax, **options)

    def _repr_html_(self) -> str:
        content: dict[str, Any] = {
            "law": repr(self),
            "support": self.support(),
            "atoms": self.atoms(),
            "mean": None,
            "std": None,
        }
        with suppress(ConvergenceError):  # a mean that is infinite
            content["mean"] = float(self.mean())
            content["std"] = float(self.std())
        return two_columns(self._name, content)

    # ---- inner helpers ----

    def _singular_points(self) -> list[float]:
        """Points inside the support at which the density is infinite: quantiles close by count distances from there."""
        return []

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _hull(self) -> tuple[float, float]:
        """The least interval that carries all mass."""
        ends = [end for interval in self.support() for end in interval] + [location for location, _ in self.atoms()]
        return min(ends), max(ends)

    def _intervals(self) -> list[Interval]:
        """The support with the scales that quadrature needs where it has no end."""
        out = []
        for low, high in self.support():
            if math.isfinite(low) and math.isfinite(high):
                out.append(Interval(low, high))
                continue
            below, middle, above = self._ppf(np.array([0.25, 0.5, 0.75]))
            if math.isfinite(low) or math.isfinite(high):
                scale = abs(middle - (low if math.isfinite(low) else high))
                out.append(Interval(low, high, float(scale)))
            else:
                out.append(Interval(low, high, float(above - below), float(middle)))
        return out

    @quiet
    def _evaluate(
        self,
        method: str,
        value: ArrayLike,
        function: Callable[[Array], Array],
        *,
        argument: str = "x",
        below: float | None = None,
        above: float | None = None,
    ) -> Any:
        """`function` where `value` is no NaN; with `below` and `above` given, inside the hull only."""
        x = as_real(f"{self._name}.{method}", argument, value).astype(np.float64, copy=False)
        if below is not None and above is not None:
            low, high = self._hull()
            if math.isfinite(low + high) and ((x >= low) & (x <= high)).all():  # what mostly happens, without copies
                return self._separately(function, x.ravel())[0].reshape(x.shape)[()]
        out = np.full(x.shape, np.nan)
        inside = ~np.isnan(x)
        if below is not None and above is not None:
            out[x < low], out[x > high] = below, above
            inside = (x >= low) & (x <= high) & np.isfinite(x)
            if math.isinf(low):
                out[x == low] = below
            if math.isinf(high):
                out[x == high] = above
        if inside.any():
            out[inside] = self._separately(function, x[inside])[0]
        return out[()]

    def _separately(self, function: Callable[[Any], Any], x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """A solver that fails at some points does not spoil the others: there NaN is returned, and which they are."""
        value, failed = separately(function, x)
        if failed.any():
            self._note_failed(int(failed.sum()))
        return value, failed

    def _note_failed(self, count: int) -> None:  # noqa: B027
        """For reports of laws that are solved; others have none."""

    def _complex(self, method: str, argument: str, value: ArrayLike) -> NDArray[np.complex128]:
        array = np.asarray(value)
        if array.dtype.kind not in "fiubc":
            raise TypeError(f"{self._name}.{method}: {argument} must be numbers, got dtype {array.dtype}")
        return array.astype(np.complex128)


def _weighted(function: Callable[[Array], Any], density: Callable[[Array], Array]) -> Callable[[Array], Any]:
    """The integrand of a mean: powers may overflow where there is no mass."""

    def integrand(x: Array) -> Any:
        weight = density(x)
        return np.where(weight == 0, 0, function(x) * weight)

    return integrand


def _times_power(value: float, size: float, k: int) -> float:
    """value * size^k, for a power that may be beyond the range of doubles where the product is not."""
    mantissa, exponent = math.frexp(size)
    whole = exponent * k
    for _ in range(k):
        value *= mantissa
        value, more = math.frexp(value)
        whole += more
    return math.ldexp(value, whole)


def _never_falling(x: ArrayLike, value: Any, sign: float, most: float) -> Any:
    """The largest value times `sign` so far, in ascending x, in place of those that fall by no more than `most`."""
    if np.ndim(value) == 0 or value.size < 2:
        return value
    at, flat = np.asarray(x, np.float64).ravel(), sign * value.ravel()
    order = None
    if not (at[1:] >= at[:-1]).all():
        order = np.argsort(at, kind="stable")
        flat = flat[order]
    if (flat[1:] >= flat[:-1]).all():
        return value
    top = np.fmax.accumulate(flat)
    mended = np.where(flat >= top - most, top, flat)  # NaN stays
    if order is not None:
        back = np.empty_like(mended)
        back[order] = mended
        mended = back
    return (sign * mended).reshape(value.shape)


def _times_logarithm(density: Callable[[Array], Array], z: complex) -> Callable[[Array], Any]:
    """The integrand of the logarithmic potential."""

    def integrand(x: Array) -> Any:
        away = z - x + 0j
        at = away == 0  # integrable: one node more or less does not count
        return np.where(at, 0, density(x) * np.log(np.where(at, 1, away)))

    return integrand


def _inverse(z: Any) -> Any:
    """1 / z, also where |z| is beyond the range of doubles."""
    return 0.25 / (z / 4)


def _pole_between(low: float, high: float, z: complex) -> complex:
    """The integral of 1 / (x - z) from low to high, low < Re z < high and Im z >= 0; from above where that is 0."""
    return complex(np.log(complex(high - z.real, -z.imag)) - np.log(complex(z.real - low, z.imag)) + 1j * math.pi)


def _less(density: Callable[[Array], Array], height: float, z: complex) -> Callable[[Array], Any]:
    """The integrand of the Stieltjes transform, the density lowered by a constant."""

    def integrand(x: Array) -> Any:
        away = x - z
        at = away == 0  # where x rounds to z, the difference of densities is 0
        return np.where(at, 0, (density(x) - height) / np.where(at, 1, away))

    return integrand


def _towards_ends(z: complex, interval: Interval) -> tuple[float, ...]:
    """Where panels end if z is close to an end: at distances from there that grow from that of z in equal ratios."""
    a, b = interval.low, interval.high
    width = b - a if math.isfinite(b - a) else interval.scale
    out = []
    for end, sign in ((a, 1.0), (b, -1.0)):
        distance = abs(z - end) if math.isfinite(end) else math.inf
        while 0 < distance < width / 16:
            out.append(end + sign * distance)
            distance *= 16
    return tuple(out)


def _double_pole(z: complex) -> Callable[[Array], Any]:
    return lambda x: 1 / (x - z) ** 2
