"""The solver of nested kernels against the recursion it comes from, and against closed forms."""

import numpy as np
import pytest

from deeprmt import _core
from reference.meanfield import nested_kernels as reference

NestedKernels = _core.meanfield.NestedKernels


def solver(gammas, b2, law, q, shift=0.0):
    layers = [(gamma, 1 - b2, b2, weight) for gamma, weight in zip(gammas, q[1:], strict=True)]
    return NestedKernels(*(np.array(each, dtype=float) for each in law), q[0], shift, layers)


law = ([0.2, 1.0, 2.5], [0.5, 0.3, 0.2])


@pytest.mark.parametrize(
    ("gammas", "b2", "q", "shift"),
    [
        ([0.7], 0.8, [0.0, 1.0], 0.0),
        ([0.7], 0.8, [0.8, 1.0], 0.3),
        ([1.0, 2.0], 0.6, [0.0, 0.0, 1.0], 0.0),
        ([1.0, 0.3], 0.6, [0.36, 0.6, 1.0], 0.9),
        ([3.0, 0.3], 1e-9, [0.0, 0.0, 1.0], 0.9),
    ],
)
def test_matches_the_reference(gammas, b2, q, shift):
    z = [1 + 1j, 0.3 + 0.7j, 4 + 1j, -2 + 1.5j]
    found, report = solver(gammas, b2, law, q, shift).stieltjes(z, 1)
    truth = [reference.stieltjes(each, gammas, b2, law, q, shift) for each in z]
    assert report["failed"] == 0
    # The reference stops at steps of 1e-13, from which its inner levels add up.
    np.testing.assert_allclose(found, truth, rtol=1e-11)


def test_one_layer_on_orthonormal_inputs_is_marchenko_pastur():
    from deeprmt.laws import MarchenkoPastur

    for gamma in (0.1, 0.9, 4.0):
        law = MarchenkoPastur(gamma)
        low, high = law.support()[0]
        x = low + (high - low) * np.linspace(0.001, 0.999, 50)
        density, cdf, report = solver([gamma], 0.3, ([1.0], [1.0]), [0.0, 1.0]).evaluate(x, 1)
        assert report["failed"] == 0
        # A double root of the equations at the edges: rounding over sqrt(0.001).
        np.testing.assert_allclose(density, law.pdf(x), rtol=1e-12)
        np.testing.assert_allclose(cdf, law.cdf(x), rtol=0, atol=1e-12)


def test_distribution_is_the_integral_of_the_density():
    kernel = solver([0.5, 0.4, 0.3], 0.7, law, [0.343, 0.49, 0.7, 1.0], 0.5)
    x = np.linspace(2.0, 6.0, 801)
    density, cdf, _ = kernel.evaluate(x, 1)
    inside = density.min() > 0
    assert inside
    # Simpson's rule on a smooth density: errors of h^4 / 180 times a fourth derivative of order 10.
    h = x[1] - x[0]
    integral = h / 3 * (density[0] + 4 * density[1:-1:2].sum() + 2 * density[2:-1:2].sum() + density[-1])
    assert abs(cdf[-1] - cdf[0] - integral) < 1e-10


def test_threads_do_not_change_a_bit():
    kernel = solver([1.0, 1.0, 1.0], 0.9, law, [0.729, 0.81, 0.9, 1.0], 0.5)
    x = np.linspace(0.1, 30, 500)
    one, two = kernel.evaluate(x, 1), kernel.evaluate(x, 3)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_many_layers_and_many_values():
    values = np.linspace(0.2, 1.8, 999)
    kernel = solver([0.2] * 20, 0.95, (values, np.full(999, 1 / 999)), [0.95 ** (20 - k) for k in range(21)], 2.0)
    x = np.linspace(1, 40, 60)
    density, cdf, report = kernel.evaluate(x, 1)
    assert report["failed"] == 0
    assert (np.diff(cdf) >= -1e-13).all()
    assert cdf[-1] - cdf[0] == pytest.approx(np.trapezoid(density, x), abs=2e-2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((([1.0], [0.5]), [0.0, 1.0]), "sum 1"),
        ((([-1.0], [1.0]), [0.0, 1.0]), "at least 0"),
        ((([1.0], [1.0]), [1.0, 0.0]), "last layer"),
        ((([0.0], [1.0]), [1.0, np.inf]), "gamma must be positive"),
    ],
)
def test_refuses(arguments, says):
    with pytest.raises(ValueError, match=says):
        solver([1.0], 0.5, *arguments)
