"""Depth: limit laws layer by layer, and networks drawn at random beside them."""

import numpy as np
import pytest

from deeprmt.laws import MarchenkoPastur
from deeprmt.nonlinear import constants, gram_law, isospectral_activation, layer_law, leaky_family, propagate

# (1/m) tr (X_l^T X_l / n_l + gamma)^-1 at m / n_0 = 4/3, m / n_l = 2: from a monotone recursion in 25 digits.
RIDGE = {
    (0.5, 0.1): (5.4743487603731, 5.5041181734823, 5.508340921988),
    (0.5, 1.0): (0.71643812505399, 0.72193603449149, 0.72286477663556),
    ("tanh", 0.1): (5.7028526980683, 6.0554304772759, 6.2067701916735),
    ("tanh", 1.0): (0.74292695083316, 0.77727473067573, 0.79488975691325),
}


@pytest.mark.parametrize("case", RIDGE)
def test_the_recursion_of_the_ridge(case):
    zeta, gamma = case
    f = "tanh" if zeta == "tanh" else isospectral_activation("relu", zeta=zeta)
    for depth, expected in enumerate(RIDGE[case], start=1):
        law = layer_law(f, [4 / 3] + [2.0] * depth)
        # X X^T / m has half of the m eigenvalues, halved; the others are 0.
        found = 0.5 * 0.5 * float(law.stieltjes(-gamma / 2).real) + 0.5 / gamma
        assert found == pytest.approx(expected, rel=1e-6 if zeta == "tanh" else 1e-11)


@pytest.mark.parametrize(("phi", "psi"), [(1.0, 1.5), (2.0, 0.7), (0.5, 0.5)])
def test_one_layer_is_the_law_of_the_gram_matrix(phi, psi):
    one, same = layer_law("relu", [1 / phi, psi / phi]), gram_law(1.0, constants("relu").ratio, phi, psi)
    x = np.linspace(0.05, 0.95, 8) * same.lambda_max
    np.testing.assert_allclose(one.cdf(x), same.cdf(x), rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.pdf(x), same.pdf(x), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.stieltjes(x + 0.5j), same.stieltjes(x + 0.5j), rtol=1e-10)
    np.testing.assert_allclose(one.support(), same.support(), rtol=0, atol=1e-9)
    assert dict(one.atoms()) == pytest.approx(dict(same.atoms()))


def test_without_a_linear_part_no_layer_knows_of_the_others():
    deep, same = layer_law("abs", [1.0, 3.0, 0.2, 1.5]), MarchenkoPastur(1 / 1.5)
    x = np.linspace(0.1, 3.2, 9)
    np.testing.assert_allclose(deep.cdf(x), same.cdf(x), rtol=0, atol=1e-10)


def test_distances_to_the_first_layer():
    """Relu moves away, the absolute value stays once columns have one norm; 450 values in 60 bins make 0.1."""
    moved = propagate(leaky_family(0.0), 225, [150] * 6, 225, trials=3, rng=1, normalize="columns")
    kept = propagate(leaky_family(1.0), 225, [150] * 6, 225, trials=3, rng=1, normalize="columns")
    assert moved.distances()[0] < 0.15
    assert moved.distances()[-1] > 0.2
    assert (kept.distances() < 0.15).all()
    last = moved.distances(moved.law(6))
    assert last[-1] < 0.2


def test_the_outlier_is_that_of_the_columns_norms():
    """With zeta = 0 the largest eigenvalue is where a rank-one perturbation by the means puts it, to 15 %, which large
    spreads of the norms and correlations between columns leave out.
    """
    found = propagate(leaky_family(1.0), 300, [200] * 6, 300, trials=4, rng=2)
    top = np.stack([each[:, -1] for each in found.eigenvalues], axis=1)
    predicted = found.outliers()
    assert np.isfinite(predicted[:, 3:]).all()
    np.testing.assert_allclose(predicted[:, 3:].mean(axis=0), top[:, 3:].mean(axis=0), rtol=0.15)
    assert np.isnan(predicted[:, 0]).all()  # columns of X_0 differ too little yet
    same = propagate(leaky_family(1.0), 300, [200] * 6, 300, rng=2, normalize="columns")
    assert same.eigenvalues[-1][0, -1] < 1.15 * found.law(1).support()[-1][1]
    # Norms of Gaussian columns: variance 2 / n_0; five s.d. of an estimate from 4 x 300 of them.
    assert found.norm_variances[:, 0].mean() == pytest.approx(2 / 300, rel=5 * np.sqrt(2 / 1200))


def test_batch_normalisation_takes_rows_to_variance_one():
    """Linear f: neurons have mean 0 and variance 1 over the samples, so that the trace is n_l and m - 1 the rank."""
    found = propagate("linear", 60, [70] * 3, 40, normalize="batch", rng=3)
    for values in found.eigenvalues:
        assert values.sum() == pytest.approx(70, rel=1e-12)
        assert np.count_nonzero(values > 1e-10) == 39
    plain = propagate("linear", 60, [70] * 3, 40, rng=3)
    assert abs(plain.eigenvalues[0].sum() / 70 - 1) > 1e-4
    assert np.count_nonzero(plain.eigenvalues[0] > 1e-10) == 40
    assert found.to_dict()["normalize"] == "batch"
    assert len(found.to_dict()["largest"]) == 3
    wide = propagate("tanh", 30, [50], 20, rng=3)
    assert (wide.eigenvalues[0][0, :30] == 0).all()


def test_batch_normalisation_leaves_the_spread_of_columns():
    """|h|: rows of variance 1 do less than columns of one norm, which leave no outlier; relu: zeta stays."""
    top = {
        how: propagate(leaky_family(1.0), 225, [150] * 6, 225, trials=4, rng=1, normalize=how).eigenvalues[-1][:, -1]
        for how in ("none", "batch", "columns")
    }
    # Outliers, of strengths that differ between networks by some 10 %, and an edge at 3.3.
    assert top["batch"].mean() > 2 * top["columns"].mean()
    assert top["columns"].max() < 4.2
    relu = propagate(leaky_family(0.0), 225, [150] * 6, 225, trials=4, rng=1, normalize="batch")
    assert relu.distances()[-1] > 0.2  # 0.15 is what three networks' histograms have as noise


def test_threads_and_trials_change_nothing():
    one = propagate("relu", 40, [30, 20], 50, trials=2, rng=4, threads=1)
    two = propagate("relu", 40, [30, 20], 50, trials=3, rng=4, threads=3)
    for a, b in zip(one.eigenvalues, two.eigenvalues, strict=True):
        np.testing.assert_array_equal(a, b[:2])


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: layer_law("tanh", [1.0]), ValueError, "ratios must be at least two"),
        (lambda: layer_law("tanh", [1.0, -1.0]), ValueError, r"ratios\[1\] must be finite and above 0"),
        (lambda: layer_law("tanh", 1.0), TypeError, "ratios must be a sequence"),
        (lambda: layer_law(lambda z: 0 * z, [1.0, 1.0]), ValueError, "constant"),
        (lambda: layer_law(lambda z: np.exp(z * z), [1.0, 1.0]), ValueError, "finite Gaussian moments"),
        (lambda: propagate("tanh", 3, [], 3), ValueError, "widths must be a sequence of at least one"),
        (lambda: propagate("tanh", 3, [0], 3), ValueError, r"widths\[0\] must be at least 1"),
        (lambda: propagate("tanh", 3, [3], 3, normalize="rows"), ValueError, "normalize must be one of"),
        (lambda: propagate(lambda h: 0 * h, 3, [3], 3), ValueError, "constant"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


@pytest.mark.parametrize("depth", [1, 20, 60])
def test_deep_laws_keep_moments_and_edges(depth):
    """All matrices square and f linear: the product of depth + 1 Gaussian matrices, with a known edge and moments."""
    law = layer_law("linear", [1.0] * (depth + 1))
    n = depth + 1
    assert law.support()[0][1] == pytest.approx((n + 1) ** (n + 1) / n**n, rel=1e-9)
    assert law.moment(2) == pytest.approx(n + 1, rel=1e-9)  # the Fuss-Catalan number
    assert law.var() == pytest.approx(n, rel=1e-12)
    relu = layer_law("relu", [1.0] + [1.5] * depth)
    assert relu.expect(lambda x: x * x) - 1 == pytest.approx(float(relu.var()), rel=1e-8)


def test_refuses_by_name():
    found = propagate("tanh", 5, [4], 6, rng=0)
    for high in (-1, 0, np.nan, np.inf):
        with pytest.raises(ValueError, match="distances: high must be finite and above 0"):
            found.distances(high=high)
    with pytest.raises(TypeError, match="distances: high must be a real number"):
        found.distances(high="x")
    with pytest.raises(TypeError, match="distances: law must be a Law"):
        found.distances(3)
    for change in ({"n0": 10**400}, {"m": 2**31}, {"widths": [10**400]}, {"trials": 10**400}):
        with pytest.raises(ValueError, match=r"propagate: .* must be at most"):
            propagate("tanh", **{"n0": 5, "widths": [4], "m": 6} | change)
    with pytest.raises(ValueError, match="propagate: widths must be an array"):
        propagate("tanh", 5, [[4], [1, 2]], 6)
    with pytest.raises(ValueError, match="layer_law: ratios must be an array"):
        layer_law("relu", [[1, 2], [3]])
    with pytest.raises(ValueError, match="layer_law: f must not be constant"):
        layer_law(np.zeros_like, [1.0, 1.0])
