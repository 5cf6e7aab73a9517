import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from deeprmt import _core
from deeprmt.activations import Activation, leaky_relu
from deeprmt.jacobian import JacobianLaw, law, singular_values, universal_law
from deeprmt.laws import FussCatalan
from deeprmt.meanfield import critical_point, gauss_moment, slope_law
from deeprmt.networks import MLP
from reference.jacobian import law as reference


def critical(name, weights, widths, q=0.5):
    point = critical_point(name, q_star=q)
    return MLP(widths, name, weights=weights, sigma_w=point.sigma_w, sigma_b=point.sigma_b)


# ---- tables ----


@pytest.mark.parametrize(("name", "weights", "variances", "moments"), reference.off_the_fixed_point)
def test_layers_off_the_fixed_point(name, weights, variances, moments):
    mlp = MLP([7] * 4, name, weights=weights, sigma_w=1.5, sigma_b=0.3)
    mu = law(mlp, q0=(3 - 0.09) / 2.25, output="activation")
    np.testing.assert_allclose(mu.q, [3, *variances], rtol=1e-11)
    np.testing.assert_allclose([mu.moment(k) for k in (1, 2, 3, 4)], moments, rtol=1e-11)
    assert mu.var() == pytest.approx(moments[1] - moments[0] ** 2, rel=1e-10)
    # The density knows nothing of the series: 1e-8 is what integration to the edges gives.
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-8)
    assert mu.expect(lambda x: x**2) == pytest.approx(moments[1], rel=1e-8)


@pytest.mark.parametrize(("name", "weights", "ratios", "moments"), reference.rectangular)
def test_rectangular_widths(name, weights, ratios, moments):
    widths = [50 * n for n in ratios]
    mlp = MLP(widths, "linear", weights=weights, sigma_w=1) if name == "linear" else critical(name, weights, widths)
    mu = law(mlp, output="activation")
    # Moments of J J^T are those of J^T J times n_0 / n_L.
    found = [mu.moment(k) * ratios[-1] / ratios[0] for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(found, moments, rtol=1e-12)
    assert mu.var() == pytest.approx(mu.moment(2) - mu.mean() ** 2, rel=1e-12)
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-8)
    assert mu.expect(lambda x: x) == pytest.approx(float(mu.mean()), rel=1e-8)


@pytest.mark.parametrize(("kind", "spread", "moments", "ends", "points"), reference.universal)
def test_universal_laws(kind, spread, moments, ends, points):
    mu = universal_law(kind, spread)
    np.testing.assert_allclose([mu.moment(k) for k in (2, 3, 4)], moments, rtol=1e-11)
    assert mu.support()[0] == pytest.approx(ends, rel=1e-12)
    x, density, cdf = np.array(points).T
    np.testing.assert_allclose(mu.pdf(x), density, rtol=1e-9)
    np.testing.assert_allclose(mu.cdf(x), cdf, rtol=0, atol=1e-10)
    assert mu.atoms() == ([(pytest.approx(math.exp(0.25)), 0.75)] if (kind, spread) == ("bernoulli", 0.25) else [])


@pytest.mark.parametrize(
    ("name", "depth", "q", "moments", "largest", "atom", "distance"),
    reference.approach,
)
def test_the_way_to_the_universal_laws(name, depth, q, moments, largest, atom, distance):
    if name == "hard_tanh":  # p = 1 / (1 + spread / L): exact, for 1 - p shows rounding of q enlarged
        exact = 1 / (2 * special.erfcinv(0.25 / (depth + 0.25)) ** 2)
        assert exact == pytest.approx(q, rel=1e-9)
        q = exact
    mu = law(critical(name, "haar", [9] * (depth + 1), q), output="activation")
    # q is printed with 12 digits, and the variance is proportional to it.
    np.testing.assert_allclose([mu.moment(k) for k in (2, 3, 4)], (1.25, *moments), rtol=3e-10)
    assert mu.lambda_max == pytest.approx(largest, rel=3e-10)
    if atom is not None:
        mass, edge = atom
        assert mu.atoms()[-1] == (pytest.approx(largest, rel=3e-10), pytest.approx(mass, abs=1e-9))
        assert mu.support()[-1][1] == pytest.approx(edge, rel=2e-9)
    if distance is not None:
        limit = universal_law("bernoulli" if name == "hard_tanh" else "smooth", 0.25)
        ends = sorted({0.0, *np.ravel(mu.support()), *np.ravel(limit.support()), largest, math.exp(0.25)})
        nodes, weights = np.polynomial.legendre.leggauss(60)
        total = 0.0
        for a, b in itertools.pairwise(ends):
            angle = (nodes + 1) / 2  # cos resolves the edges, its square an infinite density at 0
            x = a + (b - a) * (1 - np.cos(math.pi * angle)) / 2
            slope = (b - a) * math.pi * np.sin(math.pi * angle) / 4
            total += float(np.sum(weights * slope * np.abs(mu.cdf(x) - limit.cdf(x))))
        if name == "hard_tanh":
            # Between the two top atoms F_L = 1 and F = 1/4, which is a third to a half of the distance, as
            # test_distance_by_quantiles shows. The printed column leaves it out, up to depth 8 a part of it only.
            total -= 0.75 * (math.exp(0.25) - mu.lambda_max)
        if name != "hard_tanh" or depth > 8:
            assert total == pytest.approx(distance, rel=2e-3 if depth < 8192 else 2e-2)  # kinks: F crosses F


@pytest.mark.parametrize("depth", [2, 8, 128])
def test_distance_by_quantiles(depth):
    """W1 is also the mean distance of quantiles: atoms of unlike places count with the mass that has to move.

    For hard_tanh p = L / (L + 1/4) leaves atoms of 1 - L (1 - p) >= 3/4 at p^-L < e^(1/4). Three quarters of the mass
    move by e^(1/4) - p^-L, which int |F_L - F| over all x counts between the two, for F_L = 1 and F = 1/4 there.
    """
    limit = universal_law("bernoulli", 0.25)
    q = 1 / (2 * special.erfcinv(0.25 / (depth + 0.25)) ** 2)
    mu = law(critical("hard_tanh", "haar", [9] * (depth + 1), q), output="activation")
    top = (1 + 0.25 / depth) ** depth
    assert mu.atoms()[-1] == (
        pytest.approx(top, rel=1e-12),
        pytest.approx(1 - 0.25 * depth / (depth + 0.25), rel=1e-12),
    )
    u = (np.arange(20_000) + 0.5) / 20_000  # quantiles are bounded and have few jumps: 1e-4 of them is off
    whole = float(np.mean(np.abs(mu.ppf(u) - limit.ppf(u))))
    x = np.linspace(0, math.exp(0.25), 40_001)
    x = (x[1:] + x[:-1]) / 2
    by_areas = float(np.mean(np.abs(mu.cdf(x) - limit.cdf(x)))) * math.exp(0.25)
    assert whole == pytest.approx(by_areas, abs=2e-4)
    assert whole > 0.75 * (math.exp(0.25) - top)


@pytest.mark.parametrize(
    ("weights", "depth", "sigma_w"), [("gaussian", 3, 1e3), ("gaussian", 8192, 1.0), ("haar", 40, 1.3)]
)
def test_edges_of_many_different_projections(weights, depth, sigma_w):
    """Flat parts that differ from layer to layer and leave little, or little each: up to 1e-12 from all edges."""
    mu = law(MLP([9] * (depth + 1), "hard_tanh", weights=weights, sigma_w=sigma_w), q0=1.0, normalized=True)
    for low, high in mu.support():
        for end, inwards in ((low, 1), (high, -1)):
            if end == 0 or end in dict(mu.atoms()):
                continue
            density = mu.pdf(end * (1 + inwards * np.array([1e-12, 1e-10, 1e-8, 4e-8])))
            # Roots: twice the density at four times the distance; the next order is a part of 1e-8 of it, times depth.
            assert density[3] / density[2] == pytest.approx(2, rel=3e-3)
            assert np.all(density[:2] < density[2])


def test_tapered_widths():
    edge, points = reference.tapered
    solver = _core.freeprob.ExplicitLaw([("pole", 0.8**k, 1.0) for k in range(1, 21)], [], False)
    x, density, cdf = np.ascontiguousarray(np.array(points).T)
    found = solver.evaluate(x, 1)
    np.testing.assert_allclose(found[0], density, rtol=1e-11)
    np.testing.assert_allclose(found[1], cdf, rtol=0, atol=1e-12)
    assert solver.gaps()[-1][0] == pytest.approx(edge, rel=1e-13)


# ---- theorems ----


@pytest.mark.parametrize("depth", [5, 12, 30])
def test_the_rule_for_many_variances_is_exact(depth, monkeypatch):
    mlp = MLP([9] * (depth + 1), "tanh", weights="haar", sigma_w=1.1, sigma_b=0.02)
    few = law(mlp, q0=4.0, output="activation")
    assert len(few._chain.factors) <= 16
    monkeypatch.setattr("deeprmt.jacobian._layers._few", 1000)
    all_of_them = law(mlp, q0=4.0, output="activation")
    assert len(all_of_them._chain.factors) == depth
    x = np.geomspace(1e-4, 0.999, 30) * few.lambda_max
    assert few.lambda_max == pytest.approx(all_of_them.lambda_max, rel=1e-11)
    np.testing.assert_allclose(few.pdf(x), all_of_them.pdf(x), rtol=1e-9)
    np.testing.assert_allclose(few.cdf(x), all_of_them.cdf(x), rtol=0, atol=1e-11)


@pytest.mark.parametrize(("name", "most"), [("gelu", 16), ("swish", 20)])
def test_variances_that_explode_take_few_unknowns(name, most, monkeypatch):
    """Half of the slopes are 0 in the end: ln S is as smooth in ln q on what is left."""
    point = critical_point(name, q_star=0.5)
    mlp = MLP([9] * 25, name, weights="haar", sigma_w=point.sigma_w, sigma_b=point.sigma_b)
    few = law(mlp, q0=3.0)
    assert few.q[-1] > 50 * few.q[0]
    assert len(few._chain.factors) <= most
    monkeypatch.setattr("deeprmt.jacobian._layers._few", 1000)
    all_of_them = law(mlp, q0=3.0)
    assert len(all_of_them._chain.factors) == 23
    x = np.geomspace(1e-4, 0.999, 12) * few.lambda_max
    assert few.lambda_max == pytest.approx(all_of_them.lambda_max, rel=1e-11)
    np.testing.assert_allclose(few.pdf(x), all_of_them.pdf(x), rtol=1e-9)
    np.testing.assert_allclose(few.cdf(x), all_of_them.cdf(x), rtol=0, atol=1e-11)


@pytest.mark.parametrize(("weights", "sigma_w"), [("gaussian", 1e3), ("haar", 10.0)])
def test_slopes_that_underflow(weights, sigma_w):
    """A smooth phi under wide Gaussians is relu but for a thin part: half of its slopes are as good as 0."""
    few, many = (
        law(MLP([100] * 5, name, weights=weights, sigma_w=sigma_w, sigma_b=0.1), q0=1.0, normalized=True)
        for name in ("gelu", "relu")
    )
    x = np.concatenate([np.geomspace(1e-9, 1e-2, 150)[:-1], np.linspace(1e-2, 1, 400)]) * few.lambda_max
    cdf = few.cdf(x)
    assert (np.diff(cdf) >= 0).all()
    # By parts, E x = int (1 - F) dx. The trapezium's error is sum F'' dx^3 / 12, below 1e-4 of the mean.
    mean = x[0] * (1 - cdf[0]) + np.trapezoid(1 - cdf, x)
    assert mean == pytest.approx(float(few.mean()), rel=1e-4)
    # The thin part is a share of about 1 / sqrt q of the slopes, in each of 3 layers, of which the first is widest.
    assert np.abs(cdf - many.cdf(x)).max() < 4 / sigma_w


def test_thousands_of_layers_that_all_differ():
    """At the end of the critical line q falls like 1 / l: no two layers are alike."""
    depth = 1000
    mu = law(MLP([9] * (depth + 1), "tanh", weights="haar", sigma_w=1.0), q0=3.0, output="activation")
    slopes = gauss_moment("tanh", mu.q, derivative=True)
    assert len(np.unique(mu.q)) == depth
    assert mu.log_mean() == pytest.approx(float(np.sum(np.log(slopes))), abs=1e-10)
    relative = np.sum(gauss_moment("tanh", mu.q, power=4, derivative=True) / slopes**2 - 1)
    assert mu.var() / mu.mean() ** 2 == pytest.approx(relative, rel=1e-9)
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("weights", ["gaussian", "haar"])
@pytest.mark.parametrize("widths", [(3, 1, 2), (1, 2, 3), (2, 3, 1, 2), (2, 2, 1)])
@pytest.mark.parametrize("name", ["tanh", "hard_tanh"])
def test_sampled_rectangular_networks_follow(weights, widths, name):
    mlp = critical(name, weights, [60 * n for n in widths], q=1.0)
    s = singular_values(mlp, trials=40, output="activation", rng=1) ** 2
    if mlp.widths[-1] > s.shape[1]:
        s = np.hstack([s, np.zeros((len(s), mlp.widths[-1] - s.shape[1]))])
    s[s < 1e-20] = 0
    mu = law(mlp, output="activation")
    # Slopes are sampled: the distance has a standard deviation of about 0.5 / sqrt(40 * 60) = 0.01, and a bias 1 / 60.
    assert mu.ks_distance(s) < 0.04
    assert np.mean(s) == pytest.approx(float(mu.mean()), rel=0.1)


@pytest.mark.parametrize("weights", ["gaussian", "haar"])
def test_network_surrogate_and_law(weights):
    """The diagonals may be taken independent of the weights; distances of single networks of width 200 are 0.03."""
    mlp = critical("tanh", weights, [200] * 5, q=1.0)
    mu = law(mlp, output="activation")
    real = singular_values(mlp, trials=16, output="activation", rng=3) ** 2
    fake = singular_values(mlp, trials=16, output="activation", surrogate=True, rng=3) ** 2
    assert not np.allclose(real, fake, rtol=1e-3)
    one = [mu.ks_distance(each) for each in (*real, *fake)]
    assert np.mean(one) < 0.035 + 5 * 0.004  # 0.029 +- 0.004 of independent sampling by others
    # Pooled: slopes of 16 networks of 4 layers; the largest of the others' eight values is 0.0143 +- 0.003.
    assert mu.ks_distance(real) < 0.03
    assert mu.ks_distance(fake) < 0.03
    # Mean of eigenvalues: a relative standard deviation of sqrt(4 * 0.58 / 200) = 0.11 a network.
    assert abs(real.mean() - fake.mean()) < 5 * 0.11 * math.sqrt(2 / 16)


@pytest.mark.parametrize("entries", ["rademacher", "uniform"])
def test_other_independent_entries_have_the_law_of_gaussian_ones(entries):
    rng, n, depth = np.random.default_rng(2), 300, 3
    mlp = critical("tanh", "gaussian", [n] * (depth + 1), q=1.0)
    mu = law(mlp, output="activation")
    values = []
    for _ in range(4):
        j = np.eye(n)
        for q in mu.q:
            w = rng.choice([-1.0, 1.0], (n, n)) if entries == "rademacher" else rng.uniform(-(3**0.5), 3**0.5, (n, n))
            slopes = mlp.activation.dphi(math.sqrt(q) * rng.normal(size=n))
            j = slopes[:, None] * (mlp.sigma_w / math.sqrt(n) * w @ j)
        values.append(np.linalg.svd(j, compute_uv=False) ** 2)
    # Sampled slopes move it by about 0.5 / sqrt(4 * 300) = 0.014 and a bias of 1 / 300.
    assert mu.ks_distance(values) < 0.04


def test_surrogate_starts_from_the_input_it_is_given():
    mlp = MLP([400] * 3, "hard_tanh", weights="haar", sigma_w=1.0)
    x = np.full(400, math.sqrt(2.0))
    s = singular_values(mlp, x, surrogate=True, output="activation", trials=10, rng=0)
    mu = law(mlp, q0=2.0, output="activation")
    # The rank is that of the layer with fewer slopes 1: each zero is a draw with P(|h| > 1).
    zeros = np.mean(s < 1e-9)
    p = mu.atoms()[0][1]
    assert abs(zeros - p) < 5 * math.sqrt(p * (1 - p) / 4000)
    logs = singular_values(mlp, x, surrogate=True, output="activation", trials=10, rng=0, log=True)
    np.testing.assert_allclose(np.exp(logs[:, 0]), s[:, 0], rtol=1e-12)
    again = singular_values(mlp, x, surrogate=True, output="activation", trials=3, rng=0, threads=1)
    np.testing.assert_array_equal(again, s[:3])
    with pytest.raises(ValueError, match="needs one input"):
        singular_values(mlp, np.ones((2, 400)), trials=2, surrogate=True)
    with pytest.raises(TypeError, match="surrogate must be True or False"):
        singular_values(mlp, surrogate=1)


@pytest.mark.parametrize(
    ("name", "weights", "widths"),
    [
        ("tanh", "haar", (2, 2, 2)),
        ("tanh", "gaussian", (2, 2)),
        ("tanh", "gaussian", (3, 4, 1)),
        ("tanh", "haar", (3, 1, 1)),
        ("linear", "gaussian", (2, 1)),
        (leaky_relu(0.2), "haar", (2, 2, 2)),
    ],
)
def test_mean_log(name, weights, widths):
    mu = law(MLP([9 * n for n in widths], name, weights=weights, sigma_w=1.3, sigma_b=0.1), q0=1.0, output="activation")
    assert mu.mean_log() == pytest.approx(mu.expect(lambda x: np.log(np.maximum(x, 1e-300))), abs=1e-8)


def test_mean_log_is_minus_infinity_with_mass_at_zero_and_minus_one_a_gaussian_layer():
    assert law(MLP([9, 9], "relu", sigma_w=1.0), output="activation").mean_log() == -math.inf
    assert law(MLP([9] * 6, "linear", sigma_w=1.0)).mean_log() == pytest.approx(-5, abs=1e-14)


@pytest.mark.parametrize("k", [6, 12, 20])
def test_high_moments(k):
    """Raney numbers; the double-scaling limit; and the sum of a density."""
    linear = law(MLP([9] * 17, "linear", sigma_w=1.0))
    assert linear.moment(k) == pytest.approx(math.comb(17 * k, k) / (16 * k + 1), rel=1e-12)
    # z = e^(s y) (1 + y) / y: the free multiplicative Brownian motion at time s has moments of Laguerre's polynomials.
    smooth = universal_law("smooth", 0.7)
    assert smooth.moment(k) == pytest.approx(special.eval_genlaguerre(k - 1, 1, -k * 0.7) / k, rel=1e-12)
    for weights in ("gaussian", "haar"):
        mu = law(critical("tanh", weights, [9] * 4), output="activation")
        # The series cancels: (4 lambda_max)^k of rounding at worst, where 1e-8 is what integration reaches anyway.
        assert mu.moment(k) == pytest.approx(mu.expect(lambda x: x**k), rel=1e-7)


def test_fast_quantiles_are_quantiles():
    mu = law(critical("hard_tanh", "haar", [9] * 5), output="activation")
    q = np.linspace(1e-7, 1 - 1e-7, 301)
    x = mu.ppf(q)
    one_by_one = np.concatenate([mu.ppf(part) for part in np.array_split(q, 10)])
    np.testing.assert_allclose(x, one_by_one, rtol=1e-8, atol=1e-12)
    assert (np.diff(x) >= 0).all()
    assert (x[q < mu.atoms()[0][1]] == 0).all()
    assert (x[q > 1 - mu.atoms()[1][1] + 1e-9] == mu.atoms()[1][0]).all()
    draws = mu.rvs(2000, rng=0)
    # Kolmogorov's distance of 2000 draws is below 0.05 with probability 1 - 1e-4.
    assert mu.ks_distance(draws) < 0.05


# ---- hostile input ----


@pytest.mark.parametrize("excess", [0.0, 1e-15, -1e-15, 1e-12, -1e-12, 1e-9, -1e-9])
def test_the_top_atom_dies_out_at_one(excess):
    """Slopes 0 and 1, Haar weights: L (1 - p) = 1 and what is around it."""
    depth = 4
    flat = (1 + excess) / depth
    q = 1 / (2 * special.erfcinv(flat) ** 2)
    mlp = MLP([9] * (depth + 1), "hard_tanh", weights="haar", sigma_w=1.0)
    mu = JacobianLaw(mlp, "activation", np.full(depth, q))  # whatever sigma_w makes of q
    assert mu.lambda_max == pytest.approx(1, abs=1e-5)
    x = np.array([0.01, 0.3, 0.9, 0.999999])
    f = mu.cdf(x)
    assert (np.diff(f) > 0).all()
    # z = (y + p)^L / (y (1 + y)^(L-1)) at p = 3/4: the same law whatever the rounding of L (1 - p).
    exact = universal_half(x, depth)
    np.testing.assert_allclose(f, exact, rtol=0, atol=1e-6)
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_the_border_at_all_depths():
    for depth in range(2, 8193):
        check_border(depth)


@pytest.mark.parametrize("depth", [2, 3, 7, 16, 33, 63, 64, 65, 127, 128, 500, 1000, 2048, 3001, 8192])
def test_the_border(depth):
    check_border(depth)


def check_border(depth):
    """L (1 - p) = 1: the bulk ends where the atom was, and its density diverges there like a root."""
    q = 1 / (2 * special.erfcinv(1 / depth) ** 2)
    mu = law(critical("hard_tanh", "haar", [9] * (depth + 1), q), output="activation")
    top = (1 - 1 / depth) ** -depth
    # sigma_w^2 and p are rounded to an ulp each, and raised to the power L.
    assert mu.lambda_max == pytest.approx(top, rel=1e-12 + 5e-16 * depth)
    short = np.array([1e-15, 1e-12, 1e-8, 1e-6])
    x = np.concatenate([[1e-30, 0.1, 1.0], top * (1 - short[::-1]), [top, top * 1.1]])
    f = mu.cdf(x)
    assert (np.diff(f) >= -1e-12).all()
    assert f[-1] == 1
    assert f[0] >= 1 / depth - 1e-12
    # ln z = ln top + p / (2 y^2) for large y: with s = -ln(x / top), 1 - F = sqrt(2 s / p) (1 - p) L / pi and so on;
    # to leading order in sqrt(s), the chain's U = L (1 - p) ln(y + p) - ln y is p / y there, y = i sqrt(p / 2 s).
    p = 1 - 1 / depth
    assert 1 - f[3] == pytest.approx(math.sqrt(2 * 1e-6 * p) / math.pi, rel=1e-2)
    assert not np.isnan(mu.pdf(x)).any()


def universal_half(x, depth):
    """F for p = 1 - 1 / depth by all roots of x y (1 + y)^(L-1) = (y + p)^L."""
    p = 1 - 1 / depth
    out = []
    for each in x:
        left = np.poly1d([float(each), 0.0]) * np.poly1d([1, 1]) ** (depth - 1)
        roots = (left - np.poly1d([1, p]) ** depth).roots
        y = roots[np.argmin(roots.imag)]
        phase = depth * (1 - p) * np.angle(y + p) - np.angle(y)  # U = (1-p) L ln(y+p) - ln y
        out.append(1 - phase / math.pi)
    return out


@pytest.mark.parametrize("weights", ["gaussian", "haar"])
def test_nearly_linear(weights):
    """1 - p = 1.2e-15: the law of the linear network but for a part of that size."""
    mu = law(critical("hard_tanh", weights, [9] * 9, q=1 / 64), output="activation")
    assert mu.mean() == pytest.approx(1, abs=1e-13)
    assert mu.var() == pytest.approx((8 if weights == "gaussian" else 0) + 8 * 1.2441921148544e-15, rel=1e-10)
    if weights == "haar":
        assert mu.atoms()[-1] == (pytest.approx(1, abs=1e-13), pytest.approx(1, abs=1e-13))
        assert mu.cdf(0.5) == pytest.approx(1e-15, abs=1e-14)
    else:
        linear = law(MLP([9] * 9, "linear", sigma_w=1.0))
        np.testing.assert_allclose(mu.cdf([0.1, 1, 9]), linear.cdf([0.1, 1, 9]), rtol=0, atol=1e-13)


@pytest.mark.parametrize("weights", ["gaussian", "haar"])
def test_points_on_and_next_to_edges(weights):
    for name, widths in (("tanh", [9] * 5), ("hard_tanh", [18, 9, 9]), ("relu", [18, 9, 36])):
        mu = law(critical(name, weights, widths), output="activation")
        for low, high in mu.support():
            ends = [high * (1 + t) for t in (-1e-9, -1e-12, -1e-15, 0, 1e-15, 1e-12)]
            ends += [low * (1 + t) for t in (-1e-12, 0, 1e-15, 1e-12, 1e-9)]
            f, p = mu.cdf(np.sort(ends)), mu.pdf(np.sort(ends))
            assert np.isfinite(f).all()
            assert (np.diff(f) >= -1e-12).all()
            assert not np.isnan(p).any()
            assert mu.cdf(high) == pytest.approx(mu.cdf(np.nextafter(high, 9e9)), abs=1e-7)


def test_equal_ratios_are_square():
    a = law(MLP([100, 100, 100], "tanh", sigma_w=1.3, sigma_b=0.1), output="activation")
    b = law(MLP([7, 7, 7], "tanh", sigma_w=1.3, sigma_b=0.1), output="activation")
    c = law(MLP([10**6, 10**6 + 1, 10**6], "tanh", sigma_w=1.3, sigma_b=0.1), output="activation")
    x = np.array([0.1, 1.0, 3.0])
    np.testing.assert_array_equal(a.pdf(x), b.pdf(x))
    np.testing.assert_allclose(a.pdf(x), c.pdf(x), rtol=1e-5)


def test_beyond_doubles():
    mlp = MLP([9] * 10001, "tanh", weights="haar", sigma_w=1.3)
    with pytest.raises(ValueError, match=r"mean is e\^623.*beyond the range of doubles; normalized=True"):
        law(mlp, output="activation")
    mu = law(mlp, output="activation", normalized=True)
    assert mu.mean() == pytest.approx(1, rel=1e-9)
    assert -mu.log_scale == pytest.approx(10_000 * math.log(1.0643691710289), rel=1e-10)
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-8)
    assert law(MLP([9] * 4, "tanh", sigma_w=1.0), normalized=True).mean() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("rough", 1.0), "kind must be one of"),
        (("smooth", 0.0), "spread must be finite and above 0"),
        (("bernoulli", 700.0), "spread must be at most 600"),
    ],
)
def test_universal_law_refuses(arguments, says):
    with pytest.raises(ValueError, match=says):
        universal_law(*arguments)


def test_moments_beyond_doubles_are_infinite_at_once():
    assert law(MLP([9] * 11, "tanh", sigma_w=1.3, sigma_b=0.1)).moment(5000) == math.inf


def test_signals_that_explode_are_named():
    with pytest.raises(ValueError, match="beyond 1e150 in layer"):
        law(MLP([9] * 3000, "softplus", sigma_w=3.0), q0=1.0)


def test_slopes_with_several_values_and_variances():
    """Three values of phi' and a variance that changes: gaps on different branches, found by counting dimensions."""
    steps = Activation(
        lambda h: np.where(np.abs(h) < 1, h, np.sign(h) * (1 + 1e-3 * (np.abs(h) - 1))),
        lambda h: np.where(np.abs(h) < 1, 1.0, 1e-3),
        kinks=(-1.0, 1.0),
    )
    mu = law(MLP([9] * 4, steps, weights="haar", sigma_w=1.0, sigma_b=0.5), q0=1.0, output="activation")
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-7)
    assert mu.expect(lambda x: x) == pytest.approx(float(mu.mean()), rel=1e-7)
    assert len(mu.atoms()) == 1


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=5),
    st.sampled_from(["relu", "hard_tanh", "linear"]),
    st.sampled_from(["gaussian", "haar"]),
    st.floats(0.3, 3.0),
    st.floats(0.05, 20.0),
)
def test_any_algebraic_law_is_one(widths, name, weights, sigma_w, q0):
    mlp = MLP(widths, name, weights=weights, sigma_w=sigma_w, sigma_b=0.2)
    mu = law(mlp, q0=q0, output="activation")
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-7)
    assert mu.expect(lambda x: x) == pytest.approx(float(mu.mean()), rel=1e-7)
    x = np.geomspace(1e-12, 1, 60) * max(mu.lambda_max, 1e-9)
    f = mu.cdf(x)
    assert (np.diff(f) >= -1e-10).all()
    assert f[-1] == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("layers", [64, 1000])
def test_mass_down_to_the_least_double(layers):
    x = np.array([1e-100, 1e-160, 1e-200, 1e-300, 1e-310, 5e-324])
    mu, exact = law(MLP([100] * (layers + 1), "linear", sigma_w=1.0), q0=1.0), FussCatalan(layers)
    # The logarithmic potential is a sum over the layers.
    np.testing.assert_allclose(mu.cdf(x), exact.cdf(x), rtol=0, atol=2e-16 * layers)
    np.testing.assert_allclose(mu.pdf(x[:4]), exact.pdf(x[:4]), rtol=1e-15 * layers)
    for x in (1e-150, 1e-200):
        assert math.log(mu.ppf(exact.cdf(x))) == pytest.approx(math.log(x), rel=1e-10)


def test_values_near_a_rare_atom_are_not_it():
    mu = law(critical("hard_tanh", "gaussian", [100] * 51, q=0.01))
    assert 0 < mu.atoms()[0][1] < 1e-20
    assert mu.ks_distance(mu.rvs(1000, rng=0)) < 1.95 / 1000**0.5  # is exceeded once in 1000 seeds


@pytest.mark.parametrize("name", ["tanh", "sin"])
@pytest.mark.parametrize(("layers", "q"), [(16, 1e-7), (32, 1e-4), (64, 1e-3), (64, 1e-6), (128, 1e-5)])
def test_few_points_of_narrow_laws(name, layers, q):
    """Bulks of relative width q, where rounding of a hundred factors counts: as many points as one likes."""
    mu = law(critical(name, "haar", [100] * (layers + 1), q=q))
    levels = np.array([0.1, 0.5, 0.9])
    few = mu.ppf(levels)
    # A layer's rounding is 1e-16, beside the width.
    np.testing.assert_allclose(mu.cdf(few), levels, rtol=0, atol=4e-16 * layers / q)
    for distance in np.geomspace(1e-14, 1e-2, 13):
        assert 0 <= mu.cdf(mu.lambda_max * (1 - distance)) <= 1


@pytest.mark.parametrize("q0", [1e-16, 1e-8, 1e-6, 1e-3, 0.1])
def test_the_stieltjes_transform_of_one_diagonal(q0):
    mu = law(MLP([200] * 3, "tanh", weights="haar", sigma_w=0.9), q0=q0)
    h, weights = np.polynomial.hermite_e.hermegauss(180)
    x = 0.9**4 / np.cosh(0.9 * math.sqrt(q0) * h) ** 4
    for z in (0.3 + 0.5j, -0.5, 1 - 0.3j):
        exact = np.sum(weights / (x - z)) / math.sqrt(2 * math.pi)
        assert abs(mu.stieltjes(z) - exact) < 2e-14 * abs(exact)
    assert mu.ks_distance(mu.rvs(500, rng=0)) < 1.95 / 500**0.5 or q0 < 1e-12
    assert (np.abs(mu.rvs(500, rng=0) - x.max()) <= 50 * q0 + 1e-15).all()


def test_slopes_that_differ_by_rounding_alone_are_one_number():
    """At q* = 0 all slopes are phi'(0): phi' from phi alone, or rounded in several ways, is no law of its own."""
    for dphi in (None, lambda h: (1 + h * h) ** -1.5):
        activation = Activation(lambda h: h / np.sqrt(1 + h * h), dphi)
        # Critical at sigma_w = 1, where rounding of phi decides between q* = 0 and 1e-15: there q is said.
        for sigma_w, depth, q0 in ((1e-3, 8, None), (0.9, 2, None), (1.0, 3, 1e-30)):
            mu = law(MLP([50] * (depth + 1), activation, weights="haar", sigma_w=sigma_w), q0=q0)
            ((place, mass),) = mu.atoms()
            assert place == pytest.approx(sigma_w ** (2 * depth), rel=1e-12)
            assert mass == 1
            assert mu.support() == []
            x = place * np.array([0.5, 0.99, 1.01, 2.0])
            assert mu.cdf(x).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("name", ["gelu", "swish"])
def test_many_variances_take_fewer_panels(monkeypatch, name):
    """Of 12 layers off the fixed point; the same law with one factor a layer, on finer panels."""
    mlp = MLP([100] * 13, name, weights="haar", sigma_w=1.3, sigma_b=0.2)
    few = law(mlp, q0=3.0)
    x = few.lambda_max * np.geomspace(1e-4, 0.99, 30)
    density = few.pdf(x)
    monkeypatch.setattr("deeprmt.jacobian._layers._few", 1000)
    all_of_them = law(mlp, q0=3.0)
    assert len(all_of_them._groups) == 11
    # The rule is right to 1e-13 a layer of ln S, and the density changes by no more than a few times that.
    np.testing.assert_allclose(density, all_of_them.pdf(x), rtol=1e-10)


def test_variances_that_explode_take_fewer_panels(monkeypatch):
    """By powers of 4.5 from layer to layer: a rule in 1 / sqrt(q); the same law with one factor a layer."""
    mlp = MLP([100] * 14, "swish", sigma_w=3.0, sigma_b=0.3)
    few = law(mlp, q0=3.0)
    assert len(few._groups) == 10
    x = few.lambda_max * np.geomspace(1e-6, 0.99, 20)
    density = few.pdf(x)
    monkeypatch.setattr("deeprmt.jacobian._layers._few", 1000)
    all_of_them = law(mlp, q0=3.0)
    assert len(all_of_them._groups) == 12
    np.testing.assert_allclose(density, all_of_them.pdf(x), rtol=1e-10)


@pytest.mark.parametrize("name", ["gelu", "swish"])
def test_wide_gaussians_by_the_trapezium_rule(name):
    """Two Gaussian weights: z = sigma_w^4 omega (1 + y)^2 with y = E d / (omega - d), far off and close to the slopes
    that have fallen to 0. In t, h = zero + 1e-7 sinh(t) about the zero of phi', where d = omega has poles too. The rule
    is exact but for exp(-2 pi a / step), a the poles' distance from the axis, at least 0.02: below rounding.
    """
    mu = law(MLP([9] * 3, name, sigma_w=2.0), q0=1e3)
    (q,) = mu.q
    slope = mu.mlp.activation.dphi
    zero = optimize.brentq(slope, -2, 0, xtol=1e-16)
    t = np.arange(-25, 25, 0.002)
    h = zero + 1e-7 * np.sinh(t)
    mass = np.exp(-h * h / (2 * q)) * np.cosh(t)
    mass /= mass.sum()
    d = slope(h) ** 2
    size = np.array([30.0, 2.0, 0.1, 1e-3, 1e-6, 1e-9])
    omega = size * np.exp(1.5j)
    y = np.array([np.sum(mass * d / (each - d)) for each in omega])
    z = 16 * omega * (1 + y) ** 2
    assert np.all(z.imag > 0)
    np.testing.assert_allclose(-mu.stieltjes(z) * z, 1 + y, rtol=1e-11)


@pytest.mark.parametrize("weights", ["haar", "gaussian"])
def test_transforms_of_many_layers_are_those_of_the_density(weights):
    """R(G(z)) + 1 / G(z) = z and S(M(z)) = (1 + M) / (M z): z right of the support, left of 0, and far away."""
    mu = law(MLP([9] * 6, "tanh", weights=weights, sigma_w=1.5, sigma_b=0.3), q0=3.0)
    z = mu.lambda_max * np.array([1.2, 30.0, -0.5, -300.0])
    g = -mu.stieltjes(z).real
    np.testing.assert_allclose(mu.r_transform(g) + 1 / g, z, rtol=1e-12)
    m = z[:3] * g[:3] - 1
    np.testing.assert_allclose(mu.s_transform(m), (1 + m) / (m * z[:3]), rtol=1e-11)  # m has lost two digits
    far = mu.var() * 1e-9  # R(w) = mean + var w + O(w^2)
    np.testing.assert_allclose(mu.r_transform(1e-9), mu.mean() + far, rtol=1e-13)


def test_quantiles_that_rounding_of_the_distribution_function_hides():
    """Haar weights and tanh: 0 is approached, ever more thinly; the density has digits where its integral has none."""
    mu = law(MLP([9] * 6, "tanh", weights="haar", sigma_w=1.2), q0=0.3)
    levels = np.array([1e-18, 1e-15, 0.99e-11, 1.01e-11])
    x = mu.ppf(levels)
    assert np.all(np.diff(x) > 0)
    # On both sides of where the distribution function takes over; 2 % of the level make 0.8 % of x.
    np.testing.assert_allclose(x[2], x[3], rtol=9e-3)
    for level, at in zip(levels[:2], x[:2], strict=True):
        t = np.linspace(np.log(at) - 20, np.log(at), 400)
        assert np.trapezoid(mu.pdf(np.exp(t)) * np.exp(t), t) == pytest.approx(level, rel=0.03)


def test_quantiles_at_the_end_of_doubles():
    """0.54 percent of the mass lies below the least double, and 0.56 below 1e-300."""
    mu = universal_law("bernoulli", 4.0)
    least, resolved = mu.cdf([5e-324, 1e-300])
    q = np.sort([*np.geomspace(1e-30, 0.3, 300), *np.linspace(least, resolved, 9)])
    x = mu.ppf(q)
    assert (np.diff(x) >= 0).all()
    assert (x[q <= least] == 5e-324).all()
    # The least double that reaches the level: the one before does not.
    tiny = x[(q > least) & (x < 1e-300)]
    level = q[(q > least) & (x < 1e-300)]
    assert tiny.size > 3
    # To rounding of the distribution function, four times 1e-15, which depends on the points asked for beside.
    assert (mu.cdf(tiny) >= level - 4e-15).all()
    assert (mu.cdf(np.nextafter(tiny, 0)) < level + 4e-15).all()


@pytest.mark.parametrize("spread", [1.0, 0.999999])
def test_no_survival_function_rises_next_to_an_infinite_density(spread):
    mu = universal_law("bernoulli", spread)
    end = mu.support()[0][1]
    x = end + np.spacing(end) * np.arange(-60.0, 3.0)
    assert (np.diff(mu.sf(x)) <= 0).all()
    assert (np.diff(mu.cdf(x)) >= 0).all()


@pytest.mark.parametrize(("activation", "q0"), [("tanh", 1e3), ("tanh", 1e4), ("sigmoid", 1e4), ("erf", 1e6)])
def test_inputs_not_scaled(activation, q0):
    """Pixels of 0 .. 255 have q0 of 1e4: slopes spread over hundreds of decades, and beyond those of doubles."""
    mu = law(MLP([64] * 4, activation, weights="haar", sigma_w=1.1, sigma_b=0.0), q0=q0)
    x = np.geomspace(1e-320, mu.lambda_max, 60)
    cdf = mu.cdf(x)
    assert np.isfinite(mu.pdf(x)).all()
    assert (np.diff(cdf) >= 0).all()
    assert cdf[-1] == 1
    # No ordered eigenvalue is above that of D_1^2 by more than what the other factors can bring.
    first = slope_law(activation, 1.21 * q0, squared=True)
    assert (cdf >= first.cdf(x / (1.1**6 * first.support()[0][1])) - 1e-9).all()
    least = 5e-324
    q = np.array([0.003, 0.1, 0.3, 0.5, 0.9, 0.999])
    quantiles = mu.ppf(q)
    known = quantiles > 1e-300
    np.testing.assert_allclose(mu.cdf(quantiles[known]), q[known], rtol=0, atol=1e-11)
    assert (quantiles[~known] >= least).all()
    assert (mu.cdf(quantiles[~known]) >= q[~known]).all()
    # Rounding of the distribution function, 1e-15, where it rises by 1e-4 at least over a unit of ln x.
    np.testing.assert_allclose(mu.median(), quantiles[3], rtol=1e-10)
    values = mu.rvs(200, rng=0)
    assert (values >= least).all()
    assert (values <= mu.lambda_max).all()
    # Five sigma of 200 independent values, at most.
    for share, at in zip(q, quantiles, strict=True):
        assert abs(np.mean(values <= at) - mu.cdf(at)) < 5 * 0.5 / math.sqrt(200), share


@pytest.mark.parametrize("depth", [2, 3])
def test_what_underflows_is_no_zero(depth):
    mu = law(MLP([64] * (depth + 1), "erf", weights="haar", sigma_w=1.0), q0=1e6)
    assert mu.cdf(0) == 0
    assert mu.cdf(5e-324) > 0.9
    assert mu.median() == mu.ppf(1e-9) == mu.rvs(20, rng=0).min() == 5e-324
    assert mu.ppf(0) == 0


def test_inputs_not_scaled_are_as_simulated():
    n, trials, q0 = 256, 4, 1e4
    mlp = MLP([n] * 4, "tanh", weights="haar", sigma_w=1.1, sigma_b=0.0)
    mu = law(mlp, q0=q0)
    logs = 2 * singular_values(mlp, np.full(n, math.sqrt(q0)), trials=trials, log=True, rng=1).ravel()
    x = np.array([1e-280, 1e-200, 1e-120, 1e-60, 1e-20, 1e-3])
    found = np.mean(logs[:, None] <= np.log(x), axis=0)
    # Each neuron is on its own in the first layer: no more spread than that of n trials independent values.
    np.testing.assert_allclose(mu.cdf(x), found, rtol=0, atol=5 * 0.5 / math.sqrt(n * trials))
