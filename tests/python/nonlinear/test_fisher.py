"""The Fisher matrix of one hidden layer: differences, flat directions, what is worse conditioned than what."""

import numpy as np
import pytest

from deeprmt.activations import Activation, as_activation
from deeprmt.nonlinear import fisher_matrix, fisher_spectrum
from reference.nonlinear import fisher as reference


@pytest.mark.parametrize("name", ["linear", "tanh", "gelu"])
def test_matches_the_reference(name):
    rng = np.random.default_rng(0)
    w1, w2, x = rng.normal(size=(3, 4)), rng.normal(size=(2, 3)), rng.normal(size=(5, 4))
    expected = reference.fisher_matrix(w1, w2, x, as_activation("test", name).phi)
    # Central differences of step 1e-5: 1e-10 from both ends, times numbers of order 10.
    np.testing.assert_allclose(fisher_matrix(w1, w2, x, activation=name), expected, rtol=0, atol=1e-7)


def test_is_a_gram_matrix_whatever_the_threads():
    rng = np.random.default_rng(1)
    w1, w2, x = rng.normal(size=(6, 5)), rng.normal(size=(4, 6)), rng.normal(size=(7, 5))
    one, three = (fisher_matrix(w1, w2, x, activation="relu", threads=t) for t in (1, 3))
    np.testing.assert_array_equal(one, three)
    np.testing.assert_array_equal(one, one.T)
    values = np.linalg.eigvalsh(one)
    assert values[0] > -1e-12 * values[-1]
    # Rank: no more than 7 samples times 4 outputs.
    assert (values[: one.shape[0] - 28] < 1e-12 * values[-1]).all()


def test_linear_networks_have_flat_directions():
    """w2 w1 stays as it is when w1 is multiplied by any invertible matrix and w2 by its inverse: n1^2 directions."""
    for sizes in ((8, 8, 8), (9, 4, 7)):
        found = fisher_spectrum(*sizes, activation="linear", rng=0)
        assert found.zero_fraction == sizes[1] ** 2 / found.eigenvalues.size
    for name in ("tanh", "relu", "abs", "sin"):
        assert fisher_spectrum(8, activation=name, rng=0).zero_fraction == 0


def test_homogeneous_units_have_one_flat_direction_each():
    """f(c h) = c^k f(h): w1[a] by c and w2[:, a] by c^-k leave the function; steps have f' = 0 nearly everywhere."""
    for name in ("relu", "abs", "square", "cube"):
        found = fisher_spectrum(7, 5, 6, activation=name, standardize=False, rng=0)
        assert round(found.zero_fraction * found.eigenvalues.size) == 5
    assert fisher_spectrum(7, activation="sign", rng=0).zero_fraction == 0.5


def test_linear_networks_are_worst_conditioned():
    spread = {name: fisher_spectrum(14, activation=name, rng=2).spread for name in ("linear", "tanh", "relu", "abs")}
    assert sorted(spread, key=spread.get, reverse=True)[0] == "linear"


def test_the_mean_is_that_of_independent_layers():
    """The trace over m: sum w2^2 f'^2 x^2 and n2 f^2, means n1 n0 (n2 / n1) E f'^2 and n2 n1; linear: n2 (n0 + n1)."""
    found = fisher_spectrum(20, samples=400, activation="linear", rng=0)
    # 400 samples of 20 inputs and 400 weights each: relative deviations of about 5 %, five times that.
    assert found.eigenvalues.sum() == pytest.approx(800, rel=0.25)


def test_refuses():
    with pytest.raises(ValueError, match="w2 must have 3 columns"):
        fisher_matrix(np.ones((3, 2)), np.ones((2, 2)), np.ones((4, 2)), activation="relu")
    with pytest.raises(ValueError, match="x must have 2 columns"):
        fisher_matrix(np.ones((3, 2)), np.ones((2, 3)), np.ones((4, 3)), activation="relu")
    with pytest.raises(ValueError, match="w1 must be finite"):
        fisher_matrix([[np.nan]], [[1.0]], [[1.0]], activation="relu")
    with pytest.raises(ValueError, match="entries must be finite, but those of w1, w2, x or f are so large"):
        fisher_matrix([[1e200]], [[1e200]], [[1e200]], activation="linear")
    with pytest.raises(MemoryError, match="fisher_spectrum: a Fisher matrix of 18 weights over"):
        fisher_spectrum(3, samples=10**13)
    with pytest.raises(TypeError, match="standardize must be True or False, got 'no'"):
        fisher_spectrum(3, standardize="no")
    nothing = Activation(lambda h: 0 * h, lambda h: 0 * h, name="nothing", kinks=())
    with pytest.raises(ValueError, match="the Fisher matrix of nothing is 0"):
        fisher_spectrum(3, activation=nothing, standardize=False)
    with pytest.raises(ValueError, match="n0 must be at least 1"):
        fisher_spectrum(0)


def test_sizes_and_seeds_are_refused_by_name():
    with pytest.raises(ValueError, match="fisher_spectrum: n0 must be at most"):
        fisher_spectrum(10**400)
    with pytest.raises(TypeError, match="fisher_spectrum: rng must be"):
        fisher_spectrum(3, rng="spam")
    with pytest.raises(ValueError, match="fisher_spectrum: activation must not be constant"):
        fisher_spectrum(3, activation=np.zeros_like)
