"""How the correlation of two inputs goes through the layers, and over how many layers it settles."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from .._arguments import Floats, as_count, as_number, as_real, refuse_beyond_memory
from .._display import Displayed
from ..activations import Activation
from ._critical import homogeneous
from ._fixed_point import FixedPoint, fixed_point, fixed_point_at, network, numbers
from ._products import product

__all__ = ["DepthScales", "correlation_map", "correlations", "depth_scales"]


@dataclass(frozen=True)
class DepthScales(Displayed):
    """The fixed points of variance and correlation, and the numbers of layers over which they are reached.

    Attributes
    ----------
    q_star, c_star : float
        The variance, and the correlation that all pairs of inputs (of correlation from 0 up to 1) flow to. c_star is 1
        in the ordered phase and below in the chaotic one.
    chi : float
        sigma_w^2 E phi'^2, the slope of the correlation map at c = 1: below 1, inputs grow alike.
    chi_c : float
        sigma_w^2 E phi'(u) phi'(v) at c_star, the slope there; over the growth of the variance where that has no fixed
        point but 0 or inf.
    chi_q : float
        The slope of the variance map at q_star.
    xi_c, xi_q : float
        Depth scales -1 / ln |chi_c| and -1 / ln |chi_q|: |c_l - c_star| falls like exp(-l / xi_c). inf on the critical
        line, where it falls like a power of l.
    xi_gradient : float
        -1 / ln chi: squared gradients go like exp(-l / xi_gradient); negative where they explode.
    sigma_w, sigma_b : float
        As given.
    activation : Activation
    iterations : int
        How often solving took the maps of variance and correlation at a point.

    Examples
    --------
    >>> scales = depth_scales("tanh", 1.3, 0.3)
    >>> scales.c_star, round(scales.xi_c, 4), scales.xi_gradient == scales.xi_c
    (1.0, 16.1082, True)
    """

    q_star: float
    c_star: float
    chi: float
    chi_c: float
    chi_q: float
    xi_c: float
    xi_q: float
    xi_gradient: float
    sigma_w: float
    sigma_b: float
    activation: Activation
    iterations: int = field(default=0, compare=False, repr=False)

    @property
    def report(self) -> dict[str, Any]:
        """The `iterations`, and as `residual` by how much the maps move ln q_star and c_star."""
        point = fixed_point_at(self.activation, self.sigma_w, self.sigma_b, self.q_star)
        moved = abs(float(_Map("depth_scales", point)(np.full(1, self.c_star))[0]) - self.c_star)
        return {"iterations": self.iterations, "residual": max(moved, point.report["residual"])}

    def to_dict(self) -> dict[str, Any]:
        """The numbers, and the activation's name."""
        return {**numbers(self), "activation": self.activation.name}


class _Map:
    """c to its image at the fixed point, and the slope there."""

    def __init__(self, function: str, point: FixedPoint) -> None:
        activation, q = point.activation, point.q_star
        self.activation, self.weight, self.bias = activation, point.sigma_w**2, point.sigma_b**2
        if math.isinf(q):
            if not homogeneous(activation):
                raise ValueError(
                    f"{function}: with {activation.name}, sigma_w = {point.sigma_w:g} and sigma_b = {point.sigma_b:g}"
                    " the variance grows without end, and there is no correlation at its fixed point"
                )
            q, self.bias = 1.0, 0.0
        self.q = q if q > 0 else 1e-20  # the limit from above
        self.second = float(self.product(np.ones(1), 0)[0])
        self.whole = self.weight * self.second + self.bias
        at_rest = 0 < point.q_star < math.inf or self.whole == 0
        self.growth = 1.0 if at_rest else self.whole / self.q

    def product(self, c: Floats, derivative: int) -> Floats:
        q = np.full(c.shape, self.q)
        return product(self.activation, q, q, c, derivative)

    def __call__(self, c: Floats) -> Floats:
        if self.whole == 0:
            return np.asarray(c, dtype=float)
        # Over the image of q, not q itself: so c = 1 is fixed to the last bit.
        return np.asarray(np.clip((self.weight * self.product(c, 0) + self.bias) / self.whole, -1, 1))

    def slope(self, c: float) -> float:
        return float(self.weight * self.product(np.full(1, c), 1)[0]) / self.growth


def correlation_map(
    activation: str | Activation, sigma_w: float, sigma_b: float = 0.0, *, c: ArrayLike, q0: float = 1.0
) -> float | Floats:
    """The correlation one layer on, of two inputs whose variances are at the fixed point.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    sigma_w, sigma_b : float
        Standard deviations, >= 0.
    c : array_like of real
        Correlations of the preactivations, in [-1, 1].
    q0 : float
        As for `fixed_point`.

    Returns
    -------
    float or ndarray
        (sigma_w^2 E phi(u) phi(v) + sigma_b^2) / q_star, of the shape of c.

    Raises
    ------
    ValueError
        If the variance has no finite fixed point, unless phi(c h) = c phi(h).

    Examples
    --------
    >>> correlation_map("relu", 2**0.5, c=[0.0, 1.0]).round(6)
    array([0.31831, 1.     ])
    """
    point = fixed_point(*network("correlation_map", activation, sigma_w, sigma_b), q0=q0)
    start = _correlations("correlation_map", "c", c)
    out = _Map("correlation_map", point)(start.ravel())
    return float(out[0]) if start.ndim == 0 else out.reshape(start.shape)


def _correlations(function: str, argument: str, value: ArrayLike) -> Floats:
    c = as_real(function, argument, value).astype(float)
    bad = c[~(np.abs(c) <= 1 + 1e-12)]
    if bad.size:
        raise ValueError(f"{function}: {argument} must be in [-1, 1], found {bad[0]:g}")
    return np.asarray(np.clip(c, -1, 1))


def depth_scales(activation: str | Activation, sigma_w: float, sigma_b: float = 0.0, *, q0: float = 1.0) -> DepthScales:
    """Fixed point of the correlation map and depth scales of correlation, variance and gradients.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    sigma_w, sigma_b : float
        Standard deviations, >= 0.
    q0 : float
        As for `fixed_point`.

    Returns
    -------
    DepthScales

    Raises
    ------
    ValueError
        If the variance has no finite fixed point, unless phi(c h) = c phi(h).

    Notes
    -----
    The map is a power series in c with coefficients that are not negative: convex on [0, 1], where it has one stable
    fixed point. That is 1 if chi <= 1. Where the map is the identity (linear without bias, or a signal that dies) every
    correlation is fixed, and 1 is given.

    References
    ----------
    .. [1] B. Poole et al., NeurIPS (2016), arXiv:1606.05340.
    .. [2] S. Schoenholz et al., ICLR (2017), arXiv:1611.01232.

    Examples
    --------
    >>> scales = depth_scales("tanh", 2.0, 0.5)
    >>> round(scales.c_star, 10), round(scales.xi_c, 5)
    (0.5209464355, 6.45332)
    """
    point = fixed_point(*network("depth_scales", activation, sigma_w, sigma_b), q0=q0)
    image = _Map("depth_scales", point)
    c_star, iterations = _fixed_correlation(image, point.chi / image.growth)
    chi_c = point.chi / image.growth if c_star == 1 else image.slope(c_star)
    return DepthScales(
        q_star=point.q_star,
        c_star=c_star,
        chi=point.chi,
        chi_c=chi_c,
        chi_q=point.chi_q,
        xi_c=_scale(chi_c),
        xi_q=_scale(point.chi_q),
        xi_gradient=_scale(point.chi),
        sigma_w=point.sigma_w,
        sigma_b=point.sigma_b,
        activation=point.activation,
        iterations=point.iterations + iterations,
    )


def _scale(slope: float) -> float:
    """-1 / ln |slope|, infinite at 1 to rounding."""
    slope = abs(slope)
    if slope == 0 or math.isinf(slope):
        return 0.0
    return math.inf if abs(slope - 1) < 1e-14 else -1 / math.log(slope)


def _fixed_correlation(image: _Map, chi: float) -> tuple[float, int]:
    """The stable one, and how often the map was taken."""
    if chi <= 1 + 1e-14:
        return 1.0, 0
    calls = 0

    def drift(c: float) -> float:
        nonlocal calls
        calls += 1
        return float(image(np.full(1, c))[0]) - c

    at_zero = drift(0.0)
    if at_zero <= 1e-16:
        return 0.0, calls
    below = 0.25
    while drift(1 - below) >= 0:
        below /= 4
        if below < 1e-15:
            return 1.0, calls  # closer to 1 than rounding tells
    return float(optimize.brentq(drift, 0.0, 1 - below, xtol=1e-16, rtol=4 * np.finfo(float).eps)), calls


def correlations(
    activation: str | Activation,
    sigma_w: float,
    sigma_b: float = 0.0,
    *,
    c0: ArrayLike,
    depth: int,
    q0: float | None = None,
) -> Floats:
    """The correlations c_1, ..., c_depth of the preactivations for two inputs of one size.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    sigma_w, sigma_b : float
        Standard deviations, >= 0.
    c0 : array_like of real
        Cosines of the angle between the inputs, in [-1, 1].
    depth : int
        The number of layers, at least 1.
    q0 : float, optional
        |x|^2 / n_0 of either input, > 0. Default: what puts the first layer's variance at its fixed point, where that
        is more than sigma_b^2; else 1.

    Returns
    -------
    (..., depth) ndarray
        The leading axes are those of c0; c_1 = (sigma_w^2 q0 c0 + sigma_b^2) / q_1.

    Examples
    --------
    >>> correlations("relu", 2**0.5, c0=0.5, depth=3).round(6)
    array([0.5     , 0.608998, 0.683906])
    """
    activation, sigma_w, sigma_b = network("correlations", activation, sigma_w, sigma_b)
    start = _correlations("correlations", "c0", c0)
    depth = as_count("correlations", "depth", depth)
    refuse_beyond_memory("correlations", 8 * start.size * depth, f"depth {depth}")
    weight, bias = sigma_w**2, sigma_b**2
    if q0 is None:
        q_star = fixed_point(activation, sigma_w, sigma_b).q_star
        at_rest = bias < q_star < math.inf and weight > 0
        q0 = (q_star - bias) / weight if at_rest else 1.0
    q0 = as_number("correlations", "q0", q0, above=0)
    q = weight * q0 + bias
    if q == 0:
        raise ValueError("correlations: sigma_w and sigma_b are both 0: all preactivations are")
    c = (weight * q0 * start.ravel() + bias) / q
    out = np.empty((c.size, depth))
    for layer in range(depth):
        out[:, layer] = c
        # One column more than needed, for the variance: with it c = 1 stays 1.
        with_one = np.concatenate([c, [1.0]])
        qs = np.full(with_one.shape, q)
        products = weight * product(activation, qs, qs, with_one, 0) + bias
        if not 1e-280 < products[-1] < 1e280:
            if layer + 1 == depth:
                break
            if not homogeneous(activation) or products[-1] == 0:
                raise ValueError(
                    f"correlations: the variance of layer {layer + 2} is out of range, {products[-1]:g}, and so is the"
                    " correlation"
                )
        c, q = np.clip(products[:-1] / products[-1], -1, 1), float(products[-1])
    return out.reshape(*start.shape, depth)
