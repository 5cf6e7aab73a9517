import numpy as np
import pytest

from deeprmt.laws import ErfSlope, FussCatalan


@pytest.mark.parametrize(("offset", "second"), [(-3.0, 3 - 6 + 9.0), (-1.0, 2.0)])
def test_moments_of_a_shifted_law_keep_the_digits_of_its_base(offset, second):
    """The density is like x^(-2/3) at 0; a shift moves that to where doubles are far apart."""
    shifted = FussCatalan(2).shift(offset)
    assert shifted.moment(2) == pytest.approx(second, rel=1e-14)
    assert shifted.scale(-1.0).moment(2) == pytest.approx(second, rel=1e-14)


@pytest.mark.parametrize("offset", [-4.5, 0.1, 1e6])
def test_quantiles_next_to_an_end_reach_their_level(offset):
    """Next to 0 the slope has the mass t^0.4, of which doubles around the offset see steps of 1e-5 and more."""
    law = ErfSlope(1.26).shift(offset)
    q = np.array([[0.0, 1e-9, 1e-6], [1e-5, 1e-4, 1e-3]])
    x = law.ppf(q)
    assert x.shape == q.shape
    assert x[0, 0] == offset
    assert (law.cdf(x) >= q - 1e-12).all()
    assert (law.cdf(np.nextafter(x, -np.inf)) <= q + 1e-12).all()
    assert float(law.ppf(1e-6)) == x[0, 2]
