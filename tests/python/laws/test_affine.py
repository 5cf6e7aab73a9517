import pytest

from deeprmt.laws import FussCatalan


@pytest.mark.parametrize(("offset", "second"), [(-3.0, 3 - 6 + 9.0), (-1.0, 2.0)])
def test_moments_of_a_shifted_law_keep_the_digits_of_its_base(offset, second):
    """The density is like x^(-2/3) at 0; a shift moves that to where doubles are far apart."""
    shifted = FussCatalan(2).shift(offset)
    assert shifted.moment(2) == pytest.approx(second, rel=1e-14)
    assert shifted.scale(-1.0).moment(2) == pytest.approx(second, rel=1e-14)
