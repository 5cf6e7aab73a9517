import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeprmt import laws
from deeprmt.ensembles import haar
from deeprmt.linalg import svd
from deeprmt.signal import hard_threshold, invert_spikes, shrink, spiked

LOSSES = ("frobenius", "operator", "nuclear")


@pytest.mark.parametrize(
    ("beta", "known", "unknown"),  # Gavish and Donoho, arXiv:1305.5870, to more digits than their table
    [
        (0.1, 1.5816483953197, 1.6087715573947),
        (0.2, 1.7048151012601, 1.7650464327308),
        (0.25, 1.7580293771397, 1.8368657911197),
        (0.5, 1.9785990537531, 2.1711853484538),
        (0.75, 2.1560938441794, 2.5014297363839),
        (1.0, 2.3094010767585, 2.8583624240695),
    ],
)
def test_known_thresholds(beta, known, unknown):
    for shape in ((round(400 * beta), 400), (400, round(400 * beta))):
        assert hard_threshold(shape, sigma=1 / 20) == pytest.approx(known, rel=1e-12)
        assert hard_threshold(shape, median=1.0) == pytest.approx(unknown, rel=1e-12)


def test_exact_thresholds():
    assert hard_threshold((7, 7), sigma=7**-0.5) == pytest.approx(4 / math.sqrt(3), rel=1e-15)
    # Of the quarter circle, median a: a sqrt(4 - a^2) / 2 + 2 asin(a / 2) = pi / 2.
    median = laws.QuarterCircle(1.0).ppf(0.5)
    assert hard_threshold((7, 7), median=median) == pytest.approx(4 / math.sqrt(3), rel=1e-13)


def test_the_threshold_is_where_keeping_a_value_begins_to_pay():
    # A kept spike costs strength^2 + value^2 - 2 strength value sqrt(left right), a cut one strength^2.
    for shape in ((100, 100), (30, 300), (300, 30)):
        at = invert_spikes([hard_threshold(shape, sigma=1.0)], shape, 1.0)
        gain = at.values - 2 * at.strengths * np.sqrt(at.left * at.right)
        assert abs(gain[0]) < 1e-12 * at.values[0]


@pytest.mark.parametrize(
    ("y", "beta", "known"),  # Gavish and Donoho, arXiv:1405.7511, evaluated
    [
        (2.0, 0.5, (1.0307764064044, 1.5102239590221, 0.56256321394228)),
        (3.0, 1.0, (2.2360679774998, 2.6180339887499, 1.8541019662497)),
        (1.8, 0.25, (0.95583006392931, 1.3620745418428, 0.58874295919309)),
    ],
)
def test_known_shrinkers(y, beta, known):
    shape = (round(100 * beta), 100)
    found = [shrink([y], shape, 0.1, loss=loss)[0] for loss in LOSSES]
    assert found == pytest.approx(known, rel=1e-12)


@given(st.floats(1.01, 50), st.integers(1, 50), st.integers(1, 50))
def test_shrinkers_are_what_the_vectors_leave(above, rows, columns):
    edge = spiked([], (rows, columns)).edge
    one = invert_spikes([above * edge], (rows, columns), 1.0)
    cosines = math.sqrt(one.left[0] * one.right[0])
    sines = math.sqrt((1 - one.left[0]) * (1 - one.right[0]))
    best = {loss: shrink(one.values, (rows, columns), 1.0, loss=loss)[0] for loss in LOSSES}
    # sqrt(1 - overlap) turns rounding of 1e-16 into 1e-8.
    assert best["operator"] == one.strengths[0]
    assert best["frobenius"] == pytest.approx(one.strengths[0] * cosines, rel=1e-9)
    assert best["nuclear"] == pytest.approx(one.strengths[0] * max(cosines - sines, 0), rel=1e-6, abs=1e-7 * edge)


@given(
    st.lists(st.floats(0, 1e200), min_size=1, max_size=9), st.integers(1, 60), st.integers(1, 60), st.integers(-40, 40)
)
def test_shrinkers_shrink_in_order(values, rows, columns, power):
    s = np.sort(values)
    for loss in LOSSES:
        best = shrink(s, (rows, columns), 1.0, loss=loss)
        assert (best >= 0).all()
        assert (best <= s * (1 + 1e-15)).all()
        assert (np.diff(best) >= -1e-14 * best[1:]).all()
        np.testing.assert_array_equal(shrink(s, (columns, rows), 1.0, loss=loss), best)
        np.testing.assert_array_equal(shrink(s * 2.0**power, (rows, columns), 2.0**power, loss=loss), best * 2.0**power)


def test_the_loss_is_the_predicted_one():
    # theta = 1.5, beta = 1/2: 1.2148407148407 for the best shrinker, 2.1666667 for keeping the value as it is.
    rows, columns, trials = 100, 200, 60
    signal = 1.5 * haar(rows, 1, size=trials, rng=1) @ haar(columns, 1, size=trials, rng=2).swapaxes(1, 2)
    u, s, vt = svd(signal + np.random.default_rng(0).normal(size=signal.shape) / math.sqrt(columns), k=1)
    values = np.stack([shrink(s[:, 0], (rows, columns), columns**-0.5), s[:, 0]])
    losses = ((signal - values[..., None, None] * (u @ vt)) ** 2).sum(axis=(2, 3)).T
    error = losses.std(axis=0) / math.sqrt(trials)
    # Five sigma, and a bias of order 1/n: 2 / 200 of terms near 4.
    assert (abs(losses.mean(axis=0) - [1.2148407148407, 2.1666666666667]) < 5 * error + 0.04).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: hard_threshold((3, 4)), "give sigma or median"),
        (lambda: hard_threshold((3, 4), sigma=1, median=1), "give sigma or median"),
        (lambda: hard_threshold((3, 4), median=0), "median must be finite and above 0"),
        (lambda: hard_threshold((3, 4), sigma=-1), "sigma must be finite and above 0"),
        (lambda: shrink([1.0], (3, 4), 1.0, loss="huber"), "loss must be one of 'frobenius'"),
        (lambda: shrink([-1.0], (3, 4), 1.0), "not negative, found -1.0"),
    ],
)
def test_refuses(call, says):
    with pytest.raises(ValueError, match=says):
        call()
