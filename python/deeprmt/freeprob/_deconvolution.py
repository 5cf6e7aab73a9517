"""Free deconvolution: one factor from the law of a sum or product and the other factor."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import as_count, as_number, as_real, shown
from .._display import Displayed
from ..errors import ConvergenceError
from ..laws import Law
from ..laws._affine import Affine
from ._convolution import Convolution
from ._following import reach
from ._moments import divided_moments, subtracted_moments
from ._operations import checked_law, refuse_below_zero
from ._solver import Additive, Multiplicative
from ._sources import Atoms, Scaled, Solved, Source, source

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Deconvolution", "free_divide", "free_subtract"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_RESOLVED = 1e-13  # what a series of cosines leaves out at most
_FAR = 1e9  # of what the total reaches: from there on any law looks like a point at its mean
_LEAST_HEIGHT = 1e-6  # of the total's standard deviation: the default where the part hardly varies


@dataclass(frozen=True, eq=False)
class Deconvolution(Displayed):
    """What is known of the missing factor: moments, and its Cauchy transform down to a height above the axis.

    Made by `free_subtract` and `free_divide`. It is no `Law`: the density itself lies on the axis, which no data reach.

    Attributes
    ----------
    total, part : Law
        What was given.
    product : bool
        Whether the total is a product.
    height : float
        Where `pdf` looks: it is the density of the factor with Cauchy noise of this scale added.
    report : dict
        Points, Newton steps, the largest residual and `accuracy`, an upper estimate of the relative error of the
        Cauchy transform at the points so far: rounding and how well the laws that went in are resolved. `refused`
        counts points at which the factor cannot be known: NaN in arrays, an error where no other point was asked for.

    Examples
    --------
    >>> from deeprmt.laws import Semicircle
    >>> signal = free_subtract(Semicircle(5.0), Semicircle(3.0), height=4.0)
    >>> signal.var()  # of a semicircle of radius 8
    np.float64(16.0)
    >>> round(float(signal.pdf(0.0)), 12) == round(float(Semicircle(4.0).stieltjes(4j).imag / np.pi), 12)
    True
    """

    total: Law
    part: Law
    product: bool
    height: float
    report: dict[str, Any] = field(
        default_factory=lambda: {"points": 0, "iterations": 0, "residual": 0.0, "accuracy": 0.0, "refused": 0}
    )

    @property
    def _name(self) -> str:
        return "free_divide" if self.product else "free_subtract"

    def to_dict(self) -> dict[str, Any]:
        """What was given, the first two moments of the factor, and the report."""
        return {
            "total": repr(self.total),
            "part": repr(self.part),
            "product": self.product,
            "height": self.height,
            "mean": float(self.mean()),
            "var": float(self.var()),
            "report": dict(self.report),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw `pdf` over four standard deviations, with a band of two of its standard errors."""
        from ..plots import deconvolution

        return deconvolution(self, ax=ax)

    # ---- moments ----

    def moment(self, k: int) -> np.float64:
        """The k-th moment, from free cumulants or the S-transform, in rational arithmetic."""
        k = as_count(f"{self._name}.moment", "k", k, least=0)
        series = divided_moments if self.product else subtracted_moments
        return np.float64(series(self.total, self.part, k)[k] if k else Fraction(1))

    def mean(self) -> np.float64:
        """The mean."""
        return self.moment(1)

    def var(self) -> np.float64:
        """The variance."""
        return np.float64(self.moment(2) - self.moment(1) ** 2)

    # ---- the Cauchy transform ----

    def stieltjes(self, z: ArrayLike) -> Any:
        """The integral of mu(dx) / (x - z) off the real axis; NaN in gives NaN out.

        Where z is so close to the axis that the total would have to be known beyond it, the result is NaN.

        Raises
        ------
        ValueError, TypeError
            At real z; if z is no number.
        ConvergenceError
            If every z is too close to the axis; the message says why.
        """
        given = np.asarray(z)
        if given.dtype.kind not in "fiubc":
            raise TypeError(f"{self._name}.stieltjes: z must be numbers, got {shown(z)}")
        points = given.astype(np.complex128)
        if (points.imag == 0).any():
            raise ValueError(f"{self._name}.stieltjes: z must be off the real axis, where nothing is known")
        flat = points.ravel()
        out = np.where(np.isnan(flat), complex(np.nan, np.nan), 0j)  # 0 at infinity
        finite = np.isfinite(flat)
        if finite.any():
            below = flat[finite].imag < 0
            g, *_ = self._solve(np.where(below, np.conj(flat[finite]), flat[finite]))
            out[finite] = np.where(below, -np.conj(g), -g)
        return out.reshape(points.shape)[()]

    def pdf(self, x: ArrayLike) -> Any:
        """The density of the factor plus Cauchy noise of scale `height`; NaN where that cannot be known.

        Raises
        ------
        ConvergenceError
            If that is so at every x.
        """
        return self._density(x)[0]

    def stderr(self, x: ArrayLike) -> Any:
        """The standard error of `pdf` if the total is a sample of independent values; 0 if it is no sample.

        Eigenvalues of one random matrix repel one another and scatter much less: for them it is an upper bound.
        """
        return self._density(x)[1]

    def _density(self, x: ArrayLike) -> tuple[Any, Any]:
        points = as_real(f"{self._name}.pdf", "x", x).astype(np.float64)
        finite = np.isfinite(points)
        density, spread = (np.where(np.isnan(points), np.nan, 0.0) for _ in range(2))
        if finite.any():
            density[finite], spread[finite] = self._at(points[finite])
        return density[()], spread[()]

    def _at(self, x: Array) -> tuple[Array, Array]:
        """Density and standard error at finite points."""
        g, total_at, gain = self._solve((x + 1j * self.height).astype(np.complex128))
        error = np.where(np.isnan(g), np.nan, 0.0)
        law = source(self.total)
        if isinstance(law, Atoms):
            count = 1 / min(mass for _, mass in law.atoms)
            for k in np.flatnonzero(~np.isnan(g)):
                # What each value adds to the density: the real part of its resolvent too, where the gain turns it.
                each = (gain[k] / (total_at[k] - law._at)).imag
                each = each - law._mass @ each
                error[k] = math.sqrt(float(law._mass @ each**2) / count) / math.pi
        return -g.imag / math.pi, error

    def _solve(self, z: Complex) -> tuple[Complex, Complex, Complex]:
        """G of the factor, the matching points of the total, and how errors of its G grow; Im z > 0."""
        mean = float(self.part.mean())
        reached = max(abs(end) for end in self.total._hull())
        far = np.abs(z) > _FAR * (reached / mean if self.product else reached + abs(mean))
        if not far.any():
            return self._follow(z)
        out = np.empty((3, z.size), np.complex128)
        with np.errstate(over="ignore"):
            out[0, far] = 0.25 / ((z[far] - float(self.mean())) / 4)  # also at the end of the range of doubles
            out[1, far] = z[far] * mean if self.product else z[far] + mean
            out[2, far] = mean if self.product else 1.0
        self.report["points"] += int(far.sum())
        if not far.all():
            out[:, ~far] = self._follow(z[~far])
        return out[0], out[1], out[2]

    def _follow(self, z: Complex) -> tuple[Complex, Complex, Complex]:
        """`_solve` for points that are not far out.

        With p = z and c = F, or logarithms for a product, p_total = p + p_part - c and c is the same for all three.
        Solutions are followed straight down from where there is one alone, in steps that cannot miss them.
        """
        rule: Any = Multiplicative if self.product else Additive
        total, part = precise(self.total), precise(self.part)
        low, high = self.total._hull()
        mean = float(self.part.mean())
        shift = math.log(mean) if self.product else mean
        at = z.real + 1j * np.maximum(z.imag, 10 * np.maximum(high - low, np.abs(z)))
        begin = rule.place(at) + shift
        p, good = self._newton(rule, total, part, rule.place(at), begin, 1e-9)
        refused = ~(good & (np.abs(p - begin) < 0.5 * begin.imag))
        part_of = np.ones(z.size)
        with np.errstate(all="ignore"):
            while (live := np.flatnonzero((at != z) & ~refused)).size:
                here, place = p[live], rule.place(at[live])
                c, slope = rule.value(total, here)
                other = here - place + c
                known, steep = rule.value(part, other)
                kappa, rho = reach(rule, here, c, slope, other, known, steep)
                kappa = np.where(np.isfinite(kappa), kappa, 0.0) * part_of[live]
                # |ln (1 - w)| <= |w| / (1 - |w|)
                step = kappa * np.abs(at[live]) / (1 + kappa) if self.product else kappa
                refused[live[step < 1e-4 * at[live].imag]] = True
                down = at[live].imag - step
                goal = np.where(down <= z[live].imag, z[live], z[live].real + 1j * down)
                gain = steep / (steep * (1 + slope) - slope)
                there = rule.place(goal)
                guess = here + gain * (there - place)
                tolerance = np.where(goal == z[live], 1e-9, 1e-5)
                new, good = self._newton(rule, total, part, there, guess, tolerance)
                good &= np.abs(new - here) < rho
                p[live] = np.where(good, new, here)
                at[live] = np.where(good, goal, at[live])
                part_of[live] = np.where(good, np.minimum(2 * part_of[live], 1.0), part_of[live] / 4)
            if refused.all():
                self._refuse(z, at, p)
            self.report["refused"] += int(refused.sum())
            count = z.size
            z, p = z[~refused], p[~refused]
            place = rule.place(z)
            c, slope = rule.value(total, p)
            other = p - place + c
            known, steep = rule.value(part, other)
            stiff = steep * (1 + slope) - slope
            gain = steep / stiff
            blur = np.abs(gain) * _blur(total, p, c, slope, self.product)
            blur += np.abs(slope / stiff) * _blur(part, other, known, steep, self.product)
            # of G: 1 / c, or (1 + y) / z = e^c / (z (e^c - 1))
            blur = blur / np.abs(np.expm1(c)) if self.product else blur / np.abs(c)
        self.report["points"] += count
        self.report["residual"] = max(self.report["residual"], float((np.abs(known - c) / np.abs(c)).max()))
        self.report["accuracy"] = max(self.report["accuracy"], float(blur.max()))
        where = np.exp(p) if self.product else p
        out = np.full((3, count), complex(np.nan, np.nan))
        out[:, ~refused] = rule.cauchy(z, c), where, gain * (where / z if self.product else 1.0)
        return out[0], out[1], out[2]

    def _refuse(self, z: Complex, at: Complex, p: Complex) -> NoReturn:
        """An error for the first of points that cannot be followed from `at` to z."""
        k = 0
        where = np.exp(p[k]) if self.product else p[k]
        if p[k].imag < 0.1 * at[k].imag / (abs(at[k]) if self.product else 1.0):
            reason = f"the total would have to be known beyond the real axis, which was reached near {complex(at[k])!r}"
        else:
            reason = f"solutions meet near {complex(at[k])!r}, where the total is taken at {complex(where)!r}"
        raise ConvergenceError(
            f"{self._name}: at z = {complex(z[k])!r} {reason}: a larger height is needed, or the part is none",
            {**self.report, "z": complex(z[k])},
        )

    def _newton(
        self, rule: Any, total: Any, part: Any, place: Complex, p: Complex, tolerance: Any
    ) -> tuple[Complex, NDArray[np.bool_]]:
        before = np.full(p.shape, np.inf)
        good = np.zeros(p.shape, bool)
        p = p.copy()
        with np.errstate(all="ignore"):
            for _ in range(20):
                c, slope = rule.value(total, p)
                other = p - place + c
                known, steep = rule.value(part, other)
                step = -(known - c) / (steep * (1 + slope) - slope)
                size = np.abs(step) / p.imag
                good = (size < tolerance) | ((size < 1e-5) & (size >= before / 2))
                good &= (p.imag > 0) & (other.imag > 0) & np.isfinite(size)
                before = size
                p = np.where(np.isfinite(step), p + step, p)
                self.report["iterations"] += int(p.size)
                if good.all():
                    break
        return p, good


def precise(law: Law) -> Source:
    """A law as a source; free convolutions, whose densities may have cusps, by equations of their own."""
    out = source(law)
    base = law.base if isinstance(law, Affine) else law
    if not isinstance(base, Convolution) or out.accuracy <= _RESOLVED:
        return out
    solved = Solved(base, base._resolvent, base._resolvent_moments, base._mean_argument)
    if isinstance(law, Affine):
        return Scaled(law, solved)
    return solved


def _blur(known: Source, p: Complex, c: Complex, slope: Complex, product: bool) -> Array:
    """How well c is known: to rounding, and to the mass that the law as a source may have in the wrong place."""
    w = np.exp(p) if product else p
    low, high = known.hull
    away = np.abs(w - np.clip(w.real, low, high))
    lost = max(4 * known.accuracy, 1e-15)
    size = 4e-16 * (np.abs(p) * np.abs(slope) + np.abs(c) + 1.0 * product)
    if not product:
        return np.asarray(size + lost * np.abs(c) ** 2 / away)
    # c = ln((1 + y) / y), 1 + y = w G: dc = -dy / (y (1 + y)), with y = 1 / (e^c - 1)
    return np.asarray(size + lost * np.abs(w) / away * np.abs(np.expm1(c)) ** 2 / np.abs(np.exp(c)))


def free_subtract(total: Law, part: Law, *, height: float | None = None) -> Deconvolution:
    """What is left of a free sum without one of its two summands.

    Parameters
    ----------
    total : Law
        The law of the sum: for instance `laws.Empirical` of 10^4 eigenvalues.
    part : Law
        The law of the summand that is known: for instance the noise.
    height : float, optional
        The scale of the Cauchy noise that `pdf` of the result leaves in. Default: 2 sqrt(2) times the standard
        deviation of `part`, above which the method is proven to work [1]_, and at least 1e-6 of that of `total`. Often
        much less will do; where not, an error says so.

    Returns
    -------
    Deconvolution
        Moments, the Cauchy transform above the axis, a density smoothed by `height`, and its standard error.

    Raises
    ------
    TypeError
        If an argument is no law.
    ValueError
        If a support is not bounded, or `part` has a larger variance than `total`.

    Notes
    -----
    At z above the axis, z_total = z + omega - F with F = F_total(z_total) = F_part(omega) is solved by Newton's method.
    There may be other solutions: the right one is followed from high above down to z, in steps short enough for
    Rouche's theorem to tell it from all others. Where it meets another one, or the axis, an error says so. Nothing else
    is regularised: the height is all.

    References
    ----------
    .. [1] O. Arizmendi, P. Tarrago and C. Vargas, Subordination methods for free deconvolution, Ann. Inst. H. Poincare
       Probab. Statist. 56, 2565 (2020), arXiv:1711.08871.

    Examples
    --------
    >>> from deeprmt.freeprob import free_add
    >>> from deeprmt.laws import Empirical, Semicircle
    >>> signal = free_subtract(free_add(Empirical([0.0, 0.0, 3.0]), Semicircle(0.5)), Semicircle(0.5), height=0.5)
    >>> [round(float(signal.moment(k)), 10) for k in (1, 2, 3)]
    [1.0, 3.0, 9.0]
    >>> float(round(signal.pdf(3.0), 8))  # a third of a Cauchy density of scale 0.5, and the tail of the rest
    0.22367722
    """
    total, part = (checked_law("free_subtract", name, law) for name, law in (("total", total), ("part", part)))
    return _made("free_subtract", total, part, False, height, 2 * math.sqrt(2) * float(part.std()))


def free_divide(total: Law, part: Law, *, height: float | None = None) -> Deconvolution:
    """What is left of a free product without one of its two factors, all at least 0.

    Parameters
    ----------
    total : Law
        The law of the product: for instance `laws.Empirical` of 10^4 eigenvalues of a sample covariance.
    part : Law
        The law of the factor that is known: for instance Marchenko and Pastur's.
    height : float, optional
        The scale of the Cauchy noise that `pdf` of the result leaves in. Default: 2 sqrt(2) times the standard
        deviation of `part`, in units of its mean and for a factor with the mean that follows, and at least 1e-6 of
        that of `total`, likewise. That is no theorem, but that it works is checked at every point.

    Returns
    -------
    Deconvolution
        Moments, the Cauchy transform above the axis, a density smoothed by `height`, and its standard error.

    Raises
    ------
    TypeError
        If an argument is no law.
    ValueError
        If a support is not bounded or reaches below 0, or `part` has a larger variance, relative to the mean, than
        `total`.

    Examples
    --------
    >>> from deeprmt.freeprob import free_multiply
    >>> from deeprmt.laws import Empirical, MarchenkoPastur
    >>> noise = MarchenkoPastur(0.1)
    >>> spectrum = free_divide(free_multiply(Empirical([1.0, 1.0, 4.0]), noise), noise, height=1.0)
    >>> [round(float(spectrum.moment(k)), 10) for k in (1, 2, 3)]
    [2.0, 6.0, 22.0]
    """
    total, part = (checked_law("free_divide", name, law) for name, law in (("total", total), ("part", part)))
    for name, law in (("total", total), ("part", part)):
        refuse_below_zero("free_divide", name, law)
        if law.mean() == 0:
            raise ValueError(f"free_divide: {name} must have a mean above 0, got {law!r}")
    mean = float(part.mean())
    return _made(
        "free_divide", total, part, True, height, 2 * math.sqrt(2) * float(part.std()) * float(total.mean()) / mean**2
    )


def _made(function: str, total: Law, part: Law, product: bool, height: float | None, default: float) -> Deconvolution:
    unit = (float(total.mean()), float(part.mean())) if product else (1.0, 1.0)
    if float(part.std()) / unit[1] > float(total.std()) / unit[0] * (1 + 1e-12):
        raise ValueError(
            f"{function}: part must not vary more than total, of which it is a part, got standard deviations of"
            f" {float(part.std()) / unit[1]:.6g} and {float(total.std()) / unit[0]:.6g}"
            + (" relative to the means" if product else "")
        )
    if height is not None:
        return Deconvolution(total, part, product, as_number(function, "height", height, above=0))
    least = _LEAST_HEIGHT * (float(total.std()) or abs(float(total.mean())))
    if product:
        least /= unit[1]
    return Deconvolution(total, part, product, max(default, least) or _LEAST_HEIGHT)
