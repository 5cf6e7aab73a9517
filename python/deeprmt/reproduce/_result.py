"""What an experiment gives: numbers beside what was expected of them, a verdict, and a figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import fill
from typing import TYPE_CHECKING, Any

from .._display import Displayed, plain
from ..plots._axes import log_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _digits(value: float, tolerance: float, least: int) -> int:
    """How many show a difference of the size of the tolerance."""
    if not (math.isfinite(value) and value and tolerance > 0):
        return least
    return min(max(least, math.ceil(math.log10(abs(value) / tolerance)) + 1), 16)


@dataclass(frozen=True)
class Check:
    """One number, and what it should be.

    Attributes
    ----------
    what : str
        In words.
    value : float
        As found.
    expected, tolerance : str
        In words and numbers.
    passed : bool
        Whether the value is within the tolerance.

    Examples
    --------
    >>> Check.near("mean of ten numbers", 0.51, 0.5, 0.05).passed
    True
    """

    what: str
    value: float
    expected: str
    tolerance: str
    passed: bool

    @classmethod
    def near(cls, what: str, value: float, expected: float, tolerance: float) -> Check:
        """|value - expected| <= tolerance."""
        value = float(value)
        wanted = f"{expected:.{_digits(expected, tolerance, 6)}g}"
        return cls(what, value, wanted, f"± {tolerance:.3g}", bool(abs(value - expected) <= tolerance))

    @property
    def found(self) -> str:
        """The value with as many digits as the tolerance is about, at least four."""
        tolerance = float(self.tolerance[1:]) if self.tolerance.startswith("±") else 0.0
        return f"{self.value:.{_digits(self.value, tolerance, 4)}g}"

    @classmethod
    def least(cls, what: str, value: float, bound: float) -> Check:
        """value >= bound."""
        return cls(what, float(value), f"at least {bound:.6g}", "none", float(value) >= bound)

    @classmethod
    def most(cls, what: str, value: float, bound: float) -> Check:
        """value <= bound."""
        return cls(what, float(value), f"at most {bound:.6g}", "none", float(value) <= bound)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; a value that is not finite is None."""
        value = self.value if math.isfinite(self.value) else None
        rest = {"expected": self.expected, "tolerance": self.tolerance, "passed": self.passed}
        return {"what": self.what, "value": value} | rest


@dataclass(frozen=True, eq=False, repr=False)
class Reproduction(Displayed):
    """An experiment that was run; made by `run`.

    Attributes
    ----------
    name, claim, source : str
        What was run, what is claimed, and by whom.
    checks : tuple of Check
        Numbers beside what was expected.
    data : dict
        What the figure shows, ready for JSON.
    settings : dict
        What it was run with.
    draw : callable
        Takes a matplotlib figure and draws on it.

    Examples
    --------
    >>> checks = (Check.near("1/2", 0.5, 0.5, 0.0),)
    >>> found = Reproduction("halves", "1/2 is 0.5", "", checks, {}, {}, lambda figure: None)
    >>> found.verdict
    'as expected'
    """

    name: str
    claim: str
    source: str
    checks: tuple[Check, ...]
    data: dict[str, Any]
    settings: dict[str, Any]
    draw: Callable[[Figure], None] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether every check is."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """In words; a quick run that misses something is too small to say that the claim does not hold."""
        failed = [check.what for check in self.checks if not check.passed]
        if failed and self.settings.get("quick"):
            return f"a quick run, too small for a verdict, misses: {'; '.join(failed)}"
        return f"not as expected: {'; '.join(failed)}" if failed else "as expected"

    def figure(self) -> Figure:
        """The figure, new each time; belongs to no window."""
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError('deeprmt.reproduce needs matplotlib: pip install "deeprmt[reproduce]"') from error
        figure = Figure(figsize=(9.6, 4.2), layout="constrained")
        self.draw(figure)
        for ax in figure.axes:
            log_ticks(ax)
        failed = sum(not check.passed for check in self.checks)
        what = "a quick run, too small for a verdict, misses" if self.settings.get("quick") else "not as expected in"
        short = self.verdict if failed < 2 else f"{what} {failed} of {len(self.checks)} numbers"
        figure.suptitle("\n".join(fill(line, 120) for line in (self.claim, short)), fontsize=10)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """All but the figure, for JSON."""
        head = {"name": self.name, "claim": self.claim, "source": self.source, "verdict": self.verdict}
        checks = {"passed": self.passed, "checks": [check.to_dict() for check in self.checks]}
        return head | checks | {"settings": dict(self.settings), "data": plain(self.data)}

    def __repr__(self) -> str:
        return f"Reproduction({self.name!r}: {self.verdict})"
