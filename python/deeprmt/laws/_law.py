"""What every law can do, from its support, its density and its distribution function alone."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import RNG, as_count, as_key, as_number, as_real, as_size, refuse_non_finite, shown
from .._display import two_columns
from ..errors import ConvergenceError
from ._half_plane import inverse, is_far, on_half_plane
from ._ks_distance import ks_distance
from ._log_potential import log_potential
from ._moment import moment
from ._never_falling import never_falling
from ._quadrature import Interval, integrate
from ._quantile import quantile
from ._r_and_s import means_beside, r_transform, s_transform, within_range
from ._separately import separately
from ._slope import stieltjes_slope
from ._stieltjes import stieltjes_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._affine import Affine

__all__ = ["Law"]

Array = NDArray[np.float64]

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

    Close to an edge a density goes like the root of the distance, which has the digits that x and the edge leave it.
    Where the edges are known to doubles (convolutions and other laws that are solved, and what `scale`, `shift` and
    `power` make) `pdf` and the imaginary part of `stieltjes` have a relative error of about 1e-16 |x| / distance
    there: 1e-7 at 1e-9 from the edge, where `stieltjes` as a whole is still good to some 1e-12. Laws in closed form
    with square-root edges know these to twice the digits and lose nothing.

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
        return never_falling(x, self._evaluate("cdf", x, self._cdf, below=0.0, above=1.0), 1.0, self._rounding)

    def sf(self, x: ArrayLike) -> Any:
        """The probability of a value above x; what one call returns never rises, rounding included."""
        return never_falling(x, self._evaluate("sf", x, self._sf, below=1.0, above=0.0), -1.0, self._rounding)

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
        return ks_distance(self, x)

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
        return moment(self, k)

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
        return on_half_plane(self, "stieltjes", points, self._stieltjes, lambda far: -inverse(far), 1)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        upper = [stieltjes_above(self, complex(each.real, abs(each.imag))) for each in z]
        return np.where(z.imag < 0, np.conj(upper), upper)

    @quiet
    def stieltjes_derivative(self, z: ArrayLike) -> Any:
        """The derivative of `stieltjes`: the integral of mu(dx) / (x - z)^2, complex128.

        At a real z inside the support it is the limit from the upper half plane, as there, and ``complex(inf, 0)``
        where that is infinite.
        """
        points = self._complex("stieltjes_derivative", "z", z)
        return on_half_plane(
            self, "stieltjes_derivative", points, self._stieltjes_derivative, lambda far: inverse(far) ** 2, 2
        )

    def _stieltjes_derivative(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Where a law knows nothing better."""
        return stieltjes_slope(self, z, by_quadrature=type(self)._stieltjes is Law._stieltjes)

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
        far = is_far(self, upper, live)
        out[far] = np.log(upper[far] / 4) + math.log(4)
        live &= ~far
        if live.any():
            out[live] = self._log_potential(upper[live])
        out[below] = np.conj(out[below])
        return out[()]

    def _log_potential(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """For z in the closed upper half plane: the argument at a real z is known without quadrature."""
        return log_potential(self, z)

    def r_transform(self, w: ArrayLike) -> Any:
        """R(w), real w in the range of G on the real axis outside the support: R(G(z)) + 1 / G(z) = z."""
        return self._evaluate("r_transform", w, lambda w: self._in_range("r_transform", w), argument="w")

    def _in_range(self, method: str, w: Array) -> Array:
        inner = f"_{method}"
        closed = getattr(type(self), inner) is not getattr(Law, inner)
        return within_range(self, method, w, closed=closed)

    def _r_transform(self, w: Array) -> Array:
        return r_transform(self, w)

    def _means_beside(self, centre: float, t: float) -> tuple[float, float]:
        """The means of y / (1 - t y) and of 1 / (1 - t y), y = x - centre, for 1 / t + centre outside the support."""
        return means_beside(self, centre, t)

    def s_transform(self, w: ArrayLike) -> Any:
        """S(w) of a law on [0, inf), real w above -1 + (mass at 0), up to M at the upper edge; S(0) = 1 / mean."""
        return self._evaluate("s_transform", w, lambda w: self._in_range("s_transform", w), argument="w")

    def _s_transform(self, w: Array) -> Array:
        return s_transform(self, w)

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
