import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from deeprmt import freeprob, laws
from deeprmt.ensembles import laguerre_eigenvalues
from deeprmt.linalg import svd
from deeprmt.signal import ledoit_peche, rotation_invariant, shrink
from deeprmt.signal._rotation_invariant import _transform


def test_the_transform_of_a_semicircle():
    law = laws.Semicircle(0.5)  # radius 1
    x = np.array([-3.0, -1.2, 0.0, 0.3, 0.99, 1.5, 40.0])
    np.testing.assert_allclose(_transform(x, 1.0), -law.stieltjes(x).real, rtol=1e-12, atol=1e-12)
    direct = quad(lambda t: law.pdf(t) / (2 - t), -1, 1)[0]
    assert _transform(np.array([2.0]), 1.0)[0] == pytest.approx(direct, rel=1e-7)


@pytest.mark.parametrize("shape", [(100, 100), (60, 240), (240, 60)])
def test_comes_close_to_the_oracle(shape):
    rng, n = np.random.default_rng(0), max(shape)
    ranks = {"full": min(shape), "tenth": min(shape) // 10}
    for rank in ranks.values():
        signal = rng.normal(size=(shape[0], rank)) @ rng.normal(size=(rank, shape[1])) / math.sqrt(min(shape))
        u, s, vt = svd(signal + rng.normal(size=shape))
        oracle = np.einsum("ij,ij->j", u, signal @ vt.T)

        def loss(values, u=u, vt=vt, signal=signal):
            return ((signal - (u * values) @ vt) ** 2).sum()

        found = rotation_invariant(s, shape, 1.0)
        # No estimate with these vectors does better than the oracle; smoothing costs 1% of the noise's m n here.
        assert loss(oracle) <= loss(found) < loss(oracle) + 0.01 * signal.size
        assert n * min(shape) > loss(found)


def test_a_lone_spike_is_shrunk_as_for_low_rank():
    shape = (300, 600)
    noise = np.sqrt(600 * laguerre_eigenvalues(600, 300, 1, rng=0)[::-1])
    s = np.append(60.0, noise[1:])
    # The bulk's sums fluctuate by 1/n, and one level in 300 is gone from it.
    assert rotation_invariant(s, shape, 1.0)[0] == pytest.approx(shrink([60.0], shape, 1.0)[0], rel=0.01)
    assert rotation_invariant(s, shape, 1.0)[30:].max() < 0.1 * noise[30]


@given(st.lists(st.floats(0, 1e3), min_size=5, max_size=5), st.integers(5, 12), st.integers(-30, 30))
@settings(max_examples=60)
def test_any_values_are_shrunk_in_order(values, long, power):
    s = np.sort(values)[::-1]
    found = rotation_invariant(s, (5, long), 1.0)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (found <= s * (1 + 1e-12) + 1e-12).all()
    assert (np.diff(found) <= 1e-12 * (1 + found[:-1])).all()
    np.testing.assert_allclose(rotation_invariant(s, (long, 5), 1.0), found)
    scaled = rotation_invariant(s * 2.0**power, (5, long), 2.0**power)
    np.testing.assert_allclose(scaled, found * 2.0**power, rtol=1e-9, atol=1e-9 * 2.0**power)


def test_known_values_of_a_population_of_two():
    law = freeprob.free_multiply(laws.Discrete([1, 3], [0.5, 0.5]), laws.MarchenkoPastur(0.5))
    known = [1.34303185671, 1.5, 2.417787477752, 2.77555244448]  # from the companion's cubic equation
    np.testing.assert_allclose(ledoit_peche([0.5, 1.0, 2.0, 4.0], 0.5, law), known, rtol=1e-10)


def test_the_population_is_found_from_the_sample_alone():
    rng, p, n = np.random.default_rng(0), 200, 400
    population = np.repeat([1.0, 3.0], p // 2)
    x = rng.normal(size=(p, n)) * np.sqrt(population)[:, None]
    values, vectors = np.linalg.eigh(x @ x.T / n)
    oracle = np.einsum("ij,i,ij->j", vectors, population, vectors)
    found = ledoit_peche(values, p / n)
    # In the mean square it is far closer to the oracle than the sample's own eigenvalues are.
    assert np.mean((found - oracle) ** 2) < 0.02 * np.mean((values - oracle) ** 2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: rotation_invariant([2.0, 1.0], (3, 4), 1.0), r"all min\(shape\) = 3"),
        (lambda: rotation_invariant([1.0, 2.0, 3.0], (3, 4), 1.0), "descend"),
        (lambda: rotation_invariant([1.0], (1, 4), 0.0), "sigma"),
        (lambda: ledoit_peche([1.0], 1.5), "aspect must be at most 1"),
        (lambda: ledoit_peche([1.0, 0.0], 0.5), "above 0"),
        (lambda: ledoit_peche([], 0.5), "at least one"),
    ],
)
def test_refuses(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_a_population_law_is_refused():
    population = laws.Discrete([1.0, 3.0], [0.5, 0.5])
    with pytest.raises(ValueError, match=r"found mass 0.5 at 1; .* free_multiply\(H, MarchenkoPastur\(aspect\)\)"):
        ledoit_peche([0.5, 1.0, 2.0, 4.0], 0.5, population)
    sample = freeprob.free_multiply(population, laws.MarchenkoPastur(0.5))
    assert np.isfinite(ledoit_peche([0.5, 1.0, 2.0, 4.0], 0.5, sample)).all()
