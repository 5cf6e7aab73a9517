"""PyTorch archives made by hand, byte for byte: what is read without torch, and what a hostile file can do."""

import contextlib
import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.weights import ReadError, load
from measure import LINUX, peak_growth

W = np.random.default_rng(3).normal(size=(5, 3)).astype(np.float32)


def text(word):
    raw = word.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


def number(value):
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(key, shape, strides, *, offset=0, count=15, kind="FloatStorage"):
    storage = b"(" + text("storage") + b"ctorch\n%s\n" % kind.encode() + text(key) + text("cpu") + number(count) + b"tQ"
    view = number(offset) + numbers(shape) + numbers(strides) + b"\x89}"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + view + b"tR"


def dictionary(**entries):
    return b"\x80\x02}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u."


def archive(path, content, compression=zipfile.ZIP_STORED, **storages):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("net/data.pkl", content)
        for key, raw in ({"0": W.tobytes()} | storages).items():
            file.writestr(f"net/data/{key}", raw)
    return path


PLAIN = dictionary(w=tensor("0", (5, 3), (3, 1)))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive(tmp_path, compression):
    turned, part = tensor("0", (3, 5), (1, 3)), tensor("0", (2, 2), (6, 1), offset=1)
    content = dictionary(w=tensor("0", (5, 3), (3, 1)), turned=turned, part=part)
    w, turned, part = load(archive(tmp_path / "n.pt", content, compression))
    np.testing.assert_array_equal(w.weight, W)
    np.testing.assert_array_equal(turned.weight, W.T)
    np.testing.assert_array_equal(part.weight, W[:4:2, 1:])
    assert w.dtype == "float32"


def test_big_endian_archives(tmp_path):
    path = archive(tmp_path / "n.pt", PLAIN, **{"0": W.astype(">f4").tobytes()})
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("net/byteorder", "big")
    (layer,) = load(path)
    np.testing.assert_array_equal(layer.weight, W)


def test_the_stream_of_pickles_of_old_versions(tmp_path):
    parts = [pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2)]
    content = PLAIN.replace(number(15) + b"tQ", number(15) + b"NtQ")
    raw = b"".join(parts) + content + pickle.dumps(["0"], 2) + (15).to_bytes(8, "little") + W.tobytes()
    (tmp_path / "old.pth").write_bytes(raw)
    (layer,) = load(tmp_path / "old.pth")
    np.testing.assert_array_equal(layer.weight, W)
    for cut in range(0, len(raw), 7):
        (tmp_path / "old.pth").write_bytes(raw[:cut])
        with pytest.raises(ReadError, match=r"old\.pth"):
            load(tmp_path / "old.pth")


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


def test_nothing_that_a_file_names_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bomb = pickle.dumps({"a": Bomb(), "b": [Bomb()]}, 2)
    layers = load(archive(tmp_path / "bomb.pt", bomb))
    assert list(layers) == []
    assert {each.reason for each in layers.skipped} == {"an object of posix.mkdir, which is never built"}
    assert not any(each.expected for each in layers.skipped)
    word = text("exploded")
    for opcodes in (
        b"cos\nmkdir\n(" + word + b"tR.",
        b"(" + word + b"ios\nmkdir\n.",
        b"(cos\nmkdir\n" + word + b"o.",
        text("os") + text("mkdir") + b"\x93(" + word + b"t\x81.",
    ):
        load(archive(tmp_path / "bomb.pt", b"\x80\x04" + opcodes))
    assert not (tmp_path / "exploded").exists()


DEEP = b"\x80\x02}" + b")" + 10**5 * b"\x85" + b"Ns."
LAUGHS = b"\x80\x02]q\x00(NNe" + b"".join(b"](h%cNh%cNeq%c" % (i, i, i + 1) for i in range(100)) + b"."


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "truncated: 1 bytes are wanted, 0 are left"),
        (b"\x80\x02N", "truncated"),
        (b"\x80\x02.", "pop from empty list"),
        (b"\x80\x02t.", "a mark is missing"),
        (b"\x80\x02\x82\x01.", "opcode b'\\\\x82' is none that is read"),
        (b"\x80\x02B\xff\xff\xff\x7f.", "truncated: 2147483647 bytes are wanted, 1 are left"),
        (b"\x80\x04\x8e" + b"\xff" * 8 + b".", "truncated: 18446744073709551615 bytes"),
        (b"\x80\x02X\xff\xff\xff\xff.", "truncated"),
        (b"\x80\x02NQ.", "not that of a storage"),
        (b"\x80\x02h\x07.", "7"),
        (b"\x80\x02I" + b"1" * 9999 + b"\n.", "limit"),
        (b"cnot a line" + b"a" * 10**5, "a line does not end"),
        (dictionary(w=tensor("0", (5, -3), (3, 1))), r"no tensor has shape \(5, -3\)"),
        (dictionary(w=tensor("0", (5, 3), (-3, 1))), "no whole number"),
        (dictionary(w=tensor("0", (5, 3), (3, 1), count=-1)), "no whole number"),
        (dictionary(w=tensor("0", (5, 3), (3,))), "2 axes and 1 strides"),
        (dictionary(w=tensor("0", 65 * (1,), 65 * (1,))), "of 65 dimensions"),
        (dictionary(w=tensor("0", (6, 3), (3, 1))), r"tensor 'w': shape \(6, 3\) reaches entry 18 of a storage of 15"),
        (dictionary(w=tensor("0", (5, 3), (2**62, 1))), "reaches entry"),
        (dictionary(w=tensor("0", (5, 3), (3, 1), offset=1)), "reaches entry 16"),
        (dictionary(w=tensor("../../x", (5, 3), (3, 1))), "storage '../../x' is missing"),
        (dictionary(w=b"ctorch._utils\n_rebuild_tensor_v2\n)R"), "tensor 'w': .* is called with 0 arguments"),
    ],
)
def test_broken_pickles_say_where(tmp_path, content, says):
    with pytest.raises(ReadError, match=says) as caught:
        load(archive(tmp_path / "b.pt", content))
    assert str(tmp_path / "b.pt") in str(caught.value)


REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (REBUILD + b")R", "_rebuild_tensor_v2 is called with 0 arguments, which it does not take"),
        (REBUILD + number(1) + b"\x85R", "is called with 1 arguments"),
        (REBUILD + number(1) + b"R", "is called with arguments that are no tuple"),
        (REBUILD.replace(b"v2", b"v3") + tensor("0", (5, 3), (3, 1))[len(REBUILD) :], "_v3 is called with 6 arguments"),
        (REBUILD.replace(b"tensor_v2", b"parameter") + b")R", "_rebuild_parameter is called with 0 arguments"),
        (b"ctorch._tensor\n_rebuild_from_type_v2\n" + b"(" + REBUILD + b"N)NtR", "_v2 is called with 0 arguments"),
        (b"ccollections\nOrderedDict\n(" + number(7) + b"tR", "OrderedDict is called with 1 arguments"),
        (b"ccollections\nOrderedDict\n(((NNNlltR", "OrderedDict is called with"),
        (REBUILD + b"(NQ" + number(0) + numbers((5, 3)) + numbers((3, 1)) + b"\x89}tR", "not that of a storage"),
        (b"NQ", "not that of a storage"),
    ],
)
def test_a_bad_call_loses_one_tensor(tmp_path, bad, says):
    """Also where the rest of the pickle sets entries of what came of it."""
    good = tensor("0", (5, 3), (3, 1))
    for content in (dictionary(a=good, bad=bad, z=good), dictionary(a=good, bad=bad + b"}b", z=good)):
        layers = load(archive(tmp_path / "b.pt", content))
        (layer,) = layers  # both are the same bytes
        np.testing.assert_array_equal(layer.weight, W)
        reasons = [each.reason for each in layers.skipped if each.name == "bad"]
        assert len(reasons) == 1
        assert "tensor 'bad': " in reasons[0]
        assert says in reasons[0]
        assert not layers.skipped[0].expected


def test_a_view_that_repeats_entries_is_not_blown_up(tmp_path):
    layers = load(archive(tmp_path / "b.pt", dictionary(w=tensor("0", (10**9, 10**9), (0, 0)))))
    assert list(layers) == []
    assert "a view that repeats entries" in layers.skipped[0].reason


@pytest.mark.parametrize(
    ("shape", "strides", "repeats"),
    [
        ((5, 3), (0, 1), True),
        ((5, 3), (1, 1), True),
        ((3, 2), (1, 2), True),
        ((2, 3), (3, 2), False),  # 0 2 4 and 3 5 7
        ((2, 4), (3, 2), False),
        ((3, 4), (3, 2), True),  # 6 stands in the last row and the first
        ((2, 2, 2), (1, 2, 4), False),
        ((2, 2, 2), (1, 2, 2), True),
        ((1, 5, 3), (0, 1, 5), False),
        ((5, 1, 3), (3, 0, 1), False),
    ],
)
def test_views_that_repeat_entries_are_refused(tmp_path, shape, strides, repeats):
    content = dictionary(w=tensor("0", shape, strides), good=tensor("0", (5, 3), (3, 1)))
    places = [sum(map(int.__mul__, at, strides)) for at in np.ndindex(shape)]
    assert repeats == (len(set(places)) < len(places))
    layers = load(archive(tmp_path / "b.pt", content))
    found = {layer.name: layer.weight for layer in layers}
    assert sorted(found) == (["good"] if repeats else ["good", "w"])
    if repeats:
        assert "a view that repeats entries" in layers.skipped[0].reason
    else:
        np.testing.assert_array_equal(found["w"].ravel(), W.ravel()[places])


def test_one_bad_tensor_does_not_hide_the_others(tmp_path):
    good = tensor("0", (5, 3), (3, 1))
    bad = {
        "size": tensor("0", (2**63, 3), (3, 1)),
        "count": tensor("0", (5, 3), (3, 1), count=2**63),
        "offset": tensor("0", (5, 3), (3, 1), offset=2**64),
        "axes": tensor("0", 70 * (2**62,), 70 * (1,)),
        "beyond": tensor("0", (6, 3), (3, 1)),
        "lost": tensor("7", (5, 3), (3, 1)),
        "short": tensor("1", (5, 3), (3, 1)),
    }
    path = archive(
        tmp_path / "b.pt",
        dictionary(**{"first": good} | bad, last=tensor("2", (5, 3), (3, 1))),
        **{"1": b"", "2": (2 * W).tobytes()},
    )
    layers = load(path)
    assert [layer.name for layer in layers] == ["first", "last"]
    assert {each.name for each in layers.skipped} == set(bad)
    assert all(each.reason.startswith(f"{path}: ") and not each.expected for each in layers.skipped)


@pytest.mark.parametrize(
    "content", [DEEP, LAUGHS, b"\x80\x02]q\x00h\x00a.", b"\x80\x02}q\x00" + text("w") + b"h\x00s."]
)
def test_nested_and_circular_content_ends(tmp_path, content):
    load(archive(tmp_path / "b.pt", content))


def test_a_compressed_archive_that_unpacks_to_gigabytes(tmp_path):
    with zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("net/data.pkl", dictionary(w=tensor("0", (2**13, 2**13), (2**13, 1), count=2**26)))
        with file.open("net/data/0", "w", force_zip64=True) as member:
            for _ in range(2**5):
                member.write(bytes(2**20))
    raw = (tmp_path / "b.pt").read_bytes()
    (tmp_path / "b.pt").write_bytes(raw.replace((2**25).to_bytes(4, "little"), (2**30).to_bytes(4, "little")))
    with pytest.raises(ReadError, match="refused as a decompression bomb"):
        load(tmp_path / "b.pt")


def test_other_files_with_these_names_are_told_apart(tmp_path):
    for raw, says in [
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html>", "a page of the web"),
        (b"GGUF\x03", "a GGUF file"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (pickle.dumps({"w": 1}), "without its magic number"),
    ]:
        (tmp_path / "x.bin").write_bytes(raw)
        with pytest.raises(ReadError, match=says):
            load(tmp_path / "x.bin")
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as file:
        file.writestr("readme", "")
    with pytest.raises(ReadError, match=r"0 data\.pkl, not one"):
        load(tmp_path / "x.pt")


def damage(data, raw, most=4):
    raw = bytearray(raw)
    for _ in range(data.draw(st.integers(1, most))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    return bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))])


def survives(path, raw):
    path.write_bytes(raw)
    with contextlib.suppress(ReadError):
        list(load(path))


def plain_archive():
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w") as file:
        file.writestr("net/data.pkl", PLAIN)
        file.writestr("net/data/0", W.tobytes())
    return room.getvalue()


@given(st.data())
@settings(max_examples=60)
def test_damaged_archives(tmp_path_factory, data):
    survives(tmp_path_factory.getbasetemp() / "damaged.pt", damage(data, plain_archive()))


@given(st.data())
@settings(max_examples=60)
def test_damaged_pickles(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.pt"
    with contextlib.suppress(ReadError):
        list(load(archive(path, damage(data, PLAIN))))


@pytest.mark.slow
@given(st.data())
@settings(max_examples=2_000)
def test_much_more_damage(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.pt"
    survives(path, damage(data, plain_archive(), 9))
    with contextlib.suppress(ReadError):
        list(load(archive(path, damage(data, PLAIN, 9))))


@pytest.mark.skipif(not LINUX, reason="/proc is Linux's")
def test_memory_is_bounded_by_one_tensor(tmp_path):
    entries, size = 2**22, 2**24  # bytes as float32
    views = dictionary(
        brain=tensor("0", (2**11, 2**11), (2**11, 1), count=entries, kind="BFloat16Storage"),
        turned=tensor("0", (2**11, 2**11), (1, 2**11), count=entries, kind="BFloat16Storage"),
    )
    archive(tmp_path / "m.pt", views, **{"0": bytes(range(256)) * (2 * entries // 256)})
    archive(tmp_path / "memo.pt", b"\x80\x02Nr\xff\xff\xff\x7f0}.")  # an index of 2^31 into the memo
    setup = f"""from deeprmt.weights import load
list(load({str(tmp_path / "memo.pt")!r}))
layers = load({str(tmp_path / "m.pt")!r})"""
    (growth,) = peak_growth(setup, "[next(layers).weight.sum() for _ in range(2)]")
    # One tensor, a piece of 4 MiB of it and what it is widened from, and 4 MiB for Python's own.
    assert growth < size + 3 * 2**22


@pytest.mark.parametrize(
    ("what", "compression"),
    [
        *((what, zipfile.ZIP_DEFLATED) for what in (b"]", b"K\x00\x94", b"cos\nx\n)R")),
        (b"]", zipfile.ZIP_STORED),
    ],
)
def test_many_objects_of_few_bytes_are_refused(tmp_path, what, compression):
    """By what they would take in memory, before they take it."""
    path = archive(tmp_path / "a.pt", b"\x80\x02" + what * 800_000 + b".", compression)
    with pytest.raises(ReadError, match=r"a\.pt: net/data\.pkl: .*(more than \d+ bytes of memory|decompression bomb)"):
        load(path)


def test_many_tensors_are_read(tmp_path):
    count = 1000
    content = dictionary(**{f"block.{i}.weight": tensor("0", (5, 3), (3, 1)) for i in range(count)})
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        found = load(archive(tmp_path / "a.pt", content, compression))
        assert len([*found, *found.skipped]) == count
