"""What competitors for the cores cost: half of the cores busy with something else. On two cores fair shares cost 1.5
times the time; the aim is at most 2.5 times. Timed are several calls in a row: the best of single ones would hide a
collapse.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from deeprmt import ensembles, linalg
from deeprmt._arguments import available_threads
from deeprmt._core.linalg import multiply
from harness import Table, best, sizes

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def competitors(pinned: bool) -> Iterator[None]:
    """Busy loops, one for every second core, each bound to its core or free to move."""
    busy = []
    for core in CORES[: max(1, len(CORES) // 2)]:
        bind = f"os.sched_setaffinity(0, {{{core}}})" if pinned else ""
        code = f"import os, sys\n{bind}\nprint(flush=True)\nwhile os.getppid() == {os.getpid()}:\n    sum(range(10**6))"
        busy.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE))
    try:
        for each in busy:
            assert each.stdout is not None
            each.stdout.readline()  # it runs
        yield
    finally:
        for each in busy:
            each.kill()
            each.communicate()


def bench(table: Table) -> None:
    if not CORES:
        return
    for n in sizes(300, 2000):
        a = np.random.default_rng(0).normal(size=(n, n))
        kernels: dict[str, Callable[[], object]] = {
            "svdvals": lambda a=a: linalg.svdvals(a),
            "svd": lambda a=a: linalg.svd(a),
            "haar": lambda n=n: ensembles.haar(n, rng=0),
            "product": lambda a=a: multiply(a, a, available_threads()),
            "NumPy's product": lambda a=a: a @ a,
        }
        for name, kernel in kernels.items():

            def several(kernel: Callable[[], object] = kernel) -> None:
                for _ in range(3):
                    kernel()

            alone = best(several)
            for pinned in (False, True):
                with competitors(pinned):
                    table.add(
                        f"{name} {n} beside {'pinned' if pinned else 'free'} competitors",
                        several,
                        ceiling=("alone", alone),
                        target=2.5 if name != "NumPy's product" else None,
                    )
