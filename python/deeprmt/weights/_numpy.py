"""NumPy's .npz archives and .npy arrays; pickled objects are refused."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from .._arguments import Floats
from ._layer import ReadError, Skipped, as_shape, faulty
from ._raw import fill, refuse_bomb
from ._tensor import Tensor
from ._zip import BROKEN, truncated, words


def npz(path: Path) -> list[Tensor | Skipped]:
    """Every array of the archive; only headers are read yet."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            for name, times in Counter(member.filename for member in members).items():
                if times > 1 and name.endswith(".npy"):  # an archive is read by name: one would stand for all
                    raise ReadError(f"{path}: {times} arrays are named {name.removesuffix('.npy')!r}")
            return [_member(path, archive, member) for member in members]
    except ReadError:
        raise
    except BROKEN as error:
        raise ReadError(
            f"{path}: {truncated(path, '.npz') or f'not a readable .npz archive: {words(error)}'}"
        ) from error


def single(path: Path) -> list[Tensor | Skipped]:
    """The one array of a .npy file, named after the file."""
    try:
        with open(path, "rb") as file:
            header = _header(file)
        rest = os.path.getsize(path) - header.length
    except BROKEN as error:
        raise ReadError(f"{path}: not a readable .npy file: {words(error)}") from error
    if header.dtype.hasobject:
        raise ReadError(f"{path}: holds pickled Python objects, which are not read (allow_pickle=False)")
    try:
        _check_size(header, rest)
    except ValueError as error:
        raise ReadError(f"{path}: {error}") from None
    return [Tensor(path.stem, header.shape, header.dtype.name, str(path), partial(_read_single, path))]


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Tensor | Skipped:
    name = member.filename.removesuffix(".npy")
    if name == member.filename:
        return Skipped(name, (), "", "not a NumPy array", str(path))
    try:
        with archive.open(member) as file:
            header = _header(file)
        refuse_bomb(member.file_size, member.compress_size)
        if not header.dtype.hasobject:
            _check_size(header, member.file_size - header.length)
    except BROKEN as error:
        return faulty(name, f"{path}: array {name!r}", words(error), str(path))
    if header.dtype.hasobject:
        reason = "pickled Python objects are not read (allow_pickle=False)"
        return Skipped(name, header.shape, "object", reason, str(path))
    return Tensor(
        name,
        header.shape,
        header.dtype.name,
        str(path),
        partial(_read_member, path, member.filename),
        sample=partial(_sample, path, member.filename, header.length),
    )


class _Header(NamedTuple):
    length: int
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]


_LONGEST_HEADER = 2**17
"""Bytes. NumPy itself writes less than 2^16, and version 2 of the format could ask for 4 GiB before a word is said."""


def _header(file: IO[bytes]) -> _Header:
    begin = file.read(12)  # no more than the header: an archive checks a member once it is read to its end
    length = 10 + int.from_bytes(begin[8:10], "little") if begin[6:7] == b"\1" else _LONGEST_HEADER
    start = io.BytesIO(begin + file.read(min(length, _LONGEST_HEADER) - len(begin)))
    version = npy.read_magic(start)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version[0]}.{version[1]} of the .npy format is not read")
    shape, fortran, dtype = readers[version](start)
    return _Header(start.tell(), as_shape(shape), fortran, dtype)


def _check_size(header: _Header, have: int) -> None:
    need = math.prod(header.shape) * header.dtype.itemsize
    if have < need:
        raise ValueError(f"truncated: shape {header.shape} of {header.dtype} takes {need} bytes, {have} are there")


def _read_member(path: Path, member: str, axes: tuple[int, ...] | None) -> Floats:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            header = _header(file)
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            file.read(header.length)
            return _entries(file, header, axes)
    except BROKEN as error:
        raise ReadError(f"{path}: array {member.removesuffix('.npy')!r}: {words(error)}") from error


def _read_single(path: Path, axes: tuple[int, ...] | None) -> Floats:
    try:
        with open(path, "rb") as file:
            header = _header(file)
            file.seek(header.length)
            return _entries(file, header, axes)
    except BROKEN as error:
        raise ReadError(f"{path}: {words(error)}") from error


def _entries(file: IO[bytes], header: _Header, axes: tuple[int, ...] | None) -> Floats:
    stored = header.dtype.str
    shape = header.shape
    if header.fortran and len(shape) > 1:  # the same bytes, row-major, are the transpose
        last = len(shape) - 1
        axes = tuple(last - axis for axis in (range(len(shape)) if axes is None else axes))
        shape = shape[::-1]
    return fill(file, stored, shape, axes)


def _sample(path: Path, member: str, skip: int) -> bytes:
    with zipfile.ZipFile(path) as archive, archive.open(member) as file:
        file.read(skip)
        return file.read(4096)
