import numpy as np
import pytest

from deeprmt import _core
from reference.tails import double_bootstrap as reference


def indices(key, part, resamples, size, n):
    """The draws of the kernel, from the uniform numbers of its stream."""
    rows = []
    for i in range(resamples):
        u = np.empty(size)
        _core.random.uniforms(key, i, part, 0, u)
        rows.append((u * n).astype(int))
    return rows


@pytest.mark.parametrize(("n", "size", "resamples"), [(2, 2, 3), (50, 20, 1), (60, 60, 40)])
def test_matches_the_definition(n, size, resamples):
    depth = np.sort(np.random.default_rng(1).exponential(size=n))
    depth -= depth[0]
    found = _core.tails.bootstrap_criterion(depth, size, resamples, 7, 3, 1)
    expected = reference.criterion(depth, indices(7, 3, resamples, size, n))
    # M2 - 2 M1^2 of numbers near 1 cancels to about eps, whose square is far below the mean.
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-28)


def test_threads_do_not_matter():
    depth = np.sort(np.random.default_rng(2).exponential(size=3000))
    one = _core.tails.bootstrap_criterion(depth, 1500, 200, 1, 0, 1)
    np.testing.assert_array_equal(_core.tails.bootstrap_criterion(depth, 1500, 200, 1, 0, 3), one)
    assert not np.array_equal(_core.tails.bootstrap_criterion(depth, 1500, 200, 1, 1, 1), one)


def test_exponential_depths_have_the_known_mean():
    """E (M2 - 2 M1^2)^2 = 4/k + O(1/k^2): Var M2 = 20/k, Var 2 M1^2 = 16/k, their covariance 16/k."""
    depth = -np.log((np.arange(200_000, 0, -1) - 0.5) / 200_000)
    depth = np.sort(depth.max() - depth)
    found = _core.tails.bootstrap_criterion(depth, 4000, 400, 1, 0, 2)
    # Of 400 resamples a mean of squares has the relative deviation sqrt(2 / 400), five of them; 1/k more for the bias.
    assert abs(found[999] * 1000 / 4 - 1) < 5 * np.sqrt(2 / 400) + 0.02


@pytest.mark.parametrize(
    ("depth", "size", "resamples", "says"),
    [([0.0], 2, 1, "number of values"), ([0.0, 1.0], 3, 1, "size must be in"), ([0.0, 1.0], 2, 0, "resamples")],
)
def test_refuses(depth, size, resamples, says):
    with pytest.raises(ValueError, match=f"bootstrap_criterion: .*{says}"):
        _core.tails.bootstrap_criterion(np.array(depth), size, resamples, 1, 0, 1)
