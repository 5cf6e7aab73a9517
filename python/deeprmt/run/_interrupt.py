"""Ctrl-C stays Ctrl-C while processes start."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from typing import Any


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises KeyboardInterrupt where an interrupt would show as something else, or not at all.

    Ctrl-C goes to this process and to its workers. Here it may come while the interpreter runs what it must do after a
    fork, where no exception can leave; a worker that is still starting dies of it, and an executor with a dead worker
    says that it is broken. So the handler notes that it was called. Another handler than Python's own is left alone.
    """
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    noted: list[int] = []

    def note(number: int, frame: Any) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    except BrokenExecutor as error:
        if noted:
            raise KeyboardInterrupt from error
        raise
    else:
        if noted:
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
