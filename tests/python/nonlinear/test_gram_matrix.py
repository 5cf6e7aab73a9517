"""Sampled Gram matrices: entry by entry, on any number of threads, and their spectra beside the law."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deeprmt._arguments import as_key
from deeprmt._core.nonlinear import gram, panel_rows
from deeprmt._core.nonlinear import gram_matrix as kernel
from deeprmt.nonlinear import constants, gram_eigenvalues, gram_law, gram_matrix
from reference.nonlinear import gram_matrix as reference


@pytest.mark.parametrize("samples", [False, True])
@pytest.mark.parametrize("sizes", [(5, 4, 7), (3, 9, 2), (1, 1, 1)])
def test_matches_the_reference(sizes, samples):
    n0, n1, m = sizes
    order = m if samples else n1
    out = np.empty((order, order))
    kernel(11, 2, n0, n1, m, 0.7, samples, np.tanh, out, 2)
    expected = reference.gram_matrix(11, 2, n0, n1, m, 0.7, samples, math.tanh)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("side", ["features", "samples"])
@pytest.mark.parametrize(("dtype", "eps"), [(np.float64, 1.2e-16), (np.float32, 6e-8)])
def test_panels_tiles_and_threads(side, dtype, eps):
    """Several tiles and panels. Rounding: sums of n0 and of m or n1 products, each of size 1."""
    n0, n1, m = 60, 700, 9001 if side == "features" else 530
    if side == "samples":
        n1 = 9001
    one, three = (gram_matrix("tanh", n0, n1, m, side=side, dtype=dtype, rng=4, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)
    np.testing.assert_array_equal(one, one.T)
    assert one.dtype == dtype
    order, other = (n1, m) if side == "features" else (m, n1)
    assert panel_rows(order, other, n0) < other
    if dtype == np.float32:
        return  # other draws
    w, x = reference.factors(as_key("", 4), 0, n0, n1, m)
    y = np.tanh(w @ x / math.sqrt(n0))
    expected = (y @ y.T if side == "features" else y.T @ y) / m
    np.testing.assert_allclose(one, expected, rtol=0, atol=4 * eps * math.sqrt(other) * other / m)


def test_gram_of_a_given_matrix():
    y = np.random.default_rng(0).normal(size=(300, 1100))
    np.testing.assert_allclose(gram(y, 0.5, 2), 0.5 * y.T @ y, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(gram(y, 0.5, 2), gram(y, 0.5, 1))


@pytest.mark.parametrize("sizes", [(300, 200, 400), (300, 400, 200)])
@pytest.mark.parametrize("side", ["features", "samples"])
def test_spectra_are_those_of_the_law(sizes, side):
    """Eigenvalues are rigid: their distance is O(1 / N), here some 2 / N with the O(1 / n) bias of a finite network."""
    n0, n1, m = sizes
    values = gram_eigenvalues("tanh", n0, n1, m, side=side, trials=3, rng=5)
    law = constants("tanh").gram_law(n0 / m, n0 / n1, side=side)
    assert values.shape == (3, n1 if side == "features" else m)
    assert (np.diff(values) >= 0).all()
    assert law.ks_distance(values) < 3 / 200


def test_only_eta_and_zeta_count():
    """relu scaled to variance 1, and the law of its ratio: moments to the O(1 / n) of columns of different norms."""
    ratio = constants("relu").ratio
    law = gram_law(1.0, ratio, 0.75, 1.5)
    scale = 1 / constants("relu").eta
    values = scale * gram_eigenvalues("relu", 450, 300, 600, trials=4, center=True, rng=6)
    assert np.mean(values**2) == pytest.approx(law.moment(2), rel=0.02)
    assert law.ks_distance(values) < 3 / 300


def test_trials_are_the_same_however_they_are_run():
    kept = gram_eigenvalues("tanh", 40, 30, 50, trials=3, rng=7, threads=1)
    with ThreadPoolExecutor(2) as pool:
        np.testing.assert_array_equal(gram_eigenvalues("tanh", 40, 30, 50, trials=3, rng=7, executor=pool), kept)
    np.testing.assert_array_equal(gram_eigenvalues("tanh", 40, 30, 50, trials=2, rng=7), kept[:2])
    first = np.linalg.eigvalsh(gram_matrix("tanh", 40, 30, 50, rng=7))
    np.testing.assert_allclose(kept[0], first, rtol=0, atol=1e-14)


def test_a_mean_is_warned_of():
    with pytest.warns(UserWarning, match="f has the mean 0.398942, which brings one large eigenvalue"):
        meant = gram_eigenvalues("relu", 200, 150, 180, rng=8)
    np.testing.assert_array_equal(meant, gram_eigenvalues("relu", 200, 150, 180, rng=8, center=False))
    centred = gram_eigenvalues("relu", 200, 150, 180, rng=8, center=True)
    # mean^2 n1, and the bulk beside it; one s.d. of the mean entry is 1e-2 of it.
    assert meant[0, -1] == pytest.approx(150 / (2 * math.pi) + 1, rel=0.1)
    assert centred[0, -1] < 3


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        (("tanh", 0, 2, 3), {}, ValueError, "n0 must be at least 1, got 0"),
        (("tanh", 1, 2.5, 3), {}, TypeError, "n1 must be a whole number, got 2.5"),
        (("tanh", 1, 2, 3), {"sigma_w": 0.0}, ValueError, "sigma_w must be finite and above 0"),
        (("tanh", 1, 2, 3), {"side": "left"}, ValueError, "side must be one of"),
        (("tanh", 1, 2, 3), {"center": 3}, TypeError, "center must be True, False or None, got 3"),
        (("tanh", 10, 10**7, 10**7), {}, MemoryError, "Gram matrix of order 10000000"),
        ((lambda h: np.exp(h * h), 50, 50, 50), {}, ValueError, "finite Gaussian moments"),
        ((lambda h: np.exp(np.minimum(h * h, 0.4) * 1e3), 20, 30, 40), {"center": False}, ValueError, "must be finite"),
    ],
)
def test_refuses(arguments, options, error, says):
    with pytest.raises(error, match=says):
        gram_matrix(*arguments, rng=0, **options)


def test_functions_of_one_axis_and_of_lists():
    def of_one_axis(h):
        assert h.ndim == 1
        return list(np.tanh(h))

    found = gram_matrix(of_one_axis, 5, 6, 7, rng=0)
    np.testing.assert_allclose(found, gram_matrix(np.tanh, 5, 6, 7, rng=0), rtol=1e-14)


def test_refuses_more_trials_than_can_be_held():
    for trials in (2**31, 2**63, 10**400):
        with pytest.raises(ValueError, match="gram_eigenvalues: trials must be at most"):
            gram_eigenvalues("tanh", 4, 4, 4, trials=trials)
    with pytest.raises(MemoryError, match="2147483647 spectra"):
        gram_eigenvalues("tanh", 4, 4000, 4, trials=2**31 - 1)
