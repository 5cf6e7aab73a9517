"""Rotations that fix a vector: what they keep, their law, and the invariance of networks that they show."""

import numpy as np
import pytest
from scipy import stats

from deeprmt.networks import MLP, FixingRotation, Network, fixing_rotation


@pytest.mark.parametrize("n", [1, 2, 3, 50, 301])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_is_orthogonal_and_fixes_x(n, dtype):
    x = np.random.default_rng(n).normal(size=n).astype(dtype)
    u = fixing_rotation(x, rng=1)
    assert u.dtype == dtype
    eps = np.finfo(dtype).eps  # a product of n reflections, each with a few roundings: sqrt(n) typical, n safe
    assert np.abs(u @ x - x).max() <= (n + 8) * eps * np.abs(x).max()
    assert np.abs(u.T @ u - np.eye(n)).max() <= (n + 8) * eps


@pytest.mark.parametrize("x", [[0.0, 0, 2], [-3.0, 0, 0], [1e-300, 1e-301, 0], [1e300, -1e300, 1e299]])
def test_extreme_vectors(x):
    x = np.array(x)
    u = fixing_rotation(x, rng=2)
    assert np.abs(u @ x - x).max() <= 1e-15 * np.abs(x).max() * 4


def test_operator_is_the_matrix():
    x = np.random.default_rng(0).normal(size=40)
    u, op = fixing_rotation(x, rng=3), fixing_rotation(x, rng=3, operator=True)
    assert isinstance(op, FixingRotation)
    m = np.random.default_rng(1).normal(size=(40, 7))
    close = {"rtol": 0, "atol": 1e-13}  # 40 reflections of numbers of size 3
    np.testing.assert_allclose(op @ m, u @ m, **close)
    np.testing.assert_allclose(op @ m[:, 0], u @ m[:, 0], **close)
    np.testing.assert_allclose(op.T @ m, u.T @ m, **close)
    np.testing.assert_allclose(op.rmatvec(m[:, 0]), u.T @ m[:, 0], **close)
    np.testing.assert_allclose(op.apply(m, transpose=True), u.T @ m, **close)
    np.testing.assert_allclose(op.apply(m.T, side="right"), m.T @ u, **close)
    np.testing.assert_allclose(op.apply(m[:, 0], side="right"), m[:, 0] @ u, **close)
    np.testing.assert_allclose(op.T.to_dense(), u.T, **close)


def test_is_haar_on_the_complement():
    """On the complement, of dimension 5: second moments delta / 5, fourth moments 3 / 35 and 1 / 35."""
    x = np.array([1.0, -2.0, 0.5, 3.0, 1.0, 0.2])
    basis = np.linalg.svd(x[None])[2][1:]
    draws = np.array([basis @ fixing_rotation(x, rng=seed) @ basis.T for seed in range(1200)])
    first, second = draws[:, 0, 0], draws[:, 1, 2]
    for values, mean in (
        (first, 0),
        (first**2, 1 / 5),
        (first**4, 3 / 35),
        (first**2 * draws[:, 0, 1] ** 2, 1 / 35),
        (second * first, 0),
        (np.linalg.det(draws), 0),
    ):
        assert abs(values.mean() - mean) < 5 * values.std() / np.sqrt(1200)
    # An entry of a Haar matrix of order 5: (1 + v) / 2 has the law Beta(2, 2).
    assert stats.kstest((1 + second) / 2, stats.beta(2, 2).cdf).pvalue > 1e-4


def rotated(net, x, seed):
    """The network with W_{l+1} -> W_{l+1} U_l, U_l x_l = x_l, for each hidden layer."""
    weights, signal = [net.weights[0]], x
    for layer, (w, b) in enumerate(zip(net.weights[:-1], net.biases[:-1], strict=True)):
        signal = net.activation.phi(w @ signal + b)
        weights.append(net.weights[layer + 1] @ fixing_rotation(signal, rng=[seed, layer]))
    return Network(tuple(weights), net.biases, net.activation)


@pytest.mark.parametrize("weights", ["haar", "gaussian"])
def test_forward_pass_does_not_change(weights):
    net = MLP([60] * 5, "tanh", weights=weights, sigma_w=1.4674, sigma_b=0.38855).sample(rng=1)
    x = np.random.default_rng(2).normal(size=60)
    other = rotated(net, x, 3)
    assert np.abs(other.forward(x) - net.forward(x)).max() < 1e-12
    assert np.abs(other.weights[1] - net.weights[1]).max() > 0.1


def test_law_of_the_jacobian_does_not_change():
    """Spectra of J and of its rotated twin have one law: pooled over independent networks, two-sample KS."""
    plain, turned = [], []
    for seed in range(24):
        net = MLP([40] * 4, "tanh", weights="haar", sigma_w=1.4674, sigma_b=0.38855).sample(rng=seed)
        other = MLP([40] * 4, "tanh", weights="haar", sigma_w=1.4674, sigma_b=0.38855).sample(rng=1000 + seed)
        x = np.random.default_rng(seed).normal(size=40)
        plain.append(np.linalg.svd(net.jacobian(x), compute_uv=False))
        turned.append(np.linalg.svd(rotated(other, x, seed).jacobian(x), compute_uv=False))
    # Singular values repel, so that they are more even than independent ones, for which this p-value would be exact.
    assert stats.ks_2samp(np.ravel(plain), np.ravel(turned)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("x", "error", "says"),
    [
        ([0.0, 0.0], ValueError, "must not be 0"),
        ([[1.0]], ValueError, "must be a vector"),
        ([np.inf, 1.0], ValueError, "finite"),
        ([], ValueError, "must be a vector"),
        ([1j], TypeError, "real"),
    ],
)
def test_refuses(x, error, says):
    with pytest.raises(error, match=says):
        fixing_rotation(x)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_operator_turns_complex_vectors(dtype):
    x = np.array([1.0, 2, 2], dtype)
    u, op = fixing_rotation(x, rng=0), fixing_rotation(x, rng=0, operator=True)
    v = np.array([1j, 2 + 1j, -3], np.result_type(dtype, np.complex64))
    close = {"rtol": 0, "atol": 40 * np.finfo(dtype).eps}  # three reflections of numbers of size 3
    assert (op @ v).dtype == v.dtype
    np.testing.assert_allclose(op @ v, u @ v, **close)
    np.testing.assert_allclose(op.T @ v, u.T @ v, **close)
    np.testing.assert_allclose(op.H @ np.stack([v, v.conj()], 1), u.T @ np.stack([v, v.conj()], 1), **close)
    np.testing.assert_allclose(op.rmatvec(v), u.T @ v, **close)
