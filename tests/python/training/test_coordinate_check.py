"""How far training moves each layer, over the width."""

import json

import numpy as np
import pytest

from deeprmt.networks import MLP
from deeprmt.training import Trainer, coordinate_check

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(12, 6)), rng.normal(size=(12, 2))


def plain(network, x):
    """h_1 .. h_L."""
    found = []
    for w, b in zip(network.weights, network.biases, strict=True):
        found.append((x if not found else np.tanh(found[-1])) @ w.T + b)
    return found


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_measures_what_a_trainer_does(optimizer):
    mlp = MLP([6, 4, 8, 2], "tanh", sigma_w=1.2, sigma_b=0.1)
    found = coordinate_check(mlp, [4, 10], X, Y, steps=3, rate=0.1, optimizer=optimizer, draws=2, rng=5, threads=1)
    assert found.changes.shape == (2, 3, 3)
    key = int(np.random.default_rng(5).integers(0, 2**64, dtype=np.uint64))
    squares = np.zeros((2, 3, 3))
    for i, width in enumerate((4, 10)):
        for draw in range(2):
            wide = MLP([6, width, 2 * width, 2], "tanh", sigma_w=1.2, sigma_b=0.1)
            start = wide.sample(np.random.default_rng([key, draw]))
            trainer = Trainer(start, X, Y, loss="squared", optimizer=optimizer, rate=0.1)
            for step in range(3):
                trainer.step()
                pairs = zip(plain(start, X), plain(trainer.network, X), strict=True)
                squares[i, step] += [np.mean((b - a) ** 2) / 2 for a, b in pairs]
    np.testing.assert_allclose(found.changes, np.sqrt(squares), rtol=1e-9)
    slope = np.log(found.changes[1] / found.changes[0]) / np.log(10 / 4)
    np.testing.assert_allclose(found.exponents, slope, rtol=1e-9)
    again = coordinate_check(mlp, [4, 10], X, Y, steps=3, rate=0.1, optimizer=optimizer, draws=2, rng=5, threads=3)
    np.testing.assert_array_equal(found.changes, again.changes)


@pytest.mark.parametrize(
    ("kind", "optimizer", "rate", "wanted"),
    [
        ("mup", "sgd", 0.1, (0, 0, 0)), ("ntk", "sgd", 0.1, (-0.5, -0.5, 0)), ("standard", "sgd", 1e-5, (-0.5, 0.5, 1)),
        ("mup", "adam", 0.02, (0, 0, 0)),
    ],
)  # fmt: skip
def test_exponents_are_those_of_the_parametrization(kind, optimizer, rate, wanted):
    """Yang and Hu, arXiv:2011.14522. Eight draws leave the residual before training some 0.15 of exponents."""
    mlp = MLP([6, 8, 8, 2], "tanh", sigma_w=1.0, parametrization=kind)
    found = coordinate_check(mlp, [32, 128], X, Y, steps=3, rate=rate, optimizer=optimizer, epsilon=0.0, draws=8, rng=1)
    assert found.steps == 3
    np.testing.assert_allclose(found.exponents, np.tile(wanted, (3, 1)), rtol=0, atol=0.3)


def test_what_diverges_is_said_to():
    found = coordinate_check(MLP([6, 8, 2], "relu", sigma_w=1.5), [8, 32], X, Y, steps=12, rate=1e30, draws=1, rng=0)
    assert np.isnan(found.changes[:, -1]).all()
    assert np.isnan(found.exponents[-1]).all()
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.diverged[:, -1].all()
    assert "diverged at width 8, 32" in repr(found)
    assert "2 widths 8..32" in repr(found)
    pytest.importorskip("matplotlib")
    assert [text.get_text() for text in found.plot().get_legend().get_texts()] == [
        "layer 1: diverged",
        "output: diverged",
    ]


def test_bad_input_is_refused():
    mlp = MLP([6, 8, 2], "tanh", sigma_w=1)
    with pytest.raises(TypeError, match="coordinate_check: mlp must be"):
        coordinate_check(None, [2, 4], X, Y, rate=0.1)
    with pytest.raises(ValueError, match="must name a hidden layer"):
        coordinate_check(MLP([6, 2], "tanh", sigma_w=1), [2, 4], X, Y, rate=0.1)
    for widths in ([], [4], [4, 4], [8, 4]):
        with pytest.raises(ValueError, match="widths must ascend, at least two"):
            coordinate_check(mlp, widths, X, Y, rate=0.1)
    with pytest.raises(ValueError, match=r"widths\[0\] must be at least 1"):
        coordinate_check(mlp, [0, 4], X, Y, rate=0.1)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 6\)"):
        coordinate_check(mlp, [2, 4], X[:, :5], Y, rate=0.1)
    with pytest.raises(ValueError, match="x must"):
        coordinate_check(mlp, [2, 4], X * np.nan, Y, rate=0.1)
    with pytest.raises(ValueError, match="y must have shape"):
        coordinate_check(mlp, [2, 4], X, Y[:3], rate=0.1)
    with pytest.raises(ValueError, match="rate must be finite and above 0"):
        coordinate_check(mlp, [2, 4], X, Y, rate=0)
    for name in ("steps", "draws"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1"):
            coordinate_check(mlp, [2, 4], X, Y, rate=0.1, **{name: 0})


def test_the_picture():
    pytest.importorskip("matplotlib")
    mlp = MLP([6, 8, 8, 2], "tanh", sigma_w=1, parametrization="mup")
    ax = coordinate_check(mlp, [8, 16], X, Y, steps=2, rate=0.1, draws=1, rng=0).plot()
    names = [text.get_text().split(":")[0] for text in ax.get_legend().get_texts()]
    assert names == ["layer 1", "layer 2", "output"]
    assert len(ax.lines) == 6
