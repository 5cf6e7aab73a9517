"""What reading gives: layers, a record of what was passed over, and one error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arguments import Floats, as_real


class ReadError(ValueError):
    """A file that cannot be read; the message names the file, and where and what is wrong in it.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from deeprmt import weights
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.npz"
    >>> size = path.write_bytes(b"no archive")
    >>> try:
    ...     weights.load(path)
    ... except weights.ReadError as error:
    ...     print("net.npz" in str(error))
    True
    """


@dataclass(frozen=True, eq=False)
class Layer:
    """One weight matrix.

    Attributes
    ----------
    name : str
        As stored; slices of a convolution end in their place in the kernel, such as ``[0,1]``, parts of a packed matrix
        in what they are, such as ``[q]``.
    kind : str
        "dense", "conv", "embedding", "attention" (queries, keys, values) or "recurrent".
    weight : (n_out, n_in) ndarray
        float32 or float64; float16 and bfloat16 are widened to float32 on the way in.
    source : str
        The file it came from, or where else.
    shape : tuple of int
        As stored, before a convolution became a matrix.
    dtype : str
        As stored: "float64", "float32", "float16" or "bfloat16".

    Examples
    --------
    >>> import numpy as np
    >>> layer = Layer("fc", "dense", np.ones((3, 2), np.float16))
    >>> layer
    Layer('fc', 'dense', 3 x 2 float16, 'memory')
    >>> layer.weight.dtype
    dtype('float32')
    """

    name: str
    kind: str
    weight: Floats
    source: str = "memory"
    shape: tuple[int, ...] = ()
    dtype: str = ""

    def __post_init__(self) -> None:
        given = getattr(self.weight, "dtype", np.dtype(np.float64))
        weight = as_real("Layer", "weight", self.weight)
        if weight.ndim != 2:
            raise ValueError(f"Layer: weight must be a matrix, got shape {weight.shape}")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "shape", tuple(self.shape) or weight.shape)
        object.__setattr__(self, "dtype", self.dtype or (str(given) if given.kind == "f" else str(weight.dtype)))

    def __repr__(self) -> str:
        return f"Layer({self.name!r}, {self.kind!r}, {by(self.weight.shape)} {self.dtype}, {self.source!r})"


@dataclass(frozen=True)
class Skipped:
    """Something that was passed over, and why.

    Attributes
    ----------
    name : str
        The tensor; empty where a whole file is meant.
    shape, dtype
        As stored; empty where unknown.
    reason : str
        In words.
    source : str
        The file.
    expected : bool
        True for what every checkpoint holds beside its weights (biases, norms, counters); False for what is bad,
        unreadable, or a weight in a format that is not read.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import weights
    >>> (skipped,) = weights.layers({"bias": np.ones(3)}).skipped
    >>> skipped.name, skipped.shape, skipped.expected
    ('bias', (3,), True)
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    reason: str
    source: str
    expected: bool = False


@dataclass(frozen=True)
class Faulty(Skipped):
    """A tensor that its header makes impossible, in a file that is sound otherwise; a `Skipped` to everyone outside."""


def faulty(name: str, where: str, reason: object, source: str) -> Faulty:
    """The record of such a tensor; `where` begins the reason unless it does so already."""
    text = " ".join(str(reason).split()) or type(reason).__name__
    return Faulty(name, (), "", text if text.startswith(where) else f"{where}: {text}", source)


MOST_DIMENSIONS = 64
"""Of NumPy's arrays."""


def as_shape(lengths: Sequence[Any]) -> tuple[int, ...]:
    """The lengths that a header gives, held to what an array can have before anything is multiplied or printed."""
    if len(lengths) > MOST_DIMENSIONS:
        raise ValueError(f"no tensor has shape {_shown(lengths[:3])[:-1]}, ...), of {len(lengths)} dimensions")
    if not all(is_size(each) for each in lengths):
        raise ValueError(f"no tensor has shape {_shown(lengths)}")
    return tuple(lengths)


def is_size(value: Any) -> bool:
    """Whether a length, an offset or a number of bytes can be that: a whole number that fits into 63 bits."""
    return type(value) is int and 0 <= value < 2**63


def _shown(lengths: Sequence[Any]) -> str:
    return f"({', '.join(map(_short, lengths))})"


def _short(value: Any) -> str:
    if type(value) is int and value.bit_length() > 64:  # thousands of digits are no news, and Python prints only 4300
        return "-2^64 or less" if value < 0 else "2^64 or more"
    return f"{value!r:.40}" if isinstance(value, int | float | str | None) else type(value).__name__


def by(shape: tuple[int, ...]) -> str:
    """A shape in words: 384 x 1536."""
    return " x ".join(map(str, shape)) if shape else "scalar"
