import numpy as np
import pytest

from deeprmt import _core
from deeprmt.weights._entries import largest, sums
from reference.linalg import entries as reference


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (150, 7), (130, 33)])
def test_as_the_reference(shape, dtype):
    a = np.random.default_rng(0).normal(size=shape).astype(dtype)
    fourth, rows, columns = _core.linalg.entry_sums(a, 0.3)
    expected = reference.sums(a, 0.3)
    # Sums of at most 4290 positive numbers in doubles, in pieces.
    assert fourth == pytest.approx(expected[0], rel=1e-13)
    np.testing.assert_allclose(rows, expected[1], rtol=1e-13)
    np.testing.assert_allclose(columns, expected[2], rtol=1e-13)
    assert _core.linalg.largest_magnitude(a) == reference.largest_magnitude(a)


def test_any_layout():
    a = np.random.default_rng(1).normal(size=(90, 60))
    expected = sums(np.ascontiguousarray(a[::2, ::3]), 2.0)
    for same in (a[::2, ::3], np.asfortranarray(a[::2, ::3])):
        for one, other in zip(sums(same, 2.0), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)
        assert largest(same) == np.abs(same).max()


def test_float32_has_fourth_powers():
    a = np.full((4, 40), 3e38, np.float32)
    assert _core.linalg.entry_sums(a, 3e38)[0] == pytest.approx(160, rel=1e-6)
    assert np.isfinite(_core.linalg.entry_sums(a, 1.0)[0])


@pytest.mark.parametrize("place", [0, 31, 70, 99])
def test_what_is_no_number_shows(place):
    for bad in (np.nan, np.inf, -np.inf):
        a = np.zeros((10, 10))
        a.flat[place] = bad
        found = largest(a)
        assert np.isnan(found) if np.isnan(bad) else found == np.inf


def test_refuses():
    with pytest.raises(ValueError, match="scale must be above 0"):
        _core.linalg.entry_sums(np.ones((2, 2)), 0.0)
