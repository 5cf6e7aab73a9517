"""What the displays draw, read back from the axes."""

import numpy as np
import pytest

from deeprmt import ensembles, freeprob, laws, linalg, meanfield, networks, nonlinear, plots, spectra, tails, training
from deeprmt.errors import UntrustedLengthWarning
from deeprmt.plots._axes import log_ticks, ticks_at

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


@pytest.fixture
def noise():
    x = np.random.default_rng(1).normal(size=(200, 400))
    return np.linalg.eigvalsh(x.T @ x / 200)


def area(ax):
    stairs = ax.patches[0].get_data()
    return float((stairs.values * np.diff(stairs.edges)).sum())


def test_spectrum_draws_bars_and_density_on_one_scale(noise):
    law = laws.MarchenkoPastur(2.0)
    _, ax = pyplot.subplots()
    assert plots.spectrum(noise, law, ax=ax) is ax
    assert area(ax) == pytest.approx(0.5)  # half the eigenvalues are the atom's
    x, y = ax.lines[0].get_data()
    np.testing.assert_array_equal(y, law.pdf(x))
    assert any("0.5 (measured 0.5)" in text.get_text() for text in ax.texts)
    low, high = ax.get_xlim()
    assert low <= 0 < law.support()[0][1] <= high


def test_spectrum_marks_outliers(noise):
    ax = plots.spectrum([*noise[200:], 20.0, 30.0], laws.MarchenkoPastur(2.0))
    assert [line.get_label() for line in ax.lines] == ["law", "2 outside"]
    assert ax.get_xlim()[1] > 30


def test_outliers_are_seen_on_a_logarithmic_axis_too(noise):
    """Where a mark at 0 lies some thousand decades below the picture, and takes all room from it."""
    ax = plots.spectrum([*noise[200:], 20.0, 30.0], laws.MarchenkoPastur(2.0))
    ax.set_yscale("log")
    ax.figure.canvas.draw()  # warnings are errors here
    (marks,) = [line for line in ax.lines if line.get_label() == "2 outside"]
    at = marks.get_transform().transform(marks.get_xydata())
    np.testing.assert_allclose(at[:, 1], ax.bbox.y0, rtol=0, atol=1e-6)
    assert ax.get_position().height > 0.5


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (2.0, 8.5, {"2", "5"}),
        (4.0, 9.0, {"4", "6", "8"}),
        (0.5, 1.5, {"0.6", "0.8", "1"}),
        (2.0, 30.0, {"2", "5", "10", "20"}),
        (3e-7, 9e-7, {r"3\times10^{-7}", r"8\times10^{-7}"}),
        (1.1, 1.9, {"1.2", "1.4", "1.8"}),  # too short for whole numbers
        (1.0, 10.0, {"10^{0}", "10^{1}"}),
    ],
)
def test_short_logarithmic_axes_have_numbers(low, high, texts):
    _, ax = pyplot.subplots()
    ax.loglog([low, high], [1, 1e5])
    ax.set_xlim(low, high)
    log_ticks(ax)
    ax.figure.canvas.draw()
    labels = [label for label in ax.get_xticklabels() + ax.get_xticklabels(minor=True) if label.get_text()]
    seen = {
        label.get_text().replace(r"$\mathdefault{", "").removesuffix("}$")
        for label in labels
        if low * (1 - 1e-9) <= label.get_position()[0] <= high * (1 + 1e-9)
    }
    assert texts <= seen
    assert 2 <= len(seen) <= 12
    assert not any(label.get_text() for label in ax.get_yticklabels(minor=True))


def test_ticks_at_widths_leave_the_other_axis_alone():
    _, ax = pyplot.subplots()
    ax.loglog([64, 256], [0.2, 0.5])
    ticks_at(ax, [64, 256])
    log_ticks(ax)
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["64", "256"]
    assert {"0.2", "0.4"} <= {label.get_text() for label in ax.get_yticklabels(minor=True)}


def test_spectrum_without_a_law(noise):
    ax = plots.spectrum(noise[200:], bins=7)
    assert ax.patches[0].get_data().values.size == 7
    assert area(ax) == pytest.approx(1)


def test_spectrum_of_atoms_alone_has_no_legend():
    ax = plots.spectrum([1.0, 1.0, 2.0], laws.Empirical([1.0, 2.0]))  # warnings are errors here
    assert ax.get_legend() is None


def test_spacing():
    s = spectra.wigner_surmise(1).rvs(2000, rng=1)
    ax = plots.spacing(s)
    assert area(ax) == pytest.approx(np.mean(s <= 4))
    x, y = ax.lines[0].get_data()
    np.testing.assert_array_equal(y, spectra.wigner_surmise(1).pdf(x))
    assert plots.spacing(s, spectra.wigner_surmise(2)).lines[0].get_label() == "WignerSurmise(beta=2)"


def test_hill():
    estimate = tails.hill(np.random.default_rng(1).pareto(2, 5000) + 1)
    ax = estimate.plot()
    k, xi = ax.lines[0].get_data()
    np.testing.assert_array_equal(xi, estimate.xi[k - 1])
    assert ax.get_xscale() == "log"
    assert tails.hill([1.0, 2.0]).plot().lines
    assert tails.hill([1.0, 1.0]).plot().get_ylim()[1] > 0


def test_spectral_density(noise):
    estimate = linalg.spectral_density(np.diag(noise[200:]), steps=20, rng=1)
    law = laws.MarchenkoPastur(2.0)
    _, ax = pyplot.subplots()
    assert plots.spectral_density(estimate, law, ax=ax, points=50) is ax
    x, y = ax.lines[0].get_data()
    np.testing.assert_array_equal(y, estimate.density(x).value)
    assert x[0] >= estimate.support_estimate[0] - 4 * estimate.width
    assert ax.collections  # the band of errors
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["estimate", "law"]


def test_spectral_density_of_one_probe_has_no_band(noise):
    estimate = linalg.spectral_density(np.diag(noise), singular=True, probes=1, steps=20, rng=1)
    ax = estimate.plot(width=0.2)
    assert not ax.collections
    x, y = ax.lines[0].get_data()
    assert x.min() >= 0  # singular values
    np.testing.assert_array_equal(y, estimate.density(x, width=0.2).value)
    assert ax.get_xlabel() == "singular values"
    assert linalg.spectral_density(np.diag(noise), method="kpm", steps=20, rng=1).plot().collections


def test_laws_draw_themselves():
    ax = laws.MarchenkoPastur(3.0).plot(label="three")
    assert ax.lines[0].get_label() == "three"
    assert ax.get_xlim()[0] < 0 < ax.get_xlim()[1]
    assert laws.MarchenkoPastur(1.0).plot().get_ylim()[1] < 10  # the density is infinite at 0
    ax = spectra.wigner_surmise(1).plot()
    spectra.wigner_surmise(4).plot(ax)
    assert 1.2 < ax.get_ylim()[1] < 1.5  # holds both
    assert laws.Empirical([1.0, 2.0, 2.0]).plot().texts
    many = laws.Empirical(np.arange(50.0)).plot()
    assert len(many.collections) == 1
    assert many.get_ylim()[1] < 2


def test_only_what_diverges_is_cut():
    assert laws.Exponential(2.0).plot().get_ylim()[1] > 0.5  # the density at 0
    top = laws.MarchenkoPastur(1.0).plot().get_ylim()[1]
    assert laws.MarchenkoPastur(1.0).pdf(1.0) < top < 10  # infinite at 0


def test_refuses():
    for bad in ([], [np.nan]):
        with pytest.raises(ValueError, match="spectrum: values must be finite"):
            plots.spectrum(bad)
        with pytest.raises(ValueError, match="spacing: spacings must be finite"):
            plots.spacing(bad)
    with pytest.raises(ValueError, match="not negative"):
        plots.spacing([-1.0])


def test_freeness_draws_a_bar_for_each_word():
    a, b = ensembles.goe(20, size=2, rng=1)
    test = freeprob.freeness_test([a, b], rotations=8, rng=1)
    ax = test.plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == list(test.words)
    widths = [bar.get_width() for bar in ax.patches if bar.get_height() == pytest.approx(0.7)]
    np.testing.assert_allclose(widths, test.z)
    assert "not free" in plots.freeness(freeprob.freeness_test([a, a], rotations=8, rng=1), most=3).get_title()


def test_a_law_on_logarithmic_axes():
    ax = plots.law(laws.FussCatalan(3), log=True, label="s = 3")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(np.diff(np.log(x)), np.log(x[1] / x[0]), rtol=1e-9)
    assert np.all(y > 0)
    ax = plots.law(laws.MarchenkoPastur(2.0), log=True)
    assert "mass 0.5 at 0" in [text.get_text() for text in ax.texts]


def test_tails():
    x = np.random.default_rng(1).pareto(2, 500) + 1
    fit = tails.fit_power_law(x)
    line = fit.plot().lines[1]
    # The law begins at xmin with the tail's share.
    np.testing.assert_allclose(line.get_data()[1][0], fit.n_tail / 500)
    quality = fit.goodness_of_fit(samples=50)
    assert quality.plot().lines[0].get_xdata()[0] == fit.ks
    estimate = tails.moment(x)
    k, xi = estimate.plot().lines[0].get_data()
    np.testing.assert_array_equal(xi, estimate.xi[k - 1])
    assert tails.pickands([2.0, 2.0, 2.0, 2.0]).plot().get_xlim()[1] > 1
    assert "plateau up to" in tails.plateau(x).plot().get_title()
    assert "no plateau" in tails.plateau(np.arange(1.0, 500.0)).plot().get_title()
    assert len(tails.choose_k(x, samples=20).plot().lines) == 4
    found = tails.verdict(x, samples=50)
    assert found.plot().get_title() == found.verdict


def test_number_variance_and_rigidity():
    levels = spectra.unfold(ensembles.hermite_eigenvalues(300, 1, size=3, rng=1), window=10)[:, 50:-50]
    for statistic, expected in (
        (spectra.number_variance, spectra.expected_number_variance),
        (spectra.rigidity, spectra.expected_rigidity),
    ):
        found = statistic(levels, [5.0, 2.0, 20.0], trust=np.inf)
        _, ax = pyplot.subplots()
        assert found.plot(ax) is ax
        x, y = ax.lines[0].get_data()
        np.testing.assert_array_equal(y, expected(x, 1))
        x, y = ax.lines[2].get_data()
        np.testing.assert_allclose((x, y), ([2, 5, 20], found.pooled().value[[1, 0, 2]]))
        with pytest.warns(UntrustedLengthWarning):
            ax = statistic(levels[0], [2.0, 20.0]).plot(beta=2)
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert "beyond the trust of the unfolding" in labels
        assert "random matrices, beta = 2" in labels
        with pytest.raises(ValueError, match="at least one length"):
            statistic(levels[0], []).plot()


def test_porter_thomas():
    vectors = np.random.default_rng(1).normal(size=(100, 80))
    vectors[:, :30] **= 3
    test = spectra.porter_thomas(vectors, window=5)
    ax = test.plot()
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), test.p_values)
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), test.windowed)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"boundary: {test.boundary}" in labels
    assert "mean of 11 neighbours" in labels
    assert len(spectra.porter_thomas(vectors[:, 30:]).plot(label="noise").lines) == 2


def test_results_of_spacings_draw_themselves():
    test = spectra.spacing_test(ensembles.hermite_eigenvalues(100, 1, rng=1), trials=19)
    assert area(test.plot()) == pytest.approx(np.mean(test.spacings <= 4))
    fit = spectra.fit_brody(laws.Brody(0.5).rvs(100, rng=1))
    x, y = fit.plot().lines[0].get_data()
    np.testing.assert_array_equal(y, fit.law.pdf(x))


def test_a_training_shows_its_losses_and_the_networks_that_were_kept():
    start = networks.Network([[[0.0]]])
    found = training.train(start, [[1.0]], [[2.0]], loss="squared", rate=0.25, epochs=3, test=([[2.0]], [[4.0]]))
    ax = found.plot()
    lines = {line.get_label(): line.get_data() for line in ax.lines}
    np.testing.assert_array_equal(lines["training"], ([0, 1, 2, 3], found.losses))
    np.testing.assert_array_equal(lines["kept networks"], ([0, 3], found.losses[[0, 3]]))
    assert "test" in lines
    assert ax.get_yscale() == "log"


def test_inference_draws_itself():
    x, y, new = np.eye(3), np.array([1.0, 0.0, -1.0]), np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    network = {"depth": 2, "activation": "relu", "sigma_w": 2**0.5}
    found = meanfield.posterior(x, y, new, **network)
    ax = found.plot([2.0, 1.0])
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.column_stack([[1.0, 2.0], found.mean[::-1]]))
    found.plot()
    assert found.plot(ax=ax) is ax
    with pytest.raises(ValueError, match=r"posterior: x must have shape \(2,\), a number a new input"):
        found.plot([1.0])
    two = meanfield.posterior(x, np.column_stack([y, y]), new, **network).plot([0, 1])
    assert [line.get_label() for line in two.lines] == ["output 0", "output 1"]

    flow = meanfield.gradient_flow(x, y, new, times=[10.0, 0.0, np.inf, 0.01], **network)
    ax = flow.plot()
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.column_stack([[0, 0.01, 10], flow.mean[[1, 3, 0], 0]]))
    assert ax.lines[1].get_ydata()[0] == flow.mean[2, 0]  # the end
    steps = meanfield.gradient_descent(x, y, steps=range(5), learning_rate=0.1, **network).plot()
    assert (steps.get_xlabel(), len(steps.lines)) == ("step", 3)
    ax.figure.canvas.draw()

    ax = meanfield.max_learning_rate([[2.0, 0.0], [0.0, 4.0]]).plot()
    assert [line.get_xdata()[0] for line in ax.lines[2:]] == [0.25, 0.5]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, 0, 1.5])


def test_random_features_draw_themselves():
    """Numbers read back from the axes are those of the results; what has no logarithm is left out."""
    mixed = nonlinear.mixture_errors([0.0, 0.1, 1.0], [1.0], [1.0], [0.5], 0.5, 0.7, signal=0.5)
    train, test = mixed.plot().lines
    np.testing.assert_array_equal(train.get_xdata(), [0.1, 1.0])
    np.testing.assert_array_equal(train.get_ydata(), mixed.train[1:])
    np.testing.assert_array_equal(test.get_ydata(), mixed.test[1:])
    coder = nonlinear.autoencoder_errors([0.1, 1.0], 1.0, 0.5, 1.0, 1.0, noise=0.5)
    np.testing.assert_array_equal(coder.plot().lines[1].get_ydata(), coder.test)
    found = nonlinear.mei_montanari([6.0, 2.0], 3.0, 0.1)
    bias, _ = found.plot().lines
    np.testing.assert_array_equal(bias.get_xdata(), [2.0, 6.0])
    np.testing.assert_array_equal(bias.get_ydata(), found.bias[::-1])
    with pytest.raises(ValueError, match="one of psi1, psi2 and lam must vary, got 0"):
        nonlinear.mei_montanari(2.0, 3.0, 0.1).plot()
    heavy = nonlinear.heavy_tailed_kernel(20, 20, 30, rng=0)
    np.testing.assert_array_equal(heavy.plot().lines[0].get_ydata(), heavy.eigenvalues)
    fisher = nonlinear.fisher_spectrum(5, activation="linear", rng=0)
    share = fisher.plot().lines[0].get_ydata()
    assert (share[0], share[-1]) == (0.5, 1.0)
    deep = nonlinear.propagate("tanh", 30, [20] * 2, 30, rng=0)
    _, ax = pyplot.subplots()
    assert deep.plot(ax) is ax
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), deep.distances())


@pytest.mark.parametrize("law", [laws.ErfSlope(1e-12), laws.TanhSlope(1e-12)])
def test_all_mass_next_to_one_end(law):
    """1e-11 wide in a support of length 1: the line is drawn where the mass is, and holds it."""
    (line,) = plots.law(law).lines
    x, y = line.get_data()
    # Twenty steps off the end, where the density diverges like 1 / sqrt(t): there a step is h = t / 10, rounding of x
    # 1e-16 / 1e-13 of t, and the trapezium's error h^2 / 12 on the slope, 1e-3 of sqrt(t) / 2 times the density.
    np.testing.assert_allclose(np.trapezoid(y[:-19], x[:-19]), law.cdf(x[-20]), rtol=0, atol=2e-3)
