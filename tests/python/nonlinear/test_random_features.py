"""Deterministic equivalents for data: a literal example, the theorem written out, and regressions that were run."""

import pickle

import numpy as np
import pytest

from deeprmt.errors import ConvergenceError
from deeprmt.nonlinear import RandomFeatureForecast, RandomFeatureRidge, feature_kernel, random_feature_errors

X = np.array([[1, 0.5, -0.3, 0.8], [0.2, -0.7, 0.9, 0.4]]).T
Y = np.array([1, -1, 1, 0.5])
TEST = np.array([[0.6, -0.2], [0.1, 1.1]]).T, np.array([0.8, 0.3])


@pytest.mark.parametrize(
    ("name", "ridge", "expected"),
    [
        ("relu", 0.1, (0.6712018841403, 0.1147174800059, 0.4130159067173)),
        ("erf", 0.5, (0.2920668012384, 0.1885588082628, 0.2707478030924)),
    ],
)
# The test error for relu is that of 30 digits: in doubles an arccos on the diagonal leaves 0.4130159059.
def test_published_example(name, ridge, expected):
    found = random_feature_errors(X, Y, *TEST, features=6, ridge=ridge, activation=name, sigma_w=2**0.5)
    np.testing.assert_allclose([found.delta[0], found.train[0], found.test[0]], expected, rtol=1e-12)


def written_out(x, y, test, targets, n, gamma, name, sigma):
    """The theorem as it stands, with inverses."""
    t, k = len(x), len(test)
    phi = feature_kernel(np.concatenate([x, test]), activation=name, sigma_w=sigma)
    delta = 1.0
    for _ in range(250):
        q = np.linalg.inv(n * phi[:t, :t] / (t * (1 + delta)) + gamma * np.eye(t))
        delta = np.trace(phi[:t, :t] @ q) / t
    psi = n / (t * (1 + delta)) * phi
    own, cross, there = psi[:t, :t], psi[:t, t:], psi[t:, t:]
    room = 1 - np.trace(own @ q @ own @ q) / n
    train = gamma**2 / t * y @ q @ (np.trace(own @ q @ q) / n / room * own + np.eye(t)) @ q @ y
    noise = y @ q @ own @ q @ y / n / room
    left = np.trace(there) - np.trace((np.eye(t) + gamma * q) @ cross @ cross.T @ q)
    return delta, train, np.mean((targets - cross.T @ q @ y) ** 2) + noise * left / k


@pytest.mark.parametrize("n", [5, 30, 200])
def test_is_the_theorem_written_out(n):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 8)), rng.normal(size=40)
    test = rng.normal(size=(10, 8)), rng.normal(size=10)
    for gamma in (0.03,):
        found = random_feature_errors(x, y, *test, features=n, ridge=gamma, activation="tanh", sigma_w=1.2)
        expected = written_out(x, y, *test, n, gamma, "tanh", 1.2)
        # Inverses of condition up to 1e3.
        np.testing.assert_allclose([found.delta[0], found.train[0], found.test[0]], expected, rtol=1e-11)


def test_a_run_is_as_forecast():
    """p = 60, T = 128, n = 256, +-1 labels of a direction: means of 12 runs; errors of order 1 / p, 2 % allowed."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 60))
    y = np.sign(x @ rng.normal(size=60))
    forecast = RandomFeatureForecast(256).fit(x[:128], y[:128])
    for ridge in (0.01, 1.0):
        expected = forecast.errors(ridge, x[128:], y[128:])
        runs = []
        for seed in range(12):
            run = RandomFeatureRidge(256, ridge=ridge, rng=seed).fit(x[:128], y[:128])
            runs.append([np.mean((run.predict(a) - b) ** 2) for a, b in ((x[:128], y[:128]), (x[128:], y[128:]))])
        stderr = np.std(runs, axis=0) / 12**0.5
        off = np.abs(np.mean(runs, axis=0) - [expected.train[0], expected.test[0]])
        assert (off < 5 * stderr + 0.02 * np.array([expected.train[0], expected.test[0]])).all()
        # The data are isotropic, so the estimate from the training set is near the test error, to its own noise.
        assert expected.estimate[0] == pytest.approx(expected.test[0], rel=0.3)


def test_digits_are_as_forecast():
    """Real data with 64 inputs: so few that forecasts are off by some percent, if the inputs are centred."""
    pytest.importorskip("sklearn")
    from deeprmt.training import dataset

    digits = dataset("digits")
    centre = digits.x[:500].mean(axis=0)
    x, test = digits.x[:500] - centre, digits.x_test - centre
    y, targets = (2.0 * (each % 2) - 1 for each in (digits.y[:500], digits.y_test))
    forecast = RandomFeatureForecast(300, sigma_w=3.0).fit(x, y)
    expected = forecast.errors(0.1, test, targets)
    runs = [RandomFeatureRidge(300, ridge=0.1, sigma_w=3.0, rng=seed).fit(x, y) for seed in range(6)]
    train = np.mean([np.mean((run.predict(x) - y) ** 2) for run in runs])
    error = np.mean([np.mean((run.predict(test) - targets) ** 2) for run in runs])
    # d = 64: 1 / d times a number of order 3; runs scatter by 2 %.
    assert train == pytest.approx(expected.train[0], rel=0.08)
    assert error == pytest.approx(expected.test[0], rel=0.08)


def test_ridges_from_tiny_to_large():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 20)), rng.normal(size=(60, 3))
    for n in (30, 60, 120):
        found = RandomFeatureForecast(n).fit(x, y).errors(np.geomspace(1e-12, 1e6, 40))
        assert np.isfinite(found.train).all()
        assert (np.diff(found.train) > -1e-14).all()
        assert found.train[-1] == pytest.approx(np.sum(y**2) / 60, rel=1e-4)
        assert np.isnan(found.test).all()
        assert (found.estimate > found.train).all()
        if n == 30:  # what 30 features cannot fit
            assert found.train[0] > 0.3 * found.train[-1]


def test_ridges_beyond_all_measure():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    test = rng.normal(size=(9, 3)), rng.normal(size=9)
    for name in ("relu", "linear"):  # linear: of rank 3
        for n in (2, 40, 90):
            found = random_feature_errors(x, y, *test, features=n, ridge=[1e-250, 1e-20, 1e250], activation=name)
            assert np.isfinite([found.train, found.test, found.estimate, found.delta]).all()
            assert found.train[2] == pytest.approx(np.mean(y**2))
            assert found.test[2] == pytest.approx(np.mean(test[1] ** 2))
    # Least squares on three inputs, whatever the number of linear features above.
    left = y - x @ np.linalg.lstsq(x, y)[0]
    assert found.train[0] == pytest.approx(np.mean(left**2), rel=1e-9)


def test_tiny_ridges_where_nothing_of_the_test_set_is_new():
    """Errors of targets at the training set are training errors; those of linear features settle as ridges fall."""
    rng = np.random.default_rng(0)
    x, y, test, targets = (rng.normal(size=shape) for shape in ((60, 8), 60, (20, 8), 20))
    ridges = [1e-8, 1e-16, 1e-20, 1e-26]
    for name, n in (("relu", 60), ("relu", 30), ("linear", 8), ("linear", 30)):
        found = RandomFeatureForecast(n, name).fit(x, y).errors(ridges, x, y)
        # Residuals of size 1e-9 and more of what is subtracted, to eigenvectors' 1e-14.
        np.testing.assert_allclose(found.test, found.train, rtol=1e-4)
    found = RandomFeatureForecast(8, "linear").fit(x, y).errors([1e-20, 1e-34, 1e-60], test, targets)
    # As many features as the rank are least squares.
    w = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(found.test, np.mean((targets - test @ w) ** 2), rtol=1e-8)


def test_outputs_add():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(30, 5)), rng.normal(size=(30, 2))
    test = rng.normal(size=(7, 5)), rng.normal(size=(7, 2))
    both = random_feature_errors(x, y, *test, features=40, ridge=0.1)
    each = [random_feature_errors(x, y[:, i], test[0], test[1][:, i], features=40, ridge=0.1) for i in (0, 1)]
    np.testing.assert_allclose(both.train, each[0].train + each[1].train, rtol=1e-12)
    # Errors are sums over outputs, of which the mean over samples is taken.
    np.testing.assert_allclose(both.test, each[0].test + each[1].test, rtol=1e-12)


def test_the_mean_prediction_is_that_of_many_features():
    forecast = RandomFeatureForecast(100_000, sigma_w=2**0.5).fit(X, Y)
    run = RandomFeatureRidge(100_000, ridge=100.0, sigma_w=2**0.5, rng=0).fit(X, Y)
    # 1 / sqrt(n) times numbers of order 1: five sigma.
    np.testing.assert_allclose(run.predict(TEST[0]), forecast.predict(TEST[0], 100.0), rtol=0, atol=5e-3)


def test_a_regression_solves_its_normal_equations():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(25, 4)), rng.normal(size=(25, 2))
    for n in (10, 60):  # both sides of n = T
        run = RandomFeatureRidge(n, "tanh", ridge=0.2, rng=1, weights="sphere").fit(x, y)
        z = run.transform(x)
        np.testing.assert_allclose(z, np.tanh(x @ run.weights_.T), rtol=1e-13)
        np.testing.assert_allclose(np.linalg.norm(run.weights_, axis=1), 1.0, rtol=1e-14)
        np.testing.assert_allclose(z.T @ (y - z @ run.coef_) / 25, 0.2 * run.coef_, rtol=0, atol=1e-12)
        again = RandomFeatureRidge(n, "tanh", ridge=0.2, rng=1, weights="sphere", threads=3).fit(x, y)
        np.testing.assert_array_equal(run.coef_, again.coef_)
    assert 0 < run.score(x, y) < 1


def test_estimators_go_where_scikit_learn_goes():
    base = pytest.importorskip("sklearn.base")
    selection = pytest.importorskip("sklearn.model_selection")
    x = np.random.default_rng(0).normal(size=(40, 3))
    model = RandomFeatureRidge(20, ridge=0.1, rng=0)
    assert repr(base.clone(model)) == repr(model)
    search = selection.GridSearchCV(model, {"ridge": [1e-3, 0.1, 10.0]}, cv=3).fit(x, x[:, 0])
    assert search.best_params_["ridge"] in (1e-3, 0.1, 10.0)
    assert pickle.loads(pickle.dumps(model.fit(x, x[:, 0]))).predict(x).shape == (40,)


def test_curves_can_be_drawn():
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    found = random_feature_errors(X, Y, *TEST, features=6, ridge=[0.1, 1.0, 0.01])
    assert found.plot(ax) is ax
    assert len(ax.lines) == 3
    assert len(found.to_dict()["test"]) == 3
    assert "6 relu features" in repr(found)


def test_refuses():
    with pytest.raises(ValueError, match="y must have 4 rows"):
        random_feature_errors(X, Y[:3], features=6, ridge=0.1)
    with pytest.raises(ValueError, match="ridge must be above 0"):
        random_feature_errors(X, Y, features=6, ridge=0.0)
    with pytest.raises(ValueError, match="features must be at least 1"):
        random_feature_errors(X, Y, features=0, ridge=0.1)
    with pytest.raises(ValueError, match="x_test must have 2 columns, got 3"):
        random_feature_errors(X, Y, np.ones((2, 3)), [1.0, 1.0], features=6, ridge=0.1)
    with pytest.raises(ValueError, match="given together"):
        random_feature_errors(X, Y, TEST[0], features=6, ridge=0.1)
    with pytest.raises(RuntimeError, match="call fit first"):
        RandomFeatureForecast(6).errors(0.1)
    with pytest.raises(RuntimeError, match="call fit first"):
        RandomFeatureRidge(6).predict(X)
    with pytest.raises(RuntimeError, match="those of fit"):
        RandomFeatureForecast(6).fit(X, Y).set_params(activation="erf").errors(0.1)
    with pytest.raises(ValueError, match="the names are features"):
        RandomFeatureRidge(6).set_params(alpha=1.0)
    with pytest.raises(ValueError, match="ridge must be finite and above 0"):
        RandomFeatureRidge(6, ridge=0.0).fit(X, Y)
    with pytest.raises(ConvergenceError, match="lost in the rounding"):
        RandomFeatureRidge(6, "linear", ridge=1e-300).fit(np.ones((8, 1)), np.ones(8))


def test_refuses_by_name():
    with pytest.raises(ValueError, match="random_feature_errors: x_test must have 2 columns"):
        random_feature_errors(X, Y, [[1.0]], [1.0], features=3, ridge=0.1)
    with pytest.raises(ValueError, match="random_feature_errors: features must be at most"):
        random_feature_errors(X, Y, features=2**63, ridge=0.1)
    with pytest.raises(RuntimeError, match=r"RandomFeatureForecast\.predict: call fit"):
        RandomFeatureForecast(3).predict(X, 0.1)
    run = RandomFeatureRidge(3, rng=0)
    with pytest.raises(ValueError, match=r"RandomFeatureRidge\.fit: x, y and sigma_w must be so small"):
        run.fit(X * 1e200, Y)
    with pytest.raises(ValueError, match=r"RandomFeatureRidge\.score: y must have the outputs of fit"):
        run.fit(X, Y).score(X, np.c_[Y, Y])
    with pytest.raises(ValueError, match=r"RandomFeatureRidge\.fit: features must be at most"):
        RandomFeatureRidge(10**400).fit(X, Y)
    with pytest.raises(ValueError, match="fit: y must be so small"):
        RandomFeatureForecast(3).fit(X, Y * 1e200)
    assert "0 ridges" in repr(RandomFeatureForecast(3).fit(X, Y).errors([]))
