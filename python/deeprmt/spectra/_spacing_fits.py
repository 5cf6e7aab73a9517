"""Laws of spacings between independent levels and random matrices, fitted by maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from .._arguments import as_real, refuse_non_finite
from .._display import Displayed
from ..errors import ConvergenceError
from ..laws import BerryRobnik, Brody

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SpacingFit", "fit_berry_robnik", "fit_brody"]

Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class SpacingFit(Displayed):
    """A law fitted to spacings; made by `fit_brody` and `fit_berry_robnik`.

    Attributes
    ----------
    parameter : float
        Brody's q (0: independent, 1: random matrices), or Berry and Robnik's rho (1: independent, 0: random matrices).
    stderr : float
        Its standard error, right for dependent spacings too: from sums of the score over blocks. NaN at a bound.
    log_likelihood : float
        Of the fit.
    count : int
        The number of spacings.
    law : Law
        The fitted law, of mean 1.
    at_bound : bool
        Whether the likelihood is greatest at an end of the parameter's range.

    Examples
    --------
    >>> from deeprmt import laws, spectra
    >>> found = spectra.fit_brody(laws.Brody(0.5).rvs(4000, rng=1))
    >>> bool(abs(found.parameter - 0.5) < 5 * found.stderr), type(found.law).__name__
    (True, 'Brody')
    """

    parameter: float
    stderr: float
    log_likelihood: float
    count: int
    law: Brody | BerryRobnik
    at_bound: bool

    def __repr__(self) -> str:
        note = ", at the bound" if self.at_bound else ""
        return f"SpacingFit({type(self.law).__name__}: {self.parameter:.4g} +- {self.stderr:.2g}{note})"

    def to_dict(self) -> dict[str, Any]:
        """Numbers for JSON; a standard error that is not known is None."""
        return {
            "law": type(self.law).__name__,
            "parameter": self.parameter,
            "stderr": self.stderr if np.isfinite(self.stderr) else None,
            "log_likelihood": self.log_likelihood,
            "count": self.count,
            "at_bound": self.at_bound,
        }

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the density of the law; `options` go to `deeprmt.plots.law`."""
        return self.law.plot(ax, **options)


def _as_spacings(function: str, spacings: ArrayLike, least: float) -> Array:
    """With mean 1."""
    s = as_real(function, "spacings", spacings).astype(np.float64).ravel()
    refuse_non_finite(function, "spacings", s)
    if s.size < 10:
        raise ValueError(f"{function}: the number of spacings must be at least 10, got {s.size}")
    if s.min() < 0:
        raise ValueError(f"{function}: spacings must not be negative, got {float(s.min())!r}")
    if s.min() <= least:
        raise ValueError(f"{function}: spacings must be above 0, found {int((s <= least).sum())} that are 0")
    mean = float((s / s.size).sum())
    if not mean > 0:
        raise ValueError(f"{function}: spacings must not all be 0")
    return np.asarray(s / mean)


def _fit(function: str, s: Array, make: Callable[[float], Any], low: float, high: float) -> SpacingFit:
    def loss(value: float) -> float:
        return -float(np.sum(make(value).logpdf(s)))

    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-9 * (high - low)})
    if not found.success or not np.isfinite(found.fun):
        raise ConvergenceError(f"{function}: the likelihood has no maximum that could be found", {"spacings": s.size})
    best, least = float(found.x), float(found.fun)
    for end in (low, high):
        if loss(end) <= least:
            best, least = end, loss(end)
    step = 1e-4 * (high - low)
    at_bound = min(best - low, high - best) < step
    if at_bound:
        best = low if best - low < step else high
        return SpacingFit(best, float("nan"), -loss(best), s.size, make(best), True)
    below, here, above = (np.asarray(make(best + shift).logpdf(s)) for shift in (-step, 0.0, step))
    information = -float(np.sum(above - 2 * here + below)) / step**2
    score = (above - below) / (2 * step)
    # Neighbours are dependent: the variance of the score's sum comes from blocks of some ten spacings, if many.
    block = max(1, min(12, s.size // 20))
    blocks = score[: s.size // block * block].reshape(-1, block).sum(axis=1)
    variance = float(((blocks - blocks.mean()) ** 2).sum()) * s.size / (blocks.size * block)
    stderr = float(np.sqrt(variance)) / information if information > 0 else float("nan")
    return SpacingFit(best, stderr, -least, s.size, make(best), False)


def fit_brody(spacings: ArrayLike) -> SpacingFit:
    """Brody's law fitted to spacings by maximum likelihood: q is 0 for independent levels, about 1 for random matrices.

    Parameters
    ----------
    spacings : array_like of real
        Of unfolded levels, positive, at least 10, in the order of the levels; they are scaled to mean 1.

    Returns
    -------
    SpacingFit
        `parameter` is q, in [-0.9, 10]; `stderr`; `law`, a `laws.Brody`.

    Raises
    ------
    ValueError, TypeError
        If a spacing is 0, negative or not finite, or they are fewer than 10; if they are not real.

    Notes
    -----
    Random matrices of beta = 1 have q = 0.954 in the limit, not 1, since the surmise is not their law.

    Examples
    --------
    >>> from deeprmt import laws
    >>> fit_brody(laws.Brody(0.5).rvs(4000, rng=1))
    SpacingFit(Brody: 0.52... +- 0.018)
    """
    s = _as_spacings("fit_brody", spacings, 0.0)
    return _fit("fit_brody", s, Brody, -0.9, 10.0)


def fit_berry_robnik(spacings: ArrayLike) -> SpacingFit:
    """Berry and Robnik's law fitted to spacings by maximum likelihood: rho is the share of independent levels.

    Parameters
    ----------
    spacings : array_like of real
        Of unfolded levels, not negative, at least 10, in the order of the levels; they are scaled to mean 1.

    Returns
    -------
    SpacingFit
        `parameter` is rho, in [0, 1]; `stderr`; `law`, a `laws.BerryRobnik`.

    Raises
    ------
    ValueError, TypeError
        If a spacing is negative or not finite, or they are fewer than 10; if they are not real.

    Examples
    --------
    >>> from deeprmt import laws
    >>> fit_berry_robnik(laws.BerryRobnik(0.25).rvs(4000, rng=1))
    SpacingFit(BerryRobnik: 0.2... +- 0.01...)
    """
    s = _as_spacings("fit_berry_robnik", spacings, -1.0)
    # Spacings of 0 are possible but at rho = 0, where their density is 0.
    return _fit("fit_berry_robnik", s, BerryRobnik, 1e-9 if s.min() == 0 else 0.0, 1.0)
