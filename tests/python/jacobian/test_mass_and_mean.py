"""Distribution function and density as they are solved for, against each other and against the mean, which is known
from the moments of the slopes alone.
"""

import itertools

import numpy as np
import pytest

from deeprmt.jacobian import law, singular_values
from deeprmt.networks import MLP

# On an interval of ln x, ln(high / low) sin^2 makes edges at which the density goes like a root smooth.
_panels, (_nodes, _weights) = 8, np.polynomial.legendre.leggauss(40)
_angle = (np.arange(_panels)[:, None] + (_nodes + 1) / 2).ravel() / _panels * np.pi / 2
_step = np.tile(_weights, _panels) / _panels * np.pi / 4
_bottom = 1e-9  # of an interval from 0 on: what is below brings that share of its length to the integrals


def flaws(mu):
    """The mean by the distribution function and by the density over the known one, less 1; the mass by the density
    less that by the distribution function, the largest over the intervals between ends and atoms.
    """
    atoms, mean = dict(mu.atoms()), float(mu.mean())
    ends = sorted({0.0, *atoms, *(end for interval in mu.support() for end in interval)})
    by_cdf, by_density, mass = 0.0, sum(x * m for x, m in atoms.items()), 0.0
    for a, high in itertools.pairwise(ends):
        low = max(a, _bottom * high)
        t, length = np.log(low), np.log(high / low)
        x = np.clip(np.exp(t + length * np.sin(_angle) ** 2), low, high)
        dx = x * length * np.sin(2 * _angle) * _step
        density, cdf = mu.pdf(x), mu.cdf(x)
        assert (np.diff(cdf) > -1e-10).all()
        first, last = mu.cdf(np.array([low, high]))
        by_cdf += (low if a == 0 else 0.0) + dx @ (1 - cdf)
        by_density += dx @ (x * density)
        mass = max(mass, abs(dx @ density - (last - atoms.get(high, 0.0) - first)))
    return np.array([by_cdf / mean - 1, by_density / mean - 1, mass])


# Inside the support densities go like |x - c|^(-1/2) where slopes turn, which the rule does not know. Its 320 nodes are
# 1 / 200 of the angle apart at most: that costs the root of it, 0.07, times the share of the mass that such an end has,
# under a third; the distribution function, whose slope it is, the power 3/2, 3.5e-4 times that. The law of one layer's
# slopes has also masses as good as atoms, where phi' is as good as constant.
_within, _within_of_one = np.array([1e-4, 0.02, 0.02]), np.array([0.01, np.inf, np.inf])


def is_right(mu):
    return (np.abs(flaws(mu)) < (_within if mu._chain.single is None else _within_of_one)).all()


_shapes = [(2, 2), (2, 3), (3, 2), (2, 2, 2), (2, 3, 2), (2, 2, 3), (3, 1, 3), (3, 5, 2), (20, 21, 20), (2, 20, 2),
           (2, 3, 3, 2), (5, 4, 5, 3), (2, 1, 3, 2), (2,) * 6, (2, 3, 4, 3, 2, 5)]  # fmt: skip
_activations = ["tanh", "erf", "swish", "sigmoid", "gelu", "softplus", "sin", "hard_tanh", "leaky_relu", "relu",
                "linear"]  # fmt: skip


def network(name, shape, weights="haar"):
    return MLP([100 * n for n in shape], name, weights=weights, sigma_w=1.3, sigma_b=0.2)


@pytest.mark.parametrize(
    ("name", "shape", "q0", "weights", "output"),
    [
        # A hidden layer narrower than the output: the law is that of the slopes times the ratio of the widths.
        ("erf", (2, 2, 3), 1.0, "haar", "preactivation"),
        ("tanh", (3, 2, 3), 1.0, "haar", "preactivation"),
        ("gelu", (3, 1, 3), 0.5, "haar", "preactivation"),
        # A wide one: eigenvalues do not go down to the least slopes.
        ("tanh", (2, 3, 2), 1.0, "haar", "preactivation"),
        ("erf", (2, 3, 2), 0.01, "haar", "preactivation"),
        ("sigmoid", (2, 3, 2), 0.1, "haar", "preactivation"),
        ("gelu", (2, 3, 2), 1e-6, "haar", "preactivation"),
        ("swish", (2, 3, 2), 10.0, "haar", "preactivation"),
        ("swish", (3, 5, 2), 1.0, "haar", "preactivation"),
        ("tanh", (3, 5, 2), 0.9, "haar", "preactivation"),
        ("tanh", (20, 21, 20), 0.5, "haar", "preactivation"),
        ("tanh", (2, 20, 2), 1.0, "haar", "preactivation"),
        ("erf", (2, 3, 3, 2), 0.01, "haar", "preactivation"),
        *zip(
            itertools.cycle(_activations),
            [*_shapes, *_shapes],
            itertools.cycle([1e-6, 0.1, 1.0, 10.0]),
            itertools.cycle(["haar", "haar", "gaussian"]),
            itertools.cycle(["activation"] * 5 + ["preactivation"] * 2),
            strict=False,
        ),
    ],
)
def test_mass_and_mean(name, shape, q0, weights, output):
    assert is_right(law(network(name, shape, weights), q0=q0, output=output))


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["haar", "gaussian"])
@pytest.mark.parametrize("output", ["preactivation", "activation"])
@pytest.mark.parametrize("name", _activations)
def test_mass_and_mean_of_all(name, weights, output):
    for shape, q0 in itertools.product(_shapes, [1e-6, 0.01, 0.1, 0.5, 0.9, 1.0, 3.0, 10.0]):
        assert is_right(law(network(name, shape, weights), q0=q0, output=output)), (shape, q0)


@pytest.mark.parametrize(
    ("name", "shape"), [("erf", (3, 2, 3)), ("tanh", (2, 3, 2)), ("swish", (3, 5, 2)), ("tanh", (2, 3, 3, 2))]
)
def test_simulated_networks_follow(name, shape):
    mlp = network(name, shape)
    mu = law(mlp, q0=1.0)
    s = singular_values(mlp, np.ones(mlp.widths[0]), trials=8, rng=1) ** 2
    s = np.hstack([s, np.zeros((len(s), mlp.widths[-1] - s.shape[1]))])
    s[s < 1e-20] = 0
    # Slopes are sampled, 200 of them or more in the narrowest layer and 8 times: a standard deviation of at most
    # 0.5 / sqrt(1600) = 0.0125 at each point; a wrong scale of 2/3 is 0.18 away.
    assert mu.ks_distance(s) < 5 * 0.0125
    # Slopes lie below the largest one: no eigenvalue of Haar weights is above the end but by fluctuations of edges.
    assert 0.9 * mu.lambda_max < s.max() < 1.05 * mu.lambda_max


@pytest.mark.parametrize("q0", [1e-12, 1e-6, 1.0, 1e3])
def test_rare_quantiles_rise_from_the_end(q0):
    mu = law(MLP([500, 400, 500, 300], "tanh", weights="haar", sigma_w=1.3, sigma_b=0.1), q0=q0)
    q = np.array([0.0, 1e-15, 1e-13, 1e-12, 2e-11, 1e-9, 1e-6])
    x = mu.ppf(q)
    assert x[0] == mu.ppf(0.0) == mu.support()[0][0]
    assert (np.diff(x) >= 0).all()
    # Where the distribution function is resolved it is the judge.
    np.testing.assert_allclose(mu.cdf(x[-2:]), q[-2:], rtol=0, atol=1e-9)


@pytest.mark.parametrize("q0", [1.0, 1e3])
def test_slopes_close_to_zero_are_passed_by_where_another_layer_is_narrower(q0):
    """The end is one of a root: from there the mass goes like the power 3/2 of the distance."""
    mu = law(MLP([500, 400, 500, 300], "tanh", weights="haar", sigma_w=1.3, sigma_b=0.1), q0=q0)
    low = mu.support()[0][0]
    assert low > 0
    assert mu.cdf(low * (1 - 1e-9)) == 0
    distance = mu.ppf([1e-10, 1e-9, 1e-8]) / low - 1
    np.testing.assert_allclose(np.diff(np.log(distance)), np.log(10) * 2 / 3, rtol=0.02)
    # Of equal widths it goes down to 0, below what doubles hold.
    assert law(MLP([300] * 4, "tanh", weights="haar", sigma_w=1.3, sigma_b=0.1), q0=q0).support()[0][0] == 0


def test_inputs_beyond_doubles_are_named():
    with pytest.raises(ValueError, match=r"singular_values: .*\|x\|\^2"):
        singular_values(network("tanh", (1, 1)), np.full(100, 1e200), surrogate=True)


@pytest.mark.parametrize("points", [60, 320, 1000])
def test_densities_below_rounding_are_passed(points):
    """Between the rare small slopes and the rest omega is as good as real, next to nodes of a quadrature."""
    mu = law(network("softplus", (3, 1, 3), "gaussian"), q0=0.01)
    x = np.exp(np.linspace(-8, np.log(mu.lambda_max), points))
    density, cdf = mu.pdf(x), mu.cdf(x)
    below = x < 0.1
    assert (density[below] < 1e-8).all()
    # Two thirds are an atom at 0, and below 0.1 there is no more than 1e-8 times 0.1 besides.
    np.testing.assert_allclose(cdf[below], 2 / 3, rtol=0, atol=1e-9)
    assert (np.diff(cdf) > -1e-12).all()


@pytest.mark.parametrize(
    ("points", "low", "high"),
    [(174, 0.03759813098935058, 0.5807985488538375), (1003, 1.361965440141384e-05, 0.42985195801566156)],
)
def test_solutions_of_a_single_node_are_not_taken(points, low, high):
    """Steps from point to point ended next to a node near 0.04: the distribution function was 1e-8, 1e-7 too high."""
    mu = law(network("softplus", (3, 1, 3), "gaussian"), q0=0.01)
    x = np.geomspace(low, high, points)
    # As in the test before: below 0.1 there is no more than 1e-9 besides the atom.
    np.testing.assert_allclose(mu.cdf(x)[x < 0.1], 2 / 3, rtol=0, atol=1e-9)


@pytest.mark.parametrize("lowest", [1e-30, 1e-300])
def test_densities_far_below_the_mass_end(lowest):
    mu = law(MLP([500] * 4, "tanh", weights="haar", sigma_w=1.2, sigma_b=0.1), q0=1.0)
    x = np.geomspace(lowest, mu.lambda_max, 1000)
    density, cdf = mu.pdf(x), mu.cdf(x)
    assert (density >= 0).all()
    assert (np.diff(cdf) > -1e-12).all()


@pytest.mark.parametrize("value", [None, "a", 1j, np.nan])
@pytest.mark.parametrize("flag", ["singular", "normalized"])
def test_flags_are_true_or_false(flag, value):
    with pytest.raises(TypeError, match=f"jacobian.law: {flag} must be True or False"):
        law(network("tanh", (1, 1)), **{flag: value})
