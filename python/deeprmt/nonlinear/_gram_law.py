"""The limit law of the Gram matrix of f(W X)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from .. import _core
from .._arguments import as_choice, as_number
from ..jacobian._solved import SolvedLaw
from ..laws import Law
from ..laws._law import _times_power

__all__ = ["GramLaw", "gram_law"]

Array = NDArray[np.float64]
_sides = ("features", "samples")
# Next to 0 a formula of its own takes over where u^2, which is like x, is below this.
_small = 1e-12
_least = 1e-300


class _ShorterSide(SolvedLaw):
    """The same eigenvalues without the zeros that the larger of the two Gram matrices has beside them.

    With N x M the shape of Y, N <= M: given the factor on the shorter side, the columns of Y are independent with
    covariance zeta A + (eta - zeta), A of Marchenko-Pastur's law of aspect N / n_0; so the law is the free product of
    Marchenko-Pastur's of aspect N / M, here `short`, and of that covariance's; N / n_0 is `wide`.
    """

    def __init__(self, zeta: float, rest: float, wide: float, short: float, lack: float, scale: float) -> None:
        # What is below rounding wherever it enters is 0: with it the chain would pass points where nothing happens.
        self.zeta = 0.0 if zeta * max(1.0, wide) < 2.0**-52 * rest else zeta
        self.rest, self.wide, self.short, self._scale = rest, wide, short, scale
        self._lack = lack  # 1 - short

    @property
    def _name(self) -> str:
        return "GramLaw"

    def __repr__(self) -> str:
        return f"GramLaw(zeta={self.zeta!r}, nonlinearity={self.rest!r}, N/n_0={self.wide!r}, N/M={self.short!r})"

    @cached_property
    def _solver(self) -> _core.freeprob.ExplicitLaw:
        steps: list[tuple[Any, ...]] = []
        if self.zeta > 0:
            steps.append(("pole", self.wide, 1.0))
            steps.append(("affine", self.zeta, self.rest) if self.rest > 0 else ("scale", math.log(self.zeta)))
        else:
            steps.append(("scale", math.log(self.rest)))
        steps += [("pole", self.short, 1.0), ("scale", math.log(self._scale))]
        return _core.freeprob.ExplicitLaw(steps, list(self._known_atoms), False)

    @property
    def _known_atoms(self) -> tuple[tuple[float, float], ...]:
        zeros = 1 - 1 / self.wide
        return ((0.0, zeros),) if self.rest == 0 and zeros > 0 else ()

    @cached_property
    def _support(self) -> list[tuple[float, float]]:
        found = super()._support
        if self._low_end is not None and found:
            found[0] = (self._low_end, found[0][1])
        return found

    # Next to 0 the chain loses digits: the point of its middle, which an affine map sends close to 0, has no more than
    # those of eta - zeta. There u = x G(x), small itself, solves x v(u) = u (1 - b + b u), b the aspect N / M and v < 0
    # the root of (u - 1) (1 - a zeta v) = (eta - zeta) v (1 - a zeta v) + zeta v.

    def _v(self, u: Any) -> Any:
        """v(u) for small u, from -2 (1 - u) / (...) without cancellation."""
        zeta, rest, a = self.zeta, self.rest, self.wide
        # rest a zeta v^2 - linear v - (1 - u) = 0.
        linear = rest + zeta - a * zeta * (1 - u)
        root = np.sqrt(linear * linear + 4 * rest * a * zeta * (1 - u))
        if np.real(linear).max() > 0:
            return -2 * (1 - u) / (linear + root)
        return (linear - root) / (2 * rest * a * zeta)

    @cached_property
    def _low_end(self) -> float | None:
        """The lower end of the support, where eta > zeta > 0; else None, for the chain knows."""
        if self.zeta == 0 or self.rest == 0:
            return None
        b, gap = self.short, self._lack

        def x(share: float) -> float:
            u = -share * gap / b
            return share * (1 - share) / -float(self._v(np.array([u]))[0])

        if gap == 0:
            return 0.0
        best = optimize.minimize_scalar(
            lambda share: -x(share), bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-9}
        )
        return gap * gap / b * x(float(best.x)) * self._scale

    @cached_property
    def _reach(self) -> float:
        """Up to where that is done: nowhere if the support begins further up."""
        if self._low_end is None:
            return 0.0
        reach = _small / -float(self._v(np.zeros(1))[0]) * self._scale
        return reach if self._low_end < reach else 0.0

    def _next_to_zero(self, x: Array) -> tuple[Array, Array]:
        """Density and distribution function at 0 < x < reach, by Newton's method from the leading order."""
        x, low = x / self._scale, (self._low_end or 0.0) / self._scale
        b, gap, zeta, rest, a = self.short, self._lack, self.zeta, self.rest, self.wide
        slope = gap * gap / low if gap > 0 else -4 * b * float(self._v(np.zeros(1))[0])
        height = np.sqrt(np.maximum(slope * (x - low), 0.0))
        root = np.sqrt(x)
        s = (-gap - 1j * height) / (2 * b * root)  # u = root s
        for _ in range(4):
            v, dv = s * (gap / root + b * s), gap / root + 2 * b * s
            kept = 1 - a * zeta * v
            value = (root * s - 1) * kept - rest * v * kept - zeta * v
            change = root * kept - (root * s - 1) * a * zeta * dv - rest * dv * (1 - 2 * a * zeta * v) - zeta * dv
            step = value / change
            s = np.where(np.isfinite(step) & (np.abs(step) < 0.3 * np.abs(s.imag)), s - step, s)
        density = np.where(height > 0, -s.imag / (math.pi * root), 0.0)
        mass = (height - gap * np.arctan2(height, gap)) / (math.pi * b)
        return density / self._scale, mass

    def _evaluate_both(self, x: Array) -> tuple[Array, Array]:
        near = x < self._reach
        if not near.any():
            return super()._evaluate_both(x)
        density, cdf = np.empty_like(x), np.empty_like(x)
        if not near.all():
            density[~near], cdf[~near] = super()._evaluate_both(x[~near])
        density[near], cdf[near] = self._next_to_zero(np.maximum(x[near], _least))
        return density, np.where(x > 0, cdf, 0.0)

    def _pdf(self, x: Array) -> Array:
        near = x < self._reach
        if not near.any():
            return super()._pdf(x)
        density = np.empty_like(x)
        if not near.all():
            density[~near] = super()._pdf(x[~near])
        density[near] = self._next_to_zero(np.maximum(x[near], _least))[0]
        return np.where((x == 0) & (self._low_end == 0), np.inf, density)


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
    def _inner(self) -> _ShorterSide:
        shorter, longer = max(self.phi, self.psi), min(self.phi, self.psi)
        scale = self.phi / self.psi if self.psi < self.phi else 1.0
        lack = (shorter - longer) / shorter
        return _ShorterSide(self.zeta, self.nonlinearity, 1 / shorter, longer / shorter, lack, scale)

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
        return _times_power(float(self._scaled_moments(k, size)[k]), size, k)

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
        E f^2 at N(0, sigma_w^2 sigma_x^2), above 0; see `constants`.
    zeta : float
        (E z f)^2, from 0 to eta.
    phi, psi : float
        n_0 / m and n_0 / n_1, above 0.
    side : {"features", "samples"}
        The n_1 x n_1 matrix Y Y^T / m, or the m x m matrix Y^T Y / m.
    nonlinearity : float, optional
        eta - zeta, where f is so close to linear that the difference loses digits.

    Returns
    -------
    GramLaw
        One bulk or two; the distribution function needs no integration, and moments come from an exact series.

    Raises
    ------
    ValueError, TypeError
        If zeta is more than eta, or a ratio is not above 0.
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
