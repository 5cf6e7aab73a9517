"""The limit law of a wide network's tangent kernel at one input: an n_L x n_L matrix."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments import as_flag, as_number, available_threads
from ..laws import Discrete, Law
from ..laws._quadrature import Interval, integrate
from ..laws._quantile_table import tabled
from ..laws._reports import Reported
from ..networks import MLP
from ._fixed_point import fixed_point, starts
from ._intervals import Intervals
from ._moments import gauss_moment
from ._series import moment
from ._slope_law import slope_law
from ._squared_slopes import Factor, squared_slopes

__all__ = ["OneSampleNTKLaw", "one_sample_ntk_law"]

Array = NDArray[np.float64]
# What `expect` aims at, as for Jacobians: at an end where the density diverges the rounding of x costs more.
_settled = 1e-10
# Layers that move eigenvalues by less than this part of their size leave too few digits to solve with.
_narrow = 1e-5
# From so many equal layers on, Taylor series of what they share are worth making.
_many = 6


class OneSampleNTKLaw(Reported):
    """The law of the eigenvalues of Theta, the tangent kernel at one input over n_L; made by `one_sample_ntk_law`.

    Attributes
    ----------
    mlp : networks.MLP
        The network.
    q : (L - 1,) ndarray
        The variances of the preactivations in the hidden layers.
    second_moments : (L,) ndarray
        |x_l|^2 / n_l of the signals, l = 0 .. L - 1.

    Examples
    --------
    >>> law = one_sample_ntk_law(MLP([500] * 3, "relu", weights="haar", sigma_w=2**0.5), q0=0.5)
    >>> [(round(x, 10), round(mass, 10)) for x, mass in law.atoms()]
    [(0.5, 0.5), (1.5, 0.5)]
    >>> [round(float(law.moment(k)), 10) for k in (1, 2, 3)]
    [1.0, 1.25, 1.75]
    """

    def __init__(self, mlp: MLP, q: Array, second_moments: Array) -> None:
        self.mlp, self.q, self.second_moments = mlp, q, second_moments

    def __repr__(self) -> str:
        mlp = self.mlp
        return (
            f"OneSampleNTKLaw({mlp.activation.name}, {mlp.weights}, sigma_w={mlp.sigma_w:.6g}, depth={mlp.depth},"
            f" second_moments={self.second_moments[0]:.6g}..{self.second_moments[-1]:.6g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """What the law is made of, its support and its atoms."""
        return {
            "activation": self.mlp.activation.name,
            "weights": self.mlp.weights,
            "sigma_w": self.mlp.sigma_w,
            "depth": self.mlp.depth,
            "q": self.q.tolist(),
            "second_moments": self.second_moments.tolist(),
            "lambda_max": self.lambda_max,
            "support": self.support(),
            "atoms": self.atoms(),
        }

    @property
    def lambda_max(self) -> float:
        """The largest eigenvalue: the upper end of the law."""
        return self._hull()[1]

    # ---- what it is made of ----

    @cached_property
    def _factors(self) -> list[Factor]:
        """The squared slopes of each hidden layer."""
        known: dict[float, Factor] = {}
        for q in self.q.tolist():
            known.setdefault(q, Factor(squared_slopes(self.mlp.activation, q), 1.0, 1.0))
        return [known[q] for q in self.q.tolist()]

    @property
    def _first(self) -> float:
        """The multiple of the identity that the first layer's weights bring: |x_0|^2 / n_L."""
        return float(self.second_moments[0]) * self.mlp.widths[0] / self.mlp.widths[-1]

    @cached_property
    def _parts(self) -> tuple[list[tuple[float, float]], float | None, bool]:
        """Atoms, the largest value there can be if mass or density may reach it, and whether there is nothing else."""
        weight, haar = float(self.mlp.sigma_w) ** 2, self.mlp.weights == "haar"
        at: list[tuple[float, float]] = [(self._first, 1.0)]
        discrete = True
        top: float | None = self._first
        for each, offset in zip(self._factors, self.second_moments[1:].tolist(), strict=True):
            values, masses = each.slopes.values, each.slopes.masses
            if values is None or masses is None:
                at, discrete, top = [], False, None
                continue
            zero = [(0.0, float(masses[0]))] if values[0] == 0 else []
            # An atom of a free product is a product of atoms whose masses leave something over.
            made = [
                (x * v, mass - float(np.delete(masses, i).sum()))
                for x, mass in at
                for i, v in enumerate(values)
                if v > 0 and haar
            ]
            # Where one factor is an atom alone, the product is the other one; a Gaussian weight makes it continuous.
            discrete = discrete and (
                (haar and (len(values) == 1 or (len(at) == 1 and at[0][1] == 1))) or values[-1] == 0
            )
            if values[-1] == 0:
                made, zero, discrete = [], [(0.0, 1.0)], True
            highest = max((x for x, _ in made), default=None)
            if values[-1] == 0:
                top = offset
            else:
                top = offset + weight * highest if top is not None and highest is not None else None
            at = [(offset + weight * x, mass) for x, mass in [*zero, *made] if mass > 1e-15 or x == highest]
        atoms = sorted((float(x), mass) for x, mass in at if mass > 1e-15)
        if top is not None and dict(at).get(top, -1.0) < -1e-12:
            top = None
        return atoms, top, discrete

    @cached_property
    def _solver(self) -> Law | _core.freeprob.ExplicitLaw:
        """What evaluates the law: where there is nothing to solve, the law itself in other words."""
        atoms, top, discrete = self._parts
        weight = float(self.mlp.sigma_w) ** 2
        haar = self.mlp.weights == "haar"
        if discrete:
            return Discrete(*zip(*atoms, strict=True))
        if haar and len(self._factors) == 1:
            squares = slope_law(self.mlp.activation, float(self.q[0]), squared=True)
            return squares.scale(weight * self._first).shift(float(self.second_moments[-1]))
        self._refuse_narrow(weight)
        steps: list[tuple[Any, ...]] = [("scale", math.log(self._first))]
        solvers: dict[int, Any] = {}
        shared = Counter(map(id, self._factors))
        for each, offset in zip(self._factors, self.second_moments[1:].tolist(), strict=True):
            values, masses = each.slopes.values, each.slopes.masses
            if values is not None and masses is not None and np.count_nonzero(values) == 1:
                steps.append(("scale", math.log(values[-1])))
                if values[0] == 0:
                    steps.append(("jump", float(masses[0]), 1.0, 1.0))
            else:
                if id(each) not in solvers and shared[id(each)] >= _many:
                    each.core.keep_series()
                steps.append(("slopes", solvers.setdefault(id(each), each.core), 1.0, 1.0))
            if not haar:
                steps.append(("pole", 1.0, 1.0))
            steps.append(("affine", weight, offset))
        known = list(atoms)
        if top is not None and (not known or known[-1][0] < top):
            known.append((top, 0.0))
        return _core.freeprob.ExplicitLaw(steps, known, top is not None)

    def _refuse_narrow(self, weight: float) -> None:
        """Where weights move eigenvalues by next to nothing, rounding hides which density they have."""
        mean = self._first
        for layer, (each, offset) in enumerate(zip(self._factors, self.second_moments[1:].tolist(), strict=True), 2):
            moved = weight * mean * float(each.moments(1)[0])
            if 0 < moved < _narrow * offset:
                raise ValueError(
                    f"OneSampleNTKLaw: sigma_w = {math.sqrt(weight):g} is so small that layer {layer} moves eigenvalues"
                    f" by {moved / offset:.2g} of their size: such a law is known only by its atoms and moments"
                )
            mean = offset + moved

    # ---- the protocol ----

    def atoms(self) -> list[tuple[float, float]]:
        """The least eigenvalue with the mass of the flat parts of phi; with Haar weights also others, the largest."""
        return list(self._parts[0])

    def support(self) -> list[tuple[float, float]]:
        """The intervals that carry the continuous part."""
        return list(self._support)

    @cached_property
    def _support(self) -> list[tuple[float, float]]:
        solver = self._solver
        if isinstance(solver, Law):
            return solver.support()
        floor, falls = float(self.second_moments[-1]), self._falls
        intervals: list[tuple[float, float]] = []
        low = floor
        for start, end, _ in solver.gaps():
            if start > low * (1 + 1e-10):  # less is where two pieces of a gap meet
                # Panels end at 9 standard deviations: a gap above the floor there is none if phi' goes on to 0.
                intervals.append((floor if falls and not intervals else low, start))
            low = max(end, low)
        if not self._falls_apart:
            return intervals
        # The solver may know only a part of a gap that passes through several branches of its steps.
        places = [location for location, _ in self._parts[0]]
        return [
            each
            for start, end in intervals
            for each in Intervals(self._tolerant, start, end, places, 1e-8 / end).find()
        ]

    @property
    def _falls_apart(self) -> bool:
        """Whether slopes have several values that are not 0, so that the law may have gaps in its middle."""
        return any(
            each.slopes.values is not None and np.count_nonzero(each.slopes.values) > 1 for each in self._factors
        )

    def _tolerant(self, x: Array) -> tuple[Array, Array]:
        """Where the solver finds nothing, as in gaps it may, there is no density."""
        solver = self._solver
        assert isinstance(solver, _core.freeprob.ExplicitLaw)
        order = np.argsort(x)
        density, below, _ = solver.evaluate(np.ascontiguousarray(x[order]), available_threads())
        found = np.isfinite(below)
        below = below[np.maximum.accumulate(np.where(found, np.arange(x.size), 0))]
        out = np.zeros_like(x), np.zeros_like(x)
        out[0][order], out[1][order] = np.where(found, density, 0.0), np.where(np.isfinite(below), below, 0.0)
        return out

    @cached_property
    def _steps(self) -> tuple[Array, Array, Array]:
        """Ends of the intervals, and the distribution function without atoms below, between and above them."""
        low, high = np.array(self._support).reshape(-1, 2).T
        between = np.concatenate([low[:1] / 2, (low[1:] + high[:-1]) / 2, 2 * high[-1:]])
        below = self._tolerant(between)[1]
        for location, mass in self._parts[0]:
            below = below - np.where(between >= location, mass, 0.0)
        return low, high, below

    @property
    def _falls(self) -> bool:
        """Whether phi' of the last hidden layer comes near 0 without being 0, so that the law does near its floor."""
        return bool(self._factors) and self._factors[-1].slopes.falls_to_zero()

    @cached_property
    def _resolved(self) -> float:
        """Below this there is less mass than rounding can tell: tails of phi' thin out towards the floor."""
        solver, floor = self._solver, float(self.second_moments[-1])
        if not isinstance(solver, _core.freeprob.ExplicitLaw) or not self._falls:
            return 0.0
        x = floor + (solver.gaps()[-1][0] - floor) * np.geomspace(1e-15, 1, 91)
        # Mass only grows with x, so that halving finds the place: a point next to the floor takes long.
        low, high, least = -1, x.size - 1, 1.0
        while high - low > 1:
            middle = (low + high) // 2
            mass = float(solver.evaluate(x[middle : middle + 1], available_threads())[1][0])
            if mass > 1e-12:
                high, least = middle, mass
            else:
                low = middle
        if least > 1e-3:  # a tail does not set in with so much: it is the solver that fails, which points shall tell
            return 0.0
        return float(x[low]) if low >= 0 else 0.0

    def _both(self, x: Array, *, below: bool = True) -> tuple[Array, Array]:
        """Density and, if `below`, distribution function."""
        solver = self._solver
        if isinstance(solver, Law):
            return solver._pdf(x), solver._cdf(x) if below else x
        floor = float(self.second_moments[-1])
        seen = x > self._resolved
        density, cdf = np.zeros_like(x), np.zeros_like(x)
        if self._falls_apart:
            low, high, steps = self._steps
            last = np.searchsorted(low, x, side="right")
            gap = x > np.concatenate([[-np.inf], high])[last]
            cdf = np.where(gap, steps[last], 0.0)
            for location, mass in self._parts[0]:
                cdf = cdf + np.where(gap & (location <= x), mass, 0.0)
            seen &= ~gap
        if below:
            density[seen], cdf[seen], report = solver.evaluate(np.ascontiguousarray(x[seen]), available_threads())
        else:
            density[seen], report = solver.density(np.ascontiguousarray(x[seen]), available_threads())
        self._check(report, "x", int(seen.sum()))
        at_floor = x <= floor
        return density, np.where(at_floor, dict(self._parts[0]).get(floor, 0.0) * (x == floor), cdf)

    def _pdf(self, x: Array) -> Array:
        return self._both(x, below=False)[0]

    def _cdf(self, x: Array) -> Array:
        return self._both(x)[1]

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        solver = self._solver
        if isinstance(solver, Law):
            return solver._stieltjes(z)
        upper = np.where(z.imag < 0, np.conj(z), z)
        upper = np.where(upper == 0, -1e-140, upper)
        g, report = solver.resolvent([complex(each) for each in upper], available_threads())
        self._check(report, "|z|", z.size)
        return -np.where(z.imag < 0, np.conj(g), g)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        if isinstance(self._solver, Law):
            return self._solver._expect(function)
        total: Any = sum(mass * function(np.array([location]))[0] for location, mass in self.atoms())
        floor = float(self.second_moments[-1])
        for low, high in self.support():
            start = floor + (high - floor) / 4 if low <= floor else low
            total = total + integrate(
                lambda x: function(x) * self._pdf(x), Interval(start, high), rtol=_settled, size=float(abs(total))
            )
            if low <= floor:  # where mass piles up in ln(x - floor): less than rounding of x tells apart is one point
                near = floor * (1 + 1e-9)
                rest = self._cdf(np.array([near]))[0] - dict(self.atoms()).get(floor, 0.0)
                total = total + function(np.array([floor]))[0] * rest
                # There may be next to nothing, known to rounding: what counts is its share of the whole.
                total = total + integrate(
                    lambda t: function(floor + np.exp(t)) * self._pdf(floor + np.exp(t)) * np.exp(t),
                    Interval(math.log(near - floor), math.log(start - floor)),
                    rtol=_settled,
                    size=float(abs(total)),
                )
        return total

    def _ppf(self, q: Array) -> Array:
        return self._solver._ppf(q) if isinstance(self._solver, Law) else tabled(self, q, 200)

    def _moment(self, k: int) -> float:
        weight = float(self.mlp.sigma_w) ** 2
        moments: Array = self._first ** np.arange(1.0, k + 1)
        poles = {1.0: 1.0 if self.mlp.weights == "haar" else 2.0}
        for each, offset in zip(self._factors, self.second_moments[1:].tolist(), strict=True):
            slopes = each.moments(k)
            product = [
                moment(j, 0.0, poles, [(moments[:j], 1.0, 1.0), (slopes[:j], 1.0, 1.0)]) for j in range(1, k + 1)
            ]
            powers = [1.0, *(weight**j * m for j, m in enumerate(product, start=1))]
            moments = np.array(
                [
                    math.fsum(math.comb(j, i) * powers[i] * offset ** (j - i) for i in range(j + 1))
                    for j in range(1, k + 1)
                ]
            )
        return float(moments[-1])

    def var(self) -> np.float64:
        """The variance, without cancellation: relative variances add under free products."""
        weight, mean, variance = float(self.mlp.sigma_w) ** 2, self._first, 0.0
        for each, offset in zip(self._factors, self.second_moments[1:].tolist(), strict=True):
            size = weight * mean * float(each.moments(1)[0])
            if size == 0:
                mean, variance = offset, 0.0
                continue
            relative = variance / mean**2 + each.relative_variance + (self.mlp.weights != "haar")
            mean, variance = size + offset, size * size * relative
        return np.float64(variance)


def one_sample_ntk_law(mlp: MLP, *, q0: float | None = None, biases: bool = False) -> OneSampleNTKLaw:
    """The limit law of the tangent kernel at a single input, over n_L: the conditional Fisher information's spectrum.

    Theta = (1 / n_L) sum over all weights of df/dw (df/dw)^T, f = h_L the network's n_L outputs, in the standard
    parametrization. Gradient descent on |f - y|^2 / (2 n_L) with one input turns the residual by I - eta Theta a step.

    Parameters
    ----------
    mlp : networks.MLP
        All widths from the first hidden layer on equal; the input's may differ.
    q0 : float, optional
        |x_0|^2 / n_0 of the input, positive. Default: the input is at the fixed point of mean field; 1 where the
        activation is phi(c h) = c phi(h), which has none of its own.
    biases : bool
        Whether biases are trained too. They add 1 / n_l to each |x_l|^2 / n_l: nothing in the limit, but all that a
        finite width needs.

    Returns
    -------
    OneSampleNTKLaw
        Density, distribution function (no integration: it comes from the logarithmic potential), quantiles, support,
        atoms, moments and `lambda_max`. `max_learning_rate` takes it.

    Raises
    ------
    TypeError, ValueError
        If mlp is no MLP; if widths differ, or the signal grows without end or dies out.
    ConvergenceError
        From the law's methods, where the solver fails.

    Notes
    -----
    Theta_1 = |x_0|^2 / n_L and Theta_{l+1} = |x_l|^2 / n_l + W_{l+1} D_l Theta_l D_l W_{l+1}^T. With Haar weights the
    limit law is that of qhat_l + sigma_w^2 x, x from the free product of the laws of phi'(h_l)^2 and of layer l [1]_;
    Gaussian weights bring a free factor of Marchenko-Pastur's law. Where all layers are isometric
    the law concentrates near L qhat: lambda_max is O(L) with Haar weights, and O(L^2) with Gaussian ones.

    References
    ----------
    .. [1] T. Hayase, R. Karakida, The spectrum of Fisher information of deep networks achieving dynamical isometry,
       AISTATS (2021), arXiv:2006.07814.

    Examples
    --------
    >>> law = one_sample_ntk_law(MLP([500] * 5, "relu", weights="haar", sigma_w=2**0.5), q0=0.5)
    >>> round(float(law.mean()), 10), round(law.lambda_max, 10)
    (2.0, 6.7717788525)
    """
    name = "one_sample_ntk_law"
    if not isinstance(mlp, MLP):
        raise TypeError(f"{name}: mlp must be a deeprmt.networks.MLP, got {type(mlp).__name__}")
    mlp._refuse_small_output(name)
    if mlp.parametrization == "ntk":
        raise ValueError(
            f'{name}: mlp.parametrization must be "standard"; with "ntk" and equal widths n the kernel is that one'
            " times sigma_w^2 / n"
        )
    if len(set(mlp.widths[1:])) != 1:
        raise ValueError(f"{name}: mlp.widths must be equal from the first hidden layer on, got {list(mlp.widths)}")
    biases = as_flag(name, "biases", biases)
    second = _stationary(name, mlp) if q0 is None else as_number(name, "q0", q0, above=0)
    weight, bias = float(mlp.sigma_w) ** 2, float(mlp.sigma_b) ** 2
    q: list[float] = []
    seconds = [second]
    for layer in range(1, mlp.depth):
        if q0 is None and q and abs(q[-1] - (weight * second + bias)) < 1e-13 * q[-1]:
            q.append(q[-1])  # at the fixed point, whatever rounding says: layers are equal
        else:
            q.append(weight * second + bias)
            second = float(gauss_moment(mlp.activation, q[-1]))
        if not 1e-100 < second < 1e100:
            raise ValueError(f"{name}: the signal must stay between 1e-100 and 1e100, got {second:g} in layer {layer}")
        seconds.append(second)
    if biases:
        seconds = [each + 1 / n for each, n in zip(seconds, mlp.widths, strict=False)]
    law = OneSampleNTKLaw(mlp, np.array(q), np.array(seconds))
    mean = law._first
    for layer, (each, offset) in enumerate(zip(law._factors, law.second_moments[1:].tolist(), strict=True), 2):
        mean = offset + weight * mean * float(each.moments(1)[0])
        if mean > 1e250:
            raise ValueError(
                f"{name}: the eigenvalues' mean must be in the range of doubles, but is beyond 1e250 in layer {layer}"
                f" of {mlp.depth}: with sigma_w = {mlp.sigma_w:g} it grows from layer to layer"
            )
    return law


def _stationary(name: str, mlp: MLP) -> float:
    """|x_0|^2 / n_0 of an input at the fixed point."""
    activation = mlp.activation
    if activation.slopes is not None and set(activation.kinks) <= {0.0} and activation.phi(np.zeros(1)) == 0:
        return 1.0
    q = fixed_point(activation, mlp.sigma_w, mlp.sigma_b).q_star
    if not 0 < q < math.inf:
        dies = "dies out, and there is no fixed point; give q0"
        raise ValueError(
            f"{name}: with {activation.name}, sigma_w = {mlp.sigma_w:g} and sigma_b = {mlp.sigma_b:g} the signal"
            f" {dies if q == 0 else 'grows without end, and ' + starts(activation, mlp.sigma_w, mlp.sigma_b)}"
        )
    return float(gauss_moment(activation, q))
