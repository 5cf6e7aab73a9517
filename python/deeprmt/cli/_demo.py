"""`deeprmt demo`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .._write import write
from ..report import require_matplotlib
from ..weights import analyze
from ._options import add_command, count, new_file
from ._output import write_all, write_json
from ._tables import analysis_table, counted

__all__ = ["add"]

_DEMO = """\
Samples orthogonal networks at criticality and compares the singular values of their
Jacobians with the law of infinite width; analyses a trained network that ships with
the package; writes a page with both. Takes about half a minute on two cores.
"""


def add(commands: Any) -> None:
    parser = add_command(commands, "demo", _demo, "what deeprmt does, in one page", _DEMO, draws=True)
    parser.add_argument(
        "--html", type=new_file, metavar="FILE", default="deeprmt-demo.html", help="the page (default %(default)s)"
    )
    parser.add_argument(
        "--figure", type=new_file, metavar="FILE", help="write the Jacobians' figure alone, .png or .svg or .pdf"
    )
    parser.add_argument("--width", type=count, default=1000, metavar="N", help="of every layer (default %(default)s)")
    parser.add_argument("--depth", type=count, default=4, metavar="L", help="number of layers (default %(default)s)")
    parser.add_argument(
        "--trials", type=count, default=8, metavar="N", help="networks of each kind (default %(default)s)"
    )


def _demo(options: argparse.Namespace) -> int:
    require_matplotlib()
    if options.figure is not None:
        _require_format(options.figure)
    from .. import demo
    from ..demo._page import demo_page, draw

    comparisons = []
    for activation in ("tanh", "hard_tanh"):
        mlp = demo.critical_network(activation, width=options.width, depth=options.depth)
        each = demo.compare(mlp, trials=options.trials, rng=options.seed, threads=options.threads, progress=True)
        comparisons.append(each)
        if options.json != "-":
            print(
                f"{counted(options.trials, 'Haar network')}, {activation}, "
                f"{counted(options.depth, 'layer')} of {options.width}: "
                f"KS distance of the Jacobian's spectrum from its wide limit {each.ks:.4f}",
                flush=True,
            )
    analysis = analyze(demo.trained_network(), threads=options.threads, progress=True)
    if options.json != "-":
        print("\nA trained network that reads handwritten digits:\n" + analysis_table(analysis))

    def write_numbers() -> None:
        numbers = {"jacobians": [each.to_dict() for each in comparisons], "analysis": json.loads(analysis.to_json())}
        write_json(options.json, json.dumps(numbers, indent=1) + "\n")

    def write_page() -> None:
        write(options.html, demo_page(comparisons, analysis))
        print(f"\nThe page with all figures: {options.html}", file=sys.stderr if options.json == "-" else sys.stdout)

    return write_all(
        options,
        {
            "json": write_numbers,
            "html": write_page,
            "figure": lambda: draw(comparisons).savefig(options.figure, dpi=110),
        },
    )


def _require_format(path: str) -> None:
    """Matplotlib would say so after the work."""
    from matplotlib.figure import Figure

    known = Figure().canvas.get_supported_filetypes()
    if Path(path).suffix.lower().removeprefix(".") not in known:
        raise ValueError(f"--figure {path}: the name must end in one of .{', .'.join(sorted(known))}")
