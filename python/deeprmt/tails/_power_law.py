"""The power-law fit of Clauset, Shalizi and Newman."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import RNG, as_choice, as_count, as_key, as_number, as_threads
from .._display import Displayed
from ._comparison import Comparison, compare
from ._values import Array, ascending_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class GoodnessOfFit(Displayed):
    """How often samples of a power law lie as far from their fits as the data do; made by `PowerLaw.goodness_of_fit`.

    Attributes
    ----------
    p_value : float
        The share of samples, the data among them, whose distance is at least that of the data. Small: no power law.
    stderr : float
        Of p_value, from the number of samples.
    ks : float
        The distance of the data.
    distances : (samples,) ndarray of float64
        Those of the samples.
    alphas : (samples,) ndarray of float64
        The exponents that were fitted to them: their spread holds the choice of xmin, which `PowerLaw.stderr` does not.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import tails
    >>> x = np.random.default_rng(1).exponential(size=1000)
    >>> found = tails.fit_power_law(x, xmin=0.5).goodness_of_fit(samples=99)
    >>> found.p_value, bool(found.ks > found.distances.max())
    (0.01, True)
    """

    p_value: float
    stderr: float
    ks: float
    distances: Array
    alphas: Array

    def __repr__(self) -> str:
        return f"GoodnessOfFit(p_value={self.p_value:.4g} +- {self.stderr:.2g}, {self.distances.size} samples)"

    def to_dict(self) -> dict[str, Any]:
        """The numbers, and the spread of the exponents, for JSON."""
        return {
            "p_value": self.p_value,
            "stderr": self.stderr,
            "ks": self.ks,
            "samples": int(self.distances.size),
            "alpha_spread": float(np.nanstd(self.alphas)),
        }

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the distances of the samples and of the data; `options` go to `deeprmt.plots.goodness_of_fit`."""
        from ..plots import goodness_of_fit

        return goodness_of_fit(self, ax=ax, **options)


@dataclass(frozen=True, repr=False, eq=False)
class PowerLaw(Displayed):
    """A power law fitted to the largest values; made by `fit_power_law`.

    Attributes
    ----------
    alpha : float
        The exponent of the density, p(x) ~ x^(-alpha) from xmin on; the tail index is alpha - 1.
    xmin : float
        Where the law begins.
    ks : float
        The largest distance between the empirical and the fitted distribution function of the tail.
    n_tail : int
        How many values are xmin or larger.
    stderr : float
        Of alpha for that xmin, ``(alpha - 1) / sqrt(n_tail)``; `goodness_of_fit` tells the spread that includes its
        choice.
    convention : str
        What `ks` means, "plfit" or "two-sided".
    chosen : bool
        Whether xmin was chosen by the fit, and not given.
    x : (n,) ndarray of float64
        The values, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import tails
    >>> found = tails.fit_power_law(np.random.default_rng(1).pareto(2.0, 10_000) + 1)
    >>> bool(abs(found.alpha - 3) < 5 * found.stderr), found.tail.size == found.n_tail
    (True, True)
    """

    alpha: float
    xmin: float
    ks: float
    n_tail: int
    stderr: float
    convention: str
    chosen: bool
    x: Array = field(repr=False)

    @property
    def tail(self) -> Array:
        """The values from xmin on, ascending."""
        return self.x[self.x.size - self.n_tail :]

    def __repr__(self) -> str:
        return (
            f"PowerLaw(alpha={self.alpha:.4g} +- {self.stderr:.2g}, xmin={self.xmin:.4g}, ks={self.ks:.4g}, "
            f"n_tail={self.n_tail} of {self.x.size})"
        )

    def to_dict(self) -> dict[str, Any]:
        """The numbers, without the values, for JSON."""
        return {
            "alpha": self.alpha,
            "xmin": self.xmin,
            "ks": self.ks,
            "n_tail": self.n_tail,
            "stderr": self.stderr,
            "convention": self.convention,
            "chosen": self.chosen,
            "n": int(self.x.size),
        }

    def goodness_of_fit(self, *, samples: int = 1000, rng: RNG = 0, threads: int | None = None) -> GoodnessOfFit:
        """The p-value of the fit, from samples that follow it.

        Each sample has n values: one below xmin, drawn with replacement, with the probability that a value lies there,
        or a draw from the fitted law; then xmin is chosen anew as it was here [1]_. Where xmin was given, the tail
        alone is drawn and xmin kept.

        Parameters
        ----------
        samples : int, default 1000
            The standard error of a p-value of 0.1 is then 0.0095.
        rng : int, SeedSequence or Generator, default 0
            As `numpy.random.default_rng` takes it. A seed, also the default, gives the same p-value each time.
        threads : int, optional
            Default: every core this process may use. Never changes the result.

        Returns
        -------
        GoodnessOfFit

        References
        ----------
        .. [1] A. Clauset, C. R. Shalizi, M. E. J. Newman, SIAM Rev. 51, 661 (2009), section 4, arXiv:0706.1062.

        Examples
        --------
        >>> x = np.random.default_rng(1).exponential(size=1000)
        >>> fit_power_law(x, xmin=0.5).goodness_of_fit(samples=99).p_value
        0.01
        """
        name = "goodness_of_fit"
        count = as_count(name, "samples", samples, most=2**31)
        distances, alphas = _core.tails.power_law_bootstrap(
            self.x,
            self.x.size - self.n_tail,
            self.xmin,
            self.alpha,
            self.convention == "two-sided",
            not self.chosen,
            as_key(name, rng),
            count,
            as_threads(name, threads),
        )
        valid = np.count_nonzero(~np.isnan(distances)) + 1
        p = float((1 + np.count_nonzero(distances >= self.ks * (1 - 1e-12))) / valid)
        return GoodnessOfFit(p, float(np.sqrt(p * (1 - p) / valid)), self.ks, distances, alphas)

    def p_value_up_to(self, limit: float, samples: int, rng: RNG, threads: int) -> tuple[float, bool]:
        """As `goodness_of_fit` gives it, where xmin was chosen and it is below `limit`; else infinity, found sooner.

        And whether no sample lies as far off as the data.
        """
        name = "goodness_of_fit"
        enough = samples + 1 if limit > 1 else math.ceil(limit * (samples + 1)) - 1
        count, valid = _core.tails.power_law_bootstrap_count(
            self.x,
            self.x.size - self.n_tail,
            self.xmin,
            self.alpha,
            self.convention == "two-sided",
            as_key(name, rng),
            samples,
            self.ks * (1 - 1e-12),
            enough,
            threads,
        )
        return math.inf if count >= enough else (1 + count) / (1 + valid), count == 0

    def compare(self, alternative: str) -> Comparison:
        """The power law against another law on the same tail, by their likelihoods.

        Parameters
        ----------
        alternative : {"lognormal", "exponential", "truncated_power_law", "stretched_exponential"}
            Each as a law on [xmin, inf), its parameters by maximum likelihood.

        Returns
        -------
        Comparison
            `ratio` > 0 speaks for the power law, `z` and `p_value` say how loudly.

        Examples
        --------
        >>> x = np.random.default_rng(1).pareto(2.0, 1000) + 1
        >>> fit_power_law(x).compare("exponential")
        Comparison(power law better than exponential: ratio=..., z=..., p_value=...)
        """
        return compare(self.tail, self.xmin, alternative)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the shares of values above each, with the law; `options` go to `deeprmt.plots.power_law`."""
        from ..plots import power_law

        return power_law(self, ax=ax, **options)


def fit_power_law(
    x: ArrayLike, xmin: float | None = None, ks: str = "plfit", *, threads: int | None = None
) -> PowerLaw:
    """Fit a power law to the largest values, and find where it begins.

    For each distinct value as xmin, but the largest, ``alpha = 1 + m / sum log(x / xmin)`` over the m values from xmin
    on, and the largest distance of its distribution function from theirs; the smallest of these distances decides [1]_.
    No value is left out and no exponent is bounded: the minimum is that over all n - 1 candidates.

    A fit is not a finding: every sample has a best power law, noise and constants with rounding included. Ask
    `PowerLaw.goodness_of_fit`, `PowerLaw.compare` or `verdict` whether it is one.

    Parameters
    ----------
    x : (n,) array_like of real
        Positive and finite, in any order, n >= 3, not all equal. Ties are fine; but the law is that of continuous
        values: for counts and other integers its exponent is biased, the more the smaller xmin.
    xmin : float, optional
        Positive: where the law begins, with at least two values from there on. Default: chosen as above.
    ks : {"plfit", "two-sided"}, default "plfit"
        The distance of the m sorted tail values: "plfit" is ``max |F(z_j) - j/m|, j = 0..m-1``, as in the programs
        published with [1]_, in WeightWatcher and in powerlaw; "two-sided" compares with (j+1)/m as well, the distance
        of Kolmogorov and Smirnov. They may choose different xmin.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    PowerLaw
        `alpha`, `xmin`, `ks`, `n_tail`, `stderr`.

    Raises
    ------
    ValueError, TypeError
        If x has not one axis, fewer than three values, one that is not positive and finite, or only equal ones; if
        fewer than two lie at xmin or above; if x is not real.

    References
    ----------
    .. [1] A. Clauset, C. R. Shalizi, M. E. J. Newman, SIAM Rev. 51, 661 (2009), arXiv:0706.1062.

    Examples
    --------
    >>> x = np.random.default_rng(1).pareto(2.0, 10_000) + 1
    >>> fit_power_law(x)
    PowerLaw(alpha=... +- ..., xmin=..., ks=..., n_tail=... of 10000)
    """
    name = "fit_power_law"
    values = ascending_values(name, x, 3)
    two_sided = as_choice(name, "ks", ks, ("plfit", "two-sided")) == "two-sided"
    workers = as_threads(name, threads)
    if xmin is None:
        if values[0] == values[-1]:
            raise ValueError(f"{name}: x must have at least two distinct values, all {values.size} are {values[0]:g}")
        first, alpha, distance = _core.tails.fit_power_law(values, two_sided, workers)
        lower = float(values[first])
    else:
        lower = as_number(name, "xmin", xmin, above=0)
        first = int(np.searchsorted(values, lower))
        if values.size - first < 2 or values[-1] == lower:
            raise ValueError(
                f"{name}: at least two values must lie at xmin or above, not all at it, got xmin = {lower:g}"
            )
        alpha, distance = _core.tails.fit_power_law_from(values[first:], lower, two_sided)
    m = values.size - first
    return PowerLaw(alpha, lower, distance, m, float((alpha - 1) / np.sqrt(m)), ks, xmin is None, values)
