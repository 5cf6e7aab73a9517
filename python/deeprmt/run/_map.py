"""An ordered map over tasks: in this thread, or on an executor that the caller owns."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sized
from concurrent.futures import Executor, Future
from typing import TypeVar

from .._arguments import shown
from ._interrupt import interruptible
from ._progress import Progress, Report, reporting

Task = TypeVar("Task")
Result = TypeVar("Result")


def map(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    executor: Executor | None = None,
    progress: Progress = None,
) -> list[Result]:
    """Apply `function` to every task and return the results in the order of the tasks.

    Parameters
    ----------
    function : callable
        Takes one task. For an executor of processes, function, tasks and results must pickle.
    tasks : iterable
        May be a generator: only a few tasks per worker are drawn ahead, so that large tasks do not pile up in memory.
    executor : concurrent.futures.Executor, optional
        Anything with that interface: threads, processes, `dask.distributed.Client.get_executor()`,
        `mpi4py.futures.MPIPoolExecutor`. It is neither started nor shut down here. Default: this thread, one by one.
    progress : None, True or callable
        True draws a bar on a terminal and nothing in a pipe; a function is called with (done, total) after each
        task, in order, total being None where the tasks have no length.

    Returns
    -------
    list
        One result a task. The same for every executor if `function` depends on its task alone.

    Raises
    ------
    Exception
        What the first task that failed (first in order) raised, with a note that names the task. Tasks that have
        not started are cancelled then, and on Ctrl-C.

    Examples
    --------
    >>> map(abs, [-1, 2, -3])
    [1, 2, 3]
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     map(abs, [-1, 2, -3], executor=pool)
    [1, 2, 3]
    """
    if not callable(function):
        raise TypeError(f"run.map: function must be callable, got {function!r}")
    try:
        several = iter(tasks)
    except TypeError:
        raise TypeError(f"run.map: tasks must be iterable, got {shown(tasks)}") from None
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"run.map: executor must be a concurrent.futures.Executor, got {executor!r}")
    total = len(tasks) if isinstance(tasks, Sized) else None
    with reporting(progress, total) as report:
        if executor is None:
            return _serial(function, several, report)
        return _on(executor, function, several, report)


def _serial(function: Callable[[Task], Result], tasks: Iterable[Task], report: Report) -> list[Result]:
    results: list[Result] = []
    for task in tasks:
        try:
            results.append(function(task))
        except Exception as error:
            error.add_note(_which(len(results), task))
            raise
        report(len(results))
    return results


def _on(executor: Executor, function: Callable[[Task], Result], tasks: Iterable[Task], report: Report) -> list[Result]:
    ahead = 2 * int(getattr(executor, "_max_workers", None) or os.cpu_count() or 1)
    results: list[Result] = []
    pending: deque[tuple[Task, Future[Result]]] = deque()

    def collect() -> None:
        task, future = pending[0]
        try:
            results.append(future.result())
        except Exception as error:
            error.add_note(_which(len(results), task))
            raise
        pending.popleft()
        report(len(results))

    try:
        with interruptible():
            for task in tasks:
                pending.append((task, executor.submit(function, task)))
                if len(pending) > ahead:
                    collect()
            while pending:
                collect()
    finally:  # nothing is left here unless a task failed or the run was interrupted
        for _, future in pending:
            future.cancel()
    return results


def _which(index: int, task: object) -> str:
    text = str(getattr(task, "name", None) or repr(task))
    return f"in task {index} of run.map: {text if len(text) <= 200 else text[:200] + '...'}"
