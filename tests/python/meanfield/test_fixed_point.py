import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeprmt.activations import Activation, names
from deeprmt.errors import ConvergenceError
from deeprmt.meanfield import critical_point, fixed_point, gauss_moment
from reference.meanfield import fixed_point as reference

# Computed independently in 30 digits: activation, sigma_w, sigma_b, q_star, chi, mu1, mu2.
fixed_points = [
    ("tanh", 1.5, 0.3, 0.96084427974044, 1.0609812641409, 0.47154722850708, 0.34753226127659),
    ("tanh", 1.3, 0, 0.40898322565136, 1.0643691710289, 0.62980424321234, 0.49250230876245),
    ("tanh", 1.05, 0.05, 0.074154593251881, 0.97121590993757, 0.88092146026083, 0.79555739465002),
    ("tanh", 2, 0.5, 2.4797104610986, 1.2722295538025, 0.31805738845062, 0.22529453295149),
    ("erf_unit", 1.5, 0.3, 1.0543285143866, 1.0835014816734, 0.48155621407706, 0.3621538743475),
    ("erf_unit", 1.3, 0, 0.475036528152, 1.0704843849378, 0.63342271298093, 0.5009563283327),
    ("erf_unit", 2, 0.5, 2.6342542619311, 1.3133648350239, 0.32834120875598, 0.23869470541888),
    ("erf", 1.5, 0.3, 1.2191689527617, 1.181753153978, 0.5252236239902, 0.49436568043247),
    ("erf", 1, 0.1, 0.18190923734853, 0.96868790394904, 0.96868790394904, 1.0345947344941),
    ("hard_tanh", 1.5, 0.3, 1.3937185148296, 1.3568320428253, 0.60303646347789, 0.60303646347789),
    ("hard_tanh", 1.3, 0.1, 0.80976126238133, 1.2396994256021, 0.7335499559776, 0.7335499559776),
    ("hard_tanh", 2, 0.5, 3.0747242561929, 1.7260800310843, 0.43152000777109, 0.43152000777109),
    ("relu", 1.2, 0.3, 0.32142857142857, 0.72, 0.5, 0.5),
    ("linear", 0.8, 0.6, 1.0, 0.64, 1.0, 1.0),
]
# Activation, q_star, sigma_w, sigma_b, mu2 / mu1^2 - 1.
critical_by_variance = [
    ("tanh", 0.015625, 1.0151637852089, 0.0021566949867944, 0.0016893702560059),
    ("tanh", 0.2, 1.1516998861217, 0.06910990296631, 0.10360044295838),
    ("tanh", 0.5, 1.2992209668019, 0.19504153688707, 0.299244126552),
    ("tanh", 1, 1.4674135916308, 0.38854167006713, 0.58347994136746),
    ("tanh", 2, 1.6914970883801, 0.71572686661548, 1.0405230857787),
    ("erf_unit", 0.015625, 1.012052206842, 0.001729054416896, 0.001096478972884),
    ("erf_unit", 0.2, 1.1296264202702, 0.062449492779447, 0.083948146510217),
    ("erf_unit", 0.5, 1.2662425922607, 0.18725963751042, 0.26323450520826),
    ("erf_unit", 1, 1.4265659222667, 0.38517622838695, 0.53464066387526),
    ("erf_unit", 2, 1.6427835294966, 0.72152881294996, 0.97737719571964),
    ("erf", 0.015625, 0.89976102186272, 0.0021873346523649, 0.0017346066809423),
    ("erf", 0.2, 1.026509722144, 0.075024327373408, 0.11631261130288),
    ("erf", 0.5, 1.1663402261672, 0.21575485844227, 0.34164078649987),
    ("erf", 1, 1.3252183528612, 0.42911499368753, 0.66666666666667),
    ("erf", 2, 1.5349900619197, 0.78042115104447, 1.182820625327),
    ("hard_tanh", 0.015625, 1.0, 4.3446122991432e-9, 1.2441921148544e-15),
    ("hard_tanh", 0.2, 1.0129197964683, 0.063601736899987, 0.02600651407748),
    ("hard_tanh", 0.5, 1.0893396180323, 0.24420297864996, 0.1866608034148),
    ("hard_tanh", 1, 1.2102870624325, 0.49404466572939, 0.46479477349154),
    ("hard_tanh", 2, 1.3860844267009, 0.87585012960484, 0.92123003794283),
]
# Activation, sigma_b, sigma_w, q_star.
critical_by_bias = [
    ("tanh", 0.05, 1.1225390047696, 0.15369193582122),
    ("tanh", 0.1, 1.1934007250243, 0.27330091345823),
    ("tanh", 0.3, 1.3955839751549, 0.76347476691046),
    ("tanh", 0.5, 1.5496739125082, 1.3179389989721),
    ("erf_unit", 0.05, 1.1119937554639, 0.16838806830988),
    ("erf_unit", 0.1, 1.1765658227768, 0.29166933652863),
    ("erf_unit", 0.3, 1.362298412957, 0.77801464020301),
    ("erf_unit", 0.5, 1.5058474964453, 1.3184089944043),
    ("erf", 0.05, 0.99368629035443, 0.14514586166968),
    ("erf", 0.1, 1.0555946491925, 0.25320965633114),
    ("erf", 0.3, 1.233672505839, 0.688771269465),
    ("erf", 0.5, 1.3713304703234, 1.1832724388954),
    ("hard_tanh", 0.05, 1.0088534851738, 0.17705153146942),
    ("hard_tanh", 0.1, 1.0257003506928, 0.25914622033348),
    ("hard_tanh", 0.3, 1.1161449996557, 0.60156743963817),
    ("hard_tanh", 0.5, 1.2131478471953, 1.0133796617345),
]
# The digits printed above.
digits = 2e-13


@pytest.mark.parametrize(("name", "sigma_w", "sigma_b", "q_star", "chi", "mu1", "mu2"), fixed_points)
def test_fixed_points(name, sigma_w, sigma_b, q_star, chi, mu1, mu2):
    point = fixed_point(name, sigma_w, sigma_b)
    found = [point.q_star, point.chi, point.mu1, point.mu2]
    np.testing.assert_allclose(found, [q_star, chi, mu1, mu2], rtol=digits)
    # The map sends the fixed point to itself, and its slope there is that of the map.
    image = [sigma_w**2 * gauss_moment(name, q) + sigma_b**2 for q in q_star * np.array([1, 1 + 1e-5, 1 - 1e-5])]
    assert image[0] == pytest.approx(q_star, rel=digits)
    assert point.chi_q == pytest.approx((image[1] - image[2]) / (2e-5 * q_star), abs=1e-8)


@pytest.mark.parametrize(("name", "q_star", "sigma_w", "sigma_b", "spread"), critical_by_variance)
def test_critical_line_by_variance(name, q_star, sigma_w, sigma_b, spread):
    point = critical_point(name, q_star=q_star)
    np.testing.assert_allclose([point.sigma_w, point.sigma_b], [sigma_w, sigma_b], rtol=digits)
    there = fixed_point(name, point.sigma_w, point.sigma_b, q0=q_star)
    assert there.chi == pytest.approx(1, abs=1e-12)
    assert there.phase == "critical"
    # hard_tanh at 1/64 has 1 - mu1 = 1.2e-15, which a double of mu1 carries to one digit.
    assert there.slope_variance == pytest.approx(spread, rel=1e-12, abs=3e-16)


@pytest.mark.parametrize(("name", "sigma_b", "sigma_w", "q_star"), critical_by_bias)
def test_critical_line_by_bias(name, sigma_b, sigma_w, q_star):
    point = critical_point(name, sigma_b=sigma_b)
    np.testing.assert_allclose([point.sigma_w, point.q_star], [sigma_w, q_star], rtol=digits)
    assert point.sigma_b == sigma_b


@pytest.mark.parametrize("name", names)
@pytest.mark.parametrize("q", [1e-4, 0.3, 2.0, 40.0])
@pytest.mark.parametrize("derivative", [False, True])
def test_moments_match_the_reference(name, q, derivative):
    for power in (1, 2, 4):
        got = gauss_moment(name, q, power=power, derivative=derivative)
        # The reference is a midpoint sum with kinks on its grid's edges: 1e-12 of E |f|^power.
        scale = reference.gauss_moment(name, q, power, derivative, absolute=True)
        assert got == pytest.approx(reference.gauss_moment(name, q, power, derivative), abs=2e-12 * scale, rel=0)


@given(st.floats(1e-8, 1e8))
def test_moments_in_closed_form(q):
    a = math.pi * q / 2
    closed = {
        ("erf_unit", False): 2 / math.pi * math.asin(a / (1 + a)),
        ("erf", False): 2 / math.pi * math.asin(2 * q / (1 + 2 * q)),
        ("erf_unit", True): (1 + math.pi * q) ** -0.5,
        ("erf", True): 4 / math.pi * (1 + 4 * q) ** -0.5,
        ("relu", False): q / 2,
        ("abs", False): q,
        ("sin", False): -math.expm1(-2 * q) / 2,
        ("cos", True): -math.expm1(-2 * q) / 2,
    }
    for (name, derivative), value in closed.items():
        if name in ("sin", "cos") and q > 1e5:
            continue  # too many periods for one test
        # asin(1 - x) loses half the digits near 1: compare at 1e-13 / sqrt of what is left.
        assert gauss_moment(name, q, derivative=derivative) == pytest.approx(value, rel=3e-12)


def test_moments_take_arrays_and_limits():
    q = np.array([[0.0, 1.0], [2.0, 3.0]])
    np.testing.assert_allclose(gauss_moment("relu", q), q / 2, rtol=1e-14, atol=1e-190)
    assert gauss_moment("relu", 0.0, derivative=True) == pytest.approx(0.5, rel=1e-14)  # from above: half of each side
    assert gauss_moment("tanh", 0.0, derivative=True) == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("q0", [1e-12, 1e-3, 0.7, 50.0, 1e9])
@pytest.mark.parametrize(("name", "sigma_w", "sigma_b"), [("tanh", 1.5, 0.3), ("hard_tanh", 1.02, 1e-3), ("erf", 1, 0)])
def test_every_start_flows_to_the_one_fixed_point(q0, name, sigma_w, sigma_b):
    far = fixed_point(name, sigma_w, sigma_b, q0=q0)
    near = fixed_point(name, sigma_w, sigma_b)
    # Rounding of the map, 1e-15, over 1 - chi_q, which the weakest of these has at 0.01.
    assert far.q_star == pytest.approx(near.q_star, rel=1e-12)


@pytest.mark.parametrize("excess", [1e-3, 1e-6, 1e-9])
def test_close_to_criticality_without_bias(excess):
    # tanh: sigma_w^2 (q - 2 q^2 + 17/3 q^3) = q, solved for q with sigma_w^2 = 1 + x: q = x/2 - x^2 (1/2 - 17/24) + ...
    x = math.expm1(2 * math.log1p(excess))
    point = fixed_point("tanh", 1 + excess)
    # Rounding of x, 2e-16 / x, and the next term of the series.
    assert point.q_star == pytest.approx(x / 2 + x * x * (17 / 24 - 1 / 2), rel=4 * x * x + 1e-15 / x)


def test_where_the_signal_dies_or_grows_without_end():
    assert fixed_point("tanh", 0.9).q_star == 0
    assert fixed_point("tanh", 1.0).q_star == 0  # marginal, still flows to 0
    assert fixed_point("tanh", 1.0).chi == pytest.approx(1, rel=1e-14)
    assert fixed_point("relu", 1.3).q_star == 0
    grows = fixed_point("relu", 1.5)
    assert grows.q_star == math.inf
    assert grows.chi == pytest.approx(1.125, rel=1e-14)
    assert fixed_point("linear", 1.0, 0.1).q_star == math.inf
    assert fixed_point("tanh", 0.0, 0.5).q_star == 0.25


def test_homogeneous_activations_keep_the_variance_at_criticality():
    for q0 in (0.01, 1.0, 33.0):
        assert fixed_point("relu", math.sqrt(2), q0=q0).q_star == q0
    for name in ("relu", "leaky_relu", "abs", "linear"):
        point = critical_point(name)
        assert (point.q_star, point.sigma_b) == (1, 0)
        assert fixed_point(name, point.sigma_w).chi == pytest.approx(1, rel=1e-14)


@given(st.floats(0.02, 50), st.sampled_from(["tanh", "erf", "hard_tanh", "sin", "arctan"]))
def test_critical_point_and_back(q_star, name):
    point = critical_point(name, q_star=q_star)
    again = critical_point(name, sigma_b=point.sigma_b)
    assert again.q_star == pytest.approx(q_star, rel=1e-9)
    assert fixed_point(name, point.sigma_w, point.sigma_b, q0=q_star).q_star == pytest.approx(q_star, rel=1e-10)


def test_own_activations():
    softened = Activation(lambda h: h / np.sqrt(1 + h * h))
    exact = Activation(softened.phi, lambda h: (1 + h * h) ** -1.5)
    assert fixed_point(softened, 2, 0.1).chi == pytest.approx(fixed_point(exact, 2, 0.1).chi, rel=1e-11)
    undeclared = Activation(lambda h: np.clip(h, -1, 1), lambda h: (np.abs(h) < 1) * 1.0)
    assert fixed_point(undeclared, 1.5, 0.3).q_star == pytest.approx(1.3937185148296, rel=1e-12)


def test_results_are_plain():
    point = fixed_point("tanh", 1.5, 0.3)
    assert point.to_dict()["activation"] == "tanh"
    assert pickle.loads(pickle.dumps(point)) == point
    assert critical_point("tanh", q_star=0.5).to_dict()["q_star"] == 0.5


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fixed_point("tanh", -1), "sigma_w must be finite and at least 0, got -1"),
        (lambda: fixed_point("tanh", 1, math.nan), "sigma_b must be finite"),
        (lambda: fixed_point("tanh", 1, q0=0), "q0 must be finite and above 0"),
        (lambda: fixed_point("tan", 1), "one of abs, "),
        (lambda: critical_point("tanh"), "give q_star or sigma_b"),
        (lambda: critical_point("tanh", q_star=1, sigma_b=1), "got both"),
        (lambda: critical_point("relu", sigma_b=0.1), "single critical point"),
        (lambda: critical_point("sigmoid", q_star=0.1), "no critical point with q_star = 0.1"),
        (lambda: critical_point("softplus", sigma_b=0.1), "no critical point with sigma_b = 0.1"),
        (lambda: gauss_moment("tanh", -1), "q must be finite and at least 0"),
        (lambda: gauss_moment("tanh", 1, power=0), "power must be at least 1"),
    ],
)
def test_refuses(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_an_integral_that_does_not_converge_says_so():
    noise = Activation(lambda h: np.modf(1e6 * np.sin(1e6 * h))[0], np.ones_like, kinks=())
    with pytest.raises(ConvergenceError, match="does not converge") as caught:
        gauss_moment(noise, 1.0)
    assert caught.value.report["panels"] > 1000
    assert pickle.loads(pickle.dumps(caught.value)).report == caught.value.report


def test_numbers_beyond_reach_are_refused():
    with pytest.raises(ValueError, match="at most 1e150"):
        fixed_point("tanh", 1e200)
    with pytest.raises(ValueError, match="out of reach"):  # q = sigma_w^2 = 1e80, not infinite
        fixed_point("tanh", 1e40)
    assert fixed_point("linear", 1e40).q_star == math.inf
    with pytest.raises(TypeError, match="must be real"):
        fixed_point(Activation(np.tanh, lambda h: 1 / np.cosh(h) ** 2 + 0j), 1.5)
