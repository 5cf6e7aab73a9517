import mpmath
import numpy as np
import pytest

from deeprmt.spectra import expected_number_variance, expected_rigidity

# Number variance for beta = 1, 2, 4 and Delta_3 for 1, 2, 4, to 13 digits and more.
# fmt: off
TABLE = np.array(
    [
        [0.5, 0.31437010460813, 0.28015793637333, 0.25895587412425,
         0.032421975074245, 0.032822110410787, 0.033196905553406],
        [1, 0.44633362426091, 0.34416259351404, 0.25877892947719,
         0.060547698437372, 0.060660871291625, 0.062062960910589],
        [2, 0.5837040511186, 0.41567161249725, 0.29956213026432,
         0.10238664132454, 0.094561902528284, 0.088529822173254],
        [5, 0.76838538757201, 0.5089905447601, 0.34964577302562,
         0.17381842720757, 0.14062765997434, 0.11635376418032],
        [10, 0.90869492094861, 0.579296335933, 0.3860135189899,
         0.23569994663746, 0.17569171171327, 0.13532008148757],
        [20, 1.0491175763889, 0.64954596867615, 0.42175905979145,
         0.30141501468147, 0.21079413413485, 0.15355257130161],
        [50, 1.234786131167, 0.74239101271974, 0.46855809644523,
         0.39140136239303, 0.25721037235202, 0.17715602607189],
    ]
)
# fmt: on


@pytest.mark.parametrize(("column", "beta"), [(1, 1), (2, 2), (3, 4)])
def test_table(column, beta):
    length = TABLE[:, 0]
    np.testing.assert_allclose(expected_number_variance(length, beta), TABLE[:, column], rtol=5e-14)
    np.testing.assert_allclose(expected_rigidity(length, beta), TABLE[:, column + 3], rtol=5e-14)


def cluster(beta):
    """Dyson's two-level cluster functions."""
    s = mpmath.sincpi if hasattr(mpmath, "sincpi") else lambda r: mpmath.sinc(mpmath.pi * r)

    def slope(r):
        return (mpmath.cospi(r) - s(r)) / r

    def y(r):
        if beta == 2:
            return s(r) ** 2
        if beta == 1:
            return s(r) ** 2 + slope(r) * (mpmath.mpf(1) / 2 - mpmath.si(mpmath.pi * r) / mpmath.pi)
        return s(2 * r) ** 2 - slope(2 * r) * mpmath.si(2 * mpmath.pi * r) / mpmath.pi

    return y


@pytest.mark.parametrize("beta", [1, 2, 4])
@pytest.mark.parametrize("length", [0.01, 1.99, 2.01, 9.4])
def test_integrals_of_the_cluster_function(beta, length):
    """V = L - 2 int (L - r) Y, and Delta_3 as Mehta has it, by quadrature with 30 digits."""
    with mpmath.workdps(30):
        y, big = cluster(beta), mpmath.mpf(length)
        parts = mpmath.linspace(0, big, 2 + int(length))
        variance = big - 2 * mpmath.quad(lambda r: (big - r) * y(r), parts)
        weight = mpmath.quad(lambda r: (big - r) ** 3 * (2 * big**2 - 9 * big * r - 3 * r**2) * y(r), parts)
        delta = big / 15 - weight / (15 * big**4)
    assert expected_number_variance(length, beta) == pytest.approx(float(variance), rel=1e-14)
    assert expected_rigidity(length, beta) == pytest.approx(float(delta), rel=1e-13)


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_the_branches_meet(beta):
    """Where series, special functions and asymptotic forms take over; the slopes are below 1 / L."""
    for at in (1 / (2 * np.pi), 1 / np.pi, 2.0, 60 / (2 * np.pi), 60 / np.pi, 1e14):
        below, above = np.nextafter(at, 0), np.nextafter(at, 1e300)
        for function in (expected_number_variance, expected_rigidity):
            assert function(above, beta) == pytest.approx(function(below, beta), rel=3e-14)


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_limits(beta):
    small = np.array([1e-300, 1e-12, 1e-6])
    np.testing.assert_allclose(expected_number_variance(small, beta), small, rtol=2e-6)
    np.testing.assert_allclose(expected_rigidity(small, beta), small / 15, rtol=2e-6)
    huge = np.array([1e5, 1e10, 1e100, 1e300])
    log = np.log(huge) + np.log(2 * np.pi) + np.euler_gamma
    constant = {1: -(np.pi**2) / 8, 2: 0.0, 4: np.log(2) + np.pi**2 / 8}[beta]
    np.testing.assert_allclose(expected_rigidity(huge, beta), (log - 1.25 + constant) / (beta * np.pi**2), rtol=1e-6)
    np.testing.assert_allclose(
        expected_number_variance(huge, beta), 2 * (log + 1 + constant) / (beta * np.pi**2), rtol=1e-5
    )


def test_the_usual_asymptotic_form_is_no_truth():
    """A known failure elsewhere: ln L / pi^2 plus a constant is 4 % too low at L = 10."""
    form = (np.log(20 * np.pi) + np.euler_gamma - 1.25 - np.pi**2 / 8) / np.pi**2
    assert expected_rigidity(10.0) - form == pytest.approx(0.0094, abs=1e-4)


def test_independent_levels_and_shapes():
    lengths = np.array([[0.0, 1.0], [2.5, 1e300]])
    np.testing.assert_array_equal(expected_number_variance(lengths, 0), lengths)
    np.testing.assert_array_equal(expected_rigidity(lengths, 0), lengths / 15)
    for beta in (1, 2, 4):
        assert expected_number_variance(lengths, beta).shape == (2, 2)
        assert expected_rigidity(0.0, beta) == expected_number_variance(0.0, beta) == 0
        assert expected_rigidity([], beta).shape == (0,)


@pytest.mark.parametrize("function", [expected_number_variance, expected_rigidity])
@pytest.mark.parametrize(
    ("lengths", "beta", "says"),
    [
        (-1.0, 1, "lengths must be at least 0, got -1.0"),
        (np.inf, 1, "lengths must be finite"),
        (1e301, 1, "at most 1e300"),
        (1.0, 3, "beta must be 0, 1, 2 or 4, got 3"),
        (1.0, True, "beta must be"),
    ],
)
def test_refuses(function, lengths, beta, says):
    with pytest.raises(ValueError, match=says):
        function(lengths, beta)
