"""PyTorch files: these tests run where torch is installed; the last one where it is not, or seems so."""

import os
import sys

import numpy as np
import pytest

from deeprmt.weights import ReadError, load

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
    torch.save({"blocks": [w, {"deep": w}], "lr": 0.1, "sparse": w.to_sparse()}, tmp_path / "c.bin")
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


def test_pickles_are_refused_and_never_run(tmp_path, torch, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"w": Bomb()}, tmp_path / "bomb.pt")
    with pytest.raises(ReadError, match=r"bomb\.pt: torch\.load\(weights_only=True\) refuses it.*state_dict"):
        load(tmp_path / "bomb.pt")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(ReadError, match=r"module\.pt"):
        load(tmp_path / "module.pt")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("cut", [0, 10, 300, -1])
def test_damaged_files(tmp_path, torch, cut):
    torch.save({"w": torch.from_numpy(DENSE)}, tmp_path / "n.pt")
    (tmp_path / "n.pt").write_bytes((tmp_path / "n.pt").read_bytes()[:cut])
    with pytest.raises(ReadError, match=r"n\.pt"):
        load(tmp_path / "n.pt")


def test_without_torch_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "n.pt").write_bytes(b"")
    with pytest.raises(ReadError, match=r"n\.pt: PyTorch files need torch to read them: pip install torch"):
        load(tmp_path / "n.pt")
