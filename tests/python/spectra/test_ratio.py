import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeprmt.spectra import spacing_ratio
from reference.spectra import ratio as reference

finite = st.floats(-1e6, 1e6)


@given(st.lists(finite, min_size=3, max_size=30))
def test_matches_the_reference(values):
    levels = sorted(values)
    np.testing.assert_array_equal(spacing_ratio(levels), reference.spacing_ratio(levels))


def test_independent_levels_have_the_known_mean():
    r = spacing_ratio(np.sort(np.random.default_rng(1).uniform(size=(20, 5000))))
    # r_i and r_{i+1} share a spacing, so neighbours are dependent: at most three times the variance of the mean.
    assert abs(r.mean() - (2 * np.log(2) - 1)) < 5 * r.std() / np.sqrt(r.size / 3)


def test_literal():
    levels = [0.3, 1.1, 2.4, 2.9, 4.2, 5.05, 5.8, 7.3, 8.1, 8.8]
    assert spacing_ratio(levels).mean() == pytest.approx(0.6036434766214, rel=1e-12)


@given(st.lists(st.integers(-(10**6), 10**6), min_size=3, max_size=30), st.integers(-20, 20))
def test_scale_does_not_matter(values, exponent):
    levels = np.sort(np.array(values, float))
    np.testing.assert_array_equal(spacing_ratio(levels * 2.0**exponent), spacing_ratio(levels))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stacks_keep_their_shape_and_type(dtype):
    levels = np.sort(np.random.default_rng(2).normal(size=(2, 3, 7)).astype(dtype))
    r = spacing_ratio(levels)
    assert r.shape == (2, 3, 5)
    assert r.dtype == dtype
    np.testing.assert_array_equal(r[1, 2], spacing_ratio(levels[1, 2]))
    assert spacing_ratio(levels[:0]).shape == (0, 3, 5)


@pytest.mark.parametrize("threads", [1, 2, 3, 64])
def test_threads_do_not_matter(threads):
    levels = np.sort(np.random.default_rng(3).normal(size=(50, 40)))
    np.testing.assert_array_equal(spacing_ratio(levels, threads=threads), spacing_ratio(levels, threads=1))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([0, 1], "at least 3, got 2"),
        ([0, 2, 1], "row 0 at position 2"),
        ([[0, 1, 2], [0, 1, np.inf]], r"finite, found inf at index \(1, 2\)"),
        ([-1.7e308, 0.5e308, 1.7e308], "differences do not overflow"),
        (3.0, "at least one axis"),
    ],
)
def test_refuses_values(bad, says):
    with pytest.raises(ValueError, match=says):
        spacing_ratio(bad)


@pytest.mark.parametrize("bad", [[1j, 2, 3], ["a", "b", "c"], np.array([1, 2, 3], np.longdouble)])
def test_refuses_types(bad):
    with pytest.raises(TypeError, match="levels must be real"):
        spacing_ratio(bad)
