"""The intervals, atoms and gaps of a free sum, product or power."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ..laws import Law
from ..laws._mixture import merged
from ._gap import Gap
from ._report import Report
from ._solver import Equations
from ._support import gaps

__all__ = ["Intervals"]

Array = NDArray[np.float64]

_LEAST_MASS = 4e-15  # that an interval of its own is kept for
_NOTHING = 1e-9  # of mass: an atom that is about to appear


def _nothing(usual: float, above: float, below: float) -> float:
    """How little mass may be rounding: less than usual next to the outermost gaps, where rare atoms are exact."""
    outer = min(max(above, below), 1 - min(above, below))
    return min(usual, max(_LEAST_MASS, 1e-2 * outer))


class Intervals(Law):
    """Parts of a free convolution: where its mass lies."""

    _rule: Any
    _sign: str
    _neutral: float

    def __init__(self, parts: list[tuple[Law, float]]) -> None:
        self.parts = tuple(parts)

    def __repr__(self) -> str:
        inner = ", ".join(repr(law) if t == 1 else f"{law!r}^{t:g}" for law, t in self.parts)
        return f"{self._name}({inner})"

    def __getstate__(self) -> dict[str, Any]:
        return {"parts": self.parts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

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
