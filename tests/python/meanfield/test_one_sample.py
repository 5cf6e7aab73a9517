"""The tangent kernel at one input: its law against series in 30 digits, networks, and gradient descent."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt.activations import Activation
from deeprmt.laws import MarchenkoPastur, Semicircle
from deeprmt.meanfield import (
    critical_point,
    fixed_point,
    gauss_moment,
    max_learning_rate,
    ntk_law,
    one_sample_ntk_law,
)
from deeprmt.networks import MLP, Network

# activation, q*, weights, depth, m1 .. m4, lambda_max, mass of the top atom: on the critical line, at the fixed point.
TABLE = """\
hard_tanh 0.05 haar 2 0.0999985141893 0.00999972220018 0.000999960266306 9.99948796728e-05 0.0999989013974 0.999992256
hard_tanh 0.05 haar 4 0.199997028379 0.0399990824019 0.00799977118625 0.00159994682408 0.199999351639 0.999976767
hard_tanh 0.05 haar 8 0.399994056757 0.159997955857 0.0639996408643 0.0256000926114 0.400004898751 0.99994579
hard_tanh 0.05 haar 16 0.799988113514 0.640004988308 0.512020855346 0.409631868442 0.800034580162 0.999883837
hard_tanh 0.05 gaussian 2 0.0999985141893 0.0124996479102 0.00187492416833 0.000318733331087 0.249997059889 -
hard_tanh 0.05 gaussian 4 0.199997028379 0.0749980423421 0.0398735536791 0.0250988377801 0.957568850664 -
hard_tanh 0.05 gaussian 8 0.399994056757 0.50998755526 1.02821584889 2.49304530996 3.73690312158 -
hard_tanh 0.05 gaussian 16 0.799988113514 3.73991286873 29.4175787962 280.048687312 14.7599613396 -
hard_tanh 0.5 haar 2 0.74219170963 0.576553991315 0.458311751279 0.368362048635 0.811460760033 0.842700793
hard_tanh 0.5 haar 4 1.48438341926 2.56327053998 4.68476618962 8.77688390727 1.95413047804 0.528102379
hard_tanh 0.5 haar 8 2.96876683852 12.4123405875 58.4911041999 291.242632849 5.81653200486 -
hard_tanh 0.5 haar 16 5.93753367704 67.1290734309 945.5165583 14754.3923912 21.2239374826 -
hard_tanh 0.5 gaussian 2 0.74219170963 0.714266124776 0.844660130615 1.14228738318 1.99105544832 -
hard_tanh 0.5 gaussian 4 1.48438341926 4.49124040843 19.7196183002 102.771550052 7.93030128039 -
hard_tanh 0.5 gaussian 8 2.96876683852 31.692039272 543.256439613 11205.4531517 31.7920385487 -
hard_tanh 0.5 gaussian 16 5.93753367704 237.892118922 16177.2439329 1331575.04994 127.622445301 -
tanh 0.05 haar 2 0.0912042022866 0.00834590577414 0.000765955763417 7.04788730331e-05 0.0954738045339 -
tanh 0.05 haar 4 0.182408404573 0.0336606156906 0.00627228370858 0.00117844432888 0.205753421915 -
tanh 0.05 haar 8 0.364816809147 0.136969200552 0.0526398366216 0.0206200571784 0.457958397074 -
tanh 0.05 haar 16 0.729633618293 0.566712298598 0.462250708627 0.391658835384 1.06656226897 -
tanh 0.05 gaussian 2 0.0912042022866 0.0104254574028 0.00143356866263 0.000223746801639 0.229992314972 -
tanh 0.05 gaussian 4 0.182408404573 0.0627743384922 0.0307196845831 0.0178139578127 0.8827973453 -
tanh 0.05 gaussian 8 0.364816809147 0.428106428568 0.796163062992 1.78127682329 3.44923289194 -
tanh 0.05 gaussian 16 0.729633618293 3.14535631817 22.8443566469 200.832270202 13.6322732823 -
tanh 0.5 haar 2 0.547352615873 0.322007888606 0.199715629758 0.128558203805 0.735635106826 -
tanh 0.5 haar 4 1.09470523175 1.51216157945 2.3973941786 4.12185739528 2.27912921664 -
tanh 0.5 haar 8 2.18941046349 7.93133852806 36.8174326329 194.017324183 7.61281329512 -
tanh 0.5 haar 16 4.37882092699 46.9661958142 722.403746168 13056.8783673 27.2676600366 -
tanh 0.5 gaussian 2 0.547352615873 0.396906610132 0.361603392117 0.381809141715 1.57589480868 -
tanh 0.5 gaussian 4 1.09470523175 2.56074368082 8.91250623327 37.0681484817 6.36008222179 -
tanh 0.5 gaussian 8 2.18941046349 18.4171595417 253.162100247 4199.09771906 25.6222873956 -
tanh 0.5 gaussian 16 4.37882092699 139.840610506 7657.71330363 508179.8315 103.001230238 -
erf_unit 0.05 haar 2 0.0928000899819 0.00863197421131 0.000804591972046 7.51365034096e-05 0.0963114765169 -
erf_unit 0.05 haar 4 0.185600179964 0.0347290719519 0.00654387991832 0.00124048111169 0.204721305678 -
erf_unit 0.05 haar 8 0.371200359928 0.140606158703 0.0541663080116 0.0211639612897 0.447105513006 -
erf_unit 0.05 haar 16 0.742400719855 0.576104542065 0.463378670359 0.383639613438 1.01474465068 -
relu 1 haar 2 1 1.25 1.75 2.5625 1.5 0.5
relu 1 haar 4 2 7.5 35.375 183.25 6.77177885246 -
relu 1 haar 8 4 51 930.25 19636 30.9735396341 -
relu 1 haar 16 8 374 27618.5 2428486 133.99424684 -
relu 1 gaussian 2 1 1.5 3 7 3.41421356237 -
relu 1 gaussian 4 2 11 93.5 946 15.3858457367 -
relu 1 gaussian 8 4 86 3081 132868 66.458088581 -
relu 1 gaussian 16 8 684 101258 18145352 277.83154757 -
linear 1 gaussian 2 2 5 15 51 5 -
linear 1 gaussian 4 4 30 319 4016 19.1515687819 -
linear 1 gaussian 8 8 204 8226 398904 74.7387181584 -
linear 1 gaussian 16 16 1496 235348 44809552 295.201590702 -
"""


def mlp_at(name, q, weights, depth, width=100):
    point = critical_point(name, q_star=q)
    return MLP([width] * (depth + 1), name, weights=weights, sigma_w=point.sigma_w, sigma_b=point.sigma_b)


def stationary(mlp, q):
    return (q - mlp.sigma_b**2) / mlp.sigma_w**2


@pytest.mark.parametrize("row", TABLE.splitlines())
def test_moments_largest_value_and_atoms(row):
    name, q, weights, depth, *numbers, atom = row.split()
    mlp = mlp_at(name, float(q), weights, int(depth))
    law = one_sample_ntk_law(mlp, q0=stationary(mlp, float(q)))
    *moments, largest = map(float, numbers)
    # 12 digits were kept.
    for k, value in enumerate(moments, start=1):
        assert law.moment(k) == pytest.approx(value, rel=6e-12)
    assert law.lambda_max == pytest.approx(largest, rel=6e-12)
    tops = [mass for location, mass in law.atoms() if location == law.lambda_max]
    assert tops == ([] if atom == "-" else [pytest.approx(float(atom), abs=6e-10)])
    # The variance by relative variances, which do not cancel, and by moments, which do.
    assert law.var() == pytest.approx(law.moment(2) - law.mean() ** 2, rel=1e-9, abs=1e-13 * law.moment(2))


@pytest.mark.parametrize(
    ("name", "q", "weights", "depth"),
    [
        ("hard_tanh", 0.5, "haar", 4),
        ("hard_tanh", 0.5, "gaussian", 4),
        ("tanh", 0.5, "haar", 2),
        ("tanh", 0.5, "haar", 3),
        ("relu", 1.0, "gaussian", 3),
        ("erf_unit", 1.0, "gaussian", 2),
        ("leaky_relu", 1.0, "haar", 4),
        ("leaky_relu", 1.0, "gaussian", 3),
    ],
)
def test_density_and_distribution_agree_with_the_moments(name, q, weights, depth):
    law = one_sample_ntk_law(mlp_at(name, q, weights, depth))
    # `expect` integrates the density and aims at 1e-10; an end where it diverges costs the root of a rounding.
    assert law.expect(np.ones_like) == pytest.approx(1, abs=3e-8)
    assert law.expect(lambda x: x**2) == pytest.approx(law.moment(2), rel=3e-8)
    masses = sum(law.cdf(b) - law.cdf(a) for a, b in law.support())
    inside = [mass for at, mass in law.atoms() if any(a < at <= b for a, b in law.support())]
    assert masses + sum(mass for _, mass in law.atoms()) - sum(inside) == pytest.approx(1, abs=1e-6)
    # The transform far from the support is the series of moments.
    z = 40 * law.lambda_max
    series = -sum(float(law.moment(k)) / z ** (k + 1) for k in range(9))
    assert law.stieltjes(z) == pytest.approx(series, rel=1e-13)


# activation, q*, |x_l|^2 / n_l, sigma_w: what the table starts from.
INPUTS = """\
hard_tanh 0.05 0.049999257094653 1.0000038721307
hard_tanh 0.5 0.37109585481485 1.0893396180323
tanh 0.05 0.045602101143321 1.0457663764428
tanh 0.5 0.27367630793674 1.2992209668019
erf_unit 0.05 0.046400044990951 1.0371481864061
relu 1 0.5 1.4142135623731
linear 1 1.0 1.0
"""


@pytest.mark.parametrize("row", INPUTS.splitlines())
def test_inputs_of_the_table(row):
    name, q, second, sigma_w = row.split()
    mlp = mlp_at(name, float(q), "haar", 5)
    # 14 digits were kept.
    assert mlp.sigma_w == pytest.approx(float(sigma_w), rel=6e-14)
    law = one_sample_ntk_law(mlp, q0=stationary(mlp, float(q)))
    np.testing.assert_allclose(law.second_moments, float(second), rtol=6e-13)  # it comes through the map four times
    np.testing.assert_allclose(law.q, float(q), rtol=6e-13)
    assert gauss_moment(name, float(q)) == pytest.approx(float(second), rel=6e-14)


def test_weights_that_move_nothing_are_refused_where_rounding_hides_the_law():
    law = one_sample_ntk_law(MLP([50] * 4, "gelu", sigma_w=1e-8, sigma_b=0.5), q0=1.0)
    assert law.mean() == pytest.approx(float(law.second_moments[-1]), rel=1e-15)
    with pytest.raises(ValueError, match="sigma_w = 1e-08 is so small that layer 2"):
        law.pdf(0.1)


def test_linear_networks():
    """Haar weights: the point L. Gaussian ones, L = 2: 1 + MP(1)."""
    law = one_sample_ntk_law(MLP([50] * 9, "linear", weights="haar", sigma_w=1.0))
    assert law.atoms() == [(8.0, 1.0)]
    assert law.support() == []
    law, truth = one_sample_ntk_law(MLP([50] * 3, "linear", sigma_w=1.0)), MarchenkoPastur(1.0).shift(1.0)
    x = np.linspace(1.01, 4.99, 50)
    np.testing.assert_allclose(law.pdf(x), truth.pdf(x), rtol=1e-11)
    np.testing.assert_allclose(law.cdf(x), truth.cdf(x), rtol=0, atol=1e-12)


def test_borderline_of_the_top_atom():
    """relu, L = 3, Haar: (L - 1)(1 - p) = 1 exactly, the density ends at 7 where an atom of mass 0 would lie."""
    law = one_sample_ntk_law(MLP([50] * 4, "relu", weights="haar", sigma_w=2**0.5), q0=1.0)
    assert law.lambda_max == pytest.approx(7, rel=1e-12)
    assert [location for location, _ in law.atoms()] == pytest.approx([1.0])
    assert law.expect(lambda x: x) == pytest.approx(3.0, rel=1e-7)


def test_signals_that_are_not_at_the_fixed_point():
    """Means by hand: mean_{l+1} = qhat_l + sigma_w^2 E phi'^2(q_l) mean_l."""
    mlp = MLP([80] * 5, "tanh", weights="haar", sigma_w=1.5, sigma_b=0.3)
    law = one_sample_ntk_law(mlp, q0=1.3)
    q, mean = 2.25 * 1.3 + 0.09, 1.3
    for _ in range(3):
        second = gauss_moment("tanh", q)
        mean = second + 2.25 * gauss_moment("tanh", q, derivative=True) * mean
        q = 2.25 * second + 0.09
    assert law.mean() == pytest.approx(mean, rel=1e-12)
    assert law.q[0] == pytest.approx(2.25 * 1.3 + 0.09)
    assert law.expect(lambda x: x) == pytest.approx(mean, rel=1e-8)
    default = one_sample_ntk_law(mlp)
    assert default.q == pytest.approx(fixed_point("tanh", 1.5, 0.3).q_star, rel=1e-12)


def test_laws_that_fall_apart():
    """Two slopes that are not 0, Haar weights: at L = 3 the density diverges where atoms have just lost their mass."""
    from deeprmt.activations import leaky_relu

    activation = leaky_relu(0.3)
    weight = 2 / 1.09
    law = one_sample_ntk_law(MLP([50] * 4, activation, weights="haar", sigma_w=weight**0.5), q0=1.0)
    small, large = weight * 0.09, weight
    (a, b), (c, d) = law.support()
    # The free product of two laws on two values each: its ends are products of values; x -> 1 + sigma_w^2 x twice.
    assert d == pytest.approx(1 + large * (1 + large), rel=1e-12)
    assert a == pytest.approx(1 + small * (1 + small), rel=1e-9)
    assert b < c
    x = np.array([b * 1.01, (b + c) / 2, c * 0.99])
    np.testing.assert_allclose(law.cdf(x), 0.5, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(law.pdf(x), 0)


def test_depth_is_linear_with_isometry_and_quadratic_without():
    haar = [one_sample_ntk_law(mlp_at("hard_tanh", 0.05, "haar", depth)).lambda_max for depth in (8, 16)]
    gauss = [one_sample_ntk_law(mlp_at("hard_tanh", 0.05, "gaussian", depth)).lambda_max for depth in (8, 16)]
    assert haar[1] / haar[0] == pytest.approx(2, rel=1e-3)
    assert gauss[1] / gauss[0] > 3.9


# ---- networks ----


@pytest.mark.parametrize(("name", "weights"), [("tanh", "haar"), ("hard_tanh", "haar"), ("relu", "gaussian")])
def test_networks_have_this_spectrum(name, weights):
    n, depth, draws = 300, 4, 3
    mlp = mlp_at(name, 0.5 if name != "relu" else 1.0, weights, depth, n)
    law = one_sample_ntk_law(mlp)
    found = []
    for seed in range(draws):
        x = np.random.default_rng(seed).normal(size=n)
        x *= math.sqrt(law.second_moments[0] * n) / np.linalg.norm(x)
        found.append(np.linalg.eigvalsh(mlp.sample(rng=seed).one_sample_ntk(x)))
    # The slopes' law is sampled n times a layer: tr D^2 has a relative s.d. of sqrt(v / n), v the relative variance of
    # phi'^2, and so does the signal's size; summed over layers, by which the law is stretched. A stretch of s moves F
    # by s x rho(x), at most about s / 2; five standard deviations, and six levels of 300 for their own fluctuation.
    v = fixed_point(name, mlp.sigma_w, mlp.sigma_b).slope_variance + (weights == "gaussian") + 1
    stretch = math.sqrt(depth * v / n / draws)
    found = np.array(found)
    for location, _ in law.atoms():  # in a finite network the atom is a cluster as wide as the signals fluctuate
        found[np.abs(found - location) < 5 * stretch * location] = location
    points = np.linspace(*law._hull(), 200)
    away = np.all(
        [np.abs(points - location) > 6 * stretch * location for location, _ in law.atoms()] or [points > 0], 0
    )
    cdf = np.searchsorted(np.sort(found, axis=None), points[away], side="right") / found.size
    assert np.abs(cdf - law.cdf(points[away])).max() < 0.02 + 2.5 * stretch
    assert found.mean() == pytest.approx(law.mean(), rel=5 * stretch)


def test_kernel_is_the_sum_of_squared_gradients():
    rng = np.random.default_rng(0)
    net = Network((rng.normal(size=(4, 3)), rng.normal(size=(5, 4)), rng.normal(size=(2, 5))), activation="tanh")
    net = Network(net.weights, tuple(rng.normal(size=w.shape[0]) for w in net.weights), "tanh")
    x = rng.normal(size=3)

    def gradients(what):
        columns = []
        for layer, values in enumerate(getattr(net, what)):
            for index in np.ndindex(values.shape):
                step, sides = 1e-5, []
                for sign in (1, -1):
                    parts = {key: [each.copy() for each in getattr(net, key)] for key in ("weights", "biases")}
                    parts[what][layer][index] += sign * step
                    sides.append(Network(tuple(parts["weights"]), tuple(parts["biases"]), "tanh").forward(x))
                columns.append((sides[0] - sides[1]) / (2 * step))
        return np.array(columns).T

    w, b = gradients("weights"), gradients("biases")
    # Central differences: h^2 / 6 times third derivatives of size 10, and rounding over h.
    np.testing.assert_allclose(net.one_sample_ntk(x), w @ w.T / 2, rtol=1e-8)
    np.testing.assert_allclose(net.one_sample_ntk(x, biases=True), (w @ w.T + b @ b.T) / 2, rtol=1e-8)
    stack = net.one_sample_ntk(np.stack([x, 2 * x]))
    np.testing.assert_allclose(stack[0], net.one_sample_ntk(x), rtol=1e-14)
    np.testing.assert_array_equal(net.one_sample_ntk(x, threads=1), net.one_sample_ntk(x, threads=2))


def test_input_width_may_differ():
    mlp = MLP([30, 200, 200, 200], "tanh", weights="haar", sigma_w=1.1, sigma_b=0.1)
    law = one_sample_ntk_law(mlp, q0=2.0)
    x = np.full(30, math.sqrt(2.0))
    means = [np.trace(mlp.sample(rng=seed).one_sample_ntk(x)) / 200 for seed in range(30)]
    assert abs(np.mean(means) - law.mean()) < 5 * np.std(means) / math.sqrt(30)


# ---- learning rates ----


def test_gradient_descent_diverges_above_the_border_and_not_below():
    """A wide Haar network on one input, only the residual's growth over the first steps: linear regime."""
    mlp = mlp_at("hard_tanh", 0.05, "haar", 6, 200)
    q = 0.05
    law = one_sample_ntk_law(mlp)
    rate = max_learning_rate(mlp)
    assert rate.stability == pytest.approx(2 / (6 * stationary(mlp, q)), rel=1e-3)
    net = mlp.sample(rng=1)
    x = np.random.default_rng(1).normal(size=200)
    x *= math.sqrt(200 * law.second_moments[0]) / np.linalg.norm(x)
    start = net.forward(x) + 1e-4 * np.random.default_rng(2).normal(size=200)  # targets close by

    def residual(eta, steps=30):
        weights = [w.copy() for w in net.weights]
        for _ in range(steps):
            signals, slopes = [x], []
            for w in weights[:-1]:
                h = w @ signals[-1] + net.biases[len(slopes)]
                signals.append(np.clip(h, -1, 1))
                slopes.append((np.abs(h) < 1).astype(float))
            error = weights[-1] @ signals[-1] + net.biases[-1] - start
            back = error / 200
            for layer in range(len(weights) - 1, -1, -1):
                gradient = np.outer(back, signals[layer])
                if layer:
                    back = slopes[layer - 1] * (weights[layer].T @ back)
                weights[layer] -= eta * gradient
        return np.linalg.norm(error)

    before = 1e-4 * math.sqrt(200)
    assert residual(0.9 * rate.stability) < 0.2 * before
    assert residual(1.1 * rate.stability) > 2 * before


def test_learning_rates_of_all_that_has_a_kernel():
    mlp = MLP([60] * 4, "tanh", sigma_w=1.2, sigma_b=0.1)
    law = one_sample_ntk_law(mlp)
    assert max_learning_rate(mlp) == max_learning_rate(law)
    assert float(max_learning_rate(law)) == 2 / law.lambda_max
    assert max_learning_rate(law).contraction == 1 / law.lambda_max
    net, x = mlp.sample(rng=1), np.ones(60)
    theta = net.one_sample_ntk(x)
    assert max_learning_rate(net, x).lambda_max == pytest.approx(np.linalg.eigvalsh(theta)[-1], rel=1e-12)
    assert max_learning_rate(theta).lambda_max == max_learning_rate(net, x).lambda_max
    assert max_learning_rate(net, x, biases=True).lambda_max > max_learning_rate(theta).lambda_max
    kernel = ntk_law("tanh", 1.0, depth=2, inputs=MarchenkoPastur(1.0))
    assert max_learning_rate(kernel).lambda_max == kernel.support()[-1][1]
    assert "stability" in repr(max_learning_rate(law))
    assert set(max_learning_rate(law).to_dict()) == {"lambda_max", "stability", "contraction"}


# ---- the protocol ----


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["tanh", "relu", "hard_tanh", "erf_unit", "shifted_relu", "leaky_relu"]),
    st.sampled_from(["haar", "gaussian"]),
    st.integers(1, 6),
    st.floats(0.7, 1.6),
    st.floats(0.0, 0.5),
    st.floats(0.05, 4.0),
)
def test_any_law_is_one(name, weights, depth, sigma_w, sigma_b, q0):
    law = one_sample_ntk_law(MLP([50] * (depth + 1), name, weights=weights, sigma_w=sigma_w, sigma_b=sigma_b), q0=q0)
    low, high = law._hull()
    assert low >= law.second_moments[-1] * (1 - 1e-12)
    x = np.linspace(low - 0.1, high * 1.01, 50)
    cdf = law.cdf(x)
    assert (np.diff(cdf) >= -1e-9).all()
    assert cdf[0] == 0
    assert cdf[-1] == 1
    assert low * (1 - 1e-12) <= law.mean() <= high * (1 + 1e-12)
    # Theta is linear in the sizes of signals: for phi(c h) = c phi(h) without biases all scales with q0.
    if name in ("relu", "leaky_relu") and sigma_b == 0:
        other = one_sample_ntk_law(MLP([50] * (depth + 1), name, weights=weights, sigma_w=sigma_w), q0=4 * q0)
        np.testing.assert_allclose(other.cdf(4 * x), cdf, rtol=0, atol=1e-7)


def test_pickles_and_says_what_it_is():
    law = one_sample_ntk_law(mlp_at("tanh", 0.5, "haar", 3))
    again = pickle.loads(pickle.dumps(law))
    assert again.pdf(0.7) == law.pdf(0.7)
    assert "OneSampleNTKLaw(tanh, haar" in repr(law)
    assert law.to_dict()["lambda_max"] == law.lambda_max
    assert law.rvs(3, rng=1).shape == (3,)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: one_sample_ntk_law("tanh"), TypeError, "must be a deeprmt.networks.MLP"),
        (lambda: one_sample_ntk_law(MLP([9, 9, 8], "tanh", sigma_w=1.0)), ValueError, "equal from the first hidden"),
        (lambda: one_sample_ntk_law(MLP([9] * 3, "tanh", sigma_w=0.9)), ValueError, "dies out"),
        (lambda: one_sample_ntk_law(MLP([9] * 3, "tanh", sigma_w=1.0), q0=0.0), ValueError, "q0"),
        (
            lambda: one_sample_ntk_law(MLP([9] * 3, Activation(lambda h: 0 * h, lambda h: 0 * h), sigma_w=1.0), q0=1.0),
            ValueError,
            "signal must stay",
        ),
        (lambda: max_learning_rate([[1.0, 2.0], [0.0, 1.0]]), ValueError, "symmetric"),
        (lambda: max_learning_rate([[1.0, 2.0]]), ValueError, "square"),
        (lambda: max_learning_rate([[-1.0]]), ValueError, "no negative eigenvalue"),
        (lambda: max_learning_rate([[0.0]]), ValueError, "positive"),
        (lambda: max_learning_rate(Semicircle(), [1.0]), TypeError, "x must be left out"),
        (lambda: max_learning_rate(Semicircle(), q0=1.0), TypeError, "q0 must be left out"),
        (lambda: max_learning_rate(Network([[[1.0]]])), TypeError, "x must be given"),
        (lambda: Network([[[1e200]], [[1e200]]]).one_sample_ntk([1.0]), ValueError, "finite"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_eigenvalues_beyond_the_range_of_doubles():
    with pytest.raises(ValueError, match=r"one_sample_ntk_law: the eigenvalues' mean .* beyond 1e250 in layer \d+ of"):
        one_sample_ntk_law(MLP([10] * 3001, "tanh", weights="haar", sigma_w=2.0))


@pytest.mark.parametrize(("weights", "sigma_w"), [("gaussian", 10.0), ("haar", 1e3)])
def test_slopes_that_underflow(weights, sigma_w):
    # Slopes of gelu that go down to 1e-300 for half of the units: the law has mass all over its support.
    law = one_sample_ntk_law(MLP([500] * 6, "gelu", weights=weights, sigma_w=sigma_w, sigma_b=0.1), q0=1.0)
    low, high = law.support()[0]
    x = low + (high - low) * np.concatenate([[0.0], np.geomspace(1e-6, 1e-2, 40)[:-1], np.linspace(1e-2, 1, 300)])
    cdf = law.cdf(x)
    # ln of slopes down to 1e-300 is rounded at 1e-13, in each of five layers and in steps from one to the next.
    assert (np.diff(cdf) > -1e-11).all()
    # By parts. The trapezium's error is sum F'' dx^3 / 12, below 1e-4 of the mean.
    assert low + np.trapezoid(1 - cdf, x) == pytest.approx(float(law.mean()), rel=1e-4)


def test_means_where_the_lower_part_holds_next_to_nothing():
    """There the density is rounding, and an integral relative to itself would not end."""
    mu = one_sample_ntk_law(MLP([300] * 4, "sin", weights="haar", sigma_w=0.8, sigma_b=0.1))
    assert mu.expect(lambda x: x) == pytest.approx(float(mu.mean()), rel=1e-8)
