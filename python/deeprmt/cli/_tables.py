"""Tables of plain text."""

from __future__ import annotations

import shutil
import sys
from typing import Any

from ..report import printable
from ..weights import Analysis

__all__ = ["aligned", "analysis_table", "cell", "counted"]

_LONGEST_NAME = 60
_COLUMNS = {
    "name": "layer",
    "shape": "shape",
    "status": "status",
    "sigma": "sigma",
    "outliers": "outliers",
    "edge_ratio": "largest/edge",
    "bulk_ks": "bulk KS",
    "spacing_ratio": "ratio",
    "hill_xi": "xi",
    "stable_rank": "stable rank",
}


def analysis_table(analysis: Analysis) -> str:
    """Names left, numbers right; a long name loses its middle."""
    cells = [[printable(cell(getattr(row, name))) for name in _COLUMNS] for row in analysis.rows]
    heads = list(_COLUMNS.values())
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
    widths[0] = min(widths[0], _LONGEST_NAME)
    if sys.stdout.isatty():
        rest = sum(widths[1:]) + 2 * len(widths)
        widths[0] = min(widths[0], max(16, shutil.get_terminal_size().columns - rest))

    def line(name: str, *others: str) -> str:
        half = widths[0] // 2
        short = name if len(name) <= widths[0] else f"{name[: widths[0] - half - 1]}…{name[-half:]}"
        aligned = [o.ljust(w) if i < 2 else o.rjust(w) for i, (o, w) in enumerate(zip(others, widths[1:], strict=True))]
        return "  ".join([short.ljust(widths[0]), *aligned]).rstrip()

    lines, source = [line(*heads)], ""
    several = len({row.source for row in analysis.rows}) > 1
    for row, row_cells in zip(analysis.rows, cells, strict=True):
        if several and row.source != source:
            source = row.source
            lines.append(f"{printable(source)}:")
        lines.append(line(*row_cells))
    notes = [f"{printable(row.name)}: {printable(row.note)}" for row in analysis.rows if row.note]
    return "\n".join([*lines, "", *notes] if notes else lines)


def aligned(lines: list[list[str]]) -> str:
    """Text left, numbers right; a long name loses its middle."""
    lines = [[printable(cell) for cell in line] for line in lines]
    for line in lines:
        if len(line[0]) > _LONGEST_NAME:
            line[0] = f"{line[0][: _LONGEST_NAME // 2 - 1]}…{line[0][-(_LONGEST_NAME // 2) :]}"
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return " x ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
