import numpy as np
import pytest

from deeprmt import _core
from deeprmt.tails._alternatives import ALTERNATIVES
from reference.tails import alternatives as reference


def tails():
    """Logarithms of values over xmin: thin and heavy tails, near a power law, far from one, tiny and long."""
    rng = np.random.default_rng(1)
    for n in (5, 40, 300):
        yield np.log1p(rng.exponential(size=n))
        yield np.abs(rng.normal(size=n))
        yield rng.random(n)
        yield 1e-6 * rng.random(n)
        yield 60 * rng.random(n) ** 2
        yield np.log(np.linspace(1, 4, n))
        yield rng.exponential(size=n) * (1 - 1e-3 * rng.random(n))


@pytest.mark.parametrize("name", sorted(ALTERNATIVES))
def test_as_the_reference(name):
    compared = 0
    for u in tails():
        found, expected = ALTERNATIVES[name](u, 1.5), reference.ALTERNATIVES[name](u, 1.5)
        assert found.boundary == expected.boundary
        # The likelihood is flat at its maximum: values agree to rounding of sums over at most 300, each about 1 to 60;
        # parameters to its root, worst where the width of a lognormal law runs away.
        np.testing.assert_allclose(found.log_density.sum(), expected.log_density.sum(), rtol=1e-9, atol=1e-9 * u.size)
        np.testing.assert_allclose(found.log_density, expected.log_density, rtol=1e-5, atol=1e-5)
        compared += not found.boundary
    assert compared > 5


def test_the_likelihood_is_stationary():
    """Where a density is proportional to exp(-theta u - kappa g), its means of u and g are those of the data."""
    u = np.random.default_rng(2).random(200) * 3
    nodes = np.linspace(0, 40, 400_001)
    for truncated, g in ((False, lambda v: (v / u.max()) ** 2), (True, lambda v: np.expm1(v) / np.expm1(u.max()))):
        theta, kappa, gain, log_density = _core.tails.fit_bent(u, truncated)
        assert gain == 0
        with np.errstate(over="ignore"):
            weight = np.exp(-theta * nodes - kappa * g(nodes))
        features = np.where(weight > 0, g(np.where(weight > 0, nodes, 0.0)), 0.0)
        total = np.trapezoid(weight, nodes)
        # The trapezoidal rule at steps of 1e-4 is off by about 1e-9.
        assert np.trapezoid(weight * nodes, nodes) / total == pytest.approx(u.mean(), rel=1e-7)
        assert np.trapezoid(weight * features, nodes) / total == pytest.approx(g(u).mean(), rel=1e-7)
        np.testing.assert_allclose(log_density, -theta * u - kappa * g(u) - np.log(total), rtol=0, atol=1e-7)


def test_scale_of_u_is_a_power():
    """exp(c u) has a stretched exponential law with the shape over c."""
    u = np.random.default_rng(3).random(100)
    assert _core.tails.stretched_shape(3 * u) == pytest.approx(_core.tails.stretched_shape(u) / 3, rel=1e-13)


@pytest.mark.parametrize("bad", [np.zeros(3), np.array([1.0]), np.array([0.0, np.inf]), np.empty(0)])
def test_refuses(bad):
    for truncated in (False, True):
        with pytest.raises(ValueError, match="fit_bent: "):
            _core.tails.fit_bent(bad, truncated)
    with pytest.raises(ValueError, match="stretched_shape: "):
        _core.tails.stretched_shape(bad)
