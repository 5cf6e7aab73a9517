"""Sizes beyond memory, and beyond 32 bits: an error at once, before anything is allocated, or the right answer."""

import re
import subprocess
import sys
import time

import numpy as np
import pytest

from deeprmt import _memory, ensembles, jacobian, linalg
from deeprmt._arguments import as_real, refuse_beyond_memory, refuse_non_finite
from deeprmt._core.linalg import multiply
from deeprmt._core.random import normals
from deeprmt._memory import available_memory
from deeprmt.linalg._room import entries_for_values, entries_for_vectors
from deeprmt.networks import MLP, Network
from measure import LINUX, peak_growth

GIB = 2**30
HUGE = 2**31 - 1


def vast(*shape, dtype=np.float64):
    """An array of this shape that takes the memory of one entry."""
    return np.broadcast_to(np.ones((), dtype), shape)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ensembles.haar(HUGE), "haar: an array of 1 x 2147483647 x .* needs 3.44e.10 GiB"),
        (lambda: ensembles.haar(10**6, 10**6, method="qr"), "haar: .* needs 2.24e.04 GiB of memory, but .* GiB"),
        (lambda: ensembles.ginibre(10**6, dtype=np.float32), "ginibre: .* needs 3.73e.03 GiB of memory, but .* GiB"),
        (lambda: ensembles.goe(HUGE, size=(2**16, 2**15)), "goe: an array of 2147483648 x .* needs .* GiB"),
        (lambda: ensembles.wishart(10**7, 3), "wishart: .* needs .* GiB"),
        (lambda: linalg.svdvals(vast(10**6, 10**6)), "svdvals: a copy of a, 1000000 x 1000000 entries .* needs .* GiB"),
        (lambda: linalg.svd(vast(10**6, 10**6)), "svd: a copy of a, .* needs .* GiB"),
        (lambda: linalg.eigh(vast(10**6, 10**6)), "eigh: a copy of a, .* needs .* GiB"),
        (lambda: linalg.eigvalsh(vast(10**6, 10**6)), "eigvalsh: a copy of a, .* needs .* GiB"),
        (lambda: Network([vast(10**6, 10**6)]), r"Network: a copy of weights\[0\], .* needs .* GiB"),
        (lambda: MLP([10**6] * 3, "relu", sigma_w=1.0).sample(), "sample: a network of 2000002000000 .* needs"),
        (
            lambda: jacobian.singular_values(MLP([10**6] * 3, "relu", sigma_w=1.0)),
            "singular_values: 1 x 1000000 singular values, and the work on .* needs .* GiB",
        ),
        (
            lambda: jacobian.singular_values(MLP([10] * 3, "relu", sigma_w=1.0), trials=10**12),
            "singular_values: 1000000000000 x 10 singular values, .* needs .* GiB",
        ),
        (lambda: Network([np.ones((2**20, 1))]).jacobian(vast(10**7, 1)), "jacobian: the work on .* needs"),
    ],
)  # fmt: skip
def test_monstrous_sizes_are_refused_at_once(call, says):
    started = time.process_time()
    with pytest.raises(MemoryError, match=says):
        call()
    assert time.process_time() - started < 1


@pytest.fixture
def small_machine(monkeypatch):
    """A machine that has 100,000 bytes left."""
    monkeypatch.setattr(_memory, "available_memory", lambda: iter([(100_000, "this test leaves"), (10**9, "x")]))
    monkeypatch.setattr(_memory, "_WORTH_ASKING", 0)


@pytest.mark.usefixtures("small_machine")
def test_work_is_refused_by_the_memory_that_it_states():
    square = np.eye(100)  # 80,000 bytes
    assert linalg.svdvals(square, threads=1).shape == (100,)
    assert linalg.eigvalsh(square, threads=1).shape == (100,)
    with pytest.raises(MemoryError, match=r"svd: the work on a 100 x 100 matrix needs .* but this test leaves"):
        linalg.svd(square)
    two = np.stack([square, square])
    assert linalg.svdvals(two, threads=1).shape == (2, 100)
    with pytest.raises(MemoryError, match="svdvals: the work on 2 matrices at once, each 100 x 100, needs"):
        linalg.svdvals(two, threads=2)
    with pytest.raises(MemoryError, match="eigvalsh: the work on 2 matrices at once"):
        linalg.eigvalsh(two, threads=2)
    with pytest.raises(MemoryError, match="haar: an array of 2 x 100 x 100 float64 entries needs"):
        ensembles.haar(100, size=2)
    assert ensembles.haar(100, dtype=np.float32, size=2).shape == (2, 100, 100)


def test_small_things_are_not_asked_about(monkeypatch):
    monkeypatch.setattr(_memory, "available_memory", lambda: pytest.fail("asked"))
    refuse_beyond_memory("f", 2**28 - 1)


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_what_the_machine_has_free(tmp_path):
    write(tmp_path, {"proc/meminfo": "MemTotal: 100 kB\nMemAvailable: 7 kB\nSwapFree: 3 kB\nHugePages_Total: 0\n"})
    assert list(_memory.available_memory(tmp_path)) == [(10 * 1024, "this machine has free")]
    assert list(_memory.available_memory(tmp_path / "nowhere")) == []


def test_the_limit_of_a_control_group_of_version_2(tmp_path):
    group = "sys/fs/cgroup/user/job/"
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user/job\n",
            group + "memory.max": "1000\n",
            group + "memory.current": "700\n",
            group + "memory.stat": "anon 500\ninactive_file 150\nactive_file 50\n",
            "sys/fs/cgroup/user/memory.max": "max\n",
            "sys/fs/cgroup/user/memory.current": "900\n",
        },
    )
    says = "the control group of this process leaves"
    assert list(_memory.available_memory(tmp_path)) == [(500, says)]
    write(tmp_path, {"sys/fs/cgroup/user/memory.max": "950\n"})  # a group above may leave less
    assert min(_memory.available_memory(tmp_path)) == (50, says)


def test_the_limit_of_a_control_group_of_version_1_seen_from_a_container(tmp_path):
    write(
        tmp_path,
        {
            "proc/self/cgroup": "9:name=systemd:/\n4:memory:/docker/0123\n1:cpu:/\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "1200\n",
            "sys/fs/cgroup/memory/memory.stat": "cache 1\ntotal_inactive_file 300\ntotal_active_file 0\n",
        },
    )
    assert [room for room, _ in _memory.available_memory(tmp_path)] == [100]


def test_a_limit_on_the_address_space_is_seen():
    code = (
        "import resource, deeprmt\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({8 * GIB}, {8 * GIB}))\n"
        "deeprmt.ensembles.ginibre(35_000)\n"  # 9.1 GiB
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (
        "MemoryError: ginibre: an array of 1 x 35000 x 35000 float64 entries with the buffers of BLAS needs 9.1"
        in done.stderr
    )
    assert done.returncode == 1


@pytest.mark.skipif(not LINUX, reason="asks /proc")
@pytest.mark.parametrize("shape", [(900, 900), (600, 1500), (20_000, 100)])
def test_decompositions_take_no_more_than_they_state(shape):
    setup = f"""
import numpy as np
from deeprmt.linalg import svd, svdvals
a = np.random.default_rng(0).normal(size={shape})
svdvals(a[:400, :400])
svd(a[:200, :200])
"""
    values, vectors = peak_growth(setup, "svdvals(a)", "svd(a)")
    room = 6 * 2**20  # BLAS's buffers grow with the first products
    m, n = shape
    assert values < 8 * entries_for_values(m, n) + room
    assert vectors < 8 * (entries_for_vectors(m, n) + min(m, n) * (m + n)) + room


def test_the_first_bad_entry_of_an_array_beyond_one_piece_is_named():
    x = np.ones((3, 2**21 + 5), np.float32)
    x[2, 7] = np.inf
    x[2, 9] = np.nan
    with pytest.raises(ValueError, match=r"f: x must be finite, found inf at index \(2, 7\)"):
        refuse_non_finite("f", "x", x)


def test_a_view_is_copied_only_if_it_must_be():
    a = np.ones((4, 4))
    assert as_real("f", "a", a) is a
    assert as_real("f", "a", a.T).flags.c_contiguous


# ---- beyond 2^31 entries ----


# Arrays of zeros take no memory until they are written: what is tested is how they are indexed. An index that wraps at
# 32 bits would meet zeros, or nothing.


@pytest.mark.parametrize("function", [linalg.svdvals, linalg.svd, linalg.eigvalsh])
def test_more_rows_than_32_bits_count_are_refused(function):
    with pytest.raises(ValueError, match=r"a must have fewer than 2\*\*31 rows and columns, .* \(2147483648, 1\)"):
        function(np.zeros((2**31, 1), np.float32))


def test_workspaces_of_tall_matrices_fit_into_32_bits():
    """64 (m + n), which LAPACK is commonly given, would be beyond 2^31 here."""
    a = np.zeros((2**25 + 1, 1), np.float32)
    a[0], a[-1] = 3, 4
    np.testing.assert_allclose(linalg.svdvals(a), [5], rtol=4 * np.finfo(np.float32).eps)
    u, s, vt = linalg.svd(a)
    np.testing.assert_allclose(s, [5], rtol=4 * np.finfo(np.float32).eps)
    np.testing.assert_allclose(u[[0, -1]] * vt, [[0.6], [0.8]], rtol=4 * np.finfo(np.float32).eps)


@pytest.mark.slow
@pytest.mark.parametrize("function", [linalg.svdvals, linalg.eigvalsh])
def test_a_stack_beyond_2_to_31_entries(function):
    count, n = 2**15 + 1, 256
    stack = np.zeros((count, n, n), np.float32)
    stack[0, 1, 1], stack[-2, 0, 0], stack[-1, -1, -1] = 1, 2, 3
    largest = function(stack).max(axis=1)
    assert (largest[0], largest[-2], largest[-1]) == (1, 2, 3)
    assert np.count_nonzero(largest) == 3


@pytest.mark.slow
def test_a_product_beyond_2_to_31_entries():
    a = np.zeros((2**28 + 1, 8), np.float32)
    a[0, 1], a[-1, -1] = 1, 3
    c = multiply(a, np.arange(8, dtype=np.float32)[:, None], 2)
    assert (c[0, 0], c[-1, 0], np.count_nonzero(c)) == (1, 21, 2)


@pytest.mark.slow
def test_draws_beyond_2_to_31_entries():
    """Entries are functions of their index: the last rows of a long array are those of their own counters."""
    m, n = 2**28 + 1, 8
    if min(available_memory())[0] < 1.1 * m * n * 4:
        pytest.skip("needs 10 GB")
    a = ensembles.ginibre(m, n, dtype=np.float32, rng=5)
    key = int(np.random.default_rng(5).integers(0, 2**64, dtype=np.uint64))
    last = np.empty(2 * n, np.float32)
    normals(key, 0, 0, (m - 2) * n, last)
    np.testing.assert_allclose(a[-2:].ravel(), last / np.sqrt(n), rtol=2 * np.finfo(np.float32).eps)


# ---- a limit on the address space ----


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
@pytest.mark.parametrize("room", [8, 60])
def test_a_limited_address_space_gives_errors_and_no_wait(room):
    """OpenBLAS tries for ever to get its buffers: what calls it says before that there is no room for them."""
    code = f"""
import resource, numpy as np
from deeprmt import ensembles, jacobian, linalg
from deeprmt.networks import MLP
a = np.eye(40)
chain = MLP([40] * 3, "relu", sigma_w=1.0)
calls = [
    lambda: linalg.svdvals(a), lambda: linalg.svd(a), lambda: linalg.eigh(a), lambda: linalg.eigh(np.eye(340)),
    lambda: linalg.svdvals(np.eye(340)), lambda: linalg.eigvalsh(np.eye(530)), lambda: linalg.svd(np.ones((900, 70))),
    lambda: ensembles.haar(40), lambda: ensembles.haar(300), lambda: ensembles.HaarOperator(40) @ a,
    lambda: ensembles.wishart(40, 50), lambda: ensembles.GaussianOperator(40) @ a, lambda: linalg.log_svdvals([a, a]),
    lambda: jacobian.singular_values(chain), lambda: jacobian.singular_values(chain, trials=9, log=True),
    lambda: chain.sample().jacobian(np.ones((3, 40))), lambda: linalg.spectral_density(a, probes=2),
    lambda: linalg.lyapunov_exponents([a] * 20), lambda: np.zeros(0),
]
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + ({room} << 20),) * 2)
for call in calls:
    try:
        call()
    except MemoryError as error:
        print(error)
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    *errors, last = done.stdout.splitlines()
    assert last == "done"
    assert errors if room < 33 else True
    for error in errors:
        assert re.match(r"[\w.]+: .* needs .* of memory.*, but RLIMIT_AS leaves .* [MG]iB", error), error


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_memory_that_cannot_be_had_says_for_whom():
    code = """
import resource, numpy as np
from deeprmt import _core, linalg
from deeprmt.linalg import svdvals
a = np.ones((1500, 1500))
svdvals(a[:50, :50].copy())  # BLAS has its buffers
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (10 << 20),) * 2)
try:
    linalg._values.refuse_large = lambda *_: None
    svdvals(a, threads=1)
except MemoryError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert re.match(r"svdvals: its work needs more memory than the [\d.]+ MiB that RLIMIT_AS leaves", done.stdout), done
