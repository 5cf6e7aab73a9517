import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.meanfield import correlation_map, correlations, critical_point, depth_scales, fixed_point

# Computed independently by Gauss-Hermite sums: activation, sigma_w, sigma_b, q_star, c_star, chi, chi_c, xi_c, chi_q,
# xi_q.
published = [
    ("erf_unit", 2, 0.5, 2.63425426193, 0.4710582534, 1.313364835, 0.8414347624, 5.7921724, 0.2556240361, 0.73311229),
    ("erf_unit", 1.5, 0.3, 1.05432851439, 0.6833064362, 1.083501482, 0.936328051, 15.200021, 0.4079240459, 1.1152322),
    ("tanh", 2, 0.5, 2.4797104611, 0.5209464355, 1.272229554, 0.8564502926, 6.45332, 0.2761095836, 0.77702647),
    ("tanh", 1.3, 0.5, 0.875805316522, 1, 0.8252028759, 0.8252028759, 5.2049173, 0.3472192608, 0.94535934),
]


@pytest.mark.parametrize(("name", "sigma_w", "sigma_b", "q", "c", "chi", "chi_c", "xi_c", "chi_q", "xi_q"), published)
def test_depth_scales(name, sigma_w, sigma_b, q, c, chi, chi_c, xi_c, chi_q, xi_q):
    scales = depth_scales(name, sigma_w, sigma_b)
    # The digits printed above.
    assert scales.q_star == pytest.approx(q, rel=5e-12)
    np.testing.assert_allclose(
        [scales.c_star, scales.chi, scales.chi_c, scales.chi_q], [c, chi, chi_c, chi_q], rtol=6e-10
    )
    np.testing.assert_allclose([scales.xi_c, scales.xi_q], [xi_c, xi_q], rtol=6e-8)
    assert scales.xi_gradient == pytest.approx(-1 / math.log(chi), rel=1e-8)
    # The map keeps c_star and 1, and its slope at c_star is chi_c.
    image = correlation_map(name, sigma_w, sigma_b, c=[scales.c_star, 1.0])
    np.testing.assert_allclose(image, [scales.c_star, 1], rtol=2e-15)
    step = 1e-5
    around = correlation_map(name, sigma_w, sigma_b, c=scales.c_star - step * np.array([0, 1, 2]))
    slope = (3 * around[0] - 4 * around[1] + around[2]) / (2 * step)
    assert slope == pytest.approx(chi_c, abs=1e-8)  # step^2, and rounding over the step


@pytest.mark.parametrize(
    ("name", "sigma_w", "sigma_b"), [("tanh", 2, 0.5), ("hard_tanh", 1.5, 0.3), ("relu", 1.2, 0.3)]
)
def test_correlations_flow_to_the_fixed_point_at_its_rate(name, sigma_w, sigma_b):
    scales = depth_scales(name, sigma_w, sigma_b)
    c = correlations(name, sigma_w, sigma_b, c0=[-0.9, 0.0, 0.99], depth=90)
    assert c.shape == (3, 90)
    gap = np.abs(c - scales.c_star)
    assert (gap[:, -1] < gap[:, 0]).all()
    away = gap[:, 69] / gap[:, 59]
    # exp(-10 / xi_c), up to what the map's curvature leaves after sixty layers; relu's map has a power 3/2 there.
    np.testing.assert_allclose(away, math.exp(-10 / scales.xi_c), rtol=0.03)


def test_on_the_critical_line_the_scale_is_infinite():
    for name in ("tanh", "hard_tanh", "erf"):
        point = critical_point(name, q_star=0.7)
        scales = depth_scales(name, point.sigma_w, point.sigma_b)
        assert scales.c_star == 1
        assert scales.xi_c > 1e12
        assert scales.xi_q < 10
    # relu: 1 - c falls like (9 pi^2 / 2) / l^2.
    c = correlations("relu", math.sqrt(2), c0=0.0, depth=1000)
    assert (1 - c[-1]) * 1000**2 == pytest.approx(4.5 * math.pi**2, rel=0.03)
    with np.errstate(all="raise"):
        assert depth_scales("relu", math.sqrt(2)).xi_c == math.inf


def test_where_the_variance_has_no_fixed_point():
    for sigma_w in (1.0, 1.6):
        scales = depth_scales("relu", sigma_w)  # the map of correlations does not depend on it
        assert (scales.c_star, scales.chi_c) == (1, pytest.approx(1, rel=1e-14))
        np.testing.assert_allclose(correlation_map("relu", sigma_w, c=0.0), 1 / math.pi, rtol=1e-14)
    np.testing.assert_allclose(correlation_map("tanh", 0.9, c=[0.3, -0.5]), [0.3, -0.5], rtol=1e-12)
    assert depth_scales("tanh", 0.9).xi_c == math.inf
    assert depth_scales("tanh", 1.5).c_star == 0  # odd, no bias
    assert depth_scales("tanh", 0.0, 0.3).chi == 0
    assert depth_scales("linear", 1.0).c_star == 1
    with pytest.raises(ValueError, match="grows without end"):
        depth_scales("gelu", 2.1)


def test_first_layers_follow_the_definition():
    c = correlations("relu", 1.1, 0.4, c0=0.5, depth=2, q0=2.0)
    q = 1.21 * 2 + 0.16
    assert c[0] == pytest.approx((1.21 * 2 * 0.5 + 0.16) / q, rel=1e-15)
    angle = math.acos(c[0])
    second = q / (2 * math.pi) * (math.sin(angle) + (math.pi - angle) * math.cos(angle))
    assert c[1] == pytest.approx((1.21 * second + 0.16) / (1.21 * q / 2 + 0.16), rel=1e-14)


@given(
    st.sampled_from(["tanh", "erf", "hard_tanh", "sigmoid", "gelu"]),
    st.floats(0.3, 1.3),
    st.floats(0.05, 1),
    st.floats(0, 1),
)
@settings(max_examples=15, deadline=None)
def test_the_map_is_monotone_and_convex_on_the_right_half(name, sigma_w, sigma_b, c):
    points = np.array([0.0, c / 2, c, (1 + c) / 2, 1.0])
    images = correlation_map(name, sigma_w, sigma_b, c=points)
    assert (np.diff(images) >= -1e-14).all()
    assert images[1] <= (images[0] + images[2]) / 2 + 1e-14
    assert images[-1] == 1
    scales = depth_scales(name, sigma_w, sigma_b)
    assert (scales.c_star == 1) == (fixed_point(name, sigma_w, sigma_b).chi <= 1 + 1e-9)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: correlation_map("tanh", 1.5, c=1.1), r"c must be in \[-1, 1\], found 1.1"),
        (lambda: correlations("tanh", 1.5, c0=math.nan, depth=3), "c0 must be in"),
        (lambda: correlations("tanh", 1.5, c0=0.0, depth=0), "depth must be at least 1"),
        (lambda: correlations("tanh", 1.5, c0=0.0, depth=3, q0=0), "q0 must be finite and above 0"),
        (lambda: correlations("tanh", 0.0, c0=0.0, depth=3), "both 0"),
        (lambda: correlations("tanh", 0.1, c0=0.5, depth=300), "out of range"),
        (lambda: depth_scales("tanh", -1), "depth_scales: sigma_w must be"),
    ],
)
def test_refuses(call, says):
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize(
    ("name", "slope"),
    [
        # E phi'^2 sqrt(q) as q goes to infinity: the integral of phi'^2 over the line, over sqrt(2 pi).
        ("tanh", 4 / 3 / math.sqrt(2 * math.pi)),
        ("hard_tanh", 2 / math.sqrt(2 * math.pi)),
        ("erf", 2 / math.pi),
    ],
)
@pytest.mark.parametrize("sigma_w", [2.0**40, 2.0**62, 3.0 * 2.0**70, 1e29])
def test_wide_weights_make_signs(name, slope, sigma_w):
    """There phi is a sign: c goes to 2 / pi arcsin c, and pairs are uncorrelated."""
    scales = depth_scales(name, sigma_w, sigma_b=0.1)
    # Corrections are of the order 1 / sigma_w < 1e-12.
    assert scales.q_star == pytest.approx(sigma_w**2, rel=2e-12)
    assert scales.chi == pytest.approx(slope * sigma_w, rel=2e-12)
    assert scales.chi_c == pytest.approx(2 / math.pi, rel=2e-12)
    assert 0 <= scales.c_star < 1e-15


@pytest.mark.parametrize("sigma_w", [2.0**40, 2.0**62, 3e20, 1e25])
def test_wide_weights_forget_through_a_sine(sigma_w):
    scales = depth_scales("sin", sigma_w, sigma_b=0.1)
    assert scales.q_star == pytest.approx(sigma_w**2 / 2, rel=1e-14)
    assert (scales.c_star < 1e-15, scales.chi_c) == (True, 0.0)


@pytest.mark.parametrize("name", ["tanh", "hard_tanh", "erf", "sigmoid", "sin"])
@pytest.mark.parametrize("sigma_w", [2e30, 1e80, 1e150])
def test_variances_out_of_reach_are_called_that(name, sigma_w):
    with pytest.raises(ValueError, match=r"sigma_w\^2 = [14]e.*above q = 1e\+60, out of reach"):
        depth_scales(name, sigma_w, sigma_b=0.1)
