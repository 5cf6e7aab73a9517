"""The tangent kernel of a finite network: beside plain NumPy layer by layer, and torch.func."""

import numpy as np

from deeprmt.networks import MLP, torch_ntk
from harness import Table, gemm, peak_memory, sizes

try:
    import torch
except ImportError:
    torch = None


def plain(weights, x):
    """No biases, relu, one output."""
    signals, slopes = [x], []
    for w in weights[:-1]:
        h = signals[-1] @ w.T
        slopes.append((h > 0).astype(h.dtype))
        signals.append(np.maximum(h, 0))
    out, a = signals[-1] @ signals[-1].T, slopes[-1] * weights[-1]
    for layer in reversed(range(len(weights) - 1)):
        out += (signals[layer] @ signals[layer].T) * (a @ a.T)
        if layer:
            a = (a @ weights[layer]) * slopes[layer - 1]
    return out


def module(net):
    """The same network."""
    layers = []
    for w in net.weights:
        layer = torch.nn.Linear(w.shape[1], w.shape[0], bias=False)
        layer.weight.data = torch.as_tensor(w)
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def bench(table: Table) -> None:
    n = 256
    for dtype in ("float32", "float64"):
        for width in sizes(256, 1024):
            net = MLP([64, width, width, width, 1], "relu", sigma_w=2**0.5).sample(0, dtype=dtype)
            x = np.random.default_rng(0).normal(size=(n, 64)).astype(dtype)
            flops = 2 * n * (4 * width * width + 2 * 64 * width) + 2 * n * n * (6 * width + 64)
            peers = {"NumPy, layer by layer": lambda net=net, x=x: plain(net.weights, x)}
            if torch:
                like = module(net)
                peers["torch.func"] = lambda like=like, x=x: torch_ntk(like, x, memory=2**30)
            table.add(
                f"tangent kernel over {n} inputs, three hidden layers of {width}, {dtype}",
                lambda net=net, x=x: net.ntk(x, biases=False),
                ceiling=(f"its {flops / 1e9:.1f} GFLOP at a product's rate", flops / (2e9) * gemm(1000, dtype)),
                target=2.0 if width >= 1024 else None,
                peers=peers,
            )
    setup = """
from deeprmt.networks import MLP
net = MLP([64, 1024, 1024, 1024, 1], "relu", sigma_w=2**0.5).sample(0)
x = np.random.default_rng(0).normal(size=(256, 64))
net.ntk(x[:2])
"""
    used = peak_memory(setup, "net.ntk(x)") / 2**20
    print(f"peak memory of 256 inputs, float64: {used:.0f} MiB; derivatives by all weights: 4.1 GiB")
