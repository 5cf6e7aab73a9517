"""Limit laws of the conjugate kernel and the neural tangent kernel when widths grow like the number of inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import as_array, as_count, as_flag, as_number, as_real, available_threads, refuse_non_finite
from ..activations import Activation, as_activation
from ..errors import ConvergenceError
from ..laws import Empirical, Law, MarchenkoPastur
from ..laws._quadrature import Interval
from ..laws._quantile_table import tabled
from ..laws._reports import Reported
from ._intervals import Intervals
from ._moments import gauss_moment

__all__ = ["KernelLaw", "conjugate_kernel_law", "ntk_law"]

Array = NDArray[np.float64]
# Im m below this part of |m| is no density: it is what Newton's method leaves where m is real.
_real = 1e-7
# Below this part of the upper bound, masses at a hard edge are continued as the power that they are. There rho, or
# 1 + y, is the small difference of numbers of size 1, and linear networks have its power alone.
_least, _least_of_linear = 1e-20, 1e-140
# Layers whose share is less do not count; and the solver of chains has to tell the share of each.
_not_felt, _told = 1e-16, 1e-12
_least_share = 1e-12  # of the eigenvalues, moved by a layer
_panels = 48  # of 20 nodes, for each interval of a continuous law of the inputs


class KernelLaw(Reported):
    """The law of the eigenvalues of a kernel matrix over n inputs; made by `conjugate_kernel_law` and `ntk_law`.

    Attributes
    ----------
    kind : str
        "conjugate" or "tangent".
    activation : Activation
    gammas : tuple of float
        n / d_l of each layer.
    inputs : Law
        Of the eigenvalues of X_0^T X_0.
    offset, factor : float
        The normalised activation is factor (phi - offset).
    a, b : float
        E sigma'^2 and E sigma' of the normalised activation.
    ridge : float
        The multiple of the identity that the tangent kernel has in it: no eigenvalue is below. Conjugate kernel: 0.

    Examples
    --------
    >>> law = ntk_law("linear", [2.0, 0.5, 1.0])
    >>> law
    KernelLaw(tangent, linear, gammas=(2, 0.5, 1), inputs=Empirical(1 values from 1 to 1))
    >>> law.atoms(), round(float(law.mean()), 12)
    ([(1.0, 0.5)], 4.0)
    """

    def __init__(
        self,
        kind: str,
        activation: Activation,
        gammas: tuple[float, ...],
        inputs: Law,
        offset: float,
        factor: float,
        a: float,
        b: float,
    ) -> None:
        self.kind, self.activation, self.gammas, self.inputs = kind, activation, gammas, inputs
        self.offset, self.factor, self.a, self.b = offset, factor, a, b
        depth, b2 = len(gammas), b * b
        self.ridge = 0.0
        if kind == "tangent":
            deep = depth * math.log(a) > 700
            powers = range(1, depth + 1)
            self.ridge = math.inf if deep else math.fsum(a**k - b2**k for k in powers)

    def __repr__(self) -> str:
        gammas = ", ".join(f"{each:.6g}" for each in self.gammas)
        return f"KernelLaw({self.kind}, {self.activation.name}, gammas=({gammas}), inputs={self.inputs!r})"

    def to_dict(self) -> dict[str, Any]:
        """What the law is made of, its support and its atoms."""
        return {
            "kind": self.kind,
            "activation": self.activation.name,
            "gammas": list(self.gammas),
            "inputs": repr(self.inputs),
            "offset": self.offset,
            "factor": self.factor,
            "a": self.a,
            "b": self.b,
            "ridge": self.ridge,
            "support": self.support(),
            "atoms": self.atoms(),
        }

    # ---- the solver ----

    # All of it in u = x - floor, the excess over the smallest eigenvalue that there can be: at a hard edge the density
    # changes on the scale of u, which x may not resolve.

    @cached_property
    def _weights(self) -> list[float]:
        """Of the conjugate kernels of the inputs and of each layer in the sum."""
        depth = len(self.gammas)
        return [self.b ** (2 * (depth - k)) if self.kind == "tangent" else float(k == depth) for k in range(depth + 1)]

    @cached_property
    def _layers(self) -> tuple[float, Array, Array, float, list[tuple[float, float, float, float]]]:
        """The floor, values above the least and masses at the bottom, the weight there, and (gamma, a, c, q) of each
        layer.
        """
        b2, q = self.b * self.b, self._weights
        layers = [(gamma, 1 - b2, b2, weight) for gamma, weight in zip(self.gammas, q[1:], strict=True)]
        if 0 < b2 < 1:  # layers before these are not felt: their share is below rounding
            layers = layers[-math.ceil(math.log(_not_felt) / math.log(b2)) :]
        if b2 == 0:
            return self.ridge, np.zeros(1), np.ones(1), 0.0, [(self.gammas[-1], 1.0, 0.0, 1.0)]
        if isinstance(self.inputs, MarchenkoPastur):  # one more layer, on orthonormal inputs
            layers.insert(0, (self.inputs.aspect, 0.0, 1.0, q[0]))
            values, masses, weight = np.array([self.inputs.sigma**2]), np.ones(1), 0.0
        else:
            (values, masses), weight = _points(self.inputs), q[0]
        least = float(values.min())
        gamma, a, c, first = layers[0]
        layers[0] = (gamma, a + c * least, c, first)
        return self.ridge + weight * least, values - least, masses, weight, layers

    @property
    def _floor(self) -> float:
        return self._layers[0]

    @cached_property
    def _solver(self) -> _core.meanfield.NestedKernels:
        _, values, masses, weight, layers = self._layers
        return _core.meanfield.NestedKernels(values, masses, weight, 0.0, layers)

    @cached_property
    def _explicit(self) -> _core.freeprob.ExplicitLaw | None:
        """One equation for a conjugate kernel of inputs that are orthonormal, or Gaussian: a chain of free products."""
        _, values, _, weight, layers = self._layers
        if self.kind != "conjugate" or values.size > 1 or weight > 0:
            return None
        if 0 < self.b * self.b < 1 and len(layers) * math.log(self.b * self.b) < math.log(_told):
            return None
        steps: list[tuple[Any, ...]] = []
        for gamma, a, c, _ in layers:
            if not steps:  # c only counts where values differ
                steps.append(("scale", math.log(a)))
            elif a > 0:
                steps.append(("affine", c, a))
            steps.append(("pole", gamma, 1.0))
        return _core.freeprob.ExplicitLaw(steps, list(self._atoms), False)

    @cached_property
    def _least(self) -> float:
        if self.b * self.b < 1 or self.kind == "tangent":
            return _least
        # Between k + 1 equal ranks, of layers and inputs, the rho go like the root of the order k + 1. One such keeps
        # its digits; more of them are known by differences, and are to be 1e-8 at least.
        ranks = [1 - dict(self.inputs.atoms()).get(0.0, 0.0), *(1 / layer[0] for layer in self._layers[4])]
        equal = sum(rank < 1.1 * min(ranks) for rank in ranks)
        return max(_least_of_linear, _least if equal < 3 else math.exp(-18.4 * equal))

    def _evaluate_excess(self, u: Array) -> tuple[Array, Array, Any]:
        return (self._explicit or self._solver).evaluate(np.ascontiguousarray(u), available_threads())

    @cached_property
    def _bounds(self) -> tuple[float, float]:
        """What u lies between, by norms of sums and products; where that is far too much, by the solver."""
        low, high = self._norms
        if not high > 1e4 * math.ulp(self._floor):
            raise ValueError(
                f"KernelLaw: all eigenvalues are {self._floor:g} up to {high:.3g}, which rounding hides: a multiple"
                " of the identity grows from layer to layer, the rest does not; without_ridge() is the law of the rest"
            )
        return low, high

    @cached_property
    def _norms(self) -> tuple[float, float]:
        if self._explicit:
            return 0.0, float(self._explicit.gaps()[-1][0])
        _, values, _, weight, layers = self._layers
        low, high = 0.0, float(values.max())
        least, most = weight * low, weight * high
        for gamma, a, c, q in layers:
            low = (a + c * low) * max(1 - math.sqrt(gamma), 0.0) ** 2
            high = (a + c * high) * (1 + math.sqrt(gamma)) ** 2
            least, most = least + q * low, most + q * high
        mean = self._mean_of_sum - (self._floor - self.ridge)
        if not 0 < 1e4 * mean < most:
            return least, most
        # Norms multiply from layer to layer; eigenvalues end not far from the mean.
        u = np.asarray(mean * 2.0 ** np.arange(3, 60), dtype=np.float64)
        u = u[2 * u < most]
        _, cdf, _ = self._solver.evaluate(u, available_threads())
        all_below = np.flatnonzero(cdf >= 1 - 1e-12 * self._share)
        return least, 2 * float(u[all_below[0]]) if all_below.size else most

    def _solve(self, u: Array) -> tuple[Array, Array]:
        """Density and distribution function; at an atom from its right."""
        low, high = self._bounds
        nudge = 1e-11 * high
        at = np.maximum(u, self._least * high)
        atoms = [(location - self._floor, mass) for location, mass in self._atoms]
        for location, _ in atoms:
            if location > nudge:
                at = np.where(np.abs(u - location) < nudge, location + nudge, at)
        # Beyond the bounds, and at the floor, there are atoms or nothing.
        density = np.zeros_like(u)
        cdf = np.where(u > high, 1.0, sum((mass * (u >= location) for location, mass in atoms), np.zeros_like(u)))
        inside = (u > 0) & (u >= low * (1 - 1e-12)) & (u <= high)
        density[inside], cdf[inside], report = self._evaluate_excess(at[inside])
        self._check(report, "x", int(inside.sum()), self._floor)
        close = inside & (u < at)
        if close.any():
            ground = sum(mass for location, mass in atoms if location <= nudge)
            mass, share = cdf[close] - ground, np.maximum(u[close] / at[close], 1e-300)
            least = 1e-18 + 1e-15 * ground
            power = np.where(mass > least, at[close] * density[close] / np.maximum(mass, least), 1.0)
            # What has no mass below it is rounding beside an atom; 0 is 0, also 0 / 0.
            density[close] *= np.where(mass > least, share ** np.where(density[close] > 0, power - 1, 0.0), 0.0)
            cdf[close] = ground + mass * share**power
        return density, cdf

    # ---- the protocol ----

    @cached_property
    def _atoms(self) -> list[tuple[float, float]]:
        """Where the random parts of all layers vanish together, in general position, an input's atom is left."""
        layers = list(zip(self.gammas, self._weights[1:], strict=True))
        ranks = math.fsum(min(1.0, 1 / gamma) for gamma, weight in layers if weight > 0)
        found: dict[float, float] = {}
        counts = self._weights[0] > 0
        atoms = self.inputs.atoms() if counts else [(0.0, 1.0)]  # the inputs' kernel itself has no part in the sum
        zero_input = dict(self.inputs.atoms()).get(0.0, 0.0)
        for value, mass in [*atoms, (0.0, 0.0)]:
            if abs(self.b) < 1:
                left = mass - ranks
            elif value > 0:  # a linear network hands the null space of a layer on to all later ones: the first decides
                left = mass - min(1.0, 1 / self.gammas[0])
            else:
                first = next(k for k, weight in enumerate(self._weights) if weight > 0)
                left = max([zero_input, *(1 - 1 / gamma for gamma in self.gammas[:first])])
            if left > 1e-12:
                found[self.ridge + self._weights[0] * value] = left
        return sorted(found.items())

    def atoms(self) -> list[tuple[float, float]]:
        """The smallest eigenvalue if all layers together are narrower than the inputs are many; atoms of inputs."""
        return list(self._atoms)

    def support(self) -> list[tuple[float, float]]:
        """The intervals that carry the continuous part."""
        return list(self._support)

    @cached_property
    def _support(self) -> list[tuple[float, float]]:
        if self._explicit:
            low, out = 0.0, []
            for start, end, _ in self._explicit.gaps():
                out += [(low, start)] if start > low else []
                low = end
            return out
        floor, share = self._floor, self._share
        if share < _least_share:
            raise ConvergenceError(
                f"KernelLaw: the support is not resolved where gammas, or the aspect of the inputs, are above"
                f" {1 / _least_share:g}, got {1 / share:g}: rounding hides the few eigenvalues that such a layer moves",
                {"gammas": self.gammas},
            )
        places = [location - floor for location, _ in self._atoms]
        # Sums of angles over gamma: rounding of the distribution function grows where a layer is wide.
        rise = max(1e-10 * share, min(1e-10, 1e-14 * (1 + 1 / min(layer[0] for layer in self._layers[4]))))
        search = Intervals(self._solve, *self._bounds, places, _real * share / self._bounds[1], rise)
        excess = search.find()
        found = [(floor + a, floor + b) for a, b in excess]
        left = 1 - math.fsum(mass for _, mass in self._atoms)
        if not found and left > 1e-9:
            raise ConvergenceError(
                f"KernelLaw: no interval of the support was found between {floor:g} and {floor + self._bounds[1]:g},"
                f" which have a mass of {left:g} between them",
                self.report,
            )
        self._check_mean(excess)
        return found

    @property
    def _share(self) -> float:
        """The least part of the eigenvalues that a layer, of few units, moves far from the others."""
        return 1 / max(1.0, *(layer[0] for layer in self._layers[4]))

    def _check_mean(self, intervals: list[tuple[float, float]]) -> None:
        """Refuses intervals of u that leave out what the mean, which is known, feels."""
        mean = self._mean_of_sum - (self._floor - self.ridge)
        ends = np.array([(a + 1e-9 * (b - a), b - 1e-9 * (b - a)) for a, b in intervals]).reshape(-1)
        cdf = np.concatenate([[0.0], self._solve(ends)[1], [1.0]]).reshape(-1, 2)
        edges = np.concatenate([[0.0], ends, [self._bounds[1]]]).reshape(-1, 2)
        atoms = [(location - self._floor, mass) for location, mass in self._atoms]
        lost = [
            after - before - math.fsum(mass for u, mass in atoms if start <= u <= end)
            for (start, end), (before, after) in zip(edges, cdf, strict=True)
        ]
        if max(mass * end for mass, (_, end) in zip(lost, edges, strict=True)) < 1e-4 * mean:
            return
        # That may be rounding of the distribution function; the integral decides.
        found = math.fsum(u * mass for u, mass in atoms)
        for low, high in intervals:
            u, weights = _nodes(low, high)
            found += float((u * weights) @ self._solve(u)[0])
        if not abs(found - mean) < 1e-4 * mean:
            raise ConvergenceError(
                f"KernelLaw: what was found of the support has a mean of {self._floor + found:.9g}, but the law has"
                f" {self._floor + mean:.9g}: intervals are missing, where layers have few units for their inputs",
                {"mean": self._floor + mean, "found": self._floor + found, "support": intervals},
            )

    def _pdf(self, x: Array) -> Array:
        density = self._solve(x - self._floor)[0]
        at_floor = x == self._floor
        return np.where(at_floor & self._diverges, np.inf, density) if at_floor.any() else density

    @cached_property
    def _diverges(self) -> bool:
        """Whether the density grows without end towards the floor, as a power then."""
        near, far = self._solve(self._bounds[1] * np.array([1e-14, 1e-8]))[0]
        return bool(near > 100 * far > 0)

    def _cdf(self, x: Array) -> Array:
        return self._solve(x - self._floor)[1]

    def _ppf(self, q: Array) -> Array:
        return tabled(self, q, 200)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        at_floor = z == self._floor
        if at_floor.any() and (dict(self._atoms).get(self._floor, 0.0) > 0 or self._diverges):
            out = np.full(z.shape, complex(math.inf, 0))
            out[~at_floor] = self._stieltjes(z[~at_floor])
            return out
        limit = -self._least * self._bounds[1]  # for 0 from the left
        upper = [complex(each.real - self._floor, abs(each.imag)) for each in z]
        if self._explicit:
            g, report = self._explicit.resolvent([each or limit for each in upper], available_threads())
            m = -np.asarray(g)
        else:
            m, report = self._solver.stieltjes(upper, available_threads())
        self._check(report, "|z|", z.size)
        m = np.where((z.imag == 0) & (np.abs(m.imag) < 1e-13 * np.abs(m)), m.real, m)
        return np.where(z.imag < 0, np.conj(m), m)

    @cached_property
    def _mean_of_sum(self) -> float:
        """Of the mean, what the ridge does not bring."""
        b2, mean = self.b * self.b, float(self.inputs.mean())
        total = self._weights[0] * mean
        for weight in self._weights[1:]:
            mean = 1 - b2 + b2 * mean
            total += weight * mean
        return total

    def without_ridge(self) -> KernelLaw:
        """The law of the kernel less its multiple of the identity, which in deep networks is all that doubles can see.

        Examples
        --------
        >>> law = ntk_law("tanh", 0.5, depth=300).without_ridge()
        >>> [[round(end, 6) for end in interval] for interval in law.support()], round(float(law.mean()), 6)
        ([[2.694957, 163.864683]], 14.382265)
        """
        out = KernelLaw(self.kind, self.activation, self.gammas, self.inputs, self.offset, self.factor, self.a, self.b)
        out.ridge = 0.0
        return out

    def _moment(self, k: int) -> float:
        if k == 1:
            return self.ridge + self._mean_of_sum
        # By Cauchy's formula on a circle around the support; errors fall by 3/2 with each point, up to rounding.
        low, high = self._hull()
        centre, radius, points = (low + high) / 2, 0.75 * (high - low) or 1.0, 192
        turn = np.exp(1j * math.pi * (np.arange(points // 2) + 0.5) / (points // 2))
        z = centre + radius * turn
        return float(-np.mean((z**k * self._stieltjes(z) * radius * turn).real))


def _nodes(low: float, high: float) -> tuple[Array, Array]:
    """Gauss nodes and weights for an interval of a support."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = math.pi / 4 / _panels
    angles = (np.arange(_panels)[:, None] * 2 * half + half * (1 + nodes)).ravel()
    x, slope = Interval(low, high).point(angles)
    return x, slope * np.tile(half * weights, _panels)


def _points(law: Law) -> tuple[Array, Array]:
    """A law as masses on points: its atoms, and Gauss nodes on its continuous part."""
    if isinstance(law, Empirical):
        values, counts = np.unique(law.values, return_counts=True)
        return np.maximum(values, 0.0), np.asarray(counts / counts.sum(), dtype=np.float64)
    parts = [np.array(law.atoms()).reshape(-1, 2)]
    for low, high in law.support():
        x, weights = _nodes(low, high)
        parts.append(np.stack([x, np.asarray(law.pdf(x)) * weights], axis=1))
    x, mass = np.concatenate(parts).T
    if not abs(mass.sum() - 1) < 1e-8:
        raise ConvergenceError(f"KernelLaw: {law!r} is not resolved", {"mass": float(mass.sum())})
    keep = mass > 0
    return x[keep], mass[keep] / mass[keep].sum()


def _kernel_law(
    name: str, kind: str, activation: Any, gammas: Any, depth: Any, inputs: Any, normalize: Any
) -> KernelLaw:
    activation = as_activation(name, activation)
    gammas = as_array(name, "gammas", gammas)
    if gammas.ndim == 0:
        gammas = gammas[()]
        ratios = [as_number(name, "gammas", gammas, above=0)] * (1 if depth is None else as_count(name, "depth", depth))
    else:
        ratios = [as_number(name, f"gammas[{i}]", each, above=0) for i, each in enumerate(gammas)]
        if depth is not None and as_count(name, "depth", depth) != len(ratios):
            raise ValueError(f"{name}: depth must be the number of gammas, {len(ratios)}, or left out, got {depth}")
    if not ratios:
        raise ValueError(f"{name}: gammas must be at least one, got none")
    normalize = as_flag(name, "normalize", normalize)
    mean, second = (float(gauss_moment(activation, 1.0, power=k)) for k in (1, 2))
    variance = float(gauss_moment(_shifted(activation, mean), 1.0))
    if not variance > 1e-20 * max(second, 1e-300):
        raise ValueError(f"{name}: activation must not be constant, got {activation.name}")
    factor = 1 / math.sqrt(variance)
    if not normalize:
        if abs(mean) > 1e-10 or abs(second - 1) > 1e-10:
            raise ValueError(
                f"{name}: activation must have E phi = 0 and E phi^2 = 1 under N(0, 1), or normalize=True, but"
                f" {activation.name} has {mean:.6g} and {second:.6g}"
            )
        mean, factor = 0.0, 1.0
    b, a = (factor**k * float(gauss_moment(activation, 1.0, power=k, derivative=True)) for k in (1, 2))
    if abs(b) > 1 - 5e-14:  # linear, up to rounding
        a, b = 1.0, math.copysign(1.0, b)
    elif abs(b) < 1e-14:  # no linear part
        b = 0.0
    return KernelLaw(kind, activation, tuple(ratios), _as_inputs(name, inputs), mean, factor, a, b)


def _shifted(activation: Activation, mean: float) -> Activation:
    return Activation(lambda h: activation.phi(h) - mean, activation.dphi, kinks=activation.kinks)


def _as_inputs(name: str, inputs: Any) -> Law:
    if inputs is None:
        return Empirical([1.0])
    if isinstance(inputs, Law):
        law = inputs
    else:
        values = as_real(name, "inputs", inputs).astype(np.float64).ravel()
        refuse_non_finite(name, "inputs", values)
        if values.size and values.min() < -1e-10 * np.abs(values).max():
            raise ValueError(f"{name}: inputs must be eigenvalues of X^T X, at least 0, found {values.min():g}")
        law = Empirical(np.maximum(values, 0.0))
    low, high = law._hull()
    if not low >= 0 or not math.isfinite(high):
        raise ValueError(
            f"{name}: inputs must be a law on [0, inf) with bounded support, got one on [{low:g}, {high:g}]"
        )
    mean = float(law.mean())
    if not 0.9 < mean < 1.1:
        raise ValueError(
            f"{name}: inputs must have mean 1, for the columns of X_0 have length 1 up to a small error, got {mean:g}"
        )
    return law


def conjugate_kernel_law(
    activation: str | Activation,
    gammas: float | Sequence[float],
    *,
    depth: int | None = None,
    inputs: Law | ArrayLike | None = None,
    normalize: bool = True,
) -> KernelLaw:
    """The limit law of the eigenvalues of the conjugate kernel X_L^T X_L over n inputs, n / d_l -> gamma_l.

    X_l = d_l^{-1/2} sigma(W_l X_{l-1}), a d_l x n matrix; W_l has independent N(0, 1) entries, and the columns of X_0
    are inputs of length 1 that are approximately orthogonal.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    gammas : float or sequence of float
        n / d_l for l = 1, ..., L; positive. A single number holds for all layers.
    depth : int, optional
        L, if gammas is a single number. Default: 1.
    inputs : Law or array_like, optional
        The law of the eigenvalues of X_0^T X_0, or the eigenvalues of real data; mean 1 (columns of length 1), at least
        0. Default: orthonormal inputs. Gaussian inputs of dimension d_0 have ``MarchenkoPastur(n / d_0)``.
    normalize : bool
        Take sigma = (phi - E phi) / sd phi under N(0, 1), as the limit needs. False refuses a phi that is not so.

    Returns
    -------
    KernelLaw
        With `a`, `b` and the normalisation as attributes; the distribution function needs no integration.

    Raises
    ------
    ValueError, TypeError
        If gammas are not positive, inputs not on [0, inf) with mean 1, or the activation is constant.
    ConvergenceError
        From the law's methods, where the solver fails.

    Notes
    -----
    With b = E sigma', the law of layer l is the free product of Marchenko-Pastur's of aspect gamma_l and of the law of
    (1 - b^2) + b^2 x, x from layer l - 1 [1]_. The proof needs two bounded derivatives; relu matches in experiments.

    References
    ----------
    .. [1] Z. Fan, Z. Wang, Spectra of the conjugate kernel and neural tangent kernel for linear-width neural networks,
       NeurIPS (2020), arXiv:2005.11879.

    Examples
    --------
    >>> from deeprmt.laws import MarchenkoPastur
    >>> law = conjugate_kernel_law("tanh", 1.0, depth=3, inputs=MarchenkoPastur(1.0))
    >>> [round(float(law.moment(k)), 6) for k in (1, 2, 3)]
    [1.0, 4.264294, 26.152459]
    """
    return _kernel_law("conjugate_kernel_law", "conjugate", activation, gammas, depth, inputs, normalize)


def ntk_law(
    activation: str | Activation,
    gammas: float | Sequence[float],
    *,
    depth: int | None = None,
    inputs: Law | ArrayLike | None = None,
    normalize: bool = True,
) -> KernelLaw:
    """The limit law of the eigenvalues of the neural tangent kernel over n inputs, n / d_l -> gamma_l.

    The network is w^T X_L with X_l as in `conjugate_kernel_law`, a single output, w and all W_l independent N(0, 1) and
    all of them trained: the kernel sums the products of derivatives with respect to every weight.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    gammas : float or sequence of float
        n / d_l for l = 1, ..., L; positive. A single number holds for all layers.
    depth : int, optional
        L, if gammas is a single number. Default: 1.
    inputs : Law or array_like, optional
        The law of the eigenvalues of X_0^T X_0, or the eigenvalues of real data. Default: orthonormal inputs.
    normalize : bool
        Take sigma = (phi - E phi) / sd phi under N(0, 1), as the limit needs. False refuses a phi that is not so.

    Returns
    -------
    KernelLaw
        Its mean is sum_k a^k, k = 0, ..., L, a = E sigma'^2. A finite network's kernel has that mean up to a relative
        s.d. of about sqrt(2 / d_L), which the random output weights alone bring: divide by the trace to compare shapes.

    Raises
    ------
    ValueError, TypeError
        If gammas are not positive, inputs not on [0, inf) with mean 1, or the activation is constant.
    ConvergenceError
        From the law's methods, where the solver fails.

    Notes
    -----
    The limit is that of r + sum_l b^(2 (L - l)) X_l^T X_l, r = sum_{l<L} (a^(L-l) - b^(2 (L-l))) [1]_. Its resolvent
    solves L equations at once, by Newton's method from high above the axis; any L.

    References
    ----------
    .. [1] Z. Fan, Z. Wang, Spectra of the conjugate kernel and neural tangent kernel for linear-width neural networks,
       NeurIPS (2020), arXiv:2005.11879.

    Examples
    --------
    >>> from deeprmt.laws import MarchenkoPastur
    >>> law = ntk_law("tanh", [1.0, 1.0], inputs=MarchenkoPastur(1.0))
    >>> round(law.ridge, 6), round(float(law.mean()), 6), round(law.a, 6)
    (0.768793, 3.565037, 1.177807)
    """
    return _kernel_law("ntk_law", "tangent", activation, gammas, depth, inputs, normalize)
