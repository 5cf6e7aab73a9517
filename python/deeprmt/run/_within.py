"""Tasks of known cost on an executor, no more of them at once than fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TypeVar

from ._interrupt import interruptible

Task = TypeVar("Task")
Result = TypeVar("Result")


def within(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    finished: Callable[[Task, Result], object],
    *,
    cost: Callable[[Task], int],
    room: int | None = None,
    executor: Executor | None = None,
) -> None:
    """Apply `function` to tasks as they come, and hand over each result as soon as it is there.

    Parameters
    ----------
    function : callable
        Takes one task. For an executor of processes, function, tasks and results must pickle.
    tasks : iterable
        Drawn one by one, when there is a worker for the next. Put the most expensive ones first.
    finished : callable
        Called in this thread with a task and its result, in the order in which they end. What has ended when another
        task fails, or the run is interrupted, is still handed over.
    cost : callable
        Of a task; a task starts when the costs of all that run, with its own, are within `room`. One that costs more
        than `room` runs alone.
    room : int, optional
        Default: no bound.
    executor : concurrent.futures.Executor, optional
        Default: this thread, one by one.
    """
    if executor is None:
        for task in tasks:
            finished(task, _named(function, task))
        return
    if not hasattr(executor, "submit"):
        raise TypeError(f"run.within: executor must be a concurrent.futures.Executor, got {executor!r}")
    workers = int(getattr(executor, "_max_workers", None) or 2 * (os.cpu_count() or 1))
    running: dict[Future[Result], tuple[Task, int]] = {}

    def collect(least: int) -> None:
        """Wait until at most that many run."""
        while len(running) > least:
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                task, _ = running[future]
                try:
                    result = future.result()
                except Exception as error:
                    error.add_note(_which(task))
                    raise
                del running[future]
                finished(task, result)

    try:
        with interruptible():
            for task in tasks:
                price = cost(task)
                while running and room is not None and price + sum(each for _, each in running.values()) > room:
                    collect(len(running) - 1)
                running[executor.submit(function, task)] = (task, price)
                collect(workers - 1)
            collect(0)
    finally:  # nothing is left here unless a task failed or the run was interrupted
        for future in running:
            future.cancel()
        for future, (task, _) in running.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                finished(task, future.result())


def _named(function: Callable[[Task], Result], task: Task) -> Result:
    try:
        return function(task)
    except Exception as error:
        error.add_note(_which(task))
        raise


def _which(task: object) -> str:
    text = str(getattr(task, "name", None) or repr(task))
    return f"in the task {text if len(text) <= 200 else text[:200] + '...'}"
