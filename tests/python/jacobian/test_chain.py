import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from scipy.special import polygamma, psi

from deeprmt import _core, meanfield
from deeprmt.activations import Activation
from deeprmt.jacobian import law, singular_values
from deeprmt.linalg import log_svdvals, svdvals
from deeprmt.networks import MLP, Network
from measure import LINUX, peak_growth
from reference.jacobian import chain as reference

kinds = pytest.mark.parametrize("kind", ["gaussian", "haar"])
outputs = pytest.mark.parametrize("output", ["preactivation", "activation"])
KEY = int(np.random.default_rng(5).integers(0, 2**64, dtype=np.uint64))


@kinds
@outputs
@pytest.mark.parametrize("widths", [(4, 4), (3, 5, 2), (6, 4, 4, 7)])
def test_matches_the_reference(kind, output, widths):
    mlp = MLP(widths, "tanh", weights=kind, sigma_w=1.4, sigma_b=0.3)
    x = np.linspace(-1, 2, widths[0])
    s = singular_values(mlp, x, trials=2, output=output, rng=5)
    phi, dphi = np.tanh, lambda h: 1 / np.cosh(h) ** 2
    for trial in range(2):
        j = reference.jacobian(KEY, trial, widths, kind, 1.4, 0.3, phi, dphi, x, output)
        # At most 3 layers of width 7 and norm below 4: 3 * 4^3 * 7 roundings of eps = 3e-13 if all add up.
        np.testing.assert_allclose(s[trial], np.linalg.svd(j, compute_uv=False), rtol=0, atol=1e-12)


@kinds
@outputs
def test_is_the_jacobian_of_the_sampled_network(kind, output):
    mlp = MLP([8, 12, 6], "tanh", weights=kind, sigma_w=1.3, sigma_b=0.1)
    net = mlp.sample(rng=9)
    x = np.random.default_rng(1).normal(size=8)
    j = net.jacobian(x, output=output)
    step = 1e-6
    columns = [
        (net.forward(x + step * e, output=output) - net.forward(x - step * e, output=output)) / (2 * step)
        for e in np.eye(8)
    ]
    np.testing.assert_allclose(j, np.transpose(columns), rtol=0, atol=1e-8)  # differences: step^2 and eps / step
    s = singular_values(mlp, x, output=output, rng=9)
    # Two layers of width 12 at most and norm below 3: 2 * 3^2 * 12 eps = 5e-14 between two orders of the same sums.
    np.testing.assert_allclose(s[0], svdvals(j), rtol=0, atol=1e-13)
    assert net.forward(np.stack([x, 2 * x])).shape == (2, 6)
    # The same products, perhaps by another kernel of BLAS: sums of 12 terms below 1 round by sqrt(12) eps = 8e-16.
    np.testing.assert_allclose(net.jacobian(np.stack([2 * x, x]), output=output)[1], j, rtol=0, atol=1e-14)


@kinds
@outputs
@pytest.mark.parametrize("widths", [(300, 280, 310, 30, 200), (70, 300, 300)])
def test_every_way_through_a_layer_is_that_of_the_sampled_network(kind, output, widths):
    """Several blocks of reflectors or panels; layers that widen, narrow, and are so narrow that they are formed."""
    mlp = MLP(widths, "tanh", weights=kind, sigma_w=1.3, sigma_b=0.1)
    x = np.random.default_rng(1).normal(size=widths[0])
    expected = svdvals(mlp.sample(rng=9).jacobian(x, output=output))
    for threads in (1, 2):
        s = singular_values(mlp, x, output=output, rng=9, threads=threads)
        # Four layers of norm below 3, sums of 310 terms in blocks: 4 * sqrt(310) eps 3^4 = 1e-12 if all add up.
        np.testing.assert_allclose(s[0], expected, rtol=0, atol=2e-12)


@kinds
@outputs
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_logarithms_of_shallow_networks(kind, output, activation):
    mlp = MLP([30, 40, 30, 20, 50], activation, weights=kind, sigma_w=1.4, sigma_b=0.1)
    plain = singular_values(mlp, output=output, trials=3, rng=4)
    logs = singular_values(mlp, output=output, trials=3, rng=4, log=True)
    for s, log in zip(plain, logs, strict=True):
        rank = np.count_nonzero(s > 1e-12 * s[0])
        assert np.isfinite(log).sum() == rank  # relu: units that are off take the rank away, to the bit
        # Values down to 1e-4 of the largest: errors of 1e-13 s_max / s in each logarithm.
        np.testing.assert_allclose(np.exp(log[:rank]), s[:rank], rtol=0, atol=1e-13 * s[0])
    assert rank == 20 or activation == "relu"


@kinds
def test_logarithms_are_those_of_the_layers_product(kind):
    """100 layers, more than 100 orders of magnitude: the factors of the sampled network, by `log_svdvals`."""
    mlp = MLP([12] * 101, "tanh", weights=kind, sigma_w=0.9, sigma_b=0.2)
    net, x = mlp.sample(rng=3), np.linspace(-1, 1, 12)
    factors, signal = [], x
    for w, b in zip(net.weights, net.biases, strict=True):
        h = w @ signal + b
        signal = np.tanh(h)
        factors += [w, np.diag(1 / np.cosh(h) ** 2)]
    expected = log_svdvals(factors)
    logs = singular_values(mlp, x, output="activation", log=True, rng=3)[0]
    # Slopes of two orders of summation differ by some eps a layer.
    np.testing.assert_allclose(logs, expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        singular_values(mlp, x, log=True, rng=3)[0], log_svdvals(factors[:-1]), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_deep_networks_have_no_zeros(dtype):
    """Linear and Gaussian: exact exponents. float32 loses no value either, where the product itself underflows."""
    n, depth, trials = 10, 400, 20
    mlp = MLP([n] * (depth + 1), "linear", sigma_w=0.1)
    assert (singular_values(mlp, dtype=dtype, rng=1) == 0).any() or dtype == np.float64
    logs = singular_values(mlp, dtype=dtype, trials=trials, log=True, rng=1)
    assert logs.dtype == dtype
    exact = depth * ((np.log(2) + psi((n - np.arange(n)) / 2)) / 2 + np.log(0.1 / np.sqrt(n)))
    # The logarithm of a value is a sum of log chi: variance depth psi'(j / 2) / 4. The first ones come apart by
    # repulsion during the first steps, about as long as exponents lie apart: 1 / gap <= 2 n.
    sigma = np.sqrt(depth * polygamma(1, (n - np.arange(n)) / 2) / 4 / trials)
    assert (np.abs(logs.mean(axis=0) - exact) < 5 * sigma + 3).all()
    # The sum has no such bias: log |det| of independent Gaussian matrices.
    total = logs.astype(float).sum(axis=1)
    assert abs(total.mean() - exact.sum()) < 5 * np.sqrt((sigma**2).sum()) + 400 * n * np.finfo(dtype).eps * 10


def test_logarithms_at_depth_ten_thousand():
    mlp = MLP([6] * 10_001, "linear", weights="haar", sigma_w=1e-3)
    logs = singular_values(mlp, np.zeros(6), log=True, rng=2)
    # 10^4 orthogonal factors round by 10 eps each, at random: 1e-13 and the last digit of the logarithm itself, 7e-12.
    np.testing.assert_allclose(logs[0], np.full(6, 1e4 * np.log(1e-3)), rtol=0, atol=1e-10)


@kinds
def test_logarithms_do_not_depend_on_threads_or_executors(kind):
    mlp = MLP([150, 200, 120], "relu", weights=kind, sigma_w=1.4, sigma_b=0.1)
    logs = singular_values(mlp, trials=3, log=True, rng=4, threads=1)
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(singular_values(mlp, trials=3, log=True, rng=4, threads=threads), logs)
    with ThreadPoolExecutor(2) as pool:
        np.testing.assert_array_equal(singular_values(mlp, trials=3, log=True, rng=4, executor=pool), logs)


@kinds
@pytest.mark.skipif(not LINUX, reason="asks /proc")
def test_memory_at_the_peak(kind):
    setup = f"""
import numpy as np
from deeprmt.jacobian import singular_values
from deeprmt.networks import MLP
def run(n):
    return singular_values(MLP([n] * 4, "tanh", weights="{kind}", sigma_w=1.1), rng=0, threads=1, dtype=np.float32)
run(64)
"""
    (grown,) = peak_growth(setup, "run(1500)")
    assert 4 * 1500**2 < grown < 3.2 * 4 * 1500**2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_haar_networks_are_isometries(dtype):
    s = singular_values(MLP([150] * 6, "linear", weights="haar", sigma_w=1.0), trials=3, dtype=dtype, rng=1)
    assert s.dtype == dtype
    # Q^T Q is 1 to (3 sqrt(150) + 10) eps = 47 eps, singular values to half of that, and five layers add up like
    # sqrt(5): 53 eps.
    np.testing.assert_allclose(s, 1, rtol=0, atol=100 * np.finfo(dtype).eps)


@kinds
def test_second_moment_of_linear_networks(kind):
    # Independent layers: E tr J J^T / n = sigma_w^(2 L) exactly.
    n, depth, trials = 40, 5, 300
    s = singular_values(MLP([n] * (depth + 1), "linear", weights=kind, sigma_w=1.1), trials=trials, rng=2)
    moments = (s**2).mean(axis=1)
    assert abs(moments.mean() - 1.1 ** (2 * depth)) < 5 * moments.std() / np.sqrt(trials) + 1e-12  # Haar: rounding


def test_first_moments_of_a_deep_tanh_network():
    # Wide-limit moments of J J^T, J = D_L W_L ... D_1 W_1, tanh at q* = 0.5 on the critical line, L = 4: m1 = 1,
    # m2 = 2.196976506208 (Haar), 6.196976506208 (Gaussian). Standard error of 60 networks; O(1/n) bias is below it.
    point = meanfield.critical_point("tanh", q_star=0.5)
    for kind, expected in (("haar", 2.196976506208), ("gaussian", 6.196976506208)):
        mlp = MLP([300] * 5, "tanh", weights=kind, sigma_w=point.sigma_w, sigma_b=point.sigma_b)
        s = singular_values(mlp, trials=60, output="activation", rng=3)
        for power, value in ((2, 1.0), (4, expected)):
            m = (s**power).mean(axis=1)
            assert abs(m.mean() - value) < 5 * m.std() / np.sqrt(len(m))


def test_default_input_starts_at_the_fixed_point():
    mlp = MLP([4000, 300], "tanh", sigma_w=1.5, sigma_b=0.3)
    q = meanfield.fixed_point("tanh", 1.5, 0.3).q_star
    x = np.empty(4000)
    _core.jacobian.sphere_input(1, 0, (q - 0.3**2) / 1.5**2, x)
    assert np.sum(x**2) / 4000 * 1.5**2 + 0.3**2 == pytest.approx(q, rel=1e-12)
    h = mlp.sample(rng=1).forward(x)
    assert abs(np.mean(h**2) - q) < 5 * q * np.sqrt(2 / 300)


@kinds
@pytest.mark.parametrize(("activation", "sigma_w"), [("tanh", 0.8), ("relu", 0.8), ("relu", 2.0), ("linear", 0.5)])
def test_samples_and_law_share_the_default_input(kind, activation, sigma_w):
    # Where the fixed point is 0, or every signal is as good, too. Means of J J^T of 20 networks against the law's.
    mlp = MLP([200] * 4, activation, weights=kind, sigma_w=sigma_w)
    means = (singular_values(mlp, trials=20, rng=1) ** 2).mean(axis=1)
    expected = law(mlp).mean()
    assert abs(means.mean() - expected) < 5 * means.std() / np.sqrt(20) + 1e-12 * expected


@kinds
def test_trials_threads_and_executors(kind):
    mlp = MLP([30, 40, 20], "relu", weights=kind, sigma_w=1.4, sigma_b=0.1)
    s = singular_values(mlp, trials=10, rng=4, threads=1)
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(singular_values(mlp, trials=10, rng=4, threads=threads), s)
    np.testing.assert_array_equal(singular_values(mlp, trials=3, rng=4), s[:3])
    seen = []
    again = singular_values(mlp, trials=10, rng=4, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(again, s)
    assert seen[-1] == (10, 10)
    with ThreadPoolExecutor(2) as pool:
        np.testing.assert_array_equal(singular_values(mlp, trials=10, rng=4, executor=pool), s)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        np.testing.assert_array_equal(singular_values(mlp, trials=10, rng=4, executor=pool), s)


def test_one_input_a_trial():
    mlp = MLP([5, 6, 4], "tanh", sigma_w=1.4)
    x = np.random.default_rng(1).normal(size=(3, 5))
    s = singular_values(mlp, x, trials=3, rng=4)
    for i in range(3):
        np.testing.assert_array_equal(singular_values(mlp, x[i], trials=3, rng=4)[i], s[i])
    seen = singular_values(mlp, x, trials=3, rng=4, progress=lambda *_: None)
    np.testing.assert_array_equal(seen, s)


def test_own_activations():
    mlp = MLP([6, 6, 6], Activation(np.tanh, lambda h: 1 - np.tanh(h) ** 2, name="mine"), sigma_w=1.4)
    expected = singular_values(MLP([6, 6, 6], "tanh", sigma_w=1.4), np.ones(6), rng=1)
    # Slopes differ by some eps, values by some eps of the largest, 1.9, which is 230 times the smallest: 5e-14 for each
    # rounding of a slope, of which there are fewer than 20.
    np.testing.assert_allclose(singular_values(mlp, np.ones(6), rng=1), expected, rtol=1e-12)


def broken(h):
    if len(h) == 5:  # fine when it is made
        raise RuntimeError("no such luck")
    return h


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: singular_values("mlp"), TypeError, "mlp must be a deeprmt.networks.MLP, got str"),
        (lambda: singular_values(MLP([2, 2], "relu", sigma_w=1.0), trials=0), ValueError, "trials must be at least 1"),
        (
            lambda: singular_values(MLP([2, 2], "relu", sigma_w=1.0), np.ones(3)),
            ValueError,
            r"x must have shape \(2,\)",
        ),
        (lambda: singular_values(MLP([2, 2], "relu", sigma_w=1.0), [1, np.nan]), ValueError, "x must be finite"),
        (lambda: singular_values(MLP([2, 2], "relu", sigma_w=1.0), log="yes"), TypeError, "log must be True or False"),
        (lambda: singular_values(MLP([2, 2], "relu", sigma_w=1.0), output="x"), ValueError, "output must be one of"),
        (lambda: singular_values(MLP([5] * 500, "linear", sigma_w=1e3)), ValueError, "preactivation of layer 10"),
        (
            lambda: singular_values(MLP([5] * 9, Activation(broken, np.ones_like), sigma_w=1.0), trials=9),
            RuntimeError,
            "luck",
        ),
        (
            lambda: singular_values(
                MLP([5] * 9, Activation(lambda h: h[:2] if len(h) == 5 else h, np.ones_like), sigma_w=1.0), np.ones(5)
            ),
            ValueError,
            r"phi must return as many values \(5\)",
        ),
        (lambda: MLP([3], "relu", sigma_w=1.0), ValueError, "at least an input and an output"),
        (lambda: MLP([3, 0], "relu", sigma_w=1.0), ValueError, r"widths\[1\] must be at least 1, got 0"),
        (lambda: MLP(3, "relu", sigma_w=1.0), TypeError, "widths must be a sequence"),
        (lambda: MLP([3, 3], "relu", sigma_w=0.0), ValueError, "sigma_w must be finite and above 0, got 0.0"),
        (lambda: MLP([3, 3], "relu", sigma_w=1.0, sigma_b=-1), ValueError, "sigma_b must be finite and at least 0"),
        (lambda: MLP([3, 3], "rolu", sigma_w=1.0), ValueError, "rolu"),
        (lambda: MLP([3, 3], "relu", weights="haart", sigma_w=1.0), ValueError, "'gaussian', 'haar', got 'haart'"),
        (lambda: Network([]), ValueError, "at least one matrix"),
        (lambda: Network([np.ones((2, 3)), np.ones((2, 3))]), ValueError, r"weights\[1\] must have 2 columns"),
        (lambda: Network([np.ones(3)]), ValueError, r"weights\[0\] must be a matrix"),
        (
            lambda: Network([np.ones((2, 3))], [np.ones(3)]),
            ValueError,
            r"biases\[0\] must have shape \(2,\), got \(3,\)",
        ),
        (lambda: Network([[[np.inf]]]), ValueError, r"weights\[0\] must be finite"),
        (lambda: Network([np.eye(2)]).forward([1.0]), ValueError, r"forward: x must have shape \(..., 2\), got \(1,\)"),
    ],
)
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_weights_whose_square_underflows():
    for name in ("relu", "tanh"):
        s = singular_values(MLP([3] * 4, name, sigma_w=1e-200, sigma_b=0.5), rng=0)
        assert np.isfinite(s).all()


def test_overflow_is_called_that_and_no_thread_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="the preactivation of layer 2 overflows at sigma_w = 1e\\+200"):
            singular_values(MLP([30] * 4, "linear", sigma_w=1e200), trials=4, rng=0, threads=2)
        # Twice the largest input overflows inside the slope of tanh, on whatever thread.
        values = singular_values(
            MLP([30] * 3, "tanh", sigma_w=2e307), x=np.ones(30), trials=8, rng=0, log=True, threads=4
        )
    assert values.shape == (8, 30)


@pytest.mark.parametrize("widths", [[10**30] * 3, [4, 10**30, 4], [4, 4, 10**19]])
@pytest.mark.parametrize("surrogate", [False, True])
def test_widths_that_no_array_has_are_named(widths, surrogate):
    at = next(i for i, n in enumerate(widths) if n > 10**18)
    with pytest.raises(ValueError, match=rf"singular_values: mlp.widths\[{at}\] must be at most {10**18}, got 10+$"):
        singular_values(MLP(widths, "tanh", sigma_w=1.0), surrogate=surrogate)
