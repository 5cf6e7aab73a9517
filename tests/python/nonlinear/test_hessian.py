"""The Hessian model: its critical energy, the law's edge there, the index beyond, samples."""

import numpy as np
import pytest

from deeprmt.nonlinear import critical_energy, hessian_eigenvalues, hessian_law


def test_published_energies():
    found = critical_energy([0.05, 0.1, 0.25, 0.5])
    np.testing.assert_allclose(
        found, [0.1022813962042, 0.08343458848124, 0.04350952641916, 0.01127124296868], rtol=1e-12
    )
    p = np.linspace(0.05, 0.8, 9)
    written_out = (1 - 20 * p - 8 * p * p + (1 + 8 * p) ** 1.5) / 16
    np.testing.assert_allclose(critical_energy(p), written_out, atol=1e-15)
    assert critical_energy(1.0) == 0
    # The leading term at 1: (2/3)^3 ... of (1 - phi)^3, from s = 3: (8/6)^3 4 / 128.
    assert critical_energy(1 - 1e-6) == pytest.approx(2 / 27 * 1e-18, rel=1e-5)


@pytest.mark.parametrize("phi", [0.05, 0.25, 0.5])
def test_the_edge_is_at_zero_there(phi):
    energy = critical_energy(phi)
    assert hessian_law(phi, energy).support()[0][0] == pytest.approx(0, abs=1e-13)
    assert hessian_law(phi, 0.9 * energy).support()[0][0] > 0
    assert hessian_law(phi, 1.1 * energy).support()[0][0] < 0


def test_the_index_grows_with_the_power_three_halves():
    energy = critical_energy(0.25)
    over = np.array([1e-4, 2e-4])
    index = [float(hessian_law(0.25, energy * (1 + each)).cdf(0.0)) for each in over]
    # Corrections are of the order of `over`, the cdf has 1e-12 of 1e-7.
    assert np.log(index[1] / index[0]) / np.log(2) == pytest.approx(1.5, abs=1e-3)


def test_moments_and_samples():
    law = hessian_law(0.5, 0.3)
    assert law.mean() == pytest.approx(1, rel=1e-9)
    assert law.var() == pytest.approx(0.5 + 0.6, rel=1e-9)
    values = hessian_eigenvalues(300, 0.5, 0.3, rng=0)
    # Of one sample the distance is below 5 / n.
    assert law.ks_distance(values) < 5 / 300
    np.testing.assert_array_equal(values, hessian_eigenvalues(300, 0.5, 0.3, rng=0, threads=3))
    assert hessian_law(0.5, 0.0).cdf(0.0) == 0


def test_refuses():
    with pytest.raises(ValueError, match=r"phi must be in \(0, 1\], found 1.5"):
        critical_energy(1.5)
    with pytest.raises(ValueError, match="energy must be finite and at least 0"):
        hessian_law(0.5, -1.0)
    with pytest.raises(ValueError, match="phi must be finite and above 0"):
        hessian_eigenvalues(10, 0.0, 1.0)
    with pytest.raises(ValueError, match="at most n / 1 datum"):
        hessian_eigenvalues(10, 100.0, 1.0)
