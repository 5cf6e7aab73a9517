import math
import pickle

import numpy as np
import pytest
from scipy import stats

from deeprmt import _core
from deeprmt.activations import Activation, as_activation, leaky_relu
from deeprmt.errors import ConvergenceError
from deeprmt.jacobian import JacobianLaw, law
from deeprmt.meanfield import critical_point, fixed_point, gauss_moment
from deeprmt.meanfield._squared_slopes import squared_slopes
from deeprmt.networks import MLP
from reference.freeprob import explicit_law as reference


def network(name, weights, depth, q=0.5, width=100):
    activation = as_activation("test", name)
    point = critical_point(activation, q_star=q)
    return MLP([width] * (depth + 1), activation, weights=weights, sigma_w=point.sigma_w, sigma_b=point.sigma_b)


def eigenvalues(name, weights, depth, q=0.5, output="activation"):
    return law(network(name, weights, depth, q), output=output)


@pytest.mark.parametrize(("name", "weights", "depth", "moments", "largest"), reference.moments)
def test_moments_and_edges(name, weights, depth, moments, largest):
    mu = eigenvalues(name, weights, depth)
    np.testing.assert_allclose([mu.moment(k) for k in (2, 3, 4)], moments, rtol=1e-12)
    assert mu.mean() == pytest.approx(1, rel=1e-12)
    assert mu.var() == pytest.approx(moments[0] - 1, rel=1e-11)
    assert max([high for _, high in mu.support()] + [at for at, _ in mu.atoms()]) == pytest.approx(largest, rel=1e-12)


@pytest.mark.parametrize(("name", "weights", "depth", "points"), reference.points)
def test_density_and_distribution(name, weights, depth, points):
    mu = eigenvalues(name, weights, depth)
    x, density, cdf = np.array(points).T
    np.testing.assert_allclose(mu.pdf(x), density, rtol=1e-9)  # ten digits are printed
    np.testing.assert_allclose(mu.cdf(x), cdf, rtol=0, atol=1e-10)


def test_small_eigenvalues_of_deep_linear_networks():
    found = eigenvalues("linear", "gaussian", 16).cdf([1e-8, 1e-6, 1e-4])
    np.testing.assert_allclose(found, [0.3288, 0.4272, 0.5523], rtol=0, atol=5e-5)  # four digits are printed


def test_density_of_tanh_next_to_zero():
    """All negative moments are finite, so that the density ends at 0 in the end, after a huge peak."""
    found = eigenvalues("tanh", "haar", 4).pdf([1e-1, 1e-2, 1e-3, 1e-4, 1e-6])
    printed = [1.03, 4.44, 17.0, 51.6, 86.9]
    np.testing.assert_allclose(found, printed, atol=5e-2, rtol=0)
    np.testing.assert_allclose(found[:2], printed[:2], rtol=0, atol=5e-3)


@pytest.mark.parametrize(("name", "weights", "values"), reference.resolvents)
def test_resolvent(name, weights, values):
    found = [eigenvalues(name, weights, depth).stieltjes(-1.0).real for depth in (1, 2, 4, 16)]
    np.testing.assert_allclose(found, values, rtol=2e-12)


@pytest.mark.parametrize(("q", "weights", "values"), reference.largest)
def test_largest_singular_value_to_great_depth(q, weights, values):
    found = []
    for depth in (1, 4, 16, 64, 256, 1024):
        mu = law(network("hard_tanh", weights, depth, q), output="activation", singular=True)
        found.append(mu._hull()[1])
    np.testing.assert_allclose(found, values, rtol=1e-7)  # eight digits are printed


@pytest.mark.parametrize(("depth", "mass"), [(2, 0.6854015859), (4, 0.3708031718)])
def test_atoms_of_hard_tanh(depth, mass):
    mu = eigenvalues("hard_tanh", "haar", depth)
    flat = math.erfc(1.0)  # P(|h| > 1), q = 1/2
    assert mu.atoms()[0] == (0, pytest.approx(flat, rel=1e-14))
    assert mu.atoms()[1][1] == pytest.approx(mass, abs=1e-10)
    # The jumps of the distribution function, which the solver does not take from these formulas.
    top = mu.atoms()[1][0]
    assert mu.cdf(top) - mu.cdf(top * (1 - 1e-12)) == pytest.approx(mu.atoms()[1][1], abs=1e-12)
    assert mu.cdf(0.0) == pytest.approx(flat, rel=1e-14)


@pytest.mark.parametrize("depth", [1, 2, 5, 50])
def test_fuss_catalan_in_closed_form(depth):
    t = np.linspace(0.02, 0.98, 41) * math.pi / (depth + 1)
    x = np.sin((depth + 1) * t) ** (depth + 1) / (np.sin(t) * np.sin(depth * t) ** depth)
    density = np.sin(t) ** 2 * np.sin(depth * t) ** (depth - 1) / (math.pi * np.sin((depth + 1) * t) ** depth)
    mu = eigenvalues("linear", "gaussian", depth)
    # x is exact to a few roundings of (L + 1) logarithms.
    np.testing.assert_allclose(mu.pdf(x), density, rtol=1e-14 * 20 * (depth + 1))


def test_relu_haar_in_closed_form():
    mu = eigenvalues("relu", "haar", 2)
    x = np.linspace(0.01, 3.99, 50)
    np.testing.assert_allclose(mu.pdf(x), 1 / (2 * math.pi * np.sqrt(x * (4 - x))), rtol=1e-12)
    np.testing.assert_allclose(mu.cdf(x), 0.5 + np.arcsin(np.sqrt(x / 4)) / math.pi, rtol=0, atol=1e-13)


@pytest.mark.parametrize("q", [0.2, 0.5, 1, 2])
def test_one_diagonal_between_haar_weights_is_the_law_of_its_slopes(q):
    # P(phi' <= t) of tanh is 2 Phi(-arccosh(t^(-1/2)) / sqrt q); eigenvalues are phi'^2 / mu1.
    for output, depth in (("activation", 1), ("preactivation", 2)):
        net = network("tanh", "haar", depth, q)
        mu = law(net, output=output)
        t = np.array([0.05, 0.3, 0.5, 0.9, 0.99])
        x = t * t * net.sigma_w ** (2 * depth)
        exact = 2 * stats.norm.cdf(-np.arccosh(t**-0.5) / math.sqrt(q))
        np.testing.assert_allclose(mu.cdf(x), exact, rtol=0, atol=1e-12)
        h = np.arccosh(t**-0.5)
        slope = 2 * np.tanh(h)  # |d ln phi'^2 / dh| / 2
        density = 2 * stats.norm.pdf(h, scale=math.sqrt(q)) / (2 * slope * x)
        np.testing.assert_allclose(mu.pdf(x), density, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "weights", "depth", "diagonals"),
    [("tanh", "haar", 3, 3), ("tanh", "gaussian", 3, 2), ("arctan", "haar", 4, 3), ("sin", "gaussian", 2, 1)],
)
def test_matches_the_reference_solver(name, weights, depth, diagonals):
    mu = eigenvalues(name, weights, depth, output="activation" if diagonals == depth else "preactivation")
    for z in (0.3 + 0.02j, 1.1 + 0.01j, 2.0 + 0.5j, -0.4 + 0.1j):
        exact = -reference.green(z, name, 0.5, mu.sigma_w, depth, diagonals, weights == "gaussian")
        # The reference's midpoint sum has an error of about (step of h)^2 at the ends only: 1e-13.
        assert mu.stieltjes(z) == pytest.approx(exact, rel=1e-10)
        assert mu.stieltjes(z.conjugate()) == pytest.approx(exact.conjugate(), rel=1e-10)


cases = [
    ("linear", "gaussian", 50, 1.0, "activation"),
    ("relu", "gaussian", 3, 1.0, "preactivation"),
    ("relu", "haar", 2, 1.0, "activation"),
    ("hard_tanh", "haar", 3, 1.0, "preactivation"),
    ("hard_tanh", "haar", 16, 0.05, "activation"),
    ("tanh", "haar", 2, 1.0, "activation"),
    ("tanh", "haar", 16, 30.0, "preactivation"),
    ("tanh", "gaussian", 16, 0.05, "activation"),
    ("sin", "haar", 3, 1.0, "activation"),
    (leaky_relu(0.1), "haar", 2, 1.0, "activation"),
    ("gelu", "gaussian", 5, 1.0, "preactivation"),
]


@pytest.mark.parametrize(("name", "weights", "depth", "q", "output"), cases)
def test_mass_mean_and_quantiles(name, weights, depth, q, output):
    activation = as_activation("test", name)
    sigma_w = gauss_moment(activation, q, derivative=True) ** -0.5
    sigma_b = math.sqrt(max(0.0, q - sigma_w**2 * gauss_moment(activation, q)))
    net = MLP([9] * (depth + 1), activation, weights=weights, sigma_w=sigma_w, sigma_b=sigma_b)
    mu = law(net, q0=(q - net.sigma_b**2) / net.sigma_w**2, output=output)
    # Density against distribution function: 1e-8 is what the integration to the edges gives.
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-8)
    assert mu.expect(lambda x: x) == pytest.approx(float(mu.mean()), rel=1e-8)
    low, high = mu.support()[-1]
    a, b = low + 0.3 * (high - low), low + 0.7 * (high - low)
    inside = (a + b) / 2 + (b - a) / 2 * np.polynomial.legendre.leggauss(40)[0]
    mass = np.polynomial.legendre.leggauss(40)[1] @ mu.pdf(inside) * (b - a) / 2
    assert mass == pytest.approx(mu.cdf(b) - mu.cdf(a), abs=1e-10)
    levels = np.array([0.2, 0.4, 0.7, 0.9, 0.999])
    levels = levels[levels > mu.cdf(1e-139)]  # what lies below is not resolved
    x = mu.ppf(levels)
    away = np.array([all(abs(each - at) > 1e-9 * (1 + at) for at, _ in mu.atoms()) for each in x])
    np.testing.assert_allclose(mu.cdf(x[away]), levels[away], rtol=0, atol=1e-9)
    everywhere = np.geomspace(1e-280, 2 * high, 400)
    assert (np.diff(mu.cdf(everywhere)) >= -1e-12).all()
    assert (mu.pdf(everywhere) >= 0).all()


def test_two_far_slopes_leave_a_gap():
    mu = law(
        MLP([5, 5, 5], leaky_relu(0.01), weights="haar", sigma_w=1.0),
        output="activation",
    )
    # Eigenvalues of D P D, P a projection-like half: near 1e-8 x, 1e-4 x and x; p = 1/2 leaves no atoms.
    assert mu.atoms() == []
    assert mu.support()[0][0] == pytest.approx(1e-8, rel=1e-3)
    assert mu.support()[-1][1] == pytest.approx(1.0, rel=1e-9)
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("weights", ["gaussian", "haar"])
@pytest.mark.parametrize("output", ["activation", "preactivation"])
@pytest.mark.parametrize("name", ["tanh", "hard_tanh"])
def test_sampled_networks_follow(name, weights, output):
    n, depth, rng = 300, 3, np.random.default_rng(5)
    net = network(name, weights, depth, q=1.0, width=n)
    values = []
    for _ in range(4):
        x = rng.normal(size=n)
        x *= math.sqrt(n * gauss_moment(net.activation, 1.0)) / np.linalg.norm(x)
        jacobian = np.eye(n)
        for layer in range(depth):
            w = stats.ortho_group.rvs(n, random_state=rng) if weights == "haar" else rng.normal(size=(n, n)) / n**0.5
            h = net.sigma_w * w @ x + net.sigma_b * rng.normal(size=n)
            jacobian = net.sigma_w * w @ jacobian
            if layer + 1 < depth or output == "activation":
                jacobian = net.activation.dphi(h)[:, None] * jacobian
            x = net.activation.phi(h)
        values.append(np.linalg.svd(jacobian, compute_uv=False))
    s = np.concatenate(values)
    mu = law(net, output=output, singular=True)
    # Numbers within rounding of an atom count as the atom.
    for at, _ in mu.atoms():
        s = np.where(np.abs(s - at) < 1e-6, at, s)
    s = np.sort(s)
    above = np.abs(np.searchsorted(s, s, side="right") / len(s) - mu.cdf(s)).max()
    # Fluctuations of the slopes' sample are of order 1 / sqrt(4 n) = 0.03; a wrong law is off by 0.1 and more.
    assert above < 0.035


def test_custom_slopes_are_recognised():
    undeclared = Activation(lambda h: np.clip(h, -1, 1), lambda h: (np.abs(h) < 1) * 1.0, kinks=(-1.0, 1.0))
    net = network("hard_tanh", "haar", 2)
    declared = law(net, output="activation")
    again = MLP(net.widths, undeclared, weights="haar", sigma_w=net.sigma_w, sigma_b=net.sigma_b)
    mu = law(again, output="activation")
    np.testing.assert_allclose(np.array(mu.atoms()), np.array(declared.atoms()), rtol=1e-12)
    assert mu.cdf(0.3) == pytest.approx(declared.cdf(0.3), rel=1e-12)


def test_constant_slopes_between_haar_weights_are_an_atom():
    mu = eigenvalues("linear", "haar", 7)
    assert mu.atoms() == [(pytest.approx(1), 1.0)]
    assert mu.support() == []
    np.testing.assert_array_equal(mu.cdf([0.5, 1.5]), [0, 1])
    assert mu.rvs(3, rng=0).shape == (3,)
    assert mu.stieltjes(-1.0).real == pytest.approx(0.5)


def test_draws_and_singular_values():
    mu = law(network("tanh", "haar", 4), singular=True)
    draws = mu.rvs(4000, rng=1)
    assert stats.kstest(draws, mu.cdf).pvalue > 1e-3
    assert mu.moment(2) == pytest.approx(float(mu.base.mean()), rel=1e-12)
    np.testing.assert_allclose(mu.cdf([0.3, 1.0]), mu.base.cdf([0.09, 1.0]), rtol=1e-12)
    assert mu.expect(np.ones_like) == pytest.approx(1, abs=1e-8)


def test_threads_and_order_do_not_matter():
    solver = eigenvalues("tanh", "haar", 4)._solver
    x = np.random.default_rng(0).permutation(np.geomspace(1e-5, 4, 500))
    one, three = solver.evaluate(x, 1), solver.evaluate(x, 3)
    for a, b in zip(one[:2], three[:2], strict=True):
        np.testing.assert_array_equal(a, b)
    backwards = solver.evaluate(np.ascontiguousarray(x[::-1]), 2)
    np.testing.assert_array_equal(backwards[0][::-1], one[0])


def test_pickles_and_describes_itself():
    mu = eigenvalues("tanh", "haar", 2)
    before = mu.pdf(0.7)
    again = pickle.loads(pickle.dumps(mu))
    assert again.pdf(0.7) == before
    assert repr(again) == repr(mu)
    assert "tanh, haar" in repr(mu)
    assert mu.to_dict()["depth"] == 2


def test_an_infinite_mean_and_a_failed_solver_say_so():
    with pytest.raises(ConvergenceError):
        eigenvalues("linear", "gaussian", 2).expect(lambda x: 1 / x)
    mu = eigenvalues("tanh", "haar", 2)
    with pytest.raises(ConvergenceError, match="2 points did not converge, the first at x = 0") as caught:
        mu._check({"failed": 2, "first_failure": 0.5}, "x", 2)
    assert caught.value.report["failed"] == 2
    # E 1 / eigenvalue of tanh is finite: (E cosh^4 h / sigma_w^2)^L.
    h, weights = np.polynomial.hermite_e.hermegauss(80)
    exact = (weights @ np.cosh(math.sqrt(0.5) * h) ** 4 / math.sqrt(2 * math.pi) / mu.sigma_w**2) ** 2
    assert mu.expect(lambda x: 1 / x) == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({}, {"output": "logits"}, "output must be one of"),
        ({}, {"q0": -1.0}, "q0 must be finite and above 0"),
        (
            {"activation": as_activation("", "softplus"), "sigma_w": 3.0},
            {},
            "grows without end, and there is no fixed point; give q0",
        ),
        # sigma_b^2 = q - sigma_w^2 E phi^2 at q = 0.5, where chi = 1: q0 = (q - sigma_b^2) / sigma_w^2.
        (
            {"activation": "gelu", "sigma_w": 1.5670055573691817, "sigma_b": 0.1858566522340214},
            {},
            r"fixed point, which there is at q = 0.133971 \(stable\), 0.5 \(unstable\); give q0, 0.0404919 or 0.189557",
        ),
    ],
)
def test_refuses(change, options, says):
    given = {"widths": (5, 5, 5), "activation": "tanh", "weights": "haar", "sigma_w": 1.3, "sigma_b": 0.2} | change
    with pytest.raises(ValueError, match=says):
        law(MLP(**given), **options)


def test_refuses_what_is_no_network():
    with pytest.raises(TypeError, match=r"mlp must be a deeprmt.networks.MLP, got str"):
        law("tanh")


def test_the_solver_refuses_what_it_cannot_take():
    make = _core.freeprob.ExplicitLaw
    for steps, says in [
        ([("pole", -1.0, 1.0)], "a pole must be finite and above 0, got -1"),
        ([("scale", math.inf)], "a logarithm must be finite"),
        ([("flow", -1.0, 0.0)], "variances must be finite and at least 0"),
        ([("affine", 0.0, 1.0)], "wants factor > 0"),
        ([("turn", 1.0)], "a step must be 'scale', 'pole'"),
        ([("pole", 1.0)], "the step 'pole' lacks arguments"),
    ]:
        with pytest.raises(ValueError, match=says):
            make(steps, [], False)
    with pytest.raises(ValueError, match="no atom for the law to end at"):
        make([("pole", 1.0, 1.0)], [], True)


@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid"])
@pytest.mark.parametrize("sigma_w", [1e5, 1e8])
def test_slopes_in_a_narrow_place_under_a_wide_gaussian(name, sigma_w):
    law_ = law(MLP([500] * 5, name, weights="haar", sigma_w=sigma_w, sigma_b=1.0))
    point = fixed_point(name, sigma_w, 1.0)
    mean = point.chi**3 * sigma_w**2
    assert law_.atoms() == []
    assert law_.mean() == pytest.approx(mean, rel=1e-11)
    # Quadrature of the density, which knows phi only by the panels; its own goal is 1e-10.
    assert law_.expect(lambda x: x) == pytest.approx(mean, rel=1e-7)


def test_a_wide_periodic_activation_has_the_arcsine_law():
    """h mod pi is uniform up to exp(-2 q): cos^2 has the arcsine law, whatever q."""
    wide, wider = (law(MLP([500] * 5, "sin", weights="haar", sigma_w=s, sigma_b=1.0)) for s in (10.0, 100.0))
    for law_ in (wide, wider):
        top = law_.sigma_w**10
        assert len(law_.support()) == 1
        assert law_.support()[0] == pytest.approx((0.0, 0.5925925925925926 * top / law_.sigma_w**2), rel=1e-12)
        assert law_.mean() == pytest.approx(top / law_.sigma_w**2 / 8, rel=1e-12)
    levels = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(wide.ppf(levels) * 1e8, wider.ppf(levels), rtol=1e-9)
    # One period's turns stand for hundreds.
    assert not squared_slopes(as_activation("test", "sin"), 15.0).phase
    assert squared_slopes(as_activation("test", "sin"), 51.0).phase
    single = JacobianLaw(MLP([9, 9], "sin", weights="haar", sigma_w=1.0), "activation", np.array([51.0]))
    x = np.array([0.01, 0.3, 0.7, 0.99])
    # The turns are stepped off by 1e-13 in h.
    np.testing.assert_allclose(single.cdf(x), stats.arcsine.cdf(x), rtol=0, atol=1e-13)
    np.testing.assert_allclose(single.pdf(x), stats.arcsine.pdf(x), rtol=1e-9)


def test_a_place_too_narrow_for_the_panels_is_refused():
    steep = Activation(lambda h: np.tanh(1e3 * h), lambda h: 1e3 / np.cosh(np.clip(1e3 * h, -300, 300)) ** 2)
    law_ = JacobianLaw(MLP([9] * 4, steep, weights="haar", sigma_w=1.0), "activation", np.ones(3))
    with pytest.raises(ConvergenceError, match="not resolved"):
        law_.cdf(1.0)


def test_the_density_at_zero_is_infinite_where_it_diverges():
    for name, weights in (("linear", "gaussian"), ("tanh", "gaussian"), ("sin", "haar")):
        law_ = law(MLP([500] * 4, name, weights=weights, sigma_w=1.2, sigma_b=0.3 * (name != "linear")))
        assert law_.pdf(0.0) == np.inf
    # ln x is nearly Gaussian towards 0, so that the density falls faster than any power.
    assert law(MLP([500] * 4, "tanh", weights="haar", sigma_w=1.2, sigma_b=0.3)).pdf(0.0) == 0
    gap = law(MLP([500] * 4, "leaky_relu", weights="haar", sigma_w=1.0))
    assert gap.pdf(0.0) == 0


@pytest.mark.parametrize("slope", [0.3, 0.5, 0.01])
def test_no_mass_at_a_lower_end(slope):
    """Where the density diverges like a power, rounding of the end alone would be 1e-8 of the mass."""
    mu = law(MLP([50] * 4, leaky_relu(slope), weights="haar", sigma_w=1.2))
    for low, _ in mu.support():
        before, at = mu.cdf([low * (1 - 1e-9), low])
        assert at == pytest.approx(before, abs=1e-15)
