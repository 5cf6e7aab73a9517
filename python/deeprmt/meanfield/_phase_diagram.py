"""Order and chaos over a window of sigma_w and sigma_b."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import interpolate

from .._arguments import Floats, as_number, as_real, refuse_non_finite
from .._display import Displayed
from ..activations import Activation, as_activation
from ._critical import CriticalLine, CriticalPoint, critical_line, critical_point, homogeneous
from ._fixed_point import ceiling
from ._moments import expect_many, rounding

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PhaseDiagram", "phase_diagram"]

# The table is in ln q; its splines of degree 7 follow activations that vary on a scale of 1 to about 1e-10.
_least, _most, _step = 1e-16, 1e16, 0.08


@dataclass(frozen=True, eq=False)
class PhaseDiagram(Displayed):
    """The fixed points of all networks in a window.

    Attributes
    ----------
    sigma_w : (m,) ndarray
    sigma_b : (n,) ndarray
    q_star, chi : (n, m) ndarray
        As in `FixedPoint`; q_star is inf where the variance grows without end.
    line : CriticalLine or None
        The edge of chaos, chi = 1, in and around the window; None if there is none.
    point : CriticalPoint or None
        Instead of a line, for phi(c h) = c phi(h): there sigma_b must be 0, and every variance is fixed.
    activation : Activation

    Examples
    --------
    >>> diagram = phase_diagram("tanh", sigma_w=[0.5, 1.0, 1.5], sigma_b=[0.0, 0.3])
    >>> diagram.chaotic
    array([[False, False,  True],
           [False, False,  True]])
    >>> round(float(diagram.q_star[1, 2]), 10)
    0.9608442797
    """

    sigma_w: Floats
    sigma_b: Floats
    q_star: Floats
    chi: Floats
    line: CriticalLine | None
    point: CriticalPoint | None
    activation: Activation

    @property
    def chaotic(self) -> NDArray[np.bool_]:
        """(n, m): whether gradients explode, chi > 1."""
        return np.asarray(self.chi > 1)

    def __repr__(self) -> str:
        return (
            f"PhaseDiagram({self.activation.name!r}, {self.sigma_w.size} sigma_w from {self.sigma_w[0]:g} to"
            f" {self.sigma_w[-1]:g}, {self.sigma_b.size} sigma_b from {self.sigma_b[0]:g} to {self.sigma_b[-1]:g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Lists of numbers, and the activation's name."""
        return {
            **{name: getattr(self, name).tolist() for name in ("sigma_w", "sigma_b", "q_star", "chi")},
            "line": None if self.line is None else self.line.to_dict(),
            "point": None if self.point is None else self.point.to_dict(),
            "activation": self.activation.name,
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw chi as colours, and the edge of chaos: `deeprmt.plots.phase_diagram`."""
        from ..plots import phase_diagram

        return phase_diagram(self, ax=ax)


def phase_diagram(
    activation: str | Activation,
    *,
    sigma_w: ArrayLike | None = None,
    sigma_b: ArrayLike | None = None,
    q0: float = 1.0,
) -> PhaseDiagram:
    """Fixed points, chi and the edge of chaos over a window of sigma_w and sigma_b.

    Parameters
    ----------
    activation : str or Activation
        A name of `deeprmt.activations.names`, or one's own.
    sigma_w, sigma_b : (m,), (n,) array_like of real, optional
        Ascending, >= 0. Default: 101 values from 0.5 to 3, and 81 from 0 to 1.
    q0 : float
        The variance from which all start, > 0.

    Returns
    -------
    PhaseDiagram
        q_star and chi come from an interpolant of the Gaussian moments, to about 1e-8 for activations that vary on a
        scale of 1; `fixed_point` is exact.

    Examples
    --------
    >>> diagram = phase_diagram("tanh", sigma_w=[0.8, 1.5], sigma_b=[0.0, 0.3])
    >>> diagram.chaotic
    array([[False,  True],
           [False,  True]])
    """
    activation = as_activation("phase_diagram", activation)
    weights = _axis("sigma_w", np.linspace(0.5, 3, 101) if sigma_w is None else sigma_w)
    biases = _axis("sigma_b", np.linspace(0, 1, 81) if sigma_b is None else sigma_b)
    start = as_number("phase_diagram", "q0", q0, above=0)
    whole = homogeneous(activation)
    w, b = (grid.ravel() for grid in np.meshgrid(weights**2, biases**2))
    q, chi = _all(activation, w, b, start, whole)
    shape = (biases.size, weights.size)
    line, point = None, None
    if whole:
        point = critical_point(activation)
    else:
        finite = q[np.isfinite(q)]
        top = max(1.0, 4 * float(finite.max(initial=0.0)))
        try:
            line = _line(activation, min(top, 1e6))
        except ValueError:
            line = None
    return PhaseDiagram(weights, biases, q.reshape(shape), chi.reshape(shape), line, point, activation)


def _axis(argument: str, value: ArrayLike) -> Floats:
    array = as_real("phase_diagram", argument, value).astype(float)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"phase_diagram: {argument} must have one axis and an entry, got shape {array.shape}")
    refuse_non_finite("phase_diagram", argument, array)
    if array[0] < 0 or (np.diff(array) <= 0).any():
        raise ValueError(f"phase_diagram: {argument} must ascend from 0 or more")
    if array[-1] > 1e4:
        raise ValueError(f"phase_diagram: {argument} must be at most 1e4, found {array[-1]:g}")
    return array


def _line(activation: Activation, top: float) -> CriticalLine:
    """The line up to q_star = top, without what has no critical point."""
    line = critical_line(activation)
    if line.q_star[-1] < top:
        more = np.geomspace(line.q_star[-1], top, 100)[1:]
        try:
            rest = critical_line(activation, q_star=more)
        except ValueError:
            return line
        return CriticalLine(
            np.concatenate([line.sigma_w, rest.sigma_w]),
            np.concatenate([line.sigma_b, rest.sigma_b]),
            np.concatenate([line.q_star, rest.q_star]),
            np.concatenate([line.slope_variance, rest.slope_variance]),
            activation,
        )
    return line


def _all(activation: Activation, w: Floats, b: Floats, start: float, whole: bool) -> tuple[Floats, Floats]:
    """q_star and chi of all pairs of sigma_w^2 and sigma_b^2."""
    if whole:  # V(q) = V(1) q
        one = np.ones(1)
        chi = w * expect_many(activation, one, lambda h, _: activation.dphi(h) ** 2)
        slope = w * expect_many(activation, one, lambda h, _: activation.phi(h) ** 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            q = np.where(slope < 1 - 1e-15, b / (1 - slope), math.inf)
        q = np.where((np.abs(slope - 1) <= 1e-15) & (b == 0), start, q)
        return np.asarray(q), chi
    top = min(_most, max(4 * ceiling(activation, float(w.max()), float(b.max())), 4 * start))
    log_q = np.arange(math.log(_least), math.log(top) + _step, _step)
    q = np.exp(log_q)
    second = expect_many(activation, q, lambda h, _: activation.phi(h) ** 2, even=True)
    mu1 = expect_many(activation, q, lambda h, _: activation.dphi(h) ** 2, even=True)
    # The second moment over q where phi vanishes at 0: a mild function of ln q either way.
    flat = float(activation.phi(np.zeros(1))[0]) != 0
    ratio = interpolate.make_interp_spline(log_q, second if flat else second / q, k=7)
    slopes = interpolate.make_interp_spline(log_q, mu1, k=7)

    def drift(t: Floats, w: Floats, b: Floats) -> Floats:
        image = w * (ratio(t) if flat else ratio(t) * np.exp(t)) + b
        return np.asarray(np.where(image > 0, image * np.exp(-t) - 1, -1.0))

    out = np.empty(w.shape)
    i0 = int(np.clip(np.searchsorted(log_q, math.log(start)), 1, len(log_q) - 2))
    for begin in range(0, len(w), 1024):
        rows = slice(begin, begin + 1024)
        table = (w[rows, None] * second + b[rows, None]) / q - 1
        first = drift(np.full(len(table), math.log(start)), w[rows], b[rows])
        up = first > 0
        still = np.abs(first) <= 1e-14
        # The first place on the way where the drift turns round, and not by rounding, as near q = 0 at criticality.
        above, below = table[:, i0:] < -rounding, table[:, i0 - 1 :: -1] > rounding
        to = np.where(up, i0 + above.argmax(axis=1), i0 - 1 - below.argmax(axis=1))
        found = np.where(up, above.any(axis=1), below.any(axis=1))
        low = np.where(up, np.maximum(log_q[np.maximum(to - 1, 0)], math.log(start)), log_q[to])
        high = np.where(up, log_q[to], np.minimum(log_q[np.minimum(to + 1, len(q) - 1)], math.log(start)))
        for _ in range(50):
            middle = (low + high) / 2
            grows = drift(middle, w[rows], b[rows]) > 0
            low, high = np.where(grows, middle, low), np.where(grows, high, middle)
        end = np.where(up, math.inf, 0.0)
        out[rows] = np.where(still, start, np.where(found, np.exp((low + high) / 2), end))
    inside = np.clip(np.log(np.clip(out, _least, q[-1])), log_q[0], log_q[-1])
    return out, np.asarray(w * slopes(inside))
