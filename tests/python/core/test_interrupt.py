"""Kernels beside the rest of a process: Ctrl-C, Python threads, fork. Time-outs are generous; speed is not tested."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from deeprmt._core.random import normals
from deeprmt.spectra import spacing_ratio

posix = pytest.mark.skipif(os.name != "posix", reason="signals and fork as POSIX has them")

# A child says "ready", runs a kernel without end, and reports how it ended.
CHILD = """
import sys, numpy as np
{prepare}
print("ready", flush=True)
try:
    while True:
        {kernel}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(7)
"""


def run_and_interrupt(prepare, kernel, after=1.0):
    """(exit status, seconds from SIGINT to the end, output) of a child that gets SIGINT while the kernel runs."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(prepare=prepare, kernel=kernel)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "ready\n"
        time.sleep(after)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        start = time.monotonic()
        output, _ = child.communicate(timeout=60)
        return child.returncode, time.monotonic() - start, output
    finally:
        child.kill()
        child.wait()


@posix
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_a_long_loop(threads):
    # Most of the child's time passes within the kernel, whose poll turns the signal into KeyboardInterrupt there.
    status, seconds, output = run_and_interrupt(
        "from deeprmt._core.spectra import spacing_ratio as kernel\n"
        "levels = np.broadcast_to(np.arange(100.0), (400_000, 100)).copy()",
        f"[kernel(levels, {threads}) for _ in range(10_000)]",
    )
    assert (status, output) == (7, "interrupted\n")
    assert seconds < 20


def test_python_threads_run_kernels_at_once_with_the_same_results():
    levels = np.sort(np.random.default_rng(0).normal(size=(64, 2000)))
    expected = spacing_ratio(levels, threads=1)
    numbers = np.empty(200_000)
    normals(3, 0, 0, 0, numbers)
    wrong = []

    def work():
        for _ in range(20):
            out = np.empty_like(numbers)
            normals(3, 0, 0, 0, out)
            if not (np.array_equal(out, numbers) and np.array_equal(spacing_ratio(levels, threads=2), expected)):
                wrong.append(threading.current_thread().name)

    crowd = [threading.Thread(target=work) for _ in range(4)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join(timeout=120)
    assert not any(each.is_alive() for each in crowd)
    assert not wrong


def test_a_kernel_lets_other_python_threads_run():
    """The GIL is released: a thread that counts goes on counting while one call of a kernel lasts."""
    out = np.empty(30_000_000)
    stop = threading.Event()
    ticks = []

    def tick():
        while not stop.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    counter = threading.Thread(target=tick)
    counter.start()
    try:
        start = time.monotonic()
        normals(1, 0, 0, 0, out)
        end = time.monotonic()
    finally:
        stop.set()
        counter.join(timeout=60)
    during = sum(start < t < end for t in ticks)
    # The call takes some 100 ms. With the GIL held, the counter could wake at most once, at its end.
    assert during >= 3


@posix
def test_a_forked_child_can_call_kernels():
    code = """
import os, sys, warnings
import numpy as np
from deeprmt.spectra import spacing_ratio
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of a fork beside threads, which is the point
levels = np.sort(np.random.default_rng(0).normal(size=(200, 50)))
expected = spacing_ratio(levels, threads=2)  # OpenMP's threads exist from here on
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(spacing_ratio(levels, threads=2), expected) else 3)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
