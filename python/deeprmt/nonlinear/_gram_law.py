"""The limit law of the Gram matrix of f(W X)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import as_choice, as_number
from ..laws import Law
from ..laws._times_power import times_power
from ._gram_side import ShorterSide

__all__ = ["GramLaw", "gram_law"]

Array = NDArray[np.float64]
_sides = ("features", "samples")
_most = 1e70  # products of a few ratios are doubles


class GramLaw(Law):
    """The law of the eigenvalues of Y Y^T / m or Y^T Y / m, Y = f(W X); made by `gram_law`.

    Attributes
    ----------
    eta, zeta, nonlinearity : float
        The variance of f, its linear part, and the rest, eta - zeta.
    phi, psi : float
        n_0 / m and n_0 / n_1.
    side : str
        "features": n_1 eigenvalues; "samples": m of them. They differ by zeros.

    Examples
    --------
    >>> law = gram_law(1.0, 0.5, 0.75, 1.5)
    >>> law
    GramLaw(eta=1, zeta=0.5, phi=0.75, psi=1.5, side='features')
    >>> [round(float(law.moment(k)), 12) for k in (1, 2, 3)]
    [1.0, 1.666666666667, 3.555555555556]
    >>> gram_law(1.0, 0.6, 1.5, 0.75).atoms()
    [(0.0, 0.5)]
    """

    def __init__(self, eta: float, zeta: float, nonlinearity: float, phi: float, psi: float, side: str) -> None:
        self.eta, self.zeta, self.nonlinearity = eta, zeta, nonlinearity
        self.phi, self.psi, self.side = phi, psi, side

    def __repr__(self) -> str:
        numbers = f"eta={self.eta:.6g}, zeta={self.zeta:.6g}, phi={self.phi:.6g}, psi={self.psi:.6g}"
        return f"GramLaw({numbers}, side={self.side!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def to_dict(self) -> dict[str, Any]:
        """What the law is made of, its support and its atoms."""
        return {**self.__getstate__(), "support": self.support(), "atoms": self.atoms()}

    @property
    def report(self) -> dict[str, Any]:
        """The `points` solved for so far, and how many of them `failed`: each of those was an error."""
        return self._inner.report

    @property
    def edges(self) -> list[float]:
        """The ends of the bulks, ascending: two or four numbers."""
        return [end for pair in self.support() for end in pair]

    @property
    def lambda_max(self) -> float:
        """The upper edge."""
        return self._hull()[1]

    @cached_property
    def _inner(self) -> ShorterSide:
        return ShorterSide(self.zeta, self.nonlinearity, self.phi, self.psi)

    @property
    def _share(self) -> float:
        """The part of the eigenvalues that the shorter side has too."""
        if self.side == "features":
            return min(1.0, self.psi / self.phi)
        return min(1.0, self.phi / self.psi)

    @property
    def _zeros(self) -> float:
        """The mass at 0 that the shorter side has not."""
        ratio = self.psi / self.phi if self.side == "features" else self.phi / self.psi
        return max(0.0, 1 - ratio)

    # ---- the protocol ----

    def support(self) -> list[tuple[float, float]]:
        """The intervals that carry the continuous part: one bulk, or two."""
        return self._inner.support()

    def atoms(self) -> list[tuple[float, float]]:
        """0, where the rank of Y is less than the number of eigenvalues."""
        inner = sum(mass for _, mass in self._inner.atoms())
        mass = self._zeros + self._share * inner
        return [(0.0, mass)] if mass > 0 else []

    def _pdf(self, x: Array) -> Array:
        return self._share * self._inner._pdf(x)

    def _cdf(self, x: Array) -> Array:
        return np.where(x < 0, 0.0, self._zeros + self._share * self._inner._cdf(x))

    def _sf(self, x: Array) -> Array:
        return np.where(x < 0, 1.0, self._share * self._inner._sf(x))

    def _ppf(self, q: Array) -> Array:
        return self._inner._ppf(np.clip(np.where(q <= self._zeros, 0.0, 1 - (1 - q) / self._share), 0.0, 1.0)) * (
            q > self.atoms()[0][1] if self.atoms() else 1.0
        )

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        inner = self._share * self._inner._stieltjes(z)
        if self._zeros == 0:
            return np.asarray(inner)
        at_zero = z == 0
        return np.where(at_zero, complex(math.inf, 0), inner - self._zeros / np.where(at_zero, 1, z))

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        out = self._share * self._inner._expect(function)
        return out + self._zeros * function(np.zeros(1))[0] if self._zeros else out

    def _moment(self, k: int) -> float:
        size = self.lambda_max
        return times_power(float(self._scaled_moments(k, size)[k]), size, k)

    def _scaled_moments(self, k: int, size: float) -> Array:
        """m_j / size^j, j = 0 .. k, from a series without negative terms.

        For n_1 eigenvalues q = sum m_j s^j solves q = (eta - zeta) X + U, U = zeta X (1 + U / psi),
        X = s (1 + q phi / psi) (1 + q).
        """
        ratio = self.phi / self.psi
        q, u, x = np.zeros(k + 1), np.zeros(k + 1), np.zeros(k + 1)
        for j in range(1, k + 1):
            x[j] = (1.0 if j == 1 else (1 + ratio) * q[j - 1] + ratio * np.dot(q[1 : j - 1], q[j - 2 : 0 : -1])) / size
            u[j] = self.zeta * (x[j] + np.dot(x[1:j], u[j - 1 : 0 : -1]) / self.psi)
            q[j] = self.nonlinearity * x[j] + u[j]
        q[0] = 1
        if self.side == "samples":
            q[1:] *= ratio
        return q

    def var(self) -> np.float64:
        """The variance."""
        ratio, square = self.phi / self.psi, self.zeta**2 / self.psi
        if self.side == "features":
            return np.float64(self.eta**2 * ratio + square)
        return np.float64(ratio * (self.eta**2 + square))


def gram_law(
    eta: float, zeta: float, phi: float, psi: float, *, side: str = "features", nonlinearity: float | None = None
) -> GramLaw:
    """The limit law of the eigenvalues of Y Y^T / m, Y = f(W X) a nonlinearity of a product of Gaussian matrices.

    W is n_1 x n_0 with independent entries N(0, sigma_w^2 / n_0), X is n_0 x m with N(0, sigma_x^2), E f = 0.

    Parameters
    ----------
    eta : float
        E f^2 at N(0, sigma_w^2 sigma_x^2), from 1e-70 to 1e70; see `constants`.
    zeta : float
        (E z f)^2, from 0 to eta.
    phi, psi : float
        n_0 / m and n_0 / n_1, from 1e-70 to 1e70; beyond 1e-15 and 1e15 some combinations are not solved.
    side : {"features", "samples"}
        The n_1 x n_1 matrix Y Y^T / m, or the m x m matrix Y^T Y / m.
    nonlinearity : float, optional
        eta - zeta, where f is so close to linear that the difference loses digits. Below 1e-70 zeta it counts as 0.

    Returns
    -------
    GramLaw
        One bulk or two; the distribution function needs no integration, and moments come from an exact series.

    Raises
    ------
    ValueError, TypeError
        If zeta is more than eta, or a number out of range.
    ConvergenceError
        From the law's methods, where the solver fails.

    Notes
    -----
    The Stieltjes transform solves a quartic [1]_. It is that of sqrt(zeta) W X + sqrt(eta - zeta) Z, Z Gaussian and
    independent [2]_ [3]_: free products of Marchenko-Pastur's laws with an affine map between them, whose inverse
    transform is explicit, so that no root of the quartic has to be told from the others. With zeta = 0 the law is
    Marchenko-Pastur's, with zeta = eta that of a product of two Gaussian matrices.

    References
    ----------
    .. [1] J. Pennington, P. Worah, Nonlinear random matrix theory for deep learning, NeurIPS (2017).
    .. [2] S. Peche, A note on the Pennington-Worah distribution, Electron. Commun. Probab. 24 (2019).
    .. [3] L. Benigni, S. Peche, Eigenvalue distribution of some nonlinear models of random matrices, Electron. J.
       Probab. 26 (2021), arXiv:1904.03090.

    Examples
    --------
    >>> law = gram_law(1.0, 0.99, 0.5, 0.75)  # two bulks
    >>> [(round(low, 10), round(high, 10)) for low, high in law.support()]
    [(0.0008682229, 0.0120224401), (0.0158986705, 6.6221141633)]
    >>> round(float(law.cdf(0.014)), 12)
    0.25
    """
    eta = as_number("gram_law", "eta", eta, above=0)
    zeta = as_number("gram_law", "zeta", zeta, least=0)
    phi = as_number("gram_law", "phi", phi, above=0)
    psi = as_number("gram_law", "psi", psi, above=0)
    for argument, ratio in (("phi", phi), ("psi", psi)):
        if not 1 / _most <= ratio <= _most:
            raise ValueError(f"gram_law: {argument} must lie between {1 / _most:g} and {_most:g}, got {ratio:g}")
    if not 1 / _most <= eta <= _most:
        raise ValueError(f"gram_law: eta must lie between {1 / _most:g} and {_most:g}, got {eta:g}")
    side = as_choice("gram_law", "side", side, _sides)
    if zeta > eta * (1 + 1e-13):
        raise ValueError(f"gram_law: zeta must be at most eta, {eta!r}, got {zeta!r}")
    if nonlinearity is None:
        rest = max(0.0, eta - zeta)
    else:
        rest = as_number("gram_law", "nonlinearity", nonlinearity, least=0)
        if abs(eta - zeta - rest) > 1e-9 * eta:
            raise ValueError(f"gram_law: nonlinearity must be eta - zeta, {eta - zeta!r}, got {rest!r}")
    return GramLaw(eta, min(zeta, eta), rest, phi, psi, side)
