"""Keras models: .h5 of Keras 2 and 3, and .keras, which is an archive around one; read with h5py.

h5py finds the tensors. Entries that lie in one piece are then fetched by their place; only compressed or chunked ones
are read by h5py, in rows.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from .._arguments import Floats
from .._memory import refuse_beyond_memory
from ._layer import ReadError, Skipped, as_shape, faulty
from ._raw import STORED, in_range, refuse_bomb, unreadable
from ._tensor import Tensor
from ._zip import BROKEN, truncated, words

_WEIGHTS = "model.weights.h5"
_DEEPEST = 50
_PIECE = 2**22
_NUMBERED = {  # Keras 3 numbers the variables of a layer; what they are follows from the layer
    "embedding": ("embeddings",), "depthwise_conv": ("depthwise_kernel", "bias"),
    "separable_conv": ("depthwise_kernel", "pointwise_kernel", "bias"),
    **dict.fromkeys(("cell", "lstm", "gru", "simple_rnn"), ("kernel", "recurrent_kernel", "bias")),
}  # fmt: skip


def hdf5(path: Path) -> list[Tensor | Skipped]:
    """Every dataset, named by its path, without the group that Keras 2 repeats."""
    return _all(path, _Home(path))


def archive(path: Path) -> list[Tensor | Skipped]:
    """The weights of a .keras file; its configuration is not needed, and nothing in it is ever run."""
    try:
        with zipfile.ZipFile(path) as content, open(path, "rb") as file:
            if _WEIGHTS not in content.namelist():
                raise ReadError(f"{path}: not a Keras archive: it holds no {_WEIGHTS}")
            member = content.getinfo(_WEIGHTS)
            if member.compress_type != zipfile.ZIP_STORED:
                raise ReadError(f"{path}: {_WEIGHTS} is compressed, which Keras never does and which is not read")
            file.seek(member.header_offset)
            name, extra = struct.unpack("<HH", file.read(30)[26:])
            begin = member.header_offset + 30 + name + extra
            if begin + member.file_size > path.stat().st_size:
                raise ReadError(f"{path}: {_WEIGHTS}: truncated: it ends at byte {begin + member.file_size}")
    except ReadError:
        raise
    except BROKEN as error:
        raise ReadError(f"{path}: {truncated(path, 'Keras') or words(error)}") from error
    return _all(path, _Home(path, begin, member.file_size))


class _Home:
    """Where the HDF5 file lies: a file of its own, or a stored member of an archive."""

    def __init__(self, path: Path, begin: int = 0, size: int | None = None) -> None:
        self.path, self.begin, self.size = path, begin, size

    def open(self) -> Any:
        """An open h5py.File; it closes what it opened."""
        try:
            import h5py
        except ImportError:
            raise ReadError(f"{self.path}: HDF5 files need h5py: pip install 'deeprmt[models]'") from None
        if self.size is None:
            return h5py.File(self.path, "r")
        return h5py.File(_Window(open(self.path, "rb"), self.begin, self.size), "r")


class _Window(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, file: IO[bytes], begin: int, size: int) -> None:
        self._file, self._begin, self._size, self._at = file, begin, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        self._file.seek(self._begin + self._at)
        count = self._file.readinto(room)  # type: ignore[attr-defined]
        self._at += count
        return int(count)

    def close(self) -> None:
        self._file.close()
        super().close()


def _all(path: Path, home: _Home) -> list[Tensor | Skipped]:
    try:
        with home.open() as file:
            return list(_walk(file, "", home, set(), 0))
    except ReadError:
        raise
    except Exception as error:  # h5py raises whatever the library says
        raise ReadError(f"{path}: not a readable HDF5 file, or truncated: {words(error)[:300]}") from error


def _walk(group: Any, name: str, home: _Home, seen: set[int], depth: int) -> Iterator[Tensor | Skipped]:
    """Through hard links alone, each object once: other links can lead anywhere, also to other files."""
    import h5py

    for key in group:
        below, link = f"{name}/{key}" if name else key, group.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            reason = f"no hard link but {type(link).__name__.removesuffix('Link').lower()}: not followed"
            yield Skipped(_named(below), (), "", reason, str(home.path))
            continue
        try:
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
        except Exception as error:  # h5py raises whatever the library says
            yield faulty(_named(below), f"{home.path}: object {below!r}", words(error)[:300], str(home.path))
            continue
        if address in seen:
            yield Skipped(
                _named(below), (), "", "a second link to what is listed already", str(home.path), expected=True
            )
        elif isinstance(item, h5py.Group):
            seen.add(address)
            if depth == 0 and key.startswith("optimizer"):
                yield Skipped(key, (), "", "the state of the optimizer, no weights", str(home.path), expected=True)
            elif depth > _DEEPEST:
                yield Skipped(_named(below), (), "", f"nested more than {_DEEPEST} deep", str(home.path))
            else:
                yield from _walk(item, below, home, seen, depth + 1)
        elif isinstance(item, h5py.Dataset):
            seen.add(address)
            try:
                yield _tensor(item, below, home)
            except Exception as error:
                yield faulty(_named(below), f"{home.path}: dataset {below!r}", words(error)[:300], str(home.path))


def _named(path: str) -> str:
    """dense/dense/kernel:0 of Keras 2 as dense/kernel, layers/dense/vars/0 of Keras 3 as layers/dense/kernel."""
    parts = path.removeprefix("model_weights/").removesuffix(":0").split("/")
    if len(parts) > 2 and parts[0] == parts[1]:
        del parts[0]
    if len(parts) > 2 and parts[-2] == "vars" and parts[-1].isdecimal() and len(parts[-1]) < 4:
        layer = re.sub(r"(\d+d)?(_\d+)?$", "", parts[-3])
        words_of = next((each for key, each in _NUMBERED.items() if layer.endswith(key)), ("kernel", "bias"))
        index = int(parts[-1])
        parts[-2:] = [words_of[index]] if index < len(words_of) else parts[-2:]
    return "/".join(parts)


def _tensor(item: Any, key: str, home: _Home) -> Tensor | Skipped:
    name, source = _named(key), str(home.path)
    if item.shape is None:
        return Skipped(name, (), "", "without entries", source, expected=True)
    shape, dtype = as_shape(tuple(map(int, item.shape))), item.dtype.name
    if item.is_virtual or item.external:
        return Skipped(name, shape, dtype, "its entries are in other files, which are not opened", source)
    need = math.prod(shape) * item.dtype.itemsize
    if dtype not in STORED or not need or item.dtype.kind != "f":
        return Tensor(name, shape, dtype, source, unreadable)
    have = item.id.get_storage_size()
    if not have:
        return Skipped(name, shape, dtype, "no entries are stored", source)
    stored = item.dtype.str.replace("=", "<").replace("|", "<")
    offset = item.id.get_offset()
    if item.chunks is None and offset is not None:
        size = home.path.stat().st_size
        if have < need or home.begin + offset + need > size:
            raise ValueError(f"truncated: shape {shape} of {dtype} takes {need} bytes, {have} are there")
        return Tensor(name, shape, dtype, source, **in_range(home.path, home.begin + offset, stored, shape))
    refuse_bomb(need, have)
    return Tensor(name, shape, dtype, source, partial(_read, home, key), sample=partial(_sample, home, key))


def _read(home: _Home, key: str, axes: tuple[int, ...] | None) -> Floats:
    with home.open() as file:
        item = file[key]
        dtype = np.dtype(np.float64 if item.dtype.itemsize == 8 else np.float32)
        refuse_beyond_memory("read", math.prod(item.shape) * dtype.itemsize, f"a tensor of shape {item.shape}")
        order = tuple(range(len(item.shape))) if axes is None else axes
        out = np.empty([item.shape[axis] for axis in order], dtype)
        view = out.transpose(np.argsort(order))
        rows = max(1, _PIECE * len(view) // max(view.nbytes, 1), item.chunks[0] if item.chunks else 1)
        for begin in range(0, len(view), rows):
            view[begin : begin + rows] = item[begin : begin + rows]
        return out


def _sample(home: _Home, key: str) -> bytes:
    with home.open() as file:
        item = file[key]
        return bytes(item[:1].tobytes()[:4096])
