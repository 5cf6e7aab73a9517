"""The Hessian model: its critical energy, the law's edge there, the index beyond, samples."""

import numpy as np
import pytest

from deeprmt.errors import ConvergenceError
from deeprmt.laws import Semicircle
from deeprmt.nonlinear import critical_energy, hessian_eigenvalues, hessian_law


def test_published_energies():
    found = critical_energy([0.05, 0.1, 0.25, 0.5])
    np.testing.assert_allclose(
        found, [0.1022813962042, 0.08343458848124, 0.04350952641916, 0.01127124296868], rtol=1e-12
    )
    p = np.linspace(0.05, 0.8, 9)
    written_out = (1 - 20 * p - 8 * p * p + (1 + 8 * p) ** 1.5) / 16
    np.testing.assert_allclose(critical_energy(p), written_out, rtol=0, atol=1e-15)
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


@pytest.mark.parametrize("phi", [1e-3, 0.3, 2.0, 10.0, 1e6])
def test_ends_are_stationary_points_of_the_sum_of_r_transforms(phi):
    """z = 1/g + 1/(1 - phi g) + 2 e g: where the slope is 0, a quartic in g, whose real roots NumPy finds."""
    for energy in (0.01, 1.0, 10.0):
        p = np.poly1d([-phi, 1.0]) ** 2
        g = (np.poly1d([2 * energy, 0, -1.0]) * p + np.poly1d([phi, 0, 0])).roots
        g = g[np.abs(g.imag) < 1e-6 * np.abs(g)].real
        expected = np.sort(1 / g + 1 / (1 - phi * g) + 2 * energy * g)
        found = np.ravel(hessian_law(phi, energy).support())
        # Beside z'' = 0, where a gap closes, roots have half the digits; none of these is there.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * max(1, phi))


def test_a_support_that_is_not_found_is_an_error(monkeypatch):
    """Two bulks, one 1e-9 as wide as the other lies high: free sums may lose an end there, and must not go on."""
    monkeypatch.setattr("deeprmt.nonlinear._hessian.free_add", lambda a, b: Semicircle(1.0))
    with pytest.raises(ConvergenceError, match="phi = 1000, energy = 1e-12: the support was not found") as error:
        hessian_law(1e3, 1e-12)
    np.testing.assert_allclose(error.value.report["expected"][2:], [937.754446796, 1064.245553203], rtol=1e-9)


def test_refuses():
    with pytest.raises(ValueError, match=r"phi must be in \(0, 1\], found 1.5"):
        critical_energy(1.5)
    with pytest.raises(ValueError, match="energy must be finite and at least 0"):
        hessian_law(0.5, -1.0)
    with pytest.raises(ValueError, match="phi must be finite and above 0"):
        hessian_eigenvalues(10, 0.0, 1.0)
    with pytest.raises(ValueError, match="at most n / 1 datum"):
        hessian_eigenvalues(10, 100.0, 1.0)
    with pytest.raises(ValueError, match="phi must be at least 1e-28"):
        hessian_eigenvalues(10, 1e-300, 1.0)
    with pytest.raises(ValueError, match="energy must be at most 1e28"):
        hessian_eigenvalues(10, 0.1, 1e308)
    with pytest.raises(ValueError, match="energy must be 0 or between 1e-28 and 1e28"):
        hessian_law(0.1, 1e-300)
    for phi in (1e-300, 1e300):
        with pytest.raises(ValueError, match="hessian_law: phi must be between 1e-28 and 1e28"):
            hessian_law(phi, 1.0)
    with pytest.raises(ConvergenceError, match="scales differ by more than the equations of free sums resolve"):
        hessian_law(1e20, 1.0)


def test_many_data_cost_nothing():
    """Bartlett's triangle: with energy 0 the spectrum is that of Marchenko and Pastur, here 1 +- 2 phi^(1/2)."""
    for phi in (1e-28, 1e-8, 1e-3):
        values = hessian_eigenvalues(200, phi, 0.0, rng=0)
        # The edge of 200 levels: 1 +- 2 phi^(1/2) to n^(-2/3) of it, and phi.
        spread = max(2 * phi**0.5, 1e-13)
        assert np.abs(values - 1).max() < 1.1 * spread + 2 * phi
        if phi > 1e-20:
            # The sum of 200^2 / 2 squares, each of variance 2 phi / n: five sigma of 1 / 200.
            assert np.mean((values - 1) ** 2) == pytest.approx(phi, rel=0.05)
            assert abs(values.mean() - 1) < 5 * (2 * phi) ** 0.5 / 200


def test_refuses_by_name():
    for arguments, says in (
        ((10**400, 0.5, 0.1), "hessian_eigenvalues: n must be at most"),
        ((10, 1e-40, 0.1), "hessian_eigenvalues: phi must be at least 1e-28"),
    ):
        with pytest.raises(ValueError, match=says):
            hessian_eigenvalues(*arguments)
    with pytest.raises(ValueError, match="hessian_eigenvalues: rng must be"):
        hessian_eigenvalues(3, 0.5, 0.1, rng=-1)
