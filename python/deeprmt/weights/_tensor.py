"""A tensor that is not read yet, and how it becomes matrices."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .._arguments import Floats
from ._layer import Layer, ReadError, Skipped

PRECISION = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""The dtypes that are read, with the distance from 1 to the next number."""

CONVENTIONS = ("flatten", "slices", "channels")

_BIAS = re.compile(r"(^|[./])bias(:0)?$")
_EMBEDDING_WORDS = ("embed", "emb.", "_emb", "wte", "wpe", "lookup")
_EMBEDDING_ROWS, _EMBEDDING_ASPECT = 4096, 16
"""A matrix with this many rows, and this many times more rows than columns, is a table whatever its name."""


@dataclass(frozen=True)
class Heads:
    """How attention is cut into heads, as far as it is known.

    Attributes
    ----------
    queries, keys : int
        The numbers of heads; fewer keys and values than queries are shared by groups of them.
    size : int, optional
        Rows of one head.
    interleaved : bool
        Packed matrices hold q, k and v of one head, then of the next.
    """

    queries: int
    keys: int
    size: int | None = None
    interleaved: bool = False


@dataclass(frozen=True)
class Part:
    """Rows of a packed matrix that are a matrix of their own: a gate, a query, one head."""

    label: str
    rows: tuple[slice, ...]

    def of(self, matrix: Floats) -> Floats:
        """A view of one slice; several slices are copied together."""
        return matrix[self.rows[0]] if len(self.rows) == 1 else np.concatenate([matrix[each] for each in self.rows])


@dataclass(frozen=True, eq=False)
class Tensor:
    """What a header says of a tensor; its entries come when `read` is called, one tensor at a time.

    Attributes
    ----------
    name, shape, dtype, source
        As stored.
    read : callable
        From an order of the axes (as `numpy.transpose` takes it, or None) to the entries as float32 or float64.
    sample : callable, optional
        A few kilobytes of the entries as stored, cheap to get. None for arrays in memory: who has two has two.
    place : hashable
        Where the entries lie. Tensors with one place are one tensor.
    order : tuple of int, optional
        The axes that bring the tensor to (out, in, kernel...). None where nobody has said yet: then it is as stored.
    rows : int
        How many of these axes the rows of the matrix run over.
    kind : str
        Of the layer, if it does not follow from names and shapes.
    parts : tuple of Part
        The matrices that the rows hold; none means a single one.
    heads : Heads, optional
        What a configuration beside the file says.
    checkpoint : str
        What it is part of, where that is more than one file.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    source: str
    read: Callable[[tuple[int, ...] | None], Floats]
    sample: Callable[[], bytes] | None = None
    place: Hashable = None
    order: tuple[int, ...] | None = None
    rows: int = 1
    kind: str = ""
    parts: tuple[Part, ...] = ()
    heads: Heads | None = None
    checkpoint: str = ""

    def why_skipped(self) -> Skipped | None:
        """The record to list if this is no weight matrix."""
        reason, expected = _verdict(self.shape, self.dtype)
        if not reason and _BIAS.search(self.name):  # of GRU, (2, units), and of heads, (heads, size)
            reason, expected = "a bias, by its name", True
        return self.skip(reason, expected) if reason else None

    def skip(self, reason: str, expected: bool) -> Skipped:
        """The record of passing over this tensor."""
        return Skipped(self.name, self.shape, self.dtype, reason, self.source, expected)

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """Of the matrix that "flatten" makes."""
        shape = self._ordered()
        return math.prod(shape[: self.rows]), math.prod(shape[self.rows :])

    def layers(self, conv: str) -> Iterator[Layer]:
        """Read, and split into matrices by the convention `conv`."""
        order = self.order or tuple(range(len(self.shape)))
        outer, kernel = order[:2], order[2:]
        if conv == "slices" and self.is_conv():
            stack = self._entries((*kernel, *outer))
            for place in itertools.product(*(range(self.shape[axis]) for axis in kernel)):
                yield self._layer(f"[{','.join(map(str, place))}]", stack[place])
            return
        if conv == "channels" and self.is_conv():
            matrix = self._entries((outer[0], *kernel, outer[1])).reshape(-1, self.shape[outer[1]])
        else:
            matrix = self._entries(order).reshape(self.matrix_shape)
        if not self.parts:
            yield self._layer("", matrix)
        for part in self.parts:
            yield self._layer(f"[{part.label}]", part.of(matrix))

    def _ordered(self) -> tuple[int, ...]:
        return self.shape if self.order is None else tuple(self.shape[axis] for axis in self.order)

    def _layer(self, suffix: str, matrix: Floats) -> Layer:
        return Layer(self.name + suffix, self._kind(), matrix, self.source, self.shape, self.dtype)

    def _entries(self, order: tuple[int, ...]) -> Floats:
        """What `read` gives; whatever stops it is a ReadError, which concerns this tensor and no other."""
        try:
            return self.read(None if order == tuple(range(len(order))) else order)
        except ReadError:
            raise
        except Exception as error:  # more axes than NumPy has, less memory than it takes, ...
            found = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
            raise ReadError(f"{self.source}: tensor {self.name!r}: {found}") from error

    def is_conv(self) -> bool:
        return len(self.shape) > 2 and self.kind in ("", "conv")

    def _kind(self) -> str:
        if self.kind or len(self.shape) > 2:
            return self.kind or "conv"
        rows, columns = self.matrix_shape
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
    place = (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str) if array.size else None
    return Tensor(name, array.shape, array.dtype.name, source, partial(in_order, array), place=place)


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
    place = (str(value.device), value.data_ptr(), shape, tuple(value.stride()), dtype) if math.prod(shape) else None
    return Tensor(name, shape, dtype, source, partial(_from_torch, value), place=place)


def _from_torch(value: Any, axes: tuple[int, ...] | None) -> Floats:
    wide = value.cpu() if str(value.dtype) in ("torch.float32", "torch.float64") else value.cpu().float()
    return in_order(wide.numpy(), axes)


def in_order(array: np.ndarray[Any, Any], axes: tuple[int, ...] | None) -> Floats:
    """`widen` after `numpy.transpose`."""
    return widen(array if axes is None else array.transpose(axes))


def widen(array: np.ndarray[Any, Any]) -> Floats:
    """float32 or float64 in this machine's byte order; 16-bit floats become float32."""
    return array.astype(np.float64 if array.dtype.name == "float64" else np.float32, order="C", copy=False)
