"""The limit law of the Fisher matrix of a network with one hidden layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments import as_number, shown
from ..activations import Activation
from ..laws import Law, Mixture, Point
from ._constants import as_function, constants_of, gaussian_mean
from ._fisher_pairs import Pairs, Part

__all__ = ["FisherLaw", "fisher_law"]

Array = NDArray[np.float64]
_least, _most = 1e-8, 1e8


class FisherLaw(Law):
    """The law of the eigenvalues of a Fisher matrix; made by `fisher_law`.

    Attributes
    ----------
    eta, zeta : float
        The variance of f and its linear part, of f as it was used: divided by its standard deviation, or not.
    slope, slope_variance : float
        The mean of f' and its variance.
    inputs, outputs : float
        n0 / n1 and n2 / n1.
    activation : str

    Examples
    --------
    >>> law = fisher_law("linear")
    >>> law.atoms(), law.support()
    ([(0.0, 0.5)], [(0.0, 8.0)])
    >>> round(float(law.pdf(4.0) * np.pi**2), 12)  # the other half are sums of two independent Marchenko-Pastur values
    0.5
    """

    def __init__(
        self, zeta: float, rest: float, slope: float, slope_variance: float, inputs: float, outputs: float, name: str
    ) -> None:
        self.eta, self.zeta, self.slope, self.slope_variance = zeta + rest, zeta, slope, slope_variance
        self.inputs, self.outputs, self.activation = inputs, outputs, name
        self._rest = rest

    def __repr__(self) -> str:
        numbers = f"eta={self.eta:.6g}, zeta={self.zeta:.6g}, slope={self.slope:.6g}"
        more = f"slope_variance={self.slope_variance:.6g}, inputs={self.inputs:.6g}, outputs={self.outputs:.6g}"
        return f"FisherLaw({self.activation}, {numbers}, {more})"

    def to_dict(self) -> dict[str, Any]:
        """What the law is made of, its support and its atoms."""
        own = {key: value for key, value in vars(self).items() if not key.startswith("_")}
        return own | {"support": self.support(), "atoms": self.atoms()}

    @property
    def zero_fraction(self) -> float:
        """The share of flat directions: zeros."""
        return sum(mass for location, mass in self.atoms() if location == 0)

    @property
    def condition(self) -> float:
        """The upper end over the mean."""
        return float(self._hull()[1] / self.mean())

    @property
    def spread(self) -> float:
        """The mean square over the squared mean."""
        return float(self.moment(2) / self.mean() ** 2)

    # ---- what it is made of ----

    @cached_property
    def _sides(self) -> tuple[Part, Part]:
        """Eigenvalues that belong to the first layer's weights and to the second's, each before they meet."""
        a, b = self.inputs, self.outputs
        first = self.slope_variance * b, self.slope**2 * max(1.0, b)
        second = self._rest, self.zeta * max(1.0, 1 / a)
        least = 1e-100 * max(*first, *second)

        def part(offset: float, scale: float, aspect: float) -> Part:
            # Noise below the offset's last digits is none.
            return Part(offset, scale if scale > max(least, 1e-18 * offset) else 0.0, aspect)

        return part(*first, min(b, 1 / b)), part(*second, min(a, 1 / a))

    @cached_property
    def _inner(self) -> Mixture:
        """Shares, in units of n1^2: W2 has rank min(n1, n2), W1 min(n0, n1); what is in no pair is alone."""
        a, b = self.inputs, self.outputs
        x, y = min(a, 1.0), min(b, 1.0)
        first, second = self._sides
        parts: list[tuple[float, Law]] = []
        if first.scale > 0 and second.scale > 0:
            pairs = Pairs(first, second)
            parts += [(2 * x * y, pairs), ((a - x) * y, first.law()), ((b - y) * x, second.law())]
        else:
            parts += [(a * y, first.law()), (b * x, second.law())]
        parts += [(a * (1 - y), Point(first.offset)), (b * (1 - x), Point(second.offset))]
        return Mixture([(weight / (a + b), law) for weight, law in parts])

    # ---- the protocol ----

    def support(self) -> list[tuple[float, float]]:
        """The intervals that carry the continuous part; none where f' and f have no linear part."""
        return self._inner.support()

    def atoms(self) -> list[tuple[float, float]]:
        """Eigenvalues that an extensive number of directions share: (location, mass)."""
        return self._inner.atoms()

    def _hull(self) -> tuple[float, float]:
        return self._inner._hull()

    def _singular_points(self) -> list[float]:
        return sorted({part.offset for part in self._sides if part.low == 0})

    def _pdf(self, x: Array) -> Array:
        return self._inner._pdf(x)

    def _cdf(self, x: Array) -> Array:
        return self._inner._cdf(x)

    def _sf(self, x: Array) -> Array:
        return self._inner._sf(x)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        return self._inner._expect(function)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return np.asarray(self._inner._sum(lambda law: law.stieltjes(z)))

    def _log_potential(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return self._inner._log_potential(z)

    def _moment(self, k: int) -> float:
        return self._inner._moment(k)

    def var(self) -> np.float64:
        """The variance."""
        return self._inner.var()


def fisher_law(
    activation: str | Activation | Callable[[Any], Any] = "tanh",
    *,
    inputs: float = 1.0,
    outputs: float = 1.0,
    standardize: bool = True,
) -> FisherLaw:
    """The limit law of the eigenvalues of the Fisher matrix of a random network with one hidden layer.

    Parameters
    ----------
    activation : str, Activation or callable, default "tanh"
        f.
    inputs, outputs : float, default 1.0
        n0 / n1 and n2 / n1, from 1e-8 to 1e8.
    standardize : bool, default True
        Take (f - mean) / sqrt(eta) in place of f, as `fisher_spectrum` does.

    Returns
    -------
    FisherLaw
        Its distribution function is one integral; moments are exact.

    Raises
    ------
    ValueError, TypeError
        If f is constant or no function, or f or f' have no finite variance; if a ratio is out of range.
    ConvergenceError
        If the integrals of f do not settle.

    Notes
    -----
    W1 has N(0, 1/n0) entries, W2 N(0, 1/n1), inputs N(0, 1). All widths grow together, and there are many more samples
    than inputs [1]_: with few, flat directions and noise come on top. But for parts of vanishing rank or norm the
    matrix is then

        [[B x I, s t W2^T x W1^T], [s t W2 x W1, I x K]],  B = s^2 W2^T W2 + r (n2 / n1) I,
        K = t^2 W1 W1^T + (eta - t^2) I,

    x being Kronecker's product, s and r mean and variance of f', and t = E z f, which is s where f is continuous. In
    the singular vectors of both weights it falls apart into 2 x 2 blocks diag(p, q) + w w^T, whose eigenvalues solve

        u / (x - p) + v / (x - q) = 1,

    u and v independent with scaled Marchenko-Pastur laws. For linear f p = q = 0: half of the eigenvalues of pairs are
    0, the others sums u + v. A mean of f that is not taken off has no weight in the law, nor in `condition`; it brings
    n2 eigenvalues of order n1.

    References
    ----------
    .. [1] J. Pennington, P. Worah, Advances in Neural Information Processing Systems 31 (2018).

    Examples
    --------
    >>> law = fisher_law("abs")
    >>> [(round(x, 6), round(mass, 6)) for x, mass in law.atoms()]  # no linear part: two eigenvalues, E f'^2 and E f^2
    [(1.0, 0.5), (2.751938, 0.5)]
    >>> from deeprmt.nonlinear import fisher_spectrum
    >>> values = fisher_spectrum(12, samples=400, activation="linear", rng=0).eigenvalues
    >>> fisher_law("linear").ks_distance(values) < 0.05
    True
    """
    name = "fisher_law"
    ratios = []
    for argument, value in (("inputs", inputs), ("outputs", outputs)):
        ratio = as_number(name, argument, value, above=0)
        if not _least <= ratio <= _most:
            raise ValueError(f"{name}: {argument} must be from {_least:g} to {_most:g}, got {shown(value)}")
        ratios.append(ratio)
    f = as_function(name, "activation", activation)
    if not isinstance(standardize, bool | np.bool_):
        raise TypeError(f"{name}: standardize must be True or False, got {shown(standardize)}")
    found = constants_of(name, "activation", f)

    def dphi(h: Array) -> Array:
        return np.asarray(f.dphi(h), dtype=np.float64)

    slope = found.slope
    if math.isinf(found.eta_prime):  # f jumps, and f' does not see it
        slope = gaussian_mean(name, f, 1.0, lambda h, _: dphi(h), argument="activation")
    variance = gaussian_mean(
        name,
        f,
        1.0,
        lambda h, _: (dphi(h) - slope) ** 2,
        lambda h, _: dphi(h) ** 2 + slope * slope,
        argument="activation",
    )
    if variance < 1e-29 * (variance + slope * slope):
        variance = 0.0
    zeta, rest = found.zeta, found.nonlinearity
    if standardize:
        zeta, rest, variance = zeta / found.eta, rest / found.eta, variance / found.eta
        slope /= math.sqrt(found.eta)
    return FisherLaw(zeta, rest, slope, variance, ratios[0], ratios[1], f.name)
