"""Readers, on small files written by the formats' own packages, and on broken ones."""

import contextlib
import errno
import json
import os
import pathlib
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints import reasons, save, save_arrays
from deeprmt.weights import Layer, ReadError, load

rng = np.random.default_rng(1)
DENSE = rng.normal(size=(5, 3)).astype(np.float32)
CONV = rng.normal(size=(4, 3, 2, 2)).astype(np.float32)


def read_or_refuse(path):
    with contextlib.suppress(ReadError):
        list(load(path))


# ---- safetensors ----


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_safetensors_as_its_own_package_writes_it(tmp_path, dtype):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    w, path = DENSE.astype(dtype), tmp_path / "net.safetensors"
    save_file({"w": w, "b": np.zeros(3, dtype)}, path, metadata={"format": "np"})
    layers = load(path)
    (layer,) = layers
    np.testing.assert_array_equal(layer.weight, w)
    assert layer.weight.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert (layer.name, layer.kind, layer.source) == ("w", "dense", str(path))
    assert (layer.shape, layer.dtype) == ((5, 3), np.dtype(dtype).name)
    assert reasons(layers) == {"b": "a vector: a bias, or the scale of a normalisation"}
    assert layers.skipped[0].expected


def test_bfloat16_is_widened_exactly(tmp_path):
    # bfloat16 is the upper half of a float32: 1, -2, 3.140625, inf, the least subnormal, 0.
    bits = np.array([[0x3F80, 0xC000, 0x4049], [0x7F80, 0x0001, 0x0000]], "<u2")
    (layer,) = load(save(tmp_path / "b.safetensors", {"w": ("BF16", [2, 3], bits.tobytes())}))
    expected = np.array([[1, -2, 3.140625], [np.inf, 2.0**-133, 0]], np.float32)
    np.testing.assert_array_equal(layer.weight, expected)
    assert layer.dtype == "bfloat16"
    assert layer.weight.dtype == np.float32


def test_what_is_no_weight_is_listed_with_its_reason(tmp_path):
    layers = load(
        save(
            tmp_path / "m.safetensors",
            {
                "w": ("F32", [5, 3], DENSE.tobytes()),
                "bias": ("F32", [3], bytes(12)),
                "num_batches_tracked": ("I64", [], bytes(8)),
                "position_ids": ("I64", [1, 4], bytes(32)),
                "mask": ("BOOL", [2, 2], bytes(4)),
                "qweight": ("I8", [2, 2], bytes(4)),
                "fp8": ("F8_E4M3", [2, 2], bytes(4)),
                "complex": ("C64", [1, 2], bytes(16)),
                "future": ("F4", [2, 2], bytes(2)),
                "empty": ("F32", [0, 7], b""),
            },
        )
    )
    assert [layer.name for layer in layers] == ["w"]
    said = reasons(layers)
    assert said["num_batches_tracked"] == "a scalar"
    assert said["position_ids"].startswith("int64: an index or a mask")
    assert said["qweight"].startswith("int8: quantised")
    assert said["fp8"].startswith("F8_E4M3: not read")
    assert said["future"].startswith("F4: not read")
    assert said["complex"].startswith("complex64: not read")
    assert said["empty"] == "empty"
    unexpected = {each.name for each in layers.skipped if not each.expected}
    assert unexpected == {"qweight", "fp8", "future", "complex", "empty"}


def corrupt(**entry):
    return {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]} | entry


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "0 bytes"),
        (b"abc", "3 bytes"),
        (struct.pack("<Q", 2**60) + b"{}", f"promise a header of {2**60} bytes, the file has 2 more"),
        (struct.pack("<Q", 9) + b"{}", "promise a header of 9 bytes"),
        (struct.pack("<Q", 2) + b"{]", "not JSON"),
        (struct.pack("<Q", 2) + b"\xff\xfe", "not JSON"),
        (struct.pack("<Q", 2) + b"[]", "the header is list"),
        (struct.pack("<Q", 100_000) + b"[" * 100_000, "not JSON"),
        (b"<html><body>404</body></html>", "not a safetensors file"),
        ({"w": 3}, "'w': the header must give dtype, shape and data_offsets"),
        ({"w": {"dtype": "F32"}}, "'w': the header must give"),
        ({"w": corrupt(shape=[-2, -2])}, "'w': dtype must be a word, shape and data_offsets whole numbers"),
        ({"w": corrupt(shape=[True, 4])}, "whole numbers"),
        ({"w": corrupt(shape=2)}, "'w': the header must give"),
        ({"w": corrupt(dtype=["F32"])}, "dtype must be a word"),
        ({"w": corrupt(data_offsets=[16, 0])}, "truncated"),
        ({"w": corrupt(data_offsets=[0, 10**30], shape=[10**15, 10**15])}, "whole numbers below"),
        ({"w": corrupt(data_offsets=[0, 10**15], shape=[10**15, 10**15])}, "truncated"),
        ({"w": corrupt(shape=[10**18] * 500)}, "of 500 dimensions"),
        ({"w": corrupt(shape=[1] * 64 + [4])}, "of 65 dimensions"),
        ({"w": corrupt(shape=[10**4000])}, r"no tensor has shape \(2\^64 or more\)|whole numbers below"),
        ({"w": corrupt(data_offsets=[0, 10**4299])}, "whole numbers below"),
        ({"w": corrupt(shape=[3, 2])}, r"shape \(3, 2\) of F32 takes 24 bytes, data_offsets give 16"),
    ],
)
def test_broken_safetensors_say_which_file_and_where(tmp_path, raw, says):
    path = tmp_path / "broken.safetensors"
    if isinstance(raw, dict):
        text = json.dumps(raw).encode()
        raw = struct.pack("<Q", len(text)) + text + bytes(16)
    path.write_bytes(raw)
    with pytest.raises(ReadError, match=says) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_truncated_file_names_the_tensor_that_is_cut(tmp_path):
    path = save(tmp_path / "t.safetensors", {n: ("F32", [5, 3], DENSE.tobytes()) for n in ("first", "last")})
    path.write_bytes(path.read_bytes()[:-8])
    layers = load(path)
    assert [layer.name for layer in layers] == ["first"]
    (bad,) = layers.skipped
    assert bad.reason.startswith(f"{path}: tensor 'last': truncated: its entries are bytes")
    assert not bad.expected
    path.write_bytes(path.read_bytes()[:-60])
    says = "tensor 'first': truncated: its entries are bytes .*, and 1 more that cannot be read"
    with pytest.raises(ReadError, match=says):
        load(path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("lost", [1, 30, 500])
def test_a_truncated_archive_says_what_is_missing(tmp_path, compressed, lost):
    path = tmp_path / "t.npz"
    (np.savez_compressed if compressed else np.savez)(path, a=np.random.default_rng(0).normal(size=(9, 9)))
    path.write_bytes(path.read_bytes()[:-lost])
    size = path.stat().st_size
    with pytest.raises(ReadError, match=rf"truncated: of this \.npz archive {size} bytes are there, its directory at"):
        load(path)


def test_a_file_that_is_no_archive_says_so(tmp_path):
    (tmp_path / "t.npz").write_bytes(b"neither a zip nor anything else")
    with pytest.raises(ReadError, match=r"not a readable \.npz archive"):
        load(tmp_path / "t.npz")


def test_a_file_that_shrinks_after_its_header_was_read(tmp_path):
    path = save(tmp_path / "t.safetensors", {"w": ("F32", [5, 3], DENSE.tobytes())})
    layers = load(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ReadError, match="tensor 'w': 13 of 15 entries"):
        next(layers)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_damage_never_does_worse_than_a_read_error(tmp_path_factory, data):
    path = save(tmp_path_factory.mktemp("d") / "t.safetensors", {"w": ("F32", [5, 3], DENSE.tobytes())})
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    read_or_refuse(path)


# ---- NumPy ----


def test_npz_and_npy(tmp_path):
    np.savez_compressed(tmp_path / "c.npz", w=DENSE, big=DENSE.astype(">f8"), ids=np.arange(6).reshape(2, 3))
    layers = load(tmp_path / "c.npz")
    first, second = layers
    np.testing.assert_array_equal(first.weight, DENSE)
    np.testing.assert_array_equal(second.weight, DENSE)
    assert second.weight.dtype.isnative
    assert set(reasons(layers)) == {"ids"}
    np.save(tmp_path / "single.npy", np.asfortranarray(DENSE))
    (layer,) = load(tmp_path / "single.npy")
    assert layer.name == "single"
    np.testing.assert_array_equal(layer.weight, DENSE)


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


def test_pickles_are_never_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = np.array([[Bomb()]], dtype=object)
    np.savez(tmp_path / "o.npz", bomb=objects, w=DENSE)
    layers = load(tmp_path / "o.npz")
    assert [layer.name for layer in layers] == ["w"]
    assert "allow_pickle=False" in reasons(layers)["bomb"]
    np.save(tmp_path / "o.npy", objects)
    with pytest.raises(ReadError, match=r"o\.npy: holds pickled Python objects"):
        load(tmp_path / "o.npy")
    (tmp_path / "fake.npy").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ReadError, match="not a readable"):
        load(tmp_path / "fake.npy")
    assert not (tmp_path / "exploded").exists()


@given(st.data())
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("kind", ["npz", "npy"])
@pytest.mark.filterwarnings("ignore:Reading `.npy`")  # a header that looks like Python 2's, to NumPy
def test_damaged_numpy_files_never_do_worse_than_a_read_error(tmp_path_factory, kind, data):
    path = tmp_path_factory.mktemp("d") / f"t.{kind}"
    if kind == "npz":
        np.savez_compressed(path, w=DENSE)
    else:
        np.save(path, DENSE)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))])
    read_or_refuse(path)


def test_a_header_that_promises_too_much(tmp_path):
    np.save(tmp_path / "t.npy", DENSE)
    raw = (tmp_path / "t.npy").read_bytes().replace(b"(5, 3), }", b"(5000000000, 3), }".ljust(9))
    (tmp_path / "t.npy").write_bytes(raw[:8] + struct.pack("<H", len(raw) - 10 - 60) + raw[10:])
    with pytest.raises(ReadError, match="truncated: shape"):
        load(tmp_path / "t.npy")


def test_other_things_in_an_archive_are_listed(tmp_path):
    np.savez(tmp_path / "t.npz", w=DENSE)
    with zipfile.ZipFile(tmp_path / "t.npz", "a") as archive:
        archive.writestr("readme.txt", "hello")
    assert reasons(load(tmp_path / "t.npz")) == {"readme.txt": "not a NumPy array"}


# ---- matrices from tensors ----


def test_convolutions_by_each_convention(tmp_path):
    np.savez(tmp_path / "c.npz", conv=CONV, one=CONV[:, :, 0], three=CONV[..., None])
    flat = {layer.name: layer for layer in load(tmp_path / "c.npz")}
    np.testing.assert_array_equal(flat["conv"].weight, CONV.reshape(4, 12))
    assert flat["one"].weight.shape == (4, 6)
    assert flat["three"].weight.shape == (4, 12)
    assert {(layer.kind, layer.dtype) for layer in flat.values()} == {("conv", "float32")}
    assert flat["conv"].shape == (4, 3, 2, 2)
    sliced = {layer.name: layer for layer in load(tmp_path / "c.npz", conv="slices")}
    assert len(sliced) == 4 + 2 + 4
    np.testing.assert_array_equal(sliced["conv[0,1]"].weight, CONV[:, :, 0, 1])
    np.testing.assert_array_equal(sliced["one[1]"].weight, CONV[:, :, 0, 1])
    np.testing.assert_array_equal(sliced["three[1,0,0]"].weight, CONV[:, :, 1, 0])
    turned = {layer.name: layer for layer in load(tmp_path / "c.npz", conv="channels")}
    np.testing.assert_array_equal(turned["conv"].weight, CONV.transpose(0, 2, 3, 1).reshape(16, 3))
    assert turned["one"].weight.shape == (8, 3)
    with pytest.raises(ValueError, match="conv must be one of 'flatten', 'slices', 'channels', got 'fold'"):
        load(tmp_path / "c.npz", conv="fold")


def test_kinds(tmp_path):
    np.savez(
        tmp_path / "k.npz",
        **{
            "tok_embed.weight": DENSE,
            "transformer.wte": 2 * DENSE,
            "head": np.ones((5000, 8)),
            "fc": np.ones((5000, 4000)),
        },
    )
    kinds = {layer.name: layer.kind for layer in load(tmp_path / "k.npz")}
    assert kinds == {
        "tok_embed.weight": "embedding",
        "transformer.wte": "embedding",
        "head": "embedding",
        "fc": "dense",
    }


def test_entries_that_are_not_finite_are_given_as_stored(tmp_path):
    np.save(tmp_path / "n.npy", np.array([[1, np.nan], [np.inf, 2]]))
    (layer,) = load(tmp_path / "n.npy")
    np.testing.assert_array_equal(layer.weight, [[1, np.nan], [np.inf, 2]])


def test_a_layer_checks_and_widens_its_weight():
    layer = Layer("w", "dense", np.ones((2, 3), np.float16))
    assert layer.weight.dtype == np.float32
    assert (layer.shape, layer.dtype, layer.source) == ((2, 3), "float16", "memory")
    assert Layer("w", "dense", [[1, 2]]).weight.dtype == np.float64
    assert repr(layer) == "Layer('w', 'dense', 2 x 3 float16, 'memory')"
    with pytest.raises(ValueError, match=r"weight must be a matrix, got shape \(3,\)"):
        Layer("w", "dense", np.ones(3))


# ---- what must not stop, or deceive, the rest ----


def test_a_name_that_an_archive_holds_twice_is_refused(tmp_path):
    # Read by name, the first would pass for the second.
    np.savez(tmp_path / "t.npz", w=DENSE, v=2 * DENSE)
    raw = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "t.npz").write_bytes(raw.replace(b"v.npy", b"w.npy"))
    with pytest.raises(ReadError, match=r"t\.npz: 2 arrays are named 'w'"):
        load(tmp_path / "t.npz")


@pytest.mark.parametrize("text", ['{"w": %s, "w": %s}', '{"w": %s, "v": {"dtype": "F32", "dtype": "F16"}}'])
def test_a_name_that_a_header_holds_twice_is_refused(tmp_path, text):
    header = text.replace("%s", json.dumps(corrupt())).encode()
    (tmp_path / "t.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    with pytest.raises(ReadError, match=r"t\.safetensors: the header has '(w|dtype)' more than once"):
        load(tmp_path / "t.safetensors")


def test_one_odd_tensor_is_a_read_error_of_its_own(tmp_path):
    path = save(tmp_path / "t.safetensors", {"odd": ("F32", [5, 3] + [1] * 70, DENSE.tobytes())})
    with pytest.raises(ReadError, match=r"t\.safetensors: tensor 'odd': .*dimension"):
        list(load(path))


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [6, 3]},
        {"shape": [10**18] * 500},
        {"shape": [2] * 200_000},
        {"data_offsets": [60, 121]},
        {"data_offsets": [0, 10**4299]},
        {"dtype": None},
    ],
)
def test_one_false_entry_of_a_header_does_not_hide_the_others(tmp_path, entry):
    path = tmp_path / "t.safetensors"
    right = {"dtype": "F32", "shape": [5, 3], "data_offsets": [0, 60]}
    text = json.dumps({"bad": right | entry, "good": right, "last": right | {"data_offsets": [60, 120]}}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + DENSE.tobytes() + (2 * DENSE).tobytes())
    layers = load(path)
    assert [layer.name for layer in layers] == ["good", "last"]
    (bad,) = layers.skipped
    assert (bad.name, bad.source, bad.expected) == ("bad", str(path), False)
    assert bad.reason.startswith(f"{path}: tensor 'bad': ")
    assert len(bad.reason) < 600


def test_numbers_longer_than_python_reads_are_one_bad_tensor(tmp_path):
    path = tmp_path / "t.safetensors"
    right = '{"dtype": "F32", "shape": [5, 3], "data_offsets": [0, 60]}'
    text = f'{{"good": {right}, "bad": {right.replace("5", "9" * 5000)}}}'.encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + DENSE.tobytes())
    layers = load(path)
    assert [layer.name for layer in layers] == ["good"]
    assert [each.name for each in layers.skipped] == ["bad"]


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': %s}"
ABSURD = [
    f"({480 * '999999999999999999,'})",
    f"({'9' * 4000},{'9' * 4000})",
    "(6, 3)",
    "(5, 3",
    "(-5, -3)",
    f"({65 * '1,'})",
]


def numpy_file(shape):
    header = (HEADER % shape).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + DENSE.tobytes()


@pytest.mark.parametrize("shape", ABSURD)
def test_one_bad_array_does_not_hide_the_others(tmp_path, shape):
    (tmp_path / "t.npy").write_bytes(numpy_file(shape))
    with pytest.raises(ReadError, match=r"t\.npy"):
        load(tmp_path / "t.npy")
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        for name, each in {"first": "(5, 3)", "bad": shape, "last": "(3, 5)"}.items():
            archive.writestr(f"{name}.npy", numpy_file(each))
    layers = load(tmp_path / "t.npz")
    assert [layer.name for layer in layers] == ["first", "last"]
    (bad,) = layers.skipped
    assert bad.reason.startswith(f"{tmp_path / 't.npz'}: array 'bad': ")


def test_a_bomb_does_not_hide_what_lies_beside_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("bomb.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f4", "fortran_order": False, "shape": (2**13, 2**13 + 1)}
            )
            for _ in range(257):
                file.write(bytes(2**20))
        archive.writestr("good.npy", numpy_file("(5, 3)"))
    layers = load(tmp_path / "t.npz")
    assert [layer.name for layer in layers] == ["good"]
    assert "refused as a decompression bomb" in layers.skipped[0].reason


def test_a_damaged_array_is_named_once(tmp_path):
    np.savez(tmp_path / "t.npz", w=DENSE)
    raw = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "t.npz").write_bytes(raw.replace(DENSE.tobytes(), (-DENSE).tobytes()))
    with pytest.raises(ReadError, match=r"t\.npz: array 'w': Bad CRC-32$"):
        list(load(tmp_path / "t.npz"))


def test_a_negative_axis(tmp_path):
    np.save(tmp_path / "t.npy", DENSE)
    raw = (tmp_path / "t.npy").read_bytes()
    (tmp_path / "t.npy").write_bytes(raw.replace(b"(5, 3), } ", b"(-1, 3), }"))
    with pytest.raises(ReadError, match=r"t\.npy: .*no tensor has shape \(-1, 3\)"):
        load(tmp_path / "t.npy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes to make")
@pytest.mark.parametrize("name", ["t.npy", "t.safetensors.index.json"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ReadError, match="not a regular file"):
        load(tmp_path / name)
    save_arrays(tmp_path / "w.safetensors", {"w": DENSE})
    layers = load(tmp_path)
    assert [layer.name for layer in layers] == ["w"]
    assert reasons(layers) == {"": f"{tmp_path / name}: not a regular file"}


def test_what_a_folder_does_not_let_us_see_is_listed(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    for name in ("a", "b"):
        save_arrays(tmp_path / f"{name}.safetensors", {name: DENSE})
    stat, scandir = pathlib.Path.stat, os.scandir

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(pathlib.Path, "stat", lambda p, **k: refuse(p) if p.name[0] == "a" else stat(p, **k))
    monkeypatch.setattr(os, "scandir", lambda p: refuse(p) if str(p).endswith("closed") else scandir(p))
    layers = load(tmp_path)
    assert [layer.name for layer in layers] == ["b"]
    assert {each.reason for each in layers.skipped} == {
        f"{tmp_path / name}: Permission denied" for name in ("a.safetensors", "closed")
    }
    assert not any(each.expected for each in layers.skipped)


def test_an_empty_path_is_not_the_current_folder():
    with pytest.raises(ValueError, match="load: path must be a path, got an empty text"):
        load("")


def test_load_goes_on_behind_damaged_entries_if_asked(tmp_path):
    large = rng.normal(size=(60, 40))
    np.savez(tmp_path / "t.npz", w=large, v=DENSE)
    raw = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "t.npz").write_bytes(raw.replace(large[-1].tobytes(), (-large[-1]).tobytes()))
    layers = load(tmp_path / "t.npz")
    with pytest.raises(ReadError, match="array 'w': Bad CRC-32"):
        next(layers)
    assert [layer.name for layer in layers] == ["v"]
