"""PyTorch state dicts, when torch is installed. Nothing in a file is ever executed (`weights_only=True`)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ._layer import ReadError, Skipped
from ._tensor import Tensor, of_torch

_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "params", "weights")
"""Where training scripts put the state dict, beside optimisers, counters and the like."""


def tensors(path: Path) -> list[Tensor | Skipped]:
    """Every tensor of the state dict, named by its path through nested dicts; the entries are mapped, not read."""
    try:
        import torch
    except ImportError:
        raise ReadError(f"{path}: PyTorch files need torch to read them: pip install torch") from None
    try:
        mapped = zipfile.is_zipfile(path)  # the format before torch 1.6 cannot be mapped and is read at once
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # torch raises whatever the bytes lead to
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ReadError(
            f"{path}: torch.load(weights_only=True) refuses it: {first[:300]} "
            "(only state dicts are read; store model.state_dict(), not the model)"
        ) from error
    return list(_walk(content, path))


def _walk(content: Any, path: Path) -> Iterator[Tensor | Skipped]:
    if isinstance(content, Mapping) and not any(hasattr(value, "detach") for value in content.values()):
        for wrapper in _WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                for key in content:
                    if key != wrapper:
                        reason = f"beside the weights, which are under {wrapper!r}"
                        yield Skipped(str(key), (), type(content[key]).__name__, reason, str(path), expected=True)
                yield from _walk(content[wrapper], path)
                return
    yield from _leaves(content, "", path)


def _leaves(content: Any, name: str, path: Path) -> Iterator[Tensor | Skipped]:
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _leaves(value, f"{name}.{key}" if name else str(key), path)
    elif isinstance(content, list | tuple):
        for index, value in enumerate(content):
            yield from _leaves(value, f"{name}[{index}]", path)
    elif hasattr(content, "detach"):
        yield of_torch(name or path.stem, content, str(path))
    else:
        kind = type(content).__name__
        yield Skipped(name or path.stem, (), kind, f"not a tensor: {kind}", str(path), expected=True)
