"""`deeprmt compare`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..report import printable, require_matplotlib
from ..weights import compare, series
from ._options import add_command, add_matrices, count, new_file
from ._output import write_all, write_json
from ._tables import aligned, cell

__all__ = ["add"]

_COMPARE = """\
Two checkpoints of one model, before and after: the spectrum of each layer's change, the
overlap of its leading singular vectors, whether it left the bulk. Three or more, in the
order of time: every layer over the training, and when it left the bulk. PATH as for
deeprmt analyze; layers belong together by name and shape. Put PATH before --json.

exit code:
  0  every layer is in all checkpoints
  1  some are not, or could not be compared
  2  wrong usage, or nothing could be read
"""
_CHANGES = {
    "name": "layer",
    "shape": "shape",
    "relative_change": "change",
    "change_rank": "rank",
    "change_stable_rank": "stable rank",
    "change_outliers": "outliers of it",
    "base_outliers": "outliers",
    "tuned_outliers": "after",
    "k": "k",
    "left_overlap": "left overlap",
    "right_overlap": "right",
}


def add(commands: Any) -> None:
    parser = add_command(commands, "compare", _compare, "checkpoints of one model, layer by layer", _COMPARE)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files or folders, at least two")
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write a self-contained page with figures")
    parser.add_argument(
        "--labels", metavar="A,B,...", help="names of the checkpoints, such as epochs (default: their paths)"
    )
    parser.add_argument("--k", type=count, metavar="K", help="singular vectors to compare (default: outliers)")
    add_matrices(parser)


def _compare(options: argparse.Namespace) -> int:
    if len(options.paths) < 2:
        raise ValueError("at least two checkpoints are needed, got one PATH")
    labels = _short_paths(options.paths) if options.labels is None else options.labels.split(",")
    if len(labels) != len(options.paths):
        raise ValueError(f"--labels must name {len(options.paths)} checkpoints, got {len(labels)}")
    if options.html is not None:
        require_matplotlib()  # now, not after the work
    settings = {"k": options.k, "conv": options.conv, "split": options.split, "heads": options.heads}
    settings |= {"threads": options.threads, "progress": True}
    if len(options.paths) == 2:
        found: Any = compare(*options.paths, **settings)
        heads, cells = _CHANGES, [[cell(getattr(row, name)) for name in _CHANGES] for row in found.rows]
        gone = {"the first": found.only_base, "the second": found.only_tuned}
        notes = [f"{row.name}: {row.note}" for row in found.rows if row.note]
    else:
        found = series(options.paths, labels=labels, **settings)
        left = found.left_bulk
        counts = found.table("outliers")
        heads = {"name": "layer", "left": "left the bulk", **{str(at): name for at, name in enumerate(labels)}}
        cells = [[name, left.get(name) or "-", *map(cell, counts[name])] for name in found.names]
        gone = {"some": found.left_out}
        notes = [f"{row.name}: {row.checkpoint}: {row.analysis.note}" for row in found.rows if row.analysis.bad]
    if options.json != "-":
        print(aligned([list(heads.values()), *cells]))
        print("\n".join(map(printable, notes)), end="\n" if notes else "")
    for where, names in gone.items():
        if names:
            print(printable(f"only in {where}: {', '.join(names)}"), file=sys.stderr)
    text = json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n"
    failed = write_all(
        options,
        {"json": lambda: write_json(options.json, text), "html": lambda: found.to_html(options.html)},
    )
    missing = any(gone.values()) or any("nothing changed" not in note for note in notes)
    return failed or int(missing)


def _short_paths(paths: Sequence[str]) -> list[str]:
    """The names of files, or where two are alike the whole paths."""
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)
