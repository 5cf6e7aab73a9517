"""Every law that was solved says what that took."""

import math
import pickle

import numpy as np
import pytest

from deeprmt import freeprob, jacobian, meanfield
from deeprmt.errors import ConvergenceError
from deeprmt.laws import Empirical, MarchenkoPastur, Mixture, Point, Semicircle
from deeprmt.laws._reports import Reported, together
from deeprmt.networks import MLP

x = np.array([0.3, 0.9, 1.4])
mlp = MLP([40] * 4, "hard_tanh", sigma_w=1.3, sigma_b=0.3)
solved = {
    "Jacobian": lambda: jacobian.law(mlp),
    "tangent kernel at one input": lambda: meanfield.one_sample_ntk_law(mlp),
    "kernel": lambda: meanfield.conjugate_kernel_law("tanh", 1.0, depth=2, inputs=MarchenkoPastur(0.5)),
}


@pytest.mark.parametrize("name", solved)
def test_points_are_counted(name):
    law = solved[name]()
    law.support()
    before = law.report
    density = law.pdf(x)
    assert law.report["points"] >= before["points"] + (density > 0).sum()
    assert law.report["failed"] == 0
    law.stieltjes(x + 1j)
    assert law.report["points"] >= before["points"] + (density > 0).sum() + 3
    points = law.report["points"]
    # Newton's method starts from the point before, or from afar; what is left is rounding of sums of a few terms.
    assert law.report["iterations"] > points // 2
    assert 0 < law.report["residual"] < 1e-13
    law.report["points"] = 0  # a copy
    assert law.report["points"] == points
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(law)).pdf(x), density)


def test_laws_of_laws_forward():
    total = freeprob.free_add(Semicircle(1.0), Empirical([-1.0, 1.0]))
    total.pdf(x)
    assert total.power(2).report == total.report == total.scale(2.0).report
    other = freeprob.free_multiply(MarchenkoPastur(0.5), Empirical([1.0, 3.0]))
    other.pdf(x)
    both = Mixture([(0.3, total), (0.3, other), (0.4, Point(2.0))]).report
    assert both["points"] == total.report.points + other.report.points
    assert both["residual"] == max(total.report.residual, other.report.residual) < 1e-12
    closed = Mixture([(0.5, Point(1.0)), (0.5, Semicircle())])
    for each in (closed, Semicircle().power(2)):
        assert not hasattr(each, "report")
    with pytest.raises(AttributeError, match="Mixture has no report: nothing was solved"):
        together([Semicircle()], "Mixture")


def test_polynomial_of_one_variable():
    a = freeprob.symbols("a")
    law = freeprob.law(a**3 - a, {a: Semicircle(1.0)})
    law.pdf(np.linspace(-3, 3, 7))
    report = law.report
    assert report["points"] >= 7
    assert report["iterations"] >= report["points"]
    assert report["residual"] < 1e-14  # of the far end, 6
    nested = freeprob.law(a**3 - a, {a: freeprob.free_add(Semicircle(1.0), Empirical([-1.0, 1.0]))})
    nested.pdf(0.5)
    assert nested.report["base"]["points"] > 0


def test_fixed_points():
    point = meanfield.fixed_point("tanh", 1.5, 0.3)
    assert point.report["iterations"] > 3
    assert point.report["residual"] < 1e-14
    # With another variance in its place, the report says by how much the map moves it.
    off = meanfield.FixedPoint(**{**vars(point), "q_star": 2 * point.q_star}).report["residual"]
    assert 0.05 < off < math.log(2)
    assert point.to_dict()["iterations"] == point.report["iterations"]
    assert meanfield.fixed_point("linear", 2.0).report["residual"] == 0  # at inf

    for critical in (
        meanfield.critical_point("tanh", sigma_b=0.3),
        meanfield.critical_point("tanh", slope_variance=0.2),
        meanfield.critical_point("erf", q_star=0.5),
        meanfield.critical_point("relu"),
    ):
        assert critical.report["residual"] < 1e-12
    assert meanfield.critical_point("tanh", sigma_b=0.3).report["iterations"] > 3
    assert meanfield.critical_point("erf", q_star=0.5).report["iterations"] == 0

    scales = meanfield.depth_scales("tanh", 2.0, 0.5)
    assert scales.report["residual"] < 1e-14
    assert scales.report["iterations"] > point.iterations // 2
    assert scales == meanfield.depth_scales("tanh", 2.0, 0.5)


class Unsolved(Reported):
    """A solver that fails at the points above 1."""

    def support(self):
        return [(0.0, 2.0)]

    def _pdf(self, x):
        above = x > 1
        report = {"failed": int(above.sum()), "residual": 1e-16, "iterations": x.size}
        self._check(report | {"first_failure": 1.5}, "x", x.size)
        return np.full(x.shape, 0.5)

    def _cdf(self, x):
        return x / 2


def test_points_that_fail_are_counted_once():
    law = Unsolved()
    np.testing.assert_array_equal(law.pdf([0.2, 0.5, 1.2, 0.7, 0.8]), [0.5, 0.5, np.nan, 0.5, 0.5])
    assert (law.report["points"], law.report["failed"]) == (5, 1)
    with pytest.raises(ConvergenceError, match=r"1 points did not converge, the first at x = 1\.5"):
        law.pdf(1.2)
    assert law.report["failed"] == 2


def test_a_mixture_of_nothing():
    with pytest.raises(ValueError, match="Mixture: parts must be at least one pair of a weight and a law, got none"):
        Mixture([])
