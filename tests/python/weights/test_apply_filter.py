import json
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deeprmt import cli
from deeprmt.weights import Layer, ReadError, analyze, apply_filter, filter, load


def planted(rows=60, columns=40, seed=0):
    rng = np.random.default_rng(seed)
    return 0.05 * (rng.normal(size=(rows, columns)) + 0.8 * np.outer(rng.normal(size=rows), rng.normal(size=columns)))


CODES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64"}


def stored(array, dtype):
    if dtype == "bfloat16":
        return (array.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return array.astype(dtype).tobytes()


def safetensors(path, tensors, metadata=None):
    """{name: (array, dtype)} as a file, by hand."""
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, (array, dtype) in tensors.items():
        raw = stored(array, dtype)
        header[name] = {
            "dtype": CODES[dtype],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@pytest.fixture
def model(tmp_path):
    tensors = {f"fc.{dtype}": (planted(seed=i), dtype) for i, dtype in enumerate(list(CODES)[:4])}
    tensors |= {
        "conv": (planted(24, 54, 7).reshape(24, 6, 3, 3), "float32"),
        "bias": (np.ones(60), "bfloat16"),
        "ids": (np.arange(12).reshape(3, 4), "int64"),
        "noiseless": (np.eye(30), "float32"),
    }
    return safetensors(tmp_path / "model.safetensors", tensors, {"format": "pt", "note": "ü"})


def test_safetensors_keep_all_but_the_filtered_bytes(model, tmp_path):
    before = model.read_bytes()
    done = apply_filter(model, out=tmp_path / "clean.safetensors", method="frobenius")
    after = (tmp_path / "clean.safetensors").read_bytes()
    assert model.read_bytes() == before
    assert len(after) == len(before)
    length = int.from_bytes(before[:8], "little")
    assert after[: 8 + length] == before[: 8 + length]
    assert {row.name: row.filtered for row in done.rows} == {
        **{f"fc.{dtype}": True for dtype in list(CODES)[:4]}, "conv": True, "noiseless": False,
    }  # fmt: skip
    assert set(done.untouched) == {"bias", "ids"}
    assert not done.complete
    header = json.loads(before[8 : 8 + length])
    for name in ("bias", "ids", "noiseless"):
        begin, end = (8 + length + each for each in header[name]["data_offsets"])
        assert after[begin:end] == before[begin:end]
    old = {layer.name: layer for layer in load(model)}
    precision = {"float64": 1e-12, "float32": 2**-24, "float16": 2**-11, "bfloat16": 2**-8}
    for layer in load(tmp_path / "clean.safetensors"):
        if layer.name == "noiseless":
            continue
        wanted = filter(old[layer.name], method="frobenius").weight
        # Rounding to nearest in the stored type, and float32 on the way.
        slack = precision[layer.dtype]
        np.testing.assert_allclose(layer.weight, wanted, rtol=slack, atol=1e-7 + 6e-8 * (layer.dtype == "float16"))
        assert layer.dtype == old[layer.name].dtype


def test_the_package_safetensors_reads_what_is_written(model, tmp_path):
    package = pytest.importorskip("safetensors")
    apply_filter(model, out=tmp_path / "clean.safetensors", layers="fc.float32")
    with package.safe_open(tmp_path / "clean.safetensors", "numpy") as opened:
        assert opened.metadata() == {"format": "pt", "note": "ü"}
        assert np.linalg.matrix_rank(opened.get_tensor("fc.float32"), tol=1e-4) == 1


def test_npz_and_npy(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "w": planted(),
        "t": np.asfortranarray(planted(seed=1)),
        "big": planted().astype(">f4"),
        "b": rng.normal(size=5),
    }
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("readme.txt", "not an array")
    done = apply_filter(tmp_path / "a.npz", out=tmp_path / "b.npz", skip="big")
    assert [row.name for row in done.rows] == ["w", "t"]
    with np.load(tmp_path / "b.npz") as new:
        np.testing.assert_array_equal(new["big"], arrays["big"])
        assert new["big"].dtype == arrays["big"].dtype
        np.testing.assert_array_equal(new["b"], arrays["b"])
        np.testing.assert_array_equal(new["w"], filter(arrays["w"]).weight)
        assert new["t"].flags.f_contiguous
    with zipfile.ZipFile(tmp_path / "b.npz") as archive:
        assert archive.read("readme.txt") == b"not an array"
        assert {each.compress_type for each in archive.infolist()[:4]} == {zipfile.ZIP_DEFLATED}
    np.save(tmp_path / "w.npy", arrays["w"])
    assert apply_filter(tmp_path / "w.npy", out=tmp_path / "v.npy").complete
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), filter(arrays["w"]).weight)


def test_shards(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    safetensors(folder / "one.safetensors", {"a": (planted(), "float32")})
    safetensors(folder / "two.safetensors", {"b": (planted(seed=2), "bfloat16"), "c": (np.ones(3), "float32")})
    index = folder / "model.safetensors.index.json"
    content = {"metadata": {}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors", "c": "two.safetensors"}}
    index.write_text(json.dumps(content))
    done = apply_filter(index, out=tmp_path / "new")
    assert [row.name for row in done.rows] == ["a", "b"]
    assert sorted(os.listdir(tmp_path / "new")) == sorted(os.listdir(folder))
    assert (tmp_path / "new" / index.name).read_text() == index.read_text()
    assert [layer.name for layer in load(tmp_path / "new" / index.name)] == ["a", "b"]
    with pytest.raises(FileExistsError, match="exists: pass overwrite=True"):
        apply_filter(index, out=tmp_path / "new")
    with pytest.raises(FileExistsError, match="is the input: pass overwrite=True"):
        apply_filter(index, out=folder)
    with pytest.raises(ValueError, match="must be a folder for a sharded checkpoint"):
        apply_filter(index, out=folder / "one.safetensors")
    assert apply_filter(index, out=folder, overwrite=True).complete


def test_the_input_is_replaced_only_when_told(model):
    before = model.read_bytes()
    for out in (model, model.parent / "." / model.name):
        with pytest.raises(FileExistsError, match="is the input"):
            apply_filter(model, out=out)
    link = model.parent / "link.safetensors"
    link.symlink_to(model)
    with pytest.raises(FileExistsError, match="is the input"):
        apply_filter(model, out=link)
    assert model.read_bytes() == before
    apply_filter(model, out=model, overwrite=True)
    assert model.read_bytes() != before
    assert sorted(os.listdir(model.parent)) == ["link.safetensors", "model.safetensors"]


@pytest.mark.parametrize("fails", ["os.replace", "os.fsync", "shutil.copymode"])
def test_nothing_is_lost_when_it_fails(model, monkeypatch, fails):
    before = model.read_bytes()
    target = model.parent / "clean.safetensors"
    target.write_bytes(b"old")

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(fails, fail)
    with pytest.raises(OSError, match="disk full"):
        apply_filter(model, out=target, overwrite=True)
    assert (model.read_bytes(), target.read_bytes()) == (before, b"old")
    assert sorted(os.listdir(model.parent)) == ["clean.safetensors", "model.safetensors"]


def test_bad_tensors_are_left_and_named(tmp_path):
    bad = planted()
    bad[3, 4] = np.nan
    np.savez(tmp_path / "a.npz", good=planted(), bad=bad, small=planted()[:4])
    done = apply_filter(tmp_path / "a.npz", out=tmp_path / "b.npz")
    notes = {row.name: row.note for row in done.rows if not row.filtered}
    assert "found nan at index (3, 4)" in notes["bad"]
    assert "found 4" in notes["small"]
    assert "left as it is" in repr(done)
    ranks = apply_filter(tmp_path / "a.npz", out=tmp_path / "c.npz", method="rank", k=5)
    assert [row.note for row in ranks.rows if row.name == "small"] == ["has 4 singular values, fewer than k = 5"]
    assert [row.rank for row in ranks.rows if row.name == "good"] == [5]


def test_broken_files_write_nothing(model, tmp_path):
    raw = model.read_bytes()
    out = tmp_path / "out.safetensors"
    for cut in (0, 5, 40, len(raw) - 1):
        (tmp_path / "cut.safetensors").write_bytes(raw[:cut])
        with pytest.raises(ReadError, match=r"cut\.safetensors"):
            apply_filter(tmp_path / "cut.safetensors", out=out)
    header = json.dumps({name: {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]} for name in "ab"}).encode()
    (tmp_path / "twice.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(ReadError, match="'a' and 'b' share bytes"):
        apply_filter(tmp_path / "twice.safetensors", out=out)
    np.savez(tmp_path / "a.npz", w=planted(), v=planted())
    damaged = bytearray((tmp_path / "a.npz").read_bytes())
    damaged[400] ^= 1
    (tmp_path / "a.npz").write_bytes(damaged)
    with pytest.raises(ReadError, match=r"a\.npz: "):
        apply_filter(tmp_path / "a.npz", out=tmp_path / "b.npz")
    assert not out.exists()
    assert not [each for each in os.listdir(tmp_path) if each.endswith(".part")]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"layers": "nothing*"}, ValueError, "layers must fit at least one weight matrix of .*, got 'nothing"),
        ({"layers": [3]}, TypeError, "layers must be a pattern or several, got int"),
        ({"method": "x"}, ValueError, "apply_filter: method must be one of"),
        ({"k": 3}, ValueError, "apply_filter: k belongs to method 'rank'"),
        ({"sigma": 0.0}, ValueError, "apply_filter: sigma must be"),
        ({"threads": 0}, ValueError, "threads must be at least 1"),
        ({"out": "x.npz"}, ValueError, r"out must be a file that ends in \.safetensors, got x\.npz"),
        ({"out": ""}, ValueError, "out must be a path, got an empty text"),
        ({"path": "/no/such.safetensors"}, ReadError, "no such file"),
    ],
)
def test_refuses(model, tmp_path, options, error, says):
    with pytest.raises(error, match=says):
        apply_filter(**({"path": model, "out": tmp_path / "clean.safetensors"} | options))
    assert not (tmp_path / "clean.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "way_out"),
    [("a.pt", "safetensors.torch.save_file"), ("a.onnx", "from_array"), ("a.h5", "set_weights"), ("a.gguf", "npz")],
)
def test_formats_that_are_not_written_name_a_way_out(tmp_path, name, way_out):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ReadError, match=rf"{name}: apply_filter writes .safetensors, .*{way_out}"):
        apply_filter(tmp_path / name, out=tmp_path / f"new-{name}")
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_threads_change_nothing(model, tmp_path):
    for threads in (1, 2):
        apply_filter(model, out=tmp_path / f"{threads}.safetensors", threads=threads)
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "2.safetensors").read_bytes()


def test_the_command(model, tmp_path, capsys):
    out = tmp_path / "clean.safetensors"
    arguments = ["filter", str(model), "--out", str(out), "--method", "operator"]
    assert cli.main([*arguments, "--layers", "fc.*", "--skip", "*16"]) == 0
    assert "3 other tensors copied" not in capsys.readouterr().out
    assert cli.main(arguments) == 2
    assert "exists: pass overwrite=True" in capsys.readouterr().err
    assert cli.main([*arguments, "--overwrite", "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert [row["filtered"] for row in content["rows"]].count(False) == 1
    assert cli.main(["filter", str(model), "--out", str(out), "--overwrite", "--method", "rank"]) == 2
    assert "k belongs to method 'rank'" in capsys.readouterr().err
    assert cli.main(["filter", str(model), "--out", str(out), "--overwrite", "--method", "rank", "--rank", "3"]) == 0
    assert cli.main(["filter", str(tmp_path / "none.npz"), "--out", str(tmp_path / "x.npz")]) == 2


def test_layers_of_files_and_in_memory_agree(model):
    for layer in load(model):
        if layer.name.startswith("fc."):
            same = filter(Layer("x", "dense", layer.weight, dtype=layer.dtype))
            np.testing.assert_array_equal(same.weight, filter(layer).weight)


def test_long_names_that_begin_alike_stay_apart(tmp_path):
    # Files are written beside their targets under shortened names: each needs one of its own.
    pre = "some-organisation-some-long-model-name-"
    shards = [f"{pre}{'ü' * 60}-{i}-of-2.safetensors" for i in (1, 2)]
    for i, shard in enumerate(shards):
        safetensors(tmp_path / shard, {f"w{i}": (planted(seed=i), "float32")})
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {f"w{i}": shard for i, shard in enumerate(shards)}}))
    for out in (tmp_path / "new", tmp_path):
        done = apply_filter(index, out=out, method="rank", k=3, overwrite=True)
        assert [row.name for row in done.rows] == ["w0", "w1"]
        assert sorted(each for each in os.listdir(out) if each != "new") == sorted([*shards, index.name])
        for i, shard in enumerate(shards):
            (layer,) = load(out / shard)
            assert layer.name == f"w{i}"
            assert np.linalg.matrix_rank(layer.weight) == 3


def test_threads_that_write_to_one_place_leave_one_whole_file(model, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        every = [
            pool.submit(apply_filter, model, out=tmp_path / "new.safetensors", method="rank", k=k, overwrite=True)
            for k in (1, 2, 3, 4)
        ]
    assert all(each.result().files == [str(tmp_path / "new.safetensors")] for each in every)
    (rank,) = {np.linalg.matrix_rank(x.weight) for x in load(tmp_path / "new.safetensors") if x.name == "fc.float32"}
    assert rank in (1, 2, 3, 4)
    assert sorted(os.listdir(tmp_path)) == ["model.safetensors", "new.safetensors"]


def test_links_that_lead_to_one_place_are_refused(tmp_path):
    for i in (1, 2):
        safetensors(tmp_path / f"{i}.safetensors", {f"w{i}": (planted(seed=i), "float32")})
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {f"w{i}": f"{i}.safetensors" for i in (1, 2)}}))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.safetensors").symlink_to("2.safetensors")
    with pytest.raises(ValueError, match="a place of its own, got 2 that lead to"):
        apply_filter(index, out=tmp_path / "new", overwrite=True)


def test_names_that_no_terminal_shows_are_escaped(tmp_path):
    path = safetensors(tmp_path / "a.safetensors", {"w\ud800\x1b[31m": (planted(), "float32")})
    for shown in (repr(apply_filter(path, out=tmp_path / "b.safetensors")), repr(analyze(path, samples=0))):
        assert "w\\ud800\\x1b[31m" in shown
        shown.encode()


def test_a_file_with_a_bad_tensor_is_not_copied(tmp_path):
    entry = {"dtype": "F32", "shape": [60, 40], "data_offsets": [0, 9600]}
    header = json.dumps({"good": entry, "bad": entry | {"shape": [60, 41]}}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + planted().astype("<f4").tobytes())
    assert [layer.name for layer in load(path)] == ["good"]
    with pytest.raises(ReadError, match="tensor 'bad': shape"):
        apply_filter(path, out=tmp_path / "b.safetensors")
    assert os.listdir(tmp_path) == ["a.safetensors"]
