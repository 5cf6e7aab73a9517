"""`deeprmt ntk`."""

from __future__ import annotations

import argparse
import json
from typing import Any

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
    parser.add_argument("--activation", default="tanh", metavar="NAME", help="default: tanh")
    parser.add_argument("--weights", choices=("gaussian", "haar"), default="gaussian", help="default: gaussian")
    parser.add_argument("--depth", type=count, nargs="+", default=[2, 4, 8, 16], metavar="L", help="weight matrices")
    parser.add_argument("--sigma-w", type=float, metavar="X", help="of weights, times the root of the width")
    parser.add_argument("--sigma-b", type=float, metavar="X", help="of biases (default 0)")
    parser.add_argument(
        "--q-star", type=float, metavar="Q", help="variance of preactivations on the edge of chaos (default 1)"
    )
    parser.add_argument(
        "--width", type=count, metavar="N", help="count biases as trained, which matters where N is small"
    )


def _ntk(options: argparse.Namespace) -> int:
    from .. import meanfield
    from .._arguments import default_threads
    from ..networks import MLP

    sigma_w, sigma_b = options.sigma_w, options.sigma_b
    if sigma_w is None:
        if sigma_b is not None and options.q_star is not None:
            raise ValueError("--sigma-b and --q-star each choose a point of the edge of chaos: give one of them")
        free = (
            {"sigma_b": sigma_b}
            if sigma_b is not None
            else {"q_star": 1.0 if options.q_star is None else options.q_star}
        )
        point = meanfield.critical_point(options.activation, **free)
        sigma_w, sigma_b = point.sigma_w, point.sigma_b
    elif options.q_star is not None:
        raise ValueError("--q-star chooses sigma_w: give one of them")
    rows = []
    with default_threads(options.threads):
        for depth in options.depth:
            widths = [options.width or 1] * (depth + 1)
            mlp = MLP(widths, options.activation, weights=options.weights, sigma_w=sigma_w, sigma_b=sigma_b or 0.0)
            rate = meanfield.max_learning_rate(mlp, biases=options.width is not None)
            rows.append({"depth": depth} | rate.to_dict())
    head = {"activation": options.activation, "weights": options.weights, "sigma_w": sigma_w, "sigma_b": sigma_b or 0.0}
    if options.json != "-":
        print(
            ", ".join(f"{key} {value:.6g}" if isinstance(value, float) else str(value) for key, value in head.items())
        )
        print("\ndepth   lambda_max   2 / lambda_max   1 / lambda_max")
        for row in rows:
            numbers = "".join(f"{row[key]:>{size}.6g}" for key, size in _NTK_COLUMNS)
            print(f"{row['depth']:>5}{numbers}")
    return write_all(
        options, {"json": lambda: write_json(options.json, json.dumps(head | {"rows": rows}, indent=1) + "\n")}
    )
