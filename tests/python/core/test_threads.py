"""How many threads a call uses, who is asked, and that no number of them, nor any company, changes a result."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import deeprmt
from deeprmt import ensembles, linalg, networks, spectra, tails
from deeprmt._arguments import available_threads

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def default_threads(code="", **environment):
    """What a fresh process takes as its default, after `code`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    code = f"import os\nimport deeprmt\n{code}\nprint(deeprmt.versions()['threads'])"
    done = subprocess.run([sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, CORES),
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "1,3"}, 1),  # the second is for nested regions
        ({"OMP_NUM_THREADS": "4096"}, CORES),
        ({"OMP_NUM_THREADS": "some"}, CORES),  # OpenMP says what it thinks of it on the error stream
        ({"OMP_THREAD_LIMIT": "1"}, 1),
    ],
)
def test_the_default_follows_the_environment(environment, expected):
    assert default_threads(**environment) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_the_default_follows_the_cores_that_the_process_may_use():
    assert default_threads("os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})") == 1


@pytest.mark.parametrize("api", [None, "openmp"])
def test_the_default_follows_threadpoolctl(api):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    before = available_threads()
    with threadpoolctl.threadpool_limits(limits=1, user_api=api):
        assert deeprmt.versions()["threads"] == 1
    assert available_threads() == before


def test_threads_of_blas_are_as_they_were_after_every_kernel():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    core = deeprmt._core.build_info
    if not core()["blas_thread_control"]:
        pytest.skip("this BLAS does not let its threads be set")
    a = np.random.default_rng(0).normal(size=(300, 300))
    for limit in (1, 2):
        with threadpoolctl.threadpool_limits(limits=limit, user_api="blas"):
            before = core()["blas_threads"]
            linalg.svdvals(a, threads=2)
            linalg.svdvals(np.stack([a] * 3), threads=2)
            ensembles.haar(300, rng=0, threads=2)
            with pytest.raises(ValueError, match="symmetric"):
                linalg.eigvalsh(a, threads=2)
            assert core()["blas_threads"] == before


def test_one_pool_at_a_time():
    """A kernel with one thread has one at work, however many BLAS would take by itself."""
    code = """
import resource, time
import numpy as np
from deeprmt import linalg
stack = np.random.default_rng(0).normal(size=(8, 400, 400))
linalg.svdvals(stack, threads=1)
wall, busy = time.perf_counter(), time.process_time()
for _ in range(3):
    linalg.svdvals(stack, threads=1)
wall, busy = time.perf_counter() - wall, time.process_time() - busy
print(busy / wall)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.2  # one core's worth of work, whatever else the machine does


KERNELS = {
    "svdvals": lambda threads: linalg.svdvals(MATRIX, threads=threads),
    "svd": lambda threads: linalg.svd(MATRIX, threads=threads).u,
    "eigvalsh": lambda threads: linalg.eigvalsh(MATRIX + MATRIX.T, threads=threads),
    "haar": lambda threads: ensembles.haar(250, rng=1, threads=threads),
    "wishart": lambda threads: ensembles.wishart(60, 100, size=5, rng=1, threads=threads),
    "jacobian": lambda threads: NETWORK.jacobian(np.ones(40), threads=threads),
    "unfold": lambda threads: spectra.unfold(LEVELS, threads=threads),
    "hill": lambda threads: tails.hill(LEVELS + 5, threads=threads).xi,
}
MATRIX = np.random.default_rng(0).normal(size=(330, 330))
LEVELS = np.sort(np.random.default_rng(1).normal(size=3000))
NETWORK = networks.MLP([40, 300, 40], "tanh", sigma_w=1.0).sample(rng=2)


def test_python_threads_call_kernels_at_once_and_get_the_same_bits():
    """Four callers, each with every kernel in an order of its own, each with two threads inside."""
    expected = {name: kernel(1) for name, kernel in KERNELS.items()}
    names, wrong = list(KERNELS), []
    start = threading.Barrier(4)

    def work(first):
        start.wait(timeout=60)
        for i in range(3 * len(names)):
            name = names[(first + i) % len(names)]
            if not np.array_equal(KERNELS[name](2), expected[name]):
                wrong.append(name)

    crowd = [threading.Thread(target=work, args=(2 * i,)) for i in range(4)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join(timeout=120)
    assert not any(each.is_alive() for each in crowd)
    assert not wrong
