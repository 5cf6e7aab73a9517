"""Above a critical energy the Hessian has negative eigenvalues, whose share grows as the power 3/2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import plots
from ..nonlinear import critical_energy, hessian_eigenvalues, hessian_law
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PHI = 0.25
_RATIOS = (0.8, 1.1, 1.2, 1.5, 2.0)


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    n, draws = (200, 8) if quick else (1000, 12)
    critical = float(critical_energy(_PHI))
    found, theory, spectra, errors = [], [], [], []
    for i, ratio in enumerate(_RATIOS):
        rows = [
            hessian_eigenvalues(n, _PHI, ratio * critical, rng=[seed, i, each], threads=threads)
            for each in range(draws)
        ]
        spectra.append(np.concatenate(rows))
        found.append(float(np.mean(spectra[-1] < 0)))
        shares = [np.mean(row < 0) for row in rows]
        errors.append(float(np.std(shares, ddof=1) / np.sqrt(draws)))
        theory.append(float(hessian_law(_PHI, ratio * critical).cdf(0.0)))
    over = np.array([0.01, 0.02])
    index = [float(hessian_law(_PHI, critical * (1 + each)).cdf(0.0)) for each in over]
    exponent = float(np.log(index[1] / index[0]) / np.log(2))
    # Samples far enough above to have eigenvalues there: from 1.2 to 2. Their logarithms are known to four standard
    # errors, and half an eigenvalue at the edge.
    scale = float(np.log((_RATIOS[4] - 1) / (_RATIOS[2] - 1)))
    sampled = float(np.log(found[4] / found[2])) / scale if min(found[2], found[4]) > 0 else 0.0
    expected = float(np.log(theory[4] / theory[2])) / scale
    allowed = sum((4 * errors[i] + 0.5 / n) / theory[i] for i in (2, 4)) / scale
    off = max(abs(a - b) for a, b in zip(found, theory, strict=True))
    checks = (
        Check.near("critical energy at phi = 1/4", critical, 0.04350952641916, 1e-12),
        Check.near("share of negative eigenvalues below it", found[0], 0.0, 0.0),
        Check.near("exponent of the law's index between 1.01 and 1.02 critical energies", exponent, 1.5, 0.15),
        Check.near("the same of samples between 1.2 and 2, beside the law's there", sampled, expected, allowed),
        # An eigenvalue more or less at each edge.
        Check.most("largest distance of the index of samples from the law's, times n", n * off, 1.0),
    )

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        plots.spectrum(spectra[-1], hessian_law(_PHI, _RATIOS[-1] * critical), ax=left, label="samples")
        left.axvline(0, color="#7f7f7f", linewidth=0.8)
        left.set_title(f"energy {_RATIOS[-1]:g} times critical", fontsize=9)
        grid = 1 + np.geomspace(1e-3, 2, 40)
        right.plot(grid - 1, [float(hessian_law(_PHI, critical * each).cdf(0.0)) for each in grid], label="law")
        right.plot(np.array(_RATIOS[1:]) - 1, found[1:], "o", color="black", label="samples")
        right.plot(grid - 1, index[0] * ((grid - 1) / over[0]) ** 1.5, "--", color="#7f7f7f", label="power 3/2")
        right.set_xscale("log")
        right.set_yscale("log")
        right.set_xlabel("energy over critical energy, less 1")
        right.set_ylabel("share of negative eigenvalues")
        right.legend(fontsize="small")

    settings = {"seed": seed, "quick": quick, "n": n, "draws": draws, "phi": _PHI}
    content = {"ratios": list(_RATIOS), "samples": found, "stderr": errors, "law": theory}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


EXPERIMENT = Experiment(
    "saddles",
    "Above a critical energy the model Hessian has negative eigenvalues, and their share grows as the power 3/2",
    "J. Pennington, Y. Bahri, Proceedings of ICML, PMLR 70, 2798 (2017)",
    _work,
)
