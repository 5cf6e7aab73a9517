"""What solving took, of laws that were solved: kept, and put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ._law import Law

__all__ = ["Reported", "as_report", "together"]

_LARGEST = {"residual", "accuracy"}


class Reported(Law):
    """A law whose points a solver of the core evaluates; `_check` is told what each call did."""

    @property
    def report(self) -> dict[str, Any]:
        """The `points` solved for so far; how many of them `failed`, which is NaN in an array with points that did not,
        and else an error; the largest `residual` that was left, and Newton's `iterations` for all points together.
        """
        return dict(vars(self).get("_report", {"points": 0, "failed": 0, "residual": 0.0, "iterations": 0}))

    def __getstate__(self) -> dict[str, Any]:
        """What is public: all else is made from it, and solvers do not travel."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def _separately(self, function: Callable[[Any], Any], x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        before = self.report
        value, failed = super()._separately(function, x)
        if failed.any():  # halves were tried again and again: each point counts once
            lost = int(failed.sum())
            vars(self)["_report"] |= {"points": before["points"] + x.size, "failed": before["failed"] + lost}
        return value, failed

    def _check(self, report: Any, argument: str, points: int, offset: float = 0.0) -> None:
        """Adds a solver's report, an error if points of x (`argument`) - offset failed."""
        vars(self)["_report"] = _sum([self.report, {**report, "points": points}])
        if report["failed"]:
            raise ConvergenceError(
                f"{self._name}: {report['failed']} points did not converge, the first at {argument} ="
                f" {offset + report['first_failure']:g}",
                {**report, "law": repr(self)},
            )


def as_report(law: Law) -> dict[str, Any] | None:
    """The report of a law that has one."""
    report = getattr(law, "report", None)
    if report is None or isinstance(report, dict):
        return report
    return dict(report.to_dict())


def together(laws: Iterable[Law], name: str) -> dict[str, Any]:
    """Counts of all laws that were solved are added; of residuals the largest is taken.

    Raises
    ------
    AttributeError
        If none has a report: closed forms have none.
    """
    found = [report for report in map(as_report, laws) if report is not None]
    if not found:
        raise AttributeError(f"{name} has no report: nothing was solved")
    return _sum(found)


def _sum(reports: Iterable[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for report in reports:
        for key, value in report.items():
            if key in _LARGEST:
                out[key] = max(out.get(key, 0.0), value)
            elif isinstance(value, int | float) and key != "first_failure":
                out[key] = out.get(key, 0) + value
    return out
