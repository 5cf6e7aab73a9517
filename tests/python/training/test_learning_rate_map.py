"""Where training diverges, beside the border of the tangent kernel."""

import json

import numpy as np
import pytest

from deeprmt.meanfield import critical_point, max_learning_rate
from deeprmt.networks import MLP
from deeprmt.training import learning_rate_map


def test_the_border_of_an_isometric_network_falls_with_depth():
    """Hayase and Karakida, arXiv:2006.07814: 2 / lambda_max = 2 / (L qhat), here with 1 / n more for biases."""
    point = critical_point("hard_tanh", q_star=0.05)
    mlp = MLP([60] * 3, "hard_tanh", weights="haar", sigma_w=point.sigma_w, sigma_b=point.sigma_b)
    depths = np.array([2, 4, 8])
    border = 2 / (depths * (0.049999257 + 1 / 60))
    rates = np.sort(np.concatenate([0.8 * border, 1.25 * border]))
    found = learning_rate_map(mlp, depths=depths, rates=rates, steps=25, distance=1e-3, rng=0)
    np.testing.assert_allclose(found.border, border, rtol=1e-3)
    # Signals of a network of width 60 have lengths that are off by 1 / sqrt(60) of their variation.
    np.testing.assert_allclose(found.measured, border, rtol=0.05)
    np.testing.assert_array_equal(found.unstable, rates > found.border[:, None])
    assert (found.best < found.border).all()
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert "Infinity" not in text
    assert "3 depths 2..8" in repr(found)


def test_a_training_set_and_labels():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 5)), np.arange(20) % 3
    mlp = MLP([5, 30, 3], "relu", sigma_w=2**0.5, parametrization="ntk")
    one, three = (learning_rate_map(mlp, x, y, depths=[2, 3], steps=15, rng=1, threads=t) for t in (1, 3))
    np.testing.assert_array_equal(one.losses, three.losses)
    np.testing.assert_allclose(one.border[0], max_learning_rate(mlp, x).stability)
    assert np.isfinite(one.border).all()
    assert one.losses[:, 0].max() < 1  # the smallest rate: a quarter of the border
    assert one.unstable[:, -1].all()
    assert (one.unstable | ~one.diverged).all()


@pytest.mark.parametrize("parametrization", ["standard", "ntk", "mup"])
def test_every_network_has_a_border(parametrization):
    """As `max_learning_rate` has it, which the networks that are trained approach."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(12, 6)), rng.normal(size=(12, 2))
    wide = MLP([6, 2000, 2], "tanh", sigma_w=1.3, sigma_b=0.1, parametrization=parametrization)
    over = learning_rate_map(wide, x, y, depths=[2], rates=[1e-3], steps=1, rng=0)
    # The kernel is a mean over 2000 units of squares below 1, so of a variation below 1: five sigma.
    np.testing.assert_allclose(over.border, over.measured, rtol=5 / 2000**0.5)
    np.testing.assert_allclose(over.border[0], max_learning_rate(wide, x).stability, rtol=1e-14)

    unequal = MLP([300, 400, 200], "tanh", sigma_w=1.3, sigma_b=0.1, parametrization=parametrization)
    row = rng.normal(size=300)
    at_one = learning_rate_map(unequal, row, depths=[2, 3], rates=[1e-3], steps=1, rng=0)
    # The same of 200 and more units; edges of spectra are off by 200^(-2/3) = 0.03 more.
    np.testing.assert_allclose(at_one.border, at_one.measured, rtol=5 / 200**0.5)
    expected = max_learning_rate(unequal, row, biases=True).stability
    np.testing.assert_allclose(at_one.border[0], expected, rtol=1e-14)


def test_one_input_and_values():
    mlp = MLP([4, 30, 30], "tanh", sigma_w=1.3, sigma_b=0.1)
    x, y = np.ones(4), np.zeros(30)
    found = learning_rate_map(mlp, x, y, depths=[2], rates=[0.01, 0.1], steps=10, rng=0)
    np.testing.assert_allclose(found.measured[0], max_learning_rate(_net(mlp), x, biases=True).stability, rtol=0.5)
    assert found.losses[0, 1] < found.losses[0, 0] < 1


def _net(mlp):
    return mlp.sample(0)


def test_bad_input_is_refused():
    mlp, x = MLP([4, 10, 2], "tanh", sigma_w=1.3), np.ones((3, 4))
    with pytest.raises(TypeError, match="mlp must be"):
        learning_rate_map(None, depths=[2])
    with pytest.raises(ValueError, match="must name a hidden layer"):
        learning_rate_map(MLP([4, 2], "tanh", sigma_w=1), depths=[2])
    for depths in ([], [3, 3], [4, 2]):
        with pytest.raises(ValueError, match="depths must ascend"):
            learning_rate_map(mlp, x, depths=depths)
    with pytest.raises(ValueError, match=r"depths\[0\] must be at least 2"):
        learning_rate_map(mlp, x, depths=[1])
    for rates in ([], [0.0, 1.0], [2.0, 1.0], [[1.0]]):
        with pytest.raises(ValueError, match="rates must be positive and ascend"):
            learning_rate_map(mlp, x, depths=[2], rates=rates)
    with pytest.raises(TypeError, match="y must be left out"):
        learning_rate_map(mlp, y=[0, 1], depths=[2])
    with pytest.raises(TypeError, match="q0 must be left out"):
        learning_rate_map(mlp, x, depths=[2], q0=1.0)
    with pytest.raises(ValueError, match="x must have shape"):
        learning_rate_map(mlp, np.ones((3, 5)), depths=[2])
    with pytest.raises(ValueError, match="distance must be finite and above 0"):
        learning_rate_map(mlp, x, depths=[2], distance=0)
    still = MLP([4, 10, 2], "tanh", sigma_w=1.3, parametrization="ntk")
    for zeros in (np.zeros(4), np.zeros((3, 4))):
        with pytest.raises(ValueError, match="x must not be 0 everywhere where biases do not learn"):
            learning_rate_map(still, zeros, depths=[2])


def test_the_picture():
    pytest.importorskip("matplotlib")
    mlp = MLP([20] * 3, "tanh", weights="haar", sigma_w=1.05)
    found = learning_rate_map(mlp, depths=[2, 4], rates=[1, 10, 100], steps=3, q0=0.05, rng=0)
    ax = found.plot()
    assert [line.get_label() for line in ax.lines] == [
        "2 / lambda_max", "1 / lambda_max", "2 / lambda_max of each network",
    ]  # fmt: skip
    low, high = ax.collections[0].get_clim()  # all colours for the losses there are
    known = np.clip(found.losses[np.isfinite(found.losses)], 1e-6, 1e2)
    assert (low, high) == pytest.approx((known.min(), known.max()))
    ax.figure.canvas.draw()
    cells, legend = ax.get_window_extent(), ax.get_legend().get_window_extent()
    assert legend.y0 >= cells.y1 - 1  # pixels: it hides none
    one = learning_rate_map(mlp, depths=[2], rates=[1, 10], steps=1, q0=0.05)
    with pytest.raises(ValueError, match="at least two depths"):
        one.plot()
