"""Independent Gaussian weights by functional equations that know no S-transform give the same laws."""

import math

import numpy as np
import pytest

from deeprmt import _core
from deeprmt.jacobian import law
from deeprmt.meanfield._squared_slopes import squared_slopes
from deeprmt.networks import MLP
from reference.jacobian import functional_equations as reference


def test_one_layer_between_two_atoms():
    """R = (delta_1 + delta_3) / 2 and slopes 1 with probability erf 1: f, k, h at z = -1 to the digits printed."""
    layer = reference.Layer(reference.Measure([1, 3], [0.5, 0.5]), [0.0, 1.0], [math.erfc(1), math.erf(1)])
    f, h, k = layer.solve(-1.0)
    assert f.real == pytest.approx(0.574740976250937, abs=1e-14)
    assert k.real == pytest.approx(0.417441769201, abs=1e-12)
    assert h.real == pytest.approx(1.01872657488, abs=1e-11)
    # The same by S-transforms: R itself as squared slopes.
    d, weights = np.ones((1, 16)), np.zeros((1, 16))
    d[0, 1], weights[0, :2] = 3, 0.5
    two = _core.freeprob.SquaredSlopes(d, weights, np.array([[1.0, 3.0]]), 1)
    p = math.erf(1)
    steps = [("slopes", two, 1.0, 1.0), ("pole", 1.0, 1.0), ("scale", math.log(p)), ("pole", 1 / p, 1.0)]
    solver = _core.freeprob.ExplicitLaw([*steps, ("pole", 1.0, -1.0)], [(0.0, math.erfc(1))], False)
    g, report = solver.resolvent([-1.0 + 0j], 1)
    assert report["failed"] == 0
    assert -g[0].real == pytest.approx(0.574740976250937, abs=1e-14)


@pytest.mark.parametrize("name", ["relu", "hard_tanh", "tanh"])
def test_layers_that_differ(name):
    mlp = MLP([9] * 3, name, sigma_w=1.5, sigma_b=0.3)
    mu = law(mlp, q0=3.0, output="activation")
    slopes = []
    for q in mu.q:
        panels = squared_slopes(mlp.activation, q).panels()
        level = len(panels.d) // (2**panels.levels - 1)
        slopes.append((panels.d[:level].ravel(), panels.weights[:level].ravel()))
    same = reference.jacobian(slopes, mlp.sigma_w)
    for z in (-0.3 + 0j, 1 + 1j):
        # The reference stops at steps of 1e-14, twice nested at a rate of 1/2 or so.
        assert mu.stieltjes(z) == pytest.approx(same.stieltjes(z), rel=1e-11)
