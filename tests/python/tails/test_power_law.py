import dataclasses
import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeprmt import _core
from deeprmt.tails import fit_power_law
from reference.tails import power_law as reference

A = [1.02, 1.07, 1.1, 1.15, 1.21, 1.28, 1.33, 1.4, 1.52, 1.61, 1.75, 1.9, 2.1, 2.45, 2.8, 3.4, 4.3, 5.9, 9.2, 21.5]
B = [0.5, 0.5, 0.8, 1.0, 1.0, 1.0, 1.3, 2.0, 2.0, 4.5, 7.0, 16.0]
C = [
    0.21, 0.33, 0.42, 0.5, 0.57, 0.65, 0.73, 0.81, 0.9, 1.0, 1.11, 1.23, 1.37, 1.54, 1.75, 2.0, 2.36, 3.0, 4.8, 6.1,
]  # fmt: skip


def found(fit):
    return fit.alpha, fit.xmin, fit.ks, fit.n_tail


@pytest.mark.parametrize(
    ("x", "ks", "expected"),
    [
        (A, "plfit", (2.29079970458, 1.02, 0.04622671846799, 20)),
        (A, "two-sided", (2.29079970458, 1.02, 0.06447565493525, 20)),
        (B, "plfit", (2.012194222079, 0.8, 0.1259274415167, 10)),
        (B, "two-sided", (1.823069928655, 0.5, 0.1847621146625, 12)),
        (C, "plfit", (2.514851126364, 1.11, 0.09824569929076, 10)),
        (C, "two-sided", (2.438866065622, 1.0, 0.09910575123119, 11)),
    ],
)
def test_published_values(x, ks, expected):
    fit = fit_power_law(np.random.default_rng(1).permutation(x), ks=ks)
    np.testing.assert_allclose(found(fit), expected, rtol=2e-12)
    assert fit.stderr == pytest.approx((fit.alpha - 1) / np.sqrt(fit.n_tail), rel=1e-15)
    np.testing.assert_array_equal(fit.tail, np.sort(x)[len(x) - fit.n_tail :])


def samples():
    rng = np.random.default_rng(2)
    for n in (7, 100, 1500):
        yield rng.pareto(2, n) + 1
        yield rng.exponential(size=n)
        yield np.round(rng.pareto(1.5, n) + 1, 1)  # ties
        yield np.linalg.eigvalsh(np.cov(rng.normal(size=(min(n, 200), 400))))
        yield (1 - (np.arange(n) + 0.5) / n) ** -0.5  # quantiles: distances of all candidates are nearly zero
        yield 1 + 1e-9 * rng.random(n)


@pytest.mark.parametrize("ks", ["plfit", "two-sided"])
def test_finds_the_minimum_over_all_candidates(ks):
    for x in samples():
        # Where values agree to 9 digits, the reference's logarithms hold 7 digits of their differences.
        rtol = 1e-11 if np.ptp(x) > 1e-3 else 1e-6
        two_sided = ks == "two-sided"
        np.testing.assert_allclose(found(fit_power_law(x, ks=ks)), reference.fit_power_law(x, two_sided), rtol=rtol)


# Few significant digits: logarithms of these values differ by 1e-3 at least, or not at all.
values = st.integers(1, 999).flatmap(lambda m: st.integers(-290, 290).map(lambda e: m * 10.0**e))


@given(st.lists(values | st.integers(1, 5).map(float), min_size=3, max_size=30), st.booleans())
def test_no_candidate_is_closer(x, two_sided):
    if len(set(x)) < 2:
        return
    fit = fit_power_law(x, ks="two-sided" if two_sided else "plfit")
    tail = np.sort(x)[len(x) - fit.n_tail :]
    assert tail[0] == fit.xmin
    # alpha is below 30 / 1e-3, logarithms are good to 1e-13.
    # Several candidates may be equally far: the reference decides by rounding, so distances are compared, not xmin.
    assert fit.ks == pytest.approx(reference.distance(tail, fit.alpha - 1, two_sided), abs=1e-8)
    assert fit.ks == pytest.approx(reference.fit_power_law(x, two_sided)[2], abs=1e-8)


@pytest.mark.parametrize("ks", ["plfit", "two-sided"])
def test_a_large_sample(ks):
    """More candidates than are tried at once, threads, and every level of the search."""
    x = np.random.default_rng(3).pareto(2.0, 200_000) + 1
    fit = fit_power_law(x, ks=ks, threads=1)
    assert found(fit) == found(fit_power_law(x, ks=ks, threads=3))
    assert abs(fit.alpha - 3) < 5 * fit.stderr
    rng = np.random.default_rng(4)
    ordered = np.sort(x)
    for first in rng.integers(0, x.size - 2, 20):
        tail = ordered[first:]
        a = tail.size / np.log(tail / tail[0]).sum()
        assert reference.distance(tail, a, ks == "two-sided") > fit.ks - 1e-12


@given(st.lists(st.integers(1, 10**6), min_size=3, max_size=30), st.integers(-900, 900))
def test_scale_does_not_matter(x, exponent):
    if len(set(x)) < 2:
        return
    one, other = fit_power_law(x), fit_power_law(np.array(x, float) * 2.0**exponent)
    assert (other.alpha, other.ks, other.n_tail) == (one.alpha, one.ks, one.n_tail)
    assert other.xmin == one.xmin * 2.0**exponent


def test_powers_stretch_the_exponent():
    one, other = fit_power_law(A), fit_power_law(np.array(A) ** 2)
    assert (other.alpha - 1) * 2 == pytest.approx(one.alpha - 1, rel=1e-13)


def test_no_exponent_is_bounded():
    """Other tools look for alpha within [1, 3] by default and return 3 for steeper laws."""
    x = np.random.default_rng(5).pareto(7.0, 5000) + 1
    fit = fit_power_law(x)
    assert abs(fit.alpha - 8) < 5 * fit.stderr
    assert fit_power_law(np.exp(np.arange(1.0, 100.0))).alpha < 1.1


def test_every_candidate_of_many_values_takes_no_hours():
    """10^10 / 2 distances, one by one, are minutes in C and hours in NumPy; a known failure elsewhere."""
    x = np.random.default_rng(6).pareto(1.5, 100_000) + 1
    begin = time.process_time()
    fit = fit_power_law(x, threads=1)
    assert time.process_time() - begin < 2  # 10 ms in truth
    assert abs(fit.alpha - 2.5) < 5 * fit.stderr
    # No other candidate of fifty is better.
    logs = np.log(fit.x)
    for first in range(0, 99_900, 2000):
        m = x.size - first
        law = 1 - np.exp(-m / (logs[first:] - logs[first]).sum() * (logs[first:] - logs[first]))
        assert np.abs(law - np.arange(m) / m).max() >= fit.ks * (1 - 1e-9), first


def test_a_given_lower_end():
    for xmin in (0.9, 1.0, 1.3):
        fit = fit_power_law(C, xmin=xmin)
        tail = np.array([x for x in C if x >= xmin])
        assert fit.n_tail == tail.size
        assert fit.alpha == pytest.approx(1 + tail.size / np.log(tail / xmin).sum(), rel=1e-14)
        fitted = 1 - (xmin / tail) ** (fit.alpha - 1)
        assert fit.ks == pytest.approx(np.abs(fitted - np.arange(tail.size) / tail.size).max(), abs=1e-15)
        assert not fit.chosen


def test_extremes_and_types():
    assert fit_power_law([5e-324, 1.0, 1.7e308]).alpha > 1
    assert fit_power_law([1e308, 1.2e308, 1.7e308]).alpha > 1
    x = np.array(A, np.float32)
    assert found(fit_power_law(x)) == found(fit_power_law(x.astype(float)))
    assert fit_power_law([1, 2, 3]).n_tail >= 2
    assert fit_power_law([1.0, 1.0, 1.0 + 2**-52]).alpha > 1e15


def test_goodness_of_fit_is_uniform_for_a_power_law():
    """Of 200 samples with the tail begun at xmin, p-values lie within the Kolmogorov distance of uniform ones."""
    rng = np.random.default_rng(6)
    p = [
        fit_power_law(rng.pareto(1.5, 60) + 1, xmin=1.0).goodness_of_fit(samples=99, threads=1).p_value
        for _ in range(200)
    ]
    # Five sigma of a uniform sample of 200: the distance exceeds 2.5 / sqrt(200) with probability 7e-6; the steps of p
    # are 0.01.
    assert np.abs(np.sort(p) - np.arange(200) / 200).max() < 2.5 / np.sqrt(200) + 0.02


def test_goodness_of_fit_refuses_what_is_no_power_law():
    x = np.random.default_rng(7).exponential(size=2000)
    assert fit_power_law(x, xmin=0.2).goodness_of_fit(samples=199).p_value == 1 / 200
    assert fit_power_law(x, xmin=0.2, ks="two-sided").goodness_of_fit(samples=199).p_value == 1 / 200


def test_goodness_of_fit_does_not_depend_on_threads_or_on_global_seeds():
    fit = fit_power_law(np.random.default_rng(8).pareto(2, 300) + 1)
    np.random.seed(1)  # noqa: NPY002
    one = fit.goodness_of_fit(samples=50, threads=1)
    np.random.seed(2)  # noqa: NPY002
    other = fit.goodness_of_fit(samples=50, threads=3)
    np.testing.assert_array_equal(one.distances, other.distances)
    np.testing.assert_array_equal(one.alphas, other.alphas)
    more = fit.goodness_of_fit(samples=70)
    np.testing.assert_array_equal(more.distances[:50], one.distances)
    assert not np.array_equal(fit.goodness_of_fit(samples=50, rng=1).distances, one.distances)
    assert one.stderr == pytest.approx(np.sqrt(one.p_value * (1 - one.p_value) / 51))


def test_bootstrap_samples_follow_the_fit():
    """Exponents of samples scatter about that of the fit with its standard error, where xmin is given."""
    fit = fit_power_law(np.random.default_rng(9).pareto(2, 400) + 1, xmin=1.0)
    alphas = fit.goodness_of_fit(samples=2000).alphas
    # 1 / (alpha - 1) is a mean of 400 exponentials, so that alpha - 1 has the bias (alpha - 1) / 399.
    assert abs(alphas.mean() - 1 - (fit.alpha - 1) * 400 / 399) < 5 * fit.stderr / np.sqrt(2000)
    assert abs(alphas.std() / fit.stderr - 1) < 5 / np.sqrt(2 * 2000) + 0.01


@pytest.mark.parametrize("ks", ["plfit", "two-sided"])
def test_p_values_that_are_found_sooner(ks):
    """Below the limit they are those of all samples, to the last bit; from there on they are not told."""
    seen = set()
    for x in (np.random.default_rng(10).pareto(2, 200) + 1, np.linspace(1, 2, 300), A, B):
        fit = fit_power_law(x, ks=ks)
        full = fit.goodness_of_fit(samples=199, rng=3)
        for limit in (0.02, 0.1, 0.5):
            for threads in (1, 3):
                found = fit.p_value_up_to(limit, 199, 3, threads)
                assert found[0] == (full.p_value if full.p_value < limit else np.inf)
                if full.p_value < limit:
                    assert found[1] == (full.distances < full.ks).all()
                seen.add(bool(np.isinf(found[0])))
        assert fit.p_value_up_to(np.inf, 199, 3, 1)[0] == full.p_value
    assert seen == {True, False}


def test_results():
    fit = fit_power_law(A)
    assert repr(fit) == "PowerLaw(alpha=2.291 +- 0.29, xmin=1.02, ks=0.04623, n_tail=20 of 20)"
    quality = fit.goodness_of_fit(samples=20)
    for result in (fit, quality):
        assert json.loads(json.dumps(result.to_dict())) == result.to_dict()
        assert type(result).__name__ in result._repr_html_()
        with pytest.raises(dataclasses.FrozenInstanceError):
            result.ks = 3
    assert repr(quality).endswith("20 samples)")


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([1.0, 2.0], "number of values must be at least 3, got 2"),
        ([[1.0, 2.0]], "must have one axis, got 2"),
        ([1.0, 0.0, 2.0], "positive and finite, found 0.0 at index 1"),
        ([1.0, 2.0, -3.0], "found -3.0 at index 2"),
        ([1.0, np.nan, np.inf], "found nan at index 1"),
        ([2.0, 2.0, 2.0], "at least two distinct values, all 3 are 2"),
    ],
)
def test_refuses_values(bad, says):
    with pytest.raises(ValueError, match=f"fit_power_law: .*{says}"):
        fit_power_law(bad)


def test_refuses_the_rest():
    for bad in ({"ks": "three-sided"}, {"xmin": -1.0}, {"xmin": 9.3}, {"xmin": 21.5}, {"threads": 0}):
        with pytest.raises(ValueError, match="fit_power_law: "):
            fit_power_law(A, **bad)
    with pytest.raises(TypeError, match="fit_power_law: x must be real"):
        fit_power_law(["a", "b"])
    with pytest.raises(ValueError, match="goodness_of_fit: samples must be at least 1"):
        fit_power_law(A).goodness_of_fit(samples=0)
    x = np.array(A)
    for bad in ((x, 0, 2.0, 2.0), (x, 19, 21.5, 2.0), (x, 0, 1.02, 1.0), (x, 5, 1.02, 2.0)):
        with pytest.raises(ValueError, match="power_law_bootstrap"):
            _core.tails.power_law_bootstrap(*bad, False, False, 1, 3, 1)
    with pytest.raises(ValueError, match="xmin must be positive"):
        _core.tails.fit_power_law_from(x, 2.0, False)
