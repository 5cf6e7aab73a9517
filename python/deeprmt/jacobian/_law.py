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
from ..errors import ConvergenceError
from ..laws import Law
from ..laws._quadrature import Interval, integrate
from ..networks import MLP
from ._layers import Chain, chain, variances
from ._series import moment
from ._slopes import Direct

__all__ = ["JacobianLaw", "law"]

Array = NDArray[np.float64]
# What stands for 0 where a limit is taken. The squares of a continuous law's small slopes would underflow earlier.
_least = 1e-140
# What `expect` aims at. At an end where the density diverges the rounding of x alone costs 1e-8 of the mass.
_settled = 1e-10


class JacobianLaw(Law):
    """The law of the eigenvalues of J J^T: J a product of free factors, of which some are diagonal.

    Made by `law`; `to_dict` names what it is made of. Moments come from the exact series of the S-transform.

    Attributes
    ----------
    mlp : networks.MLP
        The network; only ratios of its widths count.
    activation, weights, sigma_w, depth
        Those of the network.
    diagonals : int
        The number of diagonals phi'(h): depth, or depth - 1.
    output : str
        "preactivation" or "activation".
    q : (diagonals,) ndarray
        The variances of the preactivations h_l of the layers whose diagonal phi'(h_l) takes part.
    log_scale : float
        0, or what has been added to ln x, so that the mean is 1.
    """

    def __init__(self, mlp: MLP, output: str, q: Array, log_scale: float = 0.0) -> None:
        self.mlp, self.output, self.q, self.log_scale = mlp, output, q, log_scale
        self.activation, self.weights, self.sigma_w = mlp.activation, mlp.weights, float(mlp.sigma_w)
        self.depth, self.diagonals = mlp.depth, q.size

    def __repr__(self) -> str:
        mlp = self.mlp
        same = len(set(mlp.widths)) == 1
        widths = f"depth={mlp.depth}" if same else f"widths={list(mlp.widths)}" if mlp.depth < 8 else "widths=..."
        varies = self.q.size and np.ptp(self.q) > 1e-12 * self.q.max()
        q = f"{self.q[0]:.6g}..{self.q[-1]:.6g}" if varies else f"{self.q[0]:.6g}" if self.q.size else "none"
        return (
            f"JacobianLaw({mlp.activation.name}, {mlp.weights}, sigma_w={mlp.sigma_w:.6g}, {widths},"
            f" diagonals={self.q.size}, q={q})"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def to_dict(self) -> dict[str, Any]:
        """What the law is made of, its support and its atoms."""
        return {
            "activation": self.mlp.activation.name,
            "weights": self.mlp.weights,
            "sigma_w": self.mlp.sigma_w,
            "widths": list(self.mlp.widths),
            "depth": self.mlp.depth,
            "diagonals": self.q.size,
            "q": self.q.tolist(),
            "log_scale": self.log_scale,
            "support": self.support(),
            "atoms": self.atoms(),
        }

    @cached_property
    def _chain(self) -> Chain:
        return chain(self.mlp, self.q, self.log_scale)

    @cached_property
    def _solver(self) -> _Steps | Direct | _core.freeprob.ExplicitLaw:
        made = self._chain
        if made.is_discrete:
            return _Steps(list(made.atoms))
        single = made.single
        if single is not None:
            return Direct(single.slopes, math.exp(made.log_scale), 1 / single.width)
        return made.solver()

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
        return any(each.slopes.falls_to_zero() for each in self._chain.factors)

    def atoms(self) -> list[tuple[float, float]]:
        """0 with the mass of the flat parts of phi; with Haar weights also a top atom, while depth leaves one."""
        return list(self._chain.atoms)

    def _evaluate_both(self, x: Array) -> tuple[Array, Array]:
        """Density and distribution function at x >= 0."""
        solver = self._solver
        at_zero = dict(self._chain.atoms).get(0.0, 0.0)
        inside = np.ascontiguousarray(np.maximum(x, _least))  # the limit at 0, which may be infinite
        if isinstance(solver, _core.freeprob.ExplicitLaw):
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
        slopes = [each.slopes for each in self._chain.factors]
        if (
            self._chain.gaussians == 0
            and slopes
            and all(each.values is None and each.d(each.turns[1:-1]).min(initial=1.0) > 1e-20 for each in slopes)
            and not self._chain.atoms
        ):
            return False  # phi' tends to 0 but never is: ln x has thin tails
        near, far = self._evaluate_both(high * np.array([1e-20, 1e-10]))[0]
        return bool(near > 1e3 * far > 0)

    def _cdf(self, x: Array) -> Array:
        return self._evaluate_both(x)[1]

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        if not isinstance(self._solver, _core.freeprob.ExplicitLaw):
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
        made = self._chain
        if self._is_zero:
            return 0.0
        factors = [(each.moments(k), each.power, each.width) for each in made.factors]
        return moment(k, made.log_scale, made.poles, factors)

    @property
    def _is_zero(self) -> bool:
        return self._chain.atoms == ((0.0, 1.0),)

    def var(self) -> np.float64:
        """The variance: relative variances add under free products."""
        if self._is_zero:
            return np.float64(0)
        return np.float64(float(self.mean()) ** 2 * self._chain.relative_variance)


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
    if q0 is not None:
        q0 = as_number("jacobian.law", "q0", q0, above=0)
    out = JacobianLaw(mlp, output, variances(mlp, mlp.depth - (output == "preactivation"), q0))
    return SingularLaw(out) if singular else out
