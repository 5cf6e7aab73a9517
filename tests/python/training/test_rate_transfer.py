"""Losses over width and learning rate."""

import json
import math

import numpy as np
import pytest

from deeprmt.networks import MLP
from deeprmt.training import RateTransfer, Trainer, rate_transfer

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 6))
Y = X[:, :1] * X[:, 1:2]


def test_losses_are_those_of_a_trainer():
    mlp = MLP([6, 8, 4, 1], "tanh", sigma_w=1.2)
    found = rate_transfer(mlp, [4, 12], X, Y, rates=[0.05, 0.2], steps=4, draws=2, rng=3, threads=1)
    key = int(np.random.default_rng(3).integers(0, 2**64, dtype=np.uint64))
    wanted, before = np.zeros((2, 2)), np.zeros(2)
    for i, width in enumerate((4, 12)):
        for draw in range(2):
            start = MLP([6, width, width // 2, 1], "tanh", sigma_w=1.2).sample(np.random.default_rng([key, draw]))
            for j, rate in enumerate((0.05, 0.2)):
                trainer = Trainer(start, X, Y, loss="squared", rate=rate)
                first, *_ = [trainer.step() for _ in range(4)]
                wanted[i, j] += trainer.evaluate()[0] / 2
            before[i] += first / 2
    np.testing.assert_allclose(found.losses, wanted, rtol=1e-12)
    np.testing.assert_allclose(found.before, before, rtol=1e-12)
    again = rate_transfer(mlp, [4, 12], X, Y, rates=[0.05, 0.2], steps=4, draws=2, rng=3, threads=3)
    np.testing.assert_array_equal(found.losses, again.losses)


def test_rates_carry_over_in_mup_alone():
    """Yang et al., arXiv:2203.03466: the rate that reaches a loss goes as n^0, in the standard one as 1 / n."""
    found = {
        kind: rate_transfer(
            MLP([6, 16, 16, 1], "tanh", sigma_w=1.0, parametrization=kind), [16, 128], X, Y,
            rates=np.geomspace(1e-3, 1, 10), steps=10, rng=0,
        )
        for kind in ("mup", "standard")
    }  # fmt: skip
    assert abs(found["mup"].exponent) < 0.2
    assert found["mup"].shortfall < 1.25
    assert found["standard"].exponent < -0.4
    assert found["standard"].shortfall > 2
    text = json.dumps(found["standard"].to_dict(), allow_nan=False)
    assert "Infinity" not in text
    assert "2 widths 16..128, 10 rates" in repr(found["mup"])


def made(losses, before=1.0):
    losses = np.asarray(losses, float)
    rates = 10.0 ** np.arange(losses.shape[1])
    widths = 10 ** np.arange(1, len(losses) + 1)
    return RateTransfer(widths, rates, losses, np.full(len(losses), before), 1, None)


def test_what_is_read_off_losses():
    # Parabolas in the logarithm, with minima at the middle and a quarter of a decade beyond.
    at = np.arange(3)
    found = made([10.0 ** ((at - 1) ** 2 - 3), 10.0 ** ((at - 1.25) ** 2 - 3)])
    np.testing.assert_allclose(found.best, [10, 10**1.25])
    assert found.shortfall == 1
    # 1e-2 lies on lines: the middle of the first decade, whose loss falls from 1e-1 to 1e-3; and of the second one.
    found = made([[1e-1, 1e-3, 1e-3], [1e0, 1e-1, 1e-3]])
    np.testing.assert_allclose(found.reaching(1e-2), [10**0.5, 10**1.5])
    np.testing.assert_allclose(found.exponent, 1.0)
    np.testing.assert_allclose(made([[1.0, 1e-2], [1.0, 0.0]]).reaching(), [10**0.5, 10])
    worse = made([[1e-1, 1e-3, math.inf], [1e-3, math.inf, math.inf]])
    assert worse.shortfall == math.inf
    np.testing.assert_allclose(worse.best, [10, 1])
    assert np.isnan(worse.reaching(1e-2)).tolist() == [False, True]
    assert math.isnan(worse.exponent)
    lost = made([[math.inf] * 3] * 2)
    assert math.isnan(lost.shortfall)
    assert np.isnan(lost.best).all()
    assert math.isnan(lost.exponent)
    assert lost.to_dict()["best"] == [None, None]
    assert lost.diverged.all()
    assert "diverged at all rates at width" in repr(lost)
    with pytest.raises(ValueError, match="level must be"):
        lost.reaching(0)


def test_bad_input_is_refused():
    mlp = MLP([6, 8, 1], "tanh", sigma_w=1)
    with pytest.raises(TypeError, match="rate_transfer: mlp must be"):
        rate_transfer(None, [2, 4], X, Y, rates=[0.1])
    with pytest.raises(ValueError, match="widths must ascend, at least two"):
        rate_transfer(mlp, [4], X, Y, rates=[0.1])
    for rates in ([], [0.0, 1.0], [2.0, 1.0], [[1.0]], 1.0):
        with pytest.raises(ValueError, match="rates must be positive and ascend"):
            rate_transfer(mlp, [2, 4], X, Y, rates=rates)
    with pytest.raises(ValueError, match="y must have shape"):
        rate_transfer(mlp, [2, 4], X, Y[:3], rates=[0.1])
    with pytest.raises(ValueError, match="optimizer must be one of"):
        rate_transfer(mlp, [2, 4], X, Y, rates=[0.1], optimizer="lamb")


def test_the_picture():
    pytest.importorskip("matplotlib")
    mlp = MLP([6, 8, 1], "tanh", sigma_w=1, parametrization="mup")
    ax = rate_transfer(mlp, [4, 8], X, Y, rates=[0.01, 0.1, 1e6], steps=3, draws=1, rng=0).plot()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["width 4", "width 8"]


def test_what_diverges_is_said_to():
    found = rate_transfer(MLP([6, 8, 1], "relu", sigma_w=1.5), [8, 32], X, Y, rates=[1e300], steps=3, draws=1, rng=0)
    assert found.diverged.all()
    assert np.isnan(found.best).all()
    pytest.importorskip("matplotlib")
    labels = [text.get_text() for text in found.plot().get_legend().get_texts()]
    assert labels == ["width 8: diverged", "width 32: diverged"]
