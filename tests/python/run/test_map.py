import contextlib
import signal
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest

from deeprmt import run
from deeprmt.run._within import within


def square(x):
    return x * x


def fail_on_odd(x):
    if x % 2:
        raise ValueError(f"odd: {x}")
    return x


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_are_in_order_on_any_executor(workers):
    expected = [x * x for x in range(40)]
    assert run.map(square, range(40)) == expected
    with ThreadPoolExecutor(workers) as pool:
        assert run.map(square, range(40), executor=pool) == expected
        assert run.map(square, (x for x in range(40)), executor=pool) == expected
        assert run.map(square, [], executor=pool) == []


def test_processes():
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # abs: importable by a bare worker
        assert run.map(abs, [-1, 2], executor=pool) == [1, 2]


@pytest.mark.parametrize("threads", [0, 3])
def test_the_first_failure_in_order_is_raised_and_named(threads):
    pool = ThreadPoolExecutor(threads) if threads else None
    with pytest.raises(ValueError, match="odd: 3") as caught:
        run.map(fail_on_odd, [0, 2, 3, 4, 5], executor=pool)
    assert caught.value.__notes__ == ["in task 2 of run.map: 3"]
    if pool:
        pool.shutdown()


class Inert(Executor):
    """Accepts tasks and never runs them; the first one is interrupted when its result is asked for."""

    _max_workers = 3

    def __init__(self):
        self.futures = []

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        if not self.futures:
            future.set_exception(KeyboardInterrupt())
        self.futures.append(future)
        return future


def test_an_interrupt_cancels_what_has_not_started():
    executor = Inert()
    with pytest.raises(KeyboardInterrupt):
        run.map(square, range(100), executor=executor)
    assert len(executor.futures) == 7  # two tasks a worker are ahead of the one that is waited for
    assert all(future.cancelled() for future in executor.futures[1:])


def test_few_tasks_are_drawn_ahead():
    drawn, seen = [], []

    def tasks():
        for x in range(50):
            drawn.append(x)
            yield x

    def wait(x):
        if x == 0:
            seen.append(len(drawn))
        return x

    with ThreadPoolExecutor(1) as pool:
        assert run.map(wait, tasks(), executor=pool) == list(range(50))
    assert seen[0] <= 3


@pytest.mark.parametrize("threads", [0, 2])
def test_progress_counts_up(threads):
    heard, pool = [], ThreadPoolExecutor(threads) if threads else None
    run.map(square, range(5), executor=pool, progress=lambda done, total: heard.append((done, total)))
    assert heard == [(i, 5) for i in range(1, 6)]
    run.map(square, iter(range(2)), executor=pool, progress=lambda done, total: heard.append((done, total)))
    assert heard[5:] == [(1, None), (2, None)]


def test_no_bar_in_a_pipe(capsys):
    run.map(square, range(5), progress=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("rich", [True, False])
def test_a_bar_on_a_terminal(capsys, monkeypatch, rich):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    if rich:
        pytest.importorskip("rich")
    else:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    run.map(square, range(5), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("5 of 5" in err) if not rich else ("100%" in err)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"function": 3}, "function must be callable"),
        ({"executor": "threads"}, "executor must be"),
        ({"progress": "yes"}, "progress must be"),
    ],
)
def test_refuses(arguments, says):
    with pytest.raises(TypeError, match=says):
        run.map(**{"function": square, "tasks": [1], **arguments})


class Dying(Inert):
    """What an executor of processes becomes on Ctrl-C while its workers start, the interrupt being lost in a fork."""

    def __init__(self, interrupt):
        super().__init__()
        self.interrupt = interrupt

    def submit(self, function, /, *args, **kwargs):
        if self.interrupt:
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        future = Future()
        future.set_exception(BrokenProcessPool("a process was terminated abruptly"))
        return future


def run_within(function, tasks, executor):
    within(function, tasks, lambda task, result: None, cost=lambda task: 1, executor=executor)


@pytest.mark.parametrize("do", [lambda f, tasks, pool: run.map(f, tasks, executor=pool), run_within])
def test_an_interrupt_that_breaks_the_pool_is_an_interrupt(do):
    with pytest.raises(KeyboardInterrupt):
        do(abs, [1, 2], Dying(interrupt=True))
    with pytest.raises(BrokenProcessPool):
        do(abs, [1, 2], Dying(interrupt=False))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("do", [lambda f, tasks, pool: run.map(f, tasks, executor=pool), run_within])
def test_another_handler_of_interrupts_is_left_alone(do):
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with pytest.raises(BrokenProcessPool):
            do(abs, [1, 2], Dying(interrupt=True))
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard
