"""Entries from an open file into the array that is kept, piece by piece: nothing else of their size is in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from .._arguments import Floats
from .._memory import refuse_beyond_memory

STORED = {"float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "b2"}
"""What the entries of each dtype that is read look like in a file; NumPy has no b2, the upper half of an f4."""

_PIECE = 2**22
_SAMPLE = 4096
_SUSPICIOUS = 2**28


def fill(file: IO[bytes], stored: str, shape: Sequence[int], axes: Sequence[int] | None = None) -> Floats:
    """The next entries of `file`, widened to float32 or float64, with their axes in another order.

    Parameters
    ----------
    file : file
        At the first entry; only `readinto` is called.
    stored : str
        Byte order and one of `STORED`, such as "<f4".
    shape : sequence of int
        As stored, row-major.
    axes : sequence of int, optional
        As of `numpy.transpose`.
    """
    axes = range(len(shape)) if axes is None else axes
    dtype = np.dtype(np.float64 if stored[1:] == "f8" else np.float32)
    refuse_beyond_memory("read", math.prod(shape) * dtype.itemsize, f"a tensor of shape {tuple(shape)}")
    out = np.empty([shape[axis] for axis in axes], dtype)
    _pour(_Exactly(file, math.prod(shape), int(stored[2:])), stored, out.transpose(np.argsort(axes)))
    return out


def from_file(path: Path, offset: int, stored: str, shape: Sequence[int], axes: Sequence[int] | None = None) -> Floats:
    """`fill` from a place in a file."""
    with open(path, "rb") as file:
        file.seek(offset)
        return fill(file, stored, shape, axes)


def sample(path: Path, offset: int, size: int) -> bytes:
    """Some bytes from the middle of a range: two tensors that differ will hardly agree in them."""
    with open(path, "rb") as file:
        file.seek(offset + max(0, (size - _SAMPLE) // 2))
        return file.read(min(size, _SAMPLE))


def in_range(path: Path, offset: int, stored: str, shape: Sequence[int]) -> dict[str, Any]:
    """What a `Tensor` needs to know about entries that lie one after the other in a file."""
    size = math.prod(shape) * int(stored[2:])
    return {
        "read": partial(from_file, path, offset, stored, tuple(shape)),
        "sample": partial(sample, path, offset, size),
        "place": (str(path), offset, stored, tuple(shape)),
    }


class _Exactly:
    """Fills buffers to the last byte, in pieces that a decompressor can hold."""

    def __init__(self, file: IO[bytes], entries: int, itemsize: int) -> None:
        self._file, self._entries, self._itemsize, self._done = file, entries, itemsize, 0

    def into(self, array: np.ndarray[Any, Any]) -> None:
        room: Any = memoryview(array.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        while len(room):
            count = self._file.readinto(room[:_PIECE])  # type: ignore[attr-defined]
            if not count:
                raise EOFError(f"{self._done // self._itemsize} of {self._entries} entries could be read")
            self._done += count
            room = room[count:]


def _pour(source: _Exactly, stored: str, view: np.ndarray[Any, Any]) -> None:
    """Fills `view`, whose axes are those of the file, and which may be strided in memory."""
    raw = np.dtype(stored[0] + ("u2" if stored[1:] == "b2" else stored[1:]))
    if view.size == 0:
        return
    if view.dtype == raw and view.flags.c_contiguous:
        source.into(view)
    elif view.nbytes <= _PIECE or view.ndim == 0:
        piece = np.empty(view.shape, raw)
        source.into(piece)
        if stored[1:] == "b2":
            wide = piece.astype(np.uint32)
            wide <<= np.uint32(16)
            piece = wide.view(np.float32)
        view[...] = piece
    else:
        rows = max(1, _PIECE * len(view) // view.nbytes)
        for begin in range(0, len(view), rows):
            _pour(source, stored, view[begin] if rows == 1 else view[begin : begin + rows])


def refuse_bomb(unpacked: int, packed: int) -> None:
    """Raises ValueError where a few bytes claim to unpack to very many: weights hardly compress at all."""
    if unpacked > _SUSPICIOUS and unpacked > 100 * packed:
        raise ValueError(f"{packed} bytes that claim to unpack to {unpacked}: refused as a decompression bomb")


def unreadable(_: tuple[int, ...] | None) -> Floats:
    """The `read` of tensors that are listed and never read."""
    raise NotImplementedError
