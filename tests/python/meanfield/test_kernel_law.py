"""Laws of conjugate and tangent kernels at linear width: published recursion, closed forms, networks."""

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.activations import Activation
from deeprmt.errors import ConvergenceError
from deeprmt.laws import Discrete, Empirical, FussCatalan, MarchenkoPastur, Semicircle
from deeprmt.meanfield import conjugate_kernel_law, gauss_moment, ntk_law

CASES = {"tanh": (1.0, [1.0, 1.0, 1.0]), "relu": (0.5, [0.75, 0.5, 0.5])}


def laws(name, depth):
    first, gammas = CASES[name]
    inputs = MarchenkoPastur(first)
    return (make(name, gammas[:depth], inputs=inputs) for make in (conjugate_kernel_law, ntk_law))


@pytest.mark.parametrize(
    ("name", "depth", "moments"),
    [
        ("tanh", 1, (2.8657742788, 11.0002226, 48.43412073)),
        ("tanh", 2, (3.6153393805, 18.238910744, 106.78594675)),
        ("tanh", 3, (4.2642935658, 26.152458954, 187.55676418)),
        ("relu", 1, (2.0189899298, 5.3233453018, 16.026494271)),
        ("relu", 2, (2.0481960594, 5.7165847762, 18.534195831)),
        ("relu", 3, (2.0639083689, 5.9078860125, 19.840038543)),
    ],
)
def test_moments_of_the_conjugate_kernel(name, depth, moments):
    """From the S-transform in 30 digits; as many digits as were kept."""
    law = next(laws(name, depth))
    assert law.mean() == pytest.approx(1, rel=1e-11)
    for k, value in enumerate(moments, start=2):
        assert law.moment(k) == pytest.approx(value, rel=1e-10 if k < 3 else 2e-9)


@pytest.mark.parametrize(
    ("name", "depth", "z", "conjugate", "tangent", "shift"),
    [
        ("tanh", 1, -1, 0.67242882727, 0.44231570802, 0.247337308689),
        ("tanh", 1, 1 + 1j, -0.19188228665 + 0.57853315409j, 0.033654513395 + 0.5540722957j, 0.247337308689),
        ("tanh", 1, 2 + 0.5j, -0.3632972381 + 0.35103947928j, -0.22240587179 + 0.45591350155j, 0.247337308689),
        ("tanh", 2, -1, 0.70261318596, 0.31569104103, 0.768792906404),
        ("tanh", 2, 1 + 1j, -0.236896769 + 0.56001325221j, 0.21999496899 + 0.49329357452j, 0.768792906404),
        ("tanh", 2, 2 + 0.5j, -0.3735124892 + 0.29937292926j, -0.15663127885 + 0.53914787706j, 0.768792906404),
        ("relu", 1, -1, 0.61086258383, 0.32782471171, 0.733471103462),
        ("relu", 1, 1 + 1j, -0.12279499265 + 0.65129436233j, 0.32891624285 + 0.51195270624j, 0.733471103462),
        ("relu", 1, 2 + 0.5j, -0.40217522557 + 0.45750789418j, -0.097239000895 + 0.76975948562j, 0.733471103462),
        ("relu", 2, -1, 0.60510555346, 0.19411484955, 2.3474106823),
        ("relu", 2, 1 + 1j, -0.13830417159 + 0.66415912398j, 0.29193315989 + 0.11240209919j, 2.3474106823),
        ("relu", 2, 2 + 0.5j, -0.41982052236 + 0.43362789681j, 0.49982901495 + 0.18967026324j, 2.3474106823),
    ],
)
def test_stieltjes_transforms(name, depth, z, conjugate, tangent, shift):
    """From nested fixed points in 30 digits, 11 of them kept."""
    ck, ntk = laws(name, depth)
    assert abs(ck.stieltjes(z) - conjugate) < 2e-11
    assert abs(ntk.stieltjes(z) - tangent) < 2e-11
    assert abs(ntk.stieltjes(np.conj(z)) - np.conj(tangent)) < 2e-11
    assert ntk.ridge == pytest.approx(shift, rel=1e-10)


def test_constants_of_activations():
    tanh, relu = (next(laws(name, 1)) for name in CASES)
    assert (tanh.b**2, tanh.a) == pytest.approx((0.9304699236153, 1.177807232304), rel=1e-12)
    assert (relu.b**2, relu.a) == pytest.approx((0.7334711034621, 1.466942206924), rel=1e-12)
    # relu has mean 1 / sqrt(2 pi) and variance 1/2 - 1/(2 pi).
    assert relu.offset == pytest.approx(1 / math.sqrt(2 * math.pi), rel=1e-13)
    assert relu.factor == pytest.approx((0.5 - 0.5 / math.pi) ** -0.5, rel=1e-13)


def test_mean_of_the_tangent_kernel():
    for depth in (1, 2, 3):
        for name in CASES:
            ntk = list(laws(name, depth))[1]
            assert ntk.mean() == pytest.approx(sum(ntk.a**k for k in range(depth + 1)), rel=1e-11)
    assert list(laws("tanh", 2))[1].mean() == pytest.approx(3.56503711, rel=1e-8)


# ---- closed forms ----


def test_odd_free_part_none():
    """An even activation has b = 0: its conjugate kernel is Marchenko-Pastur's, whatever the inputs."""
    law, truth = conjugate_kernel_law("abs", [2.0, 0.5], inputs=MarchenkoPastur(0.3)), MarchenkoPastur(0.5)
    # An edge is extrapolated from squared densities known to 1e-14 or so, over a few 1e-4 of the width.
    np.testing.assert_allclose(law.support(), truth.support(), rtol=1e-10)
    x = np.linspace(0.1, 2.8, 40)
    np.testing.assert_allclose(law.pdf(x), truth.pdf(x), rtol=1e-10)
    np.testing.assert_allclose(law.cdf(x), truth.cdf(x), rtol=0, atol=1e-12)


def test_linear_network_is_a_product_of_wisharts():
    """Orthonormal inputs, L = 2 square linear layers: Fuss-Catalan, edge 27/4 and density in closed form."""
    law = conjugate_kernel_law("linear", 1.0, depth=2)
    assert law.support()[0] == pytest.approx((0, 27 / 4), abs=1e-9)
    # x = sin^3(3t) / (sin t sin^2 2t), density sin^2 t sin 2t / (pi sin^2 3t).
    t = np.linspace(0.05, 1.0, 30)
    x = np.sin(3 * t) ** 3 / (np.sin(t) * np.sin(2 * t) ** 2)
    np.testing.assert_allclose(law.pdf(x), np.sin(t) ** 2 * np.sin(2 * t) / (np.pi * np.sin(3 * t) ** 2), rtol=1e-10)
    assert [law.moment(k) for k in (1, 2, 3, 4)] == pytest.approx([1, 3, 12, 55], rel=1e-11)


@pytest.mark.parametrize(
    ("make", "gammas", "inputs", "atoms"),
    [
        (conjugate_kernel_law, [0.3, 2.0], MarchenkoPastur(4.0), [(0.0, 0.5)]),
        (ntk_law, [3.0, 4.0], MarchenkoPastur(4.0), [(2.3474106823, 1 - 1 / 3 - 1 / 4 - 1 / 4)]),
        (ntk_law, [3.0, 4.0], MarchenkoPastur(2.0), []),
        (ntk_law, [3.0, 4.0], None, [(2.3474106823 + 0.7334711034621**2, 1 - 1 / 3 - 1 / 4)]),
    ],
)
def test_atoms(make, gammas, inputs, atoms):
    """Null spaces of independent layers lie in general position: dimensions add up."""
    law = make("relu", gammas, inputs=inputs)
    np.testing.assert_allclose(np.array(law.atoms()).ravel(), np.array(atoms).ravel(), rtol=1e-9)
    # The continuous part has the rest, to what `expect` aims at.
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-9)
    for location, mass in law.atoms():
        jump = law.cdf(location) - law.cdf(location - 1e-6)
        assert jump == pytest.approx(mass, abs=1e-9)


@pytest.mark.parametrize("gamma", [1e-6, 0.3, 1.0, 4.0, 1e6])
def test_one_linear_layer_is_marchenko_pastur_plus_one(gamma):
    law, truth = ntk_law("linear", gamma), MarchenkoPastur(gamma)
    assert law.atoms() == [(1.0, mass) for _, mass in truth.atoms()]
    ((low, high),) = truth.support()
    # Edges: as for an even activation above, of the largest number that there is.
    np.testing.assert_allclose(law.support()[0], (1 + low, 1 + high), rtol=1e-10)
    u = low + (high - low) * np.array([1e-12, 1e-9, 1e-4, 0.3, 0.9, 1 - 1e-9])
    x = 1 + u
    # x has rounding of 1e-16, which next to a hard edge is felt: the truth sees it too.
    np.testing.assert_allclose(law.cdf(x), truth.cdf(x - 1), rtol=0, atol=2e-9)
    np.testing.assert_allclose(law.cdf(x[3:5]), truth.cdf(x[3:5] - 1), rtol=0, atol=1e-12)
    np.testing.assert_allclose(law.pdf(x[3:5]), truth.pdf(x[3:5] - 1), rtol=1e-10)
    assert law.cdf(1.0) == pytest.approx(truth.cdf(0.0), abs=1e-15)
    assert law.cdf(1 - 1e-12) == 0
    assert np.isinf(law.pdf(1.0)) == (gamma == 1)
    assert law.mean() == pytest.approx(2, rel=1e-15)


@pytest.mark.parametrize(
    ("gammas", "atoms"),
    [([2.0, 0.5, 1.0], [(1, 0.5)]), ([0.5, 2.0, 1.0], []), ([2.0, 2.0], [(1, 0.5)]), ([1e3, 1e-3], [(1, 0.999)])],
)
def test_a_linear_network_sees_what_its_first_layer_leaves(gammas, atoms):
    """I + K_1 + K_2 + ..., each with the null space of the one before: only that of the first is in all of them."""
    law = ntk_law("linear", gammas)
    np.testing.assert_allclose(np.ravel(law.atoms()), np.ravel(atoms), rtol=1e-12)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-9)
    n, rng = 200, np.random.default_rng(4)
    if max(gammas) > 10:
        return
    total, x = np.eye(n), np.eye(n)
    for gamma in gammas:
        d = round(n / gamma)
        x = rng.normal(size=(d, len(x))) @ x / math.sqrt(d)
        total += x.T @ x
    # One matrix of size 200: levels repel, edges move by n^(-2/3) of the width, of which 5 / 200 is plenty.
    assert law.ks_distance(np.linalg.eigvalsh(total).round(12)) < 5 / n


def test_aspect_one_at_every_depth():
    """A hard edge at 1: the distribution function goes there like a root, and no point next to it fails."""
    for depth in (1, 2, 5):
        law = ntk_law("linear", 1.0, depth=depth)
        u = np.array([1e-15, 1e-13, 1e-10, 1e-6, 1e-3])
        f = law.cdf(np.concatenate([[0.5, 1 - 1e-12, 1.0], 1 + u, [law.support()[-1][1]]]))
        assert (f[:3] == 0).all()
        assert (np.diff(f[2:]) > 0).all()
        assert f[-1] == pytest.approx(1, abs=1e-9)
        # I + K_1 + ... is at least I + K_1, whose eigenvalues are 1 + MarchenkoPastur(1).
        assert (law.cdf(1 + u) <= MarchenkoPastur(1.0).cdf(u + 1e-15) + 1e-12).all()
        assert law.pdf(1.0) == np.inf


def test_hard_edges_beyond_rounding():
    """Close to 0 the product of L square Wisharts has a mass in proportion to x^(1 / (L + 1))."""
    for depth in (1, 3, 6):
        law = conjugate_kernel_law("linear", 1.0, depth=depth)
        x = 10.0 ** np.array([-10, -18, -19, -20, -21, -24, -100, -300])
        f = law.cdf(x)
        # Exact up to a relative x^(1 / (L + 1)), and to rounding of 1e-16 where the solver has its last points.
        wanted = f[1] * (x / x[1]) ** (1 / (depth + 1))
        np.testing.assert_allclose(f, wanted, rtol=3 * x[0] ** (1 / (depth + 1)) + 1e-4)
        np.testing.assert_allclose(law.pdf(x) * x * (depth + 1), f, rtol=3 * x[0] ** (1 / (depth + 1)) + 1e-4)


@pytest.mark.parametrize("name", ["abs", "cos"])
def test_even_activations_have_no_linear_part(name):
    """E sigma' = 0, not what rounding leaves of it: the last layer's kernel alone counts."""
    law = ntk_law(name, [2.0, 2.0])
    assert law.b == 0
    assert law.atoms() == [(law.ridge, 0.5)]
    truth = MarchenkoPastur(2.0)
    np.testing.assert_allclose(law.cdf(law.ridge + np.array([0.3, 2.0])), truth.cdf([0.3, 2.0]), rtol=0, atol=1e-12)


# ---- networks ----


def kernels(name, n, widths, seed):
    """The Gram matrices of all layers and the tangent kernel of one random network on Gaussian inputs."""
    rng = np.random.default_rng(seed)
    phi, dphi = {"tanh": (np.tanh, lambda h: 1 / np.cosh(h) ** 2)}[name]
    factor = 1 / math.sqrt(gauss_moment(name, 1.0))
    signals, slopes, weights = [rng.normal(size=(widths[0], n)) / math.sqrt(widths[0])], [], []
    for d_in, d_out in itertools.pairwise(widths):
        w = rng.normal(size=(d_out, d_in))
        h = w @ signals[-1]
        weights.append(w)
        signals.append(factor * phi(h) / math.sqrt(d_out))
        slopes.append(factor * dphi(h) / math.sqrt(d_out))
    back = rng.normal(size=(widths[-1], 1)) * slopes[-1]
    tangent = signals[-1].T @ signals[-1]
    for layer in range(len(weights) - 1, -1, -1):
        tangent += (back.T @ back) * (signals[layer].T @ signals[layer])
        if layer:
            back = (weights[layer].T @ back) * slopes[layer - 1]
    return [each.T @ each for each in signals], tangent


def test_networks_have_these_spectra():
    n, draws = 300, 3
    ck = conjugate_kernel_law("tanh", 1.0, depth=2, inputs=MarchenkoPastur(1.0))
    ntk = ntk_law("tanh", 1.0, depth=2, inputs=MarchenkoPastur(1.0))
    grams, sums, tangents = [], [], []
    for seed in range(draws):
        layers, tangent = kernels("tanh", n, [n, n, n], seed)
        b2 = ntk.b**2
        grams.append(np.linalg.eigvalsh(layers[-1]))
        sums.append(np.linalg.eigvalsh(ntk.ridge * np.eye(n) + layers[2] + b2 * layers[1] + b2**2 * layers[0]))
        tangents.append(np.linalg.eigvalsh(tangent))
    # Levels repel, so that a matrix's distribution is off by O(1/n): 0.02 is six levels of 300.
    assert ck.ks_distance(grams) < 0.02
    assert ntk.ks_distance(sums) < 0.02
    # The tangent kernel's output weights are few: its scale has a relative s.d. of sqrt(2 / n) = 0.08. Measured at
    # n = 1000: 0.006 for m(-1), 0.014 for m(1 + i); at n = 300 that times sqrt(10 / 3), five times.
    for z, sd in ((-1, 0.006), (1 + 1j, 0.014)):
        found = np.mean(1 / (np.array(tangents) - z))
        assert abs(found - ntk.stieltjes(z)) < 5 * sd * math.sqrt(1000 / n / draws)


def test_eigenvalues_of_data_may_stand_for_the_inputs():
    """The inputs' own eigenvalues explain a network on them, outliers included."""
    n = 400
    rng = np.random.default_rng(1)
    x = rng.normal(size=(800, n)) + 1.2 * rng.normal(size=(800, 1))
    x /= np.linalg.norm(x, axis=0)
    values = np.linalg.eigvalsh(x.T @ x)
    w = rng.normal(size=(600, 800))
    law = conjugate_kernel_law("tanh", n / 600, inputs=values)
    y = np.tanh(w @ x) / math.sqrt(600 * gauss_moment("tanh", 1.0))
    found = np.linalg.eigvalsh(y.T @ y)
    assert len(law.support()) >= 2
    low, high = law.support()[-1]
    # The outlier is a fluctuating number: tanh bends on correlated inputs, a bias of order the squared correlation.
    assert found[-1] == pytest.approx((low + high) / 2, rel=0.15)
    bulk = found[:-1]
    assert law.support()[0][0] == pytest.approx(bulk[0], abs=0.05)


# ---- the protocol ----


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(0.05, 6.0), min_size=1, max_size=6),
    st.floats(0.05, 4.0),
    st.sampled_from(["tanh", "relu", "erf", "gelu"]),
    st.booleans(),
)
def test_any_law_is_one(gammas, first, name, tangent):
    law = (ntk_law if tangent else conjugate_kernel_law)(name, gammas, inputs=MarchenkoPastur(first))
    mean = sum(law.a**k for k in range(len(gammas) + 1)) if tangent else 1.0
    assert law.mean() == pytest.approx(mean, rel=1e-9)
    low, high = law._hull()
    x = np.linspace(low - 0.1, high * 1.01, 60)
    cdf = law.cdf(x)
    assert (np.diff(cdf) >= -1e-10).all()
    assert cdf[0] == 0
    assert cdf[-1] == pytest.approx(1, abs=1e-12)
    assert sum(law.cdf(b) - law.cdf(a) for a, b in law.support()) + sum(
        mass for at, mass in law.atoms() if not any(a < at <= b for a, b in law.support())
    ) == pytest.approx(1, abs=1e-6)


def test_depth_ten_and_speed_of_evaluation_by_continuation():
    law = ntk_law("tanh", 0.5, depth=10, inputs=MarchenkoPastur(0.5))
    assert law.mean() == pytest.approx(sum(law.a**k for k in range(11)), rel=1e-11)
    assert law.expect(lambda x: x) == pytest.approx(law.mean(), rel=1e-9)


def test_normalised_activations_are_taken_as_they_are():
    centred = Activation(lambda h: np.sqrt(2.0) * np.cos(h) * 0 + h, lambda h: np.ones_like(h), name="id")
    law = conjugate_kernel_law(centred, 0.5, normalize=False)
    assert law.factor == 1.0
    assert law.offset == 0.0
    with pytest.raises(ValueError, match="normalize=True"):
        ntk_law("relu", 0.5, normalize=False)


def test_continuous_inputs_and_pickles():
    inputs = Semicircle(0.2).shift(1.0)
    law = conjugate_kernel_law("tanh", 0.5, inputs=inputs)
    # Second moment of a free product with MP: m2 = s2 + gamma, s2 = 1 + b^4 var.
    assert law.moment(2) == pytest.approx(1 + law.b**4 * 0.04 + 0.5, rel=1e-9)
    again = pickle.loads(pickle.dumps(law))
    assert again.pdf(1.0) == law.pdf(1.0)
    assert "conjugate" in repr(law)
    assert law.to_dict()["gammas"] == [0.5]
    assert law.rvs(5, rng=1).shape == (5,)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: ntk_law("tanh", 0.0), ValueError, "gammas must be finite and above 0"),
        (lambda: ntk_law("tanh", []), ValueError, "at least one"),
        (lambda: ntk_law("tanh", [1.0, 2.0], depth=3), ValueError, "depth"),
        (lambda: ntk_law("tanh", 1.0, inputs=[3.0, 3.0]), ValueError, "mean 1"),
        (lambda: ntk_law("tanh", 1.0, inputs=[3.0, -1.0]), ValueError, "at least 0"),
        (lambda: ntk_law("tanh", 1.0, inputs=Semicircle()), ValueError, r"on \[0, inf\)"),
        (lambda: ntk_law("tan", 1.0), ValueError, "activation"),
        (lambda: ntk_law(Activation(lambda h: h * 0 + 1, lambda h: h * 0, name="one"), 1.0), ValueError, "constant"),
        (lambda: ntk_law("tanh", 1.0, normalize="yes"), TypeError, "True or False"),
        (lambda: conjugate_kernel_law("tanh", 1.0, inputs=Empirical([1.0])).pdf("x"), TypeError, "real"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


@pytest.mark.parametrize(("name", "depth"), [("gelu", 2), ("tanh", 5)])
def test_next_to_the_atom_of_very_narrow_layers_there_is_no_density(name, depth):
    law = conjugate_kernel_law(name, 1e3, depth=depth)
    assert law.atoms() == [(0.0, pytest.approx(0.999))]
    x = np.array([5e-324, 1e-300, 1e-20])
    np.testing.assert_array_equal(law.pdf(x), 0.0)
    np.testing.assert_allclose(law.cdf(x), 0.999, rtol=1e-12)


def test_stieltjes_at_a_floor_where_the_density_diverges():
    law = conjugate_kernel_law("tanh", 1.0, depth=3, inputs=MarchenkoPastur(1.0))
    m = law.stieltjes([0.0, 1.0])
    assert m[0] == complex(math.inf, 0)
    assert m[1].imag == pytest.approx(math.pi * law.pdf(1.0), rel=1e-12)
    assert law.stieltjes(0.0) == complex(math.inf, 0)


@pytest.mark.parametrize("depth", [20, 40])
def test_deep_linear_networks_of_equal_widths(depth):
    # A product of `depth` square Gaussian matrices: Fuss and Catalan's law, whose edge and moments are known. Norms of
    # the factors would let it end at 4^depth.
    law, exact = conjugate_kernel_law("linear", 1.0, depth=depth), FussCatalan(depth)
    (low, high), *others = law.support()
    assert not others
    assert low == 0
    assert high == pytest.approx((depth + 1) * (1 + 1 / depth) ** depth, rel=1e-11)  # as good as edges are found
    # Cauchy's formula of z^2 m, some 50^2 times rounding of m on 96 points
    assert law.moment(2) == pytest.approx(depth + 1, rel=1e-11)
    x = high * np.array([1e-6, 1e-3, 0.1, 0.5, 0.9])
    np.testing.assert_allclose(law.cdf(x), exact.cdf(x), rtol=0, atol=1e-11)  # a sum over as many layers as there are


def test_deep_tangent_kernels_have_a_support():
    law = ntk_law("tanh", 1.0, depth=27)
    (low, high), *_ = law.support()
    assert law.ridge <= low < law.mean() < high
    assert 0 < law.cdf(law.mean()) < 1
    assert law.cdf(high) == pytest.approx(1, abs=1e-9)


# ---- many layers ----


@pytest.mark.parametrize(("depth", "gamma"), [(10, 0.5), (50, 0.5), (50, 0.9), (2000, 0.1)])
def test_edges_of_deep_linear_networks(depth, gamma):
    """z = (1 + y) (1 + gamma y)^L / y is stationary where L gamma y (1 + y) = 1 + gamma y: two roots, two edges."""
    law = conjugate_kernel_law("linear", gamma, depth=depth)
    middle, root = -(depth - 1) * gamma, math.sqrt(((depth - 1) * gamma) ** 2 + 4 * depth * gamma)
    y = np.array([middle - root, middle + root]) / (2 * depth * gamma)
    edges = np.exp(np.log((1 + y) / y) + depth * np.log1p(gamma * y))  # from 1e-95 to 546 in the last case
    np.testing.assert_allclose(law.support()[0], edges, rtol=1e-12)  # L roundings of ln(1 + gamma y), 4e-16 each


def test_deep_square_linear_networks_far_below_rounding():
    """A product of 41 Wisharts: a third of its mass is below 1e-20."""
    law, truth = conjugate_kernel_law("linear", 1.0, depth=40, inputs=MarchenkoPastur(1.0)), FussCatalan(41)
    x = 10.0 ** -np.arange(0, 120, 12)
    np.testing.assert_allclose(law.cdf(x), truth.cdf(x), rtol=0, atol=1e-13)
    np.testing.assert_allclose(law.pdf(x), truth.pdf(x), rtol=1e-11)


@pytest.mark.parametrize(("name", "gammas"), [("tanh", [0.5] * 8), ("relu", [2.0, 0.3, 1.5]), ("gelu", [1.0, 0.7])])
@pytest.mark.parametrize("inputs", [None, MarchenkoPastur(0.6)])
def test_one_equation_and_one_a_layer_give_the_same_law(name, gammas, inputs):
    """The law's own solver knows one unknown; the general one, for any inputs, has one a layer."""
    law = conjugate_kernel_law(name, gammas, inputs=inputs)
    low, high = law.support()[-1]
    x = low + (high - low) * np.linspace(0.01, 0.99, 30)
    density, below, report = law._solver.evaluate(x, 1)
    assert report["failed"] == 0
    np.testing.assert_allclose(law.pdf(x), density, rtol=1e-10)
    np.testing.assert_allclose(law.cdf(x), below, rtol=0, atol=1e-12)


def test_layers_far_below_are_forgotten():
    """What two networks, one of them deep, have in common beyond the ridge; inputs then do not count."""
    a, b = (ntk_law("relu", 0.5, depth=d, inputs=i).without_ridge() for d, i in ((150, None), (900, [0.5, 1.5])))
    np.testing.assert_allclose(a.support(), b.support(), rtol=1e-9)  # an end is extrapolated
    x = np.linspace(*a.support()[0], 12)[1:-1]
    np.testing.assert_allclose(a.cdf(x), b.cdf(x), rtol=0, atol=1e-11)  # some 120 layers, and their 1e-16 each
    np.testing.assert_allclose(a.mean(), 1 / (1 - a.b**2), rtol=1e-10)  # sum of b^(2 k), all traces are 1


def test_a_ridge_that_hides_the_law_is_an_error():
    law = ntk_law("relu", 0.5, depth=200)
    for ask in (law.support, lambda: law.cdf(1.0), lambda: law.stieltjes(1j)):
        with pytest.raises(ValueError, match="without_ridge"):
            ask()
    shallow = ntk_law("tanh", [0.5, 0.7])
    x = np.linspace(*shallow.support()[0], 9)
    np.testing.assert_allclose(shallow.without_ridge().cdf(x - shallow.ridge), shallow.cdf(x), rtol=0, atol=1e-12)
    assert math.isinf(ntk_law("tanh", 0.5, depth=8192).ridge)


@pytest.mark.parametrize("gamma", [1e6, 1e9])
def test_layers_of_few_units_move_few_eigenvalues_far(gamma):
    """1 / gamma of them per layer, to multiples of gamma; up to terms of relative size 1 / gamma.

    The squares of b^2 K_1 + K_2 have means gamma (b^4 + 2 b^4 + b^4 + 1). K_1 is gamma times a projection, K_2 gamma
    times the Gram matrix of rows that have a part b s in it and sqrt(1 - b^2) outside, s the singular values of a
    Gaussian square matrix, up to 2: 2 x 2 matrices of trace 1 + b^2 s^2 and determinant b^2 (1 - b^2).
    """
    law = ntk_law("tanh", [gamma, gamma], inputs=MarchenkoPastur(1.0))
    b2 = law.b**2
    trace, determinant = 1 + 4 * b2, b2 * (1 - b2)
    assert len(law.support()) == 3
    assert law.expect(lambda x: x) == pytest.approx(law.mean(), rel=1e-7)
    assert law.var() / gamma == pytest.approx(1 + 4 * b2**2, rel=20 / gamma + 1e-8)
    end = (trace + math.sqrt(trace**2 - 4 * determinant)) / 2
    assert law.support()[-1][1] / gamma == pytest.approx(end, rel=20 / gamma + 1e-8)


def test_intervals_too_small_to_find_are_refused(monkeypatch):
    wide = ntk_law("tanh", [1e-8, 1e8])  # rounding of the distribution function alone is no loss
    assert wide.expect(lambda x: x) == pytest.approx(wide.mean(), rel=1e-7)
    with pytest.raises(ConvergenceError, match=r"gammas, or the aspect of the inputs, are above 1e\+12, got 1e\+13"):
        ntk_law("tanh", [1e13, 1e13], inputs=MarchenkoPastur(1.0)).support()
    law = ntk_law("tanh", [1e8, 1e8], inputs=MarchenkoPastur(1.0))
    monkeypatch.setattr(type(law), "_share", 1.0)  # as if no layer were narrow
    with pytest.raises(ConvergenceError, match=r"has a mean of .* intervals are missing"):
        law.support()


def around_ends(law):
    """Points from 1e-16 of an interval's length to the whole of it away from both ends, in each interval."""
    away = np.geomspace(1e-16, 0.5, 120)
    return np.unique([x for a, b in law.support() for x in (a + away * (b - a), b - away * (b - a))])


@pytest.mark.parametrize(
    ("name", "gammas", "inputs"),
    [
        ("tanh", [2.0, 0.5, 1.0], MarchenkoPastur(2.5)),
        ("tanh", [0.1, 3.0], Discrete([0.5, 1.5])),
        ("sin", [0.1, 3.0], Discrete([0.5, 1.5])),
    ],
)
def test_distribution_function_does_not_fall_at_ends(name, gammas, inputs):
    """There the solution is off by the root of rounding, 1e-8, but the function is stationary in it."""
    law = ntk_law(name, gammas, inputs=inputs)
    assert np.diff(law._cdf(around_ends(law))).min() > -4 * np.finfo(float).eps


def test_narrow_gaps_are_found():
    """A gap of 4e-4 of the support, between the points where the density is looked for first.

    1 / 2.5 of the eigenvalues of the inputs' kernel are not 0: 0.6 is what a gap leaves below it.
    """
    law = ntk_law("erf", [2.0, 0.5, 1.0], inputs=MarchenkoPastur(2.5))
    (_, left), (right, _) = law.support()
    assert 0.013 < right - left < 0.014
    np.testing.assert_allclose(law.cdf([left, (left + right) / 2, right]), 0.6, rtol=0, atol=1e-12)
    assert (law.pdf(np.linspace(left + 1e-9, right - 1e-9, 9)) < 1e-12).all()
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("gammas", "inputs", "power"),
    [
        ([1.0, 1.0], Discrete([0.5, 1.5]), 1 / 3),
        ([1.0, 0.5, 1.0], Empirical([0.5, 0.7, 1.8]), 1 / 3),
        ([1.0] * 6, Discrete([0.5, 1.5]), 1 / 7),
        ([0.5, 1.0, 0.999, 2.0], Discrete([0.0, 2.0]), 1 / 2),
        ([2.0, 2.0, 2.0, 0.5], Discrete([0.5, 1.5]), 1 / 3),
    ],
)
def test_hard_edges_of_linear_networks(gammas, inputs, power):
    """k + 1 equal ranks make the mass above 0 go like x^(1 / (k + 1)), from where corrections, of its own size, are
    small.
    """
    law = conjugate_kernel_law("linear", gammas, inputs=inputs)
    x = np.array([1e-22, 1e-18, 1e-16]) if power < 1 / 2 else np.array([1e-16, 1e-13, 1e-12])
    mass = law.cdf(x) - dict(law.atoms()).get(0.0, 0.0)
    if dict(law.atoms()):  # rounding of the atom's mass is part of it
        x, mass = x[-2:] * 1e2, law.cdf(x[-2:] * 1e2) - 0.5
    np.testing.assert_allclose(np.diff(np.log(mass)) / np.diff(np.log(x)), power, rtol=0, atol=3e-3)
    assert law.expect(lambda x: x) == pytest.approx(1, rel=1e-9)


def test_many_quantiles_come_from_a_table():
    """Of 50 layers 2000 solved one by one take half a minute."""
    law = ntk_law("sigmoid", 2.0, depth=50, inputs=Discrete([0.5, 1.5]))
    levels = np.linspace(0.001, 0.999, 2000)
    x = law.ppf(levels)
    np.testing.assert_allclose(law.cdf(x[::50]), levels[::50], rtol=0, atol=1e-11)
    np.testing.assert_allclose(law.ppf(levels[::400]), x[::400], rtol=1e-9)  # those are solved for
