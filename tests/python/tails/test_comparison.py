import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats

from deeprmt.tails import fit_power_law

A = [1.02, 1.07, 1.1, 1.15, 1.21, 1.28, 1.33, 1.4, 1.52, 1.61, 1.75, 1.9, 2.1, 2.45, 2.8, 3.4, 4.3, 5.9, 9.2, 21.5]
B = [0.5, 0.5, 0.8, 1.0, 1.0, 1.0, 1.3, 2.0, 2.0, 4.5, 7.0, 16.0]
C = [
    0.21, 0.33, 0.42, 0.5, 0.57, 0.65, 0.73, 0.81, 0.9, 1.0, 1.11, 1.23, 1.37, 1.54, 1.75, 2.0, 2.36, 3.0, 4.8, 6.1,
]  # fmt: skip
NAMES = ("lognormal", "exponential", "truncated_power_law", "stretched_exponential")


@pytest.mark.parametrize(
    ("x", "rate", "logs", "expected"),
    [
        (A, 0.4202563563774, (-30.7850841666, -37.33780763158), (6.552723464983, 1.769635030462, 0.07678795931781)),
        (B, 0.3496503496503, (-17.52688662733, -20.50821624832), (2.981329620991, 1.275286846667, 0.2022077316083)),
        (
            C,
            0.7062146892655,
            (-13.4917372292, -13.47835995272),
            (-0.01337727648598, -0.01133151592114, 0.9909589518798),
        ),
    ],
)
def test_published_exponentials(x, rate, logs, expected):
    found = fit_power_law(x).compare("exponential")
    assert found.parameters["rate"] == pytest.approx(rate, rel=1e-12)
    np.testing.assert_allclose(found.log_likelihoods, logs, rtol=1e-11)
    np.testing.assert_allclose((found.ratio, found.z, found.p_value), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("x", "lognormal", "log", "expected", "truncated"),
    [
        (B, (-2.624061, 2.205571), -20.3859349, (-0.2124314, -0.4374959, 0.6617517), (1.51903, 0.0460514, -20.2101377)),
        (
            C,
            (-0.00904657, 0.9342265),
            -26.0646133,
            (-5.744701, -2.094262, 0.03623663),
            (0.195679, 0.630927, -26.0766901),
        ),
    ],
)
def test_published_lognormals_and_truncated_laws(x, lognormal, log, expected, truncated):
    fit = fit_power_law(x, xmin=min(x))
    found = fit.compare("lognormal")
    np.testing.assert_allclose((found.parameters["mu"], found.parameters["sigma"]), lognormal, rtol=4e-7)
    assert found.log_likelihoods[1] == pytest.approx(log, abs=6e-8)
    np.testing.assert_allclose((found.ratio, found.z, found.p_value), expected, rtol=4e-7)
    found = fit.compare("truncated_power_law")
    np.testing.assert_allclose((*found.parameters.values(), found.log_likelihoods[1]), truncated, rtol=4e-6)
    # One parameter more, on the boundary of its range.
    assert found.p_value == pytest.approx(stats.chi2.sf(-2 * found.ratio, 1) / 2, rel=1e-9)


def test_the_boundary_is_told():
    """The likelihood of the lognormal grows without end towards mu = -inf, where it is the power law."""
    found = fit_power_law(A).compare("lognormal")
    assert found.boundary
    assert found.parameters == {"mu": -np.inf, "sigma": np.inf}
    assert (found.ratio, found.z, found.p_value, found.p_nested) == (0, 0, 1, 1)
    assert repr(found) == "Comparison(power law is the best lognormal: ratio=0)"
    found = fit_power_law(A).compare("truncated_power_law")
    np.testing.assert_allclose(
        (*found.parameters.values(), found.log_likelihoods[1]), (2.21913, 0.00888194, -30.7504929), rtol=3e-6
    )


def log_density(name, x, xmin, parameters):
    """As in the papers, where that does not overflow."""
    p = list(parameters.values())
    if name == "lognormal":
        law = stats.norm(*p)
        return law.logpdf(np.log(x)) - np.log(x) - law.logsf(np.log(xmin))
    if name == "exponential":
        return np.log(p[0]) - p[0] * (x - xmin)
    if name == "stretched_exponential":
        return np.log(p[0] * p[1]) + (p[0] - 1) * np.log(x) - p[1] * (x ** p[0] - xmin ** p[0])
    norm, _ = integrate.quad(
        lambda t: np.exp(-p[0] * np.log(t / xmin) - p[1] * (t - xmin)), xmin, np.inf, epsabs=0, epsrel=1e-11, limit=500
    )
    return -p[0] * np.log(x / xmin) - p[1] * (x - xmin) - np.log(norm)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_the_likelihood_is_the_largest(name, seed):
    """Against the textbook density and a simplex search from where the fit ends."""
    rng = np.random.default_rng(seed)
    x = [
        rng.exponential(size=80) + 0.3,
        rng.lognormal(0, 0.7, 80),
        rng.weibull(0.7, 80) + 0.1,
        1 + 0.1 * rng.random(80),
    ][seed]
    fit = fit_power_law(x, xmin=float(x.min()))
    found = fit.compare(name)
    assert not found.boundary
    own = log_density(name, x, fit.xmin, found.parameters).sum()
    assert found.log_likelihoods[1] == pytest.approx(own, abs=1e-8)
    keys = list(found.parameters)

    def cost(q):
        with np.errstate(all="ignore"):
            value = -log_density(name, x, fit.xmin, dict(zip(keys, q, strict=True))).sum()
        return value if np.isfinite(value) and q[-1] > 0 else 1e10

    if name != "truncated_power_law":  # whose quadrature takes long
        best = optimize.minimize(cost, list(found.parameters.values()), method="Nelder-Mead")
        assert -best.fun <= own + 1e-7


positive = st.floats(1e-300, 1e300) | st.integers(1, 5).map(float) | st.floats(1, 1 + 1e-9)


@settings(max_examples=40)
@given(st.lists(positive, min_size=3, max_size=25))
def test_any_values(x):
    """No overflow, no warning, and what contains the power law is never worse."""
    if len(set(x)) < 2:
        return
    fit = fit_power_law(x)
    for name in NAMES:
        found = fit.compare(name)
        assert np.isfinite(found.ratio)
        assert 0 <= found.p_value <= 1
        assert name == "exponential" or (found.ratio == 0 if found.boundary else found.ratio < 0)


def test_scale_does_not_matter():
    one, other = fit_power_law(C), fit_power_law(np.array(C) * 2.0**300)
    for name in NAMES:
        a, b = one.compare(name), other.compare(name)
        assert a.ratio == pytest.approx(b.ratio, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("lognormal", lambda rng: rng.lognormal(0, 1, 4000)),
        ("exponential", lambda rng: rng.exponential(2, 4000)),
        ("stretched_exponential", lambda rng: rng.weibull(0.6, 4000)),
        (
            "truncated_power_law",
            lambda rng: (p := rng.pareto(0.5, 200_000) + 1)[rng.random(p.size) < np.exp(1 - p)][:4000],
        ),
    ],
)
def test_finds_the_law_that_made_the_values(name, make):
    x = make(np.random.default_rng(5))
    found = fit_power_law(x, xmin=float(np.quantile(x, 0.3))).compare(name)
    assert found.z < -5
    truth = {
        "lognormal": (0, 1), "exponential": (0.5,), "stretched_exponential": (0.6, 1), "truncated_power_law": (1.5, 1),
    }  # fmt: skip
    # Standard errors of these parameters from 2800 values are 0.02 to 0.05.
    np.testing.assert_allclose(list(found.parameters.values()), truth[name], rtol=0, atol=0.25)


def test_the_nested_test_is_calibrated():
    """Under the power law -2 ratio is 0 in half of the cases, else chi^2 with one degree of freedom."""
    rng = np.random.default_rng(6)
    for name in ("lognormal", "truncated_power_law", "stretched_exponential"):
        fits = [fit_power_law(rng.pareto(2.0, 300) + 1, xmin=1.0).compare(name) for _ in range(100)]
        p = np.array([f.p_nested for f in fits])
        # Of 100 cases 5 have p < 0.05 and 20 have p < 0.2; five sigma of the binomial, and its bias at n = 300.
        assert (p < 0.05).sum() <= 5 + 5 * np.sqrt(5) + 2
        assert abs((p < 0.2).sum() - 20) <= 5 * 4 + 3


def test_result():
    found = fit_power_law(B).compare("exponential")
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    assert "ratio" in found._repr_html_()
    assert repr(found).startswith("Comparison(power law and exponential alike but for chance: ratio=2.981, z=1.28")
    with pytest.raises(ValueError, match="compare: alternative must be one of 'lognormal'"):
        fit_power_law(A).compare("normal")


def test_normaliser_is_the_incomplete_gamma_function():
    """For 1 - alpha > 0 the normaliser of the truncated power law has a name."""
    fit = fit_power_law(C, xmin=min(C))
    found = fit.compare("truncated_power_law")
    alpha, rate = found.parameters.values()
    s = 1 - alpha
    log_norm = np.log(special.gamma(s) * special.gammaincc(s, rate * fit.xmin)) - s * np.log(rate)
    own = (-alpha * np.log(C) - rate * np.array(C) - log_norm).sum()
    assert found.log_likelihoods[1] == pytest.approx(own, rel=1e-12)
