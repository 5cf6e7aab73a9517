"""What solving took, of laws that were solved: kept, and put together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._law import Law

__all__ = ["Reported", "as_report", "together"]

_LARGEST = {"residual", "accuracy"}


class Reported(Law):
    """A law whose points a solver evaluates; `_solved` is told what each call did."""

    @property
    def report(self) -> dict[str, Any]:
        """The `points` solved for so far, and how many of them `failed`: each of those was an error."""
        return dict(vars(self).get("_report", {"points": 0, "failed": 0}))

    def _solved(self, points: int, failed: int) -> None:
        so_far = self.report
        vars(self)["_report"] = {"points": so_far["points"] + points, "failed": so_far["failed"] + failed}


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
    out: dict[str, Any] = {}
    for report in found:
        for key, value in report.items():
            if key in _LARGEST:
                out[key] = max(out.get(key, 0.0), value)
            elif isinstance(value, int | float):
                out[key] = out.get(key, 0) + value
    return out
