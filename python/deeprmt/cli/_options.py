"""What the options of several commands have in common, and what they may be."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..report import printable
from ..weights._files import is_checkpoint_name
from ..weights._roles import SPLITS
from ..weights._tensor import CONVENTIONS

__all__ = ["add_command", "add_matrices", "count", "new_file", "seed"]

Command = Callable[[argparse.Namespace], int]


def add_command(
    commands: Any, name: str, command: Command, summary: str, details: str = "", *, draws: bool = False
) -> argparse.ArgumentParser:
    """A subcommand with the options that all of them take; `draws` says whether the seed matters to it."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    about = "of whatever is drawn at random (default 0)" if draws else "no effect: nothing is drawn at random here"
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help=about)
    parser.add_argument("--threads", type=count, metavar="N", help="default: every core this process may use")
    parser.add_argument(
        "--json",
        type=_new_file_or_output,
        nargs="?",
        const="-",
        metavar="FILE",
        help="write JSON to FILE; without FILE, or with -, to the output in place of text",
    )
    parser.set_defaults(command=command, name=name)
    return parser


def add_matrices(parser: argparse.ArgumentParser) -> None:
    """How tensors become matrices."""
    parser.add_argument(
        "--conv",
        choices=CONVENTIONS,
        default="flatten",
        help="convolutions as one matrix of their output channels, as one for each kernel place, or as one of their "
        "input channels (default flatten)",
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="parts",
        help="packed attention and recurrent layers in queries, keys, values and gates, by heads too, or as stored "
        "(default parts)",
    )
    parser.add_argument("--heads", type=count, metavar="N", help="of attention (default: as config.json has it)")


def count(text: str) -> int:
    """A whole number above 0."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def seed(text: str) -> int:
    """A whole number from 0 on."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


count.__name__ = "whole number above 0"  # argparse names it in its message
seed.__name__ = "whole number from 0 on"


def new_file(text: str) -> str:
    """Where to write, checked before the work. After a bare ``--json`` a PATH would be taken for FILE."""
    shown = printable(text)
    if text in ("", "-"):
        raise argparse.ArgumentTypeError("the name of a file is needed" + (", not -" if text else ""))
    if is_checkpoint_name(Path(text)) or Path(text).is_dir():
        raise argparse.ArgumentTypeError(
            f"{shown} is a checkpoint or a folder, and would be written over: put PATH before the options"
        )
    path = Path(os.path.realpath(text))
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{shown}: No such file or directory: {printable(path.parent)}")
    if not os.access(path.parent if path.is_file() or not path.exists() else path, os.W_OK):
        raise argparse.ArgumentTypeError(f"{shown}: may not be written")
    return text


def _new_file_or_output(text: str) -> str:
    return text if text == "-" else new_file(text)
