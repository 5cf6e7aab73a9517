import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeprmt.tails import hill
from reference.tails import hill as reference

A = [1.02, 1.07, 1.1, 1.15, 1.21, 1.28, 1.33, 1.4, 1.52, 1.61, 1.75, 1.9, 2.1, 2.45, 2.8, 3.4, 4.3, 5.9, 9.2, 21.5]
B = [0.5, 0.5, 0.8, 1.0, 1.0, 1.0, 1.3, 2.0, 2.0, 4.5, 7.0, 16.0]
C = [
    0.21, 0.33, 0.42, 0.5, 0.57, 0.65, 0.73, 0.81, 0.9, 1.0, 1.11, 1.23, 1.37, 1.54, 1.75, 2.0, 2.36, 3.0, 4.8, 6.1,
]  # fmt: skip
A_ALL = [
    0.8488494511, 0.8686758587, 0.8954545673, 0.9064305166, 0.9193004277, 0.8996150824, 0.9252493219, 0.9096766152,
    0.890839534, 0.8851371895, 0.8621940164, 0.8725826133, 0.8567541682, 0.8338763062, 0.8345242708, 0.8332249211,
    0.828663453, 0.8102781258, 0.8154879299,
]  # fmt: skip


@pytest.mark.parametrize(("x", "k", "xi"), [(A, 10, 0.8851371895033), (B, 6, 1.311872482276), (C, 10, 0.7644908906268)])
def test_published_values(x, k, xi):
    estimate = hill(np.random.default_rng(1).permutation(x))
    assert estimate.xi[k - 1] == pytest.approx(xi, rel=1e-12)
    assert estimate.stderr[k - 1] == pytest.approx(xi / np.sqrt(k), rel=1e-12)
    assert estimate.alpha[k - 1] == pytest.approx(1 + 1 / xi, rel=1e-12)
    np.testing.assert_array_equal(estimate.k, np.arange(1, len(x)))


def test_every_k():
    np.testing.assert_allclose(hill(A).xi, A_ALL, rtol=6e-11)


positive = st.floats(1e-300, 1e300) | st.integers(1, 5).map(float) | st.floats(1, 1 + 1e-12)


@given(st.lists(positive, min_size=2, max_size=40))
def test_matches_the_definition(values):
    # Each term is good to a few roundings, all have one sign, and up to 40 are added; 0 costs the reference 1e-38.
    np.testing.assert_allclose(hill(values).xi, reference.hill(values), rtol=1e-14, atol=1e-30)


def test_neighbours_that_hardly_differ():
    x = 1 + np.arange(1000) * 2.0**-52  # logarithms of these would be all rounding
    np.testing.assert_allclose(hill(x).xi, reference.hill(x), rtol=1e-13)


def test_long_arrays_stay_accurate():
    """x_i = (n / i)^xi has H_k = xi (k log k - log k! + log(1 + 1/k) ...) = xi (log(k + 1) - log(k!) / k)."""
    from scipy.special import gammaln

    n, xi = 1_000_000, 0.5
    i = np.arange(1, n + 1)
    k = i[:-1]
    estimate = hill((n / i) ** xi)
    exact = xi * (np.log(k + 1) - gammaln(k + 1) / k)
    # Rounding of the values themselves, eps / 2 in log x_{k+1}, is in the answer; so is the reference's cancellation.
    np.testing.assert_allclose(estimate.xi, exact, rtol=0, atol=1e-14)


def test_a_pareto_tail():
    x = np.random.default_rng(2).pareto(2.0, 200_000) + 1
    estimate = hill(x)
    k = 10_000
    assert abs(estimate.xi[k - 1] - 0.5) < 5 * estimate.stderr[k - 1]


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=30), st.integers(-100, 100))
def test_scale_does_not_matter(values, exponent):
    x = np.array(values, float)
    np.testing.assert_array_equal(hill(x * 2.0**exponent).xi, hill(x).xi)


def test_powers_stretch_the_index():
    np.testing.assert_allclose(hill(np.array(A) ** 3).xi, 3 * hill(A).xi, rtol=1e-14)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_matter(threads):
    x = np.random.default_rng(3).pareto(1.5, 30_000) + 1
    np.testing.assert_array_equal(hill(x, threads=threads).xi, hill(x, threads=1).xi)


def test_ties_extremes_and_types():
    estimate = hill([3.0, 3.0, 3.0])
    np.testing.assert_array_equal(estimate.xi, 0)
    np.testing.assert_array_equal(estimate.alpha, np.inf)
    assert hill([5e-324, 1.7e308]).xi[0] == pytest.approx(np.log(1.7e308) - np.log(5e-324), rel=1e-14)
    x = np.array(A, np.float32)
    np.testing.assert_array_equal(hill(x).xi, hill(x.astype(float)).xi)
    assert hill([1, 2, 3]).xi.dtype == np.float64


def test_result():
    estimate = hill(A)
    assert repr(estimate) == "Hill(20 values; xi = 0.8687 +- 0.61 at k = 2)"
    assert json.loads(json.dumps(estimate.to_dict()))["xi"] == estimate.xi.tolist()
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimate.xi = 3


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([1.0], "number of values must be at least 2, got 1"),
        ([], "got 0"),
        ([[1.0, 2.0]], "must have one axis, got 2"),
        ([1.0, 0.0, 2.0], "positive and finite, found 0.0 at index 1"),
        ([1.0, 2.0, -3.0], "found -3.0 at index 2"),
        ([1.0, np.nan, np.inf], "found nan at index 1"),
        ([np.inf, 1.0], "found inf at index 0"),
    ],
)
def test_refuses_values(bad, says):
    with pytest.raises(ValueError, match=f"hill: .*{says}"):
        hill(bad)


def test_refuses_types():
    with pytest.raises(TypeError, match="hill: x must be real"):
        hill(["a", "b"])
    with pytest.raises(ValueError, match="threads must be at least 1"):
        hill(A, threads=0)
