import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeprmt.signal import benjamini_hochberg


def by_definition(p):
    """The least q at which the step-up procedure rejects each."""
    order = sorted(p)
    return [min(min(len(p) * order[j] / (j + 1) for j in range(len(p)) if order[j] >= each), 1.0) for each in p]


@given(st.lists(st.floats(0, 1), max_size=30))
def test_matches_the_definition(p):
    np.testing.assert_allclose(benjamini_hochberg(p), by_definition(p), rtol=1e-14)


def test_known_example():
    # Benjamini and Hochberg (1995), section 3: 15 tests, of which 4 are rejected at 0.05.
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1,
    ]
    assert np.count_nonzero(benjamini_hochberg(p) <= 0.05) == 4


@given(st.permutations(list(range(8))))
def test_order_does_not_matter_and_nan_counts_for_nothing(order):
    p = np.array([0.001, 0.01, 0.02, 0.02, 0.3, 0.5, 0.9, 1.0])
    np.testing.assert_array_equal(benjamini_hochberg(p[order]), benjamini_hochberg(p)[order])
    with_gap = benjamini_hochberg(np.insert(p, 3, np.nan))
    assert math.isnan(with_gap[3])
    np.testing.assert_array_equal(np.delete(with_gap, 3), benjamini_hochberg(p))


def test_false_discoveries_are_controlled():
    rng = np.random.default_rng(0)
    p = rng.random((2000, 20))
    p[:, :5] *= 1e-3
    false = [
        np.count_nonzero(found[5:]) / max(found.sum(), 1) for found in (benjamini_hochberg(row) <= 0.2 for row in p)
    ]
    # Its mean is 0.2 * 15 / 20 for independent tests; five sigma of 2000 draws.
    assert abs(np.mean(false) - 0.15) < 5 * np.std(false) / math.sqrt(2000)


@pytest.mark.parametrize(
    ("p", "says"), [([0.5, 1.5], "found 1.5 at 1"), ([-0.1], "found -0.1 at 0"), ([[0.1]], "vector")]
)
def test_refuses(p, says):
    with pytest.raises(ValueError, match=says):
        benjamini_hochberg(p)
