"""Kernels, inference, learning rates and training given what nobody should give: an error that names the function and
the argument, or an answer, and never a warning (warnings are errors in tests), a crash or another function's name."""

import math

import numpy as np
import pytest

from deeprmt import _arguments, meanfield, networks, training
from deeprmt.errors import ConvergenceError

rng = np.random.default_rng(0)
X, XN, Y, Y2 = rng.normal(size=(6, 3)), rng.normal(size=(2, 3)), rng.normal(size=6), rng.normal(size=(6, 1))
MLP = networks.MLP([3, 8, 8, 1], "tanh", sigma_w=1.0)
SQUARE = networks.MLP([4, 4, 4], "tanh", sigma_w=1.0)
NET = MLP.sample(0)
KERNEL = X @ X.T + np.eye(6)
WIDE = {"depth": 3, "activation": "relu", "sigma_w": 1.4, "sigma_b": 0.1, "threads": 1}
LEARNS = {"loss": "squared", "optimizer": "adam", "epsilon": 1e-8, "rng": 0, "threads": 1}
TRAINER = LEARNS | {
    "betas": (0.9, 0.99),
    "momentum": 0.0,
    "batch": 2,
    "weight_decay": 0.0,
    "scale": 1.0,
    "center": 0 > 1,
}
SEVERAL = {"mlp": MLP, "widths": [8, 16], "x": X, "y": Y2, "steps": 2, "draws": 1}
RATES = {"mlp": MLP, "depths": [2, 3], "rates": [0.1, 0.2], "steps": 2, "distance": 0.1, "rng": 0, "threads": 1}


def made():
    return training.Trainer(NET, X, Y2, rate=0.1, loss="squared", threads=1)


CALLS = [
    (meanfield.nngp, {"x": X, "y": XN, "layers": "last", "out": None} | WIDE),
    (meanfield.ntk, {"x": X, "y": XN, "parametrization": "standard", "widths": [5, 5], "biases": True} | WIDE),
    (meanfield.kernels, {"x": X, "out": None} | WIDE),
    (meanfield.posterior, {"x": X, "y": Y, "x_new": XN, "kernel": "ntk", "time": math.inf, "noise": 0.1, "jitter": None,
                           "covariance": True} | WIDE),
    (meanfield.posterior, {"x": None, "y": Y, "kernels": (np.eye(8), np.eye(8))}),
    (meanfield.gradient_flow, {"x": X, "y": Y, "x_new": XN, "times": [0, 1.0]} | WIDE),
    (meanfield.gradient_descent, {"x": X, "y": Y, "x_new": XN, "steps": [0, 1], "learning_rate": 0.01} | WIDE),
    (meanfield.max_learning_rate, {"source": MLP, "x": X, "biases": True, "threads": 1}),
    (meanfield.max_learning_rate, {"source": NET, "x": X, "threads": 1}),
    (meanfield.max_learning_rate, {"source": NET, "x": X[0]}),
    (meanfield.max_learning_rate, {"source": MLP, "q0": 1.0}),
    (meanfield.max_learning_rate, {"source": KERNEL}),
    (meanfield.kernel_spectrum, {"kernel": KERNEL, "law": None, "scale": "none", "threads": 1}),
    (meanfield.one_sample_ntk_law, {"mlp": SQUARE, "q0": 1.0, "biases": True}),
    (meanfield.ntk_law, {"activation": "tanh", "gammas": [0.5], "depth": 1}),
    (training.train, {"network": NET, "x": X, "y": Y2, "epochs": 1, "rate": 0.1, "test": (X, Y2), "checkpoints": [0, 1]}
     | TRAINER),
    (training.Trainer, {"network": NET, "x": X, "y": Y2, "rate": 0.1} | TRAINER),
    (training.coordinate_check, {"rate": 0.1} | SEVERAL | LEARNS),
    (training.rate_transfer, {"rates": [0.1, 0.2]} | SEVERAL | LEARNS),
    (training.learning_rate_map, {"x": X, "y": Y2} | RATES),
    (training.learning_rate_map, {"q0": 1.0} | RATES),
    (training.noisy_labels, {"labels": [0, 1, 1, 0], "share": 0.5, "classes": 2, "rng": 0}),
    (networks.MLP, {"widths": [3, 4, 2], "activation": "tanh", "weights": "gaussian", "sigma_w": 1.0, "sigma_b": 0.1,
                    "parametrization": "ntk"}),
    (networks.Network, {"weights": [np.ones((1, 3))], "biases": [np.ones(1)], "activation": "tanh",
                        "weight_rates": [1.0], "bias_rates": [1.0]}),
    (NET.forward, {"x": X, "output": "preactivation", "threads": 1}),
    (NET.jacobian, {"x": X, "output": "preactivation", "threads": 1}),
    (NET.one_sample_ntk, {"x": X, "biases": True, "threads": 1}),
    (NET.ntk, {"x": X, "y": XN, "outputs": "trace", "same": False, "biases": True, "threads": 1}),
    (NET.conjugate_kernel, {"x": X, "y": XN, "layer": 1, "threads": 1}),
    (NET.ntk_operator, {"x": X, "biases": True, "threads": 1}),
    (made().outputs, {"x": X, "network": NET}),
    (made().evaluate, {"x": X, "y": Y2}),
    (made().step, {"samples": [0, 1]}),
    (made().order, {"epoch": 0}),
]  # fmt: skip
HOSTILE = [
    None, "x", b"x", math.nan, -math.inf, 10**400, -(10**400), 2**70, -1, 1e-320, 1j, [], [[]], {}, object(), int,
    np.zeros((0, 3)), np.array(1.0), np.ones((6, 3, 3)), np.full((6, 3), None), X * 1e200, X * np.nan, X * 1j,
    X.astype(str), Y2 * 1e200, ["a", "b"], [10**400, 10**401], [2, None], [[1, 2], [3]],
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "given", "argument"),
    [
        pytest.param(function, given, argument, id=f"{i}-{function.__name__}-{argument}")
        for i, (function, given) in enumerate(CALLS)
        for argument in given
    ],
)
@pytest.mark.filterwarnings("ignore::deeprmt.errors.SingularKernelWarning")  # biases so large leave nothing else
def test_an_error_names_the_function_that_was_called(function, given, argument):
    for value in HOSTILE:
        try:
            function(**(given | {argument: value}))
        except (TypeError, ValueError, MemoryError, ConvergenceError) as error:
            text = str(error)
            assert text.startswith(f"{function.__name__}: "), (value, text)
            assert len(text) < 400, text


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: meanfield.ntk(X, **WIDE | {"depth": 10**400}),
         r"ntk: depth must be at most 9007199254740992, got 1000"),
        (lambda: meanfield.ntk(X, parametrization="standard", widths=[5, 10**400], **WIDE),
         r"ntk: widths\[1\] must be at m"),
        (lambda: meanfield.ntk(X, parametrization="standard", widths=1.5, **WIDE),
         "ntk: widths must be a sequence of who"),
        (lambda: meanfield.posterior(X, Y, XN, **WIDE | {"depth": 0}),
         "posterior: depth must be at least 1, got 0"),
        (lambda: meanfield.posterior(X, Y, XN, kernel="ntk", time=-1, **WIDE),
         r"time must be at least 0 \(inf is the end"),
        (lambda: meanfield.posterior(X, Y, XN, covariance="x", **WIDE),
         "covariance must be True or False, got 'x'"),
        (lambda: meanfield.posterior(X[:0], [], XN, **WIDE),
         r"posterior: y must have the shape .* got \(0,\)"),
        (lambda: meanfield.max_learning_rate(np.eye(2) * 1e-320),
         "so large that 2 over it is finite, got 9.99989e-321"),
        (lambda: meanfield.max_learning_rate(NET, X * 1e200),
         r"max_learning_rate: x must be so small that \|x\|\^2"),
        (lambda: training.train(NET, X, Y2, epochs=10**400, rate=1, loss="squared"),
         "train: epochs must be at most"),
        (lambda: training.train(NET, X, Y2, epochs=1, rate=0, loss="squared"),
         "train: rate must be finite and above 0"),
        (lambda: training.train(NET, X, Y2, epochs=1, rate=1, loss="squared", test=(XN, Y2)),
         "train: test: y must have"),
        (lambda: training.train(NET, X, Y2, epochs=1, rate=1, loss="squared", test=[]),
         "train: test must be a pair"),
        (lambda: training.train(NET, X, Y2, epochs=1, rate=1, loss="squared", scale=1e300),
         "scale must be between 1e-18"),
        (lambda: training.coordinate_check(**SEVERAL | {"steps": 10**400}, rate=1),
         "coordinate_check: steps must be at m"),
        (lambda: training.coordinate_check(**SEVERAL | {"x": X * 1e200}, rate=1),
         "squares of all preactivations are fin"),
        (lambda: training.coordinate_check(**SEVERAL | {"widths": [2, 2**31]}, rate=1),
         r"widths\[1\] must be at most 2147"),
        (lambda: training.learning_rate_map(MLP, X * np.nan, Y2, depths=[2]),
         "learning_rate_map: x must be finite"),
        (lambda: training.learning_rate_map(MLP, X, Y2, depths=b"x"),
         "learning_rate_map: depths must be a sequence"),
        (lambda: training.noisy_labels([0, 1], 0.5, classes=0),
         "classes must be at least 2"),
        (lambda: networks.MLP([3, 10**400], "relu", sigma_w=1),
         r"MLP: widths\[1\] must be at most 1000000000"),
    ],
)  # fmt: skip
def test_messages(call, says):
    with pytest.raises((TypeError, ValueError), match=says):
        call()


def test_layers_that_do_not_fit_into_memory_are_refused():
    with pytest.raises(MemoryError, match="posterior: depth 1099511627776 at 6 inputs needs"):
        meanfield.posterior(X, Y, XN, **WIDE | {"depth": 2**40})


def test_numbers_that_are_too_long_to_print():
    """Python prints no whole number of more than 4300 digits."""
    with pytest.raises(
        ValueError, match="depth must be at most 9007199254740992, got an object of type int that is too long to print"
    ):
        meanfield.nngp(X, **WIDE | {"depth": 10**5000})


def test_names_of_others_are_replaced_and_nothing_else():
    with pytest.raises(ValueError, match=r"^outer: x must be: small$"), _arguments.speaking_for("outer", "inner"):
        raise ValueError("inner: x must be: small")
    with pytest.raises(ValueError, match=r"^mine: x$"), _arguments.speaking_for("outer", "inner"):
        raise ValueError("mine: x")
    with pytest.raises(ConvergenceError) as caught, _arguments.speaking_for("outer", "inner"):
        raise ConvergenceError("inner: lost", {"step": 3})
    assert str(caught.value) == "outer: lost"
    assert caught.value.report == {"step": 3}
