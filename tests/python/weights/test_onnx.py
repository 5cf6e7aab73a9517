"""ONNX models, written by the package of that name, and broken ones."""

import contextlib
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.weights import ReadError, load
from measure import LINUX, peak_growth

onnx = pytest.importorskip("onnx")
helper, from_array = onnx.helper, onnx.numpy_helper.from_array
rng = np.random.default_rng(4)


def some(*shape):
    return rng.normal(size=shape).astype(np.float32)


def save(path, weights, *nodes, **options):
    made = [helper.make_node(kind, inputs, [f"out{i}"], **more) for i, (kind, inputs, more) in enumerate(nodes)]
    graph = helper.make_graph(made, "net", [], [], [from_array(value, name) for name, value in weights.items()])
    onnx.save(helper.make_model(graph), path, **options)
    return path


IN_OUT, OUT_IN = some(3, 5), some(5, 3)


@pytest.mark.parametrize(
    ("weight", "nodes", "expected"),
    [
        (IN_OUT, [("MatMul", ["x", "w"], {})], IN_OUT.T),
        (OUT_IN, [("MatMul", ["w", "x"], {})], OUT_IN),
        (IN_OUT, [("Gemm", ["x", "w"], {})], IN_OUT.T),
        (OUT_IN, [("Gemm", ["x", "w"], {"transB": 1})], OUT_IN),
        (OUT_IN, [("Gemm", ["w", "x"], {})], OUT_IN),
        (OUT_IN, [("Transpose", ["w"], {"perm": [1, 0]}), ("MatMul", ["x", "out0"], {})], OUT_IN),
        (OUT_IN, [("Identity", ["w"], {}), ("Transpose", ["out0"], {}), ("MatMul", ["x", "out1"], {})], OUT_IN),
        (OUT_IN, [], OUT_IN),
        (IN_OUT.astype(np.float64), [("MatMul", ["x", "w"], {})], IN_OUT.T),
        (IN_OUT.astype(np.float16), [("MatMul", ["x", "w"], {})], IN_OUT.T.astype(np.float16)),
    ],
)
def test_the_node_says_which_axis_is_the_input(tmp_path, weight, nodes, expected):
    (layer,) = load(save(tmp_path / "m.onnx", {"w": weight}, *nodes))
    np.testing.assert_array_equal(layer.weight, expected)
    assert (layer.name, layer.kind, layer.shape) == ("w", "dense", weight.shape)


def test_convolutions_and_tables(tmp_path):
    conv, turned, table = some(4, 3, 2, 2), some(3, 4, 2, 2), some(9, 4)
    nodes = [("Conv", ["x", "conv"], {}), ("ConvTranspose", ["x", "turned"], {}), ("Gather", ["table", "i"], {})]
    path = save(tmp_path / "m.onnx", {"conv": conv, "turned": turned, "table": table}, *nodes)
    layers = {layer.name: layer for layer in load(path)}
    np.testing.assert_array_equal(layers["conv"].weight, conv.reshape(4, 12))
    np.testing.assert_array_equal(layers["turned"].weight, turned.transpose(1, 0, 2, 3).reshape(4, 12))
    assert [layer.kind for layer in layers.values()] == ["conv", "conv", "embedding"]


def test_gates(tmp_path):
    w, r = some(2, 24, 3), some(2, 18, 6)
    nodes = [("LSTM", ["x", "w"], {"hidden_size": 6}), ("GRU", ["x", "w2", "r"], {"hidden_size": 6})]
    layers = {layer.name: layer for layer in load(save(tmp_path / "m.onnx", {"w": w, "r": r}, *nodes))}
    assert len(layers) == 8 + 6
    np.testing.assert_array_equal(layers["w[o,forward]"].weight, w[0, 6:12])
    np.testing.assert_array_equal(layers["r[h,backward]"].weight, r[1, 12:])
    assert {layer.kind for layer in layers.values()} == {"recurrent"}


def test_what_is_no_weight_is_listed(tmp_path):
    weights = {"bias": some(1, 1, 5), "place": some(1, 7, 5), "axes": np.arange(3), "w": IN_OUT}
    nodes = [("Add", ["x", "bias"], {}), ("Add", ["x", "place"], {}), ("MatMul", ["x", "w"], {})]
    layers = load(save(tmp_path / "m.onnx", weights, *nodes))
    assert [layer.name for layer in layers] == ["w"]
    reasons = {each.name: each.reason for each in layers.skipped}
    assert reasons["place"] == "used by Add: no weight matrix"
    assert reasons["bias"].startswith("a vector")
    assert all(each.expected for each in layers.skipped)


def test_constants_of_subgraphs(tmp_path):
    constant = helper.make_node("Constant", [], ["c"], value=from_array(IN_OUT, "ignored"))
    inner = helper.make_graph([constant, helper.make_node("MatMul", ["x", "c"], ["y"])], "inner", [], [])
    outer = helper.make_node("If", ["yes"], ["z"], then_branch=inner, else_branch=inner)
    onnx.save(helper.make_model(helper.make_graph([outer], "net", [], [])), tmp_path / "m.onnx")
    layers = load(tmp_path / "m.onnx")
    (layer,) = layers
    np.testing.assert_array_equal(layer.weight, IN_OUT.T)
    assert layers.skipped[0].reason.startswith("tied")  # the other branch


def test_external_data(tmp_path):
    outside = {"save_as_external_data": True, "location": "w.bin", "size_threshold": 0}
    path = save(tmp_path / "m.onnx", {"a": IN_OUT, "b": OUT_IN}, **outside)
    a, b = load(path)
    np.testing.assert_array_equal(a.weight, IN_OUT)
    np.testing.assert_array_equal(b.weight, OUT_IN)
    (tmp_path / "w.bin").write_bytes((tmp_path / "w.bin").read_bytes()[:-1])
    layers = load(path)
    assert [layer.name for layer in layers] == ["a"]
    assert "tensor 'b': shape (5, 3) of float32 takes 60 bytes from" in layers.skipped[0].reason
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ReadError, match=r"external data 'w\.bin' is missing"):
        load(path)


@pytest.mark.parametrize("place", ["../w.bin", "/etc/hostname", "sub/../../w.bin", "", "link"])
def test_external_data_cannot_lie_elsewhere(tmp_path, place):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(60))
    os.symlink(tmp_path / "w.bin", folder / "link")
    tensor = onnx.TensorProto(name="w", dims=[5, 3], data_type=1, data_location=1)
    tensor.external_data.add(key="location", value=place)
    onnx.save(helper.make_model(helper.make_graph([], "net", [], [], [tensor])), folder / "m.onnx")
    with pytest.raises(ReadError, match="tensor 'w': external data must lie in the folder of the model"):
        load(folder / "m.onnx")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "holds no graph"),
        (b"\x3a\xff\xff\xff\xff\x0f", "goes beyond its message"),
        (b"\x3b", "wire type 3"),
        (b"\x3a" + 11 * b"\xff", "more than ten bytes"),
        (b"\x3a\x80", "truncated within a number"),
        (b"<html>", "not a readable ONNX model"),
    ],
)
def test_broken_models(tmp_path, raw, says):
    (tmp_path / "b.onnx").write_bytes(raw)
    with pytest.raises(ReadError, match=says) as caught:
        load(tmp_path / "b.onnx")
    assert "b.onnx" in str(caught.value)


def test_absurd_shapes(tmp_path):
    for dims, says in [([2**40, 2**40], "takes"), ([1] * 100, "no tensor has shape"), ([-1, 3], "no tensor has shape")]:
        tensor = onnx.TensorProto(name="w", dims=dims, data_type=1, raw_data=bytes(60))
        onnx.save(helper.make_model(helper.make_graph([], "net", [], [], [tensor])), tmp_path / "m.onnx")
        with pytest.raises(ReadError, match=says):
            load(tmp_path / "m.onnx")
        tensors = [tensor, from_array(OUT_IN, "good")]
        onnx.save(helper.make_model(helper.make_graph([], "net", [], [], tensors)), tmp_path / "m.onnx")
        layers = load(tmp_path / "m.onnx")
        assert [layer.name for layer in layers] == ["good"]
        assert says in layers.skipped[0].reason


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "m.onnx"
    save(path, {"w": IN_OUT, "c": some(2, 2, 2, 2)}, ("MatMul", ["x", "w"], {}), ("Conv", ["x", "c"], {}))
    return path, path.read_bytes()


def survives(data, plain, most):
    path, raw = plain
    raw = bytearray(raw)
    for _ in range(data.draw(st.integers(1, most))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    with contextlib.suppress(ReadError):
        list(load(path))


@given(st.data())
@settings(max_examples=100)
def test_damage(plain, data):
    survives(data, plain, 4)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=2_000)
def test_much_more_damage(plain, data):
    survives(data, plain, 9)


@pytest.mark.skipif(not LINUX, reason="/proc is Linux's")
def test_memory_is_bounded_by_one_tensor(tmp_path):
    weights = {name: np.full((2**11, 2**10), 2.0, np.float16) for name in "abcd"}
    path = save(tmp_path / "m.onnx", weights, *(("MatMul", ["x", name], {}) for name in weights))
    setup = f"from deeprmt.weights import load\nlayers = load({str(path)!r})\nnext(layers)"
    (growth,) = peak_growth(setup, "[next(layers).weight[0, 0] for _ in range(3)] and None")
    # One float32 tensor of 8 MiB, whose like is there already after the first, a piece of 4 MiB and Python's own.
    assert growth < 2 * 2**22
