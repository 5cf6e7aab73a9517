"""Kernels of activations that are lines between kinks, of inputs whose lengths differ."""

import mpmath as mp
import numpy as np
import pytest

from deeprmt.activations import Activation, shifted_relu
from deeprmt.meanfield import gauss_product, kernels
from reference.meanfield.piecewise_kernel import Lines
from reference.meanfield.piecewise_kernel import kernels as in_many_digits

relu6 = Activation(lambda h: np.clip(h, 0, 6), name="relu6")
hard_sigmoid = Activation(lambda h: np.clip(h / 6 + 0.5, 0, 1), name="hard_sigmoid")
stairs = Activation(lambda h: np.clip(h, -1, 2) + np.clip(h, 0.5, 1.2), name="stairs")
ALL = ["hard_tanh", relu6, shifted_relu(1.0), hard_sigmoid, stairs]


def inputs(count=14, width=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, width)) * rng.uniform(0.5, 2, size=(count, 1))


@pytest.mark.parametrize("scale", [0.5, 3.0])
@pytest.mark.parametrize("activation", ALL, ids=str)
def test_the_dual_of_each_pair(activation, scale):
    """Against closed forms by Owen's T function, whose own error is below 1e-13 of the diagonal."""
    x = scale * inputs()
    x[1] = -1.1 * x[0] + 1e-3 * scale
    x[2] = 1.3 * x[0] + 1e-3 * scale
    q = (x * x).mean(axis=1)
    size = np.sqrt(np.outer(q, q))
    c = np.clip(x @ x.T / 3 / size, -1, 1)
    np.fill_diagonal(c, 1)
    k, theta = kernels(x, depth=2, activation=activation, sigma_w=1.0)
    f, d = (gauss_product(activation, q[:, None], q, c, derivative=order) for order in (0, 1))
    for found, wanted in ((k, f), (theta, f + d * size * c)):
        roots = np.sqrt(wanted.diagonal())
        # 1e-12 is promised. The reference knows c to four roundings, that is the angle to 4 eps / sin; the dual of phi'
        # has the slope (sum of |bends|)^2 / (2 pi) <= 16 / (2 pi) in it, and 1 / 36 of that for the hard sigmoid.
        angle = 4 * 2.2e-16 / np.sqrt((1 - c) * (1 + c) + 1e-16)
        doubt = 1e-12 * np.outer(roots, roots) + (0 if found is k else 3) * angle * size
        np.fill_diagonal(doubt, 1e-12 * roots**2)
        assert (np.abs(found - wanted) <= doubt).all()


@pytest.mark.parametrize(("stretch", "depth"), [(1e-5, 2), (1e-2, 2)])
def test_small_angles(stretch, depth):
    """Against 30 digits: an angle of 1e-7 that were known to 1e-8 would miss Theta by 1e-8."""
    lines = Lines(0, (-1, 1), (0, 1, 0))
    x = 2**0.5 * np.array([[1.0, 0.0], [(1 + stretch), 1e-7], [0.3, 0.7]])
    k, theta = kernels(x, depth=depth, activation="hard_tanh", sigma_w=3.0, sigma_b=0.25)
    with mp.workdps(30):
        a, b, c = (
            9 * sum(mp.mpf(u) * mp.mpf(v) for u, v in zip(x[i], x[j], strict=True)) / 2 + mp.mpf("0.0625")
            for i, j in ((0, 0), (1, 1), (0, 1))
        )
        wanted_k, wanted_theta, _ = in_many_digits(lines, a, b, c / mp.sqrt(a * b), depth, 9, mp.mpf("0.0625"))
        # Roundings of the variances and of each layer.
        assert abs(k[0, 1] - wanted_k) < 1e-14 * k[0, 0]
        assert abs(theta[0, 1] - wanted_theta) < 1e-13 * theta[0, 0]


@pytest.mark.parametrize("activation", ALL[:4], ids=str)
def test_lengths_that_are_almost_one_against_the_table(activation):
    """Which there is where all lengths are one: an even and smooth change of the kernel with lengths."""
    x = inputs(12, 4, seed=3)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    x[1] = x[0] + 1e-6 * x[2]
    x[1] /= np.linalg.norm(x[1])
    longer = x * (1 + 1e-12 * np.arange(12))[:, None]
    options = {"depth": 4, "activation": activation, "sigma_w": 2.0, "sigma_b": 0.2}
    for table, found in zip(kernels(x, **options), kernels(longer, **options), strict=True):
        # A length moves a kernel by some slopes of the order of 4 times depth.
        np.testing.assert_allclose(found, table, rtol=0, atol=5e-10 * table.max())


@pytest.mark.parametrize(("activation", "count"), [("hard_tanh", 270), (hard_sigmoid, 40), (stairs, 40)], ids=str)
def test_symmetry_threads_and_single_precision(activation, count):
    """270 inputs are two tiles."""
    x = inputs(count, 9, seed=4)
    x[7] = -x[8]
    options = {"depth": 3, "activation": activation, "sigma_w": 1.5, "sigma_b": 0.1}
    both = kernels(x, threads=1, **options)
    again = kernels(x, threads=3, **options)
    part = kernels(x, x[:20], **options)
    single = kernels(x.astype(np.float32), **options)
    double = kernels(x.astype(np.float32).astype(float), **options)
    for k, same, some, rounded, exact in zip(both, again, part, single, double, strict=True):
        np.testing.assert_array_equal(k, same)
        np.testing.assert_array_equal(k, k.T)
        np.testing.assert_allclose(k[:, :20], some, rtol=0, atol=1e-13 * k.max())
        # Ten roundings of 6e-8 a layer, of the tangent kernel's angle too.
        np.testing.assert_allclose(rounded, exact, rtol=0, atol=4e-6 * exact.max())
        assert np.linalg.eigvalsh(k)[0] > -1e-12 * k.max()


@pytest.mark.parametrize("scale", [1e-160, 1e-3, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["hard_tanh", hard_sigmoid], ids=str)
def test_zeros_and_tiny_inputs(activation, dtype, scale):
    x = scale * inputs(12, 3, seed=5)
    x[3] = 0
    x = x.astype(dtype)
    for bias in (0.0, 0.3):
        k, theta = kernels(x, depth=3, activation=activation, sigma_w=1.5, sigma_b=bias)
        assert np.isfinite(k).all()
        assert np.isfinite(theta).all()
        roots = np.sqrt(k.diagonal().astype(float))
        assert (np.abs(k) <= np.outer(roots, roots) * (1 + 1e-5) + 1e-300).all()


@pytest.mark.parametrize("scale", [1e-160, 1e-150, 1e-30])
def test_near_0_it_is_the_line_that_it_is(scale):
    """To a few roundings, which below 2e-308 are 5e-324 each: of numbers of 2e-320, four digits are left."""
    x = scale * inputs(12, 3, seed=5)
    options = {"depth": 3, "sigma_w": 1.5}
    for found, line in zip(
        kernels(x, activation="hard_tanh", **options), kernels(x, activation="linear", **options), strict=True
    ):
        np.testing.assert_allclose(found, line, rtol=0, atol=1e-14 * line.max() + 8 * 5e-324)
        if scale > 1e-154:
            assert np.linalg.eigvalsh(found / found.max())[0] > -1e-14


bump = Activation(lambda h: np.maximum(0, 1 - np.abs(h - 0.5)), name="bump")


@pytest.mark.parametrize(
    ("activation", "lines", "a", "b", "c"),
    [
        ("hard_tanh", Lines(0, (-1, 1), (0, 1, 0)), 1e6, 1e6, 0.999999),
        ("hard_tanh", Lines(0, (-1, 1), (0, 1, 0)), 1e10, 1.0, 0.9),
        (relu6, Lines(0, (0, 6), (0, 1, 0)), 1e5, 3e6, -0.999),
        (bump, Lines(0.5, (-0.5, 0.5, 1.5), (0, 1, -1, 0)), 1e6, 1e6, 0.3),
    ],
    ids=["parallel", "apart", "obtuse", "bump"],
)
def test_wide_gaussians(activation, lines, a, b, c):
    """Terms of the closed form are as large as the variances there, and 1e-13 of the duals is promised."""
    for derivative in (0, 1):
        found = gauss_product(activation, a, b, c, derivative=derivative)
        size = np.prod([gauss_product(activation, q, derivative=derivative) for q in (a, b)]) ** 0.5
        with mp.workdps(30):
            assert abs(found - lines.dual(a, b, c, derivative)) < 1e-13 * size


@pytest.mark.parametrize("scale", [30.0, 1e3, 1e60])
def test_kernels_of_long_inputs(scale):
    """Beyond all bounds hard_tanh is sign: K = arcsin(c) 2 / pi, but for a part 1 / scale."""
    x = scale * inputs(20, 3, seed=6)
    k = kernels(x, depth=2, activation="hard_tanh", sigma_w=1.0).nngp
    units = x / np.linalg.norm(x, axis=1, keepdims=True)
    c = np.clip(units @ units.T, -1, 1)
    np.fill_diagonal(c, 1)
    np.testing.assert_allclose(k, 2 / np.pi * np.arcsin(c), rtol=0, atol=4 / scale + 1e-13)
    assert np.linalg.eigvalsh(k)[0] > -1e-13
