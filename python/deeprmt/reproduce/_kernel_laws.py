"""Conjugate and tangent kernels over as many inputs as there are units have the spectra of the iterated law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, plots
from ..activations import Activation, as_activation
from ..laws import Law, MarchenkoPastur
from ..linalg import eigvalsh, svd
from ..meanfield import KernelSpectrum, conjugate_kernel_law, kernel_spectrum, ntk_law
from ..networks import MLP
from ..training import dataset
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS = (-1.0, 1 + 1j, 2 + 0.5j)
_DEPTH = 2  # of networks over data
# Activation, inputs over their dimension, inputs over the width of each hidden layer. relu is outside the theorem,
# which asks for a smooth activation.
_CASES: tuple[tuple[str, float, list[float]], ...] = (
    ("tanh", 1.0, [1.0]),
    ("tanh", 1.0, [1.0, 1.0]),
    ("relu", 0.5, [0.75]),
    ("relu", 0.5, [0.75, 0.5]),
    ("relu", 0.5, [0.75, 0.5, 0.5]),
)


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    n, draws, tangents = (60, 2, 2) if quick else (1000, 4, 16)
    checks: list[Check] = []
    content: dict[str, Any] = {}
    cases: dict[str, tuple[dict[str, Law], dict[str, list[Any]]]] = {}
    for name, first, gammas in _CASES:
        each = _case(name, first, gammas, n, draws, tangents, seed, threads)
        label = f"{name}, {len(gammas)} hidden layer{'s' * (len(gammas) > 1)}"
        cases[label] = each
        content[label] = {"gammas": [first, *gammas]}
        checks += _compared(label, *each, n, content[label])
    mlp, scaled = _network("tanh", [n] * (_DEPTH + 1))
    # Inputs of unequal variances, as data have them: the law starts from their own Gram matrix. Standard deviations of
    # the directions fall from 3 to 1/3, and inputs stay nearly orthogonal.
    rng = np.random.default_rng([seed, tangents])
    x = rng.normal(size=(n, n)) * np.geomspace(3, 1 / 3, n)
    x *= np.sqrt(n) / np.linalg.norm(x, axis=1)[:, None]
    gram = _core.linalg.multiply_transposed(x, x, threads) / n
    own = conjugate_kernel_law("tanh", [1.0] * _DEPTH, inputs=np.asarray(eigvalsh(gram, threads=threads)))
    network = mlp.sample(rng, threads=threads)
    uneven = kernel_spectrum(network.conjugate_kernel(x, threads=threads), own, threads=threads)
    checks.append(Check.most("inputs of unequal variances, conjugate kernel: Kolmogorov distance", uneven.ks, 0.02))
    # Real inputs: digits without their ten leading components and with no two alike, because the theorem asks for
    # inputs that are nearly orthogonal; beside Gaussian inputs of the same shape, and digits as they come.
    digits = _digits(0.6, 60 if quick else None)
    rng = np.random.default_rng([seed, tangents + 1])
    real = {
        "digits": digits,
        "Gaussian": rng.normal(size=digits.shape),
        "digits, all components and pairs": _digits(None, len(digits)),
    }
    found_at = {name: _spectra(each, scaled, rng, threads) for name, each in real.items()}
    content["digits"] = {
        name: {"inputs": len(real[name])} | {kind: each.ks for kind, each in spectra_of.items()}
        for name, spectra_of in found_at.items()
    }
    shown = found_at["digits"]["conjugate"]
    other = found_at["Gaussian"]["conjugate"]
    for name, ks in (("digits", shown.ks), ("as many Gaussian inputs", other.ks)):
        checks.append(Check.most(f"{name}, conjugate kernel: Kolmogorov distance", ks, 0.05))
    # The law from the digits' own Gram matrix has their largest eigenvalue, up to what their cosines of up to 0.6 take
    # away; that of Gaussian inputs has not.
    for name, spectrum, make, bound in (
        ("digits: largest eigenvalue over the upper end of their law", shown, Check.near, (1.0, 0.2)),
        ("the same over that of the law of Gaussian inputs", other, Check.least, (1.5,)),
    ):
        assert spectrum.law is not None
        end = float(np.max(spectrum.law.support()))
        checks.append(make(name, shown.lambda_max / end, *bound))
    content["digits"]["largest"] = shown.lambda_max
    content["eigenvalues"] = {
        label: {kind: rows[0].tolist() for kind, rows in spectra.items()} for label, (_, spectra) in cases.items()
    }

    def draw(figure: Figure) -> None:
        figure.set_size_inches(11, 6.6)
        axes = figure.subplots(2, 3)
        for row, label in zip(axes, ("tanh, 2 hidden layers", "relu, 3 hidden layers"), strict=True):
            laws, spectra = cases[label]
            for ax, (kind, limit) in zip(row, laws.items(), strict=False):
                plots.spectrum(np.concatenate(spectra[kind]), limit, ax=ax, label="networks")
                ax.set_title(f"{kind} kernel, {label}", fontsize=9)
        for ax, found, what in zip(
            axes[:, 2], (uneven, shown), ("uneven inputs", f"{len(digits)} digits"), strict=True
        ):
            found.plot(ax)
            ax.set_title(f"conjugate kernel, {what}", fontsize=9)
        for ax in axes.flat:
            ax.set_yscale("log")
            ax.set_ylim(1e-4, 20)
            ax.legend(frameon=False, loc="upper right", fontsize="small")

    settings = {"seed": seed, "quick": quick, "inputs": n, "cases": [list(case) for case in _CASES]}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


def _network(name: str, widths: list[int]) -> tuple[MLP, Activation]:
    """With the activation shifted and scaled to mean 0 and variance 1 at a standard normal preactivation."""
    phi, law = as_activation("kernel-laws", name), conjugate_kernel_law(name, 1.0)
    factor, offset = law.factor, law.offset
    scaled = Activation(lambda h: factor * (phi.phi(h) - offset), lambda h: factor * phi.dphi(h))
    return MLP([*widths, 1], scaled, sigma_w=1.0, parametrization="ntk"), scaled


def _case(
    name: str, first: float, gammas: list[float], n: int, draws: int, tangents: int, seed: int, threads: int
) -> tuple[dict[str, Law], dict[str, list[Any]]]:
    """The laws, and eigenvalues of kernels over n Gaussian inputs: an array a draw."""
    inputs = MarchenkoPastur(first)
    laws: dict[str, Law] = {
        "conjugate": conjugate_kernel_law(name, gammas, inputs=inputs),
        "tangent": ntk_law(name, gammas, inputs=inputs),
    }
    mlp, _ = _network(name, [round(n / gamma) for gamma in (first, *gammas)])
    spectra: dict[str, list[Any]] = {"conjugate": [], "tangent": []}
    for each in range(tangents):
        rng = np.random.default_rng([seed, each])
        network = mlp.sample(rng, threads=threads)
        x = rng.normal(size=(n, mlp.widths[0]))
        if each < draws:
            kernel = network.conjugate_kernel(x, threads=threads)
            spectra["conjugate"].append(np.asarray(eigvalsh(kernel, threads=threads)))
        kernel = network.ntk(x, threads=threads)
        spectra["tangent"].append(np.asarray(eigvalsh(kernel, threads=threads)))
    return laws, spectra


def _compared(
    label: str, laws: dict[str, Law], spectra: dict[str, list[Any]], n: int, content: dict[str, Any]
) -> list[Check]:
    checks = []
    z = np.array(_POINTS)
    for kind, limit in laws.items():
        rows = spectra[kind]
        # The mean of 1 / (x - z), as `Law.stieltjes` has it.
        found = np.array([[np.mean(1 / (values - point)) for point in z] for values in rows])
        wanted = np.asarray(limit.stieltjes(z))
        off = np.abs(found.mean(axis=0) - wanted)
        content[kind] = {"distance": off.tolist(), "law": [[v.real, v.imag] for v in wanted]}
        if kind == "conjugate":
            what = f"{label}, conjugate kernel: largest error of the Stieltjes transform, {len(rows)} draws"
            checks.append(Check.most(what, off.max(), 2e-3))
            continue
        error = np.sqrt(np.var(found.real, axis=0, ddof=1) + np.var(found.imag, axis=0, ddof=1)) / np.sqrt(len(rows))
        what = f"{label}, tangent kernel: the same in standard errors of {len(rows)} draws"
        checks.append(Check.most(what, (off / error).max(), 4.0))
        means = np.array([values.mean() for values in rows])
        # |w|^2 / d of the output weights: a relative s.d. of about sqrt(2 / d) a draw, d at least n here.
        deviation = float(np.sqrt(2 / n / len(rows)))
        what = f"{label}, tangent kernel: mean eigenvalue over that of the law"
        checks.append(Check.near(what, means.mean() / limit.mean(), 1.0, 5 * deviation))
    return checks


def _digits(cosine: float | None, count: int | None) -> Any:
    """(n, 64) images of length 8: centred; with `cosine` without ten components, and with no pair above it."""
    data = dataset("digits")
    x = np.concatenate([data.x, data.x_test]).astype(np.float64)
    x -= x.mean(axis=0)
    if cosine is not None:
        leading = svd(x)[2][:10]
        x -= (x @ leading.T) @ leading
    x *= np.sqrt(x.shape[1]) / np.linalg.norm(x, axis=1)[:, None]
    if cosine is None:
        return x[:count]
    pairs = np.abs(x @ x.T) / x.shape[1]
    kept: list[int] = []
    for each in range(len(x)):
        if not (pairs[each, kept] > cosine).any():
            kept.append(each)
    return x[kept[:count]]


def _spectra(x: Any, phi: Activation, rng: np.random.Generator, threads: int) -> dict[str, KernelSpectrum]:
    """Of the kernels of a network whose widths are the number of inputs, beside the laws from their Gram matrix."""
    n = len(x)
    own = np.asarray(eigvalsh(_core.linalg.multiply_transposed(x, x, threads) / x.shape[1], threads=threads))
    mlp = MLP([x.shape[1], *[n] * _DEPTH, 1], phi, sigma_w=1.0, parametrization="ntk")
    network = mlp.sample(rng, threads=threads)
    conjugate = conjugate_kernel_law("tanh", [1.0] * _DEPTH, inputs=own)
    tangent = ntk_law("tanh", [1.0] * _DEPTH, inputs=own)
    return {
        "conjugate": kernel_spectrum(network.conjugate_kernel(x, threads=threads), conjugate, threads=threads),
        "tangent": kernel_spectrum(network.ntk(x, threads=threads), tangent, scale="mean", threads=threads),
    }


EXPERIMENT = Experiment(
    "kernel-laws",
    "Conjugate and tangent kernels over n inputs, with widths of the order of n, have the spectra of a recursion",
    "Z. Fan, Z. Wang, NeurIPS (2020), arXiv:2005.11879",
    _work,
)
