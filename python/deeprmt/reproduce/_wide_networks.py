"""Wide networks are Gaussian processes: closed forms, quadrature and networks agree on the covariance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from ..activations import Activation, as_activation, rectified_power
from ..meanfield import kernels, nngp, ntk
from ..networks import MLP
from ._experiment import Experiment
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of networks that are sampled: activation, numbers of weight matrices, sigma_w, sigma_b. Arc-cosine kernels of order 0
# and 2 are those of a step, of which the last layer alone learns, and of relu squared, whose products have long tails.
_SAMPLED: dict[str, tuple[str | Activation, int, float, float]] = {
    "relu": ("relu", 4, 2**0.5, 0.1),
    "erf": ("erf", 4, 1.5, 0.3),
    "step, order 0": (rectified_power(0), 3, 2**0.5, 0.1),
    "relu squared, order 2": (rectified_power(2), 3, (2 / 3) ** 0.5, 0.1),
}

# relu of depth 6, sigma_w^2 = 2, no biases, inputs of length 1 at 60 degrees: K and Theta between them, from the
# recursion of arc-cosine kernels in arithmetic of 30 digits.
_KNOWN = {"K": 1.62090840201, "Theta": 4.92578626492}


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    width, runs = (50, 8) if quick else (1000, 40)
    pair = np.sqrt(2) * np.array([[1.0, 0.0], [0.5, 0.75**0.5]])
    known: dict[str, Any] = {"depth": 6, "activation": "relu", "sigma_w": 2**0.5, "sigma_b": 0.0}
    checks = [
        Check.near("relu, depth 6: K at 60 degrees", nngp(pair, **known)[0, 1], _KNOWN["K"], 1e-11),
        Check.near("relu, depth 6: Theta at 60 degrees", ntk(pair, **known)[0, 1], _KNOWN["Theta"], 1e-11),
    ]
    worst = 0.0
    for name in ("erf", "gelu", "sin"):
        both = nngp(pair, depth=2, activation=name, sigma_w=1.5, sigma_b=0.3)
        worst = max(worst, float(np.abs(both - _by_quadrature(name, pair, 1.5, 0.3)).max()))
    checks.append(Check.most("erf, gelu, sin: largest difference of K^2 from quadrature", worst, 1e-12))
    worst = 0.0
    for name in ("relu", "erf", "gelu", "sin"):
        options: dict[str, Any] = {"depth": 4, "sigma_w": 1.5, "sigma_b": 0.3}
        phi = as_activation("wide-networks", name)
        other = Activation(phi.phi, phi.dphi, name="of no closed form", kinks=phi.kinks)  # K and Theta by quadrature
        for one, two in zip(
            kernels(pair, activation=phi, **options), kernels(pair, activation=other, **options), strict=True
        ):
            worst = max(worst, float(np.abs(one - two).max() / one[0, 0]))
    checks.append(
        Check.most("relu, erf, gelu, sin, depth 4: K and Theta less those by quadrature, of the diagonal", worst, 1e-12)
    )
    angles = np.linspace(0, np.pi, 9)
    x = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    content: dict[str, Any] = {"angles": angles.tolist()}
    for name, (activation, depth, sigma_w, sigma_b) in _SAMPLED.items():
        widths = [2, *[width] * (depth - 1), 1]
        mlp = MLP(widths, activation, sigma_w=sigma_w, sigma_b=sigma_b, parametrization="ntk")
        drawn = []
        for each in range(runs):
            network = mlp.sample(np.random.default_rng([seed, each]), threads=threads)
            # The outputs' covariance given all but the last layer, and the tangent kernel, with the first input.
            given = sigma_w**2 * network.conjugate_kernel(x[:1], x, threads=threads)[0] + sigma_b**2
            drawn.append([given, network.ntk(x[0], x, threads=threads)])
        means, errors = np.mean(drawn, axis=0), np.std(drawn, axis=0, ddof=1) / np.sqrt(runs)
        settings: dict[str, Any] = {
            "depth": depth, "activation": activation, "sigma_w": sigma_w, "sigma_b": sigma_b,
        }  # fmt: skip
        limits = np.array([nngp(x[:1], x, **settings)[0], ntk(x[:1], x, **settings)[0]])
        off = np.abs(means - limits) / errors
        what = f"{name}, width {width}: largest deviation of K and Theta, in standard errors"
        checks.append(Check.most(what, off.max(), 3.0))
        content[name] = {"mean": means.tolist(), "error": errors.tolist(), "limit": limits.tolist()}

    def draw(figure: Figure) -> None:
        for ax, name in zip(figure.subplots(2, 2, sharex=True).flat, _SAMPLED, strict=True):
            rows = zip(content[name]["mean"], content[name]["error"], content[name]["limit"], strict=True)
            for (mean, error, limit), what, colour in zip(rows, ("K", "Theta"), ("#1f4e79", "#c0392b"), strict=True):
                ax.plot(angles, limit, "-", color=colour, label=f"{what}, infinitely wide")
                ax.errorbar(angles, mean, error, fmt=".", color=colour, capsize=2, label=f"{what}, {runs} networks")
            ax.set_title(name, fontsize=9)
            ax.legend(frameon=False, fontsize="x-small")
        for ax in figure.axes[2:]:
            ax.set_xlabel("angle between inputs")

    settings = {"seed": seed, "quick": quick, "width": width, "networks": runs}
    return Reproduction(experiment.name, experiment.claim, experiment.source, tuple(checks), content, settings, draw)


def _by_quadrature(name: str, x: Any, sigma_w: float, sigma_b: float) -> Any:
    """K^2 of pairs of inputs, by Gauss-Hermite rules in the plane."""
    phi = as_activation("wide-networks", name).phi
    nodes, weights = hermegauss(160)
    weights = weights / weights.sum()
    first = sigma_w**2 * (x @ x.T) / x.shape[1] + sigma_b**2
    out = np.empty_like(first)
    for i in range(len(x)):
        for j in range(len(x)):
            a, c = np.sqrt(first[i, i]), first[i, j] / np.sqrt(first[i, i])
            rest = np.sqrt(max(first[j, j] - c * c, 0.0))
            u, v = a * nodes[:, None], c * nodes[:, None] + rest * nodes
            out[i, j] = np.einsum("i,j,ij->", weights, weights, phi(u) * phi(v))
    return sigma_w**2 * out + sigma_b**2


EXPERIMENT = Experiment(
    "wide-networks",
    "Outputs of wide networks are Gaussian, with a covariance in closed form",
    "J. Lee, Y. Bahri et al., ICLR (2018), arXiv:1711.00165; Y. Cho, L. Saul, NIPS (2009); C. Williams, NIPS (1996)",
    _work,
)
