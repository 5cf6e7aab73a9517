import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.tails import kernel, moment, pickands, qq, rank
from reference.tails import estimates as reference

A = [1.02, 1.07, 1.1, 1.15, 1.21, 1.28, 1.33, 1.4, 1.52, 1.61, 1.75, 1.9, 2.1, 2.45, 2.8, 3.4, 4.3, 5.9, 9.2, 21.5]
B = [0.5, 0.5, 0.8, 1.0, 1.0, 1.0, 1.3, 2.0, 2.0, 4.5, 7.0, 16.0]
C = [
    0.21, 0.33, 0.42, 0.5, 0.57, 0.65, 0.73, 0.81, 0.9, 1.0, 1.11, 1.23, 1.37, 1.54, 1.75, 2.0, 2.36, 3.0, 4.8, 6.1,
]  # fmt: skip
ALL = (moment, pickands, kernel, qq, rank)


def at(estimate, k):
    i = int(np.flatnonzero(estimate.k == k)[0])
    return estimate.xi[i], estimate.stderr[i]


@pytest.mark.parametrize(
    ("x", "k", "expected"),
    [
        (A, 10, (0.7001487595332, 1.155278225478, 1.276124405274, 1.086169179308, 1.148957474128, 0.5138294030811)),
        (B, 6, (0.6489622633066, 2.321928094887, 2.0, 1.404412123579, 0.9176578715789, 0.5298100191801)),
        (C, 10, (0.2783033959723, 1.301380717483, 0.5563933485244, 0.7763427844124, 1.565191241378, 0.6999748027015)),
    ],
)
def test_published_values(x, k, expected):
    x = np.random.default_rng(1).permutation(x)
    xi, error = at(rank(x), k)
    found = (
        at(moment(x), k)[0], at(pickands(x), 2)[0], at(pickands(x), 3)[0], at(qq(x), k)[0], 1 / xi, error / xi**2,
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (A, (0.77693969366, 0.6226216255522, 0.7543127969653)),
        (B, (0.7501943200803, 0.4693086824206, 0.7709256609487)),
        (C, (-0.09446205010422, 0.2088253983208, 0.09487320916458)),
    ],
)
def test_published_kernel_values(x, expected):
    n = len(x)
    found = at(kernel(x), n)[0], at(kernel(x), n // 2)[0], at(kernel(x, "triweight"), n)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_match_the_definitions():
    x = np.random.default_rng(2).pareto(1.5, 300) + 0.2
    for k in (2, 3, 17, 150, 299):
        assert at(moment(x), k)[0] == pytest.approx(reference.moment(x, k), rel=1e-9)
        assert at(qq(x), k)[0] == pytest.approx(reference.qq(x, k), rel=1e-10)
        assert at(rank(x), k)[0] == pytest.approx(reference.rank(x, k), rel=1e-10)
        for name in ("biweight", "triweight"):
            assert at(kernel(x, name), k)[0] == pytest.approx(reference.kernel(x, k, name), rel=1e-9, abs=1e-11)


LAWS = {
    # 100 samples: the mean is good to a tenth of the scatter, the scatter to 7 percent; bias is below that at k = 200.
    "pareto": (0.5, lambda u: u**-0.5),
    "uniform": (-1.0, lambda u: 2 - u),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("estimator", ALL)
def test_standard_errors_tell_the_scatter(law, estimator):
    xi, quantile = LAWS[law]
    if xi < 0 and estimator in (qq, rank):
        return  # they estimate positive indices only
    rng = np.random.default_rng(3)
    found = np.array([at(estimator(quantile(rng.random(3000))), 200) for _ in range(100)])
    scatter = found[:, 0].std()
    assert abs(found[:, 0].mean() - xi) < 5 * scatter / 10 + 0.04
    assert abs(scatter / found[:, 1].mean() - 1) < 5 * 0.07


def test_long_arrays_stay_accurate():
    """Quantiles of a power law, where sums are known: no overflow of k^7, no cancellation."""
    n = 200_000
    x = (n / np.arange(1, n + 1)) ** 0.5
    for estimator in (moment, kernel, qq, rank):
        estimate = estimator(x)
        assert np.isfinite(estimate.xi[100:]).all()
        assert estimate.xi[-2] == pytest.approx(0.5, abs=2e-3)


@given(st.lists(st.floats(1e-300, 1e300) | st.integers(1, 4).map(float), min_size=4, max_size=30))
@settings(max_examples=50)
def test_any_values(x):
    for estimator in ALL:
        estimate = estimator(x)
        assert not np.isinf(estimate.xi).any()
        defined = ~np.isnan(estimate.xi)
        assert (estimate.stderr[defined] >= 0).all()
        assert np.isnan(estimate.stderr[~defined]).all()
        json.dumps(estimate.to_dict(), allow_nan=False)
        assert len(estimate.alpha) == len(estimate.k)


def test_scale_does_not_matter():
    for estimator in ALL:
        np.testing.assert_allclose(estimator(np.array(C) * 2.0**200).xi, estimator(C).xi, rtol=1e-12)
    np.testing.assert_allclose(pickands(np.array(C) + 10).xi, pickands(C).xi, rtol=1e-11)


def test_equal_values_have_no_index():
    for estimator in ALL:
        estimate = estimator([2.0] * 9)
        if estimator is qq:
            np.testing.assert_array_equal(estimate.xi, 0)
        else:
            assert np.isnan(estimate.xi).all()
        assert repr(estimate)


def test_threads_do_not_matter():
    x = np.random.default_rng(4).pareto(1.5, 30_000) + 1
    for estimator in (moment, qq, rank):
        np.testing.assert_array_equal(estimator(x, threads=3).xi, estimator(x, threads=1).xi)


def test_result():
    estimate = moment(A)
    assert repr(estimate) == "TailEstimate(moment, k up to 19; xi = -0.7258 +- 1.2 at k = 2)"
    assert estimate.alpha[9] == pytest.approx(1 + 1 / 0.7001487595332)
    assert moment(np.linspace(1, 2, 100)).alpha[-1] == np.inf
    assert "xi" in estimate._repr_html_()
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimate.xi = 3


@pytest.mark.parametrize("estimator", ALL)
def test_refuses(estimator):
    name = estimator.__name__
    for bad, says in (
        ([1.0], "number of values must be at least"),
        ([1.0, 0.0, 2.0, 3.0], "found 0.0 at index 1"),
        ([1.0, 3.0, np.nan, 2.0], "found nan at index 2"),
        ([[1.0, 2.0]], "must have one axis"),
    ):
        with pytest.raises(ValueError, match=f"{name}: .*{says}"):
            estimator(bad)
    with pytest.raises(TypeError, match=f"{name}: x must be real"):
        estimator(["a"])
    with pytest.raises(ValueError, match="kernel: kernel must be one of"):
        kernel(A, "gauss")
