"""The random network that a command is about."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["add_network", "chosen", "described"]


def add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--activation", default="tanh", metavar="NAME", help="default: tanh")
    parser.add_argument("--weights", choices=("gaussian", "haar"), default="gaussian", help="default: gaussian")
    parser.add_argument("--sigma-w", type=float, metavar="X", help="of weights, times the root of the width")
    parser.add_argument("--sigma-b", type=float, metavar="X", help="of biases (default 0)")
    parser.add_argument(
        "--q-star", type=float, metavar="Q", help="variance of preactivations on the edge of chaos (default 1)"
    )


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """What MLP takes beside widths; without sigma_w the network is on the edge of chaos."""
    from .. import meanfield

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
    named = {"activation": options.activation, "weights": options.weights}
    return named | {"sigma_w": sigma_w, "sigma_b": sigma_b or 0.0}


def described(network: dict[str, Any]) -> str:
    """In one line."""
    return ", ".join(f"{key} {value:.6g}" if isinstance(value, float) else str(value) for key, value in network.items())
