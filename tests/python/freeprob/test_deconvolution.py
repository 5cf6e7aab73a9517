import json
import math

import numpy as np
import pytest

from deeprmt.errors import ConvergenceError
from deeprmt.freeprob import free_add, free_divide, free_multiply, free_subtract
from deeprmt.laws import Discrete, Empirical, Law, MarchenkoPastur, Point, Semicircle

x = np.linspace(-1, 5, 13)
signal = Empirical([1.0, 1.0, 1.0, 4.0, 4.0])
cases = {
    "sum": (free_add, free_subtract, MarchenkoPastur(0.5), Semicircle(0.3)),
    "sum of atoms": (free_add, free_subtract, signal, MarchenkoPastur(0.1)),
    "product": (free_multiply, free_divide, signal, MarchenkoPastur(0.1)),
    "product with an atom at 0": (free_multiply, free_divide, Empirical([0.0, 1.0, 3.0]), MarchenkoPastur(0.2)),
}


@pytest.mark.parametrize("name", cases)
def test_what_was_put_in_comes_out(name):
    together, apart, a, b = cases[name]
    found = apart(together(a, b), b)
    z = x + 1j * found.height
    np.testing.assert_allclose(found.stieltjes(z), a.stieltjes(z), rtol=1e-11)
    np.testing.assert_allclose(found.stieltjes(np.conj(z)), np.conj(a.stieltjes(z)), rtol=1e-11)
    np.testing.assert_allclose(found.pdf(x), a.stieltjes(z).imag / math.pi, rtol=1e-10)
    np.testing.assert_array_equal(found.stderr(x), 0)
    # Sums of doubles that cancel: rounding of the moments of the total.
    for k in range(7):
        assert found.moment(k) == pytest.approx(a.moment(k), rel=1e-12)
    assert found.var() == pytest.approx(a.var(), rel=1e-12)
    assert found.report["points"] > 0
    assert found.report["residual"] < 1e-12


@pytest.mark.parametrize("name", cases)
def test_ten_thousand_values(name):
    """Independent values of the total, at fixed seed: five standard errors at each point."""
    together, apart, a, b = cases[name]
    found = apart(Empirical(together(a, b).rvs(10000, rng=5)), b)
    error = found.stderr(x)
    assert (error > 0).all()
    assert (np.abs(found.pdf(x) - a.stieltjes(x + 1j * found.height).imag / math.pi) <= 5 * error).all()


def test_below_the_proven_height():
    a, b = MarchenkoPastur(0.5), Semicircle(0.3)
    total = free_add(a, b)
    found = free_subtract(total, b, height=0.2)
    np.testing.assert_allclose(found.pdf(x), a.stieltjes(x + 0.2j).imag / math.pi, rtol=1e-10)
    with pytest.raises(ConvergenceError, match="beyond the real axis, which was reached near") as caught:
        free_subtract(total, b, height=0.05).pdf(1.0)
    assert caught.value.report["z"].imag == 0.05


other_roots = [
    (MarchenkoPastur(0.5), Empirical([1.0, 3.0]), 1.0, 0.8),  # where Newton's method from afar finds 0.1428
    (Semicircle(1.0), Empirical([-1.0, 1.0]), 1.0, 0.2),
    (Semicircle(1.0), Empirical([-1.0, 1.0]), 2.0, 0.0),
]


@pytest.mark.parametrize(("a", "b", "height", "at"), other_roots)
def test_the_root_that_goes_on(a, b, height, at):
    found = free_subtract(free_add(a, b), b, height=height)
    assert found.pdf(at) == pytest.approx(a.stieltjes(at + 1j * height).imag / math.pi, rel=1e-13)
    assert found.pdf([at, 3.0])[0] == pytest.approx(found.pdf(at), rel=1e-13)  # the other point takes other steps


def test_never_another_root():
    """At no height, down to what cannot be followed: errors stay within `accuracy`."""
    a, b = MarchenkoPastur(0.5), Empirical([1.0, 3.0])
    total, refused = free_add(a, b), 0
    for height in (1.0, 0.5, 0.1):
        for at in (0.1, 0.8):
            found = free_subtract(total, b, height=height)
            try:
                g = found.stieltjes(at + 1j * height)
            except ConvergenceError:
                refused += 1
                continue
            expected = complex(a.stieltjes(at + 1j * height))
            assert abs(g - expected) <= 2 * found.report["accuracy"] * abs(expected)
            assert found.report["accuracy"] < 1e-12
    assert refused >= 2  # the lowest height at least


def test_solutions_that_meet():
    b = Empirical([-1.0, 1.0])
    found = free_subtract(free_add(Semicircle(1.0), b), b, height=1.0)
    with pytest.raises(ConvergenceError, match=r"at z = 1j solutions meet near 1\.5"):
        found.pdf(0.0)


def test_a_total_with_a_cusp():
    """Its density goes like |x|^(1/3) at 0: cosines of an angle know it to five digits."""
    b = Empirical([-1.0, 1.0])
    for factor in (1.0, 3.0):
        total = free_add(Semicircle(1.0), b).scale(factor)
        found = free_subtract(total, b.scale(factor), height=3.0 * factor)
        expected = Semicircle(1.0).stieltjes(0.2 + 3j).imag / math.pi / factor
        assert found.pdf(0.2 * factor) == pytest.approx(expected, rel=2e-15 + 2 * found.report["accuracy"])
        assert 0 < found.report["accuracy"] < 1e-13


def test_accuracy_with_a_kink():
    """A density like sqrt |x| inside, which cosines of an angle resolve slowly: the accuracy that is stated holds."""

    class Kink(Law):
        def support(self):
            return [(-1.0, 1.0)]

        def _pdf(self, x):
            return 0.75 * np.sqrt(np.abs(x)) + 0 * x

        def _cdf(self, x):
            return 0.5 + 0.5 * np.sign(x) * np.abs(x) ** 1.5

    z, (t, weights) = 0.3 + 1j, np.polynomial.legendre.leggauss(60)
    t = (t + 1) / 2
    expected = weights @ (1.5 * z * t * t / (t**4 - z * z))  # with x = t^2 on both sides
    found = free_subtract(Kink(), Point(0.5), height=1.0)
    off = abs(found.stieltjes(z - 0.5) / expected - 1)
    assert off <= found.report["accuracy"]


def test_display():
    found = free_subtract(Empirical([0.0, 1.0, 4.0]), Semicircle(0.1), height=2.0)
    content = json.loads(json.dumps(found.to_dict()))
    assert content["var"] == float(found.var())
    assert set(content["report"]) == {"points", "iterations", "residual", "accuracy", "refused"}
    assert "Empirical" in found._repr_html_()
    pytest.importorskip("matplotlib").use("Agg")
    axes = found.plot()
    line = axes.lines[0]
    np.testing.assert_array_equal(line.get_ydata(), found.pdf(line.get_xdata()))
    assert len(axes.collections) == 1  # the band of a sample
    assert found.plot(axes) is axes


def test_what_is_not_finite():
    found = free_subtract(Semicircle(5.0), Semicircle(3.0))
    np.testing.assert_array_equal(found.pdf([np.nan, np.inf, -np.inf]), [np.nan, 0, 0])
    assert found.pdf([]).shape == (0,)
    assert found.stderr(np.zeros((2, 0))).shape == (2, 0)
    assert np.isnan(found.stieltjes([complex(np.nan, 1), 20j])).tolist() == [True, False]
    assert found.stieltjes(complex(np.inf, 1)) == 0
    assert found.stieltjes([]).shape == (0,)
    with pytest.raises(TypeError, match=r"free_subtract.stieltjes: z must be numbers, got 'a'"):
        found.stieltjes("a")


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e150])
def test_any_unit(scale):
    found = free_subtract(Semicircle(5.0).scale(scale), Semicircle(3.0).scale(scale))
    expected = free_subtract(Semicircle(5.0), Semicircle(3.0)).pdf(2.0)
    assert found.pdf(2.0 * scale) * scale == pytest.approx(expected, rel=1e-12)


def test_errors():
    mp = MarchenkoPastur(0.5)
    with pytest.raises(TypeError, match="free_subtract: total must be a Law, got 3"):
        free_subtract(3, mp)
    with pytest.raises(ValueError, match="free_subtract: part must not vary more than total"):
        free_subtract(Semicircle(0.1), mp)
    with pytest.raises(ValueError, match="free_divide: part must live on"):
        free_divide(mp, Semicircle())
    with pytest.raises(ValueError, match="free_divide: part must have a mean above 0"):
        free_divide(mp, Empirical([0.0]))
    with pytest.raises(ValueError, match="free_subtract: height must be finite and above 0"):
        free_subtract(mp, Semicircle(0.1), height=0.0)
    with pytest.raises(ValueError, match="z must be off the real axis"):
        free_subtract(mp, Semicircle(0.1)).stieltjes([1.0, 1j])


def test_scatter_is_the_standard_error():
    """Sixty samples at fixed seeds: the ratio of scatter and `stderr` is 1 to five times 1 / sqrt(2 * 59)."""
    part = MarchenkoPastur(0.1)
    total = free_multiply(Discrete([1.0, 4.0]), part)
    at = np.array([1.0, 2.0, 4.0])  # at 2 the gain turns the resolvent most
    found = [free_divide(Empirical(total.rvs(1000, rng=seed)), part, height=2.0) for seed in range(60)]
    scatter = np.std([each.pdf(at) for each in found], axis=0, ddof=1)
    error = np.mean([each.stderr(at) for each in found], axis=0)
    np.testing.assert_allclose(scatter / error, 1, rtol=0, atol=5 / math.sqrt(118))


def test_part_that_does_not_vary():
    """The total itself, moved or scaled: at the default height, a millionth of its spread, as on the axis."""
    total = MarchenkoPastur(0.1)
    # The density bends on a scale of 1: a height of 3e-7 adds as much.
    assert free_divide(total, Point(2.0)).pdf(0.5) == pytest.approx(2 * total.pdf(1.0), rel=1e-6)
    assert free_subtract(total, Point(2.0)).pdf(-1.0) == pytest.approx(total.pdf(1.0), rel=1e-6)
    assert free_subtract(Point(3.0), Point(2.0)).pdf(1.0) == pytest.approx(1 / (math.pi * 3e-6), rel=1e-6)
    assert free_subtract(Point(0.0), Point(0.0)).pdf(0.0) == pytest.approx(1 / (math.pi * 1e-6), rel=1e-12)


@pytest.mark.parametrize("height", [1e15, 1e30, 1e150, 1e300])
def test_far_above(height):
    for apart in (free_subtract, free_divide):
        for part in (Point(2.0), MarchenkoPastur(0.05)):
            found = apart(MarchenkoPastur(0.1), part, height=height)
            assert found.pdf(0.5) == pytest.approx(1 / (math.pi * height), rel=1e-12)
            assert found.pdf([0.5, 2 * height])[1] == pytest.approx(0.2 / (math.pi * height), rel=1e-12)
            mixed = found.stieltjes([2 + 1j, height * 1j])
            assert mixed[0] == pytest.approx(complex(found.stieltjes(2 + 1j)), rel=1e-13)
            assert mixed[1].imag * height == pytest.approx(1, rel=1e-12)
