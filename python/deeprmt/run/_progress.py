"""Who hears how far a run is: nobody, a bar on the terminal, or a function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = bool | Callable[[int, int | None], object] | None
"""None or False: silent. True: a bar on a terminal. A function: called with (done, total), total None if unknown."""

Report = Callable[[int], object]


@contextmanager
def reporting(progress: Progress, total: int | None) -> Iterator[Report]:
    """A function to call with the number of finished tasks; the bar is cleared when the run ends or fails."""
    if progress is None or progress is False:
        yield lambda done: None
    elif callable(progress):
        yield lambda done: progress(done, total)
    elif progress is not True:
        raise TypeError(f"run.map: progress must be None, True or a function of (done, total), got {progress!r}")
    elif not sys.stderr.isatty():  # a pipe or a log file gets no bar
        yield lambda done: None
    else:
        with _bar(total) as report:
            yield report


@contextmanager
def _bar(total: int | None) -> Iterator[Report]:
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError:
        with _plain_bar(total) as report:
            yield report
        return
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def _plain_bar(total: int | None) -> Iterator[Report]:
    of = "" if total is None else f" of {total}"
    try:
        yield lambda done: print(f"\r{done}{of}", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
