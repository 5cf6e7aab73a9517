"""NumPy's .npz archives and .npy arrays; pickled objects are refused."""

from __future__ import annotations

import math
import os
import re
import struct
import tokenize
import zipfile
import zlib
from collections import Counter
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from .._arguments import Floats
from ._layer import ReadError, Skipped
from ._tensor import Tensor, widen

_BROKEN = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, SyntaxError),
)
"""All that zipfile and numpy raise on bytes that are not what they claim to be."""


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
    except _BROKEN as error:
        raise ReadError(f"{path}: {_truncated(path) or f'not a readable .npz archive: {_words(error)}'}") from error


def _truncated(path: Path) -> str:
    """What is missing, if the file begins as an archive does but has no directory, which comes last."""
    try:
        with open(path, "rb") as file:
            begins = file.read(4).startswith(b"PK\x03\x04") and not zipfile.is_zipfile(file)
        size = path.stat().st_size
    except OSError:
        return ""
    return f"truncated: of this .npz archive {size} bytes are there, its directory at the end is not" if begins else ""


def single(path: Path) -> list[Tensor | Skipped]:
    """The one array of a .npy file, named after the file."""
    try:
        with open(path, "rb") as file:
            shape, dtype = _header(file)
            rest = os.path.getsize(path) - file.tell()
    except _BROKEN as error:
        raise ReadError(f"{path}: not a readable .npy file: {_words(error)}") from error
    if dtype.hasobject:
        raise ReadError(f"{path}: holds pickled Python objects, which are not read (allow_pickle=False)")
    _check_size(str(path), shape, dtype, rest)
    return [Tensor(path.stem, shape, dtype.name, str(path), partial(_read_single, path))]


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Tensor | Skipped:
    name = member.filename.removesuffix(".npy")
    if name == member.filename:
        return Skipped(name, (), "", "not a NumPy array", str(path))
    try:
        with archive.open(member) as file:
            shape, dtype = _header(file)
            rest = member.file_size - file.tell()
    except _BROKEN as error:
        raise ReadError(f"{path}: array {name!r}: {_words(error)}") from error
    if dtype.hasobject:
        return Skipped(name, shape, "object", "pickled Python objects are not read (allow_pickle=False)", str(path))
    _check_size(f"{path}: array {name!r}", shape, dtype, rest)
    return Tensor(name, shape, dtype.name, str(path), partial(_read_member, path, member.filename))


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version[0]}.{version[1]} of the .npy format is not read")
    shape, _, dtype = readers[version](file)
    if min(shape, default=0) < 0:
        raise ValueError(f"no array has shape {shape}")
    return shape, dtype


def _check_size(where: str, shape: tuple[int, ...], dtype: np.dtype[Any], have: int) -> None:
    need = math.prod(shape) * dtype.itemsize
    if have < need:
        raise ReadError(f"{where}: truncated: shape {shape} of {dtype} takes {need} bytes, {have} are there")


def _read_member(path: Path, member: str) -> Floats:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            return widen(npy.read_array(file, allow_pickle=False))
    except _BROKEN as error:
        raise ReadError(f"{path}: array {member.removesuffix('.npy')!r}: {_words(error)}") from error


def _read_single(path: Path) -> Floats:
    try:
        return widen(np.load(path, allow_pickle=False))
    except _BROKEN as error:
        raise ReadError(f"{path}: {_words(error)}") from error


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = re.sub(r"(?<=^Bad CRC-32) for file .*", "", " ".join(str(error).split()))  # the caller names it
    return text or type(error).__name__
