import numpy as np
import pytest

from deeprmt import _core
from reference.jacobian import layer as reference


def draw(kind, n_out, n_in, *, key=3, sample=0, index=1, sigma_w=1.5, sigma_b=0.5, dtype=np.float64, threads=2):
    w, b = np.empty((n_out, n_in), dtype), np.empty(n_out, dtype)
    _core.jacobian.layer(key, sample, index, kind == "haar", sigma_w, sigma_b, w, b, threads)
    return w, b


@pytest.mark.parametrize("kind", ["gaussian", "haar"])
@pytest.mark.parametrize(("n_out", "n_in"), [(1, 1), (4, 4), (6, 3), (3, 6)])
def test_matches_the_reference(kind, n_out, n_in):
    # Entries below 2.1, from at most 4 reflectors of 5 roundings each: 42 eps = 1e-14 if all add up.
    for sample, index in ((0, 1), (2, 5)):
        w, b = draw(kind, n_out, n_in, sample=sample, index=index)
        expected = reference.layer(3, sample, index, kind, n_out, n_in, 1.5, 0.5)
        np.testing.assert_allclose(w, expected[0], rtol=0, atol=1e-13)
        np.testing.assert_allclose(b, expected[1], rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", ["gaussian", "haar"])
@pytest.mark.parametrize(("n_out", "n_in"), [(40, 40), (60, 20), (20, 60)])
def test_signal_keeps_its_variance(kind, n_out, n_in):
    # E |W x|^2 / n_out = sigma_w^2 |x|^2 / n_in for every shape.
    x = np.random.default_rng(1).normal(size=n_in)
    ratios = [
        (np.sum((draw(kind, n_out, n_in, sample=s)[0] @ x) ** 2) / n_out) / (1.5**2 * (x @ x) / n_in)
        for s in range(400)
    ]
    error = np.std(ratios) / np.sqrt(len(ratios))
    assert abs(np.mean(ratios) - 1) < 5 * error + 1e-12
    if kind == "haar" and n_out >= n_in:
        # An isometry, not only on average: 60 reflectors and sums of 60 terms round by 120 eps = 3e-14 if all add up.
        np.testing.assert_allclose(ratios, 1, rtol=1e-12)


def test_haar_rows_and_columns_are_orthonormal_up_to_scale():
    # (3 sqrt(n) + 10) eps of the scale, as in test_haar: 26 eps * 6.75 = 4e-14 at n = 30.
    w, _ = draw("haar", 30, 10)
    np.testing.assert_allclose(w.T @ w, 1.5**2 * 3 * np.eye(10), rtol=0, atol=1e-13)
    w, _ = draw("haar", 10, 30)
    np.testing.assert_allclose(w @ w.T, 1.5**2 * np.eye(10), rtol=0, atol=1e-13)


def test_layers_samples_and_kinds_are_independent():
    draws = [draw("gaussian", 50, 50, sample=s, index=layer)[0].ravel() for s in (0, 1) for layer in (1, 2)]
    for i, a in enumerate(draws):
        for b in draws[:i]:
            assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(a.size)
