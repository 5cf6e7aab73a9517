"""Checkpoints of several files: indices of shards, and folders."""

import json
import os

import numpy as np
import pytest

from checkpoints import reasons, save_arrays
from deeprmt import cli
from deeprmt.weights import ReadError, analyze, apply_filter, load

rng = np.random.default_rng(1)
DENSE = rng.normal(size=(5, 3)).astype(np.float32)


def sharded(folder, missing=()):
    parts = {"a.safetensors": {"w1": DENSE}, "b.safetensors": {"w2": DENSE + 1, "bias": DENSE[0]}}
    for name, tensors in parts.items():
        if name not in missing:
            save_arrays(folder / name, tensors)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {key: name for name, tensors in parts.items() for key in tensors}}))
    return index


def test_an_index_reads_all_its_shards(tmp_path):
    layers = load(sharded(tmp_path))
    assert [(layer.name, os.path.basename(layer.source)) for layer in layers] == [
        ("w1", "a.safetensors"),
        ("w2", "b.safetensors"),
    ]
    assert set(reasons(layers)) == {"bias"}
    assert [layer.name for layer in load(tmp_path)] == ["w1", "w2"]  # the folder: no shard twice


def test_a_missing_shard_is_named(tmp_path):
    index = sharded(tmp_path, missing=["b.safetensors"])
    with pytest.raises(ReadError, match=r"missing shard: b\.safetensors"):
        load(index)
    layers = load(tmp_path)  # a folder gives what it can
    assert [layer.name for layer in layers] == ["w1"]
    (record,) = layers.skipped
    assert "missing shard: b.safetensors" in record.reason
    assert not record.expected


def test_a_tensor_that_its_shard_does_not_hold_is_listed(tmp_path):
    index = sharded(tmp_path)
    content = json.loads(index.read_text())
    content["weight_map"]["w3"] = "a.safetensors"
    index.write_text(json.dumps(content))
    assert "places it in a.safetensors, which does not hold it" in reasons(load(index))["w3"]


@pytest.mark.parametrize("shard", ["a\0.safetensors", "\ud800.safetensors", "loop.safetensors"])
def test_shards_that_are_no_files_cost_no_other(tmp_path, shard):
    """A byte that no name has, half of a character, a link to itself."""
    (tmp_path / "model").mkdir()
    index = sharded(tmp_path / "model")
    np.save(tmp_path / "model" / "other.npy", np.eye(3))
    (tmp_path / "model" / "loop.safetensors").symlink_to("loop.safetensors")
    index.write_text(json.dumps({"weight_map": {"w": shard}}))
    with pytest.raises(ReadError, match=r"index\.json: tensor 'w': shard .* is no file|loop\.safetensors: "):
        load(index)
    with pytest.raises(ReadError):
        apply_filter(index, out=tmp_path / "out.safetensors")
    found = analyze(tmp_path / "model", samples=0)
    assert "other" in [row.name for row in found.rows]
    assert any("no file" in each.reason or "loop.safetensors" in each.reason for each in found.skipped)
    assert cli.main(["analyze", str(tmp_path / "model")]) == 1


@pytest.mark.parametrize("shard", ["../a.safetensors", "/etc/passwd", "x/a.safetensors", 3, "passwd", None])
def test_an_index_cannot_lead_out_of_its_folder(tmp_path, shard):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": shard}}))
    with pytest.raises(ReadError, match="must be a file beside the index"):
        load(index)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": []}', "[" * 100_000, "\xff"])
def test_a_broken_index(tmp_path, text):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(text, encoding="latin-1")
    with pytest.raises(ReadError, match=r"model\.safetensors\.index\.json"):
        load(index)


def test_a_folder_reads_every_checkpoint_and_lists_what_it_cannot(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    save_arrays(tmp_path / "sub" / "net.safetensors", {"s": DENSE})
    save_arrays(tmp_path / ".hidden" / "net.safetensors", {"h": DENSE})
    np.savez(tmp_path / "net.npz", z=DENSE)
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    (tmp_path / "notes.txt").write_text("not a checkpoint")
    layers = load(tmp_path)
    assert [layer.name for layer in layers] == ["z", "s"]
    (record,) = layers.skipped
    assert record.source.endswith("bad.safetensors")


def test_what_a_trainer_leaves_in_a_folder_is_no_checkpoint(tmp_path):
    np.savez(tmp_path / "net.npz", z=DENSE)
    for name in ("optimizer.pt", "training_args.bin", "rng_state_0.pth"):
        (tmp_path / name).write_bytes(b"whatever")
    layers = load(tmp_path)
    assert [layer.name for layer in layers] == ["z"]
    assert [record.expected for record in layers.skipped] == [True] * 3
    assert all("the state of a trainer" in record.reason for record in layers.skipped)


def test_folders_without_anything_to_read(tmp_path):
    with pytest.raises(ReadError, match="no checkpoint in this folder"):
        load(tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ReadError, match=r"no file in this folder could be read; the first: .*bad\.safetensors"):
        load(tmp_path)


def test_paths_that_are_none(tmp_path):
    with pytest.raises(ReadError, match="no such file or folder"):
        load(tmp_path / "absent.npz")
    (tmp_path / "weights.txt").write_text("1 2 3")
    with pytest.raises(ReadError, match=r"unknown kind of file: \.safetensors"):
        load(tmp_path / "weights.txt")
    with pytest.raises(TypeError, match="path must be a path, got int"):
        load(3)
