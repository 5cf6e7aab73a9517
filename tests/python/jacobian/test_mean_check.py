"""Laws that are solved for are checked against the mean that is known: wrong ones are refused, right ones are not."""

import math
from dataclasses import replace

import numpy as np
import pytest

from deeprmt.errors import ConvergenceError
from deeprmt.jacobian import law, universal_law
from deeprmt.jacobian._mean_check import check_mean
from deeprmt.laws import MarchenkoPastur
from deeprmt.networks import MLP


def made(name="tanh", widths=(300, 200, 300), weights="haar"):
    return law(MLP(list(widths), name, weights=weights, sigma_w=1.3, sigma_b=0.2), q0=1.0)


@pytest.mark.parametrize("factor", [2 / 3, 1.5])
@pytest.mark.parametrize("weights", ["haar", "gaussian"])
def test_a_wrong_scale_is_refused(factor, weights):
    mu = made(widths=(300, 300, 300, 300), weights=weights)
    mu._solver = replace(mu._chain, log_scale=mu._chain.log_scale + math.log(factor)).solver()
    with pytest.raises(ConvergenceError, match=r"JacobianLaw: what was solved for between .* has a mean of") as caught:
        mu.pdf(0.5)
    assert caught.value.report["found"] / caught.value.report["mean"] == pytest.approx(factor, rel=0.01)


def test_a_wrong_scale_of_a_closed_form_is_refused():
    mu = made(widths=(300, 300, 300))
    mu._solver = mu._solver.scale(2 / 3)
    with pytest.raises(ConvergenceError, match=r"JacobianLaw: the mean of .* is .*, but must be"):
        mu.cdf(0.5)


def test_a_falling_distribution_function_is_refused():
    with pytest.raises(ConvergenceError, match="distribution function falls by"):
        check_mean("f", lambda x: np.clip(x, 0, 1) - 0.5 * (x > 0.5), [(0.0, 1.0)], [], 0.75)


def test_laws_of_any_kind_pass():
    """Atoms on both sides, several intervals, 36 orders of magnitude, ends at which the density is infinite."""
    for mu in (
        made("leaky_relu", (200, 300, 250)),
        made("hard_tanh", (300, 300, 300, 300)),
        made("relu", (300, 100, 300), "gaussian"),
        universal_law("bernoulli", 0.3),
        universal_law("smooth", 80.0),
        law(MLP([300] * 201, "gelu", sigma_w=1.5, sigma_b=0.3), q0=3.0, normalized=True),
    ):
        assert mu.support()
    for aspect in (0.5, 1.0, 2.0):
        mp = MarchenkoPastur(aspect)
        check_mean("f", mp._cdf, mp.support(), mp.atoms(), 1.0)


def test_means_over_orders_of_magnitude():
    law = universal_law("smooth", 155.0)  # on [1e-70, 400]
    assert law.expect(np.ones_like) == pytest.approx(1, abs=1e-9)
    assert law.expect(np.log) == pytest.approx(law.mean_log(), rel=1e-9)


@pytest.mark.parametrize("q0", [0.01, 0.1])
def test_no_interval_without_mass(q0):
    """Half of the slopes are 0.01, and widths 2 : 3 leave atoms of 1/6 and two projections' interval between them.

    Its ends are those of the product of projections of ranks 1/2 and 2/3 from the slopes' least value up to the
    largest: p + q - 2 p q +- sqrt(4 p q (1 - p) (1 - q)) = 1/2 +- sqrt(2) / 3 of the way.
    """
    mlp = MLP([200, 300], "leaky_relu", weights="haar", sigma_w=1.3, sigma_b=0.2)
    mu = law(mlp, q0=q0, output="activation")
    ((_, low), *_, (_, high)) = [(m, x) for x, m in mu.atoms() if x > 0]
    ends = low + (high - low) * (0.5 + np.array([-1, 1]) * math.sqrt(2) / 3)
    np.testing.assert_allclose(mu.support(), [ends], rtol=1e-9)
    x = low * (1 + np.concatenate([np.geomspace(1e-15, 0.5, 60), [1.0, 100.0]]))
    assert (mu.cdf(x) == 0.5).all()
    assert (mu.pdf(x) == 0).all()
