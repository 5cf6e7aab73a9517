"""The bulk of a spectrum: which levels are zero, which stand out, and the Marchenko-Pastur law of the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import RNG, as_count, as_key, as_number, as_threads
from .._display import Displayed
from ..ensembles import laguerre_eigenvalues
from ..laws import MarchenkoPastur, TracyWidom
from ._spikes import Spikes, invert_spikes, strength_squared
from ._units import Array, as_shape, as_values, in_units, unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Bulk", "Goodness", "fit_bulk", "outlier_p_values"]

LEAST_LEVELS = 10
"""Below that a spectrum says nothing about a law."""
_LARGEST = 1e140
_ROUNDS = 20
_LEVEL = 0.001


@dataclass(frozen=True)
class Goodness(Displayed):
    """How well a law describes a bulk: a distance, and how often noise of the same shape is as far from its own fit.

    Attributes
    ----------
    ks : float
        Kolmogorov-Smirnov distance between the bulk and its law.
    p_value : float
        (1 + the number of simulated matrices of noise with at least that distance) / (1 + trials).
    trials : int
        Simulated matrices.

    Examples
    --------
    >>> Goodness(ks=0.02, p_value=0.4, trials=199).to_dict()
    {'ks': 0.02, 'p_value': 0.4, 'trials': 199}
    """

    ks: float
    p_value: float
    trials: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"ks": self.ks, "p_value": self.p_value, "trials": self.trials}


@dataclass(frozen=True, eq=False)
class Bulk(Displayed):
    """The Marchenko-Pastur law of the singular values that are left after zeros and outliers were set apart.

    Each outlier takes one dimension from both sides: with k of them the rest is as (rank - k) x (N - k) noise, N the
    longer side.

    Attributes
    ----------
    singular_values : (min(shape),) ndarray
        Descending, zeros and outliers included.
    shape : (int, int)
        Rows and columns.
    sigma, stderr : float
        Standard deviation of the noise's entries, and its standard error for Gaussian ones.
    rank : int
        Singular values that are not zero up to rounding.
    outliers : int
        Singular values above the threshold.
    threshold : float
        The largest singular value of Gaussian noise stays below it, but for a share `level` of all matrices: that sigma
        comes from the same matrix is allowed for.
    level : float
        As given.
    rounds : int
        Rounds that the fit took.
    settled : bool
        Whether the number of outliers settled.
    found : bool
        False where more than half of the levels would have been set apart: there is no such bulk. Then the law is that
        of the median.

    Examples
    --------
    >>> from deeprmt.ensembles import laguerre_eigenvalues
    >>> noise = np.sqrt(200 * laguerre_eigenvalues(200, 100, 1, rng=0)[::-1])
    >>> bulk = fit_bulk(noise, (100, 200))
    >>> bulk.outliers, bulk.follows, bulk.goodness(trials=19).p_value > 0.05
    (0, True, True)
    """

    singular_values: Array
    shape: tuple[int, int]
    sigma: float
    stderr: float
    rank: int
    outliers: int
    threshold: float
    level: float
    rounds: int
    settled: bool
    found: bool

    @property
    def _apart(self) -> int:
        return self.outliers if self.found else 0

    @property
    def aspect(self) -> float:
        """(rank - k) / (N - k), of the law."""
        return (self.rank - self._apart) / (max(self.shape) - self._apart)

    @property
    def law(self) -> MarchenkoPastur:
        """Of the singular values in the bulk."""
        scale = self.sigma * math.sqrt(max(self.shape) - self._apart)
        return MarchenkoPastur(self.aspect, scale, singular=True)

    @property
    def values(self) -> Array:
        """The singular values in the bulk, descending: without outliers, if a bulk was found, and without zeros."""
        return self.singular_values[self._apart : self.rank]

    @cached_property
    def ks(self) -> float:
        """Kolmogorov-Smirnov distance between the values of the bulk and their law."""
        return float(self.law.ks_distance(self.values))

    @property
    def follows(self) -> bool:
        """Whether noise is a fair description: a bulk was found, and its distance from the law is small.

        Small is 0.08 and one level: enough for a law to be of use, though a large matrix of pure noise is much closer.
        `goodness` is the test for that.
        """
        return self.found and self.ks < 0.08 + 1 / self.values.size

    @property
    def effective_shape(self) -> tuple[int, int]:
        """`shape`, its shorter side cut to the rank."""
        rows, columns = self.shape
        return (self.rank, columns) if rows <= columns else (rows, self.rank)

    @property
    def p_values(self) -> Array:
        """For each outlier and the value below them, see `outlier_p_values`: at most `level` for the outliers alone."""
        stderr = self.stderr if self.found else 0.0
        out = outlier_p_values(self.singular_values[: self.outliers], self.effective_shape, self.sigma, stderr=stderr)
        if self.outliers == self.rank:
            return out
        # The value below counts in sigma already.
        short, long = self.rank - self.outliers, max(self.shape) - self.outliers
        y = in_units(self.singular_values[self.outliers, None], self.sigma)
        z = _score(y**2, short, long, short * long if self.found else math.inf)
        return np.concatenate([out, np.asarray(TracyWidom(1).sf(z), np.float64)])

    def spikes(self) -> Spikes:
        """The signal behind the outliers, see `invert_spikes`."""
        return invert_spikes(self.singular_values[: self.outliers], self.effective_shape, self.sigma)

    def goodness(self, *, trials: int = 199, rng: RNG = 0, threads: int | None = None) -> Goodness:
        """Test the bulk against noise: the distance of the fitted law, calibrated by simulation.

        Tables of Kolmogorov's distribution do not serve: eigenvalues repel, so that noise is far closer to its law than
        independent numbers would be, and the scale is fitted.

        Parameters
        ----------
        trials : int, default 199
            Simulated spectra of (rank - k) x (N - k) Gaussian noise, each fitted in the same way.
        rng : optional
            Anything that `numpy.random.default_rng` takes. Default: the same draws each time.
        threads : int, optional
            Default: every core this process may use. Never changes the result.

        Returns
        -------
        Goodness
            A small p-value says that the bulk is not that of noise with independent entries of one variance. Noise with
            heavy tails or variances that differ from row to row is not.

        Notes
        -----
        Time O(trials rank^2): spectra come from bidiagonal matrices. Distances are kept, so that layers of one shape
        cost one simulation where `rng` is a number.
        """
        trials = as_count("goodness", "trials", trials)
        short, long = self.rank - self._apart, max(self.shape) - self._apart
        key, inner = as_key("goodness", rng), as_threads("goodness", threads)
        distances = _distances(short, long, self.level, trials, key, inner)
        return Goodness(self.ks, (1 + int(np.count_nonzero(distances >= self.ks))) / (1 + trials), trials)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The singular values with the law, its threshold, and the outliers."""
        from ..plots import spectrum

        return spectrum(
            self.singular_values[: self.rank],
            self.law,
            ax=ax,
            share=self.values.size / self.rank,
            threshold=self.threshold,
            label="singular values",
            law_label=f"noise, sigma {self.sigma:.4g}",
            xlabel="singular value",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, without the singular values."""
        out = {name: value for name, value in vars(self).items() if name not in ("singular_values", "ks")}
        low, high = self.law.support()[0]
        extra = {"aspect": self.aspect, "lower_edge": float(low), "upper_edge": float(high), "ks": self.ks}
        return out | {"shape": list(self.shape), "p_values": self.p_values.tolist()} | extra

    def __repr__(self) -> str:
        what = f"{self.outliers} of {self.rank} above {self.threshold:.4g}"
        bulk = f"sigma {self.sigma:.4g} ± {self.stderr:.2g}" if self.found else "no bulk"
        return f"Bulk of {self.shape[0]} x {self.shape[1]}: {bulk}, KS {self.ks:.3f}, {what}"


def fit_bulk(
    singular_values: ArrayLike, shape: tuple[int, int], *, level: float = _LEVEL, precision: float = 2.0**-52
) -> Bulk:
    """Fit the law of noise to the bulk of a spectrum, whatever stands out of it.

    The median, matched to the Marchenko-Pastur law's [1]_, gives the first sigma, which no spike can inflate. Values
    beyond the edge and its Tracy-Widom allowance [2]_ [3]_ are set apart, the mean square of the rest gives the next
    sigma, and so on until their number stays. Then each is tested once more, the least first, against a sigma that
    counts it as noise [4]_: to set a value apart lowers sigma, and so would make it look larger than it is.

    Parameters
    ----------
    singular_values : (min(shape),) array_like of real
        All of them, descending.
    shape : (int, int)
        Rows and columns of the matrix, either one the larger.
    level : float, default 0.001
        The probability that Gaussian noise has an outlier, at any shape. Entries with heavier tails have more: of
        matrices with Student's t entries of 5 degrees of freedom about one in six has one.
    precision : float, default 2**-52
        Of the type in which the entries were stored, ``numpy.finfo(dtype).eps``: what their rounding can make out of a
        singular value 0 counts as zero, unless a full random matrix of that shape would have as many as small.

    Returns
    -------
    Bulk
        `.sigma`, `.stderr`, `.outliers`, `.p_values`, `.spikes()`, `.law`, `.ks`, `.goodness()`, `.plot()`.

    Raises
    ------
    ValueError, TypeError
        If the singular values are not min(shape) finite numbers that descend and are not negative; if fewer than 10 of
        them are not zero; if level is not in [1e-12, 1), or precision not above 0.

    Notes
    -----
    A spike does not leave with all that it has: each takes ``sigma^2 / theta^2`` times the mean eigenvalue of the bulk
    with it, beside its dimensions, theta its strength in units of sigma sqrt(N). The mean square is corrected for that.
    The standard error is sigma / sqrt(2 (rank - k) (N - k)).

    Of Gaussian matrices of 10 x 10 to 100 x 100, 0.6 to 1.6 in 1000 have an outlier at the default level.

    References
    ----------
    .. [1] M. Gavish and D. L. Donoho, IEEE Trans. Inf. Theory 60, 5040 (2014), arXiv:1305.5870.
    .. [2] I. M. Johnstone, Ann. Stat. 29, 295 (2001).
    .. [3] Z. Ma, Bernoulli 18, 322 (2012).
    .. [4] B. Nadler, J. Multivariate Anal. 102, 363 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt.linalg import svdvals
    >>> rng = np.random.default_rng(0)
    >>> signal = 60 * np.outer(np.full(300, 300**-0.5), np.full(200, 200**-0.5))
    >>> bulk = fit_bulk(svdvals(signal + rng.normal(size=(300, 200))), (300, 200))
    >>> bulk
    Bulk of 300 x 200: sigma 0.999... ± 0.0029, KS 0.013, 1 of 200 above 32...
    >>> bulk.spikes().strengths
    array([60...])
    """
    shape = as_shape("fit_bulk", shape)
    s = as_values("fit_bulk", "singular_values", singular_values, min(shape))
    level = as_number("fit_bulk", "level", level, above=0)
    precision = as_number("fit_bulk", "precision", precision, above=0)
    if s.size < min(shape):
        raise ValueError(f"fit_bulk: singular_values must be all min(shape) = {min(shape)} of them, got {s.size}")
    if s.size and s[0] > 0 and not 1 / _LARGEST < s[0] < _LARGEST:
        raise ValueError(f"fit_bulk: singular_values must have squares in double precision, the largest is {s[0]:.3g}")
    if not 1e-12 <= level < 1:
        raise ValueError(f"fit_bulk: level must be from 1e-12 to below 1, got {level}")
    rank = s.size - zeros(s, shape, precision)
    if rank < LEAST_LEVELS:
        raise ValueError(f"fit_bulk: singular_values must have at least {LEAST_LEVELS} that are not zero, found {rank}")
    return fit(s, shape, rank, level)


def outlier_p_values(singular_values: ArrayLike, shape: tuple[int, int], sigma: float, *, stderr: float = 0.0) -> Array:
    """How often noise has a singular value as large: the test of Tracy and Widom, one value after the other.

    Parameters
    ----------
    singular_values : (k,) array_like of real
        The k largest, descending; those from `sigma`'s bulk need not be among them.
    shape : (int, int)
        Rows and columns, either one the larger.
    sigma : float
        Standard deviation of the noise's entries, as `fit_bulk` gives it.
    stderr : float, default 0
        Standard error of sigma, where that was estimated from the singular values below these. Default: sigma is known.

    Returns
    -------
    (k,) ndarray
        The i-th is the probability that the largest singular value of noise with i rows and columns less is as large:
        given that the i values before it are signal, it is a p-value for this one [1]_. Go down the list and stop at
        the first that does not convince.

    Raises
    ------
    ValueError, TypeError
        If there are more values than min(shape), they ascend, are negative or not finite; if sigma is not above 0, or
        stderr is negative.

    Notes
    -----
    The square over sigma^2, centred and scaled as Johnstone [2]_ and Ma [3]_ say, has the law `laws.TracyWidom(1)`
    where the entries of the noise are independent with tails that are not heavy. For Gaussian ones and p-values down to
    0.001 the tail is right to a third of the p-value from sides of 10 on, to a quarter at sides of 100.

    With `stderr` the value is compared with a sigma^2 that counts it as noise: what the values below say, in
    ``(sigma / stderr)^2 / 2`` degrees of freedom, and the value itself. In that ratio the common scale cancels, and it
    varies less than the value by ``v = 2 (centre / width)^2`` over all degrees of freedom [4]_; the distance from the
    law's mean is stretched to its variance. The third cumulant remains: a shift of 0.5 v^1.5, enough for noise
    of 10 x 10 to 100 x 100 and 10 x 200, stands for it.

    References
    ----------
    .. [1] S. Kritchman and B. Nadler, IEEE Trans. Signal Process. 57, 3930 (2009).
    .. [2] I. M. Johnstone, Ann. Stat. 29, 295 (2001).
    .. [3] Z. Ma, Bernoulli 18, 322 (2012).
    .. [4] B. Nadler, J. Multivariate Anal. 102, 363 (2011).

    Examples
    --------
    >>> outlier_p_values([60.0, 56.0, 53.9], (500, 1000), 1.0)
    array([2.307...e-50, 1.936...e-11, 1.579...e-01])
    """
    shape = as_shape("outlier_p_values", shape)
    s = as_values("outlier_p_values", "singular_values", singular_values, min(shape))
    y = in_units(s, unit_of("outlier_p_values", sigma, shape) / math.sqrt(max(shape)))
    error = as_number("outlier_p_values", "stderr", stderr, least=0)
    freedom = (sigma / error) ** 2 / 2 if error > sigma * 1e-150 else math.inf
    with np.errstate(over="ignore"):
        z = np.minimum(_scores(np.minimum(y**2, 1e300), shape, freedom, np.arange(s.size)), 1e9)
    return np.asarray(TracyWidom(1).sf(z), np.float64)


def _scores(x: Array, shape: tuple[int, int], freedom: float, gone: Any) -> Array:
    """Of squares over a sigma^2 from the values below, `gone` values before each: where in Tracy and Widom's law."""
    short, long = min(shape) - gone, max(shape) - gone
    if math.isinf(freedom):
        return _score(x, short, long, freedom)
    n = max(shape)
    t = strength_squared(np.sqrt(x / n), min(shape) / n)
    # What a spike takes along, as in `_sigma2`, is missing from the rest; the value brings its row and column back.
    taken = np.where(np.isnan(t), 1 / math.sqrt(min(shape) * n), 1 / (t * n))
    rest = freedom - min(freedom, min(shape) * n) * taken
    whole = freedom + short + long - 1
    return _score(x * (whole / (rest + x)), short, long, whole)


def _score(x: Array, short: Any, long: Any, freedom: Any) -> Array:
    """Where in Tracy and Widom's law: of squares over a sigma^2 with that many degrees of freedom, theirs included."""
    centre, width = _largest(short, long)
    stretch, shift = _narrower(centre, width, freedom)
    return np.asarray(_MEAN + stretch * ((x - centre) / width - _MEAN) - shift)


_MEAN, _VARIANCE = -1.2065335745820, 1.6077810345810
"""Of Tracy and Widom's law for beta = 1."""


def _narrower(centre: Any, width: Any, freedom: Any) -> tuple[Any, Any]:
    """Stretch and shift for a sigma that was estimated; for tiny shapes no more than a stretch of 2.2."""
    v = np.minimum(2 / freedom * (centre / width) ** 2, 0.8 * _VARIANCE)
    return 1 / np.sqrt(1 - v / _VARIANCE), 0.5 * v**1.5


def _largest(short: Any, long: Any) -> tuple[Any, Any]:
    """Centre and width of the largest eigenvalue of A^T A, A with independent N(0, 1) entries."""
    a, b = np.sqrt(long - 0.5), np.sqrt(short - 0.5)
    return (a + b) ** 2, (a + b) * np.cbrt(1 / a + 1 / b)


@lru_cache(maxsize=1024)
def _median(aspect: float) -> float:
    return float(MarchenkoPastur(aspect).ppf(0.5))


@lru_cache
def _quantile(level: float) -> float:
    return float(TracyWidom(1).ppf(1 - level))


def rounding(shape: tuple[int, ...], rms: float, precision: float) -> float:
    """What rounding of the stored entries can add to a singular value.

    Each entry is off by up to half the distance to the next number. As a noise matrix that has a norm below
    rms * precision / 2 * (sqrt m + sqrt n). Entries that were also computed in the precision they are stored in (a
    product of factors, say) are off by more: single and double precision are fine enough for a wide margin.
    """
    margin = 16 if precision < 1e-6 else 1
    return margin * precision / 2 * rms * (math.sqrt(shape[0]) + math.sqrt(shape[1]))


def few_distinct(s: Array, gap: float) -> int:
    """How many different numbers the sorted values are, if they are fewer than a law needs; else 0.

    Values coincide where a bunch of them is no wider than `gap`, at least two to a bunch on the average.
    """
    cuts = np.flatnonzero(np.abs(np.diff(s)) > gap)
    count = cuts.size + 1
    if count >= LEAST_LEVELS or s.size < 2 * count:
        return 0
    first, last = np.concatenate([[0], cuts + 1]), np.concatenate([cuts, [s.size - 1]])
    return count if (np.abs(s[first] - s[last]) <= gap).all() else 0


def zeros(s: Array, shape: tuple[int, int], precision: float) -> int:
    """How many of the descending singular values are zero up to rounding.

    That is rounding of the decomposition, below max(shape) * 2^-52 * s_max, or of the stored entries. The smallest
    levels of a full, nearly square matrix come as low as the latter by chance and in a known number: those stay.
    """
    if s[0] == 0:
        return s.size
    least, most = min(shape), max(shape)
    u = s / s[0]
    rms = math.sqrt(float((u**2).sum()) / (least * most))
    bound = rounding(shape, rms, precision)
    exact = int(np.count_nonzero(u <= most * 2.0**-52))
    rounded = int(np.count_nonzero(u <= bound))
    if rounded == 0:
        return exact
    chance = least * float(MarchenkoPastur(least / most, rms).cdf(bound**2 / most))
    return max(exact, rounded if rounded > chance + 5 * math.sqrt(chance) else 0)


def fit(s: Array, shape: tuple[int, int], rank: int, level: float = _LEVEL) -> Bulk:
    """As `fit_bulk`, of checked values whose rank is known."""
    n, top = max(shape), float(s[0])
    # Eigenvalues of W^T W / n, of a matrix whose norm is 1: no scale overflows.
    levels = (s[:rank] / top) ** 2 / n
    first = float(np.median(levels)) / _median(rank / n)
    sigma2, outliers, settled, found = first, 0, False, True
    for rounds in range(1, _ROUNDS + 1):
        beyond = int(np.count_nonzero(levels > _threshold(sigma2, rank - outliers, n - outliers, n, level)))
        if 2 * beyond > rank:
            sigma2, settled, found = first, False, False
            outliers = int(np.count_nonzero(levels > _threshold(first, rank, n, n, level)))
            break
        settled = beyond == outliers and rounds > 1
        outliers = beyond
        sigma2 = _sigma2(levels, outliers, n, sigma2)
        if settled:
            break
    if found:
        outliers, sigma2 = _confirmed(levels, outliers, n, sigma2, level)
    apart = outliers if found else 0
    threshold = _threshold(sigma2, rank - apart, n - apart, n, level, estimated=found)
    if found:
        threshold = max(threshold, float(levels[outliers]))  # the two forms of the test agree but for rounding
    sigma = top * math.sqrt(sigma2)
    return Bulk(
        singular_values=s,
        shape=shape,
        sigma=sigma,
        stderr=sigma / math.sqrt(2.0 * (rank - apart) * (n - apart)),
        rank=rank,
        outliers=outliers,
        threshold=top * math.sqrt(n * threshold),
        level=level,
        rounds=rounds,
        settled=settled,
        found=found,
    )


def _confirmed(levels: Array, outliers: int, n: int, sigma2: float, level: float) -> tuple[int, float]:
    """How many stand out of a bulk that would count the least of them as noise, and sigma^2 of the others."""
    rank, limit = levels.size, _quantile(level)

    def without(k: int) -> float:
        found = sigma2
        for _ in range(4 if k else 1):  # strengths are in units of sigma; to rounding, so that p-values agree
            found = _sigma2(levels, k, n, found)
        return found

    def stands_out(k: int) -> bool:
        x = levels[k - 1 : k] * (n / without(k))
        return bool(_scores(x, (rank, n), (rank - k) * (n - k), k - 1)[0] > limit)

    while 2 * (outliers + 1) <= rank:
        here = without(outliers)  # first the cheap form: the value counts in this sigma already
        if levels[outliers] <= _threshold(here, rank - outliers, n - outliers, n, level, estimated=True):
            break
        if not stands_out(outliers + 1):
            break
        outliers += 1
    while outliers and not stands_out(outliers):
        outliers -= 1
    return outliers, without(outliers)


def _sigma2(levels: Array, outliers: int, n: int, before: float) -> float:
    """The mean of the bulk, with what the outliers took along: 1 / (n t) of it each, t their squared strength."""
    mean = float(levels[outliers:].mean()) * n / (n - outliers)
    beta = levels.size / n
    t = strength_squared(np.sqrt(levels[:outliers] / before), beta)
    taken = float(np.where(np.isnan(t), 1 / math.sqrt(beta), 1 / t).sum()) / n
    return mean / (1 - taken)


def noise_threshold(shape: tuple[int, int], sigma: float, level: float = _LEVEL) -> float:
    """What the largest singular value of noise exceeds at that level."""
    n = max(shape)
    return sigma * math.sqrt(n * _threshold(1.0, min(shape), n, n, level))


def _threshold(sigma2: float, p: int, m: int, n: int, level: float, *, estimated: bool = False) -> float:
    """Of sigma^2 / n times A^T A, A m x p with unit entries: what the largest eigenvalue exceeds at that level.

    With `estimated`, sigma^2 is the mean square of that A.
    """
    centre, width = _largest(p, m)
    z = _quantile(level)
    if estimated:
        stretch, shift = _narrower(centre, width, p * m)
        z = _MEAN + (z + shift - _MEAN) / stretch
    return float(sigma2 / n * (centre + z * width))


@lru_cache(maxsize=256)
def _distances(short: int, long: int, level: float, trials: int, key: int, threads: int) -> Array:
    """Distances between noise and the law fitted to it, each trial a matrix of its own."""
    out = np.empty(trials)
    at_once = max(1, 2**22 // short)
    rng = np.random.SeedSequence(key)
    for begin in range(0, trials, at_once):
        count = min(at_once, trials - begin)
        (stream,) = rng.spawn(1)
        draws = laguerre_eigenvalues(long, short, 1, size=count, rng=stream, threads=threads)
        for i, eigenvalues in enumerate(draws):
            s = np.sqrt(eigenvalues[::-1] * long)
            out[begin + i] = fit(s, (short, long), short, level).ks
    out.setflags(write=False)
    return out
