import numpy as np
import pytest

from deeprmt import _core
from reference.freeprob import power_series as reference


@pytest.mark.parametrize("n", [1, 2, 7, 100])
@pytest.mark.parametrize("count", [0, 1, 8, 19])
def test_against_plain_sums(n, count):
    rng = np.random.default_rng(n)
    f, v = rng.normal(size=n), np.sqrt(rng.random(count)) * np.exp(2j * np.pi * rng.random(count))
    value, slope = _core.freeprob.power_series(f, v, 2)
    for k in range(count):
        expected = reference.power_series(f.tolist(), complex(v[k]))
        # Within the unit disc Horner's rule errs by 2 n roundings of the sum of moduli.
        assert abs(value[k] - expected[0]) <= 1e-15 * (n + 1) * np.abs(f).sum()
        assert abs(slope[k] - expected[1]) <= 1e-15 * (n + 1) * (np.arange(n) * np.abs(f)).sum()


def test_a_geometric_series():
    v = np.array([0.5, 0.3j, -0.4 + 0.2j])
    value, slope = _core.freeprob.power_series(np.ones(200), v.astype(complex), 1)
    np.testing.assert_allclose(value, 1 / (1 - v), rtol=1e-15)
    np.testing.assert_allclose(slope, 1 / (1 - v) ** 2, rtol=2e-15)


def test_threads_change_no_bit():
    rng = np.random.default_rng(0)
    f, v = rng.normal(size=3000), 0.5 * rng.normal(size=4001) + 0.1j
    v /= np.abs(v).max()
    np.testing.assert_array_equal(_core.freeprob.power_series(f, v, 1), _core.freeprob.power_series(f, v, 3))


def test_no_coefficients_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        _core.freeprob.power_series(np.zeros(0), np.zeros(1, complex), 1)
