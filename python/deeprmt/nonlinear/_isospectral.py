"""Activations with a given linear part: with none of it layers keep the spectrum of their data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arguments import Floats, as_count, as_number, shown
from ..activations import Activation
from ._constants import as_function, constants_of, hermite

__all__ = ["hermite_activation", "isospectral_activation", "leaky_family"]


@dataclass(frozen=True)
class _Combined:
    """slope h + factor (phi(h) - offset - lean h)."""

    phi: Callable[[Any], Any]
    slope: float
    factor: float
    offset: float
    lean: float

    def __call__(self, h: Any) -> Any:
        h = np.asarray(h)
        line = self.slope - self.factor * self.lean
        return np.asarray(self.factor * (self.phi(h) - self.offset) + line * h, dtype=np.result_type(h, np.float32))


@dataclass(frozen=True)
class _CombinedSlope:
    dphi: Callable[[Any], Any]
    line: float
    factor: float

    def __call__(self, h: Any) -> Any:
        return self.factor * self.dphi(h) + self.line


@dataclass(frozen=True)
class _Series:
    """sum of c_k He_k(h / sigma) / sqrt(k!), or its derivative."""

    coefficients: tuple[float, ...]
    sigma: float
    derivative: bool = False

    def __call__(self, h: Any) -> Any:
        z: Floats = np.asarray(h) / self.sigma
        total = np.zeros_like(z)
        for k, each in enumerate(self.coefficients):
            if each != 0 and self.derivative and k > 0:
                total = total + each * math.sqrt(k) / self.sigma * hermite(k - 1, z)
            elif each != 0 and not self.derivative:
                total = total + each * hermite(k, z)
        return total


def isospectral_activation(
    base: str | Activation | Callable[[Any], Any] = "relu", *, zeta: float = 0.0, sigma: float = 1.0
) -> Activation:
    """The activation made of `base` that has mean 0, variance 1 and the linear part zeta, by default none.

    With zeta = 0 the Gram matrix of f(W X) has Marchenko-Pastur's law whatever the spectrum of X, so that depth does
    not deform it [1]_.

    Parameters
    ----------
    base : str, Activation or callable
        Not linear. Its mean and its linear part are taken off, what is left is scaled, and a linear part is added.
    zeta : float
        From 0 to 1 - 1e-12: (E z f)^2 of the result, whose E f^2 is 1.
    sigma : float
        The standard deviation of the entries of W X for which all this holds, from 1e-70 to 1e70.

    Returns
    -------
    Activation
        sqrt(zeta) h / sigma + sqrt(1 - zeta) g(h), g(h) = (base(h) - a - b h) / c. Bases "relu", "leaky_relu" and "abs"
        give one and the same g, (|h| - E |h|) / sd |h| up to the sign.

    Raises
    ------
    ValueError, TypeError
        If base is linear, or constant, or zeta not in range.

    References
    ----------
    .. [1] J. Pennington, P. Worah, Nonlinear random matrix theory for deep learning, NeurIPS (2017).

    Examples
    --------
    >>> from deeprmt.nonlinear import constants
    >>> f = isospectral_activation("softplus")
    >>> found = constants(f)
    >>> round(found.mean, 12) + 0.0, round(found.eta, 12), round(found.zeta, 12)
    (0.0, 1.0, 0.0)
    >>> round(constants(isospectral_activation("cos", zeta=0.3)).zeta, 12)
    0.3
    """
    name = "isospectral_activation"
    activation = as_function(name, "base", base)
    sigma = as_number(name, "sigma", sigma, above=0)
    zeta = as_number(name, "zeta", zeta, least=0)
    if zeta > 1 - 1e-12:
        raise ValueError(f"{name}: zeta must be at most 1 - 1e-12, got {zeta!r}")
    found = constants_of(name, "base", activation, sigma)
    if found.nonlinearity <= 1e-20 * found.eta:
        raise ValueError(f"{name}: base must not be linear, got {activation.name}")
    factor = math.sqrt((1 - zeta) / found.nonlinearity)
    lean, slope = found.slope / sigma, math.sqrt(zeta) / sigma
    phi = _Combined(activation.phi, slope, factor, found.mean, lean)
    dphi = _CombinedSlope(activation.dphi, slope - factor * lean, factor)
    slopes = activation.slopes
    label = f"isospectral({activation.name})" if zeta == 0 else f"isospectral({activation.name}, zeta={zeta:g})"
    return Activation(
        phi,
        dphi,
        name=label,
        kinks=activation.kinks,
        slopes=None if slopes is None else [slope + factor * (each - lean) for each in slopes],
    )


def leaky_family(alpha: float) -> Activation:
    """f_alpha, relu with slope -alpha below 0, scaled and shifted to mean 0 and variance 1 at a standard normal.

    From linear (alpha = -1, zeta = 1) over relu (0) to the absolute value (1, zeta = 0): one parameter for all linear
    parts, zeta = (1 - alpha)^2 / (2 (1 + alpha^2) - (2 / pi) (1 + alpha)^2) [1]_.

    Parameters
    ----------
    alpha : float
        Finite.

    Returns
    -------
    Activation

    References
    ----------
    .. [1] J. Pennington, P. Worah, Nonlinear random matrix theory for deep learning, NeurIPS (2017).

    Examples
    --------
    >>> from deeprmt.nonlinear import constants
    >>> [round(constants(leaky_family(alpha)).zeta, 12) for alpha in (-1.0, 0.0, 1.0)]
    [1.0, 0.733471103462, 0.0]
    """
    alpha = as_number("leaky_family", "alpha", alpha)
    # (1 + alpha^2) / 2 - (1 + alpha)^2 / (2 pi), with squares that do not overflow.
    size = max(1.0, abs(alpha))
    one, other = 1 / size, alpha / size
    sd = size * math.sqrt((one * one + other * other) / 2 - (one + other) ** 2 / (2 * math.pi))
    mean = (1 + alpha) / math.sqrt(2 * math.pi)
    return Activation(
        _Combined(_Leaky(alpha), 0.0, 1 / sd, mean, 0.0),
        _CombinedSlope(_LeakySlope(alpha), 0.0, 1 / sd),
        name=f"f_alpha({alpha:g})",
        kinks=(0.0,),
        slopes=(-alpha / sd, 1 / sd),
    )


@dataclass(frozen=True)
class _Leaky:
    alpha: float

    def __call__(self, h: Any) -> Any:
        return np.maximum(h, 0) + self.alpha * np.maximum(np.negative(h), 0)


@dataclass(frozen=True)
class _LeakySlope:
    alpha: float

    def __call__(self, h: Any) -> Any:
        return np.where(np.greater(h, 0), 1.0, -self.alpha)


def hermite_activation(coefficients: Mapping[int, float] | Sequence[float], *, sigma: float = 1.0) -> Activation:
    """The polynomial with given Hermite coefficients, scaled to variance 1 without its mean.

    Parameters
    ----------
    coefficients : mapping of int to float, or sequence of float
        c_k of He_k / sqrt(k!), k from 0 to 40; a sequence starts with k = 0. They are divided by the root of the sum of
        squares of c_1, c_2, ..., which is the standard deviation. zeta is c_1^2 then: 0 without an entry for k = 1.
    sigma : float
        The standard deviation of the entries of W X. Positive.

    Returns
    -------
    Activation

    Raises
    ------
    ValueError, TypeError
        If coefficients are no numbers, or none but c_0 is other than 0.

    Examples
    --------
    >>> from deeprmt.nonlinear import constants
    >>> f = hermite_activation({2: 1.0, 3: 1.0})
    >>> found = constants(f)
    >>> round(found.eta, 12), round(found.zeta, 12)
    (1.0, 0.0)
    """
    name = "hermite_activation"
    sigma = as_number(name, "sigma", sigma, above=0)
    given_as: Any = coefficients
    if isinstance(given_as, str) or not isinstance(given_as, Mapping | Sequence | np.ndarray):
        raise TypeError(f"{name}: coefficients must be a mapping or a sequence, got {shown(coefficients)}")
    pairs = coefficients.items() if isinstance(coefficients, Mapping) else enumerate(coefficients)
    given = {as_count(name, "k", k, least=0, most=40): as_number(name, f"coefficients[{k}]", each) for k, each in pairs}
    size = math.hypot(*(each for k, each in given.items() if k > 0))
    if not size > 0:
        raise ValueError(f"{name}: coefficients must have one for k >= 1 that is not 0, got {shown(coefficients)}")
    scaled = tuple(given.get(k, 0.0) / size for k in range(max(given) + 1))
    label = "hermite(" + ", ".join(f"{k}: {each:.4g}" for k, each in enumerate(scaled) if each != 0) + ")"
    return Activation(_Series(scaled, sigma), _Series(scaled, sigma, True), name=label, kinks=())
