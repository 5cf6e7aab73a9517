"""The border of the learning rate at training sets, of infinitely wide and of finite networks."""

import numpy as np
import pytest

from deeprmt.laws import MarchenkoPastur
from deeprmt.meanfield import (
    conjugate_kernel_law,
    critical_point,
    kernel_spectrum,
    max_learning_rate,
    ntk,
    one_sample_ntk_law,
)
from deeprmt.meanfield._unequal_widths import Layer, largest_at_one_input
from deeprmt.networks import MLP
from deeprmt.training import Trainer

rng = np.random.default_rng(7)


@pytest.mark.parametrize("parametrization", ["standard", "ntk", "mup"])
def test_a_training_set_is_that_of_the_dense_kernel(parametrization):
    net = MLP([6, 40, 30, 3], "tanh", sigma_w=1.4, sigma_b=0.2, parametrization=parametrization).sample(0)
    x = rng.normal(size=(25, 6))
    for biases in (True, False):
        dense = net.ntk(x, outputs="full", biases=biases).transpose(0, 2, 1, 3).reshape(75, 75)
        wanted = np.linalg.eigvalsh(dense)[-1]
        found = max_learning_rate(net, x, biases=biases)
        np.testing.assert_allclose(found.lambda_max, wanted / 25, rtol=1e-9)  # Lanczos' tolerance is 1e-10
        np.testing.assert_allclose(max_learning_rate(net.ntk_operator(x, biases=biases)).lambda_max, wanted, rtol=1e-9)


def test_the_border_is_where_training_diverges():
    """Close to its targets a network is linear: at 0.97 of the border the distance falls, at 1.03 it grows."""
    net = MLP([5, 60, 2], "tanh", sigma_w=1.5, sigma_b=0.3).sample(1)
    x = rng.normal(size=(20, 5))
    y = net.forward(x) + 1e-7 * rng.normal(size=(20, 2))
    border = max_learning_rate(net, x).stability
    losses = {}
    for factor in (0.97, 1.03):
        trainer = Trainer(net, x, y, loss="squared", rate=factor * border)
        losses[factor] = [trainer.step() for _ in range(150)]
    assert losses[0.97][-1] < 0.5 * losses[0.97][0]
    assert losses[1.03][-1] > 5 * losses[1.03][0]


@pytest.mark.parametrize("parametrization", ["standard", "ntk"])
def test_an_mlp_has_the_border_of_its_infinitely_wide_kernel(parametrization):
    mlp = MLP([5, 4000, 1], "erf", sigma_w=1.3, sigma_b=0.4, parametrization=parametrization)
    x = rng.normal(size=(12, 5))
    widths = {} if parametrization == "ntk" else {"widths": 4000}
    kernel = ntk(x, depth=2, activation="erf", sigma_w=1.3, sigma_b=0.4, parametrization=parametrization, **widths)
    limit = max_learning_rate(mlp, x)
    np.testing.assert_allclose(limit.lambda_max, np.linalg.eigvalsh(kernel)[-1] / 12, rtol=1e-12)
    finite = max_learning_rate(mlp.sample(3), x)
    # One hidden layer: lambda_max is a mean over 4000 units, with fluctuations of a few times 1 / sqrt(4000) = 1.6 %.
    assert abs(finite.lambda_max / limit.lambda_max - 1) < 5 * 0.032


def test_biases_at_one_input_are_in_the_law():
    point = critical_point("hard_tanh", q_star=0.05)
    mlp = MLP([200] * 5, "hard_tanh", weights="haar", sigma_w=point.sigma_w, sigma_b=point.sigma_b)
    x = rng.normal(size=200)
    x *= np.sqrt(200 * 0.049999257094653) / np.linalg.norm(x)
    with_biases = max_learning_rate(mlp, x, biases=True).lambda_max
    # 4 (0.05 + 1 / 200), where the atom is lambda_max; the net's signals fluctuate by some 1 / 200.
    np.testing.assert_allclose(with_biases, 4 * 0.055, rtol=1e-4)
    np.testing.assert_allclose(max_learning_rate(mlp.sample(0), x, biases=True).lambda_max, with_biases, rtol=0.01)
    np.testing.assert_allclose(max_learning_rate(mlp, x).lambda_max, 0.199999351639, rtol=1e-10)


def test_the_ntk_parametrization_at_one_input():
    def mlp(kind):
        return MLP([60] * 4, "relu", sigma_w=1.4, sigma_b=0.2, parametrization=kind)

    x = rng.normal(size=60)
    for kind in ("standard", "ntk"):
        for biases in (True, False):
            limit = max_learning_rate(mlp(kind), x, biases=biases).lambda_max
            finite = np.mean([max_learning_rate(mlp(kind).sample(i), x, biases=biases).lambda_max for i in range(20)])
            assert abs(finite / limit - 1) < 0.25  # a soft edge of 60 eigenvalues
    ratio = max_learning_rate(mlp("ntk"), x).lambda_max / max_learning_rate(mlp("standard"), x).lambda_max
    np.testing.assert_allclose(ratio, 1.4**2 / 60, rtol=1e-9)


@pytest.mark.parametrize("widths", [[4, 2000, 1], [4, 700, 700, 1], [4, 500, 1500, 1], [4, 1200, 400, 800, 1]])
@pytest.mark.parametrize("biases", [True, False])
def test_mup_over_a_training_set(widths, biases):
    """Wide networks with the rates that they are trained with."""
    mlp = MLP(widths, "erf", sigma_w=1.3, sigma_b=0.4, parametrization="mup")
    x = np.random.default_rng(3).normal(size=(10, 4))
    limit = max_learning_rate(mlp, x, biases=biases).lambda_max
    finite = np.mean([max_learning_rate(mlp.sample(i), x, biases=biases).lambda_max for i in range(8)])
    # A layer is a mean over units of squared weights, of relative variance 2 / n; with slopes, some 10 / n for all.
    assert abs(finite / limit - 1) < 5 * (10 / min(widths[1:-1]) / 8) ** 0.5
    last = MLP([*widths[:-1], 3], "erf", sigma_w=1.3, sigma_b=0.4, parametrization="mup")
    more = max_learning_rate(last, x, biases=biases).lambda_max - limit
    # The last bias, of rate n_L, adds n_L times the matrix of ones, whose norm over 10 is 1.
    assert (0 < more < 2 + 1e-9) if biases else abs(more) < 1e-9


def test_mup_of_unequal_widths_and_of_one_layer():
    x = np.random.default_rng(4).normal(size=(6, 3))
    mlp = MLP([3, 1500, 700, 1], "linear", sigma_w=1.2, parametrization="mup")
    # Of x x^T / n_0, w = sigma_w: n_0 n_1 w^4 / n_2 by the first layer, n_1 w^4 / n_2 by the second, w^4 by the last.
    wanted = 1.2**4 * (1500 * 3 / 700 + 1500 / 700 + 1) * np.linalg.eigvalsh(x @ x.T / 3)[-1] / 6
    np.testing.assert_allclose(max_learning_rate(mlp, x, biases=False).lambda_max, wanted, rtol=1e-12)
    for kind in ("standard", "mup"):
        one = max_learning_rate(MLP([3, 1], "linear", sigma_w=1.2, parametrization=kind), x, biases=False)
        np.testing.assert_allclose(one.lambda_max, np.linalg.eigvalsh(x @ x.T)[-1] / 6, rtol=1e-12)


@pytest.mark.parametrize("kind", ["standard", "ntk", "mup"])
@pytest.mark.parametrize("inputs", [30, 100])
def test_every_parametrization_at_one_input(kind, inputs):
    x = np.random.default_rng(5).normal(size=inputs)
    mlp = MLP([inputs, 100, 100, 100], "relu", weights="haar", sigma_w=1.4, sigma_b=0.3, parametrization=kind)
    for biases in (True, False):
        limit = max_learning_rate(mlp, x, biases=biases).lambda_max
        finite = np.mean([max_learning_rate(mlp.sample(i), x, biases=biases).lambda_max for i in range(6)])
        assert abs(finite / limit - 1) < 0.1  # of 100 units 50 +- 5 are open, in six draws +- 2: 4 %, times 2.5


@pytest.mark.parametrize("weights", ["gaussian", "haar"])
@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "hard_tanh", "linear"])
def test_the_curve_of_unequal_widths_where_they_are_equal(name, weights):
    """Two ways to one number: the law's support, and the least point of its inverse curve."""
    for depth in (2, 3, 6):
        mlp = MLP([80] * (depth + 1), name, weights=weights, sigma_w=1.3, sigma_b=0.2)
        law = one_sample_ntk_law(mlp, q0=0.7)
        layers = [Layer(q, 1.0, 1.3**2, own) for q, own in zip(law.q, law.second_moments[1:], strict=True)]
        found = largest_at_one_input(mlp.activation, 0.7, layers, weights == "haar")
        np.testing.assert_allclose(found, law.lambda_max, rtol=1e-9)  # of what both promise at a hard edge


@pytest.mark.parametrize("kind", ["standard", "ntk", "mup"])
@pytest.mark.parametrize("weights", ["gaussian", "haar"])
@pytest.mark.parametrize("widths", [[80, 240, 160, 80], [160, 80, 240, 160], [100, 400, 200, 20]])
def test_unequal_widths_at_one_input(widths, weights, kind):
    x = np.random.default_rng(6).normal(size=widths[0])
    mlp = MLP(widths, "tanh", weights=weights, sigma_w=1.3, sigma_b=0.3, parametrization=kind)
    for biases in (True, False):
        limit = max_learning_rate(mlp, x, biases=biases).lambda_max
        finite = np.mean([max_learning_rate(mlp.sample(i), x, biases=biases).lambda_max for i in range(8)])
        # A soft edge is low by some 2 / n^(2/3) of the bulk's spread: 11 % at 80, 27 % of a part at 20.
        assert -0.2 < finite / limit - 1 < 0.06


def test_unequal_widths_in_closed_form():
    """Linear, Haar, 1:2:1: W_2 is half of an orthogonal matrix, and W_1 an isometry: all of Theta is one number."""
    mlp = MLP([50, 100, 50], "linear", weights="haar", sigma_w=1.0)
    # own: n_0 / n_L of the first layer's weights times W_2 W_2^T = 1; the last layer's |x_1|^2 / n_L is 2.
    np.testing.assert_allclose(max_learning_rate(mlp, q0=1.0).lambda_max, 1 + 2, rtol=1e-9)
    gauss = MLP([50, 100, 50], "linear", sigma_w=1.0)
    # W_2 W_2^T is Marchenko and Pastur's of ratio 1/2, up to (1 + 2^-1/2)^2.
    np.testing.assert_allclose(max_learning_rate(gauss, q0=1.0).lambda_max, 2 + (1 + 0.5**0.5) ** 2, rtol=1e-9)


def test_spectra_beside_laws():
    """Fan and Wang's setting, arXiv:2005.11879: conjugate kernels of Gaussian inputs, a centred activation."""
    n = 300
    inputs = rng.normal(size=(n, n)) / np.sqrt(n)
    inputs /= np.linalg.norm(inputs, axis=1)[:, None]
    law = conjugate_kernel_law("erf", [1.0, 1.0], inputs=MarchenkoPastur(1.0))
    net = MLP([n, n, n, 1], "erf", sigma_w=1.0).sample(0)
    scaled = MLP([n, n, n, 1], "erf", sigma_w=1.0)
    factor = law.factor  # sigma = factor erf, of second moment 1 under N(0, 1)
    weights = [net.weights[0], net.weights[1] * factor, net.weights[2]]
    net = type(net)(weights, (), scaled.activation)
    kernel = factor**2 * net.conjugate_kernel(np.sqrt(n) * inputs)
    found = kernel_spectrum(kernel, law)
    # Rigid eigenvalues: a few 1 / n, and as much again for the trace, which fluctuates by 1 / sqrt(n) over 2.
    assert found.ks < 0.03
    assert found.outliers.size == 0
    np.testing.assert_allclose(found.eigenvalues.mean(), 1, rtol=0, atol=0.05)


def test_a_kernel_with_atoms():
    """As many zeros as the law has: eigenvalues that are one, up to rounding, count as one."""
    net = MLP([400, 200, 1], "linear", sigma_w=1.0).sample(rng=0)
    found = kernel_spectrum(net.conjugate_kernel(20 * np.eye(400)), conjugate_kernel_law("linear", 2.0))
    assert found.ks < 0.02
    assert found.condition_number == np.inf
    assert found.to_dict()["condition_number"] is None
    alone = kernel_spectrum(np.diag([1.0, 2.0, 8.0]))
    assert (alone.condition_number, alone.lambda_max, alone.outliers.size) == (8.0, 8.0, 0)
    assert np.isnan(alone.ks)
    law = one_sample_ntk_law(MLP([50] * 3, "relu", sigma_w=2**0.5), q0=1.0)
    scaled = kernel_spectrum(np.diag([1.0, 2.0, 8.0]), law, scale="mean")
    np.testing.assert_allclose(scaled.eigenvalues.mean(), law.mean())
    assert "ks=" in repr(scaled)


def test_bad_input_is_refused():
    mlp = MLP([5, 20, 20], "relu", sigma_w=1.4)
    net, x = mlp.sample(0), rng.normal(size=(4, 5))
    with pytest.raises(ValueError, match=r"x must have shape \(5,\) or \(n, 5\)"):
        max_learning_rate(mlp, np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"x must have shape \(5,\) or \(n, 5\)"):
        max_learning_rate(mlp, np.ones(4))
    with pytest.raises(ValueError, match="x must be finite"):
        max_learning_rate(mlp, [1, 2, 3, 4, np.inf])
    with pytest.raises(TypeError, match="q0 must be left out"):
        max_learning_rate(mlp, x, q0=1.0)
    with pytest.raises(TypeError, match="biases must be left out"):
        max_learning_rate(np.eye(2), biases=True)
    with pytest.raises(TypeError, match="x must be given"):
        max_learning_rate(net)
    with pytest.raises(ValueError, match="no negative eigenvalue, but they run from -1 to 3"):
        max_learning_rate([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match="q0 must be finite and above 0"):
        max_learning_rate(MLP([5, 20, 2], "relu", sigma_w=1.4), np.zeros(5))
    with pytest.raises(ValueError, match="the signal must stay between 1e-100 and 1e100"):
        max_learning_rate(MLP([5, 20, 2], "relu", sigma_w=1.4), q0=1e120)
    with pytest.raises(ValueError, match="largest eigenvalue must be positive"):
        max_learning_rate(net, np.zeros((2, 5)), biases=False)
    with pytest.raises(ValueError, match="kernel must be a square matrix"):
        kernel_spectrum(np.ones((2, 3)))
    with pytest.raises(ValueError, match="kernel must be symmetric"):
        kernel_spectrum([[1.0, 2.0], [0.0, 1.0]])
    with pytest.raises(TypeError, match="law must be a Law"):
        kernel_spectrum(np.eye(2), law="mp")
    with pytest.raises(ValueError, match="law must be given"):
        kernel_spectrum(np.eye(2), scale="mean")
    with pytest.raises(ValueError, match="kernel must be finite"):
        kernel_spectrum([[np.nan]])
