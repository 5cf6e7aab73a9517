"""What a nonlinearity is to the spectrum of f(W X): its Gaussian constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import Floats, as_count, as_number, shown
from .._display import Displayed
from ..activations import Activation, as_activation
from ..meanfield._moments import _integrate, breaks_of

if TYPE_CHECKING:
    from ._gram_law import GramLaw

__all__ = ["Constants", "as_function", "constants", "gaussian_mean"]

# Panels reach out to where the integrand has fallen by this much, and no further than normal numbers ever go.
_negligible = 1e-19
_reaches = (12.0, 14.0, 17.0, 20.0, 24.0, 28.0, 32.0, 36.0, 38.0)
# Below this part of its size an integral is rounding.
_rounding = 4e-16
_least = 1e-70  # of sigma: squares of f are doubles


@dataclass(frozen=True)
class Constants(Displayed):
    """Gaussian constants of f(sigma z), z a standard normal; made by `constants`.

    Attributes
    ----------
    mean : float
        E f(sigma z). The other numbers are those of f less this mean.
    eta : float
        E (f - mean)^2, the variance.
    zeta : float
        (E z f)^2 = (sigma E f')^2, at most eta: the part of the variance that is linear in z.
    nonlinearity : float
        eta - zeta, as the mean square of what is left of f without its linear part: to its own last digits, where the
        difference would have lost them. 0 where f is linear up to rounding.
    slope : float
        E z f, the root of zeta with its sign.
    sigma : float
        As given.
    activation : Activation
        f.

    Examples
    --------
    >>> found = constants("relu")
    >>> round(found.eta, 12), round(found.zeta, 12), round(found.mean, 12)  # 1/2 - 1/(2 pi), 1/4, 1 / sqrt(2 pi)
    (0.340845056908, 0.25, 0.398942280401)
    >>> round(found.ratio, 12)
    0.733471103462
    """

    mean: float
    eta: float
    zeta: float
    nonlinearity: float
    slope: float
    sigma: float
    activation: Activation

    @property
    def ratio(self) -> float:
        """zeta / eta, in [0, 1]: 1 for linear f. Only this counts for f scaled to variance 1."""
        return self.zeta / self.eta

    @property
    def second_moment(self) -> float:
        """E f^2, mean and all."""
        return self.eta + self.mean * self.mean

    @property
    def mu_star(self) -> float:
        """sqrt(eta - zeta): with mu_0 = mean and mu_1 = slope the three numbers of random-feature regression."""
        return math.sqrt(self.nonlinearity)

    @cached_property
    def eta_prime(self) -> float:
        """sigma^2 E f'(sigma z)^2; inf where f jumps."""
        size = math.sqrt(self.second_moment)
        for kink in self.activation.kinks:
            steps = np.array([-1e-9, 1e-9, -1e-12, 1e-12]) * max(1.0, abs(kink))
            below, above, nearer_below, nearer_above = self.activation.phi(kink + steps)
            wide, narrow = abs(above - below), abs(nearer_above - nearer_below)
            # What is continuous falls with the step; a kink that was found has errors of its own.
            if wide > 1e-4 * size or (wide > 1e-11 * size and narrow > wide / 2):
                return math.inf
        return self.sigma**2 * gaussian_mean("constants", self.activation, self.sigma, lambda h, _: self._dphi(h) ** 2)

    def _dphi(self, h: Floats) -> Floats:
        return np.asarray(self.activation.dphi(h))

    def hermite(self, k: int) -> float:
        """E f He_k(z) / sqrt(k!), the k-th Hermite coefficient; squares of all sum to E f^2.

        Parameters
        ----------
        k : int
            From 0 (the mean) and 1 (the slope) on, at most 60.

        Returns
        -------
        float

        Examples
        --------
        >>> round(constants("relu").hermite(2), 12)  # 1 / (2 sqrt(pi))
        0.282094791774
        """
        k = as_count("Constants.hermite", "k", k, least=0, most=60)
        parity = self.activation.parity
        if parity and (k % 2 == 0) != (parity == 1):
            return 0.0
        return gaussian_mean(
            "Constants.hermite", self.activation, self.sigma, lambda h, z: self.activation.phi(h) * hermite(k, z)
        )

    def gram_law(self, phi: float, psi: float, *, side: str = "features") -> GramLaw:
        """The law of the Gram matrix of f(W X) less its mean: `gram_law` of these constants.

        Parameters
        ----------
        phi, psi : float
            n_0 / m and n_0 / n_1.
        side : {"features", "samples"}
            The n_1 x n_1 matrix Y Y^T / m or the m x m matrix Y^T Y / m.

        Returns
        -------
        GramLaw

        Examples
        --------
        >>> round(constants("linear").gram_law(1.0, 1.0).lambda_max, 12)
        6.75
        """
        from ._gram_law import gram_law

        return gram_law(self.eta, self.zeta, phi, psi, side=side, nonlinearity=self.nonlinearity)

    def to_dict(self) -> dict[str, Any]:
        """The numbers, the ratio, and the activation's name."""
        numbers = {key: value for key, value in vars(self).items() if isinstance(value, float) and key != "eta_prime"}
        return {**numbers, "ratio": self.ratio, "activation": self.activation.name}


def constants(f: str | Activation | Callable[[Any], Any], sigma: float = 1.0) -> Constants:
    """eta and zeta of a nonlinearity: all that the spectrum of f(W X) knows of it.

    Parameters
    ----------
    f : str, Activation or callable
        A name of `deeprmt.activations.names`, or a function of an array. Kinks of a function are looked for; give an
        `Activation` to declare them.
    sigma : float
        sigma_w sigma_x, the standard deviation of the entries of W X. From 1e-70 to 1e70.

    Returns
    -------
    Constants
        f is centred for all of them; its mean is one of them.

    Raises
    ------
    ValueError, TypeError
        If sigma is out of range, f is constant, or E f^2 is infinite; if f is no function.
    ConvergenceError
        If the integrals do not settle.

    Notes
    -----
    Errors are some 1e-15 of E f^2: Gauss-Legendre panels between kinks. Kinks and jumps of plain functions are found
    where they are 0.01 apart or more; windows that are narrower may pass unseen, and have to be declared. Gauss-Hermite
    rules know of no kinks: with 100 nodes they are wrong by 1e-3 for relu. zeta is taken from E z f, so that f needs no
    derivative.

    References
    ----------
    .. [1] J. Pennington, P. Worah, Nonlinear random matrix theory for deep learning, NeurIPS (2017).

    Examples
    --------
    >>> found = constants("erf")
    >>> round(found.zeta, 12)  # 4 / (3 pi)
    0.424413181578
    >>> cubic = constants(lambda z: z**3 - 3 * z)
    >>> round(cubic.eta, 10), round(cubic.zeta, 10)
    (6.0, 0.0)
    """
    return constants_of("constants", "f", as_function("constants", "f", f), sigma)


def constants_of(
    name: str, argument: str, activation: Activation, sigma: float = 1.0, *, by: str = "sigma"
) -> Constants:
    """The same for the `argument` of the function `name`; `by` is what its users call sigma."""
    sigma = as_number(name, by, sigma, above=0)
    if not _least <= sigma <= 1 / _least:
        raise ValueError(f"{name}: {by} must lie between {_least:g} and {1 / _least:g}, got {sigma:g}")

    def mean_of(function: Any, size: Any = None) -> float:
        return gaussian_mean(name, activation, sigma, function, size, argument=argument)

    phi = activation.phi
    mean = 0.0 if activation.parity == -1 else mean_of(lambda h, _: phi(h))
    eta = mean_of(lambda h, _: (phi(h) - mean) ** 2)
    total = eta + mean * mean
    if not eta > 1e-26 * total:
        raise ValueError(
            f"{name}: {argument} must not be constant, but {activation.name} at sigma = {sigma:g} has variance {eta:g}"
        )
    slope = 0.0
    if activation.parity != 1:
        slope = mean_of(lambda h, z: z * (phi(h) - mean))
        if abs(slope) < _rounding * mean_of(lambda h, z: np.abs(z) * (np.abs(phi(h)) + abs(mean))):
            slope = 0.0
    rest = eta
    if slope != 0:

        def left(h: Floats, z: Floats) -> Any:
            return phi(h) - mean - slope * z

        def size(h: Floats, z: Floats) -> Any:  # of what rounding is relative to: 2 r and the size of what makes r
            whole, part = np.abs(phi(h)) + abs(mean) + np.abs(slope * z), np.abs(left(h, z))
            return part * (part + whole) + 1e-15 * whole * whole

        rest = mean_of(lambda h, z: left(h, z) ** 2, size)
        if rest < 1e-29 * total:
            rest = 0.0
    zeta = slope * slope
    return Constants(mean, zeta + rest, zeta, rest, slope, sigma, activation)


@dataclass(frozen=True)
class EntryByEntry:
    """A function of one's own, which may know 1-D arrays alone and may return a list; pickles where it does."""

    name: str = field(compare=False)
    argument: str = field(compare=False)
    phi: Callable[[Any], Any]

    def __call__(self, h: Any) -> Any:
        h = np.asarray(h)
        found = np.asarray(self.phi(h.reshape(-1)))
        if found.size != h.size:
            raise ValueError(
                f"{self.name}: {self.argument} must give one number for each of {h.size}, got shape {found.shape}"
            )
        return found.reshape(h.shape)

    @property
    def __name__(self) -> str:
        return str(getattr(self.phi, "__name__", ""))


def as_function(function: str, argument: str, value: Any) -> Activation:
    """The nonlinearity of that name, the one given, or one made of a function."""
    if isinstance(value, str | Activation):
        return as_activation(function, value, argument)
    if not callable(value):
        raise TypeError(f"{function}: {argument} must be a name, an Activation or a function, got {shown(value)}")
    return Activation(EntryByEntry(function, argument, value))


def gaussian_mean(
    name: str,
    activation: Activation,
    sigma: float,
    function: Callable[[Floats, Floats], Any],
    size: Callable[[Floats, Floats], Any] | None = None,
    *,
    argument: str = "f",
) -> float:
    """E function(sigma z, z), z a standard normal: panels between kinks, as far out as the integrand needs.

    `size` bounds what was added up to a value, where that is more than the value: rounding is relative to it.
    """

    def weighted(each: Callable[[Floats, Floats], Any]) -> Callable[[Floats], Any]:
        return lambda z: np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * each(sigma * z, z)

    integrand = weighted(function)
    with np.errstate(all="ignore"):
        for reach in _reaches:
            z = np.linspace(-reach, reach, 4 * int(reach) + 1)
            values = np.abs(integrand(z))
            ends = max(values[0], values[1], values[-2], values[-1]) * reach
            if not np.isfinite(values).all():
                reach = math.inf
                break
            if ends <= _negligible * values.max():
                break
        else:
            reach = math.inf
        if math.isinf(reach):
            raise ValueError(
                f"{name}: {argument} must have finite Gaussian moments, but those of {activation.name} at sigma ="
                f" {sigma:g} are infinite, or rest on |z| > 38, where a normal number never is"
            )
        return _integrate(integrand, None if size is None else weighted(size), breaks_of(activation, sigma, reach))


def hermite(k: int, z: Floats) -> Floats:
    """He_k(z) / sqrt(k!)."""
    last, now = np.zeros_like(z), np.ones_like(z)
    for j in range(k):
        last, now = now, (z * now - math.sqrt(j) * last) / math.sqrt(j + 1)
    return now
