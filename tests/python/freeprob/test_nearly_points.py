"""Free convolutions with a law that is nearly a point: its width is 1e-3 to 1e-9 of the other one."""

import math

import numpy as np
import pytest

from deeprmt.freeprob import free_add, free_multiply
from deeprmt.freeprob._sources import source
from deeprmt.laws import Bernoulli, Beta, ErfSlope, MarchenkoPastur, Semicircle, TanhSlope

wide = Beta(2, 2)
narrow = [Bernoulli(0.5), Semicircle(), MarchenkoPastur(0.5), Beta(0.5, 2)]


def check(law, known, off):
    """All mass and the moments are there, and the distribution function is that of the wide law."""
    x = known.ppf(np.linspace(0.01, 0.99, 25))
    np.testing.assert_allclose(law.cdf(x), known.cdf(x), rtol=0, atol=off)
    np.testing.assert_allclose(law.pdf(x), known.pdf(x), rtol=1e3 * off)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-10)
    assert law.expect(lambda x: x) == pytest.approx(float(law.mean()), rel=1e-9)
    assert (np.diff(law.cdf(np.linspace(*law._hull(), 200))) >= -1e-13).all()


@pytest.mark.parametrize("width", [pytest.param(1e-4, marks=pytest.mark.slow), 1e-6, 1e-8])
@pytest.mark.parametrize("law", [*narrow[:3], pytest.param(narrow[3], marks=pytest.mark.slow)], ids=repr)
def test_sums(law, width):
    """To first order in t the sum moves by -t H f f', with variance t: a distribution function moves by a few t."""
    law = law.scale(width)
    check(free_add(wide, law), wide.shift(float(law.mean())), 20 * float(law.var()) + 1e-12)


@pytest.mark.parametrize("width", [pytest.param(1e-4, marks=pytest.mark.slow), 1e-8])
@pytest.mark.parametrize(
    "law", [narrow[0], *(pytest.param(each, marks=pytest.mark.slow) for each in narrow[1:])], ids=repr
)
def test_products(law, width):
    law = law.scale(width).shift(1)
    check(free_multiply(wide, law), wide.scale(float(law.mean())), 20 * float(law.var()) + 1e-12)


@pytest.mark.parametrize("width", [1e-5, 1e-8])
def test_a_hard_edge_is_resolved(width):
    """Marchenko-Pastur and a semicircle: z = 1/g + 1/(1 - g) + t g; next to 0 g has the size t^(-1/3)."""
    law = free_add(MarchenkoPastur(1.0), Semicircle(width))
    (low, _), *_ = law.support()
    unit = width ** (-2 / 3)
    z = low + np.geomspace(1e-3, 1e4, 20) * width ** (4 / 3)
    roots = [np.roots([-(unit**3) * width**2, unit**2 * (width**2 + each), -unit * each, 1]) for each in z]
    exact = [unit * each.imag.max() / math.pi for each in roots]
    np.testing.assert_allclose(law.pdf(z), exact, rtol=1e-4)  # z is known to 1e-16, of 1e-3 width^(4/3) = 2e-14
    np.testing.assert_allclose(law.pdf(z[7:]), exact[7:], rtol=1e-6)
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("q", [1e-3, *(pytest.param(q, marks=pytest.mark.slow) for q in (1e-6, 1e-8))])
def test_roots_of_slopes(q):
    root = TanhSlope(q).power(0.5)
    noise = MarchenkoPastur(0.5)
    law = free_multiply(root, noise)
    known = noise.scale(float(root.mean()))
    x = known.ppf(np.linspace(0.05, 0.95, 3))
    np.testing.assert_allclose(law.cdf(x), known.cdf(x), rtol=0, atol=20 * float(root.var()) + 1e-12)
    assert float(law.cdf(law.support()[-1][1])) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("power", [0.3, 0.5, 2.0])
@pytest.mark.parametrize("law", [TanhSlope(0.5), TanhSlope(4.0), ErfSlope(0.3), ErfSlope(0.3, unit=False)], ids=repr)
def test_powers_of_slopes_know_their_transforms(law, power):
    power_law = law.power(power)
    seen = source(power_law)
    w = np.array([0.3 + 0.1j, -0.4 + 0.1j, 0.9 + 0.02j, 0.01 + 0.1j, -0.2, 1.9])
    g, slope = seen.resolvent(w)
    np.testing.assert_allclose(g, [power_law.expect(lambda x, z=z: 1 / (z - x)) for z in w], rtol=1e-12)
    np.testing.assert_allclose(slope, [-power_law.expect(lambda x, z=z: (z - x) ** -2.0) for z in w], rtol=1e-11)
    x = np.array([0.2, 0.7])
    np.testing.assert_allclose(-seen.resolvent(x + 0j)[0].imag / math.pi, power_law.pdf(x), rtol=1e-11)
    np.testing.assert_allclose(seen.argument(x + 0j) / math.pi, power_law.sf(x), rtol=0, atol=1e-12)
