"""`deeprmt analyze`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..report import printable, require_matplotlib
from ..weights import Analysis, ReadError, analyze
from ._options import add_command, add_matrices, count, new_file, seed
from ._output import error_line, write_all, write_json
from ._tables import analysis_table, cell

__all__ = ["add"]

_ANALYZE = """\
PATH is a file (.safetensors, .npz, .npy, .pt, .pth, .bin, .ckpt, .onnx, .h5, .keras),
the *.index.json of a sharded checkpoint, or a folder, of which every checkpoint is
read. Nothing in a file is ever executed. Put PATH before --json: what follows
--json is where to write.

exit code:
  0  every weight matrix was analysed; biases, norms, counters and masks are no
     weight matrices, and matrices too small for some statistics are no failure
  1  some layer is bad (NaN or infinite entries, all zeros, a single row or column,
     less than full rank), or something was skipped that should have been read (an
     unreadable file, a missing shard, 8-bit weights)
  2  wrong usage, or nothing could be read
"""


def add(commands: Any) -> None:
    parser = add_command(
        commands, "analyze", _analyze, "spectra of trained weights, layer by layer", _ANALYZE, draws=True
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files or folders")
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write a self-contained page with figures")
    parser.add_argument("--arrays", action="store_true", help="JSON with singular values, spacings and Hill curves")
    add_matrices(parser)
    parser.add_argument("--window", type=count, default=15, metavar="N", help="of the unfolding (default 15)")
    parser.add_argument(
        "--samples",
        type=seed,
        default=199,
        metavar="N",
        help="simulated matrices of noise a shape, for p-values; 0: none (default %(default)s)",
    )
    parser.add_argument(
        "--permutations",
        type=seed,
        default=0,
        metavar="N",
        help="copies of each matrix with its entries permuted, for rand_distance, num_rand_spikes and ww_softrank; "
        "each costs as much as the matrix, and p-values need 19 (default %(default)s)",
    )
    parser.add_argument(
        "--vectors",
        action="store_true",
        help="test each singular vector against random ones (Porter and Thomas), and draw the curve; takes several "
        "times as long",
    )
    parser.add_argument(
        "--spacing-trials",
        type=seed,
        default=0,
        metavar="N",
        help="noise spectra a layer, 19 or more, for calibrated p-values of spacings; 0: none (default %(default)s)",
    )
    parser.add_argument(
        "--max-memory",
        metavar="SIZE",
        help="such as 2GiB: layers whose decomposition takes more are estimated, with error bars (default: three "
        "quarters of what is free)",
    )
    parser.add_argument(
        "--journal",
        type=new_file,
        metavar="FILE",
        help="keep what is found in FILE at once, and go on from it if it is there",
    )


def _analyze(options: argparse.Namespace) -> int:
    if options.html is not None:
        require_matplotlib()  # now, not after the work
    try:
        analysis = analyze(
            options.paths,
            window=options.window,
            conv=options.conv,
            split=options.split,
            heads=options.heads,
            samples=options.samples,
            permutations=options.permutations,
            vectors=options.vectors,
            spacing_trials=options.spacing_trials,
            rng=options.seed,
            max_memory=options.max_memory,
            journal=options.journal,
            threads=options.threads,
            progress=True,
        )
    except ReadError as error:
        print(f"deeprmt analyze: {error_line(error)}", file=sys.stderr)
        return 2
    if options.json != "-" and analysis.rows:
        print(analysis_table(analysis))
    _print_skipped(analysis, everything=options.json != "-")
    failed = write_all(
        options,
        {
            "json": lambda: write_json(options.json, analysis.to_json(arrays=options.arrays)),
            "html": lambda: analysis.to_html(options.html),
        },
    )
    if not analysis.rows:
        print("deeprmt analyze: no weight matrix found", file=sys.stderr)
    if failed or not analysis.rows:
        return 2
    return 0 if analysis.complete else 1


def _print_skipped(analysis: Analysis, everything: bool) -> None:
    """What was passed over, on the error stream: the output stays a table."""
    for each in analysis.skipped:
        if not each.expected:
            source = "" if each.reason.startswith(each.source) else each.source  # once is enough
            known = ", ".join(filter(None, [f"{cell(each.shape)} {each.dtype}".strip(), source]))
            what = f"{each.name}{f' ({known})' if known else ''}: " if each.name else ""
            print(printable(f"skipped {what}{each.reason}"), file=sys.stderr)
    usual = [each for each in analysis.skipped if each.expected]
    if not everything or not usual:
        return
    reasons: dict[str, list[str]] = {}
    for each in usual:
        reasons.setdefault(each.reason, []).append(each.name)
    for reason, names in reasons.items():
        what = f"{len(names)} ({reason}): {', '.join(names)}" if any(names) else reason
        print(printable(f"skipped {what}"), file=sys.stderr)
