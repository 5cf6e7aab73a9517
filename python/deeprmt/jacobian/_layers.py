"""What the law of J J^T is made of: poles and squared slopes, with their powers, and the atoms they leave."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..activations import Activation
from ..meanfield import fixed_point, gauss_moment
from ..meanfield._fixed_point import starts
from ..meanfield._squared_slopes import Factor, gauss_nodes, gauss_weights, squared_slopes
from ..networks import MLP

Array = NDArray[np.float64]
Masses = tuple[Array, Array]

# Variances this close give the same law to rounding; below the least one phi' is phi'(0).
_same = 2e-15
_least = 1e-30
# Distinct variances that are worth an unknown each; more are put together.
_few = 8
_most = 40
# Variances that spread by more than that have a rule in 1 / sqrt(q) too.
_exploding = 1e4
# Where rules are compared, as shares of the mass that is not as good as 0, and how well they must agree, as a part of
# ln S and of the number of layers. Close to y = -1 is what is smaller than the mean by a large factor for each layer:
# there ln x need not be known as well.
_probed = ((-0.98, 1e-7), (-0.6, 3e-13), (-0.2, 3e-13))


@dataclass(frozen=True)
class Chain:
    """ln z = log_scale - ln y + sum of power ln(1 + a y) over poles + sum of power ln(1 - f / (1 + b y)) over jumps
    (f, b) - sum of ln S over factors, and the atoms.
    """

    log_scale: float
    poles: dict[float, float]
    jumps: dict[tuple[float, float], float]
    factors: tuple[Factor, ...]
    atoms: tuple[tuple[float, float], ...]
    top: float | None
    """The largest value that there can be, if mass or density may reach it, as it does between Haar weights."""
    gaussians: int
    relative_variance: float
    """Var / mean^2, without cancellation."""

    @property
    def single(self) -> Factor | None:
        """The factor whose law this is, up to scale and zeros, if there is nothing else."""
        if len(self.factors) == 1 and not self.remaining and self.factors[0].power == 1:
            return self.factors[0]
        return None

    @cached_property
    def remaining(self) -> dict[float, float]:
        """Powers of 1 + a y that do not cancel: slopes and projections bring (1 + width y)^-power."""
        out = dict(self.poles)
        for (flat, width), power in self.jumps.items():
            out[width] = out.get(width, 0.0) - power
            out[width / (1 - flat)] = out.get(width / (1 - flat), 0.0) + power
        for each in self.factors:
            out[each.width] = out.get(each.width, 0.0) - each.power
        return {a: power for a, power in out.items() if power != 0}

    @property
    def is_discrete(self) -> bool:
        """Whether there are atoms alone."""
        if not self.factors:
            return list(self.remaining.values()) == [1.0]
        single = self.single
        return single is not None and single.slopes.values is not None

    def solver(self) -> _core.freeprob.ExplicitLaw:
        """The chain in the solver's words."""
        poles = dict(self.poles)
        poles[1.0] = poles.get(1.0, 0.0) - 1  # which the point mass brings
        steps: list[tuple[Any, ...]] = [("scale", self.log_scale)]
        steps += [("pole", a, power) for a, power in poles.items() if power != 0]
        steps += [("jump", flat, power, width) for (flat, width), power in self.jumps.items()]
        steps += [("slopes", each.core, each.power, each.width) for each in self.factors]
        atoms, ends = list(self.atoms), False
        if self.top is not None:
            if not atoms or atoms[-1][0] < self.top:
                atoms.append((self.top, 0.0))
            ends = True
        return _core.freeprob.ExplicitLaw(steps, atoms, ends)


def chain(mlp: MLP, grouped: Iterable[Factor], log_scale: float) -> Chain:
    """The law's parts; `grouped` are the diagonals' from `factors_of`, log_scale is added to ln x."""
    widths, haar = np.array(mlp.widths, dtype=float), mlp.weights == "haar"
    ratio = widths[-1] / widths
    log_scale += 2 * mlp.depth * math.log(mlp.sigma_w)
    poles: dict[float, float] = {float(ratio[0]): 1.0}

    def pole(a: float, power: float) -> None:
        poles[a] = poles.get(a, 0.0) + power

    room = 1 / ratio[0]  # dimensions, in units of the output's, in which nothing has been lost: between Haar weights
    top = log_scale
    for layer, (before, after) in enumerate(pairwise(ratio), start=1):
        if not haar:
            pole(float(after), 1.0)
        elif after > before:
            pole(float(after), 1.0)
            pole(float(before), -1.0)
            room -= 1 / before - 1 / after
        elif after < before:
            top += math.log(widths[layer] / widths[layer - 1])
    factors: list[Factor] = []
    relative = sum(a * power for a, power in poles.items()) - 1
    lost = max(0.0, *(1 - 1 / ratio))  # of the output's dimensions
    jumps: dict[tuple[float, float], float] = {}
    at: list[tuple[float, float]] = [(top, float(room))]  # candidates: ln x, mass
    continuous = False
    for each in grouped:
        values, masses = each.slopes.values, each.slopes.masses
        if values is None or values[-1] > 0:
            relative += each.width * each.power * each.relative_variance
        if values is None or masses is None:
            continuous = True
            factors.append(each)
            continue
        if values[-1] == 0:
            return Chain(log_scale, {1.0: 1.0}, {}, (), ((0.0, 1.0),), None, 0, 0.0)
        flat = float(masses[0]) if values[0] == 0 else 0.0
        lost = max(lost, (each.width - 1 + flat) / each.width)
        less_of = [(math.log(v), each.power * float(np.delete(masses, i).sum()) / each.width)
                for i, v in enumerate(values) if v > 0]  # fmt: skip
        at = [(x + each.power * v, mass - less) for x, mass in at for v, less in less_of]
        highest = max(x for x, _ in at)
        at = [(x, mass) for x, mass in at if mass > 1e-15 or x == highest]
        if np.count_nonzero(values) == 1:
            log_scale += each.power * math.log(values[-1])
            if flat > 0:
                jumps[flat, each.width] = jumps.get((flat, each.width), 0.0) + each.power
        else:
            factors.append(each)
    atoms = [(0.0, float(lost))] if lost > 0 else []
    end = None
    if haar and not continuous:
        atoms += [(_exp(x), mass) for x, mass in sorted(at) if mass > 1e-15]
        highest, mass = max(at)
        end = _exp(highest) if mass > -1e-12 else None
    poles = {a: power for a, power in poles.items() if power != 0}
    return Chain(log_scale, poles, jumps, tuple(factors), tuple(atoms), end, 0 if haar else mlp.depth, relative)


def _exp(x: float) -> float:
    return math.exp(x) if x < 709 else math.inf


def variances(mlp: MLP, count: int, q0: float | None) -> Array:
    """q_l, the variances of the preactivations at infinite width, in the layers 1 .. count."""
    activation = mlp.activation
    if count == 0 or (activation.slopes is not None and set(activation.kinks) <= {0.0}):
        return np.ones(count)  # the slopes do not depend on it
    if q0 is None:
        q = fixed_point(activation, mlp.sigma_w, mlp.sigma_b).q_star
        if not math.isfinite(q):
            raise ValueError(
                f"jacobian.law: with {activation.name}, sigma_w = {mlp.sigma_w:g} and sigma_b = {mlp.sigma_b:g} the"
                f" variance of the preactivations grows without end, and {starts(activation, mlp.sigma_w, mlp.sigma_b)}"
            )
        return np.full(count, q)
    out = np.empty(count)
    out[0] = mlp.sigma_w**2 * q0 + mlp.sigma_b**2
    for layer in range(count):
        if layer > 0:
            out[layer] = mlp.sigma_w**2 * gauss_moment(activation, out[layer - 1]) + mlp.sigma_b**2
        q = float(out[layer])
        if not q < 1e150:
            raise ValueError(
                f"jacobian.law: from q0 = {q0:g} the variance of the preactivations grows beyond 1e150 in layer"
                f" {layer + 1}"
            )
        if layer == 0:
            continue
        if abs(q - out[layer - 1]) <= _same * q or q < _least:
            out[layer:] = q
            break
    return out


def factors_of(mlp: MLP, q: Array) -> list[Factor]:
    """Diagonals with the same width and variance put together; many variances are replaced by fewer."""
    widths, activation = np.array(mlp.widths, dtype=float), mlp.activation
    ratio = (widths[-1] / widths)[1 : len(q) + 1]
    factors: list[Factor] = []
    for width in np.unique(ratio):
        mine = np.maximum(np.sort(q[ratio == width]), _least)
        new = np.concatenate([[True], np.diff(mine) > _same * mine[1:]])
        distinct, counts = mine[new], np.diff(np.append(np.flatnonzero(new), mine.size)).astype(float)
        first = squared_slopes(activation, float(distinct[0]))
        two_valued = first.values is not None and np.count_nonzero(first.values) == 1
        if len(distinct) > _few and not two_valued:
            distinct, counts = _fewer(activation, distinct, counts)
        levels = 5 if len(distinct) < _few else 3  # the more factors, the further are their omegas from the slopes
        factors += [
            Factor(squared_slopes(activation, float(each)), float(n), float(width), levels)
            for each, n in zip(distinct, counts, strict=True)
        ]
    return factors


def _fewer(activation: Activation, q: Array, counts: Array) -> tuple[Array, Array]:
    """Few variances, with powers that need not be whole, in the place of many: sums of ln S_q(y) are the same.

    ln S_q(y) is a smooth function of q, so that a Gauss rule for the measure of the layers' variances adds it up. Its
    order rises until two answers agree, on the negative axis of omega where all of them can be told at once.
    """
    # Towards q = 0 it is smooth in q, for large q in ln q.
    shift = 0.05 * min(float(q.max()), 20.0)
    maps: list[tuple[_GaussRules, Callable[[Array], Array]]] = [
        (_GaussRules(np.log(q + shift), counts, min(_most, len(q))), lambda x: np.exp(x) - shift)
    ]
    # Where phi' settles at both ends, the law of phi' is a series in the share of h where it has not: 1 / sqrt(q).
    if q.max() > _exploding * (q.min() + 1):
        maps.append((_GaussRules((q + 1) ** -0.5, counts, min(_most, len(q))), lambda x: x**-2.0 - 1))

    def offer(order: int, which: int = 0) -> tuple[Array, Array]:
        rules, back = maps[which]
        nodes, weights = rules.of_order(order)
        return np.maximum(back(nodes), _least), weights

    # The measure itself, or where it is of hundreds of points, the best rule for it.
    exact = (q, counts) if len(q) <= 100 else offer(min(_most, len(q)))
    probe = Probe(activation, float(min(exact[0].min(), q.min())), float(q.max()))
    places = [(y * probe.mass, share) for y, share in reversed(_probed)]
    masses = probe.masses(exact[0])
    goal = [probe.sum(masses, exact[1], y) for y, _ in places]
    for order in range(4, min(_most, len(q)), 2):
        for which in range(len(maps)):
            at, weights = offer(order, which)
            masses = probe.masses(at)
            if all(
                abs(probe.sum(masses, weights, y) - wanted) <= share * (counts.sum() + abs(wanted))
                for (y, share), wanted in zip(places, goal, strict=True)
            ):
                return offer(order + 2, which)  # beyond the slopes, where the right end lies, q is felt more
    return q, counts


class Probe:
    """ln |omega_q(y)|, E d / (omega - d) = y, for many variances at once, on the negative axis, where nodes in h that
    all of them share are enough.
    """

    def __init__(self, activation: Activation, least: float, most: float) -> None:
        low, high = math.sqrt(max(least, 1e-12)), 9 * math.sqrt(most)
        side = np.concatenate(
            [
                np.arange(0.0, 9.0) * low,
                9 * low * 1.3 ** np.arange(0, max(1, math.ceil(math.log(high / (9 * low)) / math.log(1.3)) + 1)),
                np.arange(1.0, 9.0),
                8.0 * 1.25 ** np.arange(0, max(1, math.ceil(math.log(max(high, 8) / 8) / math.log(1.25)) + 1)),
            ]
        )
        side = side[side < high]
        slopes = squared_slopes(activation, most)
        turns = slopes.turns[np.abs(slopes.turns) < high]
        marks = np.unique(np.concatenate([-side, side, turns, [-high, high]]))
        marks = marks[np.concatenate([[True], np.diff(marks) > 1e-9 * low])]
        # Between nodes of a slope that falls like e^(-h^2) ln S would have steps.
        for _ in range(4):
            log_d = np.log(np.maximum(slopes.d(marks), 1e-150))
            steep = np.abs(np.diff(log_d)) > 16
            if not steep.any():
                break
            marks = np.sort(np.concatenate([marks, ((marks[1:] + marks[:-1]) / 2)[steep]]))
        half = np.diff(marks)[:, None] / 2
        self._h = ((marks[1:] + marks[:-1])[:, None] / 2 + half * gauss_nodes).ravel()
        self._weights = (half * gauss_weights).ravel()
        self._d = slopes.d(self._h)
        widest = np.exp(-self._h * self._h / (2 * max(most, 1e-12))) * self._weights
        # Smaller slopes are as good as 0: of gelu's half of them, under a wide Gaussian.
        self.mass = float(widest[self._d > 1e-12 * self._d.max()].sum() / widest.sum())

        # Nodes whose slopes are one number to rounding, or as good as 0, count as one.
        share = self._d / self._d.max()
        new = (np.diff(np.round(share, 15)) != 0) & (np.maximum(share[1:], share[:-1]) > 1e-40)
        new |= (np.minimum(share[1:], share[:-1]) < 1e-3) & (np.maximum(share[1:], share[:-1]) > 1e-40)
        self._starts = np.concatenate([[0], np.flatnonzero(new) + 1])

    def masses(self, q: Array) -> Masses:
        """Of the nodes, for each variance, and their slopes."""
        mass = np.exp(-self._h * self._h / (2 * np.maximum(q, 1e-12)[:, None])) * self._weights
        mass, d = np.add.reduceat(mass, self._starts, axis=1), self._d[self._starts]
        seen = mass.max(axis=0) > 1e-22 * mass.max()
        return mass[:, seen] / mass.sum(axis=1, keepdims=True), d[seen]

    def sum(self, masses: Masses, weights: Array, y: float) -> float:
        """Of ln |omega_q(y)|, with these weights."""
        mass, d = masses
        low, high, t = (np.full(len(mass), start) for start in (-700.0, 700.0, 0.0))
        for _ in range(200):  # M(-e^t) rises from -1 to 0
            g = 1 / (np.exp(t)[:, None] + d)
            part = mass * (d * g)
            m, slope = -part.sum(axis=1), (part * g).sum(axis=1) * np.exp(t)
            low, high = np.where(m < y, t, low), np.where(m < y, high, t)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                step = (y - m) / slope
            inside = (low < t + step) & (t + step < high)
            t = np.where(inside, t + step, np.where(np.abs(step) < 1e-9, t, (low + high) / 2))
            if np.all(np.abs(step) < 1e-9):  # the error is the square of that
                break
        return float(weights @ t)


class _GaussRules:
    """The Gauss rules of a sum of point masses: Lanczos' method on their places, re-orthogonalised."""

    def __init__(self, x: Array, weights: Array, most: int) -> None:
        self._total = weights.sum()
        basis = np.sqrt(weights / self._total)[None, :]
        diagonal, beside = [], []
        for _ in range(most):
            v: Array = x * basis[-1]
            diagonal.append(float(basis[-1] @ v))
            for _ in range(2):
                v = v - (basis @ v) @ basis
            size = float(np.linalg.norm(v))
            if len(diagonal) == most or size < 1e-14 * np.abs(x).max():
                break
            beside.append(size)
            basis = np.vstack([basis, v / size])
        self._diagonal, self._beside = np.array(diagonal), np.array(beside)

    def of_order(self, order: int) -> tuple[Array, Array]:
        n = min(order, len(self._diagonal))
        beside = self._beside[: n - 1]
        matrix = np.diag(self._diagonal[:n]) + np.diag(beside, 1) + np.diag(beside, -1)
        nodes, vectors = np.linalg.eigh(matrix)
        return nodes, self._total * vectors[0] ** 2


def log_omega(factor: Factor, y: float) -> float:
    """ln |omega| with E d / (omega - d) = y, y in (-1, 0) and omega < 0."""
    d, w = factor.nodes
    low, high, t = -700.0, 700.0, 0.0
    for _ in range(200):  # M(-e^t) rises from -1 to 0
        e = math.exp(t)
        g = 1 / (e + d)
        m, slope = -float(np.sum(w * d * g)), float(np.sum(w * d * g * g)) * e
        low, high = (t, high) if m < y else (low, t)
        step = (y - m) / slope if slope > 0 else math.nan
        if abs(step) < 1e-15:
            break
        t = t + step if low < t + step < high else (low + high) / 2
    return t
