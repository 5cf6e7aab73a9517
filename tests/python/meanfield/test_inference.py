"""Posteriors and dynamics of infinitely wide networks."""

import numpy as np
import pytest
from scipy.linalg import expm

from deeprmt.errors import SingularKernelWarning
from deeprmt.meanfield import gradient_descent, gradient_flow, kernels, posterior
from deeprmt.networks import MLP
from deeprmt.training import Trainer

NETWORK = {"depth": 3, "activation": "relu", "sigma_w": 2**0.5, "sigma_b": 0.1**0.5}
ROOT = 2**0.5
X = ROOT * np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
NEW = np.array([[1.0, 1.0]])
Y = np.array([1.0, -1.0, 0.5])

# The formulas of arXiv:1902.06720 for these inputs in high precision: time, f(X), mean and variance at the new input.
TABLE = [
    (0.1, (0.39940490212, -0.33105952479, 0.17891585473), 0.017124245439, 0.74856630573),
    (0.5, (0.9123194822, -0.87991802521, 0.43961643284), -0.025661041907, 0.32365101719),
    (2.0, (0.99990042682, -0.9998394916, 0.49990486849), -0.047300011922, 0.31404432458),
    (np.inf, (1.0, -1.0, 0.5), -0.047338634063, 0.31404088248),
]


@pytest.mark.parametrize(("time", "train", "mean", "variance"), TABLE)
def test_flow_in_numbers(time, train, mean, variance):
    flow = gradient_flow(X, Y, NEW, times=time, **NETWORK)
    np.testing.assert_allclose(flow.train_mean[0], train, rtol=3e-11)  # the last digit printed
    np.testing.assert_allclose((flow.mean[0, 0], flow.variance[0, 0]), (mean, variance), rtol=3e-11)
    np.testing.assert_allclose(flow.eigenvalues, (4.4163595656, 5.8156662015, 9.5679742329), rtol=1e-10)
    found = posterior(X, Y, NEW, kernel="ntk", time=time, **NETWORK)
    np.testing.assert_allclose((found.mean[0], found.variance[0]), (mean, variance), rtol=3e-11)
    np.testing.assert_allclose(found.covariance, [[variance]], rtol=3e-11)


def test_posterior_in_numbers():
    found = posterior(X, Y, NEW, **NETWORK)
    np.testing.assert_allclose((found.mean[0], found.variance[0]), (-0.10574326809, 0.29317324109), rtol=1e-10)
    assert found.jitter == 0


def both():
    rng = np.random.default_rng(0)
    x, new, y = rng.normal(size=(8, 3)), rng.normal(size=(4, 3)), rng.normal(size=(8, 2))
    options = {"depth": 3, "activation": "erf", "sigma_w": 1.5, "sigma_b": 0.3}
    return x, y, new, options, kernels(np.concatenate([x, new]), **options)


def test_flow_is_the_matrix_exponential():
    x, y, new, options, (k, theta) = both()
    n, t = len(x), 0.7
    left = expm(-t * theta[:n, :n])
    a = theta[n:, :n] @ np.linalg.solve(theta[:n, :n], np.eye(n) - left)
    found = gradient_flow(x, y, new, times=[t], **options)
    # n roundings of the condition number, about 1e3
    np.testing.assert_allclose(found.train_mean[0], y - left @ y, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.mean[0], a @ y, rtol=0, atol=1e-11)
    whole = k[n:, n:] - a @ k[:n, n:] - k[n:, :n] @ a.T + a @ k[:n, :n] @ a.T
    np.testing.assert_allclose(found.variance[0], whole.diagonal(), rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.train_variance[0], (left @ k[:n, :n] @ left).diagonal(), rtol=0, atol=1e-11)
    given = posterior(None, y, kernels=(k, theta), kernel="ntk", time=t)
    np.testing.assert_allclose(given.covariance, whole, rtol=0, atol=1e-11)


def test_descent_is_repeated_steps():
    x, y, new, options, (_, theta) = both()
    n, rate = len(x), 0.02
    f = np.zeros((len(theta), 2))
    found = gradient_descent(x, y, new, steps=range(12), learning_rate=rate, **options)
    for step in range(12):
        np.testing.assert_allclose(found.train_mean[step], f[:n], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.mean[step], f[n:], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.loss[step], ((f[:n] - y) ** 2).sum() / 2, rtol=1e-10)
        f -= rate * theta[:, :n] @ (f[:n] - y)


def test_descent_beyond_the_border_grows():
    x, y, _, options, (_, theta) = both()
    border = 2 / np.linalg.eigvalsh(theta[:8, :8])[-1]
    for factor, stable in ((0.99, True), (1.01, False)):
        found = gradient_descent(x, y, steps=[2000, 4000], learning_rate=factor * border, **options)
        assert found.stable == stable == (found.loss[1] < found.loss[0])
    with pytest.raises(ValueError, match="must be below 2 / lambda_max"):
        gradient_descent(x, y, steps=10**6, learning_rate=2 * border, **options)


def test_posterior_of_a_network_is_bayes_rule():
    x, y, new, options, (k, _) = both()
    n, noise = len(x), 0.1
    inverse = np.linalg.inv(k[:n, :n] + noise * np.eye(n))
    found = posterior(x, y, new, noise=noise, **options)
    np.testing.assert_allclose(found.mean, k[n:, :n] @ inverse @ y, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.covariance, k[n:, n:] - k[n:, :n] @ inverse @ k[:n, n:], rtol=0, atol=1e-11)
    fit = sum(float(each @ inverse @ each) for each in y.T)
    log_det = np.linalg.slogdet(inverse)[1]
    wanted = -0.5 * (fit - 2 * log_det + 2 * n * np.log(2 * np.pi))
    assert found.log_marginal_likelihood == pytest.approx(wanted, rel=1e-11)
    alone = posterior(x, y, new, noise=noise, covariance=False, **options)
    assert alone.covariance is None
    np.testing.assert_allclose(alone.variance, found.variance, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_duplicates_are_told(kernel):
    x = X[[0, 1, 0]]
    with pytest.warns(SingularKernelWarning, match=r"inputs 0 and 2 are duplicates.* was added to its diagonal"):
        found = posterior(x, [1.0, 0.0, 0.5], X[:1], kernel=kernel, **NETWORK)
    assert 1e-10 < found.jitter < 1e-7
    # The mean of what the duplicates say, up to jitter over the other eigenvalues and 100 roundings over jitter.
    assert found.mean[0] == pytest.approx(0.75, abs=1e-5)
    with pytest.raises(np.linalg.LinAlgError, match=r"duplicates.* must be positive definite, but its least"):
        posterior(None, [1.0, 2.0], kernels=([[1.0, 1.0], [1.0, 1.0 - 1e-14]],) * 2, kernel=kernel, jitter=0.0)
    asked = posterior(x, [1.0, 0.0, 0.5], X[:1], kernel=kernel, jitter=1e-3, **NETWORK)
    assert asked.jitter == 1e-3
    says = r"\(inputs 0 and 2 are duplicates\); targets differ where it is, and 0.1 of the loss can never be learned"
    with pytest.warns(SingularKernelWarning, match=says):  # 1/8 of 5/4; needs no jitter: the difference never learns
        flow = gradient_flow(x, [1.0, 0.0, 0.5], times=np.inf, **NETWORK)
    np.testing.assert_allclose(flow.train_mean[0], [0.75, 0.0, 0.75], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"y": [1.0, 2.0]}, ValueError, "x must have a row for each of the 2 entries of y"),
        ({"y": [1.0, np.nan, 0.0]}, ValueError, "y must be finite"),
        ({"x_new": [[1.0]]}, ValueError, "x_new must have the width of x"),
        ({"x_new": None}, TypeError, "x_new must be given"),
        ({"depth": 0}, ValueError, "depth must be at least 1"),
        ({"sigma_w": -1.0}, ValueError, "sigma_w must be finite and at least 0"),
        ({"sigma_w": None}, TypeError, "sigma_w must be given"),
        ({"noise": -1.0}, ValueError, "noise must be finite and at least 0"),
        ({"jitter": -1.0}, ValueError, "jitter must be finite and at least 0"),
        ({"time": 1.0}, ValueError, "time must be left out unless"),
        ({"kernel": "rbf"}, ValueError, "kernel must be one of"),
        ({"kernels": (np.eye(3), np.eye(3))}, TypeError, "must be None where kernels are given"),
    ],
)
def test_refuses(change, error, says):
    arguments = {"x": X, "y": Y, "x_new": NEW, **NETWORK} | change
    with pytest.raises(error, match=says):
        posterior(arguments.pop("x"), arguments.pop("y"), arguments.pop("x_new"), **arguments)


def test_refuses_times_and_steps():
    with pytest.raises(ValueError, match="times must be at least 0, found -1"):
        gradient_flow(X, Y, times=-1.0, **NETWORK)
    with pytest.raises(ValueError, match=r"steps must be whole numbers of at least 0, found 1\.5"):
        gradient_descent(X, Y, steps=1.5, learning_rate=0.1, **NETWORK)
    with pytest.raises(ValueError, match="learning_rate must be finite and above 0"):
        gradient_descent(X, Y, steps=1, learning_rate=0.0, **NETWORK)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_duplicates_cost_no_digits_of_others(kernel):
    x = np.random.default_rng(0).normal(size=(6, 3))
    x[5] = x[0]
    with pytest.warns(SingularKernelWarning):
        found = posterior(x, np.arange(1.0, 7.0), x[:5], kernel=kernel, **NETWORK)
    # Jitter is 1e-9 of the diagonal, over eigenvalues above 1e-3 of it: 1e-6 of y.
    np.testing.assert_allclose(found.mean, [3.5, 2, 3, 4, 5], rtol=0, atol=6e-6)


def test_jitter_before_the_end_is_refused():
    with pytest.raises(ValueError, match="posterior: jitter must be 0 before the end of training"):
        posterior(X[:2], [1.0, 0.0], X[:1], kernel="ntk", time=3.0, jitter=0.1, **NETWORK)
    none, zero = (
        posterior(X[:2], [1.0, 0.0], X[:1], kernel="ntk", time=3.0, jitter=jitter, **NETWORK) for jitter in (None, 0.0)
    )
    np.testing.assert_array_equal(none.mean, zero.mean)


def test_duplicates_that_agree_are_told_only_where_time_has_no_bound():
    x, y = X[[0, 1, 0]], [1.0, 0.0, 1.0]
    steps = gradient_descent(x, y, steps=[0, 100], learning_rate=0.1, **NETWORK)
    flow = gradient_flow(x, y, times=[0.0, 100.0], **NETWORK)
    for found in (steps, flow):  # by then all that has an eigenvalue, of 4 or more, has learned
        np.testing.assert_allclose(found.train_mean[1], y, rtol=0, atol=1e-12)
    contradiction = [1.0, 0.0, 0.5]
    assert gradient_flow(x, contradiction, times=0.0, **NETWORK).loss[0] == 0.625  # before training nothing is said
    with pytest.warns(SingularKernelWarning, match="duplicates.*what has no eigenvalue stays as it was") as caught:
        gradient_flow(x, y, times=np.inf, **NETWORK)
    assert caught[0].filename == __file__
    with pytest.warns(SingularKernelWarning, match="targets differ") as caught:
        gradient_descent(x, contradiction, steps=1, learning_rate=0.1, **NETWORK)
    assert caught[0].filename == __file__


def _finite(width, outputs=1, rng=0):
    mlp = MLP([3, width, outputs], "tanh", sigma_w=1.5, sigma_b=0.1, parametrization="ntk")
    return mlp.sample(rng)


def test_a_network_starts_at_its_own_outputs():
    """Gradient descent of a wide network, and of the network that is linear in its weights."""
    rng = np.random.default_rng(7)
    x, new, steps, rate = rng.normal(size=(12, 3)), rng.normal(size=(5, 3)), 60, 0.3
    y = np.sin(x[:, :1])
    off = {}
    for width in (256, 4096):
        network = _finite(width)
        start = network.forward(x), network.forward(new)
        theta = network.ntk(np.vstack([x, new]))
        given = {"steps": [0, steps], "learning_rate": rate / len(x), "kernels": (None, theta)}
        line = gradient_descent(None, y, initial=start, **given)
        np.testing.assert_allclose(line.mean[0], start[1], rtol=0, atol=1e-12)
        np.testing.assert_allclose(line.train_mean[0], start[0], rtol=0, atol=1e-12)
        assert line.stable
        assert not line.variance.any()
        trainer = Trainer(network, x, y, loss="squared", rate=rate)
        for _ in range(steps):
            trainer.step()
        off[width] = float(np.abs(trainer.outputs(new) - line.mean[1]).max())
        assert np.abs(start[1]).max() > 0.5  # what would be missed without them
    # The distance is a constant of order 1 over sqrt(width): 16 times the width makes it about 4 times smaller.
    assert off[4096] < 0.05
    assert off[4096] < off[256] / 2


def test_a_start_moves_targets_and_is_added():
    """f - f_0 learns y - f_0 from 0; and a single row of outputs is as a column of them."""
    rng = np.random.default_rng(2)
    start, later = rng.normal(size=3), rng.normal(size=1)
    for dynamics, at in (
        (gradient_flow, {"times": [0.0, 0.3, np.inf]}),
        (gradient_descent, {"steps": [0, 1, 7], "learning_rate": 0.05}),
    ):
        found = dynamics(X, Y, NEW, initial=(start, later), **at, **NETWORK)
        moved = dynamics(X, Y - start, NEW, **at, **NETWORK)
        np.testing.assert_allclose(found.mean, later + moved.mean, rtol=0, atol=1e-14)
        np.testing.assert_allclose(found.train_mean, start + moved.train_mean, rtol=0, atol=1e-14)
        np.testing.assert_allclose(found.loss, moved.loss, rtol=1e-13)
        alone = dynamics(X, Y[:, None], initial=(start[:, None], None), **at, **NETWORK)
        np.testing.assert_allclose(alone.train_mean[:, :, 0], found.train_mean, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("initial", "error", "says"),
    [
        (np.zeros(3), TypeError, "initial must be outputs at training and at new inputs"),
        ((np.zeros(3), None), TypeError, "initial must have outputs at the 1 new inputs"),
        ((np.zeros(2), [0.0]), ValueError, r"initial must have shape \(3,\) at the training inputs, got \(2,\)"),
        ((np.zeros(3), [0.0, 1.0]), ValueError, r"initial must have shape \(1,\) at the new inputs"),
        (([0.0, np.nan, 1.0], [0.0]), ValueError, "initial must be finite"),
        (([0.0, 1e200, 1.0], [0.0]), ValueError, "initial must be below"),
        (("abc", [0.0]), TypeError, "initial must"),
    ],
)
def test_a_start_that_is_none_is_refused(initial, error, says):
    with pytest.raises(error, match=f"gradient_flow: {says}"):
        gradient_flow(X, Y, NEW, times=1.0, initial=initial, **NETWORK)


@pytest.mark.parametrize("dynamics", [gradient_flow, gradient_descent])
def test_kernels_that_are_none_are_refused(dynamics):
    at = {"steps": [1]} if dynamics is gradient_descent else {"times": [1.0]}
    rate = {"learning_rate": 0.1} if dynamics is gradient_descent else {}
    indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(np.linalg.LinAlgError, match="no negative eigenvalue, but they run from -1 to 3"):
        dynamics(None, [1.0, 2.0], kernels=(np.eye(2), indefinite), **at, **rate)
    with pytest.raises(ValueError, match="kernels must have no negative entries on the diagonal, found -1"):
        dynamics(None, [1.0, 2.0], kernels=(-np.eye(2), np.eye(2)), **at, **rate)


def test_long_times_do_not_enlarge_the_rounding_of_duplicates():
    """Two values at one input: their difference never learns, and their mean is what all other inputs see."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(12, 4)), rng.normal(size=12)
    new, twice, given = rng.normal(size=(5, 4)), np.vstack([x, x[:2]]), np.r_[y, y[:2] + 1]
    mean = y + 0.5 * (np.arange(12) < 2)
    wanted = posterior(x, mean, new, kernel="ntk", **NETWORK).mean
    with pytest.warns(SingularKernelWarning, match=r"gradient_flow: .*inputs 0 and 12 are duplicates"):
        flow = gradient_flow(twice, given, new, times=[1e12, 1e18, 1e300, np.inf], **NETWORK)
    with pytest.warns(SingularKernelWarning, match=r"gradient_descent: .*inputs 0 and 12 are duplicates"):
        steps = gradient_descent(twice, given, new, steps=[10**12, 10**18], learning_rate=0.01, **NETWORK)
    for found in (flow, steps):
        np.testing.assert_allclose(found.loss, 0.5, rtol=1e-9)  # two inputs, each 1/2 off twice
        for each in found.mean:
            # The kernel's condition is some 1e4, which rounding is enlarged by.
            np.testing.assert_allclose(each, wanted, rtol=0, atol=1e-10)
    with pytest.warns(SingularKernelWarning, match=r"posterior: .*can never be learned"):
        late = posterior(twice, given, new, kernel="ntk", time=1e30, **NETWORK)
    np.testing.assert_allclose(late.mean, wanted, rtol=0, atol=1e-10)


def test_a_kernel_without_digits_is_refused():
    x = 1e-160 * np.array([[1.0, 0.0], [0.0, 1.0]])
    network = {"depth": 3, "activation": "relu", "sigma_w": 1.4}
    with pytest.raises(ValueError, match=r"posterior: the kernel .* must be so large that it has digits, found"):
        posterior(x, [1.0, 0.0], x, **network)
    with pytest.raises(ValueError, match="must be so large that it has digits"):
        gradient_flow(x, [1.0, 0.0], times=1.0, **network)
    found = posterior(1e10 * x, [1.0, 0.0], 1e10 * x, **network)
    np.testing.assert_allclose(found.mean, [1.0, 0.0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1e150, -1e200, 1.7e308])
def test_targets_whose_squares_overflow_are_refused(size):
    for call in (
        lambda: posterior(X, size * Y, NEW, **NETWORK),
        lambda: posterior(X, size * Y, NEW, kernel="ntk", time=1.0, **NETWORK),
        lambda: gradient_flow(X, size * Y, times=1.0, **NETWORK),
        lambda: gradient_descent(X, size * Y, steps=1, learning_rate=0.1, **NETWORK),
    ):
        with pytest.raises(ValueError, match=r"y must be below 5.77e\+149 in size, so that its squares are finite"):
            call()


def test_large_targets_small_kernels_and_long_times():
    """All is linear in y, and what leaves the range says so."""
    large = gradient_flow(X, 1e140 * Y, NEW, times=[0.0, 0.5, 1e300, np.inf], **NETWORK)
    ones = gradient_flow(X, Y, NEW, times=[0.0, 0.5, 1e300, np.inf], **NETWORK)
    np.testing.assert_allclose(large.mean, 1e140 * ones.mean, rtol=1e-12)
    np.testing.assert_allclose(large.loss, 1e280 * ones.loss, rtol=1e-12)
    tiny = 1e-250 * np.eye(4)  # K^-1 y is 1e390
    with pytest.raises(ValueError, match="posterior: the mean must stay in the range of float64"):
        posterior(None, 1e140 * Y, kernels=(tiny, tiny))
    steps = [0, 1, 10**6, 10**15, 1e300]
    border = 2 / ones.eigenvalues[-1]
    just = gradient_descent(X, Y, NEW, steps=steps, learning_rate=border * (1 - 1e-12), **NETWORK)
    assert just.stable
    assert (np.diff(just.loss) <= 0).all()
    assert just.loss[-1] == 0
    with pytest.raises(ValueError, match=r"learning_rate must be below 2 / lambda_max = 0.209031 for so many steps"):
        gradient_descent(X, Y, NEW, steps=steps, learning_rate=border * (1 + 1e-12), **NETWORK)
    with pytest.raises(ValueError, match="learning_rate must be below"):
        gradient_descent(X, Y, NEW, steps=2, learning_rate=1e300, **NETWORK)


def test_inputs_near_the_end_of_doubles():
    """relu without biases is homogeneous: K and Theta go with the square of the inputs, the rest with powers of two."""
    network = {"depth": 2, "activation": "relu", "sigma_w": 1.4}
    x, new = np.split(np.random.default_rng(0).normal(size=(15, 4)), [12])
    y, scale = np.sin(np.arange(12.0)), 2.0**498
    one = gradient_flow(x, y, new, times=[0.1, np.inf], **network)
    large = gradient_flow(x * scale, y, new * scale, times=[0.1 / scale**2, np.inf], **network)
    np.testing.assert_allclose(large.mean, one.mean, rtol=1e-9)
    np.testing.assert_allclose(large.variance / scale**2, one.variance, rtol=1e-9, atol=1e-9)
    steps = gradient_descent(x * scale, y, new * scale, steps=[3], learning_rate=0.1 / scale**2, **network)
    same = gradient_descent(x, y, new, steps=[3], learning_rate=0.1, **network)
    np.testing.assert_allclose(steps.mean, same.mean, rtol=1e-9)


def test_what_is_too_large_is_named():
    network = {"depth": 2, "activation": "relu", "sigma_w": 1.4}
    x, y = np.random.default_rng(0).normal(size=(5, 4)), np.arange(5.0)
    with pytest.raises(ValueError, match="posterior: x, sigma_w or sigma_b is too large: the variance leaves"):
        posterior(1e200 * x, y, x, **network)
    for covariance in (True, False):
        with pytest.raises(ValueError, match="posterior: x_new, sigma_w or sigma_b is too large: the variance leaves"):
            posterior(x, y, 1e200 * x, covariance=covariance, **network)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"times": [-1.0]}, "times must be at least 0, found -1"),
        ({"times": [np.nan]}, "times must be at least 0, found nan"),
        ({"y": [1.0, np.inf, 0.0]}, "y must be finite, found inf at index 1"),
        ({"y": np.ones((3, 2, 1))}, r"y must have the shape \(inputs,\) or"),
        ({"y": np.ones((3, 0))}, r"y must have the shape \(inputs,\) or"),
        ({"y": np.ones(4)}, "x must have a row for each of the 4 entries of y"),
    ],
)
def test_hostile_targets_and_times(change, says):
    given = {"x": X, "y": Y, "times": [1.0], **NETWORK, **change}
    with pytest.raises(ValueError, match=says):
        gradient_flow(**given)
