import numpy as np
import pytest

from deeprmt import _core
from reference.linalg import chebyshev as reference


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inner_products_are_moments(dtype):
    # n is more than one piece of 4096 and no multiple of 8; a diagonal matrix has weights x_i^2.
    n, steps, low, high = 4101, 6, -0.5, 2.0
    rng = np.random.default_rng(1)
    values = rng.uniform(low, high, n).astype(dtype)
    x = rng.normal(size=(2, n)).astype(dtype)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    current, previous, found = x.copy(), np.full_like(x, np.nan), [np.ones(2)]
    for j in range(steps):
        w = values * current
        cross, square = _core.linalg.chebyshev_step(
            w, current, previous, (low + high) / 2, (high - low) / 2, 2 if j else 1, 1 + j % 3
        )
        current, previous = previous, current
        found += [cross if j == 0 else 2 * cross - found[1], 2 * square - 1]
    for i in range(2):
        expected = reference.moments(values.tolist(), (x[i].astype(float) ** 2).tolist(), 2 * steps + 1, low, high)
        # Errors of the recurrence grow like k eps for each entry; |x| = 1 to eps.
        np.testing.assert_allclose(np.array(found)[:, i], expected, rtol=0, atol=100 * np.finfo(dtype).eps)


def test_threads_do_not_change_a_bit():
    rng = np.random.default_rng(1)
    w, current, previous = rng.normal(size=(3, 5, 150000))  # enough work to wake threads
    results = []
    for threads in (1, 2, 5):
        out = previous.copy()
        results.append((*_core.linalg.chebyshev_step(w, current, out, 0.1, 2.0, 2, threads), out))
    for each in results[1:]:
        for a, b in zip(each, results[0], strict=True):
            np.testing.assert_array_equal(a, b)


def test_refuses():
    x = np.zeros((1, 3))
    with pytest.raises(ValueError, match="half must be positive, got 0"):
        _core.linalg.chebyshev_step(x, x, x.copy(), 0.0, 0.0, 1, 1)
    with pytest.raises(ValueError, match="previous must have shape"):
        _core.linalg.chebyshev_step(x, x, np.zeros((1, 4)), 0.0, 1.0, 1, 1)
    with pytest.raises(ValueError, match="chebyshev_step: previous must not overlap current"):
        _core.linalg.chebyshev_step(x.copy(), x, x, 0.0, 1.0, 1, 1)
