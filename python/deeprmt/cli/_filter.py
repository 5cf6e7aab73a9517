"""`deeprmt filter`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..report import printable
from ..weights import FilteredCheckpoint, ReadError, apply_filter
from ..weights._filter import METHODS
from ._options import add_command, count
from ._output import error_line, write_all, write_json
from ._tables import aligned, cell, counted

__all__ = ["add"]

_FILTER = """\
Writes a copy of the checkpoint PATH (.safetensors, .npz, .npy, or the *.index.json of
a sharded one) in which the noise is taken out of weight matrices: names, dtypes,
metadata and all other tensors stay. Put PATH before the options.

methods:
  hard                          singular values above Gavish and Donoho's threshold stay
  bulk                          all above the end of the noise stay
  frobenius, operator, nuclear  those are shrunk to be the best in that norm
  ledoit-peche                  all are shrunk, for a signal of any rank
  rank                          the K largest stay

exit code:
  0  every matrix that was chosen is filtered
  1  some were left as they are, and the table says why
  2  wrong usage, or nothing was written
"""


def add(commands: Any) -> None:
    parser = add_command(commands, "filter", _filter, "take the noise out of the weights of a checkpoint", _FILTER)
    parser.add_argument("path", metavar="PATH", help="a file")
    parser.add_argument(
        "--out", required=True, metavar="PATH", help="the new file; for a sharded checkpoint the folder of its files"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is at --out, be it the input itself")
    parser.add_argument("--method", choices=METHODS, default="hard", help="default %(default)s")
    parser.add_argument("--rank", type=count, metavar="K", help="for --method rank")
    parser.add_argument(
        "--sigma", type=_sigma, metavar="S", help='of the noise\'s entries, or "median"; default: from each bulk'
    )
    parser.add_argument(
        "--layers", action="append", metavar="PATTERN", help="names to filter, such as '*attention*'; may be repeated"
    )
    parser.add_argument("--skip", action="append", metavar="PATTERN", help="names to leave; may be repeated")


def _sigma(text: str) -> float | str:
    return text if text == "median" else float(text)


_sigma.__name__ = 'number above 0, or "median"'


def _filter(options: argparse.Namespace) -> int:
    try:
        done = apply_filter(
            options.path,
            out=options.out,
            method=options.method,
            k=options.rank,
            sigma=options.sigma,
            layers=options.layers or "*",
            skip=options.skip or (),
            overwrite=options.overwrite,
            progress=True,
            threads=options.threads,
        )
    except ReadError as error:
        print(f"deeprmt filter: {error_line(error)}", file=sys.stderr)
        return 2
    if options.json != "-":
        print(_filter_table(done))
    text = json.dumps(done.to_dict(), indent=1) + "\n"
    failed = write_all(options, {"json": lambda: write_json(options.json, text)})
    return failed or (0 if done.complete else 1)


def _filter_table(done: FilteredCheckpoint) -> str:
    heads = ("layer", "shape", "rank", "of", "sigma", "kept")
    cells = [
        [cell(each) for each in (row.name, row.shape, row.rank, row.levels, row.sigma, row.kept)] for row in done.rows
    ]
    notes = [f"{printable(row.name)}: left as it is: {printable(row.note)}" for row in done.rows if row.note]
    written = f"{counted(len(done.untouched), 'other tensor')} copied; written: {printable(', '.join(done.files))}"
    return "\n".join([aligned([list(heads), *cells]), "", *notes, written])
