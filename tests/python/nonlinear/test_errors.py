"""Memorisation and linear teachers: against the papers' equations in high precision, and published special cases."""

import numpy as np
import pytest

from deeprmt import nonlinear
from deeprmt.nonlinear import autoencoder_errors, mei_montanari, training_error

RIDGES = (1e-8, 1e-4, 1e-2, 1.0)
# Rows of panels phi = 1/2, psi = 1/2 and 3/4 by log10(eta / zeta - 1): 14 digits of the training error of pure noise.
PANELS = {
    (0.5, -np.inf): (0.5, 0.50000005988819, 0.50050424996712, 0.64571730331509),
    (0.5, -8): (0.28867513651931, 0.49995006738793, 0.50050374991233, 0.64571729715664),
    (0.5, -4): (0.0035357990124467, 0.28869443828392, 0.49557843704387, 0.64565573643076),
    (0.5, -2): (0.00035705449991126, 0.035614941449482, 0.29104133629529, 0.63973007947419),
    (0.5, 0): (5.9460355544429e-5, 0.0059458307509375, 0.05926414550429, 0.48651287513605),
    (0.5, 2): (5.0004807843098e-5, 0.005000418204755, 0.049942345700286, 0.44723252881924),
    (0.75, -np.inf): (0.50000000000001, 0.50000089101141, 0.50431491181247, 0.70459816249067),
    (0.75, -8): (0.41540083749259, 0.49998422601143, 0.50431474386813, 0.70459815924849),
    (0.75, -4): (0.33333335582434, 0.41541916435452, 0.50265264065397, 0.70456574860542),
    (0.75, -2): (0.33333333333577, 0.33354964849588, 0.42040197413344, 0.70143396119371),
    (0.75, 0): (0.33333333333334, 0.33333365719897, 0.33562026750712, 0.61266253902796),
    (0.75, 2): (0.33333333333334, 0.33333351284869, 0.33471165460458, 0.58831483885814),
}
# phi, psi, eta, zeta: the error at ridges 1e-3, 0.1, 1.
TABLE = {
    (1, 1, 1, 0): (0.015809412247807, 0.15617376188861, 0.44721359549996),
    (1, 1, 1, 0.25): (0.016238111299995, 0.15994843983759, 0.45280864583356),
    (1, 1, 1, 0.5): (0.017573690536893, 0.17149810698802, 0.46914797206351),
    (1, 1, 1, 0.75): (0.020821892761629, 0.1971624379326, 0.49863246749058),
    (1, 1, 1, 1): (0.06555511668359, 0.28525559517484, 0.54978289587712),
    (0.75, 1.5, 1, 0.5): (0.50000567712022, 0.52157291977741, 0.6855762266054),
    (0.5, 2, 1, 0.3): (0.75000065890699, 0.75438249043112, 0.82641396124011),
    (1.5, 0.75, 1, 0.6): (3.4094594778232e-6, 0.018265194432601, 0.24019294005965),
}


@pytest.mark.parametrize(("psi", "beta"), PANELS)
def test_memorisation_has_the_published_curves(psi, beta):
    share = 10.0**beta
    found = training_error(RIDGES, 1.0, 1 / (1 + share), 0.5, psi, nonlinearity=share / (1 + share))
    # One unit of the last printed digit.
    np.testing.assert_allclose(found, PANELS[psi, beta], rtol=3e-14)


@pytest.mark.parametrize("case", TABLE)
def test_training_errors_of_the_table(case):
    phi, psi, eta, zeta = case
    np.testing.assert_allclose(training_error([1e-3, 0.1, 1.0], eta, zeta, phi, psi), TABLE[case], rtol=1e-13)


@pytest.mark.parametrize("gamma", [1e-16, 1e-7, 0.03, 50.0])
@pytest.mark.parametrize(
    "case",
    [(1.0, 0.5, 1.0, 0.5), (2.0, 0.7, 0.4, 0.4), (1.0, 1.0, 0.5, 0.8), (0.3, 0.0, 2.0, 0.7), (1.0, 0.999, 0.3, 0.2)],
)
def test_matches_the_reference(gamma, case):
    pytest.importorskip("mpmath")
    from reference.nonlinear import errors as reference

    eta, zeta, phi, psi = case
    train, test = reference.errors(gamma, eta, zeta, phi, psi, signal=0.75)
    # Sums of positive terms: some ten roundings, and a difference eta - zeta that is exact to eps / (1 - zeta).
    rtol = 1e-14 if zeta < 0.99 or zeta == eta else 1e-12
    assert training_error(gamma, eta, zeta, phi, psi, signal=0.75) == pytest.approx(train, rel=rtol, abs=0)
    assert nonlinear.test_error(gamma, eta, zeta, phi, psi, signal=0.75) == pytest.approx(test, rel=rtol, abs=0)


def test_published_linear_teacher():
    # To the ten or twelve digits printed.
    found = autoencoder_errors(0.1, 1.0, 0.5, 0.75, 1.5, noise=0.5)  # signal 0.8
    assert float(found.train) == pytest.approx(0.40748896461, abs=5e-12)
    assert float(found.test) == pytest.approx(1.2041040894, abs=5e-11)
    for zeta, train, test in ((0.9, 0.021159817071, 0.56870850148), (0.0, 0.049937616944, 5.5187305029)):
        assert training_error(0.01, 1.0, zeta, 0.5, 0.5, signal=0.9) == pytest.approx(train, rel=2e-11)
        assert nonlinear.test_error(0.01, 1.0, zeta, 0.5, 0.5, signal=0.9) == pytest.approx(test, rel=2e-11)


def test_floors_without_a_ridge():
    # Fewer features than samples leave 1 - n1/m; linear ones see n0 dimensions; else all is memorised.
    assert training_error(0.0, 1.0, 0.3, 0.5, 2.0) == pytest.approx(0.75, rel=1e-15)
    assert training_error(0.0, 1.0, 1.0, 0.25, 0.5) == pytest.approx(0.75, rel=1e-15)
    assert training_error(0.0, 1.0, 0.3, 2.0, 0.5) == 0.0
    assert nonlinear.test_error(0.0, 1.0, 0.3, 0.8, 0.8, signal=0.5) == np.inf
    # Ordinary least squares: noise costs 1 / (1 - n0/m), and a linear teacher nothing.
    assert nonlinear.test_error(0.0, 1.0, 1.0, 0.25, 0.5) == pytest.approx(4 / 3, rel=1e-14)
    assert nonlinear.test_error(0.0, 1.0, 1.0, 0.25, 0.5, signal=1.0) == 0.0


def test_least_squares_in_closed_form():
    """Linear features of n0 = n1 / large: ridge regression, whose trace solves a quadratic (Marchenko-Pastur)."""
    # psi -> 0 at fixed phi: many linear features have the inputs' own Gram matrix, times phi / psi.
    gamma, phi, psi = np.geomspace(1e-12, 1e3, 50), 0.6, 1e-12
    # (1/m) tr (K + gamma)^-1 with K = X^T X / n0, q = m / n0: q gamma g^2 + (gamma + 1 - q) g = 1.
    q = 1 / phi
    b = gamma + 1 - q
    g = (-b + np.sqrt(b * b + 4 * q * gamma)) / (2 * q * gamma)
    s = 1 / (1 + q * g)
    expected = gamma**2 * g / (gamma + s * s)  # -gamma^2 g'
    # psi is not 0, and b and its root cancel where gamma is small: 1e-12 and 1e-16 / 1e-12 * gamma.
    use = gamma > 1e-8
    np.testing.assert_allclose(training_error(gamma * phi / psi, 1.0, 1.0, phi, psi)[use], expected[use], rtol=1e-7)


def test_grids_are_fast_and_arrays_mix():
    ridges = np.geomspace(1e-16, 1e6, 1000)
    found = training_error(ridges[:, None], [1.0, 2.0], [0.5, 1.0], 0.9, 0.7)
    assert found.shape == (1000, 2)
    assert (np.diff(found, axis=0) > 0).all()
    # eta is the unit of the ridge, and no more.
    np.testing.assert_allclose(found[:, 0], training_error(2 * ridges, 2.0, 1.0, 0.9, 0.7), rtol=1e-14)
    assert isinstance(training_error(0.1, 1.0, 0.5, 1.0, 1.0), float)
    assert training_error([], 1.0, 0.5, 1.0, 1.0).shape == (0,)


def test_errors_hold_at_all_scales():
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies

    @hypothesis.given(
        st.floats(-300, 100), st.floats(0, 1), st.floats(-30, 0), st.floats(-8, 8), st.floats(-8, 8), st.floats(0, 1)
    )
    @hypothesis.settings(max_examples=60)
    def holds(gamma, zeta, gap, phi, psi, signal):
        d = 10.0**gap * (1 - zeta)
        ratios = 10.0**gamma, 1.0, 1 - d, 10.0**phi, 10.0**psi
        train = training_error(*ratios, signal=signal, nonlinearity=d)
        test = nonlinear.test_error(*ratios, signal=signal, nonlinearity=d)
        assert 0 <= train <= 1 + 1e-12
        assert test >= max(train, 1 - signal) * (1 - 1e-12)
        assert train <= training_error(2 * ratios[0], *ratios[1:], signal=signal, nonlinearity=d) * (1 + 1e-12)

    holds()


@pytest.mark.parametrize("share", [0.9, 1.0, 1.1, 1.5])
def test_a_step_of_rounding_leaves_the_root_where_it_is(share):
    """One ridge at a time, where the last step ends on the bracket; the mixture's fixed point is found otherwise."""
    gamma, psi = share * 0.011547819846894581, 1.036632928437698
    expected = nonlinear.mixture_errors(gamma, 1.0, 1.0, 1.0, 1.0, psi).train
    assert training_error(gamma, 1.0, 1.0, 1.0, psi) == pytest.approx(float(expected), rel=1e-8)
    near = training_error(gamma, 1.0, 1 - 1e-13, 1.0, psi, nonlinearity=1e-13)
    assert near == pytest.approx(float(expected), rel=1e-8)


def test_a_simulation_is_near():
    """Memorisation by tanh features: n0 = 300, bias and fluctuations of order 1 / n0."""
    f = nonlinear.constants("tanh")
    rng = np.random.default_rng(1)
    n0, n1, m, gamma = 300, 200, 400, 0.1
    y = np.tanh(rng.normal(size=(n1, n0)) @ rng.normal(size=(n0, m)) / np.sqrt(n0))
    q = np.linalg.inv(y.T @ y / m + gamma * np.eye(m))
    targets = rng.normal(size=(m, 200))
    found = gamma**2 * np.sum((q @ targets) ** 2) / targets.size
    # 80,000 residuals of variance below 1: five sigma are 0.025 of the error; the bias is below 0.01.
    assert found == pytest.approx(training_error(gamma, f.eta, f.zeta, 0.75, 1.5), rel=0.035)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((0.1, 1.0, 1.5, 1.0, 1.0), "zeta must be at most eta"),
        ((-0.1, 1.0, 0.5, 1.0, 1.0), "gamma must be at least 0"),
        ((0.1, 0.0, 0.0, 1.0, 1.0), "eta must be above 0"),
        ((0.1, 1.0, 0.5, -1.0, 1.0), "phi must be above 0"),
        ((0.1, 1.0, 0.5, 1.0, 0.0), "psi must be above 0"),
        ((0.1, 1.0, 0.5, 1.0, np.nan), "psi must be finite"),
        ((np.inf, 1.0, 0.5, 1.0, 1.0), "gamma must be finite"),
    ],
)
def test_refuses(arguments, says):
    with pytest.raises(ValueError, match=says):
        training_error(*arguments)
    with pytest.raises(ValueError, match=says):
        nonlinear.test_error(*arguments)


def test_refuses_words_and_shares_beyond_one():
    with pytest.raises(TypeError, match="gamma must be real"):
        training_error("x", 1.0, 0.5, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"signal must be in \[0, 1\]"):
        training_error(0.1, 1.0, 0.5, 1.0, 1.0, signal=1.1)
    with pytest.raises(ValueError, match="nonlinearity must be eta - zeta"):
        training_error(0.1, 1.0, 0.5, 1.0, 1.0, nonlinearity=0.4)
    with pytest.raises(ValueError, match="noise must be at least 0"):
        autoencoder_errors(0.1, 1.0, 0.5, 1.0, 1.0, noise=-1.0)


def test_small_ratios_keep_their_digits():
    """With zeta = 0 phi / psi alone counts: 1e-12 or 1; published at 1."""
    for ratio in (1.0, 1e-3, 1e-12, 1e-60):
        assert training_error(1e-3, 1.0, 0.0, ratio, ratio) == pytest.approx(0.015809412247807, rel=1e-13)


def test_ridges_beyond_doubles_fit_nothing():
    for phi, psi in ((1e-12, 1e12), (1e12, 1e12), (1e12, 1e-12)):
        assert training_error([1e300, 1.7e308], 1e-200, 5e-201, phi, psi, signal=0.3) == pytest.approx([1.0, 1.0])
    assert mei_montanari(1e12, 1e-3, 1e300).risk(noise=0.5) == pytest.approx(1.0)
