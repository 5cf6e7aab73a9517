import math

import numpy as np
import pytest

from deeprmt.errors import ConvergenceError
from deeprmt.networks import MLP, Network
from deeprmt.training import Trainer, train
from reference.training import trainer as reference

SETTINGS = [
    {"loss": "cross-entropy"},
    {"loss": "squared"},
    {"loss": "cross-entropy", "scale": 3.0, "weight_decay": 0.1},
    {"loss": "squared", "scale": 0.2, "center": True},
    {"loss": "cross-entropy", "scale": 30.0, "center": True},
]


def case(seed=0, activation="tanh", widths=(3, 5, 4, 2), n=7, dtype=np.float64):
    rng = np.random.default_rng(seed)
    network = MLP(widths, activation, sigma_w=1.3, sigma_b=0.3).sample(seed, dtype=dtype)
    return network, rng.normal(size=(n, widths[0])), rng.integers(0, widths[-1], n)


def one_hot(labels, classes):
    return np.eye(classes)[labels]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_steps_are_those_of_plain_loops(settings):
    network, x, y = case()
    trainer = Trainer(network, x, y, rate=0.2, momentum=0.7, batch=3, rng=5, **settings)
    orders = [trainer.order(epoch) for epoch in range(2)]
    trainer.run(2)
    targets = one_hot(y, 2).tolist() if settings["loss"] == "squared" else y.tolist()
    batches = [
        [(x[i].tolist(), targets[i]) for i in order[begin : begin + 3]] for order in orders for begin in range(0, 7, 3)
    ]
    weights, biases = reference.train(
        [w.tolist() for w in network.weights],
        [b.tolist() for b in network.biases],
        math.tanh,
        lambda h: 1 - math.tanh(h) ** 2,
        batches,
        settings["loss"],
        0.2,
        0.7,
        settings.get("scale", 1.0),
        settings.get("center", False),
        settings.get("weight_decay", 0.0),
    )
    # Some dozen roundings a step, six steps, in numbers of order 1; 1 / scale enlarges slopes by up to 5.
    for ours, theirs in zip((*trainer.weights, *trainer.biases), (*weights, *biases), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_gradients_are_differences_of_the_loss(settings, activation):
    network, x, y = case(1, activation)
    trainer = Trainer(network, x, y, rate=1e-9, **settings)
    trainer.step()  # off the start, where centred outputs are all 0
    weights, biases = trainer.gradients()
    decay = settings.get("weight_decay", 0.0)

    def minimised():
        return trainer.evaluate()[0] + decay / 2 * sum(float((w**2).sum()) for w in trainer.weights)

    h = 1e-5
    for array, slope in zip((*trainer.weights, *trainer.biases), (*weights, *biases), strict=True):
        for where in np.ndindex(array.shape):
            kept = array[where]
            array[where] = kept + h
            above = minimised()
            array[where] = kept - h
            below = minimised()
            array[where] = kept
            # Central differences: h^2 times a third derivative, below 100 here (scale 30 has 30 of it), and rounding
            # eps / h of the loss.
            assert slope[where] == pytest.approx((above - below) / (2 * h), abs=3e-8, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_never_change_a_bit(dtype):
    network, x, y = case(2, "relu", (30, 300, 200, 4), 150, dtype)
    runs = [
        train(network, x, y, epochs=2, rate=0.05, momentum=0.9, batch=64, rng=3, test=(x, y), threads=threads)
        for threads in (1, 2, 5)
    ]
    for other in runs[1:]:
        for a, b in zip(runs[0].network.weights, other.network.weights, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(runs[0].losses, other.losses)
        np.testing.assert_array_equal(runs[0].test_losses, other.test_losses)


def test_descent_of_a_linear_layer_is_the_closed_form():
    """W_t = W* + (W_0 - W*) (1 - rate C)^t for least squares, and gradient flow as the rate vanishes."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(40, 5)), rng.normal(size=(40, 2))
    w0 = rng.normal(size=(2, 5))
    moments, cross = x.T @ x / 40, y.T @ x / 40
    best = np.linalg.solve(moments, cross.T).T
    lam, q = np.linalg.eigh(moments)

    def after(factor):
        return best + ((w0 - best) @ q * factor) @ q.T

    def without_biases(rate, steps):
        trainer = Trainer(Network([w0]), x, y, loss="squared", rate=rate)
        for _ in range(steps):
            trainer.step()
            trainer.biases[0][:] = 0
        return trainer.weights[0]

    np.testing.assert_allclose(without_biases(0.1, 25), after((1 - 0.1 * lam) ** 25), rtol=0, atol=1e-13)
    # (1 - r l)^(t / r) is exp(-l t) up to r l^2 t / 2 exp(-l t) <= r l / (2 e): a share of the distance.
    bound = 0.002 * lam.max() / (2 * math.e) * np.linalg.norm(w0 - best)
    assert np.linalg.norm(without_biases(0.002, 500) - after(np.exp(-lam))) < 1.1 * bound


def test_momentum_of_a_quadratic_is_the_recursion():
    trainer = Trainer(Network([[[0.0]]]), [[1.0]], [[1.0]], loss="squared", rate=0.1, momentum=0.5)
    w = v = 0.0
    for _ in range(20):
        trainer.biases[0][:] = 0
        trainer.step()
        v = 0.5 * v + 0.1 * (1 - w)
        w += v
    assert trainer.weights[0][0, 0] == pytest.approx(w, abs=1e-15)


def test_a_large_scale_moves_weights_as_one_over_it():
    """Lazy training: F follows its linearisation, so that W - W_0 shrinks as 1 / alpha while F does the same."""
    network, x, y = case(4)
    moved, outputs = [], []
    for scale in (1e3, 1e4):
        trainer = Trainer(network, x, y, loss="squared", rate=0.1, scale=scale, center=True)
        trainer.run(20)
        moved.append(np.linalg.norm(trainer.weights[1] - network.weights[1]) * scale)
        outputs.append(trainer.outputs(x))
    # What is left of the nonlinearity is O(1 / alpha).
    assert moved[0] == pytest.approx(moved[1], rel=0.02)
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=0, atol=0.02)
    assert np.abs(outputs[0]).max() > 0.1


def test_training_learns():
    network, x, y = case(5, "relu", (10, 60, 3), 50, np.float32)
    found = train(network, x, y, epochs=100, rate=0.1, momentum=0.9, batch=10, rng=0)
    assert found.accuracies[-1] == 1.0
    assert found.losses[-1] < 0.02 < 0.5 < found.losses[0]
    assert found.network.weights[0].dtype == np.float32


def test_an_epoch_uses_each_sample_once_in_an_order_of_its_own():
    network, x, y = case()
    trainer = Trainer(network, x, y, rate=0.1, batch=2, rng=1)
    orders = np.array([trainer.order(epoch) for epoch in range(300)])
    np.testing.assert_array_equal(np.sort(orders), np.tile(np.arange(7), (300, 1)))
    # Each sample is first in 300/7 epochs; five standard deviations of a binomial number.
    counts = np.bincount(orders[:, 0], minlength=7)
    assert np.abs(counts - 300 / 7).max() < 5 * math.sqrt(300 / 7 * 6 / 7)
    np.testing.assert_array_equal(orders[3], Trainer(network, x, y, rate=0.2, rng=1).order(3))


def test_a_trainer_goes_on_as_if_it_had_never_stopped():
    network, x, y = case()
    whole, parts = (Trainer(network, x, y, rate=0.1, momentum=0.9, batch=2, rng=1) for _ in range(2))
    whole.run(3)
    parts.run(1)
    parts.evaluate(x, y)
    parts.run(2)
    np.testing.assert_array_equal(whole.weights[1], parts.weights[1])
    np.testing.assert_array_equal(network.weights[1], case()[0].weights[1])  # what was given stays


def test_outputs_are_those_of_the_network_or_of_another():
    network, x, y = case()
    trainer = Trainer(network, x, y, rate=0.1, scale=2.0)
    np.testing.assert_allclose(trainer.outputs(x), 2 * network.forward(x), rtol=1e-14)
    trainer.run(2)
    np.testing.assert_allclose(trainer.outputs(x), 2 * trainer.network.forward(x), rtol=1e-13)
    np.testing.assert_allclose(trainer.outputs(x, network=network), 2 * network.forward(x), rtol=1e-14)
    centred = Trainer(network, x, y, rate=0.1, center=True)
    assert not centred.outputs(x).any()


def test_a_loss_that_runs_away_says_so():
    network, x, y = case()
    with pytest.raises(ConvergenceError, match="take a rate below 1e\\+06") as caught:
        train(network, x, one_hot(y, 2), epochs=500, rate=1e6, loss="squared")
    assert caught.value.report["epoch"] > 0


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"network": "net"}, TypeError, "network must be a Network"),
        ({"x": np.ones((7, 4))}, ValueError, r"x must have shape \(n, 3\), got \(7, 4\)"),
        ({"x": np.full((7, 3), np.nan)}, ValueError, "x must be finite"),
        ({"x": np.ones((0, 3)), "y": np.ones(0, int)}, ValueError, "x must have shape"),
        ({"y": np.full(7, 2)}, ValueError, "labels below 2"),
        ({"y": np.full(7, -1)}, ValueError, "labels from 0 on"),
        ({"y": np.zeros(6, int)}, ValueError, "7 labels below 2, got 6"),
        ({"y": np.zeros((7, 2))}, TypeError, "whole numbers for cross-entropy"),
        ({"y": np.zeros((7, 3)), "loss": "squared"}, ValueError, r"y must have shape \(7, 2\)"),
        ({"y": np.full((7, 2), 1e200), "loss": "squared"}, ValueError, "or the loss overflows, got 1e\\+200"),
        ({"loss": "hinge"}, ValueError, "loss must be one of"),
        ({"rate": 0}, ValueError, "rate must be finite and above 0"),
        ({"momentum": 1.0}, ValueError, "momentum must be below 1"),
        ({"optimizer": "lion"}, ValueError, "optimizer must be one of"),
        ({"optimizer": "adam", "momentum": 0.5}, ValueError, "momentum must be 0 with Adam"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas must be below 1"),
        ({"betas": 0.9}, TypeError, "betas must be two numbers"),
        ({"betas": (-0.1, 0.9)}, ValueError, r"betas\[0\] must be"),
        ({"epsilon": -1e-8}, ValueError, "epsilon must be"),
        ({"batch": 0}, ValueError, "batch must be at least 1"),
        ({"scale": -1.0}, ValueError, "scale must be"),
        ({"weight_decay": -1.0}, ValueError, "weight_decay must be"),
        ({"checkpoints": [3, 2]}, ValueError, "checkpoints must ascend"),
        ({"checkpoints": [0, 5]}, ValueError, "at most 4"),
        ({"epochs": -1}, ValueError, "epochs must be at least 0"),
    ],
)
def test_refuses(change, error, says):
    network, x, y = case()
    given = {"network": network, "x": x, "y": y, "epochs": 4, "rate": 0.1} | change
    with pytest.raises(error, match=says):
        train(given.pop("network"), given.pop("x"), given.pop("y"), **given)


def test_large_targets_are_trained_or_refused():
    network, x, _ = case()
    found = train(network, x, np.full((7, 2), 1e150), epochs=1, rate=1e-3, loss="squared")
    assert np.isfinite(found.losses).all()
    single = case(dtype=np.float32)[0]
    with pytest.raises(ValueError, match="or the loss overflows, got 1e\\+200"):
        train(single, x, np.full((7, 2), 1e200), epochs=1, rate=1e-3, loss="squared")


def test_indices_are_checked():
    network, x, y = case()
    trainer = Trainer(network, x, y, rate=0.1)
    for wrong in ([7], []):
        with pytest.raises((ValueError, TypeError), match="samples must be"):
            trainer.step(wrong)
    with pytest.raises(ValueError, match="belong together"):
        trainer.evaluate(x)


def test_the_result_keeps_what_was_asked_for():
    network, x, y = case()
    found = train(network, x, y, epochs=4, rate=0.1, checkpoints=[0, 1, 4], rng=0)
    assert found.checkpoints == (0, 1, 4)
    np.testing.assert_array_equal(found.networks[0].weights[0], network.weights[0])
    assert found.network is found.networks[2]
    assert found.losses.size == 5
    assert found.test_losses is None
    assert found.to_dict()["settings"]["epochs"] == 4
    assert "Training(4 epochs" in repr(found)
    values = train(network, x, one_hot(y, 2) + 0.5, epochs=1, rate=0.1, loss="squared")
    assert np.isnan(values.accuracies).all()
    assert values.to_dict()["accuracies"] == [None, None]


def test_parametrizations_are_what_their_formulas_say():
    """h = sigma_w w x / sqrt(n) + sigma_b beta, trained by w and beta: the same function as with rates of its own."""
    rng = np.random.default_rng(3)
    x, y, sigma_w, sigma_b, rate = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), 1.4, 0.3, 0.1
    mlp = MLP([3, 6, 2], "tanh", sigma_w=sigma_w, sigma_b=sigma_b, parametrization="ntk")
    net = mlp.sample(0)
    trainer = Trainer(net, x, y, loss="squared", rate=rate)
    scales = [sigma_w / np.sqrt(3), sigma_w / np.sqrt(6)]
    w = [each / scale for each, scale in zip(net.weights, scales, strict=True)]
    beta = [each / sigma_b for each in net.biases]
    for _ in range(3):
        h = scales[0] * x @ w[0].T + sigma_b * beta[0]
        delta = (scales[1] * np.tanh(h) @ w[1].T + sigma_b * beta[1] - y) / len(x)
        back = scales[1] * delta @ w[1] / np.cosh(h) ** 2
        w[1] -= rate * scales[1] * delta.T @ np.tanh(h)
        w[0] -= rate * scales[0] * back.T @ x
        beta[1] -= rate * sigma_b * delta.sum(axis=0)
        beta[0] -= rate * sigma_b * back.sum(axis=0)
        trainer.step()
    for scale, each, wanted in zip(scales, trainer.weights, w, strict=True):
        np.testing.assert_allclose(each, scale * wanted, rtol=1e-12, atol=1e-13)
    for each, wanted in zip(trainer.biases, beta, strict=True):
        np.testing.assert_allclose(each, sigma_b * wanted, rtol=1e-12, atol=1e-13)
    assert trainer.network.weight_rates == net.weight_rates
    assert trainer.network.bias_rates == net.bias_rates


@pytest.mark.parametrize("parametrization", ["standard", "ntk", "mup"])
def test_a_small_step_moves_outputs_by_the_tangent_kernel(parametrization):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    net = MLP([4, 8, 7, 2], "tanh", sigma_w=1.4, sigma_b=0.5, parametrization=parametrization).sample(1)
    before, kernel = net.forward(x), net.ntk(x, outputs="full")
    rate = 1e-6
    trainer = Trainer(net, x, y, loss="squared", rate=rate)
    trainer.step()
    moved = (trainer.outputs(x) - before) / rate
    wanted = -np.einsum("ijop,jp->io", kernel, before - y) / len(x)
    # The step's second order: about rate times the largest eigenvalue of the kernel (some hundreds in "mup").
    np.testing.assert_allclose(moved, wanted, rtol=0, atol=1e-3 * np.abs(wanted).max())


def by_adam(network, x, y, steps, **settings):
    trainer = Trainer(network, x, y, optimizer="adam", **settings)
    for _ in range(steps):
        trainer.step()
    return trainer


def test_steps_of_adam_are_those_of_plain_loops():
    network, x, y = case(6)
    settings = {"rate": 0.03, "betas": (0.8, 0.95), "epsilon": 1e-3}
    trainer = Trainer(network, x, y, optimizer="adam", batch=3, rng=5, **settings)
    batches = [
        [(x[i].tolist(), int(y[i])) for i in trainer.order(epoch)[begin : begin + 3]]
        for epoch in range(2)
        for begin in range(0, 7, 3)
    ]
    trainer.run(2)
    weights, biases = reference.adam(
        [w.tolist() for w in network.weights],
        [b.tolist() for b in network.biases],
        math.tanh,
        lambda h: 1 - math.tanh(h) ** 2,
        batches,
        "cross-entropy",
        *settings.values(),
    )
    # Six steps; a rounding of a slope is at most 1 / epsilon times as large in a step of 0.03.
    for ours, theirs in zip((*trainer.weights, *trainer.biases), (*weights, *biases), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_adam_is_that_of_torch():
    torch = pytest.importorskip("torch")
    network, x, y = case(7)
    trainer = by_adam(network, x, y, 20, rate=0.02)
    w = [torch.tensor(each, requires_grad=True) for each in network.weights]
    b = [torch.tensor(each, requires_grad=True) for each in network.biases]
    theirs = torch.optim.Adam([*w, *b], lr=0.02)
    for _ in range(20):
        h = torch.tensor(x)
        for layer, (one, two) in enumerate(zip(w, b, strict=True)):
            h = (torch.tanh(h) if layer else h) @ one.T + two
        theirs.zero_grad()
        torch.nn.functional.cross_entropy(h, torch.tensor(y)).backward()
        theirs.step()
    for ours, each in zip((*trainer.weights, *trainer.biases), (*w, *b), strict=True):
        np.testing.assert_allclose(ours, each.detach().numpy(), rtol=0, atol=1e-10)


def test_the_first_step_of_adam_is_the_rate_whatever_the_gradient():
    network, x, y = case(8)
    slopes = Trainer(network, x, y, rate=1.0).gradients()[0]
    trainer = by_adam(network, x, y, 1, rate=0.01, epsilon=0.0)
    for before, after, slope in zip(network.weights, trainer.weights, slopes, strict=True):
        np.testing.assert_allclose(before - after, 0.01 * np.sign(slope), rtol=0, atol=1e-15)


def test_where_nothing_slopes_adam_stands_still():
    network = Network([[[0.0]], [[0.0]]], activation="relu")
    trainer = by_adam(network, [[1.0]], [[0.0]], 3, rate=0.1, loss="squared", epsilon=0.0)
    assert trainer.weights[0][0, 0] == trainer.weights[1][0, 0] == trainer.biases[1][0] == 0.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_never_change_a_bit_of_adam(dtype):
    network, x, y = case(2, "relu", (30, 300, 200, 4), 150, dtype)
    runs = [by_adam(network, x, y, 3, rate=0.01, threads=threads) for threads in (1, 3)]
    for a, b in zip(runs[0].weights, runs[1].weights, strict=True):
        assert a.dtype == dtype
        np.testing.assert_array_equal(a, b)


def test_adam_trains_scaled_weights_at_the_square_roots_of_the_rates():
    """W = s w with w trained at eta moves as W trained at s eta: the ntk parametrization, put together by hand."""
    rng = np.random.default_rng(9)
    x, y, sigma_w, sigma_b, rate = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), 1.4, 0.3, 0.01
    net = MLP([3, 6, 2], "tanh", sigma_w=sigma_w, sigma_b=sigma_b, parametrization="ntk").sample(0)
    scales = [sigma_w / np.sqrt(3), sigma_w / np.sqrt(6), sigma_b, sigma_b]
    w = [each / s for each, s in zip((*net.weights, *net.biases), scales, strict=True)]
    m, v = [np.zeros_like(each) for each in w], [np.zeros_like(each) for each in w]
    for t in range(1, 5):
        h = scales[0] * x @ w[0].T + sigma_b * w[2]
        delta = (scales[1] * np.tanh(h) @ w[1].T + sigma_b * w[3] - y) / len(x)
        back = scales[1] * delta @ w[1] / np.cosh(h) ** 2
        slopes = [back.T @ x, delta.T @ np.tanh(h), back.sum(axis=0), delta.sum(axis=0)]
        for i, (slope, s) in enumerate(zip(slopes, scales, strict=True)):
            m[i], v[i] = 0.9 * m[i] + 0.1 * s * slope, 0.999 * v[i] + 0.001 * (s * slope) ** 2
            w[i] = w[i] - rate * m[i] / (1 - 0.9**t) / np.sqrt(v[i] / (1 - 0.999**t))
    trainer = by_adam(net, x, y, 4, rate=rate, loss="squared", epsilon=0.0)
    for each, wanted, s in zip((*trainer.weights, *trainer.biases), w, scales, strict=True):
        np.testing.assert_allclose(each, s * wanted, rtol=1e-9, atol=1e-12)
    assert trainer.network.adam_weight_rates == net.adam_weight_rates


def test_the_settings_of_adam_are_kept():
    network, x, y = case()
    found = train(network, x, y, epochs=1, rate=0.1, optimizer="adam", betas=(0.5, 0.9))
    assert found.settings["optimizer"] == "adam"
    assert found.settings["betas"] == [0.5, 0.9]
    assert "betas" not in train(network, x, y, epochs=1, rate=0.1).settings
