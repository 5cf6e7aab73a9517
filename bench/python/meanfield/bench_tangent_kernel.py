"""The tangent kernel of a finite network: beside plain NumPy layer by layer, torch.func, JAX and neural-tangents.

Peers take part where they are installed. neural-tangents 0.6.5 does not import with JAX from 0.5 on: it needs an
environment of its own, with jax==0.4.34, jaxlib==0.4.34 and tf2jax==0.3.6.

Plain NumPy may be faster by a tenth, on one thread too. It checks nothing and adds no biases, and its products are not
cut into tiles: tiles make the bits the same on any number of threads, and cost up to 12 percent of a product of 256
inputs with 1024 x 1024 weights.
"""

from pathlib import Path

import numpy as np

import harness
from deeprmt.networks import MLP, torch_ntk
from harness import Table, gemm, peak_memory, sizes

try:
    import torch
except ImportError:
    torch = None
try:
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
except ImportError:
    jax = None
try:
    from jax._src import source_info_util
    from jax.interpreters import ad

    ad.source_info_util, ad.config = source_info_util, jax.config  # where neural-tangents looks for them
    import neural_tangents
except ImportError:
    neural_tangents = None


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
    """The same network in torch."""
    layers = []
    for w in net.weights:
        layer = torch.nn.Linear(w.shape[1], w.shape[0], bias=False)
        layer.weight.data = torch.as_tensor(w)
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def forward(weights, x):
    """The same network in JAX."""
    for w in weights[:-1]:
        x = jax.nn.relu(x @ w.T)
    return x @ weights[-1].T


def by_jax(net):
    """Derivatives by all weights, and their products: compiled."""

    @jax.jit
    def kernel(weights, x):
        found = jax.vmap(jax.jacrev(lambda w, row: forward(w, row)[0]), (None, 0))(weights, x)
        return sum(jnp.einsum("iab,jab->ij", each, each) for each in found)

    weights = [jnp.asarray(w) for w in net.weights]
    return lambda x: kernel(weights, jnp.asarray(x)).block_until_ready()


def by_neural_tangents(net, implementation):
    """1: products of Jacobians; 2: products of the kernel with vectors; 3: structured derivatives."""
    weights = [jnp.asarray(w) for w in net.weights]
    of = neural_tangents.empirical_ntk_fn(lambda p, x: forward(p, x), vmap_axes=0, implementation=implementation)
    kernel = jax.jit(lambda p, x: of(x, None, p))
    return lambda x: kernel(weights, jnp.asarray(x)).block_until_ready()


def peers(net):
    """Functions of the inputs, by name."""
    found = {"NumPy, layer by layer": lambda x: plain(net.weights, x)}
    if torch:
        like = module(net)
        found["torch.func"] = lambda x: torch_ntk(like, x, memory=2**30)
    if jax:
        found["JAX"] = by_jax(net)
    if neural_tangents:
        for name, which in (("Jacobians", 1), ("products with vectors", 2), ("structured", 3)):
            found[f"neural-tangents, {name}"] = by_neural_tangents(net, which)
    return found


def network(width, dtype):
    return MLP([64, width, width, width, 1], "relu", sigma_w=2**0.5).sample(0, dtype=dtype)


def inputs(dtype, n=256):
    return np.random.default_rng(0).normal(size=(n, 64)).astype(dtype)


def bench(table: Table) -> None:
    n = 256
    for dtype in ("float32", "float64"):
        x = inputs(dtype)
        for width in sizes(256, 1024):
            net = network(width, dtype)
            flops = 2 * n * (4 * width * width + 2 * 64 * width) + n * n * (6 * width + 64)
            table.add(
                f"tangent kernel over {n} inputs, three hidden layers of {width}, {dtype}",
                lambda net=net, x=x: net.ntk(x, biases=False),
                ceiling=(f"its {flops / 1e9:.1f} GFLOP at a product's rate", flops / (2e9) * gemm(1000, dtype)),
                target=2.0 if width >= 1024 else None,
                most=0.02 if width >= 1024 and dtype == "float32" else None,
                peers={name: lambda each=each, x=x: each(x) for name, each in peers(net).items()},
            )
    if harness.quick:
        return
    for dtype in ("float32", "float64"):
        line = f"peak memory beside the network, {dtype}:"
        setup = f"""
import sys
sys.path[:0] = {[str(folder) for folder in Path(__file__).parents[:2]]!r}
import bench_tangent_kernel as bench
net = bench.network(1024, {dtype!r})
x = bench.inputs({dtype!r})
"""
        used = {"deeprmt": peak_memory(setup + "net.ntk(x[:2], biases=False)", "net.ntk(x, biases=False)")}
        for name in peers(network(8, dtype)):
            ready = setup + f"one = bench.peers(net)[{name!r}]\none(x[:2])"
            used[name] = peak_memory(ready, "one(x)")
        print(line, ", ".join(f"{name} {size / 2**20:.0f} MiB" for name, size in used.items()), flush=True)
