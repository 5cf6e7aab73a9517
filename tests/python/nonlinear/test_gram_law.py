"""The law of Y Y^T / m, Y = f(W X): published numbers, closed forms, its quartic in many digits, refusals."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.laws import FussCatalan, MarchenkoPastur
from deeprmt.nonlinear import constants, gram_law
from reference.nonlinear.gram_law import density

# (phi, psi, eta, zeta): m_1 .. m_4, edges, the atom at 0; densities at 0.2, 1, 2.5 and (1/n_1) tr (M + 0.1)^-1. From
# 25-digit arithmetic.
TABLE = {
    (1, 1, 1, 0): ((1, 2, 5, 14), (0, 4), 0, (0.69374031330254, 0.2756644477109, 0.1232808888123), 2.7015621187164),
    (1, 1, 1, 0.25): (
        (1, 2.0625, 5.390625, 15.89453125),
        (0, 4.2775432855764),
        0,
        (0.70681626303742, 0.27130243585583, 0.11453820018901),
        2.7480498201336,
    ),
    (1, 1, 1, 0.5): (
        (1, 2.25, 6.625, 22.3125),
        (0, 4.9728294024054),
        0,
        (0.74398852297931, 0.25522424380396, 0.097393048036953),
        2.8877663529689,
    ),
    (1, 1, 1, 0.75): (
        (1, 2.5625, 8.796875, 34.70703125),
        (0, 5.8302629162008),
        0,
        (0.79094164383031, 0.21825102896343, 0.083545319628461),
        3.1748675082094,
    ),
    (1, 1, 1, 1): (
        (1, 3, 12, 55),
        (0, 6.75),
        0,
        (0.64651815429143, 0.17897912748803, 0.074106202832088),
        3.9300273897111,
    ),
    (0.75, 1.5, 1, 0.5): (
        (1, 1.6666666666667, 3.5555555555556, 8.6435185185185),
        (0.07015128204542, 3.5803448016598),
        0,
        (0.9952722855617, 0.37048022869485, 0.11408177294386),
        1.6347191929494,
    ),
    (0.5, 2, 1, 0.3): (
        (1, 1.295, 1.988, 3.397325),
        (0.23177304953058, 2.4686826877895),
        0,
        (0, 0.57359026833223, 0),
        1.1749001473814,
    ),
    (1.5, 0.75, 1, 0.6): (
        (1, 3.48, 15.704, 81.0576),
        (0.12721097064852, 7.617692715434),
        0.5,
        (0.28406158948204, 0.15533652709475, 0.069393978377713),
        5.5008988232639,
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_table(case):
    phi, psi, eta, zeta = case
    moments, edges, atom, densities, trace = TABLE[case]
    law = gram_law(eta, zeta, phi, psi)
    np.testing.assert_allclose([law.moment(k) for k in (1, 2, 3, 4)], moments, rtol=5e-14)
    np.testing.assert_allclose(law.edges, edges, rtol=3e-14, atol=0)
    assert sum(mass for _, mass in law.atoms()) == pytest.approx(atom, abs=1e-15)
    np.testing.assert_allclose(law.pdf([0.2, 1.0, 2.5]), densities, rtol=1e-12)
    assert law.stieltjes(-0.1) == pytest.approx(trace, rel=5e-14)


def test_two_bulks():
    """Edges from bisection of the quartic's discriminant; the lower bulk has the mass 1 - psi."""
    law = gram_law(1.0, 0.99, 0.5, 0.75)
    np.testing.assert_allclose(law.edges, [0.00086822285468, 0.012022440138, 0.015898670482, 6.6221141633], rtol=5e-11)
    np.testing.assert_allclose(law.cdf([0.013, 0.015]), 0.25, rtol=0, atol=1e-14)
    assert law.pdf(0.014) == 0


# Where an algorithm that forms eta - zeta, or the quartic's coefficients, loses digits: (phi, psi, eta - zeta, zeta).
EXTREMES = [
    (1.0, 1.0, 1.0, 1e-12),
    (1.0, 1.0, 1e-12, 1.0),
    (0.5, 0.75, 1e-12, 1.0),
    (0.5, 0.5, 1e-12, 1.0),
    (1.0, 1 + 1e-12, 0.5, 0.5),
    (1 - 1e-6, 1.0, 0.3, 0.7),
    (1 - 1e-12, 2.0, 0.0, 1.0),
    (1 - 1e-12, 1 - 1e-12, 1e-12, 1.0),
    (1e-6, 1.0, 0.5, 0.5),
    (1.0, 1e-6, 0.5, 0.5),
    (1e6, 2e6, 0.5, 0.5),
    (1e6, 1.0, 0.5, 0.5),
    (1e-4, 1e-4, 0.5, 0.5),
]


@pytest.mark.parametrize(
    "case", [case if i in (0, 4) else pytest.param(case, marks=pytest.mark.slow) for i, case in enumerate(EXTREMES)]
)
def test_extremes_match_the_quartic_in_many_digits(case):
    """A bulk of relative width w has a density with rounding 1e-16 / w; a bulk of mass d costs 1 / d."""
    phi, psi, rest, zeta = case
    law = gram_law(rest + zeta, zeta, phi, psi, nonlinearity=rest)
    for low, high in law.support():
        for share in (1e-13, 1e-3, 0.4, 0.99):
            x = low + share * (high - low)
            if x - low < 1e-9 * low:  # x has too few digits itself
                continue
            mass = float(law.cdf(high) - law.cdf(low))
            allowed = 1e-9 if share < 1e-4 else 2e-12 + 3e-14 * high / (high - low) / min(1.0, 10 * mass)
            assert law.pdf(x) == pytest.approx(density(x, rest + zeta, zeta, phi, psi, rest), rel=allowed), (share, x)


@pytest.mark.parametrize("case", EXTREMES)
@pytest.mark.parametrize("side", ["features", "samples"])
def test_extremes_are_laws(case, side):
    """Quantiles invert the distribution function, and the mean is eta or eta phi / psi."""
    phi, psi, rest, zeta = case
    law = gram_law(rest + zeta, zeta, phi, psi, nonlinearity=rest, side=side)
    q = np.array([1e-3, 0.03, 0.4, 0.77, 0.999])
    atom = sum(mass for _, mass in law.atoms())
    x = law.ppf(q)
    high = law.lambda_max
    sharp = 1e-12 + 1e-15 * high * float(np.max(law.pdf(x)))  # what the rounding of x alone makes
    np.testing.assert_allclose(law.cdf(x), np.maximum(q, atom), rtol=0, atol=sharp)
    assert law.cdf(high) == 1
    assert law.expect(lambda x: x) == pytest.approx(law.mean(), rel=1e-9)
    assert law.mean() == pytest.approx((rest + zeta) * (phi / psi if side == "samples" else 1), rel=1e-13)


def test_no_linear_part_is_marchenko_pastur():
    law, same = gram_law(2.0, 0.0, 0.75, 1.5), MarchenkoPastur(0.5, sigma=math.sqrt(2))
    x = np.linspace(0.2, 5.7, 50)
    np.testing.assert_allclose(law.pdf(x), same.pdf(x), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(law.cdf(x), same.cdf(x), rtol=0, atol=1e-14)


def test_linear_is_a_product_of_two_gaussian_matrices():
    law, same = gram_law(1.0, 1.0, 1.0, 1.0), FussCatalan(2)
    x = np.linspace(0.01, 6.7, 50)
    np.testing.assert_allclose(law.pdf(x), same.pdf(x), rtol=1e-12)
    np.testing.assert_allclose(law.cdf(x), same.cdf(x), rtol=0, atol=1e-14)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 20), st.floats(0.05, 20), st.floats(0, 1), st.floats(0.1, 10))
def test_sides_scale_and_moments(phi, psi, ratio, eta):
    """Both Gram matrices have the same trace of every power; eta is a scale; moments are integrals."""
    law = gram_law(eta, ratio * eta, phi, psi)
    other = gram_law(eta, ratio * eta, phi, psi, side="samples")
    unit = gram_law(1.0, ratio, phi, psi)
    for k in (1, 2, 5):
        assert other.moment(k) == pytest.approx(law.moment(k) * phi / psi, rel=1e-12)
        assert law.moment(k) == pytest.approx(eta**k * unit.moment(k), rel=1e-12)
    assert law.expect(lambda x: x * x) == pytest.approx(law.moment(2), rel=1e-9)
    assert law.var() == pytest.approx(law.moment(2) - law.moment(1) ** 2, rel=1e-9)
    x = np.linspace(0.05, 0.95, 5) * law.lambda_max
    np.testing.assert_allclose((1 - other.cdf(x)) * psi, (1 - law.cdf(x)) * phi, rtol=0, atol=1e-12 * (phi + psi))
    np.testing.assert_allclose(law.cdf(x), unit.cdf(x / eta), rtol=0, atol=1e-11)
    z = complex(x[2], 0.3)
    # The transform solves the quartic, in p = (z G - 1) / psi.
    p = (-z * law.stieltjes(z) - 1) / psi
    t = (1 + phi * p) * (1 + psi * p) / (z * psi)
    assert p * (1 - ratio * eta * t) == pytest.approx(eta * t - ratio * eta * eta * (1 - ratio) * t * t, rel=1e-9)


def test_constants_lead_to_the_law():
    law = constants("tanh").gram_law(0.75, 1.5, side="samples")
    assert law.atoms() == [(0.0, 0.5)]
    assert law.nonlinearity == constants("tanh").nonlinearity
    assert pickle.loads(pickle.dumps(law)).pdf(1.0) == law.pdf(1.0)
    assert law.to_dict()["side"] == "samples"


def test_standardised_laws_of_the_ledger():
    """Moments of f / sd f at phi = 3/4, psi = 3/2, ten digits given."""
    expected = {
        "tanh": (2.077182853, 17.94105285),
        "relu": (1.85865324, 12.70802357),
        "abs": (1.5, 5.625),
        "linear": (2.166666667, 20.25462963),
    }
    for name, (second, fourth) in expected.items():
        law = gram_law(1.0, constants(name).ratio, 0.75, 1.5)
        assert law.moment(2) == pytest.approx(second, rel=1e-9)
        assert law.moment(4) == pytest.approx(fourth, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((1.0, 1.1, 1.0, 1.0), "zeta must be at most eta, 1.0, got 1.1"),
        ((0.0, 0.0, 1.0, 1.0), "eta must be finite and above 0"),
        ((1.0, -0.1, 1.0, 1.0), "zeta must be finite and at least 0"),
        ((1.0, 0.5, -1.0, 1.0), "phi must be finite and above 0, got -1.0"),
        ((1.0, 0.5, 1.0, math.inf), "psi must be finite and above 0"),
    ],
)
def test_refuses(arguments, says):
    with pytest.raises(ValueError, match=says):
        gram_law(*arguments)


def test_refuses_words():
    with pytest.raises(ValueError, match="side must be one of 'features', 'samples', got 'rows'"):
        gram_law(1.0, 0.5, 1.0, 1.0, side="rows")
    with pytest.raises(ValueError, match=r"nonlinearity must be eta - zeta, 0\.5, got 0\.4"):
        gram_law(1.0, 0.5, 1.0, 1.0, nonlinearity=0.4)


@pytest.mark.parametrize("shape", [(2.0, 0.5), (1.5, 0.75), (3.0, 1.0)])
@pytest.mark.parametrize("zeta", [3e-17, 1e-16, 3e-16, 1e-15])
def test_a_linear_part_at_rounding_is_none(zeta, shape):
    x = np.linspace(0.01, 10, 50)
    np.testing.assert_allclose(
        gram_law(1.0, zeta, *shape).cdf(x), gram_law(1.0, 0.0, *shape).cdf(x), rtol=0, atol=1e-13
    )


# (phi, psi, eta - zeta, zeta): relative widths of 1e-3 to 4e-8, a bulk of mass 1e-8, a hard edge of a linear f.
NARROW = [
    (1e-6, 1e6, 0.5, 0.5),
    (1e-8, 1e8, 1.0, 0.0),
    (1e-6, 1e-6, 0.5, 0.5),
    (1e8, 1e-3, 1e-12, 1.0),
    (1 - 9e-9, 0.01, 1e-12, 5e11),
    (1.0, 0.4, 0.0, 1.0),
]


@pytest.mark.parametrize("side", ["features", "samples"])
@pytest.mark.parametrize("case", NARROW)
def test_many_quantiles_of_narrow_bulks(case, side):
    """x itself has its rounding alone: 1e-16 of x over the width."""
    phi, psi, rest, zeta = case
    law = gram_law(rest + zeta, zeta, phi, psi, nonlinearity=rest, side=side)
    q = (np.arange(200) + 0.5) / 200
    x = law.ppf(q)
    atom = sum(mass for _, mass in law.atoms())
    off = np.abs(law.cdf(x) - np.maximum(q, atom))
    positive = x > 0
    assert (off[positive] < 1e-12 + 4e-16 * x[positive] * law.pdf(x[positive])).all()
    assert (np.diff(x) >= 0).all()
    assert np.isfinite(law.rvs(50, rng=0)).all()


@pytest.mark.parametrize("case", [NARROW[0], NARROW[2], NARROW[3]])
def test_narrow_bulks_match_the_quartic_at_the_same_doubles(case):
    """No digit is lost though the bulk is 1e-6 of x: the constant is taken off before anything is rounded."""
    phi, psi, rest, zeta = case
    law = gram_law(rest + zeta, zeta, phi, psi, nonlinearity=rest)
    low, high = law.support()[-1]
    x = low + 0.4 * (high - low)
    assert law.pdf(x) == pytest.approx(density(x, rest + zeta, zeta, phi, psi, rest, digits=45), rel=1e-13)


def test_numbers_out_of_range_are_refused_by_name():
    for numbers, says in (((1.0, 0.5, 1e-150, 1.0), "phi must lie"), ((1.0, 0.5, 1.0, 1e300), "psi must lie"),
                          ((1e-200, 0.0, 1.0, 1.0), "eta must lie")):  # fmt: skip
        with pytest.raises(ValueError, match=f"gram_law: {says} between 1e-70 and 1e\\+70"):
            gram_law(*numbers)


@pytest.mark.parametrize(
    ("below", "apart", "rest"),
    [(2.7551867232133986e-08, 1.2945200467129325e-13, 9.301333986052678e-21), (5.016047577299787e-10, -3e-12, 1.3e-28)],
)
def test_narrow_bulks_next_to_a_hard_edge_keep_their_mass(below, apart, rest):
    """phi and psi just below 1, f all but linear: a lower bulk of mass 1 - max(phi, psi), below 1e-26."""
    phi = 1 - below
    law = gram_law(1.0, 1.0, phi, phi * (1 + apart), nonlinearity=rest)
    (low, end), (start, _) = law.support()
    assert 0 < low < end < start
    zeros = sum(mass for _, mass in law.atoms())
    expected = (1 - max(law.phi, law.psi)) * min(1.0, law.psi / law.phi)
    assert law.cdf(math.sqrt(end * start)) == pytest.approx(zeros + expected, rel=1e-9)
    # The density near 0 is a power: what rounding of the masses leaves of 1.
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-11)
    assert law.expect(lambda x: x) == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize(("phi", "psi"), [(1e-4, 1e-4), (3e-4, 3e-4), (1.37e-5, 2.5e-4), (1e-60, 1e-9)])
def test_linear_features_of_few_inputs(phi, psi):
    """Where both ratios are small X X^T / m is near 1: of n0 eigenvalues psi x is near 1 as well."""
    law = gram_law(1.0, 1.0, phi, psi)
    (low, high), (atom,) = law.support()[0], law.atoms()
    assert len(law.support()) == 1
    assert atom == (0.0, pytest.approx(1 - psi, rel=1e-14))
    # The free product's ends are at (1 +- 2 (phi + psi)^(1/2) + O(phi + psi)) / psi.
    spread = 2 * math.sqrt(phi + psi)
    np.testing.assert_allclose([low * psi, high * psi], [1 - spread, 1 + spread], rtol=0, atol=3 * (phi + psi))
    assert law.mean() == pytest.approx(1.0, rel=1e-13)
    assert law.cdf(law.ppf(1 - psi / 3)) == pytest.approx(1 - psi / 3, rel=1e-13)


def test_hardly_any_nonlinearity_is_none():
    linear = gram_law(1.0, 1.0, 1e-4, 1e-4)
    for rest in (1e-300, 1e-90):
        law = gram_law(1.0, 1.0, 1e-4, 1e-4, nonlinearity=rest)
        assert law.support() == linear.support()
        assert law.atoms() == linear.atoms()
    two = gram_law(1.0, 1.0, 1e-4, 1e-4, nonlinearity=1e-60).support()
    assert two[0] == (0.0, pytest.approx(3.9996e-60, rel=1e-12))  # 4 (1 - c) of the nonlinearity
    assert two[1] == pytest.approx(linear.support()[0], rel=1e-15)
