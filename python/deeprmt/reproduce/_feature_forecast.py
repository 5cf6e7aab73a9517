"""Errors of random-feature regression are known before it is run, on Gaussian data and on digits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..nonlinear import RandomFeatureForecast, RandomFeatureRidge
from ..training import dataset
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GRID = np.geomspace(1e-4, 10, 40)
# Four samples in two dimensions, two others, six features with standard normal weights: errors in 25 digits.
_X = [[1, 0.2], [0.5, -0.7], [-0.3, 0.9], [0.8, 0.4]]
_FEW = {("relu", 0.1): (0.1147174800059, 0.4130159067173), ("erf", 0.5): (0.1885588082628, 0.2707478030924)}


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    runs, size = (12, 120) if quick else (30, 512)
    rng = np.random.default_rng([seed, 0])
    x = rng.normal(size=(size * 3 // 4, max(size // 5, 30)))
    direction = rng.normal(size=x.shape[1])
    digits = dataset("digits")
    used = 150 if quick else len(digits.x)
    mean = digits.x[:used].mean(axis=0)
    labels, labels_test = (2.0 * (each >= 5) - 1 for each in (digits.y[:used], digits.y_test))
    few_inputs = 0.01 * 512 / size if quick else 0.0
    # Columns of length one or so: sigma_w brings digits to the scale at which relu's ridge matters.
    cases: dict[str, tuple[Any, ...]] = {
        "Gaussian": (x[: size // 2], np.sign(x[: size // 2] @ direction), x[size // 2 :],
                     np.sign(x[size // 2 :] @ direction), (0.01, 0.1, 1.0), 1.0, 4.0, few_inputs),
        "digits": (digits.x[:used] - mean, labels, digits.x_test - mean, labels_test, (0.01, 0.1, 1.0), 3.0, 4.0,
                   0.05 * quick),
    }  # fmt: skip
    checks, content, curves = [], {}, {}
    off = 0.0
    for (f, ridge), wanted in _FEW.items():
        few = RandomFeatureForecast(6, f, sigma_w=2**0.5, threads=threads).fit(_X, [1, -1, 1, 0.5])
        exact = few.errors(ridge, [[0.6, 0.1], [-0.2, 1.1]], [0.8, 0.3])
        off = max(off, *(abs(float(a[0]) / b - 1) for a, b in zip((exact.train, exact.test), wanted, strict=True)))
    checks.append(Check.most("largest relative error of the formula, four samples by hand", off, 1e-11))
    for name, (data, y, test, y_test, ridges, sigma, sigmas, bias) in cases.items():
        forecast = RandomFeatureForecast(size, sigma_w=sigma, threads=threads).fit(data, y)
        curves[name] = forecast.errors(_GRID, test, y_test)
        worst = {"training": 0.0, "test": 0.0}
        rows = []
        for ridge in ridges:
            expected = forecast.errors(ridge, test, y_test)
            found = []
            for each in range(runs):
                model = RandomFeatureRidge(size, ridge=ridge, sigma_w=sigma, rng=[seed, each], threads=threads)
                model.fit(data, y)
                found.append([np.mean((model.predict(a) - b) ** 2) for a, b in ((data, y), (test, y_test))])
            stderr = np.std(found, axis=0, ddof=1) / np.sqrt(runs)
            rows.append([ridge, *np.mean(found, axis=0).tolist(), *stderr.tolist()])
            for i, (kind, value) in enumerate((("training", expected.train[0]), ("test", expected.test[0]))):
                # In units of what is allowed: four standard errors, and what few inputs leave.
                allowed = sigmas * stderr[i] + bias * value
                worst[kind] = max(worst[kind], abs(rows[-1][1 + i] - value) / allowed)
        for kind, value in worst.items():
            unit = f"{sigmas:g} standard errors" + (f" and {100 * bias:.3g} %" if bias else "")
            label = f"{name}: distance of {kind} errors, in units of {unit}"
            checks.append(Check.most(label, value, 1.0))
        content[name] = {"runs": rows, "forecast": curves[name].to_dict()}

    def draw(figure: Figure) -> None:
        for ax, (name, curve) in zip(figure.subplots(1, 2), curves.items(), strict=True):
            curve.plot(ax)
            for ridge, train, error, a, b in content[name]["runs"]:
                ax.errorbar([ridge, ridge], [train, error], [4 * a, 4 * b], fmt=".", color="black")
            ax.set_title(f"{name}: lines are forecasts", fontsize=9)

    settings = {"seed": seed, "quick": quick, "features": size, "runs": runs, "activation": "relu"}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


EXPERIMENT = Experiment(
    "feature-forecast",
    "Training and test errors of random-feature regression on given data are known before it is run",
    "C. Louart, Z. Liao, R. Couillet, Ann. Appl. Probab. 28, 1190 (2018), arXiv:1702.05419",
    _work,
)
