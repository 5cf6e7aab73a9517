import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt import ensembles, laws
from deeprmt.errors import UntrustedLengthWarning
from deeprmt.spectra import expected_number_variance, number_variance, rigidity, unfold
from reference.spectra import number_variance as reference

LITERAL = [0.3, 1.1, 2.4, 2.9, 4.2, 5.05, 5.8, 7.3, 8.1, 8.8]


def test_literal():
    found = number_variance(LITERAL, [2.0, 3.5])
    np.testing.assert_allclose(found.mean, [2.0, 3.54], rtol=1e-13)
    np.testing.assert_allclose(found.value, [0.2461538461538, 0.2884], rtol=1e-12)


@settings(max_examples=30)
@given(st.lists(st.integers(-30, 30), min_size=2, max_size=25).filter(lambda v: max(v) > min(v)), st.floats(0, 0.97))
def test_matches_exact_arithmetic(values, share):
    levels = np.sort(np.array(values, float)) / 4
    length = share * (levels[-1] - levels[0])
    found = number_variance(levels, length)
    mean, variance = reference.number_variance(levels, length)
    # About n events, each rounded to 1e-16 of the span over the positions, 1 / (1 - share) at most.
    assert float(found.mean) == pytest.approx(mean, abs=1e-11)
    assert float(found) == pytest.approx(variance, abs=1e-10)


def test_a_ladder_has_the_variance_of_two_numbers():
    """In a window of length k + f there are k + 1 steps with probability f and k with 1 - f: variance f (1 - f)."""
    lengths = np.array([0.25, 3.5, 40.1, 700.75])
    found = number_variance(np.arange(5001.0), lengths)
    f = lengths % 1
    # Windows stay inside: a whole number of periods and a part of one, of less than 1 / 4000 of the positions.
    np.testing.assert_allclose(found, f * (1 - f), rtol=0, atol=3e-4)
    np.testing.assert_allclose(found.mean, lengths, rtol=0, atol=3e-4)


def test_far_levels_lose_nothing():
    """A million levels on: the squares that are summed stay small."""
    levels = np.arange(20000.0)
    near, far = number_variance(levels, [1000.5]), number_variance(levels + 2.0**20, [1000.5])
    np.testing.assert_allclose(far, near, rtol=1e-11)


@pytest.fixture(scope="module")
def goe():
    x = ensembles.hermite_eigenvalues(600, 1.0, size=80, rng=1)
    return unfold(x, laws.Semicircle())[:, 150:450]


def test_random_matrices_have_the_known_variance(goe):
    lengths = np.array([0.5, 1.0, 2.0, 5.0, 10.0])
    found = number_variance(goe, lengths).pooled()
    np.testing.assert_array_less(np.abs(found - found.expected(1)), 5 * found.stderr)
    assert (np.abs(found - found.expected(2)) > 5 * found.stderr).sum() >= 3


def test_errors_are_those_of_the_scatter(goe):
    found = number_variance(goe, [1.0, 2.0, 5.0])
    # The relative error of an error from 16 blocks is 0.18, of the scatter of 80 rows 0.08; neighbours are dependent.
    ratio = np.sqrt((found.stderr**2).mean(axis=0)) / found.value.std(axis=0)
    assert ((ratio > 0.65) & (ratio < 1.5)).all()
    assert np.isnan(number_variance(goe[0], 100.0).stderr)  # no four blocks of two windows


def test_independent_levels_have_the_variance_of_poisson():
    levels = np.sort(np.random.default_rng(2).uniform(0, 4000, size=(40, 4000)))
    found = number_variance(levels, [0.5, 2.0, 8.0]).pooled()
    # A fixed number of levels: L (1 - L / n).
    np.testing.assert_array_less(np.abs(found - np.array([0.5, 2.0, 8.0])), 5 * found.stderr + 8 * 8 / 4000)


def test_windows_that_hang_over_the_ends_would_be_wrong():
    """A known failure elsewhere: random windows anywhere between the first level and the last."""
    levels = np.arange(200.0) + 0.5
    begin = np.random.default_rng(3).uniform(levels[0], levels[-1], 20000)
    numbers = np.searchsorted(levels, begin + 20) - np.searchsorted(levels, begin)
    assert numbers.var() > 10  # a ladder's is below 1/4
    assert float(number_variance(levels, 20.0)) < 0.01


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(-8, 8))
def test_scale_and_mirror_do_not_matter(seed, exponent):
    levels = np.sort(np.random.default_rng(seed).normal(size=200)) * 30
    lengths = np.array([0.5, 3.0, 17.0])
    found = number_variance(levels, lengths)
    scale = 2.0**exponent
    np.testing.assert_array_equal(number_variance(levels * scale, lengths * scale), found)
    np.testing.assert_allclose(number_variance(-levels[::-1], lengths), found, rtol=1e-9)


@pytest.mark.parametrize("statistic", [number_variance, rigidity])
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_matter(goe, statistic, threads):
    lengths = np.linspace(0.5, 50, 7)
    np.testing.assert_array_equal(statistic(goe[:3], lengths, threads=threads), statistic(goe[:3], lengths, threads=1))


@pytest.mark.parametrize("statistic", [number_variance, rigidity])
def test_shapes(goe, statistic):
    found = statistic(np.asarray(goe[:6]).reshape(2, 3, -1), np.ones((4, 5)))
    assert found.shape == found.stderr.shape == (2, 3, 4, 5)
    assert found.pooled().shape == (4, 5)
    one = statistic(goe[0], 2.0)
    assert one.shape == ()
    assert float(one) == float(one.value) == float(statistic(goe[0], [2.0])[0])
    assert len(statistic(goe[0], [1.0, 2.0])) == 2
    assert statistic(goe[0], []).shape == (0,)
    assert statistic(goe[:0], [1.0]).shape == (0, 1)
    assert statistic(goe[:0], [1.0]).to_dict()["value"] == []
    np.testing.assert_array_equal(one + 1, one.value + 1)
    assert "2 values" not in repr(one)
    assert repr(statistic(goe[:2], [1.0])).startswith(type(one).__name__)
    assert set(one.to_dict()) == {"lengths", "value", "stderr", "trust"}
    with pytest.raises(ValueError, match="stack of at least two rows"):
        one.pooled()


def test_the_unfolding_says_how_far_it_can_be_trusted():
    """Broadening takes slow fluctuations away: the variance stops growing where the trust ends."""
    levels = ensembles.hermite_eigenvalues(600, 1.0, size=20, rng=4)
    unfolded = unfold(levels, window=10)
    inner = unfolded[:, 50:-50]
    assert inner.trust == unfolded.trust == pickle.loads(pickle.dumps(inner)).trust == 5.0
    assert type(np.sqrt(inner)) is np.ndarray  # what is no longer what was unfolded says nothing
    for statistic in (number_variance, rigidity):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            statistic(inner, [1.0, 5.0])
            statistic(inner, 30.0, trust=np.inf)
            statistic(np.asarray(inner), 30.0)
        with pytest.warns(UntrustedLengthWarning, match=r"up to a length of 5; 2 of 3 lengths are beyond, up to 30"):
            found = statistic(inner, [1.0, 6.0, 30.0])
        assert found.trusted.tolist() == [True, False, False]
    with pytest.warns(UntrustedLengthWarning):
        found = number_variance(inner, 20.0).pooled()
    assert found < 0.7 * expected_number_variance(20.0)


@pytest.mark.parametrize("statistic", [number_variance, rigidity])
@pytest.mark.parametrize(
    ("levels", "lengths", "says"),
    [
        ([0.0], 1.0, "unfolded must be at least 2 levels, got 1"),
        ([0.0, 2.0, 1.0], 1.0, "levels must ascend"),
        ([0.0, np.nan], 1.0, "unfolded must be finite"),
        ([0.0, 1.0], 1.0, "below the span of the levels, 1 in row 0, got 1"),
        ([1.0, 1.0], 0.5, "below the span of the levels, 0"),
        ([0.0, 1.0], -0.5, "lengths must be (at least|above) 0"),
        ([0.0, 1.0], np.nan, "lengths must be finite"),
        ([-1.7e308, 1.7e308], 1.0, "differences do not overflow"),
        (0.0, 1.0, "at least one axis"),
    ],
)
def test_refuses(statistic, levels, lengths, says):
    with pytest.raises(ValueError, match=says):
        statistic(levels, lengths)


def test_refuses_types():
    with pytest.raises(TypeError, match="unfolded must be real"):
        number_variance([1j, 2], 1.0)
    with pytest.raises(TypeError, match="trust must be a real number"):
        number_variance([1.0, 2.0], 0.5, trust="far")
