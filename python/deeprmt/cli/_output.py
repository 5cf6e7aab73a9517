"""Where results and errors go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from .._write import write
from ..report import printable

__all__ = ["error_line", "write_all", "write_json"]


def write_all(options: argparse.Namespace, outputs: dict[str, Callable[[], object]]) -> int:
    """Every output that was asked for; one that fails does not lose the others. Returns 2 if one did."""
    code = 0
    for name, write_one in outputs.items():
        if getattr(options, name) is None:
            continue
        try:
            write_one()
        except BrokenPipeError:
            raise
        except (OSError, ValueError, RuntimeError) as error:
            print(f"deeprmt {options.name}: --{name}: {error_line(error)}", file=sys.stderr)
            code = 2
    return code


def write_json(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
    else:
        write(path, text)


def error_line(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, MemoryError):
        found = " ".join(str(error).split())
        return f"out of memory: {found}" if found and found != "std::bad_alloc" else "out of memory"
    if isinstance(error, OSError) and error.strerror:
        return printable(f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror)
    return printable(" ".join(str(error).split()) or type(error).__name__)
