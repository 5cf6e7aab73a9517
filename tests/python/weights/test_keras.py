"""HDF5 files in the layouts of Keras 2 and 3, written with h5py, and broken ones."""

import contextlib
import zipfile

import numpy as np
import pytest

from deeprmt.weights import ReadError, layers, load

h5py = pytest.importorskip("h5py")
rng = np.random.default_rng(5)


def some(*shape):
    return rng.normal(size=shape).astype(np.float32)


def save(path, arrays, **options):
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file.create_dataset(name, data=value, **options)
    return path


def archive(path, arrays, compression=zipfile.ZIP_STORED):
    save(path.with_suffix(".h5"), arrays)
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("config.json", "{}")
        file.write(path.with_suffix(".h5"), "model.weights.h5")
    path.with_suffix(".h5").unlink()
    return path


def test_keras_2(tmp_path):
    dense, conv, table, kernel, state = some(3, 5), some(2, 2, 3, 4), some(9, 4), some(3, 8), some(2, 8)
    path = save(
        tmp_path / "m.h5",
        {
            "model_weights/dense_1/dense_1/kernel:0": dense,
            "model_weights/dense_1/dense_1/bias:0": dense[0],
            "model_weights/conv/conv/kernel:0": conv,
            "model_weights/words/words/embeddings:0": table,
            "model_weights/gru/gru/bias:0": some(2, 6),
            "model_weights/lstm/lstm/kernel:0": kernel,
            "model_weights/lstm/lstm/recurrent_kernel:0": state,
            "optimizer_weights/m:0": dense,
        },
    )
    layers = load(path)
    found = {layer.name: layer for layer in layers}
    np.testing.assert_array_equal(found["dense_1/kernel"].weight, dense.T)
    np.testing.assert_array_equal(found["conv/kernel"].weight, conv.transpose(3, 2, 0, 1).reshape(4, 12))
    np.testing.assert_array_equal(found["words/embeddings"].weight, table)
    assert found["words/embeddings"].kind == "embedding"
    for i, gate in enumerate("ifco"):
        np.testing.assert_array_equal(found[f"lstm/kernel[{gate}]"].weight, kernel[:, 2 * i : 2 * i + 2].T)
        np.testing.assert_array_equal(found[f"lstm/recurrent_kernel[{gate}]"].weight, state[:, 2 * i : 2 * i + 2].T)
    assert {each.name: each.reason.split(":")[0] for each in layers.skipped} == {
        "dense_1/bias": "a vector",
        "gru/bias": "a bias, by its name",
        "optimizer_weights": "the state of the optimizer, no weights",
    }
    sliced = {layer.name: layer.weight for layer in load(path, conv="slices")}
    np.testing.assert_array_equal(sliced["conv/kernel[0,1]"], conv[0, 1].T)


def test_keras_3(tmp_path):
    dense, kernel, state, query, back = some(3, 5), some(3, 6), some(2, 6), some(6, 2, 3), some(2, 3, 6)
    attention = "layers/multi_head_attention"
    arrays = {
        "layers/dense/vars/0": dense,
        "layers/dense/vars/1": dense[0],
        "layers/gru/cell/vars/0": kernel,
        "layers/gru/cell/vars/1": state,
        f"{attention}/query_dense/vars/0": query,
        f"{attention}/key_dense/vars/0": 2 * query,
        f"{attention}/value_dense/vars/0": 3 * query,
        f"{attention}/output_dense/vars/0": back,
        "layers/depthwise_conv2d/vars/0": some(2, 2, 3, 1),
        "layers/conv2d_transpose/vars/0": some(2, 2, 4, 3),
    }
    found = {layer.name: layer for layer in load(archive(tmp_path / "m.keras", arrays), split="heads")}
    np.testing.assert_array_equal(found["layers/dense/kernel"].weight, dense.T)
    np.testing.assert_array_equal(found["layers/gru/cell/recurrent_kernel[h]"].weight, state[:, 4:].T)
    np.testing.assert_array_equal(found[f"{attention}/query_dense/kernel[1]"].weight, query[:, 1].T)
    np.testing.assert_array_equal(found[f"{attention}/output_dense/kernel"].weight, back.reshape(6, 6).T)
    assert found["layers/depthwise_conv2d/depthwise_kernel"].weight.shape == (3, 4)
    assert found["layers/conv2d_transpose/kernel"].weight.shape == (4, 12)


@pytest.mark.parametrize("options", [{"compression": "gzip"}, {"chunks": (2, 2), "shuffle": True}, {}])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2"])
def test_storage(tmp_path, options, dtype):
    w = some(7, 5).astype(dtype)
    (layer,) = load(save(tmp_path / "m.h5", {"d/d/kernel:0": w}, **options))
    np.testing.assert_array_equal(layer.weight, w.T)
    assert layer.weight.flags.c_contiguous


def test_links_are_not_followed(tmp_path):
    save(tmp_path / "other.h5", {"w": some(4, 4)})
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["a/w"] = some(3, 3)
        file["a/loop"] = file["/a"]
        file["b"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "w")
        file["c"] = h5py.SoftLink("/a/w")
        file.create_dataset("d", (4, 4), "f4", external=[(str(tmp_path / "other.h5"), 0, 64)])
        layout = h5py.VirtualLayout((4, 4), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "w", (4, 4))
        file.create_virtual_dataset("e", layout)
    layers = load(tmp_path / "m.h5")
    assert [layer.name for layer in layers] == ["a/w"]
    assert {each.name: each.reason for each in layers.skipped} == {
        "a/loop": "a second link to what is listed already",
        "b": "no hard link but external: not followed",
        "c": "no hard link but soft: not followed",
        "d": "its entries are in other files, which are not opened",
        "e": "its entries are in other files, which are not opened",
    }


def test_a_shape_without_entries_behind_it(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_dataset("w", (10**7, 10**7), "f4")  # nothing is written until something is set
        packed = file.create_dataset("z", (2**15, 2**14), "f4", chunks=(2**10, 2**10), compression="gzip")
        packed[:2, :2] = 1
    with pytest.raises(ReadError, match=r"m\.h5: dataset 'z': \d+ bytes that claim to unpack to 2147483648"):
        load(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file["good"] = some(5, 3)
    layers = load(tmp_path / "m.h5")
    assert [layer.name for layer in layers] == ["good"]
    assert {each.name for each in layers.skipped} == {"w", "z"}
    with h5py.File(tmp_path / "m.h5", "a") as file:
        del file["z"], file["good"]
    layers = load(tmp_path / "m.h5")
    assert list(layers) == []
    assert layers.skipped[0].reason == "no entries are stored"


def test_broken_files(tmp_path):
    raw = save(tmp_path / "m.h5", {"d/d/kernel:0": some(7, 5)}).read_bytes()
    for cut in (0, 7, 100, len(raw) // 2, len(raw) - 1):
        (tmp_path / "m.h5").write_bytes(raw[:cut])
        with pytest.raises(ReadError, match=r"m\.h5"):
            list(load(tmp_path / "m.h5"))
    packed = archive(tmp_path / "m.keras", {"layers/dense/vars/0": some(7, 5)}).read_bytes()
    for cut in range(0, len(packed), 199):
        (tmp_path / "m.keras").write_bytes(packed[:cut])
        with pytest.raises(ReadError, match=r"m\.keras"):
            list(load(tmp_path / "m.keras"))
    archive(tmp_path / "m.keras", {"layers/dense/vars/0": some(7, 5)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ReadError, match="is compressed, which Keras never does"):
        load(tmp_path / "m.keras")


def survives_damage(path, raw, times):
    """The same damage in each run: what the C library behind h5py does with it should not change from day to day."""
    hits = np.random.default_rng(7)
    for _ in range(times):
        bad = bytearray(raw)
        for place in hits.integers(len(bad), size=hits.integers(1, 6)):
            bad[place] = hits.integers(256)
        path.write_bytes(bad[: hits.integers(len(bad) // 2, len(bad) + 1)])
        with contextlib.suppress(ReadError):
            list(load(path))


@pytest.mark.parametrize("times", [50, pytest.param(2_000, marks=pytest.mark.slow)])
def test_damage(tmp_path, times):
    arrays = {"d/d/kernel:0": some(7, 5), "e/e/kernel:0": some(2, 2, 3, 4)}
    survives_damage(tmp_path / "m.h5", save(tmp_path / "m.h5", arrays, compression="gzip").read_bytes(), times)
    survives_damage(tmp_path / "m.keras", archive(tmp_path / "m.keras", arrays).read_bytes(), times)


class Variable:
    def __init__(self, path, value):
        self.path, self.name, self.value = path, path.rpartition("/")[2], value

    def __array__(self, dtype=None, copy=None):
        return self.value


class Model:
    """As Keras's models look, on any of its backends."""

    def __init__(self, **arrays):
        self.weights = [Variable(name.replace("__", "/"), value) for name, value in arrays.items()]

    def get_weights(self):
        return [each.value for each in self.weights]


def test_live_models():
    w = some(3, 5)
    found = layers(Model(dense__kernel=w, dense__bias=w[0]))
    (layer,) = found
    np.testing.assert_array_equal(layer.weight, w.T)
    assert (layer.name, layer.source) == ("dense/kernel", "Model")
    assert [each.name for each in found.skipped] == ["dense/bias"]


def test_models_that_are_not_read_say_what_to_do(tmp_path):
    (tmp_path / "m.tflite").write_bytes(b"TFL3")
    with pytest.raises(ReadError, match=r"m\.tflite: TensorFlow Lite models are not read: .* Keras or ONNX"):
        load(tmp_path / "m.tflite")
