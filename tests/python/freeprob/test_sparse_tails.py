"""Sums and products of samples with rare values far out: single narrow bumps, and gaps that are found between them."""

import numpy as np
import pytest

from deeprmt.freeprob import free_add, free_multiply
from deeprmt.laws import Empirical


def samples(n, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n), rng.exponential(size=n)


def counts(law, n):
    """n times the masses of the intervals, from the distribution function."""
    ends = np.array(law.support())
    return n * (law.cdf(ends[:, 1]) - law.cdf(ends[:, 0]))


def masses(law, nodes):
    """Of the intervals, by the rule for square roots at both ends, of which a bump is close to one."""
    angle = (np.arange(nodes) + 0.5) * np.pi / nodes
    out = []
    for low, high in law.support():
        x = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
        out.append((law.pdf(x) * np.sin(angle)).sum() * np.pi / nodes * (high - low) / 2)
    return np.array(out)


def by_iteration(a, b, z):
    """The density at z, high enough for the subordination equations to be a contraction that ends."""

    def reciprocal(values, w):
        return 1 / (1 / (w[:, None] - values)).mean(axis=1)

    w = z + 3j
    for _ in range(20_000):
        other = reciprocal(b, w) - w + z
        new = reciprocal(a, other) - other + z
        if np.abs(new - w).max() < 1e-13:
            return -(1 / reciprocal(b, new)).imag / np.pi
        w = new
    raise AssertionError("the iteration has not ended")


def test_tail_of_two_samples():
    """Intervals of a sum of two laws of n equal atoms each hold whole multiples of 1/n."""
    n = 2000
    law = free_add(*(Empirical(each) for each in samples(n, 0)))
    number = counts(law, n)
    assert np.abs(number - np.round(number)).max() < 1e-6
    assert number.sum() == pytest.approx(n, abs=1e-6)
    assert (np.round(number[-2:]) == 1).all()  # the two largest values lie alone
    low, high = law._hull()
    x = np.linspace(low, high, 2002)[1:-1]
    density = law.pdf(x)
    inside = (np.array(law.support())[:, :1] < x) & (x < np.array(law.support())[:, 1:])
    np.testing.assert_array_equal(density > 0, inside.any(axis=0))
    # A single bump is a semicircle but for terms of relative size width / distance, here below 1e-2: a rule of 32
    # points integrates it to 1e-12; wider intervals with several humps need more points than that.
    single = np.round(number) == 1
    np.testing.assert_allclose(n * masses(law, 32)[single], 1, rtol=1e-9)


@pytest.mark.parametrize("seed", [1, 3])
def test_gaps_are_those_of_the_iteration(seed):
    """From above, at a height h, a density in a gap is h times sum m / distance^2 of the mass around."""
    n, height = 60, 1e-3
    a, b = samples(n, seed)
    law = free_add(Empirical(a), Empirical(b))
    ends = np.array(law.support())
    between = (ends[1:, 0] + ends[:-1, 1]) / 2
    between = between[ends[1:, 0] - ends[:-1, 1] > 0.2]  # at most h / 0.1^2 / pi is 0.03
    single = np.round(counts(law, n)) == 1
    if single.any():  # two heights take out what is linear in them; (h / r)^2 of a bump of radius r is left
        middle, radius = ends[single].mean(axis=1), (ends[single, 1] - ends[single, 0]) / 2
        one, two = (by_iteration(a, b, middle + 1j * h) for h in (height, 2 * height))
        assert (np.abs((2 * one - two) / law.pdf(middle) - 1) < 10 * (height / radius) ** 2).all()
    if between.size:
        assert by_iteration(a, b, between + 1j * height).max() < 0.035
    x = np.random.default_rng(seed).uniform(*law._hull(), 40)
    expected = by_iteration(a, b, x + 1j * height)
    z = law.stieltjes(x + 1j * height).imag / np.pi
    np.testing.assert_allclose(z, expected, rtol=1e-9)


def test_product_of_two_samples():
    n = 400
    rng = np.random.default_rng(4)
    law = free_multiply(Empirical(rng.exponential(size=n)), Empirical(np.exp(rng.normal(size=n))))
    number = counts(law, n)
    assert np.abs(number - np.round(number)).max() < 1e-6
    assert number.sum() == pytest.approx(n, abs=1e-6)
    x = np.linspace(*law._hull(), 2002)[1:-1]
    assert np.isfinite(law.pdf(x)).all()


@pytest.mark.slow
def test_tail_of_many():
    """10^4 values each: bumps of mass 1e-4 about .04 wide, in a hull of length 12."""
    n = 10_000
    law = free_add(*(Empirical(each) for each in samples(n, 0)))
    number = counts(law, n)
    assert np.abs(number - np.round(number)).max() < 1e-6
    assert number.sum() == pytest.approx(n, abs=1e-6)
    assert (np.round(number[-5:]) == 1).all()
    assert np.isfinite(law.pdf(np.linspace(*law._hull(), 1002)[1:-1])).all()
