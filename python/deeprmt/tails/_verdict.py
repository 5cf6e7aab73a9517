"""Power law or not, in words, with the evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from .._arguments import RNG, as_count, as_number, as_threads
from .._display import Displayed
from ._comparison import Comparison, against_a_lognormal_of_all
from ._estimates import moment
from ._plateau import Plateau, plateau
from ._power_law import GoodnessOfFit, PowerLaw, fit_power_law
from ._values import Array, ascending_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALTERNATIVES = ("lognormal", "exponential", "truncated_power_law", "stretched_exponential")
_NESTED = tuple(name for name in _ALTERNATIVES if name != "exponential")
_FEW, _SPAN = 50, 10
_COUNTS = "but the values are whole numbers with ties, and the law that is fitted is continuous"


@dataclass(frozen=True, repr=False, eq=False)
class Verdict(Displayed):
    """What the values say about a power law; made by `verdict`.

    Attributes
    ----------
    verdict : {"power law", "not distinguishable", "no power law", "no tail"}
        In words.
    reasons : tuple of str
        Why, each with its number.
    fit : PowerLaw or None
        The best power law, right or wrong; None where all values are equal or too few.
    goodness : GoodnessOfFit or None
        Of the fit.
    comparisons : tuple of Comparison
        Of the fit with other laws.
    plateau : Plateau or None
        Of Hill's estimate over the fitted tail.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import tails
    >>> found = tails.verdict(np.random.default_rng(1).pareto(2.0, 1000) + 1)
    >>> found.verdict, bool(abs(found.fit.alpha - 3) < 5 * found.fit.stderr)
    ('power law', True)
    """

    verdict: str
    reasons: tuple[str, ...]
    fit: PowerLaw | None = None
    goodness: GoodnessOfFit | None = None
    comparisons: tuple[Comparison, ...] = ()
    plateau: Plateau | None = None

    def __repr__(self) -> str:
        return f"Verdict({self.verdict}: {'; '.join(self.reasons)})"

    def to_dict(self) -> dict[str, Any]:
        """The verdict and all of its evidence, for JSON."""
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "fit": None if self.fit is None else self.fit.to_dict(),
            "goodness": None if self.goodness is None else self.goodness.to_dict(),
            "comparisons": [each.to_dict() for each in self.comparisons],
            "plateau": None if self.plateau is None else self.plateau.to_dict(),
        }

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the fitted law with the verdict above it; `options` go to `deeprmt.plots.power_law`."""
        if self.fit is None:
            raise ValueError(f"Verdict.plot: there is no fit to draw: {'; '.join(self.reasons)}")
        ax = self.fit.plot(ax, **options)
        ax.set_title(self.verdict)
        return ax


def verdict(
    x: ArrayLike, *, level: float = 0.05, samples: int = 500, rng: RNG = 0, threads: int | None = None
) -> Verdict:
    """Say whether the largest values follow a power law, and how one knows.

    "no tail"
        The largest value is less than twice the median, or the largest tenth falls off faster than an exponential law:
        the moment estimator there is below 0 at the 5% level, one-sided, as it is where values end, and for normal
        numbers, which do not. Noise, the identity and orthogonal matrices are here.
    "no power law"
        The tail of `fit_power_law` is not one: the p-value of its goodness of fit is below level / 2, or one of
        lognormal, truncated power law and stretched exponential fits better with a nested p-value below level / 6.
    "power law"
        The p-value of the fit is at least 0.1, and none of those three fits better at that level; the exponential is
        worse at `level`; Hill's estimate is flat over the tail at `level`; and the tail has at least 50 values, a tenth
        of all, and spans a factor of 10.
    "not distinguishable"
        Neither: the values are too few, or what they show fits a power law and another law alike.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 3: eigenvalues or singular values without zeros, or any sizes. They are
        taken for continuous: of counts the verdict has no meaning, and its reasons say so.
    level : float, default 0.05
        How often a power law may be called none.
    samples : int, default 500
        Of the bootstrap. With fewer than 2 / level the goodness of fit alone cannot tell that there is no power law.
    rng : int, SeedSequence or Generator, default 0
        As `numpy.random.default_rng` takes it. A seed, also the default, gives the same verdict each time.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, too few values or one that is not positive and finite; if it is not real; if level or
        samples is out of range.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> verdict(rng.pareto(2.0, 1000) + 1).verdict
    'power law'
    >>> noise = rng.normal(size=(400, 800))
    >>> verdict(np.linalg.eigvalsh(noise @ noise.T)).verdict
    'no tail'
    >>> verdict(np.ones(100))
    Verdict(no tail: the largest value is 1 times the median, less than 2)
    """
    name = "verdict"
    values = ascending_values(name, x, 3)
    size = as_number(name, "level", level, above=0)
    if size >= 1:
        raise ValueError(f"{name}: level must be below 1, got {level!r}")
    count, workers = as_count(name, "samples", samples), as_threads(name, threads)
    fit = fit_power_law(values, threads=workers) if values[0] < values[-1] else None
    return _verdict(values, fit, size, count, rng, workers, brief=False)


def in_words(fit: PowerLaw, *, samples: int, rng: RNG, threads: int) -> Verdict:
    """The verdict and its reasons for the values of a fit that is known, in less time: without `goodness`.

    They are those of `verdict`: only a p-value that decides nothing and is not named is not computed to the end.
    """
    return _verdict(fit.x, fit, 0.05, samples, rng, threads, brief=True)


def _verdict(
    values: Array, fit: PowerLaw | None, size: float, count: int, rng: RNG, workers: int, *, brief: bool
) -> Verdict:
    n = values.size
    with np.errstate(over="ignore"):
        reach = float(values[-1] / values[n // 2])
    if fit is None or reach < 2:
        return Verdict("no tail", (f"the largest value is {reach:.3g} times the median, less than 2",), fit)
    k = max(n // 10, 20)
    if k < n:
        estimate = moment(values, threads=workers)
        xi, error = float(estimate.xi[k - 1]), float(estimate.stderr[k - 1])
        if xi + 1.645 * error < 0:
            light = f"the largest {k} fall off faster than an exponential law, xi = {xi:.2g} +- {error:.2g} is below 0"
            return Verdict("no tail", (light,), fit)
    if n < _FEW:
        return Verdict("not distinguishable", (f"{n} values are too few, {_FEW} is the least",), fit)

    goodness = None if brief else fit.goodness_of_fit(samples=count, rng=rng, threads=workers)
    if goodness is None:
        fits, bound = fit.p_value_up_to(max(0.1, size / 2), count, rng, workers)
    else:
        fits, bound = goodness.p_value, not bool((goodness.distances >= fit.ks * (1 - 1e-12)).any())
    comparisons = {each: fit.compare(each) for each in _ALTERNATIVES}
    flat = plateau(values, least=max(min(fit.n_tail - 1, n - 1), 2), level=size, threads=workers)
    evidence = fit, goodness, tuple(comparisons.values()), flat
    against: list[str] = []
    if fits < size / 2:
        against.append(f"a power law fits badly, {_p_value(fits, bound)}")
    nested = {each: comparisons[each].p_nested or 0.0 for each in _NESTED}
    for each, p in nested.items():
        if p < size / 6:
            against.append(f"{each.replace('_', ' ')} fits better, p = {p:.2g}")
    # A discrete law fits the continuous one badly, be it a power law or not.
    counts = [_COUNTS] if bool((values == np.floor(values)).all()) and np.unique(values).size < n / 2 else []
    if against:
        return Verdict("no power law", (*against, *counts), *evidence)

    missing: list[str] = []
    if fits < 0.1:
        missing.append(f"a power law may fit badly, {_p_value(fits, bound)}")
    for each, p in nested.items():
        if p < 0.1:
            missing.append(f"{each.replace('_', ' ')} may fit better, p = {p:.2g}")
    rival, least = comparisons["exponential"], -float(ndtri(size / 2))
    if not (rival.ratio > 0 and rival.p_value < size):
        missing.append(_rivals("an exponential law", rival.z, least))
    z = against_a_lognormal_of_all(fit.tail, fit.xmin, n)
    if z is not None and z < least:
        missing.append(_rivals("a lognormal law of all values", z, least))
    if not flat.exists:
        missing.append(f"Hill's estimate is not flat, p = {flat.p_value:.2g}")
    with np.errstate(over="ignore"):
        span = float(values[-1] / fit.xmin)
    if span < _SPAN:
        missing.append(f"the fitted tail spans a factor of {span:.2g}, less than {_SPAN}")
    enough = max(_FEW, math.ceil(n / 10))
    if fit.n_tail < enough:
        missing.append(f"the fitted tail has {fit.n_tail} of {n} values, fewer than {enough}")
    if missing:
        return Verdict("not distinguishable", (*missing, *counts), *evidence)
    if goodness is None:
        fits, _ = fit.p_value_up_to(math.inf, count, rng, workers)
    found = (
        f"alpha = {fit.alpha:.3g} +- {fit.stderr:.2g} over {fit.n_tail} values and a factor of {span:.2g}",
        f"goodness of fit p = {fits:.2g}",
        f"an exponential law is excluded, z = {rival.z:.2g}",
    )
    return Verdict("power law", (*found, *counts), *evidence)


def _p_value(p: float, bound: bool) -> str:
    """A bound where no sample lies as far off as the data."""
    return f"goodness of fit p {'<=' if bound else '='} {p:.2g}"


def _rivals(law: str, z: float, least: float) -> str:
    """In words, for a law that is not worse than the power law at the level that belongs to `least`."""
    if z < -least:
        return f"{law} fits better, z = {z:.2g}"
    return f"{law} is not excluded, z = {z:.2g}"
