import numpy as np
import pytest
import scipy.stats as stats
from hypothesis import given
from hypothesis import strategies as st

from deeprmt._core.random import normals, philox, uniforms
from reference.core import random as reference

word = st.integers(0, 2**32 - 1)


def draw(kind, dtype=np.float64, key=1, sample=0, part=0, start=0, n=1000):
    out = np.empty(n, dtype)
    kind(key, sample, part, start, out)
    return out


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # the known answers of the authors' Random123
        ([0] * 4, 0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([2**32 - 1] * 4, 2**64 - 1, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            0x299F31D0A4093822,
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_known_answers(counter, key, expected):
    assert list(philox(counter, key)) == expected
    assert reference.philox(counter, key) == expected


@given(st.lists(word, min_size=4, max_size=4), st.integers(0, 2**64 - 1))
def test_philox_matches_the_reference(counter, key):
    assert list(philox(counter, key)) == reference.philox(counter, key)


@given(st.integers(0, 2**64 - 1), word, word, st.integers(0, 2**62))
def test_entries_match_the_reference(key, sample, part, start):
    # The reference uses libm: |x| <= 8.6, a few roundings of relative size 2^-53 in each factor.
    n = 9
    index = range(start, start + n)
    x = draw(normals, np.float64, key, sample, part, start, n)
    np.testing.assert_allclose(x, [reference.normals(key, sample, part, i) for i in index], rtol=0, atol=1e-14)
    x = draw(normals, np.float32, key, sample, part, start, n)
    np.testing.assert_allclose(x, [reference.normals32(key, sample, part, i) for i in index], rtol=2e-7, atol=1e-14)
    u = draw(uniforms, np.float64, key, sample, part, start, n)
    np.testing.assert_array_equal(u, [reference.uniforms(key, sample, part, i) for i in index])


@pytest.mark.parametrize("kind", [normals, uniforms])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("start", [0, 1, 2, 127, 128, 255, 256, 1000])
def test_a_piece_equals_the_same_piece_of_the_whole(kind, dtype, start):
    whole = draw(kind, dtype, n=3000)
    for n in (0, 1, 5, 128, 256, 300, 1500):
        np.testing.assert_array_equal(draw(kind, dtype, start=start, n=n), whole[start : start + n])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distributions(dtype):
    n = 400_000
    x = draw(normals, dtype, key=7, n=n).astype(float)
    u = draw(uniforms, dtype, key=7, part=1, n=n).astype(float)
    assert stats.kstest(x, "norm").pvalue > 1e-6
    assert stats.kstest(u, "uniform").pvalue > 1e-6
    # Moments of N(0, 1): mean 0, variances of x^k are (2k-1)!! - ((k-1)!!)^2 (k even), five standard errors.
    for k, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(x**k) - expected) < 5 * np.sqrt(variance / n)
    for lag in (1, 2, 3, 4, 128):
        assert abs(np.mean(x[lag:] * x[:-lag])) < 5 / np.sqrt(n - lag)
    assert 0 < u.min() < u.max() < 1


def test_streams_differ():
    streams = [draw(normals, key=k, sample=s, part=p) for k in (0, 1) for s in (0, 1) for p in (0, 1)]
    for i, a in enumerate(streams):
        for b in streams[:i]:
            assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(a.size)
