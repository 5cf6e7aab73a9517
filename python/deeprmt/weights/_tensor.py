"""A tensor that is not read yet, and how it becomes matrices."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .._arguments import Floats
from ._layer import Layer, ReadError, Skipped

PRECISION = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""The dtypes that are read, with the distance from 1 to the next number."""

CONVENTIONS = ("flatten", "slices")

_EMBEDDING_WORDS = ("embed", "emb.", "_emb", "wte", "wpe", "lookup")
_EMBEDDING_ROWS, _EMBEDDING_ASPECT = 4096, 16
"""A matrix with this many rows, and this many times more rows than columns, is a table whatever its name."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """Name, shape and dtype from a header; `read` fetches the entries as float32 or float64, one tensor at a time."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    source: str
    read: Callable[[], Floats]

    def why_skipped(self) -> Skipped | None:
        """The record to list if this is no weight matrix."""
        reason, expected = _verdict(self.shape, self.dtype)
        return Skipped(self.name, self.shape, self.dtype, reason, self.source, expected) if reason else None

    def layers(self, conv: str) -> Iterator[Layer]:
        """Read, and split into matrices by the convention `conv`."""
        array = self._entries()
        if array.ndim == 2 or conv == "flatten":
            matrix = array.reshape(len(array), -1)
            yield Layer(self.name, self._kind(), matrix, self.source, self.shape, self.dtype)
            return
        stack = array.reshape(*self.shape[:2], -1)
        for index, place in enumerate(itertools.product(*map(range, self.shape[2:]))):
            name = f"{self.name}[{','.join(map(str, place))}]"
            yield Layer(name, "conv", stack[:, :, index], self.source, self.shape, self.dtype)

    def _entries(self) -> Floats:
        """What `read` gives; whatever stops it is a ReadError, which concerns this tensor and no other."""
        try:
            return self.read()
        except ReadError:
            raise
        except Exception as error:  # more axes than NumPy has, less memory than it takes, ...
            found = " ".join(str(error).split()) or type(error).__name__
            raise ReadError(f"{self.source}: tensor {self.name!r}: {found}") from error

    def _kind(self) -> str:
        if len(self.shape) > 2:
            return "conv"
        rows, columns = self.shape
        named = any(word in self.name.lower() for word in _EMBEDDING_WORDS)
        table = rows >= _EMBEDDING_ROWS and rows >= _EMBEDDING_ASPECT * columns
        return "embedding" if named or table else "dense"


def _verdict(shape: tuple[int, ...], dtype: str) -> tuple[str, bool]:
    if len(shape) == 0:
        return "a scalar", True
    if len(shape) == 1:
        return "a vector: a bias, or the scale of a normalisation", True
    if 0 in shape:
        return "empty", False
    if dtype in PRECISION:
        return "", True
    if dtype in ("int8", "uint8") or dtype.startswith(("qint", "quint")):
        return f"{dtype}: quantised weights are not read", False
    if dtype == "bool" or dtype.startswith(("int", "uint")):
        return f"{dtype}: an index or a mask, no weight", True
    return f"{dtype}: not read; {', '.join(PRECISION)} are", False


def of_array(name: str, value: Any, source: str) -> Tensor | Skipped:
    """A tensor that is in memory already: a NumPy array, or anything that becomes one, PyTorch's too."""
    if type(value).__module__.partition(".")[0] == "torch":
        return of_torch(name, value, source)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        return Skipped(name, (), "", f"not an array of numbers ({error})", source)
    if array.dtype == object:
        return Skipped(name, array.shape, "object", "not an array of numbers", source)
    return Tensor(name, array.shape, array.dtype.name, source, partial(widen, array))


def of_torch(name: str, value: Any, source: str) -> Tensor | Skipped:
    """A torch tensor or parameter; anything else is named."""
    if not hasattr(value, "detach"):
        return Skipped(name, (), type(value).__name__, f"not a tensor: {type(value).__name__}", source)
    value = value.detach()
    shape, dtype = tuple(value.shape), str(value.dtype).removeprefix("torch.")
    if str(value.layout) != "torch.strided":
        return Skipped(name, shape, dtype, f"stored as {value.layout}, which is not read", source)
    if value.device.type == "meta":
        return Skipped(name, shape, dtype, "on the meta device: it has no entries", source)
    return Tensor(name, shape, dtype, source, partial(_from_torch, value))


def _from_torch(value: Any) -> Floats:
    wide = value.cpu() if str(value.dtype) in ("torch.float32", "torch.float64") else value.cpu().float()
    return wide.numpy()  # type: ignore[no-any-return]


def widen(array: np.ndarray[Any, Any]) -> Floats:
    """float32 or float64 in this machine's byte order; 16-bit floats become float32."""
    return array.astype(np.float64 if array.dtype.name == "float64" else np.float32, order="C", copy=False)
