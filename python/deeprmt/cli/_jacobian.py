"""`deeprmt jacobian`."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from ..report import printable, require_matplotlib
from ._network import add_network, chosen, described
from ._options import add_command, count, new_file
from ._output import write_all, write_json

__all__ = ["add"]

_JACOBIAN = """\
Draws networks, and prints quantiles of all singular values of their input-output Jacobians
beside those of the law at infinite width, and the largest distance between the two
distribution functions. Inputs start at the fixed point of the mean field. Without --sigma-w
the network is put on the edge of chaos.

example:
  deeprmt jacobian --activation hard_tanh --weights haar --q-star 0.05 --depth 8 --plot j.png
"""
_SHARES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def add(commands: Any) -> None:
    parser = add_command(
        commands,
        "jacobian",
        _jacobian,
        "singular values of a random network's Jacobian, beside their law",
        _JACOBIAN,
        draws=True,
    )
    add_network(parser)
    parser.add_argument("--depth", type=count, default=4, metavar="L", help="weight matrices (default 4)")
    parser.add_argument("--width", type=count, default=400, metavar="N", help="of every layer (default 400)")
    parser.add_argument("--trials", type=count, default=1, metavar="T", help="networks (default 1)")
    parser.add_argument("--plot", type=new_file, metavar="FILE", help="write a figure: histogram and law")


def _jacobian(options: argparse.Namespace) -> int:
    from .. import jacobian
    from .._arguments import default_threads
    from ..networks import MLP

    if options.plot is not None:
        require_matplotlib()  # now, not after the work
    network = chosen(options)
    mlp = MLP([options.width] * (options.depth + 1), **network)
    with default_threads(options.threads):
        values = jacobian.singular_values(mlp, trials=options.trials, rng=options.seed)
        # Units of slope 0 take rank away, of which rounding is left.
        values[values <= options.width * np.finfo(float).eps * values.max()] = 0.0
        law = jacobian.law(mlp, singular=True)
        quantiles = [
            {"share": share, "networks": float(np.quantile(values, share)), "law": float(law.ppf(share))}
            for share in _SHARES
        ]
        distance = float(law.ks_distance(values.ravel()))
        support = [[float(low), float(high)] for low, high in law.support()]
    head = network | {"depth": options.depth, "width": options.width, "trials": options.trials, "seed": options.seed}
    largest = float(values.max())
    if options.json != "-":
        print(f"{described(network)}; {options.trials} x {options.width} singular values at depth {options.depth}")
        print("\nshare below     networks          law")
        for row in quantiles:
            print(f"{row['share']:>11g}{row['networks']:>13.6g}{row['law']:>13.6g}")
        print(f"{'largest':>11}{largest:>13.6g}{support[-1][1]:>13.6g}")
        print(f"\nlargest distance of the distribution functions: {distance:.3g}")

    def plot() -> None:
        from .. import plots

        ax = plots.spectrum(values, law, xlabel="singular value of the Jacobian", label="networks")
        ax.figure.savefig(options.plot, dpi=110)  # type: ignore[union-attr]
        if options.json != "-":
            print(f"written: {printable(options.plot)}")

    found = {"quantiles": quantiles, "largest": largest, "support": support, "ks_distance": distance}
    text = json.dumps(head | found | {"singular_values": values.tolist()}, indent=1, allow_nan=False) + "\n"
    return write_all(options, {"plot": plot, "json": lambda: write_json(options.json, text)})
