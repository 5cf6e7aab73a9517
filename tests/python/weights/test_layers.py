"""From names and shapes to matrices: packed attention, recurrent layers, ties, trees of arrays."""

import dataclasses
import doctest
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from deeprmt.weights import Layer, ReadError, analyze, layers, load

rng = np.random.default_rng(6)


def some(*shape):
    return rng.normal(size=shape).astype(np.float32)


def found(source, **options):
    return {layer.name: layer.weight for layer in layers(source, **options)}


# ---- packed attention ----


@pytest.mark.parametrize("name", ["attn.in_proj_weight", "blocks.0.attn.qkv.weight", "Wqkv.weight", "c_attn.weight"])
def test_query_key_and_value_are_taken_apart(name):
    packed = some(12, 4)
    parts = found({name: packed})
    assert list(parts) == [f"{name}[{part}]" for part in "qkv"]
    np.testing.assert_array_equal(np.concatenate(list(parts.values())), packed)
    by_head = found({name: packed}, split="heads", heads=2)
    assert list(by_head) == [f"{name}[{part},{head}]" for part in "qkv" for head in (0, 1)]
    np.testing.assert_array_equal(np.concatenate(list(by_head.values())), packed)
    assert list(found({name: packed}, split="none")) == [name]


def test_layers_of_gpt2_are_turned():
    shapes = {"h.0.attn.c_attn.weight": (4, 12), "h.0.attn.c_proj.weight": (4, 4), "h.0.mlp.c_fc.weight": (4, 16)}
    tree = {name: some(*shape) for name, shape in shapes.items()}
    parts = found(tree)
    np.testing.assert_array_equal(parts["h.0.attn.c_attn.weight[k]"], tree["h.0.attn.c_attn.weight"][:, 4:8].T)
    np.testing.assert_array_equal(parts["h.0.attn.c_proj.weight"], tree["h.0.attn.c_proj.weight"].T)
    assert parts["h.0.mlp.c_fc.weight"].shape == (16, 4)
    square = found({"c_attn.weight": some(12, 4), "c_proj.weight": some(6, 4)})  # others have the usual order
    assert square["c_proj.weight"].shape == (6, 4)


def test_shared_keys_and_heads_from_a_configuration(tmp_path):
    packed, query = some(8 + 2 * 4, 8), some(8, 8)
    separate = {"a.q_proj": query, "a.k_proj": query[:4] * 2, "a.v_proj": query[4:] * 3}
    np.savez(tmp_path / "m.npz", **{"attn.qkv_proj.weight": packed}, **separate)
    shapes = {name: w.shape for name, w in found(tmp_path / "m.npz").items()}
    assert [shapes[f"attn.qkv_proj.weight[{part}]"] for part in "qkv"] == [(8, 8), (4, 8), (4, 8)]
    with pytest.raises(ValueError, match=r"needs the number of heads: .*give heads="):
        load(tmp_path / "m.npz", split="heads")
    (tmp_path / "config.json").write_text(json.dumps({"num_attention_heads": 4, "num_key_value_heads": 2}))
    shapes = {name: w.shape for name, w in found(tmp_path / "m.npz", split="heads").items()}
    assert len(shapes) == 2 * (4 + 2 + 2)
    assert set(shapes.values()) == {(2, 8)}
    for broken in ("[" * 10**5, "{", "[]", '{"num_attention_heads": -1}', '{"n_head": "many"}'):
        (tmp_path / "config.json").write_text(broken)
        assert len(found(tmp_path / "m.npz")) == 6


def test_heads_one_after_the_other(tmp_path):
    packed = some(12, 4)
    name = "attention.query_key_value.weight"
    assert list(found({name: packed})) == [name]  # which rows are queries depends on the number of heads
    np.savez(tmp_path / "m.npz", **{name: packed})
    (tmp_path / "config.json").write_text(json.dumps({"n_head": 2, "model_type": "bloom"}))
    parts = found(tmp_path / "m.npz")
    np.testing.assert_array_equal(parts[f"{name}[k]"], packed[[2, 3, 8, 9]])
    np.testing.assert_array_equal(found(tmp_path / "m.npz", split="heads")[f"{name}[v,1]"], packed[10:])


# ---- recurrent layers ----


@pytest.mark.parametrize(("gates", "count"), [("ifgo", 4), ("rzn", 3), ("", 1)])
def test_gates_of_pytorch(gates, count):
    w, state = some(6 * count, 5), some(6 * count, 6)
    parts = found({"rnn.weight_ih_l0": w, "rnn.weight_hh_l0": state})
    if not gates:
        assert list(parts) == ["rnn.weight_ih_l0", "rnn.weight_hh_l0"]
    for i, gate in enumerate(gates):
        np.testing.assert_array_equal(parts[f"rnn.weight_ih_l0[{gate}]"], w[6 * i : 6 * i + 6])
        np.testing.assert_array_equal(parts[f"rnn.weight_hh_l0[{gate}]"], state[6 * i : 6 * i + 6])
    assert list(found({"weight_ih": w})) == ["weight_ih"]  # the state's size is not known


# ---- trees ----


class Pair(NamedTuple):
    w: object
    b: object


@dataclasses.dataclass
class State:
    params: dict
    step: int


def test_trees_of_arrays():
    kernel, conv, query = some(3, 5), some(2, 2, 3, 4), some(6, 2, 3)
    tree = {
        "Dense_0": {"kernel": kernel, "bias": kernel[0]},
        "Conv_0": {"kernel": conv},
        "attention": {name: {"kernel": query * i} for i, name in enumerate(("query", "key", "value"), 1)},
        "pair": Pair(kernel, kernel[0]),
        "list": [some(2, 2), (some(2, 3), None)],
    }
    done = layers(State(tree, 3), split="heads")
    parts = {layer.name: layer.weight for layer in done}
    np.testing.assert_array_equal(parts["params.Dense_0.kernel"], kernel.T)
    np.testing.assert_array_equal(parts["params.Conv_0.kernel"], conv.transpose(3, 2, 0, 1).reshape(4, 12))
    np.testing.assert_array_equal(parts["params.attention.query.kernel[1]"], query[:, 1].T)
    assert "params.list[1][0]" in parts
    assert {each.name for each in done.skipped} == {
        *("params.Dense_0.bias", "params.pair.w", "params.pair.b", "params.list[1][1]", "step"),
    }
    assert len(found([(kernel, kernel[0]), (), (kernel + 1, kernel[0])])) == 2


class Foreign:
    """As arrays of other libraries look."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __array__(self, dtype=None, copy=None):
        return self.array


def test_arrays_of_other_libraries():
    w = some(30, 20)
    np.testing.assert_array_equal(found(Foreign(w))["weight"], w)
    np.testing.assert_array_equal(found({"a": Foreign(w)})["a"], w)
    assert len(analyze([Foreign(w), {"b": w + 1}]).rows) == 2


def test_endless_trees_end():
    tree = {"w": some(3, 3)}
    tree["self"] = tree["once more"] = tree
    done = layers(tree)
    assert len(list(done)) == 1
    assert {each.name: each.reason for each in done.skipped} == dict.fromkeys(["self", "once more"], "it holds itself")
    deep = some(3, 3)
    for _ in range(150):
        deep = {"x": deep}
    assert "nested more than 100 deep" in layers({"w": deep}).skipped[0].reason


def test_layers_pass_as_they_are():
    layer = Layer("w", "dense", some(3, 3))
    assert list(layers([layer])) == [layer]
    assert list(layers(iter([layer]))) == [layer]
    with pytest.raises(TypeError, match="layers: source must be a path, paths"):
        layers(3)
    wrongs = {
        "conv": ("fold", "conv must be one of"),
        "split": ("all", "split must be one of"),
        "heads": (0, "at least 1"),
    }
    for argument, (value, says) in wrongs.items():
        with pytest.raises(ValueError, match=says):
            layers({"w": some(3, 3)}, **{argument: value})


# ---- ties ----


def test_tied_weights_are_listed_with_the_name_they_share(tmp_path):
    w = some(50, 40)
    almost = w.copy()
    almost[-1, -1] += 1
    np.savez(tmp_path / "m.npz", embed=w, head=w, almost=almost, ones=np.ones((50, 40)), more=np.ones((50, 40)))
    done = load(tmp_path / "m.npz")
    assert [layer.name for layer in done] == ["embed", "almost", "ones", "more"]
    (record,) = done.skipped
    assert (record.name, record.reason, record.expected) == ("head", "tied: the same entries as 'embed'", True)
    assert list(found({"a": w, "b": w})) == ["a"]
    assert list(found({"a": w, "b": w.copy()})) == ["a", "b"]  # who passes two has two


def test_a_shard_that_is_a_link_out_of_the_folder(tmp_path):
    cache, snapshot, away = tmp_path / "blobs", tmp_path / "snapshot", tmp_path / "away"
    for each in (cache, snapshot, away):
        each.mkdir()
    np.savez(cache / "0.npz", w=some(3, 3))
    np.savez(away / "1.npz", w=some(3, 3))
    (cache / "index").write_text(json.dumps({"weight_map": {"w": "a.npz"}}))
    os.symlink(cache / "index", snapshot / "m.index.json")
    os.symlink(cache / "0.npz", snapshot / "a.npz")
    assert len(list(load(snapshot / "m.index.json"))) == 1  # as a download cache keeps them
    (snapshot / "a.npz").unlink()
    os.symlink(away / "1.npz", snapshot / "a.npz")
    with pytest.raises(ReadError, match=r"tensor 'w': shard 'a\.npz' is a link out of the folder"):
        load(snapshot / "m.index.json")


def test_an_archive_of_arrays_that_unpacks_to_gigabytes(tmp_path):
    np.savez_compressed(tmp_path / "b.npz", w=np.zeros((2**11, 2**11), np.float32))
    raw = (tmp_path / "b.npz").read_bytes()
    size = (2**24 + 128).to_bytes(4, "little")
    (tmp_path / "b.npz").write_bytes(raw.replace(size, (2**31).to_bytes(4, "little")))
    with pytest.raises(ReadError, match="refused as a decompression bomb"):
        load(tmp_path / "b.npz")


def test_the_page_on_models_runs():
    page = Path(__file__).parents[3] / "docs/models.md"
    if not page.is_file():
        pytest.skip("the documents are not beside the tests")
    assert doctest.testfile(str(page), module_relative=False).failed == 0
