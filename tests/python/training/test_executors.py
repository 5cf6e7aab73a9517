"""Networks trained elsewhere: the same numbers on every executor."""

import pickle
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from deeprmt.networks import MLP
from deeprmt.training import coordinate_check, learning_rate_map, rate_transfer

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(12, 6)), rng.normal(size=(12, 2))
NET = MLP([6, 8, 8, 2], "tanh", sigma_w=1.2, sigma_b=0.1)


def check(**options):
    found = coordinate_check(NET, [4, 10], X, Y, steps=2, rate=0.1, draws=2, rng=5, **options)
    return found.sizes, found.changes


def transfer(**options):
    found = rate_transfer(NET, [4, 10], X, Y, rates=[0.05, 0.2, 1e4], steps=3, draws=3, rng=5, **options)
    assert found.diverged[:, -1].all()
    return found.losses, found.before


def border(**options):
    found = learning_rate_map(NET, X, Y, depths=[2, 3], steps=3, rng=5, **options)
    return found.losses, found.peaks, found.border, found.measured, found.rates


def border_at_one_input(**options):
    found = learning_rate_map(NET, depths=[2, 3], rates=[0.1, 1.0, 10.0], steps=3, rng=5, **options)
    return found.losses, found.peaks, found.border, found.measured


class Elsewhere(Executor):
    """Task and result go through pickle, as to and from a process, and tasks are counted."""

    def __init__(self):
        self.tasks = 0

    def submit(self, function, /, *args, **kwargs):
        self.tasks += 1
        function, args = pickle.loads(pickle.dumps((function, args)))
        future = Future()
        try:
            future.set_result(pickle.loads(pickle.dumps(function(*args, **kwargs))))
        except Exception as error:
            future.set_exception(error)
        return future


# Borders by theory and measured ones are tasks of each depth; 24 rates are the default.
TASKS = [(check, 2 * 2), (transfer, 2 * 3 * 3), (border, 2 + 2 + 2 * 24), (border_at_one_input, 2 + 2 + 2 * 3)]


@pytest.mark.parametrize(("function", "tasks"), TASKS)
def test_executors_change_nothing(function, tasks):
    here, elsewhere = function(), Elsewhere()
    with ThreadPoolExecutor(3) as threads:
        for options in ({"executor": elsewhere}, {"executor": threads}, {"executor": threads, "threads": 2}):
            for found, wanted in zip(function(**options), here, strict=True):
                np.testing.assert_array_equal(found, wanted)
    assert elsewhere.tasks == tasks


@pytest.mark.slow
def test_processes_change_nothing():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for function, _ in TASKS:
            for found, wanted in zip(function(executor=pool), function(), strict=True):
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("coordinate_check", lambda **o: coordinate_check(NET, [4, 8], X, rate=0.1, **o)),
        ("rate_transfer", lambda **o: rate_transfer(NET, [4, 8], X, rates=[0.1], **o)),
        ("learning_rate_map", lambda **o: learning_rate_map(NET, X, depths=[2], rates=[0.1], **o)),
    ],
)
def test_errors_speak_for_the_function(name, call):
    for executor in (None, Elsewhere()):
        with pytest.raises(ValueError, match=rf"^{name}: y must"):
            call(y=np.ones((12, 3)), executor=executor)
    with pytest.raises(TypeError, match=rf"^{name}: executor must be a concurrent.futures.Executor, got 3"):
        call(y=Y, executor=3)
