import pickle

import numpy as np
import pytest

from deeprmt.activations import Activation
from deeprmt.jacobian import law as jacobian_law
from deeprmt.networks import MLP, Network


def test_a_description_compares_prints_and_pickles():
    a = MLP([3, 4, 2], "tanh", weights="haar", sigma_w=1.5, sigma_b=0.1)
    assert a == MLP((3, 4, 2), "tanh", weights="haar", sigma_w=1.5, sigma_b=0.1)
    assert a != MLP((3, 4, 2), "relu", weights="haar", sigma_w=1.5, sigma_b=0.1)
    assert pickle.loads(pickle.dumps(a)) == a
    assert a.depth == 2
    assert "haar" in repr(a)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weights", ["gaussian", "haar"])
def test_samples(weights, dtype):
    mlp = MLP([30, 50, 20], "relu", weights=weights, sigma_w=1.5, sigma_b=0.1)
    net = mlp.sample(rng=1, dtype=dtype, threads=1)
    assert net.widths == mlp.widths
    assert net.depth == 2
    assert [w.shape for w in net.weights] == [(50, 30), (20, 50)]
    assert {w.dtype for w in (*net.weights, *net.biases)} == {np.dtype(dtype)}
    for other in (mlp.sample(rng=1, dtype=dtype, threads=3), pickle.loads(pickle.dumps(net))):
        for a, b in zip((*net.weights, *net.biases), (*other.weights, *other.biases), strict=True):
            np.testing.assert_array_equal(a, b)
    assert net.forward(np.ones(30)).dtype == dtype
    assert net.jacobian(np.ones(30)).dtype == dtype


def test_forward_by_hand():
    net = Network([[[1.0, -2.0], [3.0, 0.5]], [[1.0, 1.0]]], [[0.5, -1.0], [0.25]], "relu")
    x = np.array([1.0, 2.0])  # h_1 = (1 - 4 + 0.5, 3 + 1 - 1) = (-2.5, 3), x_1 = (0, 3), h_2 = 3.25
    np.testing.assert_array_equal(net.forward(x), [3.25])
    np.testing.assert_array_equal(net.forward(-x, output="activation"), [3.75])  # h_1 = (3.5, -5), h_2 = 3.75
    np.testing.assert_array_equal(net.jacobian(x), [[3.0, 0.5]])
    np.testing.assert_array_equal(net.jacobian(-x), [[1.0, -2.0]])
    assert net.forward(np.zeros((4, 0, 2))).shape == (4, 0, 1)
    assert net.jacobian(np.zeros((4, 0, 2))).shape == (4, 0, 1, 2)
    assert repr(net) == "Network(2 -> 2 -> 1, relu, float64)"


def test_one_layer_is_its_weight():
    w = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(Network([w]).jacobian([1.0, 2.0, 3.0]), w)
    np.testing.assert_array_equal(Network([w]).jacobian(np.zeros((5, 3)))[4], w)


def late(h):
    """Finite on all but what the network gives it."""
    return h + (np.nan if np.shape(h)[-1] == 2 else 0.0)


def short(h):
    return h[..., :1] if np.shape(h)[-1] == 2 else h


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: Network([np.eye(2) * 1e200] * 3).forward([1e10, 1]),
            "forward: the preactivation of layer 2",
        ),
        (lambda: Network([np.eye(2) * 1e200] * 2).jacobian([0.0, 0.0]), "jacobian: the Jacobian must be finite"),
        (
            lambda: Network([np.eye(2)] * 2, activation=Activation(late, np.ones_like)).forward([1.0, 2.0]),
            "forward: phi in layer 1 must be finite, found nan",
        ),
        (
            lambda: Network([np.eye(2)] * 2, activation=Activation(short, np.ones_like)).forward([1.0, 2.0]),
            r"phi must return the shape \(2,\) that it is given, got \(1,\)",
        ),
    ],
)
def test_no_silent_nan(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_threads_never_change_a_bit():
    net = MLP([700, 900, 800], "tanh", weights="haar", sigma_w=1.2, sigma_b=0.1).sample(rng=0)
    x = np.random.default_rng(1).normal(size=(40, 700))
    for call in (net.forward, net.jacobian, net.one_sample_ntk):
        given = x if call == net.forward else x[0]
        np.testing.assert_array_equal(call(given, threads=1), call(given, threads=3))
    with pytest.raises(ValueError, match="forward: threads must be at least 1, got 0"):
        net.forward(x, threads=0)


def test_widths_may_name_ratios_alone():
    """20 layers that widen by 5/4 each, in whole numbers beyond what can be drawn; the edge in 30 digits elsewhere."""
    mlp = MLP([4**layer * 5 ** (20 - layer) for layer in range(21)], "linear", sigma_w=1.0)
    assert jacobian_law(mlp).support()[0][1] == pytest.approx(12.715120615333, abs=6e-13)
    with pytest.raises(MemoryError, match="sample: a network of"):
        mlp.sample()
