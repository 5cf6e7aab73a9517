"""`deeprmt info`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .._info import show_versions, versions
from ._options import add_command
from ._output import write_json

__all__ = ["add"]


def add(commands: Any) -> None:
    add_command(commands, "info", _info, "versions, compiler, instruction set, BLAS and threads, for a bug report")


def _info(options: argparse.Namespace) -> int:
    if options.json is None:
        show_versions()
    else:
        write_json(options.json, json.dumps(versions(), indent=1) + "\n")
    return 0
