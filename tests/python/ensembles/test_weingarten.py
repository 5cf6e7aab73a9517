"""Moments of entries of Haar matrices, up to degree 8, against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from deeprmt.ensembles import haar
from reference.ensembles import weingarten

trials = 40_000
methods = pytest.mark.parametrize("method", ["householder", "qr"])
a, b, c, d = (0, 0), (0, 1), (1, 0), (1, 1)  # the entries of the leading 2 x 2 block
z = (-1, -1)  # the last entry, of the last reflector
REAL = (
    (a,), (a, a), (a, b), (a, d), (a, a, a), (a, b, c), (z, z),
    (a, a, a, a), (a, a, b, b), (a, a, d, d), (a, b, c, d), (a, a, a, d), (z, z, z, z), (a, a, z, z),
    (a,) * 6, (a, a, d, d, z, z), (a, a, a, b, c, d), (a,) * 8, (a, a, b, b, c, c, d, d), (a, b, c, d, a, b, c, d),
    (a, a, a, a, d, d, d, d), (a, a, a, b, c, d, d, d),
)  # fmt: skip
COMPLEX = (
    ((a,), ()), ((a, a), ()), ((a, d), ()), ((a,), (a,)), ((a,), (d,)), ((z,), (z,)), ((a, a), (a, a)),
    ((a, b), (a, b)), ((a, d), (a, d)), ((a, d), (b, c)), ((z, z), (z, z)), ((a, z), (a, z)), ((a,) * 3, (a,) * 3),
    ((a, d, z), (a, d, z)), ((a, a, d), (a, b, c)), ((a,) * 4, (a,) * 4), ((a, b, c, d),) * 2,
    ((a, a, d, d), (b, b, c, c)),
)  # fmt: skip


def wrapped(indices, n):
    return tuple((i % n, j % n) for i, j in indices)


def product(q, indices):
    return np.prod([q[:, i, j] for i, j in indices], axis=0) if indices else np.ones(len(q))


@pytest.mark.parametrize("n", [2, 3, 7])
def test_the_reference_knows_the_closed_forms(n):
    real, pair = weingarten.orthogonal, weingarten.unitary
    assert real(n, (a, a)) == Fraction(1, n)
    assert real(n, (a,) * 4) == Fraction(3, n * (n + 2))
    assert real(n, (a, a, b, b)) == Fraction(1, n * (n + 2))
    assert real(n, (a, a, d, d)) == Fraction(n + 1, n * (n - 1) * (n + 2))
    assert real(n, (a, b, c, d)) == Fraction(-1, n * (n - 1) * (n + 2))
    assert pair(n, (a, a), (a, a)) == Fraction(2, n * (n + 1))
    assert pair(n, (a, d), (a, d)) == Fraction(1, n**2 - 1)
    assert pair(n, (a, d), (b, c)) == Fraction(-1, n * (n**2 - 1))
    if n > 3:  # an entry squared is Beta(1/2, (n-1)/2), its modulus squared Beta(1, n-1)
        assert real(n, (a,) * 8) == Fraction(105, n * (n + 2) * (n + 4) * (n + 6))
        assert pair(n, (a,) * 4, (a,) * 4) == Fraction(24, n * (n + 1) * (n + 2) * (n + 3))


def turns(q, fixed):
    """The matrices, and as many turned by a fixed one from either side or both: all have the same law."""
    yield q
    yield fixed @ q
    yield q @ fixed
    yield np.conj(np.swapaxes(q, 1, 2)) @ fixed


@methods
@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_moments_of_orthogonal_matrices(n, method):
    for q in turns(haar(n, size=trials, method=method, rng=n), haar(n, rng=100)):
        for indices in (wrapped(each, n) for each in REAL if len(each) <= 2 * n):
            values = product(q, indices)
            error = values.mean() - float(weingarten.orthogonal(n, indices))
            assert abs(error) < 5 * values.std() / np.sqrt(trials), indices


@methods
@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_moments_of_unitary_matrices(n, method):
    for u in turns(haar(n, size=trials, field="complex", method=method, rng=n), haar(n, field="complex", rng=100)):
        for indices, conjugated in COMPLEX:
            if max(len(indices), len(conjugated)) <= n:
                left, right = wrapped(indices, n), wrapped(conjugated, n)
                values = product(u, left) * np.conj(product(u, right))
                error = values.mean() - float(weingarten.unitary(n, left, right))
                assert abs(error.real) < 5 * values.real.std() / np.sqrt(trials), (indices, conjugated)
                # Where the product is real to rounding, so is its mean.
                assert abs(error.imag) < 5 * values.imag.std() / np.sqrt(trials) + 1e-15, (indices, conjugated)


@methods
@pytest.mark.parametrize("n", range(1, 7))
def test_both_determinants_are_equally_likely(n, method):
    positive = np.count_nonzero(np.linalg.det(haar(n, size=trials, method=method, rng=n + 10)) > 0)
    assert abs(positive - trials / 2) < 5 * np.sqrt(trials) / 2
