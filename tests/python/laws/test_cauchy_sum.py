import numpy as np
import pytest

from deeprmt import _core
from deeprmt.laws import Empirical, Semicircle
from reference.laws import cauchy_sum as reference


def kernel(x, p, z, power, threads=1):
    return _core.laws.cauchy_sum(*(np.asarray(a, float) for a in (x, p)), np.asarray(z, complex), power, threads)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 1024, 1031, 2500])
def test_matches_the_reference(n, power):
    rng = np.random.default_rng(n)
    x, p = rng.standard_normal(n), rng.random(n) / max(n, 1)
    z = np.concatenate([rng.standard_normal(6) + 1j * rng.standard_normal(6), [0.3, 5.0, 0.1 + 1e-9j], x[:2]])
    exact = np.array(reference.cauchy_sum(x, p, z, power))
    out = kernel(x, p, z, power)
    # Terms round to a few units each; 128 terms a lane and block add up as many of the sum of their sizes at worst.
    size = np.array([np.sum(p / np.abs(x - w) ** power) if w not in x else 1.0 for w in z])
    hit = np.isinf(exact)
    np.testing.assert_array_equal(out[hit], exact[hit])
    assert np.all(np.abs(out[~hit] - exact[~hit]) <= 140 * 2.2e-16 * size[~hit])


def test_threads_do_not_matter():
    rng = np.random.default_rng(0)
    x, p, z = rng.standard_normal(4000), rng.random(4000), rng.standard_normal(3000) + 0.1j
    np.testing.assert_array_equal(kernel(x, p, z, 1), kernel(x, p, z, 1, threads=3))


def test_extremes():
    # Squares of these differences leave the range of doubles.
    np.testing.assert_allclose(kernel([1.0], [1.0], [1e200, 1e200j], 1), [-1e-200, 1e-200j], rtol=1e-15)
    np.testing.assert_allclose(kernel([0.0], [1.0], [1e-200, 1e-200j], 1), [-1e200, 1e200j], rtol=1e-15)
    np.testing.assert_allclose(kernel([1e160, -1e160], [0.5, 0.5], [3e160], 1), [-(1 / 2 + 1 / 4) / 2e160], rtol=1e-15)
    assert kernel([1.0, 2.0], [0.0, 1.0], [1.0], 1)[0] == 1.0  # no mass, no pole


def test_a_large_sample_approaches_its_law():
    # Quantiles at midpoints are within 1/n of the law in distribution, and 1 / (x - z) varies by pi / Im z in all.
    law, n = Semicircle(), 10_000
    sample = Empirical(law.ppf((np.arange(n) + 0.5) / n))
    z = np.linspace(-3, 3, 50) + 0.05j
    np.testing.assert_allclose(sample.stieltjes(z), law.stieltjes(z), rtol=0, atol=np.pi / 0.05 / n)
    np.testing.assert_allclose(
        sample.stieltjes_derivative(z), law.stieltjes_derivative(z), rtol=0, atol=4 / 0.05**2 / n
    )


def test_refuses():
    with pytest.raises(ValueError, match="cauchy_sum: masses must have 2"):
        kernel([1.0, 2.0], [1.0], [0.0], 1)
    with pytest.raises(ValueError, match="power must be 1 or 2, got 3"):
        kernel([1.0], [1.0], [0.0], 3)
