"""The law of Fisher matrices: blocks written out, networks of two sizes, exact constants, what is refused."""

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from deeprmt.nonlinear import FisherLaw, constants, fisher_law, fisher_matrix
from reference.nonlinear import fisher as reference


@pytest.mark.parametrize("sizes", [(18, 18, 18), (24, 12, 18), (12, 18, 24)])
@pytest.mark.parametrize("name", ["linear", "relu"])
def test_is_the_law_of_the_blocks(name, sizes):
    n0, n1, n2 = sizes
    rng = np.random.default_rng(3)
    w1, w2 = rng.normal(size=(n1, n0)) / n0**0.5, rng.normal(size=(n2, n1)) / n1**0.5
    law = fisher_law(name, inputs=n0 / n1, outputs=n2 / n1)
    values = np.linalg.eigvalsh(reference.leading_part(w1, w2, law.eta, law.zeta, law.slope, law.slope_variance))
    # Singular values of both factors are rigid: distribution functions are off by some 1 / n each, which add up.
    for location, mass in law.atoms():
        assert np.mean(np.abs(values - location) < 1e-9) == pytest.approx(mass, abs=1e-12)
    assert law.ks_distance(values) < 3 / min(sizes)
    assert np.mean(values) == pytest.approx(float(law.mean()), rel=0.15)


def _second_moment(f, n, rng):
    """tr F^2 / p, F of infinitely many samples, from products of two independent halves: no bias of few samples."""
    w1, w2 = rng.normal(size=(n, n)) / n**0.5, rng.normal(size=(n, n)) / n**0.5
    halves = [fisher_matrix(w1, w2, rng.normal(size=(1500, n)), activation=f, threads=1) for _ in range(2)]
    return np.array([np.mean(np.diag(halves[0])), np.sum(halves[0] * halves[1]) / halves[0].shape[0]])


def test_is_where_networks_tend_to():
    """Deviations are of order 1 / n, here of 5 % and 14 %: two sizes take them off."""
    law = fisher_law("tanh", standardize=False)
    rng = np.random.default_rng(5)
    found = {n: np.array([_second_moment("tanh", n, rng) for _ in range(40 if n == 6 else 20)]) for n in (6, 12)}
    limit = 2 * found[12].mean(0) - found[6].mean(0)
    error = np.sqrt(sum(c * found[n].var(0, ddof=1) / len(found[n]) for n, c in ((12, 4), (6, 1))))
    expected = [float(law.moment(k)) for k in (1, 2)]
    assert (np.abs(limit - expected) < 5 * error).all()
    assert (error < 0.12 * np.array(expected)).all()


def test_linear_networks_have_sums():
    """u + v, both Marchenko-Pastur of aspect 1: density 1 / pi at 0, 1 / pi^2 at 4, an elliptic integral between."""
    law = fisher_law("linear")
    assert law.zero_fraction == 0.5
    assert law.support() == [(0.0, 8.0)]
    assert 2 * law.pdf(4.0) == pytest.approx(1 / math.pi**2, rel=1e-13)
    assert 2 * law.pdf(1e-12) == pytest.approx(1 / math.pi, rel=1e-11)
    # In polar coordinates of both singular values, on quarter circles of radius 2.
    for x in (0.5, 3.0):
        r = integrate.quad(
            lambda t, x=x: math.sqrt((4 - x * math.cos(t) ** 2) * (4 - x * math.sin(t) ** 2)), 0, math.pi / 2
        )
        assert 2 * law.pdf(x) == pytest.approx(r[0] / (2 * math.pi**2), rel=1e-12)
    # Moments are sums of products of Catalan numbers.
    catalan = [special.comb(2 * k, k, exact=True) // (k + 1) for k in range(7)]
    for k in range(1, 7):
        expected = sum(math.comb(k, j) * catalan[j] * catalan[k - j] for j in range(k + 1)) / 2
        assert law.moment(k) == pytest.approx(expected, rel=1e-14)
    # n1^2 directions are flat if n1 is the least size, of n1 (n0 + n2).
    assert fisher_law("linear", inputs=9 / 4, outputs=7 / 4).zero_fraction == pytest.approx(4 / 16, abs=1e-15)


@pytest.mark.parametrize("name", ["abs", "square", "cos"])
def test_even_units_have_two_eigenvalues(name):
    """Variances of f' and of f: for (h^2 - 1) / sqrt(2) they are 2 and 1."""
    law = fisher_law(name, outputs=0.6)
    f = constants(name)
    assert law.support() == []
    expected = sorted([(1.0, 0.6 / 1.6), (0.6 * f.eta_prime / f.eta, 1 / 1.6)])
    np.testing.assert_allclose(law.atoms(), expected, rtol=1e-13)


def test_steps_leave_the_first_layer_without_effect():
    law = fisher_law("sign")
    assert law.zero_fraction == 0.5
    # Beside it K: 1 - 2 / pi and 2 / pi times Marchenko-Pastur.
    assert law.support()[0] == pytest.approx((1 - 2 / math.pi, 1 + 6 / math.pi), rel=1e-14)


@pytest.mark.parametrize(("name", "inputs", "outputs"), [("tanh", 1.3, 0.7), ("relu", 1.0, 1.0), ("gelu", 0.5, 1e3)])
def test_methods_agree(name, inputs, outputs):
    law = fisher_law(name, inputs=inputs, outputs=outputs)
    low, high = law._hull()
    q = np.array([0.05, 0.3, 0.62, 0.95])
    x = law.ppf(q)
    atoms = dict(law.atoms())
    smooth = ~np.isin(x, [*atoms, *law._singular_points()])
    np.testing.assert_allclose(law.cdf(x)[smooth], q[smooth], rtol=0, atol=1e-13)
    np.testing.assert_allclose(law.cdf(x) + law.sf(x), 1, rtol=0, atol=1e-13)
    # Quadrature loses half the digits next to a density that is infinite away from 0.
    for k in (0, 2):
        assert law.expect(lambda x, k=k: x**k) == pytest.approx(float(law.moment(k)), rel=1e-7)
    assert law.expect(lambda x: (x - law.mean()) ** 2) == pytest.approx(float(law.var()), rel=1e-7)
    np.testing.assert_allclose(law.stieltjes(x[smooth]).imag / np.pi, law.pdf(x[smooth]), rtol=1e-9)
    for z in (-0.1, high + 0.1, complex(x[1], 0.3)):
        assert abs(law.stieltjes(z) - law.expect(lambda x, z=z: 1 / (x - z))) < 1e-7
    again = pickle.loads(pickle.dumps(law))
    assert again.cdf(1.0) == law.cdf(1.0)
    assert json.loads(json.dumps(law.to_dict()))["activation"] == name
    assert low >= 0


@settings(max_examples=12, deadline=None)
@given(
    zeta=st.floats(0, 1),
    rest=st.floats(1e-6, 1),
    slope=st.floats(-2, 2),
    more=st.floats(0, 2),
    inputs=st.floats(1e-3, 1e3),
    outputs=st.floats(1e-3, 1e3),
)
@example(0.5, 1.0, 2.0**-23, 1.0, 1.0, 6.0)
def test_is_a_law_whatever_the_numbers(zeta, rest, slope, more, inputs, outputs):
    law = FisherLaw(zeta, rest, slope, more, inputs, outputs, "f")
    low, high = law._hull()
    x = np.concatenate([np.linspace(low, high, 33), np.ravel(law.support()), [each for each, _ in law.atoms()]])
    below, above = law.cdf(x), law.sf(x)
    assert (np.diff(below[np.argsort(x)]) >= -1e-12).all()
    np.testing.assert_allclose(below + above, 1, rtol=0, atol=1e-11)
    assert law.cdf(high) == pytest.approx(1, abs=1e-12)
    assert (law.pdf(x) >= 0).all()
    assert low * (1 - 1e-12) <= law.mean() <= high * (1 + 1e-12)
    assert sum(mass for _, mass in law.atoms()) <= 1 + 1e-12


def test_refuses():
    with pytest.raises(ValueError, match="fisher_law: inputs must be from 1e-08 to 1e\\+08, got 1e-09"):
        fisher_law(inputs=1e-9)
    with pytest.raises(ValueError, match="fisher_law: outputs must be finite and above 0, got 0"):
        fisher_law(outputs=0)
    with pytest.raises(TypeError, match="fisher_law: standardize must be True or False, got 1"):
        fisher_law(standardize=1)
    with pytest.raises(TypeError, match="fisher_law: activation must be a name"):
        fisher_law(3)
    with pytest.raises(ValueError, match="must not be constant"):
        fisher_law(lambda h: 0 * h)
