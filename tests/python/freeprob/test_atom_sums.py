import math

import numpy as np
import pytest

from deeprmt import _core
from reference.freeprob import atom_sums as reference


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100])
def test_against_plain_sums(n):
    rng = np.random.default_rng(n)
    at, mass = rng.normal(size=n), rng.random(n)
    w = np.concatenate([rng.normal(size=20) + 1j * np.exp(rng.normal(-3, 4, size=20)), rng.normal(size=5) + 0j])
    g, slope = _core.freeprob.atom_sums(at, mass, w, 2)
    angles = _core.freeprob.atom_arguments(at, mass, w, 2)
    for k in range(w.size):
        expected = reference.atom_sums(at.tolist(), mass.tolist(), complex(w[k]))
        # n terms, each rounded a few times; no cancellation is worse than the sum of moduli.
        size = sum(abs(m / (w[k] - a)) for a, m in zip(at, mass, strict=True))
        size2 = sum(abs(m / (w[k] - a) ** 2) for a, m in zip(at, mass, strict=True))
        assert abs(g[k] - expected[0]) <= 1e-15 * (n + 8) * size
        assert abs(slope[k] - expected[1]) <= 1e-15 * (n + 8) * size2
        assert angles[k] == pytest.approx(reference.atom_arguments(at, mass, complex(w[k])), abs=1e-15 * (n + 8))


def test_angles_all_around():
    """One atom at 0: the kernel's own arctangent, in all its ranges, to two units of the last digit of pi."""
    t = np.linspace(0, math.pi, 10001)
    w = np.exp(1j * t)
    w.imag = np.maximum(w.imag, 0)
    got = _core.freeprob.atom_arguments(np.zeros(1), np.ones(1), w, 1)
    np.testing.assert_allclose(got, np.arctan2(w.imag, w.real), rtol=0, atol=9e-16)


def test_on_the_axis_an_atom_at_the_point_counts_as_below():
    w = np.array([0j, 1 + 0j, 2 + 0j])
    got = _core.freeprob.atom_arguments(np.array([0.0, 1.0]), np.array([0.25, 0.75]), w, 1)
    np.testing.assert_allclose(got, np.array([0.75, 0.0, 0.0]) * math.pi, rtol=0, atol=1e-15)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads):
    rng = np.random.default_rng(0)
    at, mass = rng.normal(size=2000), np.full(2000, 1 / 2000)
    w = rng.normal(size=4000) + 1j * rng.random(4000)
    for kernel in (_core.freeprob.atom_sums, _core.freeprob.atom_arguments):
        np.testing.assert_array_equal(kernel(at, mass, w, 1), kernel(at, mass, w, threads))


def test_shapes_are_checked():
    w = np.zeros(1, complex)
    for kernel in (_core.freeprob.atom_sums, _core.freeprob.atom_arguments):
        with pytest.raises(ValueError, match="equal lengths, got 2 and 1"):
            kernel(np.zeros(2), np.zeros(1), w, 1)
