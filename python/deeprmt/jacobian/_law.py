"""The limit law of the squared singular values of a network's Jacobian, for layers of one width."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments import as_choice, as_number, available_threads
from ..activations import Activation
from ..errors import ConvergenceError
from ..laws import Law
from ..laws._quadrature import Interval, integrate
from ..meanfield import fixed_point, gauss_moment
from ..networks import MLP
from ._slopes import Direct, SquaredSlopes, squared_slopes

__all__ = ["JacobianLaw", "law"]

Array = NDArray[np.float64]
# What stands for 0 where a limit is taken. The squares of a continuous law's small slopes would underflow earlier.
_least = 1e-140
# What `expect` aims at. At an end where the density diverges the rounding of x alone costs 1e-8 of the mass.
_settled = 1e-10


class JacobianLaw(Law):
    """The law of the eigenvalues of J J^T: J a product of square free factors, of which some are diagonal.

    Made by `law`; `to_dict` names what it is made of. Moments up to the eighth come from the exact series of the
    S-transform.

    Attributes
    ----------
    activation : Activation
    weights : str
        "gaussian" or "haar".
    sigma_w : float
    depth : int
        The number of weights.
    diagonals : int
        The number of diagonals phi'(h): depth, or depth - 1.
    q : float
        The variance of the preactivations h, the same in every layer.
    """

    def __init__(
        self, activation: Activation, weights: str, sigma_w: float, depth: int, diagonals: int, q: float
    ) -> None:
        self.activation, self.weights, self.sigma_w = activation, weights, sigma_w
        self.depth, self.diagonals, self.q = depth, diagonals, q
        self._gaussians = depth if weights == "gaussian" else 0
        self._log_scale = 2 * depth * math.log(sigma_w)

    def __repr__(self) -> str:
        return (
            f"JacobianLaw({self.activation.name}, {self.weights}, sigma_w={self.sigma_w:.6g}, depth={self.depth},"
            f" diagonals={self.diagonals}, q={self.q:.6g})"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in ("_solver", "_slopes")}

    def to_dict(self) -> dict[str, Any]:
        """What the law is made of, its support and its atoms."""
        return {
            "activation": self.activation.name,
            "weights": self.weights,
            "sigma_w": self.sigma_w,
            "depth": self.depth,
            "diagonals": self.diagonals,
            "q": self.q,
            "support": self.support(),
            "atoms": self.atoms(),
        }

    @cached_property
    def _slopes(self) -> SquaredSlopes:
        if self.diagonals == 0:
            return SquaredSlopes(self.activation, self.q, np.ones(1), np.ones(1), np.zeros(0))
        return squared_slopes(self.activation, self.q)

    @cached_property
    def _atoms(self) -> list[tuple[float, float]]:
        """An atom of a free product is a product of atoms whose masses leave something over."""
        values, masses = self._slopes.values, self._slopes.masses
        if values is None or masses is None:
            return []
        n = max(self.diagonals, 1)
        out = [(0.0, float(mass)) for value, mass in zip(values, masses, strict=True) if value == 0]
        if self._gaussians == 0:
            for i in np.flatnonzero(values > 0):
                mass = 1 - n * float(np.delete(masses, i).sum())
                if mass > 1e-15:
                    out.append((math.exp(self._log_scale + n * math.log(values[i])), mass))
        return out

    @cached_property
    def _solver(self) -> _Steps | Direct | _core.freeprob.EqualLayers:
        slopes, n = self._slopes, max(self.diagonals, 1)
        if slopes.values is not None and (len(slopes.values) == 1 or n == 1) and self._gaussians == 0:
            return _Steps(self._atoms)
        if slopes.values is not None and slopes.values[-1] == 0:
            return _Steps([(0.0, 1.0)])
        if n == 1 and self._gaussians == 0:
            return Direct(slopes, math.exp(self._log_scale))
        panels = slopes.panels()
        if slopes.values is None:  # quadrature of its own, which finds narrow places: did the panels see them too?
            level = len(panels.d) // (2**panels.levels - 1)
            seen, mean = float(np.sum(panels.d[:level] * panels.weights[:level])), self._slope_moments[0]
            if not abs(seen - mean) <= 1e-8 * mean:
                raise ConvergenceError(
                    f"jacobian.law: the law of phi'(h)^2 with {self.activation.name} at q = {self.q:g} is not resolved",
                    {"mean": mean, "mean of the panels": seen},
                )
        return _core.freeprob.EqualLayers(
            panels.d, panels.weights, panels.ranges, panels.levels, n, self._gaussians, self._log_scale
        )

    # ---- the protocol ----

    def support(self) -> list[tuple[float, float]]:
        """The intervals that carry the continuous part."""
        return list(self._support)

    @cached_property
    def _support(self) -> list[tuple[float, float]]:
        solver = self._solver
        if isinstance(solver, _Steps):
            return []
        if isinstance(solver, Direct):
            return [(0.0 if self._thins_out_to_zero else solver.bounds[0], solver.bounds[1])]
        intervals, low = [], 0.0
        for start, end, _ in solver.gaps():
            # Panels end at 9 standard deviations: a gap below the least slope there is none if phi' goes on to 0.
            if start == 0 and self._thins_out_to_zero:
                continue
            if start > low * (1 + 1e-12):
                intervals.append((low, start))
            low = end
        return intervals

    @cached_property
    def _thins_out_to_zero(self) -> bool:
        return self._slopes.falls_to_zero()

    def atoms(self) -> list[tuple[float, float]]:
        """0 with the mass of the flat parts of phi; with Haar weights also a top atom, while depth leaves one."""
        return list(self._atoms)

    def _evaluate_both(self, x: Array) -> tuple[Array, Array]:
        """Density and distribution function at x >= 0."""
        solver = self._solver
        at_zero = dict(self._atoms).get(0.0, 0.0)
        inside = np.ascontiguousarray(np.maximum(x, _least))  # the limit at 0, which may be infinite
        if isinstance(solver, _core.freeprob.EqualLayers):
            density, cdf, report = solver.evaluate(inside, available_threads())
            self._check(report, "x")
            # Below the range of doubles there may be a little mass.
            return density, np.where(x > 0, np.maximum(cdf, at_zero), at_zero)
        return solver.evaluate(inside) if isinstance(solver, Direct) else solver.evaluate(x)

    def _check(self, report: Any, argument: str) -> None:
        if report["failed"]:
            raise ConvergenceError(
                f"JacobianLaw: {report['failed']} points did not converge, the first at {argument} ="
                f" {report['first_failure']:g}",
                {**report, "law": repr(self)},
            )

    def _pdf(self, x: Array) -> Array:
        density = self._evaluate_both(x)[0]
        at_zero = x == 0
        if at_zero.any() and self._diverges:
            density = np.where(at_zero, np.inf, density)
        return density

    @cached_property
    def _diverges(self) -> bool:
        """Whether the density grows without end towards 0, as a power then: judged far above the least doubles."""
        low, high = self.support()[0] if self.support() else (1.0, 1.0)
        if low > 0:
            return False
        slopes = self._slopes
        if self._gaussians == 0 and slopes.values is None and slopes.d(slopes.turns[1:-1]).min(initial=1.0) > 1e-20:
            return False  # phi' tends to 0 but never is: ln x has thin tails
        near, far = self._evaluate_both(high * np.array([1e-20, 1e-10]))[0]
        return bool(near > 1e3 * far > 0)

    def _cdf(self, x: Array) -> Array:
        return self._evaluate_both(x)[1]

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        if not isinstance(self._solver, _core.freeprob.EqualLayers):
            return super()._stieltjes(z)
        upper = np.where(z.imag < 0, np.conj(z), z)
        upper = np.where(upper == 0, -_least, upper)  # the limit from the left, which may be infinite
        g, report = self._solver.resolvent([complex(each) for each in upper], available_threads())
        self._check(report, "|z|")
        return -np.where(z.imag < 0, np.conj(g), g)

    def expect(self, function: Callable[[Array], Any]) -> Any:
        """The mean of a vectorised function, real or complex, by quadrature: in ln x towards 0, where mass piles up.

        Raises
        ------
        ConvergenceError
            If the integral does not settle, for instance because it is infinite.
        """
        total: Any = sum(mass * function(np.array([location]))[0] for location, mass in self.atoms())
        if isinstance(self._solver, Direct):
            return total + self._solver.expect(function)
        for low, high in self.support():
            if low > 0:
                total = total + integrate(lambda x: function(x) * self._pdf(x), Interval(low, high), rtol=_settled)
                continue
            middle = high / 4
            least, more = np.array([_least]), np.array([_least * 1e40])
            rest = self._cdf(least)[0] - dict(self.atoms()).get(0.0, 0.0)  # the mass below the range of doubles
            lowest = function(least)[0] * max(rest, _least * self._pdf(least)[0])
            total = total + function(least)[0] * rest
            total = total + integrate(
                lambda t: function(np.exp(t)) * self._pdf(np.exp(t)) * np.exp(t),
                Interval(math.log(_least), math.log(middle)),
                rtol=_settled,
            )
            total = total + integrate(lambda x: function(x) * self._pdf(x), Interval(middle, high), rtol=_settled)
            if abs(lowest) > 1e-9 * abs(total) and abs(function(least)[0]) > 1e3 * abs(function(more)[0]):
                raise ConvergenceError("JacobianLaw.expect: the mean is infinite, or rests on values below 1e-290")
        return np.asarray(total)[()]

    def _moment(self, k: int) -> float:
        if k > 8:
            return super()._moment(k)
        return _moment(self._slope_moments[:k], k, max(self.diagonals, 1), self._gaussians, self._log_scale)

    @cached_property
    def _slope_moments(self) -> Array:
        values, masses = self._slopes.values, self._slopes.masses
        if values is not None and masses is not None:
            return np.array([float(np.sum(masses * values**k)) for k in range(1, 9)])
        return np.array([gauss_moment(self.activation, self.q, power=2 * k, derivative=True) for k in range(1, 9)])

    def var(self) -> np.float64:
        """The variance: relative variances add under free products."""
        mean, (mu1, mu2) = float(self.mean()), self._slope_moments[:2]
        return np.float64(mean * mean * (self._gaussians + max(self.diagonals, 1) * (mu2 / mu1**2 - 1)))


class SingularLaw(Law):
    """The law of the square root: singular values where `squared` is that of eigenvalues."""

    def __init__(self, squared: JacobianLaw) -> None:
        self.squared = squared

    def __repr__(self) -> str:
        return f"SingularLaw({self.squared!r})"

    def support(self) -> list[tuple[float, float]]:
        """The intervals that carry the continuous part."""
        return [(math.sqrt(low), math.sqrt(high)) for low, high in self.squared.support()]

    def atoms(self) -> list[tuple[float, float]]:
        """The square roots of the eigenvalues' atoms."""
        return [(math.sqrt(location), mass) for location, mass in self.squared.atoms()]

    def _pdf(self, x: Array) -> Array:
        x = np.maximum(x, 1e-145)
        return 2 * x * self.squared._pdf(x * x)

    def _cdf(self, x: Array) -> Array:
        # An atom at the root's own rounding of the square must not be missed.
        out = self.squared._cdf(x * x)
        for location, mass in self.atoms():
            short = (x >= location) & (x * x < location * location)
            out = np.where(short, out + mass, out)
        return out

    def _moment(self, k: int) -> float:
        return float(self.squared.moment(k // 2)) if k % 2 == 0 else super()._moment(k)


class _Steps:
    """A law of atoms alone."""

    def __init__(self, atoms: list[tuple[float, float]]) -> None:
        self._atoms = atoms

    def evaluate(self, x: Array) -> tuple[Array, Array]:
        cdf = sum((mass * (x >= location) for location, mass in self._atoms), np.zeros_like(x))
        return np.zeros_like(x), np.minimum(cdf, 1.0)


def _moment(mu: Array, k: int, diagonals: int, gaussians: int, log_scale: float) -> float:
    """m_k = [y^(k-1)] ((1 + y) / S(y))^k / k, Lagrange's inversion, with 1 / S = e^log_scale (1 + y)^g Q(y)^n.

    Q = 1 / S_D follows from y = sum mu_j u^j: Q = (y / u) / (1 + y).
    """
    if mu[0] == 0:
        return 0.0
    mean = mu[0]
    scaled = mu / mean ** np.arange(1, k + 1)  # u in units of 1 / mean
    inverse = _revert(scaled)  # u = y + ...
    quotient = _divide(_divide(_one(k), inverse), np.array([1.0, 1.0, *np.zeros(k)])[:k])
    series = _product(
        _power(quotient, k * diagonals), _power(np.array([1.0, 1.0, *np.zeros(k)])[:k], k * (1 + gaussians))
    )
    return float(series[k - 1] / k) * math.exp(k * (log_scale + diagonals * math.log(mean)))


def _one(k: int) -> Array:
    return np.array([1.0, *np.zeros(k - 1)])


def _product(a: Array, b: Array) -> Array:
    return np.convolve(a, b)[: len(a)]


def _divide(a: Array, b: Array) -> Array:
    out = np.zeros(len(a))
    for i in range(len(a)):
        out[i] = (a[i] - out[:i] @ b[i:0:-1]) / b[0]
    return out


def _power(a: Array, n: int) -> Array:
    """a^n with a[0] = 1, by Miller's recurrence."""
    out = _one(len(a))
    for i in range(1, len(a)):
        j = np.arange(1, i + 1)
        out[i] = np.sum(((n + 1) * j - i) * a[1 : i + 1] * out[i - 1 :: -1][:i]) / i
    return out


def _revert(a: Array) -> Array:
    """From y = u (a_0 + a_1 u + ...), a_0 = 1: the coefficients of u / y as a series in y (Lagrange)."""
    reciprocal = _divide(_one(len(a)), a)
    return np.array([_power(reciprocal, j)[j - 1] / j for j in range(1, len(a) + 1)])


def law(
    mlp: MLP, *, q0: float | None = None, output: str = "preactivation", singular: bool = False
) -> JacobianLaw | SingularLaw:
    """The limit law of the eigenvalues of J J^T at large width.

    Parameters
    ----------
    mlp : networks.MLP
        All widths equal.
    q0 : float, optional
        |x_0|^2 / n_0 of the input. Default: the input is at the fixed point of mean field. Another q0 must lead to the
        same variance in every layer, as it does for activations with phi(c h) = c phi(h).
    output : {"preactivation", "activation"}
        J = dh_L/dx_0 = W_L D_{L-1} ... D_1 W_1, or dx_L/dx_0 with one more diagonal D_L; D_l = diag phi'(h_l).
    singular : bool
        The law of J's singular values instead.

    Returns
    -------
    Law
        Density, distribution function (no integration: it comes from the logarithmic potential), quantiles, support,
        atoms, moments.

    Raises
    ------
    TypeError
        If mlp is no MLP.
    ValueError
        If the widths differ, or the variance differs from layer to layer, or grows without end.
    ConvergenceError
        From the law's methods, where the solver fails.

    References
    ----------
    .. [1] J. Pennington, S. Schoenholz, S. Ganguli, The emergence of spectral universality in deep networks,
       AISTATS (2018).
    .. [2] B. Collins, T. Hayase, Asymptotic freeness of layerwise Jacobians caused by invariance of multilayer
       perceptron: the Haar orthogonal case, Commun. Math. Phys. 397 (2023).

    Examples
    --------
    >>> from deeprmt.networks import MLP
    >>> eigenvalues = law(MLP([500] * 3, "relu", sigma_w=2**0.5), output="activation")
    >>> [round(float(eigenvalues.moment(k)), 6) for k in (1, 2, 3)]
    [1.0, 5.0, 33.0]
    >>> round(float(eigenvalues.cdf(1.10901699437)), 8)
    0.767332
    """
    output = as_choice("jacobian.law", "output", output, ("preactivation", "activation"))
    if not isinstance(mlp, MLP):
        raise TypeError(f"jacobian.law: mlp must be a deeprmt.networks.MLP, got {type(mlp).__name__}")
    if len(set(mlp.widths)) != 1:
        raise ValueError(f"jacobian.law: mlp.widths must all be equal, got {list(mlp.widths)}")
    depth = mlp.depth
    diagonals = depth - (output == "preactivation")
    q = _variance(mlp, diagonals, q0)
    out = JacobianLaw(mlp.activation, mlp.weights, float(mlp.sigma_w), depth, diagonals, q)
    return SingularLaw(out) if singular else out


def _variance(mlp: MLP, diagonals: int, q0: float | None) -> float:
    """The variance of the preactivations, if it is the same in every layer."""
    activation = mlp.activation
    if q0 is not None:
        q0 = as_number("jacobian.law", "q0", q0, above=0)
    if diagonals == 0 or (activation.slopes is not None and set(activation.kinks) <= {0.0}):
        return 1.0  # the slopes do not depend on it
    if q0 is None:
        q = fixed_point(activation, mlp.sigma_w, mlp.sigma_b).q_star
        if not math.isfinite(q):
            raise ValueError(
                f"jacobian.law: with {activation.name}, sigma_w = {mlp.sigma_w:g} and sigma_b = {mlp.sigma_b:g} the"
                " variance of the preactivations grows without end, and there is no fixed point"
            )
        return q
    first = q = mlp.sigma_w**2 * q0 + mlp.sigma_b**2
    for layer in range(2, diagonals + 1):
        q = float(mlp.sigma_w**2 * gauss_moment(activation, q) + mlp.sigma_b**2)
        if abs(q - first) > 1e-9 * first:
            raise ValueError(
                f"jacobian.law: q0 must lead to the same variance in every layer (default: the fixed point), but"
                f" q0 = {q0:g} gives {first:.6g} in layer 1 and {q:.6g} in layer {layer}"
            )
    return first
