import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeprmt.ensembles import haar
from deeprmt.linalg import svd
from deeprmt.signal import invert_spikes, spiked
from reference.signal import spikes as reference

SIDES = [(1, 1), (1, 2), (2, 1), (1, 4), (5, 2)]


@pytest.mark.parametrize(("t", "beta"), [(2.25, 0.5), (4.0, 1.0), (1.44, 0.25), (0.9, 0.5), (100.0, 0.1)])
def test_matches_the_determinant(t, beta):
    n = 4000
    one = spiked([math.sqrt(t * n)], (round(beta * n), n))
    # 1e-9: the reference's slope is a difference over 1e-5, with an error of 1e-10 and rounding of 1e-11.
    assert one.values[0] == pytest.approx(math.sqrt(n) * reference.value_of(t, beta), rel=1e-12)
    assert (one.left[0], one.right[0]) == pytest.approx(reference.overlaps_of(t, beta), rel=1e-6)


@pytest.mark.parametrize(
    ("theta", "beta", "value", "left", "right"),  # Benaych-Georges and Nadakuditi, arXiv:1103.2221, evaluated
    [
        (1.5, 0.5, 1.9930434571836, 0.73737373737374, 0.62393162393162),
        (2.0, 1.0, 2.5, 0.75, 0.75),
        (1.2, 0.25, 1.6922207631131, 0.74934253780408, 0.51901183970856),
    ],
)
def test_known_values(theta, beta, value, left, right):
    for shape in ((round(400 * beta), 400), (400, round(400 * beta))):
        one = spiked([theta], shape, 1 / 20)
        found = (one.left[0], one.right[0]) if shape[0] <= shape[1] else (one.right[0], one.left[0])
        assert (one.values[0], *found) == pytest.approx((value, left, right), rel=1e-12)


@pytest.mark.parametrize(
    ("ell", "c", "value", "overlap"), [(3, 0.5, 3.75, 0.7), (2, 0.25, 2.5, 0.6), (5, 1, 6.25, 0.75)]
)
def test_spiked_covariances_are_the_same_with_ell_one_more(ell, c, value, overlap):
    one = spiked([math.sqrt(ell - 1)], (round(100 * c), 100), 0.1)
    assert (one.values[0] ** 2, one.left[0]) == pytest.approx((value, overlap), rel=1e-12)


@pytest.mark.parametrize("sides", SIDES)
def test_the_transition(sides):
    shape = (60 * sides[0], 60 * sides[1])
    critical = spiked([], shape, 0.3).critical
    both = spiked([critical * (1 - 1e-9), critical * (1 + 1e-6)], shape, 0.3)
    assert both.values[0] == pytest.approx(both.edge, rel=1e-14)
    assert both.values[1] == pytest.approx(both.edge, rel=1e-10)  # the way out is a parabola
    assert both.values[1] > both.edge
    assert (both.left[0], both.right[0]) == (0, 0)
    assert 0 < both.left[1] < 1e-5
    assert math.isinf(both.stderr[0])


@given(st.floats(1.001, 1e12), st.integers(1, 300), st.integers(1, 300), st.floats(1e-100, 1e100))
def test_inversion_is_the_inverse(above, rows, columns, sigma):
    strength = above * spiked([], (rows, columns), sigma).critical
    there = spiked([strength], (rows, columns), sigma)
    back = invert_spikes(there.values, (rows, columns), sigma)
    # Close to the transition the value moves by (above - 1)^2: 1e-6, of which rounding is a share of 1e-9.
    assert back.strengths[0] == pytest.approx(strength, rel=1e-8)
    for name in ("left", "right", "stderr", "left_stderr", "right_stderr"):
        assert getattr(back, name)[0] == pytest.approx(getattr(there, name)[0], rel=1e-4), name


@given(st.floats(0.1, 1e3), st.integers(1, 99), st.integers(1, 99), st.integers(-60, 60))
def test_transposition_and_scale(value, rows, columns, power):
    factor = 2.0**power
    one = invert_spikes([value], (rows, columns), 1.0)
    turned = invert_spikes([value], (columns, rows), 1.0)
    scaled = invert_spikes([value * factor], (rows, columns), factor)
    assert (one.left[0], one.right_stderr[0]) == (turned.right[0], turned.left_stderr[0])
    assert scaled.strengths[0] == one.strengths[0] * factor
    assert scaled.left[0] == one.left[0]


@pytest.mark.parametrize(("rows", "columns", "theta"), [(60, 120, 1.7), (120, 60, 1.7), (80, 80, 2.0), (30, 200, 1.5)])
def test_planted_spikes_are_found_within_their_errors(rows, columns, theta):
    trials, strength = 100, theta * math.sqrt(max(rows, columns))
    u, v = haar(rows, 1, size=trials, rng=1), haar(columns, 1, size=trials, rng=2)
    noise = np.random.default_rng(rows).normal(size=(trials, rows, columns))
    a, s, b = svd(strength * u @ v.swapaxes(1, 2) + noise, k=1)
    found = invert_spikes(s[:, 0], (rows, columns), 1.0)
    left, right = (a * u).sum(axis=(1, 2)) ** 2, (b[:, 0] * v[:, :, 0]).sum(axis=1) ** 2
    deviations = np.stack([found.strengths - strength, found.left - left, found.right - right], axis=1)
    limit = spiked([strength], (rows, columns))
    expected = np.array([limit.stderr[0], limit.left_stderr[0], limit.right_stderr[0]])
    # Mean 0 within five sigma and a bias of order 1/n, of which the spread sqrt(1/n) has a third here. The spread of
    # 100 draws is known to 1 / sqrt(200) = 7%, and 15% come from terms of the next order at these sizes.
    assert (abs(deviations.mean(axis=0)) < (5 / math.sqrt(trials) + 0.35) * expected).all()
    np.testing.assert_allclose(deviations.std(axis=0), expected, rtol=0.5)


def test_no_warning_at_the_ends_of_the_range():
    far = invert_spikes([1e300, 1e160, 0.0], (3, 4), 1e-10)
    assert far.strengths[0] == 1e300
    assert (far.left[0], far.strengths[2], far.left[2]) == (1.0, 0.0, 0.0)
    assert spiked([1e300], (3, 4), 1e-10).values[0] == pytest.approx(1e300)


def test_ways_out():
    three = invert_spikes([60.0, 50.0, 1.0], (300, 200), 1.0)
    assert len(three) == 3
    assert len(json.dumps(three.to_dict())) > 100
    assert "Spikes: 3 in 300 x 200 noise" in repr(three)
    assert "and 5 more" in repr(spiked([50.0] * 15, (300, 200)))
    assert "<table" in three._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (([-1.0], (3, 4), 1.0), ValueError, "values must be finite and not negative, found -1.0 at 0"),
        (([math.nan], (3, 4), 1.0), ValueError, "found nan at 0"),
        (([[1.0]], (3, 4), 1.0), ValueError, r"must be a vector, got shape \(1, 1\)"),
        (([1j], (3, 4), 1.0), TypeError, "real numbers"),
        (([1.0], (3, 0), 1.0), ValueError, "shape must be at least 1, got 0"),
        (([1.0], 3, 1.0), TypeError, r"shape must be \(rows, columns\), got 3"),
        (([1.0], (3, 4), 0.0), ValueError, "sigma must be finite and above 0, got 0.0"),
        (([1.0], (3, 4), math.inf), ValueError, "sigma must be finite"),
    ],
)
def test_refuses(arguments, error, says):
    with pytest.raises(error, match=says):
        invert_spikes(*arguments)
