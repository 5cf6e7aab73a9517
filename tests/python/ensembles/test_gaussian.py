import subprocess
import sys

import numpy as np
import pytest

from deeprmt import _core, laws
from deeprmt.ensembles import ginibre, goe, gue, wishart
from reference.ensembles import gaussian as reference


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_match_the_reference(dtype):
    eps = np.finfo(dtype).eps
    out = np.empty((2, 3, 5), dtype)
    _core.ensembles.ginibre(7, 0.5, out, 2)
    for c in range(2):
        np.testing.assert_allclose(out[c], reference.ginibre(7, c, 3, 5, 0.5, dtype), rtol=4 * eps, atol=1e-14)
    out = np.empty((2, 6, 6), dtype)
    _core.ensembles.goe(7, out, 2)
    for c in range(2):
        np.testing.assert_allclose(out[c], reference.goe(7, c, 6, dtype), rtol=4 * eps, atol=1e-14)
    out = np.empty((2, 6, 6), np.result_type(dtype, np.complex64))
    _core.ensembles.gue(7, out, 2)
    for c in range(2):
        np.testing.assert_allclose(out[c], reference.gue(7, c, 6, dtype), rtol=4 * eps, atol=1e-14)
    out = np.empty((2, 4, 4), dtype)
    _core.ensembles.wishart(7, 9, out, 2)
    for c in range(2):
        np.testing.assert_allclose(out[c], reference.wishart(7, c, 4, 9, dtype), rtol=0, atol=50 * eps)


def test_ginibre_variance_is_one_over_the_columns():
    g = ginibre(200, 300, rng=1)
    assert abs(np.var(g) * 300 - 1) < 5 * np.sqrt(2 / g.size)
    assert abs(g.mean()) < 5 / np.sqrt(300 * g.size)
    assert ginibre(4, rng=1).shape == (4, 4)


def test_goe_moments():
    n, trials = 30, 2000
    h = goe(n, size=trials, rng=2)
    np.testing.assert_array_equal(h, np.swapaxes(h, 1, 2))
    # E tr H^2 = n + 1 exactly: n(n-1) entries of variance 1/n, n of variance 2/n; tr H^2 is chi-squared of n(n+1)/2
    # degrees of freedom times 2/n, so its variance is 4/n^2 * n(n+1).
    square = np.einsum("cij,cij->c", h, h)
    assert abs(square.mean() - (n + 1)) < 5 * np.sqrt(4 * (n + 1) / n / trials)
    # E tr H^4 = (2 n^3 + 5 n^2 + 5 n) / n^2 for this scaling (Wick).
    fourth = np.einsum("cij,cjk,ckl,cli->c", h, h, h, h, optimize=True)
    assert abs(fourth.mean() - (2 * n**3 + 5 * n**2 + 5 * n) / n**2) < 5 * fourth.std() / np.sqrt(trials)


def test_gue_moments():
    n, trials = 30, 2000
    h = gue(n, size=trials, rng=2)
    np.testing.assert_array_equal(h, np.conj(np.swapaxes(h, 1, 2)))
    # tr H^2 is chi-squared of n^2 degrees of freedom over n.
    square = np.einsum("cij,cji->c", h, h).real
    assert abs(square.mean() - n) < 5 * np.sqrt(2 / trials)
    # E tr H^4 = 2 n + 1/n, E tr H^6 = 5 n + 10/n: planar maps and those of genus 1 (Harer & Zagier, 1986).
    h2 = h @ h
    for values, expected in (
        (np.einsum("cij,cji->c", h2, h2).real, 2 * n + 1 / n),
        (np.einsum("cij,cjk,cki->c", h2, h2, h2, optimize=True).real, 5 * n + 10 / n),
    ):
        assert abs(values.mean() - expected) < 5 * values.std() / np.sqrt(trials)
    # Real and imaginary parts alike, the diagonal real.
    upper = h[:, 0, 1]
    for values, variance in ((upper.real, 0.5 / n), (upper.imag, 0.5 / n), (h[:, 3, 3].real, 1 / n)):
        assert abs(np.mean(values**2) - variance) < 5 * variance * np.sqrt(2 / trials)
        assert abs(values.mean()) < 5 * np.sqrt(variance / trials)
    assert abs(np.mean(upper.real * upper.imag)) < 5 * 0.5 / n / np.sqrt(trials)


@pytest.mark.parametrize(("m", "n"), [(3, 2**21), (600, 8000)])
def test_wishart_by_blocks_of_columns(m, n):
    # The draws are those of ginibre; sums of n products differ by their order: sqrt(n) eps of 1, times 5.
    g = ginibre(m, n, dtype=np.float32, rng=8).astype(float)
    eps = np.finfo(np.float32).eps
    w = wishart(m, n, dtype=np.float32, rng=8, threads=2)
    assert _core.ensembles.wishart_block(m, n) < n
    np.testing.assert_allclose(w, g @ g.T, rtol=0, atol=5 * np.sqrt(n) * eps / np.sqrt(min(n, 384)))
    np.testing.assert_array_equal(w, wishart(m, n, dtype=np.float32, rng=8, threads=1))


def test_wishart_of_more_samples_than_fit_into_memory(monkeypatch):
    # 2 x 10^9 entries are 16 GB, of which 32 MB are drawn at a time: it starts, and is refused only where those do not
    # fit.
    asked = []
    monkeypatch.setattr("deeprmt.ensembles._fill.refuse_beyond_memory", lambda name, size, *rest: asked.append(size))
    wishart(2, 50, rng=0, threads=1)
    assert asked == [8 * (2 * 2 + 2 * 50)]
    assert 2 * _core.ensembles.wishart_block(2, 10**9) == 2**22


def test_wishart_answers_an_interrupt():
    code = """if True:
        import signal, time
        from deeprmt.ensembles import wishart
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        start = time.process_time()
        try:
            wishart(2000, 10**7, dtype="f4", threads=1)
        except KeyboardInterrupt:
            print(time.process_time() - start < 2)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n", done.stderr


def test_gue_follows_the_semicircle():
    # The count in an interval of a rigid spectrum is off by O(sqrt(log n)): a few eigenvalues of 300.
    levels = np.linalg.eigvalsh(gue(300, rng=4))
    assert np.abs(np.arange(0.5, 300) / 300 - laws.Semicircle().cdf(levels)).max() < 5 / 300


def test_wishart_moments():
    m, n, trials = 20, 40, 2000
    w = wishart(m, n, size=trials, rng=3)
    np.testing.assert_array_equal(w, np.swapaxes(w, 1, 2))
    trace = np.trace(w, axis1=1, axis2=2)
    assert abs(trace.mean() - m) < 5 * np.sqrt(2 * m / n / trials)  # chi-squared of m n degrees over n
    square = np.einsum("cij,cij->c", w, w)  # E tr L^2 = m n (m + n + 1) for n samples of variance 1
    assert abs(square.mean() - m * (m + n + 1) / n) < 5 * square.std() / np.sqrt(trials)


@pytest.mark.parametrize("draw", [ginibre, goe, gue, lambda n, **k: wishart(n, 7, **k)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stacks_seeds_and_threads(draw, dtype):
    a = draw(90, size=(2, 3), dtype=dtype, rng=5, threads=1)
    assert a.shape == (2, 3, 90, 90)
    assert a.dtype == (np.result_type(dtype, np.complex64) if draw is gue else dtype)
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(draw(90, size=(2, 3), dtype=dtype, rng=5, threads=threads), a)
    np.testing.assert_array_equal(draw(90, size=2, dtype=dtype, rng=5), a[0, :2])  # sample i has its own stream
    np.testing.assert_array_equal(draw(90, dtype=dtype, rng=5, threads=2), a[0, 0])
    assert not (draw(90, size=1, dtype=dtype, rng=6) == a[0, 0]).all()
    assert draw(3, size=0).shape == (0, 3, 3)
    assert draw(3, size=(2, 0)).shape == (2, 0, 3, 3)


def test_a_generator_moves_on():
    rng = np.random.default_rng(1)
    assert not np.array_equal(ginibre(3, rng=rng), ginibre(3, rng=rng))
    np.testing.assert_array_equal(ginibre(3, rng=1), ginibre(3, rng=np.random.SeedSequence(1)))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: ginibre(0), ValueError, "ginibre: m must be at least 1, got 0"),
        (lambda: ginibre(2, 0), ValueError, "n must be at least 1"),
        (lambda: gue(0), ValueError, "gue: n must be at least 1, got 0"),
        (lambda: gue(2, dtype=int), ValueError, "gue: dtype must be float32, float64, complex64 or complex128"),
        (lambda: goe(2.5), TypeError, "n must be a whole number, got 2.5"),
        (lambda: goe(2, size=-1), ValueError, "size must be at least 0, got -1"),
        (lambda: wishart(2, 2, dtype=int), ValueError, "dtype must be float32 or float64, got int64"),
        (lambda: wishart(2, 2, rng="x"), TypeError, "rng must be what numpy.random.default_rng takes"),
        (lambda: goe(2, rng=-1), ValueError, "rng must be"),
        (lambda: goe(True), TypeError, "n must be a whole number, got True"),
        (lambda: goe(10**30), ValueError, "goe: n must be at most 2147483647, got 10"),
        (lambda: wishart(2, 2**63), ValueError, "wishart: n must be at most 2147483647, got 9223372036854775808"),
        (lambda: ginibre(2**31 - 1, size=2**31), MemoryError, "ginibre: an array of 2147483648 x 2147483647 x"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()
