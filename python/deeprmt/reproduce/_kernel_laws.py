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
_DEPTH = 2


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    n, draws, tangents = (60, 2, 2) if quick else (1000, 4, 16)
    inputs = MarchenkoPastur(1.0)
    laws: dict[str, Law] = {
        "conjugate": conjugate_kernel_law("tanh", [1.0] * _DEPTH, inputs=inputs),
        "tangent": ntk_law("tanh", [1.0] * _DEPTH, inputs=inputs),
    }
    phi = as_activation("kernel-laws", "tanh")
    factor = laws["conjugate"].factor  # type: ignore[attr-defined]
    scaled = Activation(lambda h: factor * phi.phi(h), lambda h: factor * phi.dphi(h))
    mlp = MLP([n] * (_DEPTH + 1) + [1], scaled, sigma_w=1.0, parametrization="ntk")
    spectra: dict[str, list[Any]] = {"conjugate": [], "tangent": []}
    for each in range(tangents):
        rng = np.random.default_rng([seed, each])
        network = mlp.sample(rng, threads=threads)
        x = rng.normal(size=(n, n))
        if each < draws:
            kernel = network.conjugate_kernel(x, threads=threads)
            spectra["conjugate"].append(np.asarray(eigvalsh(kernel, threads=threads)))
        kernel = network.ntk(x, threads=threads)
        spectra["tangent"].append(np.asarray(eigvalsh(kernel, threads=threads)))
    checks, content = [], {}
    for kind, limit in laws.items():
        z = np.array(_POINTS)
        # The mean of 1 / (x - z), as `Law.stieltjes` has it.
        found = np.array([[np.mean(1 / (values - point)) for point in z] for values in spectra[kind]])
        wanted = np.asarray(limit.stieltjes(z))
        off = np.abs(found.mean(axis=0) - wanted)
        content[kind] = {"distance": off.tolist(), "law": [[v.real, v.imag] for v in wanted]}
        if kind == "conjugate":
            checks.append(
                Check.most(
                    f"conjugate kernel: largest error of the Stieltjes transform, {draws} draws", off.max(), 2e-3
                )
            )
            continue
        error = np.sqrt(np.var(found.real, axis=0, ddof=1) + np.var(found.imag, axis=0, ddof=1)) / np.sqrt(tangents)
        checks.append(
            Check.most(f"tangent kernel: the same in standard errors of {tangents} draws", (off / error).max(), 4.0)
        )
        means = np.array([values.mean() for values in spectra[kind]])
        # |w|^2 / n of the output weights: a relative s.d. of about sqrt(2 / n) a draw.
        deviation = float(np.sqrt(2 / n / tangents))
        checks.append(
            Check.near("tangent kernel: mean eigenvalue over that of the law", means.mean() / limit.mean(), 1.0,
                       5 * deviation)
        )  # fmt: skip
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
    content["eigenvalues"] = {kind: rows[0].tolist() for kind, rows in spectra.items()}

    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, 4)
        uneven.plot(axes[2])
        axes[2].set_title("conjugate kernel, uneven inputs", fontsize=9)
        shown.plot(axes[3])
        axes[3].set_title(f"conjugate kernel, {len(digits)} digits", fontsize=9)
        for ax, (kind, limit) in zip(axes, laws.items(), strict=False):
            plots.spectrum(np.concatenate(spectra[kind]), limit, ax=ax, label="networks")
            ax.set_title(f"{kind} kernel", fontsize=9)
        for ax in axes:
            ax.set_yscale("log")
            ax.set_ylim(1e-4, 20)
            ax.legend(frameon=False, loc="upper right")

    settings = {"seed": seed, "quick": quick, "inputs": n, "widths": n, "activation": "tanh, scaled", "depth": _DEPTH}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


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
