"""Bias and variance of random-feature regression: the paper's polynomials, published numbers, a simulation."""

import numpy as np
import pytest

from deeprmt import nonlinear
from deeprmt.nonlinear import double_descent, mei_montanari, optimal_ridge

MU_STAR_2 = 0.25 - 1 / (2 * np.pi)  # of relu
# psi1, psi2, lambda / mu_*^2: B, V, chi.
TABLE = {
    (2, 3, 0.001): (0.675101821713, 1.957064581313, -1.22193739442),
    (2, 3, 0.1): (0.4196572088372, 0.7899945110668, -0.8992372094476),
    (2, 3, 1): (0.3920227873933, 0.198606154772, -0.3851576906868),
    (0.5, 3, 0.01): (0.8092987104671, 0.1989973902259, -0.1745140458904),
    (3, 3, 0.01): (0.5997817389741, 3.112287492319, -1.771011876353),
    (10, 3, 0.01): (0.08947650162378, 0.7043108864952, -2.062490161815),
    (2, 3, 0): (0.684899392846, 2.0, -1.228299797615),
    (6, 3, 0): (0.1726269343526, 1.32230872226, -2.144873775608),
    (1, 3, 0): (0.6718593080051, 0.5, -0.4479062053368),
}


@pytest.mark.parametrize("case", TABLE)
def test_published_numbers(case):
    found = mei_montanari(case[0], case[1], case[2] * MU_STAR_2)
    # To the 12 or 13 digits printed.
    np.testing.assert_allclose([found.bias, found.variance, found.chi], TABLE[case], rtol=1e-11)


@pytest.mark.parametrize("case", [(2.0, 3.0, 0.1), (0.5, 3.0, 1e-6), (7.0, 2.0, 5.0), (1.5, 1.5, 1e-3)])
def test_matches_the_reference(case):
    pytest.importorskip("mpmath")
    from reference.nonlinear import mei_montanari as reference

    psi1, psi2, ridge = case
    expected = reference.bias_and_variance(psi1, psi2, ridge, 0.25 / MU_STAR_2)
    found = mei_montanari(psi1, psi2, ridge * MU_STAR_2)
    # The constants of relu are known to 1e-15, and at ridge 1e-6 errors depend on them as on 1 / distance from a pole.
    np.testing.assert_allclose([found.bias, found.variance, found.chi], expected, rtol=1e-12)


def test_risks_agree_with_the_other_route():
    """F1 = 1, tau^2 = 1/4: clean risk plus noise is the test error of the linear teacher with signal 4/5, times 5/4."""
    ridge = np.array([1e-3, 0.1, 1.0]) * MU_STAR_2
    found = mei_montanari(2.0, 3.0, ridge)
    risk = found.risk(noise=0.25) + 0.25
    np.testing.assert_allclose(risk, [1.414367967041, 0.867155836604, 0.691674326086], rtol=1e-11)
    train = found.training_error(noise=0.25)
    np.testing.assert_allclose(train, [0.159448029443, 0.185774096636, 0.339015854458], rtol=1e-11)
    arguments = 2 * ridge, 0.25 + MU_STAR_2, 0.25, 1 / 3, 1 / 2
    np.testing.assert_allclose(1.25 * nonlinear.test_error(*arguments, signal=0.8), risk, rtol=1e-12)
    np.testing.assert_allclose(1.25 * nonlinear.training_error(*arguments, signal=0.8), train, rtol=1e-12)


def test_a_simulation_is_near():
    """d = 120, six trials; standard errors and a bias of order 1 / d."""
    d, n, m, tau2 = 120, 240, 360, 0.25
    lam = 0.1 * MU_STAR_2
    rng = np.random.default_rng(5)

    def sphere(count):
        x = rng.normal(size=(count, d))
        return x * np.sqrt(d) / np.linalg.norm(x, axis=1, keepdims=True)

    risks, trains = [], []
    for _ in range(6):
        x, test, theta = sphere(m), sphere(1000), sphere(n)
        beta = rng.normal(size=d)
        beta /= np.linalg.norm(beta)
        y = x @ beta + np.sqrt(tau2) * rng.normal(size=m)
        z = np.maximum(x @ theta.T / np.sqrt(d), 0)
        a = np.linalg.solve(z.T @ z / m + n * lam / d * np.eye(n), z.T @ y / m)
        trains.append(np.mean((y - z @ a) ** 2))
        risks.append(np.mean((np.maximum(test @ theta.T / np.sqrt(d), 0) @ a - test @ beta) ** 2))
    found = mei_montanari(2.0, 3.0, lam)
    # Five standard errors, and 4 %, five times 1 / d: what the mean of relu leaves at finite d.
    for values, expected in ((risks, found.risk(noise=tau2)), (trains, found.training_error(noise=tau2))):
        assert abs(np.mean(values) - expected) < 5 * np.std(values) / 6**0.5 + 0.04 * expected


def test_double_descent_peaks_at_as_many_features_as_samples():
    curve = double_descent(3.0, noise=0.25)
    assert curve.peak == 3.0
    assert np.isinf(curve.risk[60])
    assert (np.diff(curve.best_risk) < 0).all()
    assert (curve.best_risk <= curve.risk).all()
    right = curve.risk[61:]
    assert (np.diff(right) < 0).all()
    assert right[-1] < curve.risk[:60].min()
    # Odd or even, smooth or not: the place of the peak is no matter of f.
    assert double_descent(2.0, activation="abs", psi1=np.geomspace(0.5, 8, 41)).peak == pytest.approx(2.0)


def test_the_optimal_ridge_is_that_of_least_risk():
    for psi1, noise in ((0.5, 0.1), (3.0, 1.0), (20.0, 0.3)):
        best = optimal_ridge(psi1, 3.0, noise=noise)
        grid = best * np.geomspace(0.5, 2, 101)
        risks = mei_montanari(psi1, 3.0, grid).risk(noise=noise)
        assert abs(int(np.argmin(risks)) - 50) <= 1
    # Nothing to regularise: linear features, no noise, more of them than of dimensions.
    assert optimal_ridge(4.0, 5.0, "linear") == 0.0
    # |x| sees nothing of a linear teacher: the best is to predict 0.
    assert optimal_ridge(4.0, 5.0, "abs", noise=0.1) == np.inf
    # Linear features without bound are ridge regression, whose best ridge is noise times d / n (and 1 / psi1 of units).
    assert optimal_ridge(1e9, 2.0, "linear", noise=0.5) * 1e9 == pytest.approx(0.5 / 2.0 * 1e9, rel=1e-5)


def test_the_optimal_ridge_where_the_risk_is_flat():
    """In units of the noise, or of 1 / psi1 and 1 / psi2, it tends to a number: corrections are of the order of the
    first number of each list, and logarithms up to 300 cost 1e-13."""
    for values in (
        [optimal_ridge(3.0, 3.0, noise=size) / size for size in (1e12, 1e16, 1e20, 1e60)],
        [optimal_ridge(psi1, 3.0, noise=0.1) * psi1 for psi1 in (1e-12, 1e-30, 1e-60)],
        [optimal_ridge(3.0, psi2, noise=0.1) * psi2 for psi2 in (1e-12, 1e-30, 1e-60)],
        [optimal_ridge(4.0, 5.0, "linear", noise=size) / size for size in (1e-12, 1e-30, 1e-60)],
    ):
        np.testing.assert_allclose(values, values[-1], rtol=2e-12)


def test_the_optimal_ridge_in_many_digits():
    mp = pytest.importorskip("mpmath")
    from reference.nonlinear import mei_montanari as reference

    def risk(log_ridge):
        bias, variance, _ = reference.in_many_digits(3.0, 2.0, mp.exp(log_ridge), 0.25 / MU_STAR_2)
        return bias + 0.5 * variance

    with mp.workdps(60):
        best = mp.log(optimal_ridge(3.0, 2.0, noise=0.5) / MU_STAR_2)
        step = mp.mpf(10) ** -8
        low, here, high = (risk(best + each) for each in (-step, 0, step))
        # A parabola through three points: its least point is off by step^2 of the cubic term.
        off = step / 2 * (low - high) / (low - 2 * here + high)
    assert abs(off) < 1e-12


def test_curves_can_be_drawn():
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    curve = double_descent(3.0, 1e-3, noise=0.5, nonlinear=0.1)
    assert curve.plot(ax) is ax
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["bias", "variance", "risk, ridge 0.001", "risk, best ridge"]
    assert curve.to_dict()["psi2"] == 3.0
    assert "peak" in repr(curve)


def test_displays():
    found = mei_montanari([2.0, 3.0], 3.0, 0.0)
    assert found.to_dict()["bias"][1] is None
    assert "2 points" in repr(found)
    assert "bias" in found._repr_html_()
    assert np.isnan(mei_montanari(2.0, 3.0, 0.1, "linear").chi)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((0.0, 1.0, 0.1), "psi1 must be above 0"),
        ((1.0, -1.0, 0.1), "psi2 must be above 0"),
        ((1.0, 1.0, -0.1), "lam must be at least 0"),
        ((1.0, np.nan, 0.1), "psi2 must be finite"),
        ((1.0, 1.0, 0.1, "no"), "activation must be"),
        ((1e-155, 1.0, 0.1), "mei_montanari: psi1 must lie between"),
        ((1.0, 1e-155, 0.1), "mei_montanari: psi2 must lie between"),
        ((1e300, 1.0, 0.1), "mei_montanari: psi1 must lie between"),
    ],
)
def test_refuses(arguments, says):
    with pytest.raises(ValueError, match=says):
        mei_montanari(*arguments)


def test_refuses_constants_and_negative_variances():
    from deeprmt.activations import Activation

    with pytest.raises(ValueError, match="constant"):
        mei_montanari(1.0, 1.0, 0.1, Activation(np.ones_like, np.zeros_like, name="one", kinks=()))
    with pytest.raises(ValueError, match="linear must be above 0"):
        optimal_ridge(1.0, 1.0, linear=0.0)
    with pytest.raises(ValueError, match="noise must be"):
        mei_montanari(1.0, 1.0, 0.1).risk(noise=-1.0)
    for bad in (1e-300, 1e300):
        with pytest.raises(ValueError, match="risk: noise must be 0 or lie between"):
            mei_montanari(1.0, 1.0, 0.1).risk(noise=bad)
        with pytest.raises(ValueError, match="optimal_ridge: linear must be 0 or lie between"):
            optimal_ridge(1.0, 1.0, linear=bad)
        with pytest.raises(ValueError, match="optimal_ridge: psi1 must lie between"):
            optimal_ridge(bad, 1.0)
        with pytest.raises(ValueError, match="double_descent: psi2 must lie between"):
            double_descent(bad)
    with pytest.raises(ValueError, match="ascending"):
        double_descent(1.0, psi1=[2.0, 1.0])
