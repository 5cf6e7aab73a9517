"""TensorFlow Lite models: told apart, not read."""

from __future__ import annotations

from pathlib import Path

from ._layer import ReadError, Skipped
from ._tensor import Tensor


def tensors(path: Path) -> list[Tensor | Skipped]:
    """Always an error, which says what to do instead: most such models are quantised, and none names its roles."""
    raise ReadError(
        f"{path}: TensorFlow Lite models are not read: most hold quantised weights. Analyse the Keras or ONNX model "
        "that it was made from, or give its arrays as {name: array}"
    )
