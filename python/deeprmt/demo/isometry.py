"""Random networks at criticality beside the wide-limit law of their Jacobians."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import jacobian, meanfield
from .._arguments import RNG, Floats, as_threads, default_threads
from .._display import Displayed
from ..laws import Law
from ..networks import MLP
from ..run import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Comparison", "compare", "critical_network"]


@dataclass(frozen=True, eq=False)
class Comparison(Displayed):
    """Squared singular values of sampled Jacobians, and the law that they approach.

    Attributes
    ----------
    mlp : MLP
        The networks.
    eigenvalues : (trials, n) ndarray
        Of J J^T, J = dh_L/dx_0.
    law : Law
        Their law as the width grows.
    ks : float
        Kolmogorov-Smirnov distance of the pooled eigenvalues from the law.
    """

    mlp: MLP
    eigenvalues: Floats
    law: Law
    ks: float

    def to_dict(self) -> dict[str, Any]:
        """The numbers, ready for JSON."""
        return {
            "activation": self.mlp.activation.name,
            "weights": self.mlp.weights,
            "width": self.mlp.widths[0],
            "depth": self.mlp.depth,
            "networks": len(self.eigenvalues),
            "sigma_w": self.mlp.sigma_w,
            "sigma_b": self.mlp.sigma_b,
            "mean": float(self.eigenvalues.mean()),
            "largest": float(self.eigenvalues.max()),
            "law_mean": float(self.law.mean()),
            "law_largest": float(max(self._upper_ends())),
            "law_atoms": [[float(x), float(mass)] for x, mass in self.law.atoms()],
            "ks": self.ks,
        }

    def _upper_ends(self) -> list[float]:
        return [high for _, high in self.law.support()] + [x for x, mass in self.law.atoms() if mass > 0]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the histogram of the singular values of J with their law over it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where; default: a new figure.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from .. import plots

        label = f"{len(self.eigenvalues)} networks"
        law = jacobian.law(self.mlp, singular=True)
        ax = plots.spectrum(np.sqrt(self.eigenvalues), law, ax=ax, label=label, law_label="infinite width")
        ax.set_xlabel("singular value of the Jacobian")
        ax.set_title(
            f"{self.mlp.activation.name}, depth {self.mlp.depth}, width {self.mlp.widths[0]}: KS {self.ks:.4f}"
        )
        return ax


def critical_network(activation: str, *, width: int = 1000, depth: int = 4, q_star: float = 0.5) -> MLP:
    """A Haar network on the critical line, where gradients neither vanish nor explode.

    Parameters
    ----------
    activation : str
        A name of `deeprmt.activations.names`.
    width, depth : int
        Of every layer; the number of layers.
    q_star : float
        Variance of the preactivations, which fixes sigma_w and sigma_b.

    Returns
    -------
    MLP

    Examples
    --------
    >>> round(critical_network("tanh").sigma_w, 6)
    1.299221
    """
    point = meanfield.critical_point(activation, q_star=q_star)
    return MLP([width] * (depth + 1), activation, weights="haar", sigma_w=point.sigma_w, sigma_b=point.sigma_b)


def compare(
    mlp: MLP,
    *,
    trials: int = 8,
    rng: RNG = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress = None,
) -> Comparison:
    """Sample Jacobians of a network and compare their squared singular values with the wide limit.

    Parameters
    ----------
    mlp : MLP
        The networks; their signal starts at the fixed point of the mean field.
    trials, rng, threads, executor, progress
        As in `deeprmt.jacobian.singular_values`.

    Returns
    -------
    Comparison

    References
    ----------
    .. [1] L. Pastur, J. Math. Phys. 63, 063505 (2022), arXiv:2201.04543.

    Examples
    --------
    >>> compare(critical_network("tanh", width=100), rng=0).ks < 0.05
    True
    """
    workers = None if threads is None else as_threads("compare", threads)
    singular = jacobian.singular_values(
        mlp, trials=trials, rng=rng, threads=threads, executor=executor, progress=progress
    )
    law = jacobian.law(mlp)
    eigenvalues = singular**2
    with default_threads(workers):
        return Comparison(mlp, eigenvalues, law, law.ks_distance(eigenvalues))
