"""Layers from files, one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from .._arguments import as_choice, as_count, as_path
from ._files import find
from ._layer import Layer, Skipped
from ._roles import SPLITS, roles
from ._sources import Work, plan
from ._tensor import CONVENTIONS, Tensor
from ._ties import untied


class Layers(Iterator[Layer]):
    """An iterator over layers, with the list of what it passed over.

    Attributes
    ----------
    skipped : list of Skipped
        Every tensor, and every file of a folder, that gives no layer, each with its reason.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import weights
    >>> found = weights.layers({"weight": np.ones((2, 3)), "bias": np.ones(2)})
    >>> next(found).weight.shape, len(found.skipped)
    ((2, 3), 1)
    """

    def __init__(self, work: Iterable[Tensor | Layer], skipped: list[Skipped], conv: str) -> None:
        self.skipped = skipped
        self._rest = iter(work)
        self._open: Iterator[Layer] = iter(())
        self._conv = conv

    def __next__(self) -> Layer:
        while True:
            for layer in self._open:
                return layer
            following = next(self._rest)
            self._open = iter((following,)) if isinstance(following, Layer) else following.layers(self._conv)


def prepared(work: Work, skipped: list[Skipped], split: str, heads: int | None) -> tuple[Work, list[Skipped]]:
    """Weights apart from all else, each with its role, ties once; records of whole files come first."""
    if not isinstance(work, list) or not all(isinstance(each, Tensor) for each in work):
        return work, skipped
    together: dict[str, list[Tensor]] = {}
    for each in work:
        together.setdefault(each.checkpoint or each.source, []).append(each)
    weights: list[Tensor] = []
    records: list[Skipped] = []
    for tensors in together.values():
        reasons = [(each, each.why_skipped()) for each in tensors]
        records += [reason for _, reason in reasons if reason is not None]
        single, tied = untied([each for each, reason in reasons if reason is None])
        records += tied
        weights += roles(single, split, heads)
    return weights, sorted(skipped, key=lambda each: bool(each.name)) + records


def layers(source: Any, *, conv: str = "flatten", split: str = "parts", heads: int | None = None) -> Layers:
    """The weight matrices of whatever `analyze` takes: a path, a module, a tree of arrays, layers.

    Parameters
    ----------
    source : path, paths, mapping, module, array, layers or a tree of arrays
        See `analyze`.
    conv, split, heads
        See `load`.

    Returns
    -------
    Layers
        An iterator of `Layer`; `.skipped` lists what is no weight matrix, and files that cannot be read.

    Raises
    ------
    TypeError, ValueError
        If `source` is none of these, or an argument none of its words.

    Examples
    --------
    >>> import numpy as np
    >>> tree = {"encoder": {"kernel": np.ones((2, 3)), "bias": np.ones(3)}, "heads": [np.ones((4, 3))]}
    >>> [(layer.name, layer.weight.shape) for layer in layers(tree)]
    [('encoder.kernel', (3, 2)), ('heads[0]', (4, 3))]
    """
    heads = as_heads("layers", split, heads, conv)
    work, skipped = prepared(*plan("layers", source), split, heads)
    return Layers(work, skipped, conv)


def as_heads(function: str, split: str, heads: int | None, conv: str = "flatten") -> int | None:
    """The number of heads, and checks of how else tensors are to be taken apart."""
    as_choice(function, "conv", conv, CONVENTIONS)
    as_choice(function, "split", split, SPLITS)
    return None if heads is None else as_count(function, "heads", heads)


def load(
    path: str | os.PathLike[str], *, conv: str = "flatten", split: str = "parts", heads: int | None = None
) -> Layers:
    """Read the weight matrices of a checkpoint, lazily: one tensor is in memory at a time.

    Parameters
    ----------
    path : str or path
        A file: .safetensors, .npz, .npy; PyTorch's .pt, .pth, .bin, .ckpt (state dicts, whole modules, TorchScript; no
        torch is needed); .onnx; Keras's .h5, .hdf5 and .keras (need h5py); or the ``*.index.json`` of a sharded
        checkpoint. Or a folder, of which every checkpoint is read, subfolders too.
    conv : "flatten", "slices" or "channels"
        How a tensor (out, in, kernel...) of three to five or more axes becomes a matrix: one matrix
        out x (in * kernel); or one out x in for each place in the kernel, whose name ends in that place, as
        WeightWatcher has it; or one matrix (out * kernel) x in. PyTorch's tensors are taken by shape: for a transposed
        convolution the first axis is the input, and a grouped one has in / groups in the second, so that a depthwise
        one is out x kernel.
    split : "parts", "heads" or "none"
        "parts" takes query, key and value of packed attention apart, and the gates of LSTM and GRU; their names end in
        ``[q]`` or ``[i]``. "heads" cuts query, key and value by heads besides, ``[q,0]``. "none" leaves all as stored.
    heads : int, optional
        The number of attention heads. Default: what config.json beside the file says.

    Returns
    -------
    Layers
        An iterator of `Layer`; `.skipped` lists what is no weight matrix, with reasons: vectors (biases, norms),
        scalars, integers, empty tensors, other dtypes, and bad tensors of a good file, whose place in it is cut off or
        whose header cannot be true. Entries are given as stored, NaN included.

    Raises
    ------
    ReadError, ValueError
        The file is missing, not of its kind or without a good tensor, a shard is missing, a folder has nothing to read
        (ReadError is a ValueError); the number of heads is wanted and unknown. Single unreadable files of a folder are
        listed in `.skipped`.

    Notes
    -----
    Reading takes the memory of the array that is given and a few megabytes: entries are widened and brought into order
    piece by piece. Taking convolutions and gates apart gives views, or copies of one part at a time. Nothing in a file
    is ever executed.

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
    heads = as_heads("load", split, heads, conv)
    work, skipped = prepared(*find(as_path("load", "path", path), strict=True), split, heads)
    return Layers(work, skipped, conv)
