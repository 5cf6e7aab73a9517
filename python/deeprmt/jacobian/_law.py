"""The limit law of the squared singular values of a network's Jacobian."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments import as_choice, as_flag, as_number
from ..laws import Discrete, Law
from ..meanfield._series import moment
from ..meanfield._slope_law import diagonal_law
from ..meanfield._squared_slopes import Factor
from ..networks import MLP
from ._layers import Chain, chain, factors_of, log_omega, variances
from ._solved import SolvedLaw

__all__ = ["JacobianLaw", "law"]

Array = NDArray[np.float64]


class JacobianLaw(SolvedLaw):
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

    Notes
    -----
    Large inputs to saturating activations leave mass below the range of doubles. There `cdf` is right as a whole, from
    about 1e-300 upwards point by point; quantiles and draws that would be less than the least double, 5e-324, are
    5e-324, not 0: 0 is only ever an atom.

    Examples
    --------
    >>> mu = law(MLP([100] * 5, "hard_tanh", weights="haar", sigma_w=1.0), q0=0.1)
    >>> mu
    JacobianLaw(hard_tanh, haar, sigma_w=1, depth=4, diagonals=3, q=0.1..0.0994229)
    >>> round(float(mu.mean()), 10), round(mu.lambda_max, 10)
    (0.9953840983, 1.0)
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
        return chain(self.mlp, self._groups, self.log_scale)

    @cached_property
    def _groups(self) -> list[Factor]:
        return factors_of(self.mlp, self.q)

    @cached_property
    def _solver(self) -> Law | _core.freeprob.ExplicitLaw:
        made = self._chain
        if made.is_discrete:
            return Discrete(*zip(*made.atoms, strict=True))
        single = made.single
        if single is not None:
            return diagonal_law(single, math.exp(made.log_scale))
        return made.solver()

    @property
    def _known_atoms(self) -> tuple[tuple[float, float], ...]:
        solver = self._solver
        return tuple(solver.atoms()) if isinstance(solver, Law) else self._chain.atoms

    @property
    def _thins_out_to_zero(self) -> bool:
        # Between layers of which another one is narrower, slopes close to 0 are passed by: there the law has an end.
        widest = self.mlp.widths[-1] / min(self.mlp.widths) * (1 - 1e-12)
        return any(each.slopes.falls_to_zero() and each.width >= widest for each in self._chain.factors)

    @property
    def _has_thin_tail(self) -> bool:
        slopes = [each.slopes for each in self._chain.factors]
        return (
            self._chain.gaussians == 0
            and not self._chain.atoms
            and bool(slopes)
            # phi' tends to 0 but never is: ln x has thin tails.
            and all(each.values is None and each.d(each.turns[1:-1]).min(initial=1.0) > 1e-20 for each in slopes)
        )

    def atoms(self) -> list[tuple[float, float]]:
        """0 with the mass of the flat parts of phi; with Haar weights also a top atom, while depth leaves one."""
        return list(self._known_atoms)

    def log_mean(self) -> float:
        """ln E x, right beyond the range of doubles; -inf if all slopes are 0."""
        if self._is_zero:
            return -math.inf
        made = self._chain
        kept = sum(power * math.log1p(-flat) for (flat, _), power in made.jumps.items())
        return made.log_scale + kept + sum(each.power * math.log(each.moments(1)[0]) for each in made.factors)

    def mean_log(self) -> float:
        """E ln x: the log-determinant of J J^T, twice the sum of all Lyapunov exponents, per unit; -inf with mass at 0.

        Log-determinants add under free products. A square Gaussian weight of variance 1 / n brings -1.
        """
        made = self._chain
        if made.jumps or (made.atoms and made.atoms[0][0] == 0):
            return -math.inf
        total = made.log_scale
        for a, power in made.poles.items():  # U at y = -1, where 1 + a y >= 0
            total += power * (-1 + (1 - 1 / a) * math.log(1 - a) if a != 1 else -1)
        total += 1
        for each in made.factors:
            b, n = each.width, each.power
            if b == 1:
                total += n * each.mean_log
                continue
            t = log_omega(each, -b)
            d, weights = each.nodes
            total += n / b * float(np.sum(weights * np.log(math.exp(t) + d))) + n * (1 - 1 / b) * t
            total += n * (math.log(b) - (1 - 1 / b) * math.log(1 - b))
        return total

    def _moment(self, k: int) -> float:
        made = self._chain
        if self._is_zero:
            return 0.0
        if k > 64:  # m_j / m_(j-1) rises with j: what is sure to be beyond doubles need not be added up
            before, at = self._moment(31), self._moment(32)
            if 0 < before <= at < math.inf and math.log(at) + (k - 32) * math.log(at / before) > 710:
                return math.inf
        factors = [(each.moments(k), each.power, each.width) for each in made.factors]
        return moment(k, made.log_scale, made.poles, factors, made.jumps)

    @property
    def _is_zero(self) -> bool:
        return self._chain.atoms == ((0.0, 1.0),)

    def var(self) -> np.float64:
        """The variance: relative variances add under free products."""
        if self._is_zero:
            return np.float64(0)
        return np.float64(float(self.mean()) ** 2 * self._chain.relative_variance)


def law(
    mlp: MLP,
    *,
    q0: float | None = None,
    output: str = "preactivation",
    singular: bool = False,
    normalized: bool = False,
) -> Law:
    """The limit law of the eigenvalues of J J^T at large width.

    Parameters
    ----------
    mlp : networks.MLP
        Ratios of the widths are those of the limit. Depth may be thousands.
    q0 : float, optional
        |x_0|^2 / n_0 of the input. Default: the input is at the fixed point of mean field, so that the variance of the
        preactivations is the same in every layer. Else it goes from layer to layer as mean field has it.
    output : {"preactivation", "activation"}
        J = dh_L/dx_0 = W_L D_{L-1} ... D_1 W_1, or dx_L/dx_0 with one more diagonal D_L; D_l = diag phi'(h_l).
    singular : bool
        The law of J's singular values instead.
    normalized : bool
        Divide the eigenvalues by their mean, for networks so deep that it leaves the range of doubles; its logarithm is
        then ``-log_scale`` of the law of eigenvalues.

    Returns
    -------
    Law
        Density, distribution function (no integration: it comes from the logarithmic potential), quantiles, support,
        atoms, moments.

    Raises
    ------
    TypeError
        If mlp is no MLP, or singular or normalized neither True nor False.
    ValueError
        If the variance grows without end, or eigenvalues are beyond the range of doubles.
    ConvergenceError
        From the law's methods, where the solver fails.

    Notes
    -----
    Gaussian weights and flat parts of phi cost nothing; each distinct variance of a continuous phi' costs about 5 ms
    for 1000 points. More than 8 distinct variances are replaced by the nodes of a Gauss rule in ln q or 1 / sqrt(q),
    often 8 to 18 of them, where some have the same sum of ln S to 1e-13 a layer: depth then costs the recursion for q
    alone, about 0.15 ms a layer.
    For slopes of 0 and another value each distinct variance costs one logarithm.

    For rectangular Haar weights the limit is that of free projections; for the Jacobian of a network with a forward
    pass it is conjectured and tested, not proved.

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
    mlp._refuse_small_output("jacobian.law")
    singular = as_flag("jacobian.law", "singular", singular)
    normalized = as_flag("jacobian.law", "normalized", normalized)
    if q0 is not None:
        q0 = as_number("jacobian.law", "q0", q0, above=0)
    q = variances(mlp, mlp.depth - (output == "preactivation"), q0)
    out = JacobianLaw(mlp, output, q)
    log_mean = out.log_mean()
    if normalized and math.isfinite(log_mean):
        groups = out._groups
        out = JacobianLaw(mlp, output, q, -log_mean)
        out._groups = groups
    elif abs(log_mean) > 600 and math.isfinite(log_mean):
        raise ValueError(
            f"jacobian.law: the eigenvalues' mean is e^{log_mean:.6g}, beyond the range of doubles; normalized=True"
            " divides by it"
        )
    return out.power(0.5) if singular else out
