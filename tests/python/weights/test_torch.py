"""PyTorch files, against PyTorch: these tests run where torch is installed. `test_pickle` holds those without it."""

import os

import numpy as np
import pytest

from deeprmt.weights import ReadError, load
from deeprmt.weights import layers as layers_of

DENSE = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize("zipped", [True, False])
def test_state_dicts(tmp_path, torch, zipped):
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2), torch.nn.BatchNorm2d(4), torch.nn.Linear(3, 5))
    torch.save(net.state_dict(), tmp_path / "n.pt", _use_new_zipfile_serialization=zipped)
    layers = load(tmp_path / "n.pt")
    conv, dense = layers
    np.testing.assert_array_equal(conv.weight, net[0].weight.detach().numpy().reshape(4, 12))
    np.testing.assert_array_equal(dense.weight, net[2].weight.detach().numpy())
    assert (conv.name, conv.kind, dense.name, dense.kind) == ("0.weight", "conv", "2.weight", "dense")
    skipped = {each.name: each for each in layers.skipped}
    assert skipped["1.num_batches_tracked"].reason == "a scalar"
    assert len(skipped) == 2 + 5
    assert all(each.expected for each in layers.skipped)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_dtypes(tmp_path, torch, dtype):
    tensor = torch.from_numpy(DENSE).to(getattr(torch, dtype))
    torch.save({"w": tensor}, tmp_path / "n.pth")
    (layer,) = load(tmp_path / "n.pth")
    assert layer.dtype == dtype
    np.testing.assert_array_equal(layer.weight, tensor.double().numpy())


def test_bfloat16_in_safetensors_agrees_with_torch(tmp_path, torch):
    save_file = pytest.importorskip("safetensors.torch").save_file
    tensor = torch.from_numpy(DENSE).bfloat16()
    save_file({"w": tensor}, tmp_path / "n.safetensors")
    (layer,) = load(tmp_path / "n.safetensors")
    np.testing.assert_array_equal(layer.weight, tensor.double().numpy())


def test_weights_under_a_wrapper(tmp_path, torch):
    state = {"w": torch.from_numpy(DENSE)}
    torch.save({"epoch": 3, "model": {"state_dict": state}, "optimizer": {"m": state}}, tmp_path / "c.ckpt")
    layers = load(tmp_path / "c.ckpt")
    assert [layer.name for layer in layers] == ["w"]
    assert {each.name: each.reason for each in layers.skipped} == {
        "epoch": "beside the weights, which are under 'model'",
        "optimizer": "beside the weights, which are under 'model'",
    }


def test_other_containers(tmp_path, torch):
    w = torch.from_numpy(DENSE)
    torch.save({"blocks": [w, {"deep": 2 * w}], "lr": 0.1, "sparse": w.to_sparse()}, tmp_path / "c.bin")
    layers = load(tmp_path / "c.bin")
    assert [layer.name for layer in layers] == ["blocks[0]", "blocks[1].deep"]
    reasons = {each.name: each.reason for each in layers.skipped}
    assert reasons["lr"] == "not a tensor: float"
    assert "torch.sparse_coo, which is not read" in reasons["sparse"]
    torch.save(w, tmp_path / "bare.pt")
    assert [layer.name for layer in load(tmp_path / "bare.pt")] == ["bare"]


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


def test_objects_are_never_built(tmp_path, torch, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"w": Bomb(), "v": torch.from_numpy(DENSE)}, tmp_path / "bomb.pt")
    layers = load(tmp_path / "bomb.pt")
    assert [layer.name for layer in layers] == ["v"]
    (record,) = layers.skipped
    assert (record.name, record.expected) == ("w", False)
    assert record.reason == "an object of posix.mkdir, which is never built"
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_whole_modules_give_what_their_state_dict_would(tmp_path, torch, zipped):
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2), torch.nn.Sequential(torch.nn.Linear(3, 5)), torch.nn.LSTM(3, 2))
    torch.save(net, tmp_path / "whole.pt", _use_new_zipfile_serialization=zipped)
    torch.save(net.state_dict(), tmp_path / "state.pt")
    whole, state = load(tmp_path / "whole.pt"), load(tmp_path / "state.pt")
    for one, other in zip(whole, state, strict=True):
        assert (one.name, one.kind) == (other.name, other.kind)
        np.testing.assert_array_equal(one.weight, other.weight)
    assert [each.name for each in whole.skipped] == [each.name for each in state.skipped]


@pytest.mark.filterwarnings("ignore")  # torch's own, about TorchScript
def test_torchscript_archives(tmp_path, torch):
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2), torch.nn.Linear(3, 5))
    script = torch.jit.script(net.eval())
    script.save(str(tmp_path / "s.pt"))
    torch.jit.freeze(script).save(str(tmp_path / "frozen.pt"))
    conv, dense = load(tmp_path / "s.pt")
    np.testing.assert_array_equal(dense.weight, net[1].weight.detach().numpy())
    assert (conv.name, dense.name) == ("0.weight", "1.weight")
    frozen = load(tmp_path / "frozen.pt")  # the weights of a frozen module are constants, without names
    for layer, known in zip(frozen, (conv, dense), strict=True):
        np.testing.assert_array_equal(layer.weight, known.weight)
    assert all(each.expected for each in frozen.skipped)


@pytest.mark.parametrize("zipped", [True, False])
def test_views_are_read_as_torch_sees_them(tmp_path, torch, zipped):
    w = torch.from_numpy(np.random.default_rng(2).normal(size=(40, 30)))
    state = {
        "turned": w.T,
        "picked": w[3::2, ::3],
        "half": w.half()[1:, :7],
        "brain": w.bfloat16().T[2:],
        "conv": w.float().reshape(10, 4, 5, 6).permute(3, 1, 0, 2),
        "parameter": torch.nn.Parameter(w[5:]),
    }
    torch.save(state, tmp_path / "v.pt", _use_new_zipfile_serialization=zipped)
    layers = list(load(tmp_path / "v.pt"))
    assert [layer.name for layer in layers] == list(state)
    for layer in layers:
        expected = state[layer.name].detach().double().numpy()
        np.testing.assert_array_equal(layer.weight, expected.reshape(len(expected), -1))


def test_a_view_that_repeats_entries_is_not_blown_up(tmp_path, torch):
    torch.save({"w": torch.ones(1, 1).expand(10**9, 10**9)}, tmp_path / "v.pt")
    layers = load(tmp_path / "v.pt")
    assert list(layers) == []
    assert "a view that repeats entries: 1000000000000000000 of a storage of 1" in layers.skipped[0].reason


def test_tied_weights_are_given_once(tmp_path, torch):
    w = torch.from_numpy(DENSE)
    torch.save({"embed.weight": w, "head.weight": w, "copy.weight": w.clone()}, tmp_path / "t.pt")
    layers = load(tmp_path / "t.pt")
    assert [layer.name for layer in layers] == ["embed.weight"]
    assert {(each.name, each.reason, each.expected) for each in layers.skipped} == {
        (name, "tied: the same entries as 'embed.weight'", True) for name in ("head.weight", "copy.weight")
    }


def test_live_modules(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(7, 4)
            self.head = torch.nn.Linear(4, 7)
            self.head.weight = self.table.weight
            self.attention = torch.nn.MultiheadAttention(4, 2)
            self.up = torch.nn.ConvTranspose2d(3, 5, 2)
            self.rnn = torch.nn.LSTM(4, 6, proj_size=3, bidirectional=True)

    net = Net()
    found = {layer.name: layer for layer in layers_of(net, split="heads")}
    assert found["table.weight"].kind == "embedding"
    assert "head.weight" not in found
    packed = net.attention.in_proj_weight.detach().numpy()
    for i, name in enumerate(["q,0", "q,1", "k,0", "k,1", "v,0", "v,1"]):
        np.testing.assert_array_equal(found[f"attention.in_proj_weight[{name}]"].weight, packed[2 * i : 2 * i + 2])
    np.testing.assert_array_equal(
        found["up.weight"].weight, net.up.weight.detach().numpy().transpose(1, 0, 2, 3).reshape(5, 12)
    )
    states = net.rnn.weight_hh_l0_reverse.detach().numpy()
    np.testing.assert_array_equal(found["rnn.weight_hh_l0_reverse[g]"].weight, states[12:18])
    assert found["rnn.weight_hr_l0"].kind == "recurrent"


@pytest.mark.parametrize("cut", [0, 10, 300, -1])
def test_damaged_files(tmp_path, torch, cut):
    torch.save({"w": torch.from_numpy(DENSE)}, tmp_path / "n.pt")
    (tmp_path / "n.pt").write_bytes((tmp_path / "n.pt").read_bytes()[:cut])
    with pytest.raises(ReadError, match=r"n\.pt"):
        load(tmp_path / "n.pt")
