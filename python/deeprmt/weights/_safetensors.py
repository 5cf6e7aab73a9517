"""The safetensors format: 8 bytes of header length, a JSON header, then the entries, little-endian and row-major.

Read here without the package of that name: a tensor is fetched by its byte range, bfloat16 needs no help from others
(NumPy has no such type), and an error can say which tensor ends where.
"""

from __future__ import annotations

import json
import math
import os
import reprlib
from collections import Counter
from pathlib import Path
from typing import Any

from ._layer import Faulty, ReadError, as_shape, faulty, is_size
from ._raw import in_range, unreadable
from ._tensor import Tensor

_LONGEST_HEADER = 100_000_000  # bytes; the format's own limit
_STORED = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<b2"}
_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool", "C64": "complex64"}
_NAMES |= {
    f"{letter}{bits}": f"{word}{bits}" for letter, word in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)
}
_BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "BOOL": 8, "C64": 64}
_BITS |= {f"{letter}{bits}": bits for letter in "IU" for bits in (8, 16, 32, 64)}


def tensors(path: Path) -> list[Tensor | Faulty]:
    """Every tensor that the header names; nothing else is read yet."""
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            if size < 8:
                raise ReadError(f"{path}: not a safetensors file: {size} bytes, the length of the header takes 8")
            length = int.from_bytes(file.read(8), "little")
            if length > _LONGEST_HEADER or 8 + length > size:
                raise ReadError(
                    f"{path}: truncated, or not a safetensors file: bytes 0-7 promise a header of {length} bytes, "
                    f"the file has {size - 8} more"
                )
            text = file.read(length)
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    try:
        header = json.loads(text.decode(), object_pairs_hook=_without_repetition, parse_int=_whole)
    except _Repeated as error:
        raise ReadError(f"{path}: the header has {error} more than once") from None
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path}: not a safetensors file: the header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise ReadError(f"{path}: not a safetensors file: the header is {type(header).__name__}, not an object")
    header.pop("__metadata__", None)
    return [_tensor_or_fault(path, name, entry, 8 + length, size) for name, entry in header.items()]


class _Repeated(Exception):
    """JSON allows a name twice, and Python keeps the last: a tensor would be passed over in silence."""


def _whole(digits: str) -> int | float:
    """Python reads 4300 digits at most, in a time that grows with their square; no size has more than nineteen."""
    return int(digits) if len(digits) < 40 else math.inf


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise _Repeated(repr(name))
    return content


def _tensor_or_fault(path: Path, name: str, entry: Any, start: int, size: int) -> Tensor | Faulty:
    try:
        return _tensor(path, name, entry, start, size)
    except ValueError as error:
        return faulty(name, f"{path}: tensor {name!r}", error, str(path))


def _tensor(path: Path, name: str, entry: Any, start: int, size: int) -> Tensor:
    try:
        code, lengths, (begin, end) = entry["dtype"], [*entry["shape"]], entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"the header must give dtype, shape and data_offsets, got {_short(entry)}") from None
    whole = all(type(each) is int for each in lengths) and is_size(begin) and is_size(end)
    if not isinstance(code, str) or not whole or min(lengths, default=0) < 0:
        raise ValueError(f"dtype must be a word, shape and data_offsets whole numbers below 2^63, got {_short(entry)}")
    shape = as_shape(lengths)
    if not begin <= end <= size - start:
        raise ValueError(f"truncated: its entries are bytes {start + begin}-{start + end}, the file has {size}")
    need = math.prod(shape) * _BITS.get(code, 0)
    if code in _BITS and (end - begin) * 8 != need:
        raise ValueError(f"shape {shape} of {code} takes {need // 8} bytes, data_offsets give {end - begin}")
    name_of_dtype = _NAMES.get(code, code)
    if code not in _STORED:  # named, never read
        return Tensor(name, shape, name_of_dtype, str(path), unreadable)
    return Tensor(name, shape, name_of_dtype, str(path), **in_range(path, start + begin, _STORED[code], shape))


def _short(entry: Any) -> str:
    return reprlib.repr(entry)[:200]
