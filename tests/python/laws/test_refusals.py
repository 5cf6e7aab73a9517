"""What laws refuse, and how they say so."""

import numpy as np
import pytest

from deeprmt.errors import ConvergenceError
from deeprmt.laws import (
    Bernoulli,
    BerryRobnik,
    Beta,
    Brody,
    Circular,
    Discrete,
    ErfSlope,
    Exponential,
    FussCatalan,
    Gamma,
    KestenMcKay,
    Law,
    MarchenkoPastur,
    Mixture,
    Point,
    Poisson,
    QuarterCircle,
    Semicircle,
    TanhSlope,
    Wachter,
)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Wachter(0.0, 1.0),
        lambda: Wachter(2.0, 2.0),
        lambda: Wachter(np.nan, 1.0),
        lambda: Wachter(1e-13, 1.0),
        lambda: FussCatalan(0),
        lambda: FussCatalan(1e4),
        lambda: KestenMcKay(1.0),
        lambda: KestenMcKay(np.inf),
        lambda: QuarterCircle(-1.0),
        lambda: QuarterCircle(1e200),
        lambda: Circular(0.0),
        lambda: Circular(1.0, part="imaginary"),
        lambda: Point(np.nan),
        lambda: Bernoulli(1.5),
        lambda: Bernoulli(-0.1),
        lambda: Discrete([]),
        lambda: Discrete([1.0, 2.0], [0.5]),
        lambda: Discrete([1.0, 2.0], [0.6, 0.6]),
        lambda: Discrete([1.0, 2.0], [-0.5, 1.5]),
        lambda: Discrete([1.0, np.inf]),
        lambda: Gamma(0.0),
        lambda: Gamma(1.0, -1.0),
        lambda: Exponential(0.0),
        lambda: Beta(0.0, 1.0),
        lambda: Beta(1.0, 1e10),
        lambda: ErfSlope(0.0),
        lambda: TanhSlope(-1.0),
        lambda: TanhSlope(1e9),
        lambda: Brody(-1.0),
        lambda: Brody(11.0),
        lambda: BerryRobnik(-0.1),
        lambda: BerryRobnik(1.1),
        lambda: Mixture([(0.5, Poisson())]),
        lambda: Mixture([(-0.5, Poisson()), (1.5, Poisson())]),
        lambda: Mixture([]),
        lambda: Semicircle().power(0.5),
        lambda: Semicircle().power(-1),
        lambda: Semicircle().power(0),
        lambda: Bernoulli(0.5).power(-1),
        lambda: MarchenkoPastur(0.5).power(np.nan),
        lambda: MarchenkoPastur(0.5).power(1e6),
    ],
)
def test_refuses_values(call):
    with pytest.raises(ValueError, match=r"^[\w.]+: "):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: FussCatalan("2"),
        lambda: Wachter(0.5, None),
        lambda: Bernoulli([0.5]),
        lambda: Discrete(["a"]),
        lambda: Mixture([(0.5, 3.0), (0.5, Poisson())]),
        lambda: Mixture([Poisson()]),
        lambda: Mixture(3),
        lambda: ErfSlope(0.5, unit=1),
        lambda: Poisson().power("2"),
        lambda: Poisson().expect(3),
        lambda: Discrete([1.0]).expect(3),
        lambda: Poisson().plot(3),
    ],
)
def test_refuses_types(call):
    with pytest.raises(TypeError, match=r"^[\w.]+: "):
        call()


def test_infinite_moments_say_so():
    with pytest.raises(ConvergenceError, match="may be infinite"):
        MarchenkoPastur(1.0).power(-1).mean()
    assert isinstance(MarchenkoPastur(0.5).power(-1), Law)
