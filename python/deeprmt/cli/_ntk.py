"""`deeprmt ntk`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ._network import add_network, chosen, described
from ._options import add_command, count
from ._output import write_all, write_json

__all__ = ["add"]

_NTK = """\
For each depth: the largest eigenvalue of the tangent kernel at one input in the limit of
great width, the learning rate 2 / lambda_max above which gradient descent diverges, and
1 / lambda_max, up to which nothing oscillates. The loss is |f - y|^2 / (2 n), and weights
are trained as they stand. Without --sigma-w the network is put on the edge of chaos.

example:
  deeprmt ntk --activation hard_tanh --weights haar --q-star 0.05 --depth 4 8 16
"""
_NTK_COLUMNS = (("lambda_max", 13), ("stability", 17), ("contraction", 17))


def add(commands: Any) -> None:
    parser = add_command(commands, "ntk", _ntk, "the learning rate that a wide network bears, by depth", _NTK)
    add_network(parser)
    parser.add_argument("--depth", type=count, nargs="+", default=[2, 4, 8, 16], metavar="L", help="weight matrices")
    parser.add_argument(
        "--width", type=count, metavar="N", help="count biases as trained, which matters where N is small"
    )


def _ntk(options: argparse.Namespace) -> int:
    from .. import meanfield
    from .._arguments import default_threads
    from ..networks import MLP

    network = chosen(options)
    rows = []
    with default_threads(options.threads):
        for depth in options.depth:
            widths = [options.width or 1] * (depth + 1)
            mlp = MLP(widths, **network)
            rate = meanfield.max_learning_rate(mlp, biases=options.width is not None)
            rows.append({"depth": depth} | rate.to_dict())
    if options.json != "-":
        print(described(network))
        print("\ndepth   lambda_max   2 / lambda_max   1 / lambda_max")
        for row in rows:
            numbers = "".join(f"{row[key]:>{size}.6g}" for key, size in _NTK_COLUMNS)
            print(f"{row['depth']:>5}{numbers}")
    return write_all(
        options, {"json": lambda: write_json(options.json, json.dumps(network | {"rows": rows}, indent=1) + "\n")}
    )
