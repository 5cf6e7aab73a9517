# mypy: ignore-errors
"""Until the domains have these."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.optimize


def svdvals(a, *, threads=None):
    return scipy.linalg.svdvals(a)


@dataclass(frozen=True)
class MarchenkoPastur:
    aspect: float
    sigma: float = 1.0
    singular: bool = False

    def support(self) -> Any:
        r = np.sqrt(self.aspect)
        e = [self.sigma**2 * (1 - r) ** 2, self.sigma**2 * (1 + r) ** 2]
        return [tuple(np.sqrt(e)) if self.singular else tuple(e)]

    def cdf(self, x: Any) -> Any:
        x = np.asarray(x, float)
        if self.singular:
            x = np.where(x > 0, x, 0) ** 2
        x = x / self.sigma**2
        c = self.aspect
        lo = (1 - np.sqrt(c)) ** 2
        hi = (1 + np.sqrt(c)) ** 2
        y = np.clip(x, lo + 1e-14, hi - 1e-14)
        R = np.sqrt((hi - y) * (y - lo))
        F = R + 2 * (1 + c) * np.arctan(np.sqrt((y - lo) / (hi - y)))
        if c < 1:
            F = F - 2 * abs(1 - c) * np.arctan(np.sqrt(hi * (y - lo) / (lo * (hi - y))))
        return np.where(x <= lo, 0.0, np.where(x >= hi, 1.0, np.clip(F / (2 * np.pi * c), 0, 1)))

    def pdf(self, x: Any) -> Any:
        x = np.asarray(x, float)
        s = x
        if self.singular:
            x = np.where(x > 0, x, 0) ** 2
        c = self.aspect
        lo, hi = list(MarchenkoPastur(c, self.sigma).support()[0])
        p = np.sqrt(np.maximum((hi - x) * (x - lo), 0)) / (2 * np.pi * self.sigma**2 * c * np.where(x > 0, x, 1))
        return 2 * s * p if self.singular else p

    def median(self):
        return float(self.ppf(0.5))

    def ppf(self, q: Any) -> Any:
        a, b = self.support()[0]
        return scipy.optimize.brentq(lambda t: self.cdf(t) - q, a, b)


def unfold(levels: Any, method: str = "gaussian", *, window: int = 15) -> Any:
    from scipy.special import ndtr

    n = len(levels)
    i = np.arange(n)
    w = (levels[np.minimum(i + window, n - 1)] - levels[np.maximum(i - window, 0)]) / 2
    return ndtr((levels[:, None] - levels[None, :]) / w).sum(1)


def spacings(x: Any) -> Any:
    return np.diff(x)


class Surmise:
    def cdf(self, s):
        return 1 - np.exp(-np.pi / 4 * np.asarray(s) ** 2)

    def pdf(self, s):
        return np.pi / 2 * np.asarray(s) * np.exp(-np.pi / 4 * np.asarray(s) ** 2)


def wigner_surmise(beta: int) -> Any:
    return Surmise()


@dataclass
class Hill:
    k: np.ndarray
    xi: np.ndarray
    stderr: np.ndarray


def hill(x: Any) -> Any:
    L = np.log(np.sort(x)[::-1])
    k = np.arange(1, len(L))
    xi = np.cumsum(L)[:-1] / k - L[1:]
    return Hill(k, xi, xi / np.sqrt(k))
