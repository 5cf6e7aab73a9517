"""Likelihood ratios between a power law and other laws on the same tail."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erfc, ndtri

from .._arguments import as_choice
from .._display import Displayed
from ._alternatives import ALTERNATIVES
from ._values import Array


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Displayed):
    """A power law against another law on the same tail; made by `PowerLaw.compare`.

    Lognormal, truncated power law and stretched exponential contain the power law as a limit: of a width that grows, a
    rate and a shape that vanish. So their likelihood is never less, and where the data bend upwards in logarithms the
    limit itself is the best of them (`boundary`; then ratio = 0).

    Attributes
    ----------
    alternative : str
        Its name.
    ratio : float
        The logarithm of the ratio of likelihoods, power law over alternative: positive speaks for the power law.
    z : float
        ratio over its standard deviation sqrt(n) s, s that of the n differences of log-likelihoods.
    p_value : float
        For both signs, from z [1]_; for the truncated power law that of the nested test, `p_nested`. Small: the sign of
        the ratio is no accident.
    p_nested : float or None
        That such a gain over the power law comes from a power law: half of P(chi^2_1 > -2 ratio), since its parameter
        lies on the boundary; 1 if the ratio is 0. None for the exponential, which holds no power law.
    boundary : bool
        Whether the alternative's best fit is the power law itself.
    parameters : dict
        Those of the alternative's best fit: "mu", "sigma"; "rate"; "alpha", "rate"; "shape", "rate".
    log_likelihoods : tuple of float
        Of the power law and of the alternative.
    n : int
        How many values the tail has.

    References
    ----------
    .. [1] Q. H. Vuong, Econometrica 57, 307 (1989).

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import tails
    >>> x = np.random.default_rng(1).pareto(2.0, 1000) + 1
    >>> found = tails.fit_power_law(x, xmin=1.0).compare("exponential")
    >>> found.ratio > 0, found.p_value < 0.01, sorted(found.parameters)
    (True, True, ['rate'])
    """

    alternative: str
    ratio: float
    z: float
    p_value: float
    p_nested: float | None
    boundary: bool
    parameters: dict[str, float]
    log_likelihoods: tuple[float, float]
    n: int

    def __repr__(self) -> str:
        name = self.alternative.replace("_", " ")
        if self.boundary:
            return f"Comparison(power law is the best {name}: ratio=0)"
        p, what = (self.p_value, "p_value") if self.p_nested is None else (self.p_nested, "p_nested")
        first, second = ("power law", name) if self.ratio > 0 else (name, "power law")
        words = f"{first} better than {second}" if p < 0.05 else f"{first} and {second} alike but for chance"
        return f"Comparison({words}: ratio={self.ratio:.4g}, z={self.z:.3g}, {what}={p:.3g})"

    def to_dict(self) -> dict[str, Any]:
        """The content, for JSON."""
        return {
            "alternative": self.alternative,
            "ratio": self.ratio,
            "z": self.z,
            "p_value": self.p_value,
            "p_nested": self.p_nested,
            "boundary": self.boundary,
            "parameters": dict(self.parameters),
            "log_likelihoods": list(self.log_likelihoods),
            "n": self.n,
        }


def compare(tail: Array, xmin: float, alternative: str) -> Comparison:
    """What `PowerLaw.compare` returns."""
    name = as_choice("compare", "alternative", alternative, tuple(ALTERNATIVES))
    u = np.log(tail) - math.log(xmin)
    close = tail < 2 * xmin
    u[close] = np.log1p((tail[close] - xmin) / xmin)
    mean = float(u.mean())
    # Densities of u = log(x / xmin); those of x are lower by log x, the same for both laws.
    power_law = -math.log(mean) - u / mean
    fit = ALTERNATIVES[name](u, xmin)
    to_x = float(u.sum()) + u.size * math.log(xmin)
    own = float(power_law.sum()) - to_x
    difference = power_law - fit.log_density
    ratio = float(difference.sum())
    nested = name != "exponential"
    if fit.boundary or (nested and ratio >= 0):  # above 0 by rounding alone
        return Comparison(name, 0.0, 0.0, 1.0, 1.0, True, fit.parameters, (own, own), u.size)
    spread = math.sqrt(u.size) * float(difference.std())
    z = ratio / spread if spread > 0 else 0.0
    p = float(erfc(abs(z) / math.sqrt(2)))
    one_sided = 0.5 * float(erfc(math.sqrt(-ratio))) if nested else None
    if name == "truncated_power_law":
        assert one_sided is not None
        p = one_sided
    return Comparison(name, ratio, z, p, one_sided, False, fit.parameters, (own, own - ratio), u.size)


def against_a_lognormal_of_all(tail: Array, xmin: float, n: int) -> float | None:
    """Vuong's z of the power law against the lognormal that puts the tail's share of n values above xmin.

    Only its width is free, 1/s: with u = log(x / xmin) and P(Z > c) the share, (s u + c)^2 / 2 - log s is least where a
    quadratic equation in s says. None where all values are in the tail.
    """
    if tail.size >= n:
        return None
    share = tail.size / n
    c = float(ndtri(1 - share))
    u = np.log(tail) - math.log(xmin)
    mean, square = float(u.mean()), float((u * u).mean())
    s = (-c * mean + math.sqrt((c * mean) ** 2 + 4 * square)) / (2 * square)
    lognormal = -((s * u + c) ** 2) / 2 + math.log(s / share) - math.log(2 * math.pi) / 2
    difference = -math.log(mean) - u / mean - lognormal
    return float(math.sqrt(u.size) * difference.mean() / difference.std())
