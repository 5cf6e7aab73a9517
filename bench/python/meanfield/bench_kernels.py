"""Kernels of infinitely wide networks: beside plain NumPy, the same formulas compiled by JAX, and neural-tangents.

Peers take part where they are installed. neural-tangents 0.6.5 does not import with JAX from 0.5 on: it needs an
environment of its own, with jax==0.4.34, jaxlib==0.4.34 and tf2jax==0.3.6.

Tangent kernels of relu networks differ between the peers: where inputs are (nearly) the same, the angle by a
correlation is 0 up to the root of its rounding, and the kernel is linear in the angle. Beside 50 digits of mpmath, at
12 inputs of 784 entries and depth 10, neural-tangents' diagonal is off by 6e-8, that of arccos in NumPy by 1e-8, and
for inputs that differ in the ninth digit so are entries off the diagonal; those here are off by 1e-15 everywhere.
"""

from functools import partial

import numpy as np

from deeprmt.meanfield import kernels
from harness import Table, copy, gemm, sizes

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
    from neural_tangents import stax
except ImportError:
    stax = None


def closed_form(x, depth, weight, np=np):
    """Relu without biases, in plain NumPy, or in what has its functions."""
    k = weight * (x @ x.T) / x.shape[1]
    theta = k
    for _ in range(depth - 1):
        q = np.sqrt(np.diag(k))
        size = np.outer(q, q)
        cosine = np.clip(k / size, -1, 1)
        angle = np.arccos(cosine)
        theta = theta * (weight * (np.pi - angle) / (2 * np.pi))
        k = weight * size * (np.sqrt(1 - cosine * cosine) + (np.pi - angle) * cosine) / (2 * np.pi)
        theta = theta + k
    return k, theta


def by_neural_tangents(name, depth, sigma_w, sigma_b):
    """Both kernels of the same network, compiled; None where it has no such activation."""
    make = {"relu": stax.Relu, "erf": stax.Erf, "gelu": stax.Gelu}.get(name)
    if make is None:
        return None
    dense = partial(stax.Dense, 8, W_std=sigma_w, b_std=sigma_b)
    layers = [layer for _ in range(depth - 1) for layer in (dense(), make())]
    of = jax.jit(stax.serial(*layers, dense())[2], static_argnums=2)
    return lambda x: jax.block_until_ready(of(x, None, ("nngp", "ntk")))


def peers(name, bias, depth, sigma_w):
    """Functions of the inputs, by name."""
    found = {}
    if name == "relu" and bias == 0:
        found["numpy"] = lambda x: closed_form(x, depth, sigma_w**2)
        if jax:
            compiled = jax.jit(lambda x: closed_form(x, depth, sigma_w**2, jnp))
            found["JAX"] = lambda x: jax.block_until_ready(compiled(x))
    theirs = by_neural_tangents(name, depth, sigma_w, bias) if stax else None
    if theirs is not None:
        found["neural-tangents"] = theirs
    return found


def bench(table: Table) -> None:
    rng = np.random.default_rng(0)
    for n in sizes(400, 1000):
        for dtype in ("float32", "float64"):
            x = rng.normal(size=(n, 784)).astype(dtype)
            of = ("relu", 0.0), ("relu", 0.1), ("erf", 0.1), ("gelu", 0.1), ("tanh", 0.1), ("hard_tanh", 0.1)
            for name, bias in of:

                def both(x=x, name=name, bias=bias) -> object:
                    return kernels(x, depth=10, activation=name, sigma_w=1.4, sigma_b=bias)

                first = name == "relu" and bias == 0
                table.add(
                    f"nngp and ntk, {n} inputs, depth 10, {name}{', biases' if bias else ''}, {dtype}",
                    both,
                    ceiling=("GEMM(1000)", gemm(1000, dtype)),
                    peers={peer: lambda each=each, x=x: each(x) for peer, each in peers(name, bias, 10, 1.4).items()},
                    most=0.04 if first and dtype == "float32" and n == 1000 else None,
                    lead=1.0 if n == 1000 and (first or (stax and "tanh" not in name)) else None,
                )
    for n in sizes(10_000):
        x = rng.normal(size=(n, 100)).astype(np.float32)
        k, theta = (np.ones((n, n), np.float32) for _ in range(2))  # filled: pages that the system has given
        for name, bias in (("relu", 0.0), ("tanh", 0.1)):

            def into(x=x, out=(k, theta), name=name, bias=bias) -> object:
                return kernels(x, depth=10, activation=name, sigma_w=1.4, sigma_b=bias, out=out)

            table.add(
                f"nngp and ntk, {n} inputs, depth 10, {name}{', biases' if bias else ''}, float32",
                into,
                ceiling=("copy of both", copy(2 * k.nbytes)),
                memory=(
                    "from deeprmt.meanfield import kernels\n"
                    f"x = np.random.default_rng(0).normal(size=({n}, 100)).astype('f')",
                    f"both = kernels(x, depth=10, activation='{name}', sigma_w=1.4, sigma_b={bias})",
                ),
            )
