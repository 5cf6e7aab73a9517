import itertools
import math

import numpy as np
import pytest
from scipy.special import kolmogorov
from scipy.stats import kstwo

from deeprmt.tails._ks import ks_sf


@pytest.mark.parametrize(
    ("n", "t", "expected"),
    [
        (141, 0.8, 0.5221594916644758),
        (141, 1.2, 0.10471364352964042),
        (400, 0.8, 0.5308902737461528),
        (400, 1.9, 0.0013591884251773275),
    ],
)
def test_sixty_digits(n, t, expected):
    """The matrix power in mpmath's arithmetic. Ours loses digits of numbers about 1."""
    assert ks_sf(t / np.sqrt(n), n) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 37, 140])
def test_the_exact_law(n):
    """SciPy's is exact up to n = 140, from there on an expansion that is off by up to 2e-6."""
    distances = np.concatenate([np.linspace(0.001, 0.999, 40), np.sqrt(np.linspace(0.05, 6, 40) / n)])
    for distance in distances[distances < 1]:
        # Powers of matrices lose digits of numbers about 1.
        assert ks_sf(distance, n) == pytest.approx(kstwo.sf(distance, n), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("n", [141, 500, 5000])
def test_large_samples(n):
    for t in (0.4, 0.8, 1.2, 1.9, 2.1):
        distance = t / math.sqrt(n)
        assert ks_sf(distance, n) == pytest.approx(kstwo.sf(distance, n), abs=3e-6)
        # The correction of the limit by 1 / (6 sqrt(n)) leaves terms of 1 / n.
        assert ks_sf(distance, n) == pytest.approx(kolmogorov(t + 1 / (6 * math.sqrt(n))), abs=1 / n)


def test_two_values_by_hand():
    """P(D < d) for n = 2 is the area of the square where both lie within d of the steps."""
    distance, grid = 0.4, (np.arange(2000) + 0.5) / 2000
    below = 0
    for a, b in itertools.product((0, 1), repeat=2):  # quarters of the grid, to save memory
        x, y = np.meshgrid(grid[a::2], grid[b::2])
        low, high = np.minimum(x, y), np.maximum(x, y)
        far = np.maximum.reduce([low, np.abs(0.5 - low), np.abs(high - 0.5), 1 - high])
        below += np.count_nonzero(far < distance)
    assert 1 - ks_sf(distance, 2) == pytest.approx(below / 2000**2, abs=3e-3)  # cells on the border


def test_ends():
    assert ks_sf(0.0, 10) == ks_sf(0.05, 10) == 1
    assert ks_sf(1.0, 10) == ks_sf(2.0, 10) == 0
    values = [ks_sf(d, 50) for d in np.linspace(0, 1, 201)]
    assert (np.diff(values) <= 1e-12).all()
