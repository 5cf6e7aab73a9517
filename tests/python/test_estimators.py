"""Estimators keep scikit-learn's contract, and agree with the functions that they stand for."""

import pickle

import numpy as np
import pytest

from deeprmt import estimators
from deeprmt.meanfield import nngp, ntk, posterior

pytest.importorskip("sklearn", minversion="1.6")
NETWORK = {"depth": 3, "activation": "erf", "sigma_w": 1.5, "sigma_b": 0.3}


@pytest.mark.filterwarnings("ignore")  # of scikit-learn about itself
@pytest.mark.parametrize("options", [{}, pytest.param({"kernel": "ntk", "time": 3.0}, marks=pytest.mark.slow)])
def test_keeps_the_contract_of_estimators(options):
    from sklearn.utils.estimator_checks import check_estimator

    check_estimator(estimators.regressor(**options))


@pytest.mark.parametrize("options", [{"noise": 0.1}, {"kernel": "ntk"}, {"kernel": "ntk", "time": 0.5}])
def test_predicts_the_posterior(options):
    rng = np.random.default_rng(0)
    x, y, new = rng.normal(size=(20, 3)), rng.normal(size=20), rng.normal(size=(5, 3))
    wanted = posterior(x, y, new, **options, **NETWORK)
    model = pickle.loads(pickle.dumps(estimators.regressor(**options, **NETWORK).fit(x, y)))
    mean, covariance = model.predict(new, return_cov=True)
    _, deviation = model.predict(new, return_std=True)
    # 20 roundings of condition numbers up to 1e4
    np.testing.assert_allclose(mean, wanted.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(covariance, wanted.covariance, rtol=0, atol=1e-9)
    np.testing.assert_allclose(deviation**2, wanted.variance, rtol=0, atol=1e-9)
    if "kernel" in options:
        assert model.log_marginal_likelihood_ is wanted.log_marginal_likelihood is None
    else:
        assert model.log_marginal_likelihood_ == pytest.approx(wanted.log_marginal_likelihood, rel=1e-10)


def test_a_kernel_for_gaussian_processes():
    from sklearn.base import clone
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import WhiteKernel

    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    y = 1 + np.sin(x[:, 0]) + 0.1 * rng.normal(size=30)
    kernel = estimators.gaussian_process_kernel(1.2, 0.4, depth=3, activation="erf")
    np.testing.assert_array_equal(kernel(x), nngp(x, depth=3, activation="erf", sigma_w=1.2, sigma_b=0.4))
    np.testing.assert_allclose(kernel.diag(x), kernel(x).diagonal(), rtol=1e-15)
    tangent = estimators.gaussian_process_kernel(1.2, 0.4, depth=3, activation="erf", kernel="ntk")
    np.testing.assert_array_equal(tangent(x, x[:3]), ntk(x, x[:3], depth=3, activation="erf", sigma_w=1.2, sigma_b=0.4))
    assert pickle.loads(pickle.dumps(clone(kernel))) == kernel
    # The gradient by theta = (ln sigma_b, ln sigma_w), against differences of another step: errors of its square.
    _, slopes = kernel(x, eval_gradient=True)
    for i in range(2):
        step = 1e-4 * np.eye(2)[i]
        sides = [kernel.clone_with_theta(kernel.theta + sign * step)(x) for sign in (1, -1)]
        np.testing.assert_allclose(slopes[:, :, i], (sides[0] - sides[1]) / 2e-4, rtol=0, atol=1e-6)
    process = GaussianProcessRegressor(kernel + WhiteKernel(0.1)).fit(x, y)
    fixed = GaussianProcessRegressor(kernel + WhiteKernel(0.1), optimizer=None).fit(x, y)
    assert process.log_marginal_likelihood_value_ > fixed.log_marginal_likelihood_value_
    assert "erf, depth=3" in repr(kernel)
    with pytest.raises(ValueError, match="kernel must be one of 'nngp', 'ntk'"):
        estimators.gaussian_process_kernel(kernel="rbf")(x)


def test_refuses():
    with pytest.raises(ValueError, match="time must be inf unless"):
        estimators.regressor(time=1.0).fit([[1.0], [2.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="kernel must be one of"):
        estimators.regressor(kernel="rbf").fit([[1.0], [2.0]], [1.0, 2.0])
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        estimators.Nothing  # noqa: B018


@pytest.mark.parametrize("wrong", ["a", None, 1j, np.nan, 0.0, -1.0])
def test_parameters_that_are_fitted_are_positive_numbers(wrong):
    """The logarithm that scikit-learn takes of them has no say in it."""
    kernel = estimators.gaussian_process_kernel(wrong)
    with pytest.raises((ValueError, TypeError), match="InfiniteWidthKernel: sigma_w must be"):
        kernel.theta  # noqa: B018
    assert "sigma_w=" in repr(kernel)
    assert estimators.gaussian_process_kernel(1.0, 0.0, sigma_b_bounds="fixed").theta.tolist() == [0.0]


def test_errors_name_inputs_as_scikit_learn_does():
    x, y = np.random.default_rng(0).normal(size=(4, 2)), np.arange(4.0)
    kernel, model = estimators.gaussian_process_kernel(), estimators.regressor(noise=0.1).fit(x, y)
    for call, says in (
        (lambda: kernel(1e200 * x), "InfiniteWidthKernel: X, sigma_w or sigma_b is too large"),
        (lambda: kernel(x, 1e200 * x), "InfiniteWidthKernel: Y, sigma_w or sigma_b is too large"),
        (lambda: kernel([[np.nan]]), "InfiniteWidthKernel: X must be finite"),
        (lambda: kernel(x, x[:, :1]), "InfiniteWidthKernel: X and Y must be of one width"),
        (lambda: model.predict(1e200 * x), "InfiniteWidthRegressor: X, sigma_w or sigma_b is too large"),
    ):
        with pytest.raises(ValueError, match=says):
            call()
    _, deviation = model.predict(x, return_std=True)
    _, covariance = model.predict(x, return_cov=True)
    np.testing.assert_allclose(covariance.diagonal(), deviation**2, rtol=1e-9, atol=1e-14)
