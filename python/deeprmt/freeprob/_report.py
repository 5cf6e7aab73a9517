"""What solving a convolution took."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """What solving a law took so far.

    Attributes
    ----------
    points : int
        Points at which the equations were solved.
    iterations : int
        Newton steps, all points together.
    continued : int
        Points that no good guess was known for, which were reached from high above the axis.
    residual : float
        The largest relative residual of the equations at the solutions: the relative error of an unknown that would
        explain it.
    accuracy : float
        How well the laws that went in are resolved, where that is less well than rounding: up to such a part of their
        mass, and of their widths at the ends.
    failed : int
        Points of arrays at which the equations could not be solved: there NaN was returned.
    """

    points: int
    iterations: int
    continued: int
    residual: float
    accuracy: float
    failed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The same as a dict."""
        return asdict(self)
