"""Network.ntk and its operator, against a Jacobian by all weights and against what is known in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import eigsh

from deeprmt.activations import names
from deeprmt.networks import MLP, Network, _tangent_kernel

rng = np.random.default_rng(0)


def derivatives(net, inputs, biases=True):
    """(n, n_L, parameters): df / dw times the square root of its rate, input by input."""
    rows = []
    for x in inputs:
        signals, slopes = [x], []
        for w, b in zip(net.weights[:-1], net.biases[:-1], strict=True):
            h = w @ signals[-1] + b
            slopes.append(net.activation.dphi(h))
            signals.append(net.activation.phi(h))
        a, parts = np.eye(net.widths[-1]), []
        for layer in reversed(range(net.depth)):
            outer = np.sqrt(net.weight_rates[layer]) * a[:, :, None] * signals[layer]
            parts += [outer.reshape(len(a), -1), np.sqrt(net.bias_rates[layer]) * a * biases]
            a = (a @ net.weights[layer]) * (slopes[layer - 1] if layer else 1)
        rows.append(np.concatenate(parts, axis=1))
    return np.array(rows)


def full(net, x, y, biases=True):
    return np.einsum("iop,jqp->ijoq", derivatives(net, x, biases), derivatives(net, y, biases))


def close(a, b):
    # Sums of at most a few hundred products: rounding stays below 1e-12 of the largest entry.
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * max(1, np.abs(b).max()))


@pytest.mark.parametrize("parametrization", ["standard", "ntk", "mup"])
@pytest.mark.parametrize("widths", [(5, 7, 6, 3), (4, 9, 1), (3, 2), (6, 2, 8, 2, 4)])
def test_all_forms_are_those_of_the_jacobian(widths, parametrization):
    net = MLP(widths, "tanh", sigma_w=1.3, sigma_b=0.4, parametrization=parametrization).sample(1)
    x, y, last = rng.normal(size=(6, widths[0])), rng.normal(size=(4, widths[0])), widths[-1]
    for biases in (True, False):
        wanted, own = full(net, x, y, biases), full(net, x, x, biases)
        close(net.ntk(x, y, outputs="full", biases=biases), wanted)
        close(net.ntk(x, y, outputs="diagonal", biases=biases), np.einsum("ijoo->ijo", wanted))
        close(net.ntk(x, y, biases=biases), np.einsum("ijoo->ij", wanted) / last)
        close(net.ntk(x, outputs="full", same=True, biases=biases), np.einsum("iiop->iop", own))
        close(net.ntk(x, outputs="diagonal", same=True, biases=biases), np.einsum("iioo->io", own))
        close(net.ntk(x, same=True, biases=biases), np.einsum("iioo->i", own) / last)
        close(net.one_sample_ntk(x[0], biases=biases) * last, own[0, 0])
        dense = own.transpose(0, 2, 1, 3).reshape(6 * last, 6 * last)
        close(net.ntk_operator(x, biases=biases) @ np.eye(6 * last), dense)


@pytest.mark.parametrize("outputs", ["trace", "diagonal", "full"])
def test_pieces_and_threads_do_not_change_the_kernel(outputs, monkeypatch):
    net = MLP([20, 30, 40, 5], "relu", sigma_w=1.5, sigma_b=0.2).sample(0)
    x = rng.normal(size=(23, 20))
    whole = net.ntk(x, outputs=outputs, threads=1)
    np.testing.assert_array_equal(whole, net.ntk(x, outputs=outputs, threads=3))
    np.testing.assert_array_equal(whole, np.moveaxis(whole, 0, 1).swapaxes(-1, -2) if outputs == "full"
                                  else np.moveaxis(whole, 0, 1))  # fmt: skip
    blocks = net.ntk(x, outputs=outputs, same=True)
    monkeypatch.setattr(_tangent_kernel, "_AT_ONCE", 3000)  # several pieces of outputs and of rows
    close(net.ntk(x, outputs=outputs), whole)
    close(net.ntk(x, outputs=outputs, same=True), blocks)


def test_one_input_has_no_axis_of_its_own():
    net = MLP([3, 10, 2], "erf", sigma_w=1.5).sample(0)
    x, y = rng.normal(size=3), rng.normal(size=(4, 3))
    assert net.ntk(x).shape == ()
    assert net.ntk(x, y, outputs="full").shape == (4, 2, 2)
    assert net.ntk(y, x, outputs="diagonal").shape == (4, 2)
    assert net.ntk(x, outputs="full", same=True).shape == (2, 2)
    close(net.ntk(x, y), net.ntk(np.array([x]), y)[0])
    assert net.ntk(y.astype(np.float32)).dtype == np.float64
    assert MLP([3, 2], "linear", sigma_w=1).sample(0, dtype=np.float32).ntk(y).dtype == np.float32


def test_float32_is_close():
    net = MLP([10, 200, 200, 1], "tanh", sigma_w=1.5, sigma_b=0.1).sample(3, dtype=np.float32)
    wide = Network([w.astype(float) for w in net.weights], [b.astype(float) for b in net.biases], "tanh")
    x = rng.normal(size=(20, 10)).astype(np.float32)
    a, b = net.ntk(x), wide.ntk(x)
    assert a.dtype == np.float32
    # Sums of 200 products of float32, two layers deep: 1e-5 of the largest is far beyond their rounding.
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(b).max())


def test_a_linear_network_in_closed_form():
    """Theta = x.y (|W_2|^2 + ...) for one hidden layer: |w_2|^2 x.y + (W_1 x).(W_1 y), and biases |w_2|^2 + 1."""
    net = MLP([6, 50, 1], "linear", sigma_w=1.0).sample(5)
    x = rng.normal(size=(7, 6))
    (w1, w2), inner = net.weights, x @ x.T
    close(net.ntk(x), (w2 @ w2.T).item() * (inner + 1) + (x @ w1.T) @ (w1 @ x.T) + 1)


@pytest.mark.parametrize("parametrization", ["ntk", "mup"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_ntk_parametrization_converges_to_the_recursion(activation, parametrization):
    """Two layers, one hidden: Theta = K^2 + Kd^2 K^1 in the "ntk" parametrization (Jacot et al., arXiv:1806.07572),
    each entry a mean over n units, with a standard error that the units themselves give."""
    n = 20_000
    net = MLP([3, n, 1], activation, sigma_w=1.5, sigma_b=0.3, parametrization=parametrization).sample(2)
    x = rng.normal(size=(4, 3))
    h = rng.normal(size=(100_000, 3)) @ x.T * 1.5 / np.sqrt(3) + 0.3 * rng.normal(size=(100_000, 1))
    phi, dphi = net.activation.phi(h), net.activation.dphi(h)
    if parametrization == "ntk":
        first = 1.5**2 * x @ x.T / 3 + 0.3**2
        of_last, of_first = 1.5**2, 1.5**2 * first
        constant = 0.3**2
    else:  # rates n and 1 / n, last weights of variance sigma_w^2 / n^2
        of_last, of_first, constant = 1.0, 1.5**2 * (x @ x.T + 1), 1.0
    draws = of_last * phi[:, :, None] * phi[:, None, :] + of_first * dphi[:, :, None] * dphi[:, None, :]
    wanted = draws.mean(axis=0) + constant
    # The network's last weights bring w^2, of relative variance 2, to the second term: at most sqrt(3) times the
    # second moment of what is summed. Monte Carlo of 100,000 adds a fifth of the variance of the network's 20,000.
    error = np.sqrt(3.2 * (draws**2).mean(axis=0) / n)
    assert (np.abs(net.ntk(x) - wanted) < 5 * error).all()


def test_rates_are_those_of_the_table():
    def mlp(kind):
        return MLP([7, 50, 20, 3], "relu", sigma_w=1.5, sigma_b=0.5, parametrization=kind)

    assert mlp("standard").rates == ((1.0,) * 3, (1.0,) * 3)
    assert mlp("ntk").rates == ((2.25 / 7, 2.25 / 50, 2.25 / 20), (0.25,) * 3)
    assert mlp("mup").rates == ((50.0, 1.0, 1 / 20), (50.0, 20.0, 3.0))
    assert mlp("ntk").adam_rates == ((1.5 / 7**0.5, 1.5 / 50**0.5, 1.5 / 20**0.5), (0.5,) * 3)
    assert mlp("mup").adam_rates == ((1.0, 1 / 50, 1 / 20), (1.0,) * 3)
    assert Network([[[1.0]]], weight_rates=[4.0]).adam_weight_rates == (2.0,)
    a, b, c = (mlp(kind).sample(0) for kind in ("standard", "ntk", "mup"))
    for one, two in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(c.weights[1], a.weights[1])
    np.testing.assert_allclose(c.weights[2], a.weights[2] / np.sqrt(20), rtol=1e-15)
    assert (b.weight_rates, b.bias_rates) == mlp("ntk").rates
    assert (c.adam_weight_rates, c.adam_bias_rates) == mlp("mup").adam_rates
    assert MLP([4, 3], "relu", sigma_w=1, parametrization="mup").rates == ((1.0,), (1.0,))
    assert mlp("mup") != mlp("ntk")


def test_the_operator_finds_the_largest_eigenvalue():
    net = MLP([10, 60, 60, 2], "relu", sigma_w=2**0.5).sample(0)
    x = rng.normal(size=(30, 10))
    dense = net.ntk(x, outputs="full").transpose(0, 2, 1, 3).reshape(60, 60)
    operator = net.ntk_operator(x)
    assert operator.H is operator
    found = eigsh(operator, k=1, which="LA", v0=np.ones(60))[0][0]
    np.testing.assert_allclose(found, np.linalg.eigvalsh(dense)[-1], rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    widths=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    n=st.integers(1, 5),
    activation=st.sampled_from(names),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
)
def test_any_network_has_a_positive_symmetric_kernel(seed, widths, n, activation, scale):
    net = MLP(widths, activation, sigma_w=1.2, sigma_b=0.3).sample(seed)
    x = scale * np.random.default_rng(seed).normal(size=(n, widths[0]))
    kernel = net.ntk(x, outputs="full")
    matrix = kernel.transpose(0, 2, 1, 3).reshape(n * widths[-1], -1)
    np.testing.assert_array_equal(matrix, matrix.T)
    values = np.linalg.eigvalsh(matrix)
    assert values[0] > -1e-12 * values[-1]
    close(matrix, full(net, x, x).transpose(0, 2, 1, 3).reshape(matrix.shape))


def test_bad_input_is_refused():
    net = MLP([3, 4, 2], "relu", sigma_w=1).sample(0)
    x = np.ones((2, 3))
    for bad in (np.ones((2, 4)), np.ones((0, 3)), np.ones((1, 2, 3)), 1.0):
        with pytest.raises(ValueError, match=r"ntk: x must have shape \(n, 3\)"):
            net.ntk(bad)
        with pytest.raises(ValueError, match="ntk_operator: x must have shape"):
            net.ntk_operator(bad)
    with pytest.raises(ValueError, match="ntk: y must have shape"):
        net.ntk(x, np.ones((2, 2)))
    with pytest.raises(ValueError, match="ntk: x must be finite"):
        net.ntk([[1, np.nan, 2]])
    with pytest.raises(ValueError, match="outputs must be one of"):
        net.ntk(x, outputs="sum")
    with pytest.raises(TypeError, match="y must be left out"):
        net.ntk(x, x, same=True)
    with pytest.raises(ValueError, match="preactivation of layer 1 at x must be finite"):
        Network([np.full((4, 3), 1e200), np.ones((1, 4))]).ntk(1e150 * x)
    for kernel in (net.ntk, net.ntk_operator, net.one_sample_ntk):
        with pytest.raises(
            ValueError, match=r"x must be so small that \|x\|\^2 is finite in float64, found .* 1e\+200"
        ):
            kernel(1e200 * x)
    with pytest.raises(ValueError, match="weight_rates must be one for each of 2 layers"):
        Network(net.weights, net.biases, "relu", [1.0])
    with pytest.raises(ValueError, match=r"bias_rates\[1\] must be finite and at least 0"):
        Network(net.weights, net.biases, "relu", [1, 1], [1, -1])
    with pytest.raises(ValueError, match="parametrization must be one of"):
        MLP([3, 4], "relu", sigma_w=1, parametrization="sp")
    with pytest.raises(MemoryError, match="a tangent kernel over"):
        net.ntk(np.broadcast_to(np.ones(3), (2_000_000, 3)))


def test_what_takes_all_layers_alike_refuses_small_outputs():
    from deeprmt import jacobian, meanfield

    mlp = MLP([50, 50, 50], "relu", sigma_w=2**0.5, parametrization="mup")
    for function in (jacobian.law, jacobian.singular_values, meanfield.one_sample_ntk_law):
        with pytest.raises(ValueError, match='"mup" draws smaller weights'):
            function(mlp)
