"""PyTorch files, without PyTorch: archives (since 1.6), TorchScript archives, and the older stream of pickles.

The pickle says which bytes are which tensor; it is read by `_pickle`, which never calls anything that a file names, and
the entries are fetched by their place. The code of a TorchScript archive is never looked at.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from .._arguments import Floats
from .._memory import refuse_beyond_memory
from . import _pickle
from ._layer import Faulty, ReadError, Skipped, as_shape, faulty, is_size
from ._pickle import Global, Stand
from ._raw import STORED, fill, in_range, refuse_bomb, sample, unreadable
from ._tensor import Tensor
from ._zip import BROKEN, truncated, words

_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "params", "weights")
"""Where training scripts put the state dict, beside optimisers, counters and the like."""

_DTYPES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "ComplexFloat": "complex64",
    "ComplexDouble": "complex128", "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32",
}  # fmt: skip
_ITEMSIZE = {"bfloat16": 2, "qint8": 1, "quint8": 1, "qint32": 4} | {
    name: np.dtype(name).itemsize for name in _DTYPES.values() if name != "bfloat16" and not name.startswith("q")
}
_LONGEST_PICKLE = 2**28
_DEEPEST = 200
_MAGIC = 0x1950A86A20F9469CFC6C
_BEGINS = {
    b"version https://git-lfs": "a pointer of Git LFS: the file itself was not fetched",
    b"GGUF": "a GGUF file, which is not read",
    b"<": "a page of the web, no weights",
    b"\x89HDF\r\n": "an HDF5 file: its name should end in .h5",
}


@dataclass(frozen=True)
class _Storage:
    """A run of entries of one dtype. How many it says it has is checked alone: the file says where they end."""

    key: str
    dtype: str
    fault: str = ""


@dataclass(frozen=True)
class _View:
    """A tensor as a strided view of a storage; or what is wrong with it, for a pickle goes on after a bad tensor."""

    storage: _Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    fault: str = ""


@dataclass(frozen=True)
class _Data:
    """Where the bytes of a storage lie: in the file itself from `offset` on, or compressed in `member`."""

    offset: int
    size: int
    member: str = ""


def tensors(path: Path) -> list[Tensor | Skipped]:
    """Every tensor, named by its path through nested dicts, lists and modules; no entries are read yet."""
    try:
        with open(path, "rb") as file:
            if zipfile.is_zipfile(file):
                return _archive(path)
            return _stream(path, file)
    except ReadError:
        raise
    except BROKEN as error:
        raise ReadError(f"{path}: {words(error)}") from error


# ---- archives ----


def _archive(path: Path) -> list[Tensor | Skipped]:
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        members = {member.filename: member for member in archive.infolist()}
        mains = [name for name in members if name.rpartition("/")[2] == "data.pkl" and name.count("/") <= 1]
        if len(mains) != 1:
            raise ReadError(f"{path}: not a PyTorch file: this archive has {len(mains)} data.pkl, not one")
        folder = mains[0].removesuffix("data.pkl")
        order = "<"
        if f"{folder}byteorder" in members and archive.open(f"{folder}byteorder").read(8) == b"big":
            order = ">"

        def places(data: str) -> Callable[[_Storage], _Data]:
            return lambda storage: _place(path, file, members.get(f"{folder}{data}/{storage.key}"), storage)

        content = _unpickled(path, archive, members[mains[0]])
        found = list(_Walk(path, places("data"), order).all(content))
        if f"{folder}constants.pkl" in members:  # of TorchScript; the weights of a frozen module are here
            constants = _unpickled(path, archive, members[f"{folder}constants.pkl"])
            found += _Walk(path, places("constants"), order).all({"constants": constants})
        return found


def _unpickled(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    where = f"{path}: {member.filename}"
    if member.file_size > _LONGEST_PICKLE:
        raise ReadError(f"{where}: {member.file_size} bytes: more than {_LONGEST_PICKLE}, which no checkpoint needs")
    try:
        refuse_bomb(member.file_size, member.compress_size)
        with archive.open(member) as file:
            data = io.BytesIO(file.read(_LONGEST_PICKLE))
            return _pickle.read(data, _KNOWN, _persistent, path.stat().st_size)
    except _pickle.Broken as error:
        raise ReadError(f"{where}: not a readable pickle: {error}") from error
    except BROKEN as error:
        raise ReadError(f"{where}: {words(error)}") from error


def _place(path: Path, file: IO[bytes], member: zipfile.ZipInfo | None, storage: _Storage) -> _Data:
    if member is None:
        raise ReadError(f"{path}: storage {storage.key!r} is missing")
    if member.compress_type != zipfile.ZIP_STORED:
        refuse_bomb(member.file_size, member.compress_size)
        return _Data(0, member.file_size, member.filename)
    file.seek(member.header_offset)
    header = file.read(30)
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        raise ReadError(f"{path}: {member.filename}: no header at byte {member.header_offset}: truncated or damaged")
    name, extra = struct.unpack("<HH", header[26:])
    begin = member.header_offset + 30 + name + extra
    if begin + member.file_size > path.stat().st_size:
        raise ReadError(f"{path}: {member.filename}: truncated: it ends at byte {begin + member.file_size}")
    return _Data(begin, member.file_size)


# ---- the older format ----


def _stream(path: Path, file: IO[bytes]) -> list[Tensor | Skipped]:
    """Three pickles of little interest, the content, the keys of the storages, then each with its length."""
    file.seek(0)
    begin = file.read(24)
    file.seek(0)
    for what, meaning in _BEGINS.items():
        if begin.startswith(what):
            raise ReadError(f"{path}: not a PyTorch file but {meaning}")
    if begin.startswith(b"PK\x03\x04"):
        raise ReadError(f"{path}: {truncated(path, 'PyTorch')}")
    places: dict[str, _Data] = {}
    seen: dict[str, _Storage] = {}

    def persistent(identifier: Any) -> Any:
        found = _persistent(identifier)
        if isinstance(found, _Storage) and not found.fault:
            seen.setdefault(found.key, found)
        return found

    try:
        if _pickle.read(file, {}, _persistent) != _MAGIC:
            raise ReadError(f"{path}: not a PyTorch file: a pickle without its magic number")
        for _ in range(2):  # the version of the protocol, and sizes of the machine's numbers
            _pickle.read(file, {}, _persistent)
        content = _pickle.read(file, _KNOWN, persistent)
        keys = _pickle.read(file, {}, _persistent)
    except _pickle.Broken as error:
        raise ReadError(f"{path}: not a PyTorch file, or truncated: {error}") from error
    size = path.stat().st_size
    for key in keys if isinstance(keys, list) else []:
        storage = seen.get(str(key))
        count = int.from_bytes(file.read(8), "little")
        if storage is None:
            raise ReadError(f"{path}: storage {key!r:.80} belongs to no tensor")
        begin_of, length = file.tell(), count * _ITEMSIZE.get(storage.dtype, 1)
        if begin_of + length > size:
            raise ReadError(f"{path}: storage {key!r:.80}: truncated: it ends at byte {begin_of + length} of {size}")
        places[storage.key] = _Data(begin_of, length)
        file.seek(length, io.SEEK_CUR)

    def place(storage: _Storage) -> _Data:
        if storage.key not in places:
            raise ReadError(f"{path}: storage {storage.key!r:.80} is missing")
        return places[storage.key]

    return list(_Walk(path, place, "<").all(content))


# ---- what the pickle may call ----


def _persistent(identifier: Any) -> Any:
    if isinstance(identifier, tuple) and len(identifier) >= 2 and identifier[0] == "module":
        return identifier[1]  # the class of a module, with its source
    try:
        _, kind, key, _, count, *view = identifier
        dtype = _DTYPES.get(kind.name.rpartition(".")[2].removesuffix("Storage"), "uint8")
        if view and view[0] is not None:
            return _Storage("", "", "a view of a storage, as PyTorch 0.3 wrote it, is not read")
        return _Storage(str(key), dtype, "" if is_size(count) else _NO_SIZE)
    except (TypeError, ValueError, AttributeError):
        return _Storage("", "", "a persistent identifier is not that of a storage")


_NO_SIZE = "a size, stride or offset is no whole number that fits into 63 bits"


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _View:
    known = isinstance(storage, _Storage) and isinstance(shape, tuple | list) and isinstance(strides, tuple | list)
    if not known:
        return _no_tensor("a tensor must have a storage, a shape and strides")
    if len(shape) != len(strides):
        return _no_tensor(f"a tensor has {len(shape)} axes and {len(strides)} strides")
    try:
        lengths = as_shape(shape)
    except ValueError as error:
        return _no_tensor(str(error))
    if storage.fault or not all(map(is_size, (offset, *strides))):
        return _no_tensor(storage.fault or _NO_SIZE)
    return _View(storage, storage.dtype, offset, lengths, tuple(strides))


def _no_tensor(fault: str) -> _View:
    return _View(_Storage("", ""), "", 0, (), (), fault)


def _tensor_of_dtype(
    storage: Any, offset: Any, shape: Any, strides: Any, gradient: Any, hooks: Any, dtype: Any, *_: Any
) -> _View:
    view = _tensor(storage, offset, shape, strides)
    name = dtype.name.removeprefix("torch.") if isinstance(dtype, Global) else "?"
    return replace(view, dtype=name)


def _dictionary(pairs: Any = (), *_: Any) -> dict[Any, Any]:
    return {str(key): value for key, value in pairs}


_KNOWN: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _dictionary,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_dtype,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
    "torch.nn.parameter.Parameter": lambda data=None, *_: data,
    "torch._tensor._rebuild_from_type_v2": lambda function, kind, args, *_: _pickle.call(function, args, _KNOWN),
    "torch.Size": lambda sizes=(), *_: sizes,
    "torch.jit._pickle.restore_type_tag": lambda value, *_: value,
    "torch.jit._pickle.build_tensorlist": lambda values, *_: values,
    "torch.jit._pickle.build_intlist": lambda values, *_: values,
    "torch.jit._pickle.build_doublelist": lambda values, *_: values,
    "torch.jit._pickle.build_boollist": lambda values, *_: values,
}

_NOT_READ = {
    "torch._utils._rebuild_sparse_tensor": ("stored as torch.sparse_coo, which is not read", False),
    "torch._utils._rebuild_sparse_csr_tensor": ("stored as torch.sparse_csr, which is not read", False),
    "torch._utils._rebuild_qtensor": ("quantised weights are not read", False),
    "torch._utils._rebuild_nested_tensor": ("a nested tensor, which is not read", False),
    "torch._utils._rebuild_meta_tensor_no_storage": ("on the meta device: it has no entries", False),
    "torch._utils._rebuild_device_tensor_from_numpy": ("a tensor of another device, stored as a pickle", False),
}
_HARMLESS = (
    *("__torch__", "argparse.Namespace", "numpy.", "torch.", "collections.", "builtins.", "__builtin__."),
    *("datetime.", "pathlib.", "_codecs."),
)


# ---- from the content to tensors ----


class _Walk:
    """Through containers and modules, each once: what a file refers to from two places is listed the second time."""

    def __init__(self, path: Path, place: Callable[[_Storage], _Data], order: str) -> None:
        self.path, self.place, self.order = path, place, order
        self.seen: dict[int, str] = {}
        self.kept: list[Any] = []

    def all(self, content: Any) -> Iterator[Tensor | Skipped]:
        if isinstance(content, dict) and not any(isinstance(value, _View) for value in content.values()):
            for wrapper in _WRAPPERS:
                inner = content.get(wrapper)
                if isinstance(inner, dict) or (isinstance(inner, Stand) and _parts(inner)):
                    for key, value in content.items():
                        if key != wrapper:
                            reason = f"beside the weights, which are under {wrapper!r}"
                            yield Skipped(str(key), (), _kind(value), reason, str(self.path), expected=True)
                    if id(content) not in self.seen:
                        self.seen[id(content)] = wrapper
                        yield from self.all(inner)
                    return
        yield from self.leaves(content, "", 0)

    def leaves(self, content: Any, name: str, depth: int) -> Iterator[Tensor | Skipped]:
        shown = name or self.path.stem
        if isinstance(content, _View):
            yield self.tensor(shown, content)
            return
        if isinstance(content, dict | list | tuple | Stand) and (content or isinstance(content, Stand)):
            if id(content) in self.seen:
                yield self.skip(shown, content, f"the same as {self.seen[id(content)] or 'what holds it'}", True)
                return
            self.seen[id(content)] = name
            if depth > _DEEPEST:
                yield self.skip(shown, content, f"nested more than {_DEEPEST} deep, which is not read", False)
                return
        if isinstance(content, dict):
            for key, value in content.items():
                yield from self.leaves(value, f"{name}.{key}" if name else str(key), depth + 1)
        elif isinstance(content, list | tuple):
            for index, value in enumerate(content):
                yield from self.leaves(value, f"{name}[{index}]", depth + 1)
        elif isinstance(content, Stand):
            if content.fault:
                yield self.faulty(shown, content.fault)
            yield from self.stand(content, name, depth)
        elif isinstance(content, _Storage) and content.fault:
            yield self.faulty(shown, content.fault)
        else:
            yield self.skip(shown, content, f"not a tensor: {_kind(content)}", True)

    def stand(self, content: Stand, name: str, depth: int) -> Iterator[Tensor | Skipped]:
        """An object that was not built: what it holds, if it is a module; else a record that names it."""
        parts = _parts(content)
        for key, value in parts.items():
            holds = isinstance(value, list | tuple) and any(isinstance(each, _View | Stand) for each in value)
            if holds or isinstance(value, _View | dict | Stand):
                yield from self.leaves(value, f"{name}.{key}" if name else str(key), depth + 1)
        if not parts and not content.fault:
            harmless = content.name.startswith(_HARMLESS)
            reason, expected = _NOT_READ.get(
                content.name, (f"an object of {content.name:.200}, which is never built", harmless)
            )
            yield self.skip(name or self.path.stem, content, reason, expected)

    def skip(self, name: str, content: Any, reason: str, expected: bool) -> Skipped:
        return Skipped(name, (), _kind(content), reason, str(self.path), expected)

    def faulty(self, name: str, reason: object) -> Skipped:
        return faulty(name, f"{self.path}: tensor {name!r}", reason, str(self.path))

    def tensor(self, name: str, view: _View) -> Tensor | Skipped:
        try:
            return self.placed(name, view)
        except ReadError as error:  # about a storage, whose place it names
            return Faulty(name, view.shape, view.dtype, str(error), str(self.path))
        except (ValueError, OSError) as error:
            return self.faulty(name, words(error))

    def placed(self, name: str, view: _View) -> Tensor | Skipped:
        if view.fault:
            raise ValueError(view.fault)
        count, storage, source = math.prod(view.shape), view.storage, str(self.path)
        if view.dtype not in _ITEMSIZE or not count:
            return Tensor(name, view.shape, view.dtype, source, unreadable)
        data = self.place(storage)
        itemsize = _ITEMSIZE[view.dtype]
        have = data.size // itemsize
        reach = (
            view.offset + sum((length - 1) * step for length, step in zip(view.shape, view.strides, strict=True)) + 1
        )
        if reach > have:
            raise ValueError(f"shape {view.shape} reaches entry {reach} of a storage of {have}: truncated?")
        if count > have:
            reason = f"a view that repeats entries: {count} of a storage of {have}"
            return Skipped(name, view.shape, view.dtype, reason, source)
        if view.dtype not in STORED:
            return Tensor(name, view.shape, view.dtype, source, unreadable)
        if _repeats(view.shape, view.strides):
            reason = f"a view that repeats entries: strides {view.strides} for shape {view.shape}"
            return Skipped(name, view.shape, view.dtype, reason, source)
        stored = self.order + STORED[view.dtype]
        key = (data.offset, data.member, view.dtype, view.offset, view.shape, view.strides)
        about: dict[str, Any] = {"place": (source, *key)}
        begin = data.offset + view.offset * itemsize
        dense = _row_major(view.shape, view.strides)
        if data.member:
            about["read"] = partial(_read_member, self.path, data.member, stored, view)
        elif dense is None:
            about["read"] = partial(_read_strided, self.path, data.offset, data.size, stored, view)
        elif dense == tuple(range(len(dense))):
            about = in_range(self.path, begin, stored, view.shape)
        else:
            about["read"] = partial(_read_turned, self.path, begin, stored, view.shape, dense)
            about["sample"] = partial(sample, self.path, begin, count * itemsize)
        return Tensor(name, view.shape, view.dtype, source, **about)


def _parts(content: Stand) -> dict[Any, Any]:
    """What a stored module holds: parameters, buffers and submodules; of a TorchScript object all attributes."""
    state: Any = content.state
    if content.entries or content.items:
        return content.entries or {str(index): value for index, value in enumerate(content.items)}
    if not isinstance(state, dict):
        return {}
    if content.name.startswith("__torch__"):
        return state
    groups = [state.get(key) for key in ("_parameters", "_buffers", "_modules")]
    return {key: value for group in groups if isinstance(group, dict) for key, value in group.items()}


def _kind(content: Any) -> str:
    return content.name.rpartition(".")[2][:80] if isinstance(content, Stand | Global) else type(content).__name__


# ---- entries ----


def _repeats(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether one entry of the storage stands in two places of a view, or may: exact for up to two axes.

    None does where each step leads beyond all that smaller ones reach, which holds for every slice and transpose.
    """
    axes = sorted((step, length) for length, step in zip(shape, strides, strict=True) if length > 1)
    if len(axes) == 2:  # they meet after the least common multiple of both steps
        (small, width), (large, height) = axes
        both = math.gcd(small, large)
        return both == 0 or (large // both < width and small // both < height)
    reached = 0
    for step, length in axes:
        if step <= reached:
            return True
        reached += step * (length - 1)
    return False


def _row_major(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, ...] | None:
    """The axes from the slowest to the fastest, if entries lie without gaps in that order."""
    axes = sorted(range(len(shape)), key=lambda axis: (shape[axis] > 1, -strides[axis]))
    if all(shape[axis] == 1 or strides[axis] == step for axis, step in zip(axes, _steps(shape, axes), strict=True)):
        in_place = tuple(range(len(shape)))
        as_is = _steps(shape, in_place)
        same = all(shape[a] == 1 or strides[a] == step for a, step in zip(in_place, as_is, strict=True))
        return in_place if same else tuple(axes)
    return None


def _steps(shape: Sequence[int], axes: Sequence[int]) -> list[int]:
    return [math.prod(shape[later] for later in axes[index + 1 :]) for index in range(len(axes))]


def _read_turned(
    path: Path, begin: int, stored: str, shape: tuple[int, ...], lie: tuple[int, ...], axes: tuple[int, ...] | None
) -> Floats:
    """Without gaps, but the axes lie in another order, as in a transposed matrix."""
    wanted = range(len(shape)) if axes is None else axes
    with open(path, "rb") as file:
        file.seek(begin)
        return fill(file, stored, [shape[axis] for axis in lie], [lie.index(axis) for axis in wanted])


def _read_strided(path: Path, begin: int, size: int, stored: str, view: _View, axes: tuple[int, ...] | None) -> Floats:
    raw = np.dtype(stored[0] + ("u2" if stored[1:] == "b2" else stored[1:]))
    mapped = np.memmap(path, raw, "r", begin, size // raw.itemsize)
    return _strided(mapped, stored, view, axes)


def _read_member(path: Path, member: str, stored: str, view: _View, axes: tuple[int, ...] | None) -> Floats:
    """From a compressed storage, which PyTorch never writes: all of it is unpacked."""
    raw = np.dtype(stored[0] + ("u2" if stored[1:] == "b2" else stored[1:]))
    with zipfile.ZipFile(path) as archive:
        refuse_beyond_memory("read", archive.getinfo(member).file_size, "a compressed storage")
        content = archive.read(member)
    return _strided(np.frombuffer(content, raw, len(content) // raw.itemsize), stored, view, axes)


def _strided(flat: np.ndarray[Any, Any], stored: str, view: _View, axes: tuple[int, ...] | None) -> Floats:
    steps = tuple(step * flat.itemsize for step in view.strides)
    picked = np.lib.stride_tricks.as_strided(flat[view.offset :], view.shape, steps, writeable=False)
    picked = picked if axes is None else picked.transpose(axes)
    out = np.empty(picked.shape, np.float64 if stored[1:] == "f8" else np.float32)
    if stored[1:] == "b2":  # the upper half of a float32
        out.view(np.uint32)[...] = picked
        out.view(np.uint32)[...] <<= np.uint32(16)
    else:
        out[...] = picked
    return out
