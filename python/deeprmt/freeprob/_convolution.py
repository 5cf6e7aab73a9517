"""What free sums, products and powers have in common as laws."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ..laws import Law
from ..laws._mixture import merged
from ..laws._quadrature import Interval, integrate
from ..laws._quantile_table import tabled
from ._end_series import EndSeries, end_series
from ._gap import Gap
from ._panels import Halves, Panels
from ._report import Report
from ._solver import Equations, State
from ._sources import Series, Slopes
from ._support import gaps
from ._ways import Way, joined, next_of

__all__ = ["Convolution"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_NODES = 64
_GAUSS = np.polynomial.legendre.leggauss(16)
_BESIDE = 1e-7  # of the room that an end has: closer to it the transform comes from a series
_CLOSE = 1e-11  # to an edge, in widths: there the density is the power law of what is seen further in
_CLOSE_TO_CUSP = 1e-8
_LEAST = 1e-280  # stands for 0 where a product's density diverges there
_ANGLES = 10.0  # of what omegas on the axis may have by rounding
_TINY = 1e-150  # below it a product's values are as good as 0
_EMPTY = 1e-10  # of mass, between an end and where a solver that fails in a thin tail stops
_LOST = 1e-7  # of mass: more than that is an error
_LEAST_MASS = 4e-15  # that an interval of its own is kept for
_SETTLED = 1e-11  # what quadrature aims at where the rule in an angle does not settle
_FEW = 8  # intervals
_WALKS = 200  # points at most that are reached by walking along the axis
_SHRINK = 16.0
_RETREAT = 1e-14  # of mass, that an end's power law may stand for where the solver fails further in
_NOTHING = 1e-9  # of mass: an atom that is about to appear
_FAR_OUT, _MOMENTS = 1e3, 5  # radii, beyond which that many moments are exact to 1e-18


def _nothing(usual: float, above: float, below: float) -> float:
    """How little mass may be rounding: less than usual next to the outermost gaps, where rare atoms are exact."""
    outer = min(max(above, below), 1 - min(above, below))
    return min(usual, max(_LEAST_MASS, 1e-2 * outer))


def _exponent(distance: Array, density: Array) -> float:
    """Of the power law through two points; 0 where one of them has no density."""
    if not (density > 0).all():
        return 0.0
    return float(np.log(density[1] / density[0]) / np.log(distance[1] / distance[0]))


def _simple(power: float) -> float:
    """The exponent of an edge that is closest."""
    return min((-2 / 3, -0.5, -1 / 3, 0.0, 1 / 3, 0.5, 2 / 3, 1.0), key=lambda a: abs(a - power))


class Convolution(Law):
    """A law that the equations of `_solver` describe; see `FreeSum` and `FreeProduct`."""

    _rule: Any
    _sign: str

    def __init__(self, parts: list[tuple[Law, float]]) -> None:
        self.parts = tuple(parts)

    def __repr__(self) -> str:
        inner = ", ".join(repr(law) if t == 1 else f"{law!r}^{t:g}" for law, t in self.parts)
        return f"{self._name}({inner})"

    def __getstate__(self) -> dict[str, Any]:
        return {"parts": self.parts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # ---- what was solved ----

    @cached_property
    def _equations(self) -> Equations:
        from ._free_laws import factor

        return Equations(self._rule, [(factor(law, product=self._rule.product), t) for law, t in self.parts])

    @property
    def report(self) -> Report:
        """What solving took so far."""
        count = self._equations.count
        accuracy = max(each.accuracy for each, _ in self._equations.parts)
        return Report(count.points, count.iterations, count.continued, count.residual, accuracy, count.failed)

    def _note_failed(self, count: int) -> None:
        self._equations.count.failed += count

    @cached_property
    def _gaps(self) -> list[Gap]:
        found = gaps(self._equations)
        for before, after in pairwise(list(found)):
            # No mass between: one gap, found from two sides.
            if abs(before.sf - after.sf) < _nothing(1e-13, before.sf, after.sf):
                after.low = before.low
                found.remove(before)
        # Sums lie between the sums of the ends, products between their products.
        hulls = [(*each.hull, t) for each, t in self._equations.parts]
        least, most = self._neutral, self._neutral
        for low, high, t in hulls:
            least, most = self._combined(least, low, t), self._combined(most, high, t)
        if not self._rule.product or (found[0].low == 0 and least > 0):
            found[0].high = max(found[0].high, least)
        found[-1].low = min(found[-1].low, most)
        if self._rule.product and abs(found[0].sf - (1 - self._at_zero)) < 1e-12:
            found[0].low = 0.0  # nothing lies below it but the atom
        for gap in found:  # edges at an atom, or at one that has just vanished, lie there
            for at, _ in self._places:
                if abs(gap.low - at) <= 1e-11 * self._equations.unit(at):
                    gap.low = at
                if abs(gap.high - at) <= 1e-11 * self._equations.unit(at):
                    gap.high = at
        return found

    @property
    def _scale(self) -> float:
        return self._equations.size

    @cached_property
    def _atoms(self) -> list[tuple[float, float]]:
        return [(at, left) for at, left in self._places if left > 1e-14]

    @cached_property
    def _places(self) -> list[tuple[float, float]]:
        """Atoms of a convolution are sums, or products, of atoms whose masses leave something over; or just nothing."""
        found = [(self._neutral, 1.0)]
        lists = [law.atoms() for law, _ in self.parts]
        # What each law must take from the mass at least: few atoms are heavy enough next to that.
        least = [
            t * (1 - max((m for _, m in atoms), default=0.0)) for atoms, (_, t) in zip(lists, self.parts, strict=True)
        ]
        for k, (atoms, (_, t)) in enumerate(zip(lists, self.parts, strict=True)):
            room = 1 - (sum(least) - least[k])
            big = [(at, mass) for at, mass in atoms if t * (1 - mass) < room + _NOTHING]
            found = [
                (self._combined(here, at, t), left - t * (1 - mass))
                for here, left in found
                for at, mass in big
                if left - t * (1 - mass) > -_NOTHING
            ]
        return sorted(found)

    _neutral: float

    @cached_property
    def _at_zero(self) -> float:
        """The mass at 0 of a product: the largest of the factors'."""
        return max((mass for law, _ in self.parts for at, mass in law.atoms() if at == 0), default=0.0)

    @staticmethod
    def _combined(here: float, at: float, t: float) -> float:
        raise NotImplementedError

    def atoms(self) -> list[tuple[float, float]]:
        """The points that carry mass of their own: (location, mass), in ascending order."""
        return list(self._atoms)

    @cached_property
    def _intervals_with_sf(self) -> list[tuple[float, float, float, float]]:
        """(low, high, mass above low without an atom there, mass above high with the atom there)."""
        out = []
        found = self._gaps
        lower = [(gap.high, gap.sf) for gap in found]
        upper = [(gap.low, gap.sf) for gap in found[1:]]
        if self._rule.product and found[0].low > 0:  # the support begins at 0
            lower.insert(0, (0.0, 1.0))
            upper.insert(0, (found[0].low, found[0].sf))
        for (low, above), (high, rest) in zip(lower, upper, strict=False):
            atoms = [mass for at, mass in self._atoms if low <= at <= high]
            least = _nothing(1e-12, above, rest)
            if high - low > 1e-10 * self._equations.unit(high) and above - rest - sum(atoms) > least:
                out.append((low, high, above, rest))
        self._refuse_lost_mass(out)
        return out

    def _refuse_lost_mass(self, intervals: list[tuple[float, float, float, float]]) -> None:
        """What is found must have all mass: intervals may be too narrow next to the whole, or gaps missed."""
        inside = {at for at, _ in self._atoms for low, high, *_ in intervals if low <= at <= high}
        found = sum(above - rest for _, _, above, rest in intervals)
        found += sum(mass for at, mass in self._atoms if at not in inside)
        # Where a gap cuts off a rare part, that part must be there.
        rare = min((min(gap.sf, 1 - gap.sf) for gap in self._gaps if 0 < gap.sf < 1), default=1.0)
        if not abs(found - 1) <= min(1e-8, max(1e-11, rare / 2)):
            raise ConvergenceError(
                f"{self._name}: intervals and atoms were found with a mass of {found:.12g} in place of 1 in {self!r}:"
                " its scales differ by more than doubles resolve",
                {"mass": found, "intervals": [(low, high) for low, high, *_ in intervals], "atoms": self.atoms()},
            )

    def support(self) -> list[tuple[float, float]]:
        """The intervals (low, high) that carry the continuous part, in ascending order; those that touch are one."""
        return merged(self._pieces)

    @property
    def _pieces(self) -> list[tuple[float, float]]:
        """The intervals, cut where the density vanishes between two."""
        return [(low, high) for low, high, *_ in self._intervals_with_sf]

    # ---- inside an interval ----

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

    def _close(self, edge: float) -> float:
        """The distance from an edge, in widths, within which the power law stands for the solution.

        Larger where a gap has just closed: there F is infinite, and what is left after cancellation is little.
        """
        return _CLOSE_TO_CUSP if any(gap.low == gap.high == edge for gap in self._gaps) else _CLOSE

    @cached_property
    def _edges(self) -> dict[tuple[int, int], tuple[float, float, float, float]]:
        """For the ends (interval, 0 or 1): (least, distance, density there, exponent).

        Closer than `least` the density is const distance^exponent: in units of the end's reach or of the rounding of x,
        further out where rounding keeps the equations from being solved, and as far as 0.1 in a tail next to empty.
        """
        out = {}
        for i, (low, high, *_) in enumerate(self._intervals_with_sf):
            for side, edge in ((0, low), (1, high)):
                reach = self._reach(i, side)
                far = 0.01 * reach
                if side == 0 and low == 0 and self._rule.product:
                    continue  # there x has digits enough
                least = max(self._close(edge) * reach, 64 * math.ulp(edge))
                if i in self._tables:
                    state = self._tables[i][2]
                    noise = self._equations.rounding(state[-1:] if side == 1 else state[:1])
                    least = min(max(least, 256 * noise * (edge if self._rule.product else 1)), 1e-3 * reach)
                while True:
                    step = least * np.array([1.0, 4.0 if least < far else 1.5])
                    x = low + step if side == 0 else high - step
                    try:
                        density = self._inner(i, x, least > 1e-4 * reach)[0]
                    except ConvergenceError:
                        if least > 9 * far:
                            raise
                        least = 8 * least if least <= far / 10 else far if least < far else 10**0.25 * least
                        continue
                    if least >= far and density[1] * step[1] > _EMPTY:
                        raise ConvergenceError(
                            f"{self._name}: no point close to the end {edge!r} of the support could be solved",
                            {**self.report.to_dict(), "x": float(x[0])},
                        )
                    if (density > 0).all() or least > 1e-3 * reach:
                        break
                    least *= 8
                power = _exponent(np.abs(x - edge), density)
                # Next to a narrow law an end may feel much less than its reach: go closer while digits last.
                while (
                    (density > 0).all()
                    and abs(_simple(power) - power) > 2e-3
                    and least > _SHRINK * self._floor(i, side)
                ):
                    try:
                        new = edge + (step / _SHRINK if side == 0 else -step / _SHRINK)
                        closer = self._inner(i, new, True)[0]
                    except ConvergenceError:
                        break
                    if not (closer > 0).all():
                        break
                    least, step, x, density = least / _SHRINK, step / _SHRINK, new, closer
                    power = _exponent(np.abs(x - edge), density)
                distance = np.abs(x - edge)  # as rounded
                # Exponents of edges are simple fractions; what rounding blurs is made sharp.
                power = _simple(power) if abs(_simple(power) - power) < 0.05 else max(power, -0.99)
                out[i, side] = least, float(distance[1]), float(density[1]), power
        return out

    def _both(self, x: Array) -> tuple[Array, Array]:
        """The density, and the mass of (x, inf)."""
        kept = getattr(self, "_last", None)
        if kept is not None and kept[0].shape == x.shape and (kept[0] == x).all():
            return kept[1], kept[2]
        density = np.zeros(x.shape)
        above = np.zeros(x.shape)
        for gap in self._gaps:
            above[(x >= gap.low) & (x < gap.high)] = gap.sf
        for i, (low, high, *_) in enumerate(self._intervals_with_sf):
            inside = (x >= low) & (x <= high)
            if not inside.any():
                continue
            here = x[inside]
            for attempt in range(6):
                try:
                    density[inside], above[inside] = self._values_in(i, here)
                    break
                except ConvergenceError:
                    if i in self._far_ends and (attempt == 5 or not self._retreat(i)):
                        raise
                    self._far_ends.add(i)
        self._last = x.copy(), density, above
        return density, above

    def _retreat(self, i: int) -> bool:
        """Begins the power laws at ends further in, where next to no mass is in between; False if it is too much."""
        moved = False
        for side, edge in enumerate(self._pieces[i]):
            if (i, side) not in self._edges:
                continue
            least, *_ = self._edges[i, side]
            for factor in (4.0, 16.0, 64.0, 256.0):
                step = factor * least * np.array([1.0, 4.0])
                x = edge + step if side == 0 else edge - step
                try:
                    density = self._inner(i, x, False)[0]
                except ConvergenceError:
                    continue
                if (density > 0).all() and density[1] * step[1] < _RETREAT:
                    power = max(_exponent(np.abs(x - edge), density), -0.99)
                    self._edges[i, side] = float(step[0]), float(abs(x[1] - edge)), float(density[1]), power
                    moved = True
                    break
        return moved

    def _values_in(self, i: int, here: Array) -> tuple[Array, Array]:
        """Density and mass above at points of interval i."""
        low, high, top, rest = self._intervals_with_sf[i]
        to_zero = self._rule.product and low == 0
        f, s = np.zeros(here.shape), np.zeros(here.shape)
        # An end itself costs nothing where what the density does there is known.
        known = np.zeros(here.shape, bool)
        for edge, side in ((low, 0), (high, 1)):
            at_end = here == edge
            value = self._at_end(i, side) if at_end.any() and not (to_zero and side == 0) else None
            if value is not None:
                f[at_end], s[at_end] = value, rest if side else top - self._mass_at(low)
                known |= at_end
        close_high = ~known & (high - here < self._near(i, 1, (high - here)[~known]))
        below = self._least if to_zero else self._near(i, 0, (here - low)[~known])
        close_low = ~known & (here - low < below)
        middle = ~close_low & ~close_high & ~known
        if middle.any():
            f[middle], s[middle] = self._inner(i, here[middle])
        if close_low.any():
            if self._rule.product and low == 0:
                f[close_low], mass = self._towards_zero(here[close_low])
            else:
                f[close_low], mass = self._power_law(i, 0, here[close_low] - low)
            s[close_low] = top - self._mass_at(low) - mass
        if close_high.any():
            f[close_high], mass = self._power_law(i, 1, high - here[close_high])
            s[close_high] = rest + mass + self._mass_at(high) * (here[close_high] < high)
        return f, s

    def _mass_at(self, end: float) -> float:
        return sum(mass for at, mass in self._atoms if at == end)

    @cached_property
    def _far_ends(self) -> set[int]:
        """Intervals with ends that the solver does not come close to."""
        return set()

    def _near(self, i: int, side: int, distance: Array) -> float:
        """The distance from an end below which the power law stands; looked for only if a point comes close."""
        close = self._reach(i, side) * (0.1 if i in self._far_ends else min(0.01, max(1e-4, self._noise(i, side))))
        return self._edges[i, side][0] if (distance < close).any() else 0.0

    def _noise(self, i: int, side: int) -> float:
        """How far from an end rounding is felt, in its reaches."""
        if i not in self._tables:
            self._guess(i, np.array([sum(self._pieces[i]) / 2]))
        low, high, *_ = self._intervals_with_sf[i]
        state = self._tables[i][2]
        noise = self._equations.rounding(state[-1:] if side == 1 else state[:1])
        return 256 * noise * ((low, high)[side] if self._rule.product else 1) / self._reach(i, side)

    def _at_end(self, i: int, side: int) -> float | None:
        """The density at an end where it vanishes or is infinite, by what it does between the points closest to it."""
        low, high, *_ = self._intervals_with_sf[i]
        self._noise(i, side)  # makes the table
        nodes, _, state = self._tables[i]
        if nodes.size < 8:
            return None
        edge, pick = (high, [-1, -2]) if side else (low, [0, 1])
        away = np.abs(nodes[pick] - edge)
        density = -self._rule.cauchy(nodes[pick] + 0j, state[pick].c).imag
        if away[1] > 0.02 * self._reach(i, side) or not (density > 0).all() or away[0] == 0:
            return None
        power = math.log(density[1] / density[0]) / math.log(away[1] / away[0])
        if abs(abs(power) - 0.5) < 0.12 and self._close(edge) == _CLOSE:
            return 0.0 if power > 0 else math.inf
        return None

    def _floor(self, i: int, side: int) -> float:
        """How close to an end points still differ from it, and solutions from rounding."""
        edge = self._intervals_with_sf[i][side]
        state = self._tables[i][2]
        noise = self._equations.rounding(state[-1:] if side == 1 else state[:1])
        return max(64 * math.ulp(edge), 256 * noise * (edge if self._rule.product else 1))

    def _power_law(self, i: int, side: int, distance: Array) -> tuple[Array, Array]:
        """The density at a small distance from an edge, and the mass between."""
        _, unit, density, power = self._edges[i, side]
        with np.errstate(divide="ignore"):
            f = density * (distance / unit) ** power
        mass = density * unit / (1 + power) * (distance / unit) ** (1 + power)
        return f, mass

    @cached_property
    def _least(self) -> float:
        """Below it the power law of the density at 0 takes over: `_aim`, or where an angle is lost to rounding.

        Between factors whose densities vanish at 0 the angles fall like powers of x, or faster.
        """
        aim = self._aim
        if self._pieces[0][0] > 0:
            return aim
        planned = self._nodes(0)
        self._guess(0, planned[:1])  # makes the table
        nodes, _, state = self._tables[0]
        if nodes[0] <= 1.01 * planned.min():
            return aim
        height = np.minimum(state.c.imag, state.p.imag.min(axis=0, initial=np.inf))
        seen = nodes[height > _ANGLES * self._equations.floor]
        return max(aim, float(seen[0] if seen.size else nodes[-1]))

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
    def _beside_zero(self) -> tuple[float, float, float]:
        """The density of a product at `_least`, the exponent of its power law below, and the mass there."""
        unit = self._least
        ratio = 16.0 if unit > 1e-14 * self._scale else 1e4
        ratio = min(ratio, (self._pieces[0][1] / unit) ** 0.25)
        (near, far), (above, _) = self._inner(0, np.array([1.0, ratio]) * unit)
        power = max(float(np.log(far / near)) / math.log(ratio), -1 + 1e-3)
        below = self._below_least(0, float(above))
        if below > 1e-6:  # mass that piles up towards 0, like one over a logarithm
            power = near * unit / below - 1
        if abs(power) < 1e-3:
            power = 0.0
        return float(near), power, below if below > 1e-6 else float(near) * unit / (1 + power)

    def _towards_zero(self, x: Array) -> tuple[Array, Array]:
        """The density of a product close to 0 where the support begins there, and the mass below."""
        near, power, below = self._beside_zero
        with np.errstate(divide="ignore"):
            f = near * (x / self._least) ** power
        return f, below * np.where(x > 0, (x / self._least) ** (1 + power), 0.0)

    def _below_least(self, i: int, above: float) -> float:
        """The mass of an interval that begins at 0 below `_least`, where the mass above that is known."""
        below = self._intervals_with_sf[i][2] - self._at_zero - above
        if below < -_LOST:
            raise ConvergenceError(
                f"{self._name}: above x = {self._least:.3g} there is more mass than there can be, by {-below:.3g}: the"
                " factors have masses at 0 that are too close to each other for the digits of doubles",
                {**self.report.to_dict(), "x": self._least, "mass": -below},
            )
        return max(below, 0.0)

    def _pdf(self, x: Array) -> Array:
        return self._both(x)[0].copy()

    def _sf(self, x: Array) -> Array:
        return self._both(x)[1].copy()

    def _cdf(self, x: Array) -> Array:
        return 1 - self._both(x)[1]

    def _ppf(self, q: Array) -> Array:
        return tabled(self, q, 1000)

    def _expect(self, function: Callable[[Array], Any]) -> Any:
        """In an angle, or in ln x towards 0."""
        total: Any = sum(mass * function(np.array([at]))[0] for at, mass in self.atoms())
        for i, (low, high) in enumerate(self._pieces):
            if self._rule.product and low == 0:
                end = math.sqrt(math.log(high / self._least))

                def in_logarithm(t: Array, high: float = high) -> Any:
                    t = np.maximum(t, 1e-5)  # up to the edge the integrand is smooth, but x is rounded
                    x = high * np.exp(-t * t)
                    return function(x) * self._pdf(x) * 2 * t * x

                total = total + integrate(in_logarithm, Interval(0.0, end), rtol=_SETTLED)
                total = total + self._mean_beside_zero(function)
                continue
            value = None if self._rule.product and high > 1e3 * low else self._by_cosines(function, low, high)
            if value is not None and not self._is_smooth(i):
                value = self._by_distance(function, i)
            if value is None and self._rule.product and high > 1e3 * low:
                value = integrate(
                    lambda t: function(np.exp(t)) * self._pdf(np.exp(t)) * np.exp(t),
                    Interval(math.log(low), math.log(high)),
                    rtol=_SETTLED,
                )
            if value is None:
                value = integrate(lambda x: function(x) * self._pdf(x), Interval(low, high), rtol=_SETTLED)
            total = total + value
        return total

    def _mean_beside_zero(self, function: Callable[[Array], Any]) -> Any:
        """An integral from 0 to `_least`, by the power law there: a share e^-(1 + power) v is below e^-v."""
        least = self._least
        _, power, mass = self._beside_zero
        if mass > _EMPTY:  # the difference of masses is the better one
            mass = self._below_least(0, float(self._inner(0, np.array([least]))[1][0]))
        if least <= _TINY:
            return function(np.array([least]))[0] * mass
        most = math.log(least / _TINY)
        edges = most * np.linspace(0.0, 1.0, 129) ** 2
        half = np.diff(edges)[:, None] / 2
        v = (edges[:-1, None] + half + half * _GAUSS[0]).ravel()
        weight = (half * _GAUSS[1]).ravel() * (1 + power) * np.exp(-(1 + power) * v)
        values = function(np.append(least * np.exp(-v), _TINY))
        return (values * np.append(weight, math.exp(-(1 + power) * most))).sum() * mass

    @cached_property
    def _smooth(self) -> dict[int, bool]:
        return {}

    def _is_smooth(self, i: int) -> bool:
        """Whether the rule in an angle finds all mass of an interval: none hides next to an end."""
        if i not in self._smooth:
            low, high, above, rest = self._intervals_with_sf[i]
            mass = above - rest - sum(mass for at, mass in self._atoms if low <= at <= high)
            found = self._by_cosines(np.ones_like, low, high)
            self._smooth[i] = found is not None and abs(float(found) - mass) < 1e-10
        return self._smooth[i]

    def _by_distance(self, function: Callable[[Array], Any], i: int) -> Any:
        """An integral over an interval in the logarithm of the distance from either end."""
        low, high, *_ = self._intervals_with_sf[i]
        total: Any = 0.0
        for side, end in ((0, low), (1, high)):
            least = max(1e-25 * (high - low), 4 * math.ulp(end))
            edges = np.linspace(math.log(least), math.log((high - low) / 2), 60)
            half = np.diff(edges)[:, None] / 2
            distance = np.exp((edges[:-1, None] + half + half * _GAUSS[0]).ravel())
            x = low + distance if side == 0 else high - distance
            weight = (half * _GAUSS[1]).ravel() * distance
            total = total + (function(x) * self._pdf(x) * weight).sum()
        return total

    def _by_cosines(self, function: Callable[[Array], Any], low: float, high: float) -> Any:
        """An integral over an interval by the midpoint rule in an angle, if that settles."""
        before: Any = None
        for n in (16, 32, 64, 128, 256, 512):
            t = math.pi * (np.arange(n) + 0.5) / n
            sine, cosine = np.sin(t / 2) ** 2, np.cos(t / 2) ** 2
            x = np.where(t > math.pi / 2, low + (high - low) * cosine, high - (high - low) * sine)
            terms = function(x) * self._pdf(x) * ((high - low) / 2 * np.sin(t) * math.pi / n)
            value, size = terms.sum(), float(np.abs(terms).sum())
            if not math.isfinite(size):
                return None
            if before is not None and abs(value - before) <= 1e-14 * size:
                return value
            before = value
        return None

    # ---- far out, where w G - 1 is little next to 1, and would be known by its difference alone ----

    @cached_property
    def _outlook(self) -> tuple[float, Array]:
        """The radius of the law about 0, and its first moments in units of that."""
        radius = max(abs(end) for end in self._hull())
        with np.errstate(over="ignore", invalid="ignore"):
            return radius, np.array([float(self.moment(k)) / np.float64(radius) ** k for k in range(1, 1 + _MOMENTS)])

    def _far_out(self, z: Complex) -> NDArray[np.bool_]:
        """Where the first moments say all."""
        far = np.abs(z) > _FAR_OUT * max(abs(end) for end in self._hull())
        return far if not far.any() or np.isfinite(self._outlook[1]).all() else np.zeros(z.shape, bool)

    def _expanded(self, z: Complex) -> tuple[Complex, Complex, Complex]:
        """sum m_k / z^k, sum k m_k / z^k and sum m_k / (k z^k)."""
        radius, scaled = self._outlook
        order = np.arange(1, 1 + _MOMENTS)
        powers = (radius / z)[:, None] ** order
        return powers @ scaled, powers @ (scaled * order), powers @ (scaled / order)

    # ---- as a factor of another one ----

    def _resolvent(self, w: Complex) -> tuple[Complex, Complex]:
        """G and G' in the closed upper half-plane, from one solution."""
        far = self._far_out(w)
        g, slope = np.empty(w.shape, np.complex128), np.empty(w.shape, np.complex128)
        if far.any():
            at = w[far]
            small, bent, _ = self._expanded(at)
            g[far], slope[far] = (1 + small) / at, -(1 + small + bent) / at / at
        if not far.all():
            points, _, gap = self._raised(w[~far])
            _, state = self._at(points)
            here = self._rule.cauchy(points, state.c)
            change = self._rule.cauchy_slope(points, state.c, self._equations.slope(state))
            g[~far] = np.where(gap, here.real + 0j, here)
            slope[~far] = np.where(gap, change.real + 0j, change)
        return g, slope

    def _resolvent_moments(self, w: Complex) -> tuple[Complex, Complex, Complex]:
        """1 + M, M and M' with M = w G - 1."""
        g, slope = self._resolvent(w)
        one, change = w * g, g + w * slope
        small, far = one - 1, self._far_out(w)
        if far.any():
            small[far], bent, _ = self._expanded(w[far])
            change[far] = -bent / w[far]
        return one, small, change

    def _mean_argument(self, w: Complex) -> Array:
        """The mean of arg(w - x)."""
        far, out = self._far_out(w), np.empty(w.shape)
        if far.any():
            out[far] = np.angle(w[far]) - self._expanded(w[far])[2].imag
        if not far.all():
            out[~far] = self._argument(self._at(self._raised(w[~far])[0])[1])
        return out

    # ---- off the axis ----

    def _at(self, z: Complex) -> tuple[Complex, State]:
        """Places and solutions in the open upper half-plane, or a hair above the axis in a gap."""
        place = self._rule.place(z)
        state, good = self._equations.solve(place)
        self._refuse_unsolved(z, good)
        self._equations.note(place, state)
        return place, state

    def _refuse_unsolved(self, z: Complex, good: NDArray[np.bool_]) -> None:
        if not good.all():
            first = complex(z[~good][0])
            raise ConvergenceError(
                f"{self._name}: the Cauchy transform did not converge at z = {first!r}", self.report.to_dict()
            )

    def _in_gap(self, z: Complex) -> NDArray[np.bool_]:
        """Which points lie on the axis outside the support."""
        inside = np.zeros(z.shape, bool)
        for low, high in self.support():
            inside |= (z.real > low) & (z.real < high)
        return np.asarray((z.imag == 0) & ~inside)

    def _raised(self, z: Complex) -> tuple[Complex, NDArray[np.bool_], NDArray[np.bool_]]:
        """z in the upper half-plane, where it was mirrored, and where it lies in a gap: lifted off the axis there."""
        below = z.imag < 0
        z = np.where(below, np.conj(z), z) + 0j
        gap = self._in_gap(z)
        ends = np.array([end for pair in self.support() for end in pair] + [at for at, _ in self._atoms])
        away = np.abs(z.real[:, None] - ends).min(axis=1)
        least = 1e-11 * np.full(z.shape, self._scale)
        if self._rule.product:  # which has its digits next to 0
            least = np.where(z == 0, least, np.minimum(least, 1e-11 * np.abs(z)))
        lift = np.where(gap, np.maximum(1e-8 * away, least), 0.0)
        z = z + 1j * lift
        return z, below, gap

    # ---- next to the ends ----

    @cached_property
    def _ends(self) -> list[tuple[float, float]]:
        """Ends of the support, and the room that each has: how far off the next is, or an atom."""
        ends = [end for pair in self._pieces for end in pair if end != 0 or not self._rule.product]
        marks = np.unique([*ends, *(at for at, _ in self._atoms), *(gap.low for gap in self._gaps[1:])])
        out = []
        for end in sorted(set(ends)):
            others = np.abs(marks[marks != end] - end)
            out.append((end, min(self._equations.unit(end), float(others.min(initial=math.inf)))))
        return out

    @cached_property
    def _known_series(self) -> dict[float, EndSeries | None]:
        return {}

    def _end_series(self, end: float, room: float) -> EndSeries | None:
        """The series next to an end; None at an atom, and where none fits."""
        if end not in self._known_series:
            series = None
            if all(at != end for at, _ in self._atoms):
                with suppress(ConvergenceError):
                    series = end_series(self._direct, end, room)
            self._known_series[end] = series
        return self._known_series[end]

    def _transform_at(self, z: Complex, slope: bool) -> Complex:
        """m or its derivative, next to ends by series, elsewhere by solving."""
        upper = np.where(z.imag < 0, np.conj(z), z) + 0j
        far = self._far_out(upper)
        out, rest = np.empty_like(upper), ~far
        if far.any():
            at = upper[far]
            small, bent, _ = self._expanded(at)
            out[far] = (1 + small + bent) / at / at if slope else -(1 + small) / at
        hull = self._hull()
        if (np.abs(upper.imag) < _BESIDE * max(self._scale, hull[1] - hull[0])).any():
            for end, room in self._ends:
                close = rest & (np.abs(upper - end) <= _BESIDE * room)
                series = self._end_series(end, room) if close.any() else None
                if series is not None:
                    at = upper[close]
                    if series.first == 0:  # an end is known to its rounding, of which a root is much
                        at[np.abs(at - end) <= 4 * math.ulp(end)] = end
                    out[close] = series(at, slope=slope)
                    rest &= ~close
        gap = self._in_gap(upper)
        if rest.any():
            out[rest] = self._direct(upper[rest], slope)
        out = np.where(gap & np.isfinite(out), out.real + 0j, out)
        if not slope:
            out.imag = np.maximum(out.imag, 0.0)
        return np.where(z.imag < 0, np.conj(out), out)

    def _direct(self, z: Complex, slope: bool = False) -> Complex:
        """The same by solving alone; points that resist inside an interval are reached along the axis."""
        points = self._raised(z)[0]
        place = self._rule.place(points)
        state, good = self._equations.solve(place)
        for k in np.flatnonzero(~good):
            for i, (low, high) in enumerate(self._pieces):
                if points[k].imag == 0 and low < points[k].real < high:
                    state.put(slice(k, k + 1), self._solve(i, points[k : k + 1].real))
                    good[k] = True
        self._refuse_unsolved(points, good)
        self._equations.note(place, state)
        if slope:
            return np.asarray(-self._rule.cauchy_slope(points, state.c, self._equations.slope(state)))
        return np.asarray(-self._rule.cauchy(points, state.c))

    def _stieltjes(self, z: Complex) -> Complex:
        m = self._transform_at(z, slope=False)
        for at, _ in self._atoms:
            m[z == at] = complex(math.inf, 0)
        if self._rule.product and (z == 0).any() and self._pieces[0][0] == 0 and np.isfinite(m[z == 0]).all():
            near, far = self._direct(np.array([-1.0, -1e4], np.complex128) * max(self._least, 1e-20 * self._scale)).real
            m[z == 0] = near if near < 1.01 * far else math.inf  # the mean of 1 / x, where there is one
        return m

    def _stieltjes_derivative(self, z: Complex) -> Complex:
        return self._transform_at(z, slope=True)
