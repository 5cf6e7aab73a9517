"""Solutions inside the intervals of a free convolution, from tables and from ever closer steps to the ends."""

from __future__ import annotations

import math
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ._intervals import Intervals
from ._panels import Halves, Panels
from ._solver import State
from ._sources import Series, Slopes
from ._ways import Way, joined, next_of

__all__ = ["CLOSE", "Interior"]

Array = NDArray[np.float64]

_NODES = 64
CLOSE = 1e-11  # to an edge, in widths: there the density is the power law of what is seen further in
_CLOSE_TO_CUSP = 1e-8
_LEAST = 1e-280  # stands for 0 where a product's density diverges there
_FEW = 8  # intervals
_WALKS = 200  # points at most that are reached by walking along the axis


class Interior(Intervals):
    """A free convolution that solves its equations inside its intervals."""

    def _coordinate(self, i: int, x: Array) -> Array:
        """A coordinate in which the solutions are smooth: an angle, in ln x for a product."""
        low, high, *_ = self._intervals_with_sf[i]
        with np.errstate(divide="ignore"):
            if not self._rule.product:
                return np.arctan2(np.sqrt(np.maximum(x - low, 0)), np.sqrt(np.maximum(high - x, 0)))
            if low == 0:
                return -np.sqrt(np.maximum(np.log(high / np.maximum(x, _LEAST)), 0))
            below = np.log1p(np.maximum((x - low) / low, 0))
            above = -np.log1p(-np.minimum((high - x) / high, 1 - 1e-16))
        return np.arctan2(np.sqrt(np.maximum(below, 0)), np.sqrt(np.maximum(above, 0)))

    def _nodes(self, i: int) -> Array:
        low, high, *_ = self._intervals_with_sf[i]
        if self._rule.product and low == 0:
            end = min(25.0, math.sqrt(math.log(high / self._aim)))
            return np.asarray(
                high * np.exp(-(np.concatenate([np.linspace(0.05, 5, 80), np.linspace(5.2, end, 60)]) ** 2))
            )
        ends = self._intervals_with_sf
        count = max(8, math.ceil(_NODES * math.sqrt((high - low) / (ends[-1][1] - ends[0][0]))))
        angle = math.pi / 2 * (np.arange(count) + 0.5) / count
        if self._rule.product:
            return low * np.exp(math.log(high / low) * np.sin(angle) ** 2)
        return low + (high - low) * np.sin(angle) ** 2

    @cached_property
    def _aim(self) -> float:
        """How close to 0 the equations of a product are expected to be solved.

        Where several factors share the largest mass at 0, y goes there like a root of x to minus the mass that is not
        at 0, and rounding of y hides how far it still is.
        """
        masses = [(dict(law.atoms()).get(0.0, 0.0), t) for law, t in self.parts]
        largest = max(mass for mass, _ in masses)
        shared = largest > 0 and sum(t for mass, t in masses if mass > largest - 1e-9) > 1
        # A density that reaches 0 is resolved by a series of cosines only so far.
        hidden = any(
            isinstance(each, Series | Panels | Halves) and each.hull[0] == 0 for each, _ in self._equations.implicit
        )
        # And where that density does not diverge, the angle of omega falls like x, down to rounding.
        flat = any(isinstance(each, Panels | Halves) and each.hull[0] == 0 for each, _ in self._equations.implicit)
        if shared:  # there the mass from the angles is good to 1e-8; what is not at 0 has the scale mean / mass
            return max(1e-12 / (1 - largest), self._vanishing()) * self._scale
        if hidden:
            return (max(1e-13, self._vanishing()) if flat else max(1e-20, self._vanishing())) * self._scale
        # Far below 0.1^100 the equations are not solved next to a power, and logarithms, at 0.
        return 1e-100 * self._scale if any(isinstance(each, Slopes) for each, _ in self._equations.implicit) else _LEAST

    def _vanishing(self) -> float:
        """From where on the angle of omega is no rounding: it goes like x f(x) of the factor with a density f at 0.

        For a power x^g that is x^(1 + g), but densities may also fall faster than any power. The rest is away from 0.
        """
        sources = [each for each, _ in self._equations.parts]
        (first, *others) = sorted(sources, key=lambda each: each.hull[0])
        if first.hull[0] != 0 or any(at == 0 for at, _ in first.atoms) or any(each.hull[0] == 0 for each in others):
            return 0.0
        high = first.hull[1]
        shares = 10.0 ** np.arange(-20, -2.9, 0.25)
        angle = shares * high * first.law._pdf(shares * high)
        known = np.flatnonzero(~(angle <= 1e-12))
        return float(shares[known[0]]) if known.size else 1e-3

    @cached_property
    def _tables(self) -> dict[int, tuple[Array, Array, State]]:
        return {}

    @cached_property
    def _depth(self) -> dict[int, float]:
        """How close to its ends an interval is tabulated, in reaches; 0 is as close as can be."""
        return {}

    def _reach(self, i: int, side: int) -> float:
        """The length that an end of an interval feels: the width, but of products no more than the end itself."""
        low, high, *_ = self._intervals_with_sf[i]
        return min(high - low, low) if side == 0 and low > 0 and self._rule.product else high - low

    def _close(self, edge: float) -> float:
        """The distance from an edge, in widths, within which the power law stands for the solution.

        Larger where a gap has just closed: there F is infinite, and what is left after cancellation is little.
        """
        return _CLOSE_TO_CUSP if any(gap.low == gap.high == edge for gap in self._gaps) else CLOSE

    @cached_property
    def _ways(self) -> dict[int, list[Way]]:
        return {}

    def _ways_of(self, i: int) -> list[Way]:
        if i not in self._ways:
            low, high, *_ = self._intervals_with_sf[i]
            self._ways[i] = [Way(i, high, -self._reach(i, 1), self._close(high) / 4)]
            if low > 0 or not self._rule.product:
                self._ways[i].insert(0, Way(i, low, self._reach(i, 0), self._close(low) / 4))
        return self._ways[i]

    def _descend(self, i: int, goal: float) -> bool:
        """Adds solutions closer to the edges of an interval to its table, as far as `goal` reaches from them.

        Each comes from the one before. If intervals are few, to all tables there are: many ends at once take hardly
        longer than one. False if nothing was left to be done.
        """
        if self._depth.get(i, math.inf) <= goal:
            return False
        which = list(self._tables) if len(self._pieces) <= _FEW else [i]
        which = [k for k in which if self._depth.get(k, math.inf) > goal]
        self._depth |= dict.fromkeys(which, goal)
        ways = [way for k in which for way in self._ways_of(k)]
        found: dict[int, list[tuple[Array, State]]] = {k: [] for k in which}
        while live := [way for way in ways if way.distance > max(way.least, goal)]:
            x = np.array([way.edge + way.distance * way.inwards for way in live])
            guess = joined([self._next_on(way, x[j : j + 1]) for j, way in enumerate(live)])
            new, good = self._equations.newton(self._rule.place(x + 0j), guess, 20)
            for j, way in enumerate(live):
                if good[j]:
                    way.steps.append((x[j : j + 1], new[j : j + 1]))
                    found[way.interval].append(way.steps[-1])
                    way.distance /= 4
                else:
                    way.distance = 0.0
        for k, steps in found.items():
            if steps:
                nodes, _, state = self._tables[k]
                x = np.concatenate([nodes, *(each for each, _ in steps)])
                self._insert(k, x, joined([state, *(each for _, each in steps)]))
        return True

    def _next_on(self, way: Way, x: Array) -> State:
        if len(way.steps) < 3:
            return self._guess(way.interval, x)
        # Differences that shrink by a constant factor are those of a power law.
        one, two, three = (way.steps[back][1] for back in (-3, -2, -1))
        return State(next_of(one.c, two.c, three.c), next_of(one.p, two.p, three.p))

    def _insert(self, i: int, nodes: Array, state: State) -> None:
        where = self._coordinate(i, nodes)
        where, order = np.unique(where, return_index=True)
        self._tables[i] = nodes[order], where, state[order]

    def _tabulate(self, i: int) -> None:
        """The table of an interval, and those of all others if they are few: together they cost little more."""
        count = len(self._pieces)
        which = [k for k in range(count) if k not in self._tables] if count <= _FEW else [i]
        nodes = [self._nodes(k) for k in which]
        states, solved = self._equations.solve(self._rule.place(np.concatenate(nodes) + 0j))
        cuts = np.cumsum([0, *(each.size for each in nodes)])
        for k, mine, (a, b) in zip(which, nodes, pairwise(cuts.tolist()), strict=True):
            good = solved[a:b]
            if good.any():
                self._insert(k, mine[good], states[a:b][good])
        if i not in self._tables:
            raise ConvergenceError(
                f"{self._name}: no point of the interval {self._pieces[i]} could be solved", self.report.to_dict()
            )

    def _guess(self, i: int, x: Array) -> State:
        """Solutions nearby, from the table of the interval."""
        if i not in self._tables:
            self._tabulate(i)
        _, where, state = self._tables[i]
        at = self._coordinate(i, x)
        k = np.clip(np.searchsorted(where, at), 1, where.size - 1)
        share = np.clip((at - where[k - 1]) / (where[k] - where[k - 1]), -0.5, 1.5)
        # Beyond the last node imaginary parts must stay above 0.
        share = np.clip(share, -0.3, 1.3)
        c = state.c[k - 1] + share * (state.c[k] - state.c[k - 1])
        p = state.p[:, k - 1] + share * (state.p[:, k] - state.p[:, k - 1])

        def above(new: Any, one: Any, two: Any) -> Any:
            return np.where(new.imag > 0, new, new.real + 0.1j * np.minimum(one.imag, two.imag))

        return State(above(c, state.c[k - 1], state.c[k]), above(p, state.p[:, k - 1], state.p[:, k]))

    def _solve(self, i: int, x: Array, patient: bool = True) -> State:
        """Solutions at points inside interval i; from what is known nearby alone if not `patient`."""
        low, high, *_ = self._intervals_with_sf[i]
        place, guess = self._rule.place(x + 0j), self._guess(i, x)
        near = float((high - x).min()) / self._reach(i, 1)
        if low > 0 or not self._rule.product:
            near = min(near, float((x - low).min()) / self._reach(i, 0))
        if near < 1e-3 and self._descend(i, near / 4 if near > 1e-6 else 0.0):
            guess = self._guess(i, x)
        state, good = self._equations.newton(place, guess, 12 if patient else 20)
        if patient and not good.all() and self._descend(i, 0.0):
            bad = np.flatnonzero(~good)
            found, good[bad] = self._equations.newton(place[bad], self._guess(i, x[bad]), 12)
            state.put(bad, found)
        if patient and not good.all():
            bad = np.flatnonzero(~good)
            found, good[bad] = self._equations.solve(place[bad])
            state.put(bad, found)
        self._equations.count.points += int(good.sum())
        lost = 0
        for k in np.flatnonzero(~good)[: _WALKS if patient else 0]:
            new = self._walked(i, float(x[k]))
            if new is not None:
                state.put(slice(k, k + 1), new)
                good[k] = True
            lost += new is None
            if lost > 3:
                break
        if not good.all():
            first = float(x[~good][0])
            raise ConvergenceError(
                f"{self._name}: {int((~good).sum())} points did not converge, the first at x = {first!r}, in the"
                f" interval {self._pieces[i]}",
                {**self.report.to_dict(), "x": first, "failed": int((~good).sum())},
            )
        self._equations.note(place, state)
        return state

    def _walked(self, i: int, x: float) -> State | None:
        """The solution at a point that no guess led to, from the nearest one that is known, in steps along the axis."""
        nodes, where, state = self._tables[i]
        k = int(np.argmin(np.abs(where - self._coordinate(i, np.array([x]))[0])))
        here, known = float(nodes[k]), state[k : k + 1]
        share, found, steps = 0.25, [], 0
        while here != x and share > 1e-4 and steps < 100:
            goal = x if share > 0.99 else here + share * (x - here)
            steps += 1
            place = self._rule.place(np.array([here + 0j, goal + 0j]))
            new, good = self._equations.newton(place[1:], self._equations.moved(known, place[1:] - place[:1]), 12)
            if good[0]:
                here, known = goal, new
                found.append((np.array([here]), known))
                share = min(1.0, 2 * share)
            else:
                share /= 4
        if found:
            x_found = np.concatenate([nodes, *(each for each, _ in found)])
            self._insert(i, x_found, joined([state, *(each for _, each in found)]))
        return known if here == x else None

    def _inner(self, i: int, x: Array, patient: bool = True) -> tuple[Array, Array]:
        """Density and mass above, from the solutions."""
        state = self._solve(i, x, patient)
        g = self._rule.cauchy(x + 0j, state.c)
        return np.maximum(-g.imag, 0.0) / math.pi, np.clip(self._argument(state) / math.pi, 0.0, 1.0)

    def _argument(self, state: State) -> Array:
        """Im U: U = log F + sum t (U_i(omega_i) - log F) for sums, - ln y in place of log F for products."""
        rule, equations = self._rule, self._equations
        total = rule.shared_argument(state.c)
        for _, t, numbers in equations.explicit:
            total = total + t * rule.explicit_argument(numbers, state.c)
        for k, (each, t) in enumerate(equations.implicit):
            w = np.exp(state.p[k]) if rule.product else state.p[k]
            more = each.argument(w) - rule.shared_argument(state.c)
            if (far := equations.far(each)) is not None and (there := far.holds(w)).any():
                more[there] = far.argument(w[there])
            total = total + t * more
        return np.asarray(total)
