"""`deeprmt reproduce`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .._write import write
from ..report import printable, require_matplotlib
from ._options import add_command
from ._output import write_all, write_json

__all__ = ["add"]

_REPRODUCE = """\
Without NAME: the names of all experiments, each with what is claimed. With NAME: trains
networks and draws matrices anew, prints each number beside what was expected of it, and
writes deeprmt-NAME.png and deeprmt-NAME.json into the folder of --out. Minutes at most.

exit code:
  0  every number is as expected
  1  some number is not
  2  wrong usage, or a package is missing
"""


def add(commands: Any) -> None:
    parser = add_command(
        commands,
        "reproduce",
        _reproduce,
        "published claims tested anew, with verdict and figure",
        _REPRODUCE,
        draws=True,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="of experiments; all: every one")
    parser.add_argument(
        "--out", type=_folder, metavar="FOLDER", default=".", help="for figures and numbers (default: this folder)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small versions, in seconds, which may miss what is expected"
    )


def _folder(text: str) -> str:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{printable(text)}: No such folder")
    return text


def _reproduce(options: argparse.Namespace) -> int:
    from .. import reproduce

    known = reproduce.claims()
    if not options.names:
        if options.json is not None:
            write_json(options.json, json.dumps(known, indent=1) + "\n")
        else:
            width = max(map(len, known))
            print("\n".join(f"{name.ljust(width)}  {claim}" for name, claim in known.items()))
        return 0
    names = list(known) if options.names == ["all"] else list(dict.fromkeys(options.names))
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {name!r}: NAME must be one of {', '.join(known)}")
    require_matplotlib()  # now, not after the work
    code, results, broken = 0, [], None
    for name in names:
        found = reproduce.run(name, seed=options.seed, threads=options.threads, quick=options.quick)
        results.append(found.to_dict())
        beside = Path(options.out) / f"deeprmt-{name}"
        write(f"{beside}.json", json.dumps(results[-1], indent=1, allow_nan=False) + "\n")
        if options.json != "-":
            print(_numbers(found), flush=True)
        code = max(code, 0 if found.passed else 1)
        try:
            found.figure().savefig(f"{beside}.png", dpi=110)
        except Exception as error:  # after the work of all experiments, and after their numbers
            broken = broken or error
            continue
        if options.json != "-":
            print(f"written: {printable(str(beside))}.png and .json\n", flush=True)
    text = json.dumps(results, indent=1, allow_nan=False) + "\n"
    code = write_all(options, {"json": lambda: write_json(options.json, text)}) or code
    if broken is not None:
        raise broken
    return code


def _numbers(found: Any) -> str:
    """Each check over two lines, for what is checked is a sentence."""
    lines = [f"{found.name}: {found.claim}", f"({found.source})", ""]
    for check in found.checks:
        lines.append(f"{'yes' if check.passed else 'NO '}  {check.what}:")
        allowed = "" if check.tolerance == "none" else f" {check.tolerance}"
        lines.append(f"     found {check.found}, expected {check.expected}{allowed}")
    return "\n".join([*lines, "", f"verdict: {found.verdict}"])
