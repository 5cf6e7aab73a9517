"""Heavy-tailed weights: light tails give the Gaussian law, heavy ones do not."""

import numpy as np
import pytest

from deeprmt import nonlinear
from deeprmt.activations import Activation
from deeprmt.nonlinear import heavy_tailed_kernel


def test_light_tails_are_gaussian_ones():
    found = heavy_tailed_kernel(300, 300, 300, tail_index=30.0, activation="tanh", rng=0)
    f = nonlinear.constants("tanh")
    law = nonlinear.gram_law(f.eta, f.zeta, 1.0, 1.0)
    # One sample of 300: linear statistics fluctuate by 1 / n, the distribution by some log n / n.
    assert law.ks_distance(found.eigenvalues) < 0.03
    assert law.ks_distance(found.gaussian) < 0.03


def test_heavy_tails_are_not():
    heavy = heavy_tailed_kernel(300, 300, 300, tail_index=0.8, activation="tanh", rng=0)
    f = nonlinear.constants("tanh")
    law = nonlinear.gram_law(f.eta, f.zeta, 1.0, 1.0)
    # Twice what light tails may have.
    assert law.ks_distance(heavy.eigenvalues) > 0.06
    assert heavy.eigenvalues[0] > 1.5 * heavy.gaussian[0]
    assert heavy.participation < np.sum(heavy.gaussian) ** 2 / np.sum(heavy.gaussian**2) / 300


def test_shapes_seeds_and_threads():
    a = heavy_tailed_kernel(20, 30, 50, rng=3)
    b = heavy_tailed_kernel(20, 30, 50, rng=3, threads=3)
    assert a.eigenvalues.shape == (20,)
    np.testing.assert_array_equal(a.eigenvalues, b.eigenvalues)
    assert heavy_tailed_kernel(50, 30, 20, rng=3).eigenvalues.shape == (20,)
    assert "tail index 1.5" in repr(a)
    assert len(a.to_dict()["gaussian"]) == 20


def test_refuses():
    cube = Activation(lambda h: h**3, lambda h: 3 * h**2, name="cube", kinks=())
    with pytest.raises(ValueError, match="must be finite and below"):
        heavy_tailed_kernel(60, 60, 60, tail_index=0.06, activation=cube, rng=0)
    with pytest.raises(ValueError, match="n1 must be at least 1"):
        heavy_tailed_kernel(0, 1, 1)
    with pytest.raises(ValueError, match=r"heavy_tailed_kernel: tail_index must be finite and at least 0\.06"):
        heavy_tailed_kernel(1, 1, 1, tail_index=0.0)
    with pytest.raises(TypeError, match="center must be True or False, got 'no'"):
        heavy_tailed_kernel(1, 1, 1, center="no")


def test_sizes_and_seeds_are_refused_by_name():
    with pytest.raises(ValueError, match="heavy_tailed_kernel: m must be at most"):
        heavy_tailed_kernel(3, 3, 10**400)
    with pytest.raises(ValueError, match="heavy_tailed_kernel: rng must be"):
        heavy_tailed_kernel(3, 3, 3, rng=-1)
