"""Eigenvalues of Haar matrices against the exact laws at finite size: density, gaps, spacings, traces of powers."""

from itertools import pairwise

import numpy as np
import pytest

from deeprmt.ensembles import haar
from reference.ensembles import eigenangles as reference

methods = pytest.mark.parametrize("method", ["householder", "qr"])


def close(values, expected):
    """Five standard deviations of the mean over matrices, which are independent; rounding where all values agree."""
    values = np.asarray(values, float)
    assert abs(values.mean() - expected) < 5 * values.std() / np.sqrt(len(values)) + 1e-9


def angles_of_pairs(q, determinant):
    """(count, pairs) angles in (0, pi), without the eigenvalues that are 1 or -1 whatever the matrix."""
    n = q.shape[-1]
    angles = np.sort(np.abs(np.angle(np.linalg.eigvals(q))), axis=1)
    if n % 2:
        return angles[:, 1::2] if determinant > 0 else angles[:, :-1:2]
    return angles[:, ::2] if determinant > 0 else angles[:, 1:-1:2]


@methods
@pytest.mark.parametrize("n", [2, 3, 6, 7])
@pytest.mark.parametrize("determinant", [1, -1])
def test_orthogonal_density_and_gaps(n, determinant, method):
    q = haar(n, size=8_000, method=method, rng=n)
    q = q[np.linalg.det(q) * determinant > 0]
    angles = angles_of_pairs(q, determinant)
    phi = reference.functions(n, determinant)
    assert angles.shape[1] == len(phi(np.zeros(1)))
    if angles.shape[1] == 0:  # reflections of the plane: 1 and -1
        return
    edges = np.linspace(0, np.pi, 9)
    for low, high in pairwise(edges):
        close(np.sum((angles > low) & (angles <= high), axis=1), reference.expected_count(phi, low, high))
    for low, high in ((0, 0.3), (0, 1), (1, 2), (np.pi - 0.5, np.pi)):
        close(~np.any((angles > low) & (angles <= high), axis=1), reference.gap(phi, low, high))


@methods
def test_orthogonal_traces_of_powers(method):
    # E tr Q^k = 1 for even k < n, 0 for odd k.
    n = 8
    q = haar(n, size=20_000, method=method, rng=1)
    power = np.eye(n)
    for k in range(1, n):
        power = power @ q
        close(np.trace(power, axis1=1, axis2=2), 1 - k % 2)


@methods
@pytest.mark.parametrize("n", [2, 5, 12])
def test_unitary_density_spacings_and_traces(n, method):
    u = haar(n, size=8_000, field="complex", method=method, rng=n)
    values = np.linalg.eigvals(u)
    np.testing.assert_allclose(np.abs(values), 1, rtol=0, atol=1e-12)
    angles = np.sort(np.angle(values), axis=1)
    edges = np.linspace(-np.pi, np.pi, 7)
    for low, high in pairwise(edges):
        count = np.sum((angles > low) & (angles <= high), axis=1)
        close(count, n / 6)
        close((count - n / 6) ** 2, reference.unitary_count_variance(n, high - low))
        close(count == 0, reference.unitary_gap(n, high - low))
    spacings = np.diff(angles, axis=1, append=angles[:, :1] + 2 * np.pi)
    for s in (0.2, 0.6, 1.0, 1.5, 2.0):
        length = s * 2 * np.pi / n
        if length < 2 * np.pi:
            close(np.mean(spacings > length, axis=1), reference.unitary_spacing_above(n, length))
    for k in range(1, 2 * n):  # Diaconis & Shahshahani (1994)
        trace = np.sum(values**k, axis=1)
        close(np.abs(trace) ** 2, min(k, n))
        close(trace.real, 0)
        close(trace.imag, 0)


@pytest.mark.parametrize("field", ["real", "complex"])
def test_large_matrices(field):
    # One matrix of several blocks: traces of powers of U(n) are independent normals of variance k, exponentially close
    # (Johansson, 1997); of O(n) they are N([k even], k).
    q = haar(260, field=field, rng=2)
    values = np.linalg.eigvals(q)
    for k in range(1, 9):
        mean, variance = ((1 - k % 2), k) if field == "real" else (0, k / 2)
        trace = np.sum(values**k)
        assert abs(trace.real - mean) < 5 * np.sqrt(variance)
        assert abs(trace.imag) < (1e-8 if field == "real" else 5 * np.sqrt(variance))
