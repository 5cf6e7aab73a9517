"""What memory is left, so that what cannot fit is refused before anything is allocated.

Linux promises memory that it does not have: an array beyond it is no error when it is made, and kills the process when
it is filled.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

_WORTH_ASKING = 2**28
"""Bytes from which on the limits are read, which takes about 0.1 ms."""

_FOR_BLAS = 33 * 2**20
"""Bytes of address space that OpenBLAS takes for each thread inside it. It waits for ever where it cannot have them."""


def refuse_beyond_memory(function: str, bytes_needed: int, what: str = "this", blas_threads: int = 0) -> None:
    """Raises MemoryError, with what is needed and what is there, unless `what` can fit into memory.

    The buffers of `blas_threads` threads count where the address space is limited, for they stay empty mostly.
    """
    limited = _address_space_is_limited()
    if bytes_needed < _WORTH_ASKING and not limited:
        return
    if limited and blas_threads > 0:
        what = f"{what.removesuffix(',')} with the buffers of BLAS"
        bytes_needed += min(blas_threads, os.cpu_count() or 1) * _FOR_BLAS
    room, whose = min(available_memory(), default=(sys.maxsize, "the address space has"))
    if bytes_needed > room:
        raise MemoryError(f"{function}: {what} needs {_shown(bytes_needed)} of memory, but {whose} {_shown(room)}")


def _shown(size: int) -> str:
    return f"{size / 2**30:.3g} GiB" if size >= _WORTH_ASKING else f"{size / 2**20:.3g} MiB"


def _address_space_is_limited() -> bool:
    """Whether `ulimit -v` or `ulimit -d` was set: then even small sizes may not fit, and asking takes 1 us."""
    try:
        import resource
    except ImportError:  # no POSIX
        return False
    limits = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    return any(resource.getrlimit(which)[0] != resource.RLIM_INFINITY for which in limits)


def public_caller() -> str:
    """The public function of this package that the running code is part of: the core asks, for its messages."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        parts = module.split(".")
        if parts[0] == "deeprmt":
            public = ".".join(itertools.takewhile(lambda part: not part.startswith("_"), parts))
            words = frame.f_code.co_qualname.split(".")
            if not words[0].startswith("_") and hasattr(sys.modules.get(public), words[0]):
                return ".".join(itertools.takewhile(lambda word: not word.startswith(("_", "<")), words))
        frame = frame.f_back
    return "deeprmt"


def available_memory(root: Path = Path("/")) -> Iterator[tuple[int, str]]:
    """Bytes that each limit on this process still leaves, and whose limit it is. Nothing where the system says nothing.

    Parameters
    ----------
    root : Path
        Where /proc and /sys lie.
    """
    machine = _numbers(root / "proc/meminfo")
    if "MemAvailable:" in machine:
        yield 1024 * (machine["MemAvailable:"] + machine.get("SwapFree:", 0)), "this machine has free"
    for room in _control_groups(root):
        yield room, "the control group of this process leaves"
    yield from _process_limits(root)


def _numbers(path: Path) -> dict[str, int]:
    """A file of lines "name number ..."; empty if it cannot be read."""
    try:
        lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
        return {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdigit()}
    except (OSError, ValueError):
        return {}


def _number(path: Path) -> int | None:
    """A file that holds one number; None for "max", or if it cannot be read."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _control_groups(root: Path) -> Iterator[int]:
    """What each group above this process leaves: version 2 has one tree, version 1 one for memory alone.

    Cached files count as used, but make room when asked.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        trees: tuple[str, ...]
        if controllers == "":
            trees, limit, usage = ("", "unified"), "memory.max", "memory.current"
            cached = ("active_file", "inactive_file")
        elif "memory" in controllers.split(","):
            trees, limit, usage = (controllers,), "memory.limit_in_bytes", "memory.usage_in_bytes"
            cached = ("total_active_file", "total_inactive_file")
        else:
            continue
        for tree in trees:
            place = root / "sys/fs/cgroup" / tree
            # Seen from inside a container, the group may be missing and the tree's own root be the container's.
            for folder in (place / group.lstrip("/"), *(place / group.lstrip("/")).parents):
                if not folder.is_relative_to(place):
                    break
                most, used = _number(folder / limit), _number(folder / usage)
                if most is not None and used is not None:
                    statistics = _numbers(folder / "memory.stat")
                    yield max(0, most - used + sum(statistics.get(name, 0) for name in cached))


def _process_limits(root: Path) -> Iterator[tuple[int, str]]:
    """Limits that a shell's `ulimit -v` and `ulimit -d` set."""
    try:
        import resource

        pages = [int(word) for word in (root / "proc/self/statm").read_text(encoding="ascii").split()]
        for which, used in (("RLIMIT_AS", pages[0]), ("RLIMIT_DATA", pages[5])):
            most = resource.getrlimit(getattr(resource, which))[0]
            if most != resource.RLIM_INFINITY:
                yield max(0, most - used * resource.getpagesize()), f"{which} leaves"
    except (ImportError, OSError, ValueError, IndexError):
        return
