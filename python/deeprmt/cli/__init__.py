"""The command `deeprmt`: one module a subcommand, which reads arguments, calls the library and prints."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._info import cmake_prefix, versions
from ..errors import ConvergenceError
from . import _analyze, _compare, _demo, _filter, _info, _jacobian, _ntk, _reproduce
from ._output import error_line

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        0: done. 1: done in part, see `deeprmt analyze --help`. 2: wrong usage, nothing could be read, or the memory
        does not suffice.
        130: Ctrl-C. 141: nobody reads the output any more.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as in `deeprmt info >&-`: nobody wants to read it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code = options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more on exit: give it a place to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (OSError, ImportError, ValueError, TypeError, MemoryError, ConvergenceError) as error:
        print(f"deeprmt {options.name}: {error_line(error)}", file=sys.stderr)
        return 2
    return int(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deeprmt", description="Random matrix theory of deep neural networks.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"deeprmt {versions()['deeprmt']}")
    parser.add_argument("--cmakedir", action=_PrintCMakeFolder, help="show where deeprmtConfig.cmake lies, and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for each in (_demo, _analyze, _compare, _filter, _jacobian, _ntk, _reproduce, _info):
        each.add(commands)
    return parser


class _PrintCMakeFolder(argparse.Action):
    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            print(Path(cmake_prefix()) / "lib/cmake/deeprmt")
        except FileNotFoundError as error:
            parser.exit(2, f"deeprmt: {error}\n")
        parser.exit()
