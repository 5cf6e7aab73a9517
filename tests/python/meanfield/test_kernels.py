"""Kernels of infinitely wide networks: published recursions, exact values, and what must hold for every activation."""

import numpy as np
import pytest

from deeprmt.activations import Activation, as_activation, elu, leaky_relu, rectified_power, shifted_relu
from deeprmt.meanfield import gauss_moment, gauss_product, kernels, nngp, ntk
from deeprmt.meanfield._entries import _slopes_up_to
from reference.meanfield import kernels as reference


def pair(square_x, square_y, cosine, width=2):
    """Two inputs of given |x|^2 / n_0 and angle."""
    x, y = np.sqrt(square_x * width), np.sqrt(square_y * width)
    return np.array([[x, 0.0], [y * cosine, y * np.sqrt(1 - cosine**2)]])


# (activation, sigma_w^2, sigma_b^2, |x|^2 / n_0, |y|^2 / n_0, cosine), then K and Theta of layers 1 to 6 as
# (xx, yy, xy): the recursions of arXiv:1711.00165 and arXiv:1806.07572 in high precision, printed with 12 digits.
TABLE = [
    (
        ("relu", 2.0, 0.0, 1.0, 1.0, 0.5),
        [
            ((2, 2, 1), (2, 2, 1)),
            ((2, 2, 1.21799556209), (4, 4, 1.88466222876)),
            ((2, 2, 1.3678113018), (6, 6, 2.70295912225)),
            ((2, 2, 1.4762563846), (8, 8, 3.47568935843)),
            ((2, 2, 1.55779027479), (10, 10, 4.21422507679)),
            ((2, 2, 1.62090840201), (12, 12, 4.92578626492)),
        ],
    ),
    (
        ("relu", 1.5, 0.1, 1.0, 0.64, 0.3),
        [
            ((1.6, 1.06, 0.46), (1.6, 1.06, 0.46)),
            ((1.3, 0.895, 0.603006965843), (2.5, 1.69, 0.815152013739)),
            ((1.075, 0.77125, 0.625039306923), (2.95, 2.03875, 1.04616415894)),
            ((0.90625, 0.6784375, 0.605358227494), (3.11875, 2.2075, 1.18663024567)),
            ((0.7796875, 0.608828125, 0.573456407036), (3.11875, 2.264453125, 1.2683096356)),
            ((0.684765625, 0.55662109375, 0.540831546547), (3.023828125, 2.2549609375, 1.3141742797)),
        ],
    ),
    (
        ("erf", 2.25, 0.09, 1.0, 1.0, 0.5),
        [
            ((2.34, 2.34, 1.215), (2.34, 2.34, 1.215)),
            ((1.47703851337, 1.47703851337, 0.723227369955), (3.55974762224, 3.55974762224, 1.40120725202)),
            ((1.29848720179, 1.29848720179, 0.626441379976), (5.17847927568, 5.17847927568, 1.71724278857)),
            ((1.24547263489, 1.24547263489, 0.599608302583), (7.20636216662, 7.20636216662, 2.05866635117)),
            ((1.22810133436, 1.22810133436, 0.592290026483), (9.66901562247, 9.66901562247, 2.39117373361)),
            ((1.2222264187, 1.2222264187, 0.591097954226), (12.6140381389, 12.6140381389, 2.70089198162)),
        ],
    ),
    (
        ("erf", 1.7, 0.2, 1.0, 0.64, -0.2),
        [
            ((1.9, 1.288, -0.072), (1.9, 1.288, -0.072)),
            ((1.18867349544, 1.07047632412, 0.162376461094), (2.59104608755, 2.19447743288, 0.124737758334)),
            ((1.04511759974, 1.01167023369, 0.308090078432), (3.38300214991, 3.078453107, 0.391402181364)),
            ((1.00396712824, 0.99349270039, 0.419676602434), (4.22115716847, 3.95961229834, 0.702654049908)),
            ((0.991027746658, 0.987643394805, 0.507163368341), (5.07062688262, 4.83055229061, 1.03570804585)),
            ((0.986841426546, 0.985736870042, 0.576062254877), (5.91290432892, 5.68498165199, 1.37651988798)),
        ],
    ),
]


@pytest.mark.parametrize(("case", "layers"), TABLE)
def test_values_of_the_recursion(case, layers):
    activation, weight, bias, x, y, cosine = case
    network = {"depth": 6, "activation": activation, "sigma_w": weight**0.5, "sigma_b": bias**0.5}
    every = kernels(pair(x, y, cosine), layers="all", **network)
    last = kernels(pair(x, y, cosine), **network)
    for which in (0, 1):
        for kernel, wanted in zip(every[which], layers, strict=True):
            values = kernel[0, 0], kernel[1, 1], kernel[0, 1]
            np.testing.assert_allclose(values, wanted[which], rtol=2e-11)  # the table's last digit
            assert kernel[0, 1] == kernel[1, 0]
        np.testing.assert_array_equal(every[which][-1], last[which])


CLOSED = [
    ("linear", (1, 1)),
    ("relu", (0, 1)),
    ("abs", (-1, 1)),
    (leaky_relu(0.25), (0.25, 1)),
    (leaky_relu(-0.5), (-0.5, 1)),
    ("step", "step"),
    (rectified_power(2), "square"),
    ("heaviside", "step"),
    ("sign", "sign"),
    ("gauss", "bell"),
    ("square", "squared"),
    ("cube", "cubed"),
    *((name, name) for name in ("erf", "erf_unit", "sin", "cos", "gelu")),
]


@pytest.mark.parametrize("bias", [0.0, 0.25])
@pytest.mark.parametrize(("activation", "same"), CLOSED, ids=lambda each: str(each))
def test_closed_forms_at_every_angle(activation, same, bias):
    """Against 40 digits: parallel, nearly parallel, antiparallel and other pairs, of equal and of different length."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=6)
    y = [scale * x + eps * rng.normal(size=6) for scale in (1, 0.5, -1, -2) for eps in (0, 1e-15, 1e-8, 1e-3, 0.2)]
    # A jump takes an angle's error to its root in each further layer.
    depth = {"step": 2, "sign": 2, "cubed": 3}.get(same, 4)
    options = {"depth": depth, "activation": activation, "sigma_w": 1.25, "sigma_b": bias**0.5, "layers": "all"}
    found = kernels(x[None], np.array(y), **options)
    own = [kernels(np.array([x, *y]), **options)[i].diagonal(axis1=1, axis2=2) for i in (0, 1)]
    for j, other in enumerate(y):
        wanted = np.array(reference.kernels(x, other, depth, same, 1.25**2, bias), dtype=float)
        for i, digits in ((0, 4), (1, 8)):
            # A few roundings in each of the layers, also where the kernel has a cusp in the angle.
            size = np.sqrt(own[i][:, 0] * own[i][:, 1 + j])
            error = np.abs(found[i][:, 0, j] - wanted[:, i])
            assert (error <= digits * depth * 2.2e-16 * size).all()


def under_another_name(name):
    """The same function, of which no closed form is known: a table."""
    known = as_activation("test", name)
    return Activation(known.phi, known.dphi, name="another", kinks=known.kinks)


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("name", ["erf", "gelu", "sin", "cos"])
def test_small_angles_of_chaotic_networks(name, table):
    """They grow by the root of chi a layer, some 2 here: against 60 digits, in which the reference loses as many."""
    rng = np.random.default_rng(5)
    depth, weight, bias = 8 if table else 20, 9.0 if name != "gelu" else 2.5, 0.1
    x = rng.normal(size=6)
    x /= np.linalg.norm(x)
    y = np.array([sign * (x + eps * rng.normal(size=6)) for sign in (1, -1) for eps in (1e-13, 1e-10, 1e-6)])
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    activation = under_another_name(name) if table else name
    both = kernels(x[None], y, depth=depth, activation=activation, sigma_w=weight**0.5, sigma_b=bias**0.5)
    for j, other in enumerate(y):
        wanted, moved = (
            np.array(reference.kernels(x, each, depth, name, weight, bias, digits=60)[-1], dtype=float)
            for each in (other, other + 2e-16 * rng.normal(size=6))
        )
        own = np.array(reference.kernels(x, x, depth, name, weight, bias)[-1], dtype=float)
        for found, value, near, size in zip(both, wanted, moved, own, strict=True):
            # What a rounding of the inputs, of each of 20 layers, changes; and 1e-12, which is promised of tables.
            assert abs(found[0, j] - value) <= 20 * abs(near - value) + (1e-12 if table else 1e-13) * size


def test_small_angles_in_single_precision():
    """sin at sigma_w = 3: chi is 4.5, and an angle that is known to 6e-8 is to 6e-8 chi^(9/2) after ten layers."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(1, 6)).astype(np.float32)
    y = (x + 10.0 ** -np.arange(1.0, 7)[:, None] * rng.normal(size=6)).astype(np.float32)
    options = {"depth": 10, "activation": "sin", "sigma_w": 3.0, "sigma_b": 0.3}
    for single, double in zip(
        kernels(x, y, **options), kernels(*(x.astype(float), y.astype(float)), **options), strict=True
    ):
        np.testing.assert_allclose(single, double, rtol=0, atol=10 * 6e-8 * 4.5**4.5 * np.abs(double).max())


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("activation", ["hard_tanh", shifted_relu(0.3)], ids=str)
def test_pairs_of_their_own(activation, compiled, monkeypatch):
    """Where kinks are not at 0 and lengths differ there is no table, but compiled integrals or a value for each pair:
    one triangle or all pairs, in any number of threads; nearly parallel pairs of one length against the table that
    there is if all have it.
    """
    monkeypatch.setattr("deeprmt.meanfield._kernels._block", 100)  # pairs: many blocks
    if not compiled:
        monkeypatch.setattr("deeprmt.meanfield._kernels.pieces_of", lambda *_: None)
    rng = np.random.default_rng(7)
    x = rng.normal(size=(30, 5))
    x[1] = x[0] + 1e-7 * rng.normal(size=5)
    x[2] = x[0]
    x[:3] /= np.linalg.norm(x[:3], axis=1, keepdims=True)
    options = {"depth": 5, "activation": activation, "sigma_w": 2.5, "sigma_b": 0.2}
    k, theta = kernels(x, **options, threads=1)
    for found, again, whole in zip(
        (k, theta), kernels(x, **options, threads=3), kernels(x, x[:9], **options), strict=True
    ):
        np.testing.assert_array_equal(found, found.T)
        np.testing.assert_array_equal(found, again)
        np.testing.assert_allclose(found[:, :9], whole, rtol=0, atol=1e-13 * found.max())
    assert k[0, 0] == k[0, 2]
    one_length = kernels(np.repeat(x[:3], 4, axis=0), **options)  # a dozen pairs are not worth a table
    for found, table, digits in zip((k, theta), one_length, (1e-14, 1e-10 if compiled else 1e-8), strict=True):
        # phi' jumps: its dual, pair by pair, knows an angle as a correlation does. The table for shifted_relu is 7e-11
        # off what 40 digits give, the compiled integrals 4e-16.
        difference = found[0, 0] - found[0, 1]
        assert 0 < difference < 1e-6 * found[0, 0] or found is theta
        assert abs(difference - (table[0, 0] - table[0, 4])) < digits * found[0, 0]


@pytest.mark.parametrize("same_length", [False, True])
@pytest.mark.parametrize("activation", ["sigmoid", "hard_tanh", elu(2.0)], ids=str)
def test_other_activations_by_quadrature(activation, same_length):
    """One layer against the dual of single pairs: an independent quadrature, or a closed form (hard_tanh)."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(9, 20))
    if same_length:
        x *= np.sqrt(20) / np.linalg.norm(x, axis=1, keepdims=True)
    options = {"activation": activation, "sigma_w": 1.3, "sigma_b": 0.2}
    k, theta = kernels(x, depth=2, **options)
    first = nngp(x, depth=1, **options)
    q = first.diagonal()
    for i, j in ((0, 0), (0, 1), (3, 7), (8, 2)):
        c = 1.0 if i == j else first[i, j] / np.sqrt(q[i] * q[j])
        f, d = (1.3**2 * gauss_product(activation, q[i], q[j], c, derivative=order) for order in (0, 1))
        # 1e-12 is what is promised, of the size of the diagonals
        assert abs(k[i, j] - (f + 0.04)) < 1e-12 * k.max()
        assert abs(theta[i, j] - (f + 0.04 + d * first[i, j])) < 1e-12 * theta.max()


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_arc_cosine_kernels(order):
    """At angle 0 |x|^(2 n) (2 n - 1)!!, at pi / 2 the square of a Gaussian moment, at pi 0 (Cho and Saul, 2009)."""
    x = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]]) * np.sqrt(2)
    found = 2 * nngp(x, depth=2, activation=rectified_power(order), sigma_w=1.0)
    odd = np.prod(np.arange(1, 2 * order, 2))
    size = np.array([1.0, 2.0, 3.0]) ** order
    half = {0: 0.5, 1: (2 * np.pi) ** -0.5, 2: 0.5, 5: 8 * (2 * np.pi) ** -0.5}[order]  # E max(Z, 0)^n
    wanted = np.outer(size, size) * np.array(
        [[odd, 2 * half**2, 0], [2 * half**2, odd, 2 * half**2], [0, 2 * half**2, odd]]
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-30)


@pytest.mark.parametrize("order", [20, 30])
def test_arc_cosine_kernels_of_high_order(order):
    """Against the definition in polar coordinates, an integral without cancellation."""
    angles = np.concatenate([[1e-6, 1e-3], np.linspace(0.05, 3.1, 40), [np.pi / 2 - 1e-3]])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.sqrt(2)
    k, theta = kernels(x, np.array([[np.sqrt(2), 0.0]]), depth=2, activation=rectified_power(order), sigma_w=1.0)
    t, weights = np.polynomial.legendre.leggauss(100)  # of a trigonometric polynomial of degree 2 n <= 60: to rounding
    half = (np.pi - angles[:, None]) / 2  # both factors are positive from angle - pi / 2 to pi / 2
    product = np.cos(np.pi / 2 - half * (1 - t)) * np.cos(np.pi / 2 - half * (1 + t))

    def mean(n):  # E max(u, 0)^n max(v, 0)^n over its value at angle 0
        share = 2 / (2 * np.pi) * np.prod(np.arange(2, 2 * n + 1, 2) / np.arange(1, 2 * n, 2))
        return share * (half * weights * product**n).sum(axis=1)

    same = float(np.prod(np.arange(1.0, 2 * order, 2)) / 2)
    slope = order**2 / (2 * order - 1)
    wanted = mean(order), mean(order) + slope * mean(order - 1) * np.cos(angles)
    # 1e-12 is what is promised, of the size of the diagonals; there were 1e-14 by 120 digits.
    np.testing.assert_allclose(k[:, 0] / same, wanted[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(theta[:, 0] / same, wanted[1], rtol=0, atol=1e-13 * (1 + slope))


def test_powers_end_at_order_30():
    assert as_activation("test", "rectified_power(30)") == rectified_power(30)
    with pytest.raises(ValueError, match=r"rectified_power: order must be .*30, got 31"):
        rectified_power(31)
    x = np.eye(2, dtype=np.float32) * np.float32(2**0.5)
    with pytest.raises(ValueError, match="mean square of the activation leaves the range of float32 in layer 1"):
        nngp(x, depth=2, activation=rectified_power(30), sigma_w=1.0)


def test_mean_squares_leave_the_range_before_small_weights_bring_them_back():
    x = np.full((2, 4), 1e13, np.float32)
    for kernel in (nngp, ntk):
        with pytest.raises(ValueError, match="mean square of the activation leaves the range of float32 in layer 2"):
            kernel(x, depth=3, activation=rectified_power(10), sigma_w=1e-12)


def test_tiles_threads_and_files_change_nothing(tmp_path):
    """Across the border of tiles (256), one triangle or all pairs, any number of threads, memory or file."""
    x = np.random.default_rng(3).normal(size=(300, 7))
    options = {"depth": 4, "activation": "relu", "sigma_w": 1.3, "sigma_b": 0.2, "layers": "all"}
    k, theta = kernels(x, **options, threads=1)
    for found in (k, theta):
        np.testing.assert_array_equal(found, found.transpose(0, 2, 1))
    for found, again in zip(kernels(x, **options, threads=3), (k, theta), strict=True):
        np.testing.assert_array_equal(found, again)
    files = tuple(np.memmap(tmp_path / f"{i}", np.float64, "w+", shape=k.shape) for i in range(2))
    kernels(x, **options, out=files)
    for file, wanted in zip(files, (k, theta), strict=True):
        np.testing.assert_array_equal(file, wanted)
    last = kernels(x, x[:20], **(options | {"layers": "last"}))
    for found, wanted in zip(last, (k, theta), strict=True):
        np.testing.assert_allclose(found, wanted[-1][:, :20], rtol=1e-14)


@pytest.mark.parametrize("activation", ["relu", "erf", "gelu", "cos", rectified_power(2), "sigmoid"], ids=str)
def test_float32(activation):
    x = np.random.default_rng(4).normal(size=(20, 5)).astype(np.float32)
    options = {"depth": 3, "activation": activation, "sigma_w": 1.2, "sigma_b": 0.3}
    for single, double in zip(kernels(x, **options), kernels(x.astype(float), **options), strict=True):
        assert single.dtype == np.float32
        # Tens of roundings of 6e-8 of the largest.
        np.testing.assert_allclose(single, double, atol=3e-6 * double.max(), rtol=0)


def test_standard_parametrization():
    """By finite widths: with n_l = n, the sum over layers of n_(l-1) E x x + 1, times all later slopes."""
    x = np.random.default_rng(5).normal(size=(3, 4))
    options = {"depth": 3, "activation": "erf", "sigma_w": 1.2, "sigma_b": 0.3}
    k = nngp(x, layers="all", **options)
    squares = [x @ x.T / 4, *((each - 0.09) / 1.44 for each in k[1:])]
    q = [np.sqrt(np.outer(each.diagonal(), each.diagonal())) for each in k]
    slopes = [
        1.44
        * gauss_product("erf", k[i].diagonal()[:, None], k[i].diagonal(), np.clip(k[i] / q[i], -1, 1), derivative=1)
        for i in (0, 1)
    ]
    wanted = (4 * squares[0] + 1) * slopes[0] * slopes[1] + (50 * squares[1] + 1) * slopes[1] + 30 * squares[2] + 1
    found = ntk(x, parametrization="standard", widths=[50, 30], **options)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    without = ntk(x, parametrization="standard", widths=[50, 30], biases=False, **options)
    np.testing.assert_allclose(found - without, slopes[0] * slopes[1] + slopes[1] + 1, rtol=1e-11)


@pytest.mark.parametrize(
    "activation", ["relu", "abs", "erf", "gelu", "sin", "cos", "step", rectified_power(3)], ids=str
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_of_zero(activation, dtype):
    x = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0], [1e-30, 0.0]], dtype)
    for bias in (0.0, 0.5):
        k, theta = kernels(x, depth=3, activation=activation, sigma_w=1.1, sigma_b=bias)
        for found in (k, theta):
            assert np.isfinite(found).all()
            np.testing.assert_allclose(found[0], found[2], rtol=1e-6)
            assert np.linalg.eigvalsh(found.astype(float))[0] > -1e-6 * found.max()
    for rows, columns in ((0, 4), (4, 0), (0, 0)):
        found = kernels(x[:rows], x[:columns], depth=3, activation=activation, sigma_w=1.0)
        assert found.nngp.shape == found.ntk.shape == (rows, columns)


@pytest.mark.parametrize(("activation", "at_zero", "mean"), [("step", 0, 0.5), ("heaviside", 0.5, 0.5), ("sign", 0, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_of_zero_have_the_value_at_the_jump(activation, at_zero, mean, dtype):
    x = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0], [-2.0, 1.0], [1e-30, 0.0]], dtype)
    zero = np.array([True, False, True, False, False])
    k = nngp(x, depth=3, activation=activation, sigma_w=1.5, layers="all")
    np.testing.assert_allclose(k[1][np.ix_(zero, zero)], 1.5**2 * at_zero**2, rtol=1e-6)
    np.testing.assert_allclose(k[1][np.ix_(zero, ~zero)], 1.5**2 * at_zero * mean, rtol=1e-6)
    assert (np.diag(k[1])[~zero] > 1).all()  # however small
    np.testing.assert_array_equal(k[1], k[1].T)
    # Roundings differ where the product is another one: by 1e-7 in single precision, the root of it at right angles.
    np.testing.assert_allclose(
        nngp(x, x[:2], depth=3, activation=activation, sigma_w=1.5), k[2][:, :2], rtol=1e-6, atol=1e-6
    )
    if activation == "heaviside":  # the cosine is 1 / sqrt(2): an eighth of a turn apart
        np.testing.assert_allclose(k[2][np.ix_(zero, ~zero)], 1.5**2 * 0.375, rtol=1e-6)
    else:
        assert (k[2][zero] == 0).all()


def test_a_jump_of_ones_own_at_inputs_of_zero():
    upper = Activation(lambda h: np.where(h >= 0, 1.0, -0.5), lambda h: 0 * h, name="upper")
    x = np.array([[0.0, 0.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match="no row of x or y may be zero where the activation jumps at 0"):
        nngp(x, depth=2, activation=upper, sigma_w=1.0)
    assert np.isfinite(nngp(x, depth=2, activation=upper, sigma_w=1.0, sigma_b=0.1)).all()
    assert np.isfinite(nngp(x[1:], depth=2, activation=upper, sigma_w=1.0)).all()


def test_each_kernel_alone_is_that_of_both():
    x = np.random.default_rng(0).normal(size=(5, 3))
    options = {"depth": 3, "activation": "gelu", "sigma_w": 1.3, "sigma_b": 0.2, "layers": "all"}
    k, theta = kernels(x, **options)
    np.testing.assert_array_equal(nngp(x, **options), k)
    np.testing.assert_array_equal(ntk(x, **options), theta)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"x": [1.0, 2.0]}, ValueError, "x must have the shape"),
        ({"x": [[1.0, np.nan]]}, ValueError, "x must be finite, found nan"),
        ({"y": [[1.0, 2.0, 3.0]]}, ValueError, "of one width"),
        ({"depth": 0}, ValueError, "depth must be at least 1"),
        ({"depth": 1.5}, TypeError, "depth must be a whole number"),
        ({"sigma_w": -1.0}, ValueError, "sigma_w must be finite and at least 0"),
        ({"sigma_b": -0.1}, ValueError, "sigma_b must be finite and at least 0"),
        ({"activation": "rellu"}, ValueError, "activation must be"),
        ({"layers": "some"}, ValueError, "layers must be one of"),
        ({"out": np.empty((2, 3))}, ValueError, "out must have shape"),
        ({"out": [[0.0]]}, TypeError, "out must be an ndarray"),
        ({"sigma_w": 1e100}, ValueError, "x, sigma_w or sigma_b is too large: the .* leaves the range of float64 in"),
        ({"y": [[1e200, 0.0]]}, ValueError, "ntk: y, sigma_w or sigma_b is too large: the variance leaves"),
        ({"parametrization": "standard"}, ValueError, "widths must be given"),
        ({"widths": 3}, ValueError, "widths must be left out"),
        ({"parametrization": "standard", "widths": [3, 4]}, ValueError, "the 4 hidden layers, got 2"),
    ],
)
def test_refuses(change, error, says):
    arguments = {"x": [[1.0, 2.0]], "depth": 5, "activation": "relu", "sigma_w": 1.0} | change
    with pytest.raises(error, match=says):
        ntk(arguments.pop("x"), arguments.pop("y", None), **arguments)


@pytest.mark.parametrize("activation", ["gelu", "erf"])
def test_variances_whose_product_is_beyond_single_precision(activation):
    x = (1e10 * np.random.default_rng(0).normal(size=(40, 20))).astype(np.float32)
    for other in (None, x.copy()):
        k, theta = kernels(x, other, depth=2, activation=activation, sigma_w=3.0, sigma_b=0.2)
        wide_k, wide_theta = kernels(x.astype(np.float64), depth=2, activation=activation, sigma_w=3.0, sigma_b=0.2)
        # Some tens of roundings of single precision, amplified by two layers.
        off = ~np.eye(40, dtype=bool)  # Theta of two inputs that are one changes with the root of their angle
        np.testing.assert_allclose(k, wide_k, rtol=1e-5, atol=1e-5 * wide_k.max())
        np.testing.assert_allclose(theta[off], wide_theta[off], rtol=1e-4, atol=1e-5 * wide_theta.max())


@pytest.mark.parametrize("steep", [lambda h: np.exp(h * h), lambda h: np.exp(h * h / 4)])
def test_infinite_moments_are_refused(steep):
    """At variance 1 and more E phi(h)^2 is infinite: no number stands for it."""
    activation = Activation(steep, kinks=(), name="steep")
    with pytest.raises(ValueError, match="nngp: phi must have finite Gaussian moments, but those of steep"):
        nngp([[1.0, 2.0]], depth=2, activation=activation, sigma_w=1.0)
    with pytest.raises(ValueError, match="gauss_moment: phi must have finite Gaussian moments"):
        gauss_moment(activation, 1.0)
    # exp(h) at variance 25 rests on |z| = 10 and beyond.
    np.testing.assert_allclose(gauss_moment("exp", [25.0]), np.exp(50.0), rtol=1e-12)


@pytest.mark.parametrize("name", ["erf", "gelu"])
def test_inputs_of_other_sizes(name):
    """To rounding of sqrt(K(x,x) K(y,y)) however large one length is to the other: against 50 digits."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=4)
    x /= np.linalg.norm(x)
    options = {"depth": 3, "activation": name, "sigma_w": 1.25, "layers": "all"}
    for ratio, least in ((8.0, 0.3), (1e2, 1e-2), (1e6, 1e-3), (1e6, 1.0), (1e12, 1e-12), (1e12, 1e-6)):
        for sign, eps, bias in ((1, 1e-9, 0.0), (-1, 0.5, 0.0), (1, 10.0, 0.1)):
            one, other = least * x, least * ratio * (sign * x + eps * rng.normal(size=4))
            found = np.array(kernels(one[None], other[None], sigma_b=bias**0.5, **options))[:, :, 0, 0]
            cross, *own = (
                np.array(reference.kernels(*each, 3, name, 1.25**2, bias, digits=50), dtype=float).T
                for each in ((one, other), (one, one), (other, other))
            )
            assert (np.abs(found - cross) <= 1e-14 * np.sqrt(own[0]) * np.sqrt(own[1])).all(), (ratio, least, sign)


def test_parallel_inputs_of_other_sizes_by_quadrature():
    """erf under another name, beside its closed form: to rounding of sqrt(K(x,x) K(y,y))."""
    x = np.array([[0.6, 0.8]])
    for ratio, least in ((1e6, 1e-6), (1e12, 1e-12), (1e4, 1e-4)):
        y = ratio * (x + 1e-5 * np.array([[0.8, -0.6]]))
        options = {"depth": 2, "sigma_w": 1.2, "sigma_b": 0.0}
        known, found = (
            kernels(least * x, least * y, activation=each, **options) for each in ("erf", under_another_name("erf"))
        )
        np.testing.assert_allclose(found, known, rtol=1e-13)  # K is about sqrt(K(x,x) K(y,y)) here


@pytest.mark.parametrize("ratio", [1.0, 1.01, 3.0])
@pytest.mark.parametrize("q", [1.0, 1e2, 1e3, 1e4, 1e5, 1e6])
def test_small_angles_at_large_variances(q, ratio):
    """K of erf falls by the integral of the dual of its slope, which bends at an angle of about 1 / sqrt(q)."""
    angle = np.geomspace(1e-6, 0.0447, 30)
    a, b = np.full(30, q), np.full(30, ratio * q)
    found = np.sqrt(a * b) * _slopes_up_to(as_activation("", "erf"), a, b, angle)
    # 2 / pi times the difference of two arcsines, as one arctangent of terms that are all positive.
    root = np.sqrt(1 + 2 * a) * np.sqrt(1 + 2 * b)
    top, now = 2 * np.sqrt(a * b) / root, 2 * np.sqrt(a * b) * np.cos(angle) / root
    own, other = (1 + 2 * a + 2 * b) / root**2, 4 * a * b * np.sin(angle) ** 2 / root**2
    rest, turned = np.sqrt(own), np.sqrt(own + other)  # sqrt(1 - top^2), sqrt(1 - now^2)
    # top turned - now rest, without the difference of what is almost equal
    sine = top * (turned - rest * np.cos(angle))
    fall = 2 / np.pi * np.arctan2(sine, top * now + rest * turned)
    # The cosine is rounded to 1e-16: where the integral has its mass, at angles of 1 / sqrt(q), the slope to 1e-16 q of
    # itself, and the fall is about 1 / sqrt(q) there.
    np.testing.assert_allclose(found, fall, rtol=0, atol=1e-15 + 1e-16 * np.sqrt(q))


@pytest.mark.slow
def test_a_small_angle_at_a_large_variance_by_quadrature():
    x = pair(1e4, 1e4, np.cos(0.0416))
    options = {"depth": 2, "sigma_w": 1.0, "sigma_b": 0.0}
    found = nngp(x[:1], x[1:], activation=under_another_name("erf"), **options)
    np.testing.assert_allclose(found, nngp(x[:1], x[1:], activation="erf", **options), rtol=1e-12)


def test_few_inputs_of_unequal_lengths(monkeypatch):
    """They are taken pair by pair: a table between variances so far apart takes a minute. Against the closed form."""

    def no_table(*_):
        raise AssertionError("a table takes longer")

    monkeypatch.setattr("deeprmt.meanfield._kernels.dual_tables", no_table)
    x = np.random.default_rng(0).normal(size=(3, 4))
    x = np.concatenate([10 * x, x / 10, x])
    known = as_activation("test", "erf")
    other = Activation(known.phi, known.dphi, name="another")
    options = {"depth": 3, "sigma_w": 1.3, "sigma_b": 0.1}
    wanted = nngp(x, activation="erf", **options)
    np.testing.assert_allclose(nngp(x, activation=other, **options), wanted, rtol=0, atol=1e-12 * wanted.max())


def test_equal_inputs_take_no_integral_over_slopes():
    seen = []

    def slope(h):
        seen.append(h)
        return 1 / np.cosh(np.clip(h, -300, 300)) ** 2

    activation = Activation(np.tanh, slope)
    seen.clear()
    x = 20 * np.array([[3.0, 1.0], [1.0, 3.0], [3.0, 1.0]])
    k = nngp(x, depth=2, activation=activation, sigma_w=1.0)
    assert not seen  # angles of 0 stay 0
    assert k[0, 2] == k[0, 0]
    np.testing.assert_allclose(k.diagonal(), [gauss_moment("tanh", 2000.0)] * 3, rtol=1e-13)
