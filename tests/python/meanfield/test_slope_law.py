import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from deeprmt.activations import Activation, as_activation, elu, names
from deeprmt.laws import Discrete, squared_slope
from deeprmt.meanfield import gauss_moment, slope_law

# Computed independently in 30 digits: q, P(phi' <= 1/2) of tanh and erf_unit, P(phi' = 0) of hard_tanh, E phi' of tanh.
published = [
    (0.2, 0.0487454689538, 0.0356720866056, 0.0253473186775, 0.85281818249),
    (0.5, 0.212599058437, 0.183991545222, 0.15729920705, 0.726323692063),
    (1.0, 0.378115648859, 0.347506280736, 0.317310507863, 0.605705509602),
    (2.0, 0.533136517574, 0.506509538438, 0.479500122187, 0.480024254336),
]
bent = [name for name in names if as_activation("test", name).slopes is None]


@pytest.mark.parametrize(("q", "tanh", "erf_unit", "hard_tanh", "mean"), published)
def test_values_of_histograms(q, tanh, erf_unit, hard_tanh, mean):
    # The digits printed above.
    assert slope_law("tanh", q).cdf(0.5) == pytest.approx(tanh, rel=2e-12)
    assert slope_law("tanh", q, squared=True).cdf(0.25) == pytest.approx(tanh, rel=2e-12)
    assert slope_law("erf_unit", q).cdf(0.5) == pytest.approx(erf_unit, rel=2e-12)
    assert slope_law("hard_tanh", q).cdf(0.0) == pytest.approx(hard_tanh, rel=2e-12)
    assert slope_law("tanh", q).mean() == pytest.approx(mean, rel=2e-12)
    numeric = slope_law(Activation(np.tanh), q)  # the same by bisection, from phi alone
    assert numeric.cdf(0.5) == pytest.approx(tanh, rel=2e-12)


@pytest.mark.parametrize("name", bent)
@pytest.mark.parametrize("squared", [False, True])
def test_density_distribution_and_moments_agree(name, squared):
    for q in (0.3, 4.0):
        law = slope_law(name, q, squared=squared)
        ((low, high),) = law.support()
        x = low + (high - low) * np.array([0.07, 0.3, 0.62, 0.9])
        step = 1e-6 * (high - low)
        slope = (law.cdf(x + step) - law.cdf(x - step)) / (2 * step)
        # Differences: 1e-16 / 1e-6 from rounding, and more from the third derivative near an edge.
        np.testing.assert_allclose(law.pdf(x), slope, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(law.cdf(x) + law.sf(x), 1, rtol=1e-13)
        np.testing.assert_allclose(law.cdf(law.ppf(np.array([0.1, 0.5, 0.9]))), [0.1, 0.5, 0.9], rtol=1e-12)
        for k in (1, 2, 3):
            power = 2 * k if squared else k
            assert law.moment(k) == pytest.approx(
                gauss_moment(name, q, power=power, derivative=True), rel=1e-12, abs=1e-15
            )


@pytest.mark.parametrize(
    "activation", ["tanh", "gelu", "cos", elu(2.0), Activation(lambda h: h * np.clip(h / 6 + 0.5, 0, 1))]
)
def test_slopes_of_gaussians_follow_it(activation):
    q = 1.7
    h = math.sqrt(q) * np.random.default_rng(3).normal(size=2000)
    law = slope_law(activation, q)
    # Kolmogorov: a distance above 2 / sqrt(n) has a chance of 7e-4; the seed is fixed.
    slopes = as_activation("test", activation).dphi(h)
    assert law.ks_distance(slopes) < 2 / math.sqrt(2000)
    assert law.ks_distance(law.rvs(2000, rng=1)) < 2 / math.sqrt(2000)


def test_linear_stretches_are_atoms():
    law = slope_law(elu(2.0), 0.8)
    assert law.atoms() == [(1.0, 0.5)]
    assert law.support()[0] == pytest.approx((0, 2))
    hard_swish = Activation(lambda h: h * np.clip(h / 6 + 0.5, 0, 1))
    mass = stats.norm.sf(3 / 2)
    for given_slope in (None, lambda h: np.where(h > 3, 1.0, np.where(h > -3, h / 3 + 0.5, 0.0))):
        atoms = slope_law(Activation(hard_swish.phi, given_slope), 4.0).atoms()
        np.testing.assert_allclose(atoms, [(0, mass), (1, mass)], rtol=1e-11)


@given(st.floats(1e-3, 1e3), st.sampled_from(names))
@settings(max_examples=25, deadline=None)
def test_mass_is_one_and_grows(q, name):
    if name in ("sin", "cos") and q > 100:
        return
    law = slope_law(name, q)
    low, high = law._hull()
    x = np.linspace(low, high, 21)
    below = law.cdf(x)
    assert (np.diff(below) >= -1e-14).all()
    assert below[-1] == pytest.approx(1, abs=1e-14)
    assert law.sf(low - 1) == 1


def test_small_masses_keep_their_digits():
    law = slope_law("hard_tanh", 1 / 64)
    assert isinstance(law, Discrete)
    assert law.masses[0] == pytest.approx(1.2441921148543478e-15, rel=1e-13)
    assert slope_law("hard_tanh", 0.0).atoms() == [(1.0, 1.0)]
    assert slope_law("relu", 0.0).atoms() == [(0.0, 0.5), (1.0, 0.5)]
    tanh = slope_law("tanh", 0.01)
    assert tanh.cdf(0.2) == pytest.approx(2 * stats.norm.sf(math.acosh(math.sqrt(5)) / 0.1), rel=1e-10)
    assert tanh.sf(1 - 1e-12) == pytest.approx(2 * stats.norm.cdf(1e-5) - 1, rel=1e-4)  # 1e-12 is rounded


def test_expectations_and_names():
    law = slope_law("tanh", 0.5, squared=True)
    z = 0.3 + 0.2j
    assert law.expect(lambda x: 1 / (x - z)) == pytest.approx(law.stieltjes(z), rel=1e-10)
    assert law == squared_slope("tanh", 0.5)
    assert repr(slope_law("gelu", 0.5, squared=True)) == "SlopeLaw('gelu', q=0.5, squared=True)"
    cube = slope_law(Activation(lambda h: h**3, lambda h: 3 * h * h), 1.0)
    assert cube.support() == [(0.0, math.inf)]
    assert cube.cdf(3.0) == pytest.approx(2 * stats.norm.cdf(1) - 1, rel=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: slope_law("tanh", -1), ValueError, "q must be finite and at least 0"),
        (lambda: slope_law("tanh", math.inf), ValueError, "q must be finite"),
        (lambda: slope_law("tanh", 1, squared="yes"), TypeError, "squared must be True or False"),
        (lambda: slope_law("tan", 1), ValueError, "one of abs"),
        (lambda: slope_law("tanh", 1.0).expect(3), TypeError, "function must be callable"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


@pytest.mark.parametrize("name", ["tanh", "erf_unit", "arctan"])
def test_narrow_gaussians(name):
    """phi' = 1 - c h^2: at q = 0 the point 1, and 1 - c q chi^2 before that, to what rounding next to 1 leaves."""
    assert slope_law(name, 0.0).atoms() == [(1.0, 1.0)]
    assert slope_law(name, 1e-30, squared=True).cdf([1 - 1e-15, 1.0]).tolist() == [0, 1]
    c = {"tanh": 1, "erf_unit": math.pi / 4, "arctan": 1}[name]
    for q in (1e-15, 1e-14, 1e-13, 1e-10):
        law = slope_law(name, q)
        # A step of 1.1e-16 in x, and the density there: 0.3 / (c q).
        assert law.cdf(1 - c * q) == pytest.approx(2 * stats.norm.sf(1), abs=0.5 * 1.2e-16 / q + 1e-9)
        assert law.ppf(0.5) == pytest.approx(
            1 - c * q * stats.norm.ppf(0.75) ** 2, abs=5e-16
        )  # phi' has rounding of its own
    two = slope_law(elu(2.0), 0.0)
    assert two.atoms() == [(1.0, 0.5), (2.0, 0.5)]


@pytest.mark.parametrize("q", [1e-12, 1e-8, 1e-6, 0.1])
def test_the_stieltjes_transform_of_narrow_laws(q):
    h, weights = np.polynomial.hermite_e.hermegauss(150)
    x = 1 / np.cosh(h * math.sqrt(q)) ** 4
    for z in (0.3 + 0.5j, -0.5, 1 - 0.3j if q < 1e-3 else -1j):
        exact = np.sum(weights / (x - z)) / math.sqrt(2 * math.pi)
        assert abs(slope_law("tanh", q, squared=True).stieltjes(z) - exact) < 2e-14 * abs(exact)


def test_wide_gaussians_under_periodic_slopes():
    """cos^2 of a phase that is uniform: the arcsine law, with a distribution function 2 asin(sqrt x) / pi."""
    x = np.array([1e-6, 0.2, 0.5, 0.9])
    law = slope_law("sin", 1e8, squared=True)
    np.testing.assert_allclose(law.cdf(x), 2 / math.pi * np.arcsin(np.sqrt(x)), rtol=1e-9)
    np.testing.assert_allclose(law.pdf(x), 1 / (math.pi * np.sqrt(x * (1 - x))), rtol=1e-9)
    plain = slope_law("sin", 1e8)
    np.testing.assert_allclose(plain.cdf([-0.5, 0.0, 0.5]), [1 / 3, 1 / 2, 2 / 3], rtol=1e-10)
    assert law.mean() == pytest.approx(0.5, rel=1e-12)
    assert slope_law("cos", 76.0).cdf(1.0) == pytest.approx(1, abs=1e-15)  # all of the period


@pytest.mark.parametrize(("name", "q"), [("gelu", 1e-6), ("swish", 0.3), ("arctan", 1e-4)])
def test_the_stieltjes_transform_close_to_the_law(name, q):
    """Less than a hundredth of its width above it."""
    law = slope_law(name, q, squared=True)
    h = np.linspace(-9, 9, 40001)
    h, weights = math.sqrt(q) * h, np.exp(-h * h / 2)
    values = as_activation("test", name).dphi(h) ** 2
    weights /= weights.sum()
    low, high = np.quantile(values, [0.2, 0.8])
    z = (low + high) / 2 + 0.008j * (values.max() - values.min())
    # The trapezoidal rule errs by exp(-2 pi d / step), d the pole's distance: above 0.003 where steps are 0.00045.
    assert law.stieltjes(z) == pytest.approx(np.sum(weights / (values - z)), rel=1e-9)
    assert law.stieltjes(z.conjugate()) == pytest.approx(law.stieltjes(z).conjugate(), rel=1e-14)


# E 1 / (phi'(h) - z) by Gauss panels that narrow geometrically towards the poles and the turns, in 30 digits.
beside_edges = [
    ("gelu", 3.0, False, -0.13890414518515487, 11.166928610367604),
    ("gelu", 3.0, False, -0.12990414518515486, 35.907714383359384),
    ("gelu", 3.0, False, 1.1289142 + 1e-05j, -279.3456900976011 + 115.274140138688j),
    ("swish", 1.0, False, -0.100839320128867, 12.661788654380882),
    ("swish", 1.0, False, -0.099840320128867, 331.78662131563675),
    ("swish", 1.0, False, -0.0988 + 1e-06j, 2.4121762463285674 + 10.396145865849599j),
    ("swish", 1.0, False, 1.0998403, -335.15257338059473),
    ("swish", 1.0, True, -1e-09, 80357.07042452863),
    ("swish", 1.0, True, 1e-06 + 1e-06j, 811.558883486107 + 1974.3224621501574j),
    ("gelu", 1.0, True, -1e-12, 2248468.275828804),
    ("gelu", 1.0, True, 1.2745 + 1e-06j, -77.62715209675464 + 0.513995844045434j),
    ("sin", 1.0, True, 1.000000001, -40202.80324957797),
    ("sin", 1.0, True, 1.000000000001, -1271284.47043072),
]


@pytest.mark.parametrize(("name", "q", "squared", "z", "exact"), beside_edges)
def test_the_stieltjes_transform_beside_edges(name, q, squared, z, exact):
    law = slope_law(name, q, squared=squared)
    ((low, high),) = law.support()
    # phi' is known to two steps of doubles, and a shift by that changes m, which goes like the inverse root of the
    # distance, by half of its share in the distance; 0 and 1 are exact.
    distance = min(abs(z - low), abs(z - high))
    shift = 0.0 if (low == 0 and abs(z) < 0.1) or high == 1 else 2 * np.spacing(1.0)
    assert abs(law.stieltjes(z) - exact) <= (2e-13 + shift / distance) * abs(exact)


@pytest.mark.parametrize(("name", "squared"), [("gelu", False), ("sin", True), ("swish", True), ("tanh", False)])
def test_within_1e_12_of_an_edge_slopes_go_like_an_inverse_root(name, squared):
    law = slope_law(name, 1.0, squared=squared)
    for end, outwards in zip(law.support()[0], (-1, 1), strict=True):
        if name == "tanh" and end == 0:  # there no density is left
            continue
        steps = np.array([2.0**-40, 2.0**-42])
        outside, inside = law.stieltjes(end + outwards * steps), law.stieltjes(end - outwards * steps)
        # m = c / sqrt(distance) + O(1); twice the distance to rounding of the end: 2^-53 / 2^-42. Inside it is turned
        # by i.
        gap = np.abs(end + outwards * steps - end) / steps
        np.testing.assert_allclose(gap, 1, rtol=0)
        assert abs(outside[1] / outside[0]) == pytest.approx(2, rel=1e-5)
        np.testing.assert_allclose(inside.imag, np.abs(outside), rtol=1e-5)
        np.testing.assert_allclose(law.pdf(end - outwards * steps), inside.imag / np.pi, rtol=1e-6)
        assert law.stieltjes(end) == complex(np.inf, 0)


def test_turns_at_kinks_and_of_higher_order():
    # phi' = 3 h^2 above 0: E 1 / (3 h^2 + t) is that of the whole line, and the atom at 0 has -1 / z for its half.
    t = 1e-9
    cube = slope_law("cube", 1.0)
    # E 1 / (h^2 + a^2) = sqrt(pi / 2) erfcx(a / sqrt 2) / a
    a = math.sqrt(t / 3)
    whole = math.sqrt(math.pi / 2) * special.erfcx(a / math.sqrt(2)) / a / 3
    assert cube.stieltjes(-t) == pytest.approx(whole, rel=1e-12)
    half = slope_law("rectified_power(3)", 1.0)
    assert half.stieltjes(-t) == pytest.approx(whole / 2 + 0.5 / t, rel=1e-12)
    # 1 / (9 h^4 + t^2) = Im 1 / (3 h^2 - i t) / t
    a2 = np.sqrt(-1j * t / 3)
    fourth = (math.sqrt(math.pi / 2) * special.erfcx(a2 / math.sqrt(2)) / a2 / 3).imag / t
    assert slope_law("cube", 1.0, squared=True).stieltjes(-(t**2)) == pytest.approx(fourth, rel=1e-12)


def test_used_laws_can_be_sent():
    law = slope_law("gelu", 1.0)
    m = law.stieltjes(0.3)
    assert pickle.loads(pickle.dumps(law)).stieltjes(0.3) == m
