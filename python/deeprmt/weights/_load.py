"""Layers from files, one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator

from .._arguments import as_choice, as_path
from ._files import find
from ._layer import Layer, Skipped
from ._tensor import CONVENTIONS, Tensor


class Layers(Iterator[Layer]):
    """An iterator over layers, with the list of what it passed over.

    Attributes
    ----------
    skipped : list of Skipped
        Every tensor, and every file of a folder, that gives no layer, each with its reason.
    """

    def __init__(self, tensors: list[Tensor], skipped: list[Skipped], conv: str) -> None:
        weights, self.skipped = sift(tensors, skipped)
        self._rest = iter(weights)
        self._open: Iterator[Layer] = iter(())
        self._conv = conv

    def __next__(self) -> Layer:
        while True:
            for layer in self._open:
                return layer
            self._open = next(self._rest).layers(self._conv)


def sift(tensors: list[Tensor], skipped: list[Skipped]) -> tuple[list[Tensor], list[Skipped]]:
    """Weights apart from all else; records of whole files come first."""
    weights, records = [], []
    for tensor in tensors:
        record = tensor.why_skipped()
        if record is None:
            weights.append(tensor)
        else:
            records.append(record)
    return weights, sorted(skipped, key=lambda each: bool(each.name)) + records


def load(path: str | os.PathLike[str], *, conv: str = "flatten") -> Layers:
    """Read the weight matrices of a checkpoint, lazily: one tensor is in memory at a time.

    Parameters
    ----------
    path : str or path
        A file: .safetensors, .npz, .npy, a PyTorch state dict (.pt, .pth, .bin, .ckpt; needs torch), or the
        ``*.index.json`` of a sharded checkpoint. Or a folder, of which every checkpoint is read, subfolders too.
    conv : "flatten" or "slices"
        How a tensor (out, in, kernel...) of three to five or more axes becomes a matrix: one matrix
        out x (in * kernel), or one out x in for each place in the kernel, whose name ends in that place. Tensors are
        taken by shape: for a transposed convolution the first axis is the input, and a grouped one has in / groups
        in the second, so that a depthwise one is out x kernel.

    Returns
    -------
    Layers
        An iterator of `Layer`; `.skipped` lists what is no weight matrix, with reasons: vectors (biases, norms),
        scalars, integers, empty tensors, other dtypes. Entries are given as stored, NaN included.

    Raises
    ------
    ReadError
        A ValueError: the file is missing, truncated or not of its kind, a shard is missing, or a folder has nothing
        that can be read. Single unreadable files of a folder are listed in `.skipped`.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.savez(folder / "net.npz", weight=np.ones((3, 2), np.float32), bias=np.zeros(3, np.float32))
    >>> layers = load(folder / "net.npz")
    >>> [(layer.name, layer.kind, layer.weight.shape) for layer in layers]
    [('weight', 'dense', (3, 2))]
    >>> [(skipped.name, skipped.reason) for skipped in layers.skipped]
    [('bias', 'a vector: a bias, or the scale of a normalisation')]
    """
    as_choice("load", "conv", conv, CONVENTIONS)
    tensors, skipped = find(as_path("load", "path", path), strict=True)
    return Layers(tensors, skipped, conv)
