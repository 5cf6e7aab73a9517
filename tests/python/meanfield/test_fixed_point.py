import math
import pickle
import time

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.activations import Activation, names
from deeprmt.errors import ConvergenceError
from deeprmt.meanfield import (
    critical_line,
    critical_point,
    fixed_point,
    fixed_points,
    gauss_moment,
    variance_map,
    variances,
)
from deeprmt.networks import MLP
from reference.meanfield import fixed_point as reference

# Computed independently in 30 digits: activation, sigma_w, sigma_b, q_star, chi, mu1, mu2.
attractors = [
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
# Activation, depth, q_star, sigma_w, sigma_b where depth * (mu2 / mu1^2 - 1) = 1/4.
double_scaling = [
    ("hard_tanh", 2, 0.3939572936, 1.06066017178, 0.182624031),
    ("hard_tanh", 3, 0.319617275762, 1.04083299973, 0.137500448),
    ("hard_tanh", 4, 0.28009259602, 1.0307764064, 0.113026217),
    ("hard_tanh", 8, 0.213127891008, 1.01550480058, 0.0715670495),
    ("hard_tanh", 32, 0.14104562426, 1.00389865026, 0.0301013837),
    ("hard_tanh", 128, 0.104202936568, 1.00097608613, 0.0131995385),
    ("hard_tanh", 512, 0.0822313947626, 1.00024411083, 0.00594152662),
    ("hard_tanh", 2048, 0.0677476410397, 1.00006103329, 0.00272210376),
    ("hard_tanh", 8192, 0.0575196392284, 1.00001525867, 0.00126298822),
    ("erf_unit", 2, 0.269110868857, 1.16553357876, 0.0906295018),
    ("erf_unit", 3, 0.198943678865, 1.12905043218, 0.062027773),
    ("erf_unit", 4, 0.162459354068, 1.10859173538, 0.0477104302),
    ("erf_unit", 8, 0.102908126981, 1.07254173855, 0.0258733978),
    ("erf_unit", 32, 0.0451708485041, 1.03373165977, 0.00813687441),
    ("erf_unit", 128, 0.021187566967, 1.016240733, 0.00270740007),
    ("erf_unit", 512, 0.0102641811305, 1.00796578202, 0.000928156746),
    ("erf_unit", 2048, 0.00505206801548, 1.00394448506, 0.000323098959),
    ("erf_unit", 8192, 0.00250631924014, 1.00196267284, 0.000113346664),
    ("tanh", 2, 0.232084214602, 1.17055291571, 0.0825768662),
    ("tanh", 3, 0.16932100533, 1.13266345984, 0.056389505),
    ("tanh", 4, 0.137082233999, 1.1114300059, 0.0433025465),
    ("tanh", 8, 0.0852865587282, 1.07409325463, 0.0233878713),
    ("tanh", 32, 0.0365171144645, 1.03416521933, 0.00730016745),
    ("tanh", 128, 0.0168923088254, 1.01635560742, 0.00241598352),
    ("tanh", 512, 0.00812341062381, 1.00799537449, 0.000825579815),
    ("tanh", 2048, 0.00398325505932, 1.00395199709, 0.000286881276),
    ("tanh", 8192, 0.00197228701442, 1.0019645654, 0.000100547456),
]
# The digits printed above.
digits = 2e-13


@pytest.mark.parametrize(("name", "sigma_w", "sigma_b", "q_star", "chi", "mu1", "mu2"), attractors)
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
    # hard_tanh at 1/64 has 1 - mu1 = 1.2e-15, which a double of mu1 carries to one digit: masses do better.
    assert there.slope_variance == pytest.approx(spread, rel=1e-12)
    assert point.slope_variance == pytest.approx(spread, rel=digits)


@pytest.mark.parametrize(("name", "sigma_b", "sigma_w", "q_star"), critical_by_bias)
def test_critical_line_by_bias(name, sigma_b, sigma_w, q_star):
    point = critical_point(name, sigma_b=sigma_b)
    np.testing.assert_allclose([point.sigma_w, point.q_star], [sigma_w, q_star], rtol=digits)
    assert point.sigma_b == sigma_b


@pytest.mark.parametrize(("name", "depth", "q_star", "sigma_w", "sigma_b"), double_scaling)
def test_critical_points_of_the_double_scaling_limit(name, depth, q_star, sigma_w, sigma_b):
    point = critical_point(name, slope_variance=0.25 / depth)
    assert point.slope_variance * depth == pytest.approx(0.25, rel=1e-12)
    np.testing.assert_allclose([point.q_star, point.sigma_w], [q_star, sigma_w], rtol=6e-12)
    assert point.sigma_b == pytest.approx(sigma_b, rel=6e-9)


def test_slopes_spread_as_expansions_say():
    # To leading order in small q: 8 q^2 for tanh, (pi q)^2 / 2 for erf_unit; the next term is of order q.
    for name, factor in (("tanh", 8), ("erf_unit", math.pi**2 / 2)):
        point = critical_point(name, slope_variance=1e-9)
        assert point.q_star == pytest.approx(math.sqrt(1e-9 / factor), rel=1e-3)
    with pytest.raises(ValueError, match="slope_variance = 1 at every q_star, got"):
        critical_point("relu", slope_variance=0.5)
    assert critical_point("relu", slope_variance=1.0).sigma_w == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("q", [1e-2, 5e-3])
def test_the_end_of_the_line_of_hard_tanh(q):
    """sigma_b^2 = q - V / p, in 80 digits: everything cancels."""
    with mpmath.workdps(80):
        exact = mpmath.mpf(q)
        p = mpmath.erf(1 / mpmath.sqrt(2 * exact))
        second = exact * p - mpmath.sqrt(2 * exact / mpmath.pi) * mpmath.exp(-1 / (2 * exact)) + 1 - p
        expected = float(mpmath.sqrt(exact - second / p))
        spread = float((1 - p) / p)
    point = critical_point("hard_tanh", q_star=q)
    assert point.sigma_b == pytest.approx(expected, rel=1e-12)
    assert point.slope_variance == pytest.approx(spread, rel=1e-12)
    assert critical_line("hard_tanh", q_star=[q]).sigma_b[0] == point.sigma_b


@pytest.mark.parametrize("name", ["tanh", "hard_tanh", "erf", "sin", "shifted_relu", "gelu"])
def test_lines_are_rows_of_points(name):
    q = np.geomspace(0.02, 4, 25)
    line = critical_line(name, q_star=q)
    for i in (0, 7, 24):
        point = critical_point(name, q_star=q[i])
        found = [line.sigma_w[i], line.sigma_b[i], line.slope_variance[i]]
        np.testing.assert_allclose(found, [point.sigma_w, point.sigma_b, point.slope_variance], rtol=1e-12)
    biases = np.linspace(0.05, 0.2, 12)
    line = critical_line(name, sigma_b=biases)
    np.testing.assert_array_equal(line.sigma_b, biases)
    for i in (0, 5, 11):
        assert line.q_star[i] == pytest.approx(critical_point(name, sigma_b=biases[i]).q_star, rel=1e-12)


def test_lines_as_they_come():
    line = critical_line("tanh")
    assert line.q_star.size == 200
    assert (np.diff(line.sigma_b) > 0).all()
    assert repr(line).startswith("CriticalLine('tanh', 200 points, q_star from 0.001")
    assert line.to_dict()["activation"] == "tanh"
    assert critical_line("cos").q_star[0] > 1  # cos has none below
    assert critical_point("cos", sigma_b=0).q_star == pytest.approx(1.1996786402577337, rel=1e-10)  # x tanh x = 1
    end = critical_point("tanh", sigma_b=0)
    assert (end.sigma_w, end.sigma_b, end.q_star) == (pytest.approx(1, rel=1e-14), 0, 0)


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


@settings(max_examples=12, deadline=None)
@given(st.floats(0.02, 50), st.sampled_from(["tanh", "erf", "hard_tanh", "sin", "arctan"]))
def test_critical_point_and_back(q_star, name):
    point = critical_point(name, q_star=q_star)
    again = critical_point(name, sigma_b=point.sigma_b)
    assert again.q_star == pytest.approx(q_star, rel=1e-9)
    found = fixed_point(name, point.sigma_w, point.sigma_b, q0=q_star)
    # Rounding of the map, some eps, moves its fixed point by that over 1 - chi_q: 4e-10 for hard_tanh at q* = 0.03.
    assert found.q_star == pytest.approx(q_star, rel=max(1e-10, 8 * 2.0**-52 / (1 - found.chi_q)))


def test_own_activations():
    softened = Activation(lambda h: h / np.sqrt(1 + h * h))
    exact = Activation(softened.phi, lambda h: (1 + h * h) ** -1.5)
    assert fixed_point(softened, 2, 0.1).chi == pytest.approx(fixed_point(exact, 2, 0.1).chi, rel=1e-11)
    undeclared = Activation(lambda h: np.clip(h, -1, 1), lambda h: (np.abs(h) < 1) * 1.0)
    assert fixed_point(undeclared, 1.5, 0.3).q_star == pytest.approx(1.3937185148296, rel=1e-12)


@pytest.mark.parametrize(
    ("activation", "sigma_w", "sigma_b", "found"),
    [
        ("tanh", 1.5, 0.3, ["stable"]),
        ("tanh", 1.5, 0.0, ["unstable", "stable"]),
        ("tanh", 0.9, 0.0, ["stable"]),
        ("tanh", 1.0, 0.0, ["neutral"]),
        ("gelu", 1.6, 0.0, ["stable", "unstable", "stable"]),
        ("gelu", 1.3, 0.3, ["stable"]),
        ("relu", math.sqrt(2), 0.0, ["neutral"]),
        ("relu", 1.5, 0.1, ["stable"]),
        ("linear", 1.0, 0.0, ["neutral"]),
        ("sin", 2.0, 0.0, ["unstable", "stable"]),
        ("tanh", 0.0, 0.3, ["stable"]),
        (Activation(lambda h: h**3), 0.5, 0.1, ["stable", "unstable", "stable"]),
        (Activation(lambda h: h**7), 0.5, 0.1, ["stable", "unstable", "stable"]),
    ],
)
def test_all_fixed_points(activation, sigma_w, sigma_b, found):
    points = fixed_points(activation, sigma_w, sigma_b)
    assert [point.stability for point in points] == found
    inner = [point for point in points if 0 < point.q_star < math.inf]
    for point in inner:
        image = variance_map(activation, sigma_w, sigma_b, q=point.q_star)
        assert image == pytest.approx(point.q_star, rel=1e-13)
    # What flows from either side of each point comes to the next stable one.
    for i, point in enumerate(points):
        if point.stability == "unstable" and point.q_star > 0:
            above = fixed_point(activation, sigma_w, sigma_b, q0=1.01 * point.q_star)
            below = fixed_point(activation, sigma_w, sigma_b, q0=0.99 * point.q_star)
            assert above.q_star == pytest.approx(points[i + 1].q_star, rel=1e-12)
            assert below.q_star == pytest.approx(points[i - 1].q_star, rel=1e-12)


def test_two_fixed_points_close_to_their_meeting():
    """h^3: q = s 15 q^3 + b has two positive roots until b = (2/3) (45 s)^(-1/2)."""
    cube = Activation(lambda h: h**3, lambda h: 3 * h * h)
    meeting = 2 / 3 / math.sqrt(45)
    points = fixed_points(cube, 1.0, math.sqrt(meeting * (1 - 1e-6)))
    # To leading order the roots are (45)^(-1/2) (1 -+ (2e-6 / 3)^(1/2)).
    ratio = [point.q_star * math.sqrt(45) - 1 for point in points[:2]]
    np.testing.assert_allclose(ratio, [-math.sqrt(2e-6 / 3), math.sqrt(2e-6 / 3)], rtol=1e-3)
    assert [point.q_star for point in fixed_points(cube, 1.0, math.sqrt(meeting * (1 + 1e-6)))] == [math.inf]


def test_the_map_layer_by_layer():
    # Computed independently: from q_1 = 3, sigma_w = 1.5, sigma_b = 0.3.
    for name, second, third in [
        ("tanh", 1.41623794008, 1.12011225054),
        ("hard_tanh", 1.67124677031, 1.46624450618),
        ("erf_unit", 1.47956501597, 1.19900378988),
    ]:
        q = variances(name, 1.5, 0.3, q0=(3 - 0.09) / 2.25, depth=3)
        np.testing.assert_allclose(q, [3, second, third], rtol=5e-12)
        mlp = MLP([10] * 4, name, sigma_w=1.5, sigma_b=0.3)
        np.testing.assert_array_equal(variances(mlp, q0=(3 - 0.09) / 2.25), q)
    far = variances("tanh", 1.5, 0.3, q0=[0.01, 1.0, 1e6], depth=500)
    assert far.shape == (3, 500)
    np.testing.assert_allclose(far[:, -1], 0.96084427974044, rtol=1e-13)


def test_signals_that_die_or_grow():
    assert variances("tanh", 0.5, q0=1.0, depth=600)[-1] == 0
    np.testing.assert_array_equal(variances("relu", 2.0, 0.1, q0=[1.0, 1e300], depth=1100)[:, -1], math.inf)
    np.testing.assert_array_equal(variances("tanh", 1.5, q0=0.0, depth=3), np.zeros(3))
    assert variance_map("tanh", 1.5, 0.3, q=math.inf) == pytest.approx(2.34, rel=1e-12)
    assert variance_map("tanh", 0.0, 0.5, q=[1.0, math.inf]).tolist() == [0.25, 0.25]


def test_results_are_plain():
    point = fixed_point("tanh", 1.5, 0.3)
    assert point.to_dict()["activation"] == "tanh"
    assert pickle.loads(pickle.dumps(point)) == point
    assert critical_point("tanh", q_star=0.5).to_dict()["q_star"] == 0.5
    assert critical_point("tanh", q_star=0.5).to_dict()["stability"] == "stable"
    assert repr(critical_point("swish", q_star=0.5)).endswith(", unstable)")
    assert repr(critical_point("relu")).endswith(", neutral)")


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
        (lambda: critical_point("tanh", sigma_b=1e300), "no critical point with sigma_b = 1e[+]300 up to q_star = 1e8"),
        (lambda: critical_point("tanh", slope_variance=-1), "slope_variance must be finite and above 0"),
        (lambda: critical_point("tanh", slope_variance=1, sigma_b=1), "got both"),
        (lambda: critical_point("softplus", sigma_b=0), "no critical point with sigma_b = 0"),
        (lambda: critical_line("relu"), "single point, sigma_w = 1.41421"),
        (lambda: critical_line("sigmoid"), "no critical point with q_star from"),
        (lambda: critical_line("sigmoid", q_star=[0.1]), "no critical point with q_star = 0.1"),
        (lambda: critical_line("tanh", q_star=[1], sigma_b=[1]), "got both"),
        (lambda: critical_line("tanh", q_star=[]), "one axis and an entry"),
        (lambda: critical_line("tanh", sigma_b=[0.0]), "sigma_b must be above 0, found 0"),
        (lambda: critical_line("softplus", sigma_b=[0.1]), "no critical point with sigma_b = 0.1"),
        (lambda: fixed_points("tanh", -1), "fixed_points: sigma_w must be"),
        (lambda: variances("tanh", 1.0, q0=-1, depth=2), "q0 must be at least 0, found -1"),
        (lambda: variances("tanh", 1.0, q0=math.nan, depth=2), "q0 must be at least 0"),
        (lambda: variances("tanh", q0=1, depth=2), "sigma_w must be given"),
        (lambda: variances("tanh", 1.0, q0=1), "depth must be given"),
        (lambda: variances(MLP([2, 2], "tanh", sigma_w=1.0), 1.0, q0=1), "those of the MLP"),
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
    # Where to start may be as small as a double.
    assert fixed_point("tanh", 1.1, 0.1, q0=1e-320).q_star == pytest.approx(
        fixed_point("tanh", 1.1, 0.1).q_star, rel=1e-14
    )
    with pytest.raises(TypeError, match="must be real"):
        fixed_point(Activation(np.tanh, lambda h: 1 / np.cosh(h) ** 2 + 0j), 1.5)


# ---- next to the end of the critical line ----


@pytest.mark.parametrize("name", ["tanh", "erf", "erf_unit", "sin", "arctan"])
@pytest.mark.parametrize("q", [1e-6, 1e-9, 1e-12, 1e-15])
def test_fixed_points_below_the_rounding_of_the_map(name, q):
    """What a fixed point is worth there: sigma_w has steps of 1.1e-16, and q = (sigma_w - 1) / c, c of order 1."""
    point = critical_point(name, q_star=q)
    (found,) = fixed_points(name, point.sigma_w, point.sigma_b)
    assert found.q_star == pytest.approx(q, rel=1e-9 + 4e-16 / q)
    assert fixed_point(name, point.sigma_w, point.sigma_b).q_star == pytest.approx(found.q_star, rel=1e-9)


@pytest.mark.parametrize(("name", "c"), [("tanh", 4 / 3), ("sin", 1 / 3), ("arctan", 4 / 3)])
@pytest.mark.parametrize("q", [1e-10, 1e-16, 1e-20])
def test_the_critical_line_ends_like_a_power(name, c, q):
    """h + k h^3: q E phi'^2 - E phi^2 = 12 k^2 q^3, k = -1/3, -1/6, -1/3."""
    # The next term is of relative order q, and c comes from a series in q with an error of 1e-11.
    assert critical_point(name, q_star=q).sigma_b == pytest.approx(math.sqrt(c * q**3), rel=1e-10 + 20 * q)


def test_hard_tanh_close_to_linear():
    """At q = 1e-3, 1 - p = 1e-219 and sigma_w is 1 to the last bit: biases of 1e-111 still decide."""
    point = critical_point("hard_tanh", q_star=1e-3)
    assert point.sigma_w == 1
    (found,) = fixed_points("hard_tanh", point.sigma_w, point.sigma_b)
    q, sigma_b = found.q_star, point.sigma_b
    # E phi^2 = q - 2 E (h^2 - 1) 1[h > 1], in 60 digits.
    with mpmath.workdps(260):
        root = mpmath.sqrt(mpmath.mpf(q))
        x = 1 / root
        tail, density = mpmath.erfc(x / mpmath.sqrt(2)) / 2, mpmath.npdf(x)
        lack = 2 * (root**2 * (x * density + tail) - tail)
        assert float(mpmath.mpf(sigma_b) ** 2 / lack) == pytest.approx(1, rel=1e-9)
    assert fixed_point("hard_tanh", 1.0, sigma_b).q_star == pytest.approx(q, rel=1e-13)


def test_waves_under_wide_gaussians():
    """All phases alike: E sin^2 = 1/2, E sin^4 = 3/8, and a fixed point at sigma_w^2 / 2."""
    for q in (150.0, 1e8, 1e100, 1e300):
        for name in ("sin", "cos"):
            assert gauss_moment(name, q) == pytest.approx(0.5, rel=1e-15)
            assert gauss_moment(name, q, power=4, derivative=True) == pytest.approx(3 / 8, rel=1e-15)
    wave = Activation(lambda h: np.sin(3 * h) + 0.2 * np.cos(6 * h + 1), name="wave")
    assert gauss_moment(wave, 1e20) == pytest.approx(0.52, rel=1e-14)
    np.testing.assert_allclose(gauss_moment("sin", np.geomspace(1e3, 1e30, 20)), 0.5, rtol=1e-15)
    far = fixed_point("sin", 1e20)
    assert (far.q_star, far.chi_q) == (pytest.approx(5e39, rel=1e-14), 0)
    start = time.process_time()
    for name in ("sin", "cos"):
        with pytest.raises(ValueError, match="no critical point with slope_variance = 10"):
            critical_point(name, slope_variance=10)
    assert time.process_time() - start < 0.2  # 0.02 s on one core


@pytest.mark.parametrize("name", ["tanh", "erf", "hard_tanh", "sin", "sigmoid"])
def test_starts_far_off(name):
    near = fixed_point(name, 1.5, 0.1).q_star
    for q0 in (1e-300, 1e-100, 1e150, 1e300):
        assert fixed_point(name, 1.5, 0.1, q0=q0).q_star == pytest.approx(near, rel=1e-13)


def test_moments_at_the_least_variances():
    """phi is a line next to 0, or two; q itself is a few units of the last place."""
    q = np.array([0, 1e-310, 1e-250, 1e-199])
    for name, share in (("tanh", 1.0), ("hard_tanh", 1.0), ("relu", 0.5), ("gelu", 0.25), ("sigmoid", None)):
        wanted = share * q if share else np.full(4, 0.25)
        np.testing.assert_allclose([gauss_moment(name, each) for each in q], wanted, rtol=1e-13)
        np.testing.assert_allclose(gauss_moment(name, np.tile(q, 3))[:4], wanted, rtol=1e-13)
    assert gauss_moment("cos", 1e-300, derivative=True) == pytest.approx(1e-300, rel=1e-13)
    assert gauss_moment("relu", 0.0, derivative=True) == 0.5
