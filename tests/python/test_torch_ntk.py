from itertools import pairwise

import numpy as np
import pytest

from deeprmt.networks import Network, torch_ntk

torch = pytest.importorskip("torch")


def module(widths, dtype):
    torch.manual_seed(0)
    layers = []
    for a, b in pairwise(widths):
        layers += [torch.nn.Linear(a, b), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1]).to(dtype)


@pytest.mark.parametrize("outputs", ["trace", "diagonal", "full"])
@pytest.mark.parametrize("memory", [1, 5000, 2**28])
def test_dense_layers_have_the_kernel_of_a_network(outputs, memory):
    net = module([3, 6, 5, 2], torch.float64)
    layers = [each for each in net if isinstance(each, torch.nn.Linear)]
    weights = [each.weight.detach().numpy() for each in layers]
    same = Network(weights, [each.bias.detach().numpy() for each in layers], "tanh")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(4, 3))
    np.testing.assert_allclose(torch_ntk(net, x, outputs=outputs, memory=memory), same.ntk(x, outputs=outputs), 1e-12)
    found = torch_ntk(net, torch.as_tensor(x), y, outputs=outputs, memory=memory)
    np.testing.assert_allclose(found, same.ntk(x, y, outputs=outputs), rtol=1e-11, atol=1e-13)
    layers[0].weight.requires_grad_(False)
    frozen = Network(weights, same.biases, "tanh", [0, 1, 1], [1, 1, 1])
    np.testing.assert_allclose(torch_ntk(net, x), frozen.ntk(x), rtol=1e-11, atol=1e-13)


def test_bad_input_is_refused():
    net = module([3, 2], torch.float32)
    with pytest.raises(TypeError, match=r"module must be a torch\.nn\.Module"):
        torch_ntk(None, [[1.0]])
    with pytest.raises(ValueError, match="x must have shape"):
        torch_ntk(net, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="outputs must be one of"):
        torch_ntk(net, [[1.0, 2.0, 3.0]], outputs="sum")
    with pytest.raises(ValueError, match=r"module must map \(1, ...\)"):
        torch_ntk(torch.nn.Sequential(net, torch.nn.Unflatten(1, (1, 2))), [[1.0, 2.0, 3.0]])
    net[0].requires_grad_(False)
    with pytest.raises(ValueError, match="found none"):
        torch_ntk(net, [[1.0, 2.0, 3.0]])


def test_whole_numbers_go_in_as_they_are():
    words = torch.nn.Sequential(torch.nn.Embedding(5, 3), torch.nn.Flatten())
    # f is the embedding itself: the kernel counts where words agree, over the two outputs' places.
    found = torch_ntk(words, torch.tensor([[0, 1], [0, 3], [2, 4]]))
    np.testing.assert_allclose(found, [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]], rtol=1e-6)


def test_bfloat16_comes_out_as_float32():
    found = torch_ntk(torch.nn.Linear(2, 1).bfloat16(), [[1.0, 2.0], [3.0, 0.0]])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[6, 4], [4, 10]])  # whole numbers are exact


def test_dropout_and_what_is_not_finite_are_refused():
    with pytest.raises(ValueError, match=r"must not draw at random: call module\.eval\(\) first"):
        torch_ntk(torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Dropout()), [[1.0, 2.0]])
    with pytest.raises(ValueError, match="the kernel must be finite, found nan"):
        torch_ntk(torch.nn.Linear(2, 1), [[1.0, np.nan]])
