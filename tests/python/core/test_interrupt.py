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

# A child times a kernel at half size, which is an eighth of the work, then calls it at full size and is interrupted.
CHILD = """
import time
import numpy as np
from deeprmt import ensembles, linalg, spectra
{prepare}
start = time.monotonic()
kernel(half)
print(time.monotonic() - start, flush=True)
try:
    kernel(full)
    print("finished", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def run_and_interrupt(prepare):
    """(seconds of the half size, seconds from SIGINT to the end, output) of such a child."""
    child = subprocess.Popen([sys.executable, "-c", CHILD.format(prepare=prepare)], stdout=subprocess.PIPE, text=True)
    try:
        half = float(child.stdout.readline())
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        start = time.monotonic()
        output, _ = child.communicate(timeout=120)
        assert child.returncode == 0
        return half, time.monotonic() - start, output
    finally:
        child.kill()
        child.wait()


@posix
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "prepare",
    [
        "kernel, half, full = lambda n: ensembles.haar(n, rng=0, threads={threads}), 3000, 6000",
        "full = np.random.default_rng(0).random((4000, 4000)); half = full[:2000, :2000]\n"
        "kernel = lambda a: linalg.svdvals(a, threads={threads})",
        "full = np.random.default_rng(0).random((2400, 2400)); half = full[:1200, :1200]\n"
        "kernel = lambda a: linalg.svd(a, threads={threads})",
        "kernel = lambda n: ensembles.GaussianOperator(n, rng=0, threads={threads}).T @ np.ones(n)\n"
        "half, full = 14000, 40000",  # whose work is the square
    ],
    ids=["haar", "svdvals", "svd", "gaussian_operator"],
)
def test_ctrl_c_ends_a_kernel_in_its_midst(prepare, threads):
    half, seconds, output = run_and_interrupt(prepare.format(threads=threads))
    assert output == "interrupted\n"
    # Python itself looks at signals only when the call is over, after some 8 times the half. With the poll: 0.1 s.
    assert seconds < 3 * half + 0.5


@posix
def test_ctrl_c_ends_a_long_sequence_of_short_kernels():
    _, _, output = run_and_interrupt(
        "levels = np.broadcast_to(np.arange(100.0), (10_000, 100)).copy(); half, full = 10, 10**6\n"
        "kernel = lambda n: [spectra.spacing_ratio(levels, threads=2) for _ in range(n)]"
    )
    assert output == "interrupted\n"


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
from deeprmt.linalg import svdvals
from deeprmt.spectra import spacing_ratio
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of a fork beside threads, which is the point
levels = np.sort(np.random.default_rng(0).normal(size=(200, 50)))
kernels = [lambda: spacing_ratio(levels, threads=2), lambda: svdvals(levels, threads=2)]
expected = [kernel() for kernel in kernels]  # the threads of OpenMP and of BLAS exist from here on
child = os.fork()
if child == 0:
    os._exit(0 if all(np.array_equal(k(), e) for k, e in zip(kernels, expected, strict=True)) else 3)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
