import math

import numpy as np
import pytest
from scipy import special

from deeprmt import _core
from deeprmt.activations import as_activation
from deeprmt.meanfield._squared_slopes import squared_slopes
from reference.freeprob import squared_slopes as reference


def core(name, q):
    panels = squared_slopes(as_activation("test", name), q).panels()
    return _core.freeprob.SquaredSlopes(panels.d, panels.weights, panels.ranges, panels.levels), panels


@pytest.mark.parametrize("name", ["tanh", "erf_unit", "gelu", "leaky_relu", "hard_tanh"])
@pytest.mark.parametrize("omega", [0.5 + 1.0j, -0.3 + 0.2j, 3 + 0.5j, 0.9 + 0.8j])
def test_matches_a_plain_sum_away_from_the_axis(name, omega):
    law, panels = core(name, 0.7)
    finest = len(panels.d) - len(panels.d) // (2**panels.levels - 1) * 2 ** (panels.levels - 1)
    exact = reference.moments(panels.d[finest:], panels.weights[finest:], omega)
    np.testing.assert_allclose(law.moments(omega), exact, rtol=3e-13)


def test_close_to_the_axis_as_far_from_it():
    """erf_unit has E d^k = (1 + pi k q)^(-1/2), so that M is a sum; near the axis the density stands beside it."""
    q = 0.5
    law, _ = core("erf_unit", q)
    k = np.arange(1, 400)
    for omega in (1.3 + 0.0j, 1.3 + 1e-9j, -1.5 + 0.1j):
        exact = np.sum((1 + math.pi * k * q) ** -0.5 * omega ** -k.astype(float))
        assert law.moments(omega)[0] == pytest.approx(exact, rel=1e-12)
    for x in (0.1, 0.5, 0.9):
        h = math.sqrt(-2 * math.log(x) / math.pi)
        density = 2 * math.exp(-h * h / (2 * q)) / math.sqrt(2 * math.pi * q) / (math.pi * h * x)
        found = law.moments(complex(x, 1e-7))
        assert -found[0].imag == pytest.approx(math.pi * density * x, rel=1e-6)  # off by a few heights
        # E arg(omega - d) is pi P(d > x) on the axis.
        assert found[3] == pytest.approx(math.pi * (1 - special.erfc(h / math.sqrt(2 * q))), abs=1e-6)


def test_one_value_beside_zero_is_exact():
    law, panels = core("hard_tanh", 0.5)
    p = math.erf(1.0)
    for omega in (1e-200j, 0.3 + 1e-12j, 1 + 1e-14j, -1e-18 + 0j):
        y, one_plus_y, slope, _ = law.moments(omega)
        assert y == pytest.approx(p / (omega - 1), rel=1e-15)
        assert one_plus_y == pytest.approx(1 + p / (omega - 1), rel=1e-14)
        assert slope == pytest.approx(-p / (omega - 1) ** 2, rel=1e-15)
    assert panels.levels == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"d": np.full((1, 16), np.nan)}, "must be finite, found nan"),
        ({"levels": 2}, "do not make 2 levels"),
        ({"levels": 0}, "levels must be at least 1"),
        ({"weights": np.full((1, 16), -1.0)}, "weights must be at least 0"),
        ({"d": -np.ones((1, 16))}, "squared slopes must be at least 0"),
        ({"ranges": np.zeros((1, 2))}, "all slopes are 0"),
    ],
)
def test_refuses(change, says):
    given = {"d": np.ones((1, 16)), "weights": np.full((1, 16), 1 / 16), "ranges": np.ones((1, 2)), "levels": 1}
    with pytest.raises(ValueError, match=says):
        _core.freeprob.SquaredSlopes(**(given | change))
    with pytest.raises(ValueError, match="must not lie below the real axis"):
        core("tanh", 1.0)[0].moments(1 - 1j)


@pytest.mark.parametrize(("name", "q"), [("tanh", 0.5), ("gelu", 2.0), ("tanh", 1e-6)])
def test_series_give_the_same_moments(name, q):
    """At both ends, near the law and far off, on the axis and above."""
    panels = squared_slopes(as_activation("test", name), q).panels()
    plain, series = (
        _core.freeprob.SquaredSlopes(panels.d, panels.weights, panels.ranges, panels.levels) for _ in range(2)
    )
    series.keep_series()
    top, bottom = panels.ranges.max(), panels.ranges.min()
    rng = np.random.default_rng(5)
    size = (top - bottom) * 10 ** rng.uniform(-1, 3, 300)
    omega = rng.choice([bottom, top], 300) + size * np.exp(1j * np.pi * rng.uniform(0, 1, 300))
    omega = np.concatenate([omega, bottom - size[:50], top + size[:50]])
    for each in omega:
        want, got = plain.moments(complex(each)), series.moments(complex(each))
        # 25 terms fall by 4.6 each, to 3e-17; a panel of 16 nodes that is not halved errs by 2.6^-32 = 4e-14.
        np.testing.assert_allclose(got[0], want[0], rtol=1e-12)
        np.testing.assert_allclose(got[1], want[1], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(got[2], want[2], rtol=1e-10)  # a double pole: Newton's method needs no more
        assert series.moments(complex(each)) == got  # from a cell made before
