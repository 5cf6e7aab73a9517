"""From whatever holds weights to tensors and layers: paths, modules, nested containers of arrays, layers themselves."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .._arguments import as_path
from ._files import find
from ._layer import Layer, ReadError, Skipped
from ._tensor import Heads, Tensor, of_array

Work = Iterable[Tensor | Layer]

_DEEPEST = 100


def plan(function: str, source: Any) -> tuple[Work, list[Skipped]]:
    """What to read, and what is passed over already. Layers that come from an iterator stay one.

    Parameters
    ----------
    function : str
        For messages.
    source : path, paths, mapping, module, array, layers or a tree of them
        See `analyze`.
    """
    if isinstance(source, Layer):
        return [source], []
    if isinstance(source, str | os.PathLike):
        return _paths(function, [source])
    if _is_keras(source):
        variables = {getattr(each, "path", each.name): each for each in source.weights}
        return _apart(of_array(str(name), value, type(source).__name__) for name, value in variables.items())
    if hasattr(source, "state_dict"):
        return _module(source)
    if isinstance(source, np.ndarray) or hasattr(source, "detach"):
        return _apart([of_array("weight", source, "memory")])
    if hasattr(source, "__array__"):  # a data frame would be a list of its columns' names
        if not hasattr(source, "dtype") or not hasattr(source, "shape"):
            raise TypeError(f"{function}: source must be a NumPy array or {{name: array}}, got {type(source).__name__}")
        return _apart([of_array("weight", source, "memory")])
    if isinstance(source, Mapping) or _is_record(source):
        return _apart(_leaves(source, ""))
    if isinstance(source, Iterable):
        several = source if isinstance(source, Iterator) else list(source)
        if isinstance(several, list):
            if several and all(isinstance(each, str | os.PathLike) for each in several):
                return _paths(function, several)
            if not several:
                raise ValueError(f"{function}: source must hold at least one path or layer, got none")
            if all(_is_branch(each) for each in several):
                return _apart(_leaves(several, ""))
        return _checked(function, several), []
    raise TypeError(
        f"{function}: source must be a path, paths, {{name: array}}, an array, a module or layers, "
        f"got {type(source).__name__}"
    )


def _checked(function: str, layers: Iterable[Any]) -> Iterator[Layer]:
    for each in layers:
        if not isinstance(each, Layer):
            raise TypeError(
                f"{function}: source must hold Layer objects or paths throughout "
                f"(arrays are given as {{name: array}}), got {type(each).__name__}"
            )
        yield each


def _paths(function: str, paths: list[Any]) -> tuple[list[Tensor], list[Skipped]]:
    tensors: list[Tensor] = []
    skipped: list[Skipped] = []
    for path in paths:
        try:
            more, passed = find(as_path(function, "source", path), strict=False)
        except ReadError as error:
            more, passed = [], [Skipped("", (), "", str(error), str(path))]
        tensors += more
        skipped += passed
    return tensors, skipped


def _apart(found: Iterable[Tensor | Skipped]) -> tuple[list[Tensor], list[Skipped]]:
    found = list(found)
    return [each for each in found if isinstance(each, Tensor)], [each for each in found if isinstance(each, Skipped)]


# ---- modules ----


def _module(source: Any) -> tuple[list[Tensor], list[Skipped]]:
    """PyTorch's: the state dict has the names, the modules know which axis is the input."""
    tensors, skipped = _apart(_leaves(source.state_dict(), "", type(source).__name__))
    modules = dict(source.named_modules()) if hasattr(source, "named_modules") else {}
    return [_of_module(each, modules.get(each.name.rpartition(".")[0])) for each in tensors], skipped


def _of_module(tensor: Tensor, module: Any) -> Tensor:
    kind, count = type(module).__name__, len(tensor.shape)
    if kind in ("Embedding", "EmbeddingBag"):
        return dataclasses.replace(tensor, kind="embedding")
    if kind == "Conv1D" and count == 2:  # of transformers: (in, out)
        return dataclasses.replace(tensor, order=(1, 0))
    if kind.startswith(("ConvTranspose", "LazyConvTranspose")) and count > 2:  # (in, out, kernel...)
        return dataclasses.replace(tensor, order=(1, 0, *range(2, count)))
    if isinstance(getattr(module, "num_heads", None), int):
        return dataclasses.replace(tensor, heads=Heads(module.num_heads, module.num_heads))
    return tensor


def _is_keras(source: Any) -> bool:
    return hasattr(source, "get_weights") and isinstance(getattr(source, "weights", None), list)


# ---- trees ----


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type | Layer | Tensor)


def _is_branch(value: Any) -> bool:
    """Part of a tree of arrays: an array, or a container whose first member is one."""
    for _ in range(_DEEPEST):
        if hasattr(value, "__array__") or hasattr(value, "detach"):
            return hasattr(value, "dtype")
        if isinstance(value, Mapping):
            value = next(iter(value.values()), None)
        elif isinstance(value, list | tuple):
            if not value:
                return True  # a layer without parameters, as JAX's own examples have it
            value = value[0]
        else:
            return _is_record(value)
    return False


def _leaves(tree: Any, name: str, source: str = "memory", above: tuple[int, ...] = ()) -> Iterator[Tensor | Skipped]:
    """Depth first, names joined by dots; what is no array is named."""
    children: Iterable[tuple[str, Any]] | None = None
    if id(tree) in above or len(above) > _DEEPEST:
        why = "it holds itself" if id(tree) in above else f"nested more than {_DEEPEST} deep, which is not read"
        yield Skipped(name, (), type(tree).__name__, why, source)
        return
    if isinstance(tree, Mapping):
        children = ((f"{name}.{key}" if name else str(key), value) for key, value in tree.items())
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        children = ((f"{name}.{key}" if name else key, getattr(tree, key)) for key in tree._fields)
    elif isinstance(tree, list | tuple) and any(_is_branch(each) for each in tree):
        children = ((f"{name}[{index}]", value) for index, value in enumerate(tree))
    elif _is_record(tree) and not hasattr(tree, "__array__"):
        fields = (field.name for field in dataclasses.fields(tree))
        children = ((f"{name}.{key}" if name else key, getattr(tree, key, None)) for key in fields)
    elif type(tree).__module__.startswith("flax") and hasattr(tree, "value"):  # boxes around arrays
        children = ((name, tree.value),)
    if children is None:
        yield of_array(name, tree, source)
        return
    for key, value in children:
        yield from _leaves(value, key, source, (*above, id(tree)))
