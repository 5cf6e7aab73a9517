import numpy as np
import pytest

from deeprmt import ensembles, laws
from deeprmt.spectra import fit_berry_robnik, fit_brody, spacing_law, spacings, unfold


@pytest.mark.parametrize(
    ("fit", "law", "values"),
    [(fit_brody, laws.Brody, (0.0, 0.4, 1.0)), (fit_berry_robnik, laws.BerryRobnik, (0.1, 0.5, 0.9))],
)
def test_finds_the_parameter(fit, law, values):
    for value in values:
        found = fit(law(value).rvs(3000, rng=1))
        assert abs(found.parameter - value) < 5 * found.stderr
        assert 0.002 < found.stderr < 0.15
        assert found.law == law(found.parameter)


def test_errors_are_those_of_the_scatter():
    """Fifty spectra whose neighbouring spacings are dependent; the relative error of the scatter is 0.1."""
    x = ensembles.hermite_eigenvalues(300, 1, size=50, rng=2)
    found = [fit_brody(spacings(row)) for row in unfold(x, laws.Semicircle())[:, 50:250]]
    scatter = np.std([each.parameter for each in found])
    assert np.mean([each.stderr for each in found]) == pytest.approx(scatter, rel=0.5)


def test_likelihood_is_greatest_there():
    s = laws.Brody(0.5).rvs(500, rng=3)
    s /= s.mean()
    found = fit_brody(s)
    near = [np.sum(laws.Brody(found.parameter + d).logpdf(s)) for d in (-0.01, 0, 0.01)]
    assert found.log_likelihood == pytest.approx(near[1], rel=1e-12)
    assert near[1] > max(near[0], near[2])


def test_random_matrices_have_nearly_the_surmise():
    """The exact law of beta = 1 is no Brody law; the closest has q = 0.954 (by quadrature), and rho is at its bound."""
    s = spacing_law(1).rvs(4000, rng=4)
    found = fit_brody(s)
    assert abs(found.parameter - 0.954) < 5 * found.stderr
    assert fit_berry_robnik(laws.WignerSurmise(2).rvs(1000, rng=5)).at_bound


def test_results():
    bound = fit_berry_robnik(laws.WignerSurmise(2).rvs(500, rng=5))
    assert (bound.parameter, bound.to_dict()["stderr"]) == (0.0, None)
    assert "at the bound" in repr(bound)
    zero = fit_berry_robnik([0.0, *laws.BerryRobnik(0.5).rvs(200, rng=1)])
    assert 0.2 < zero.parameter < 0.8
    assert fit_brody(np.full(20, 3.0)).at_bound  # a ladder: as much repulsion as there is


@pytest.mark.parametrize("fit", [fit_brody, fit_berry_robnik])
@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([1.0] * 9, "number of spacings must be at least 10, got 9"),
        ([1.0] * 20 + [-1.0], "spacings must not be negative, got -1.0"),
        ([1.0] * 20 + [np.nan], "spacings must be finite"),
        ([0.0] * 20, "above 0, found 20|must not all be 0"),
    ],
)
def test_refuses(fit, bad, says):
    with pytest.raises(ValueError, match=says):
        fit(bad)
