"""What depth does to the spectrum of the data: the limit law of each layer, and networks drawn at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from .. import _core, run
from .._arguments import (
    MOST,
    RNG,
    Floats,
    as_array,
    as_choice,
    as_count,
    as_key,
    as_number,
    as_threads,
    refuse_beyond_memory,
    shown,
)
from .._display import Displayed
from ..activations import Activation
from ..ensembles import GaussianOperator
from ..laws import Law, MarchenkoPastur
from ..linalg import eigvalsh
from ..meanfield import conjugate_kernel_law, gauss_moment
from ..run import Progress
from ._constants import as_function, constants_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LayerLaw", "Propagation", "layer_law", "propagate"]

Array = NDArray[np.float64]
_normalisations = ("none", "columns", "batch")


class LayerLaw(Law):
    """The law of the n_l eigenvalues of X_l X_l^T / m; made by `layer_law`.

    Attributes
    ----------
    activation : Activation
        Taken with mean 0 and variance 1.
    ratios : tuple of float
        m / n_l, l = 0 .. L.

    Examples
    --------
    >>> law = layer_law("tanh", [1.0, 1.5, 1.5])
    >>> law
    LayerLaw(tanh, m/n=(1, 1.5, 1.5))
    >>> round(float(law.mean()), 10)
    1.0
    """

    def __init__(self, activation: Activation, ratios: tuple[float, ...]) -> None:
        self.activation, self.ratios = activation, ratios

    def __repr__(self) -> str:
        return f"LayerLaw({self.activation.name}, m/n=({', '.join(f'{each:.6g}' for each in self.ratios)}))"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def to_dict(self) -> dict[str, Any]:
        """What the law is made of, its support and its atoms."""
        return {
            "activation": self.activation.name,
            "ratios": list(self.ratios),
            "support": self.support(),
            "atoms": self.atoms(),
        }

    @property
    def report(self) -> dict[str, Any]:
        """The `points` solved for so far, and how many of them `failed`: each of those was an error."""
        return dict(self._kernel.report)

    @cached_property
    def _kernel(self) -> Any:
        """Of the m x m matrix X_l^T X_l / n_l, with m / n_l times the same eigenvalues."""
        return conjugate_kernel_law(self.activation, self.ratios[1:], inputs=MarchenkoPastur(self.ratios[0]))

    @property
    def _ratio(self) -> float:
        return self.ratios[-1]

    def support(self) -> list[tuple[float, float]]:
        """The intervals that carry the continuous part."""
        return [(low / self._ratio, high / self._ratio) for low, high in self._kernel.support()]

    def atoms(self) -> list[tuple[float, float]]:
        """0, where the rank is less than n_l."""
        zeros = 1 - self._ratio * (1 - sum(mass for _, mass in self._kernel.atoms()))
        return [(0.0, zeros)] if zeros > 1e-12 else []

    def _pdf(self, x: Array) -> Array:
        return np.asarray(self._ratio**2 * self._kernel._pdf(x * self._ratio))

    def _cdf(self, x: Array) -> Array:
        return np.asarray(np.clip(1 - self._ratio * (1 - self._kernel._cdf(x * self._ratio)), 0.0, 1.0))

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        inner = self._ratio**2 * self._kernel._stieltjes(z * self._ratio)
        return np.asarray(inner + (self._ratio - 1) / z)

    def _moment(self, k: int) -> float:
        return self._ratio ** (1 - k) * float(self._kernel._moment(k))

    def var(self) -> np.float64:
        """The variance, layer by layer."""
        zeta, spread = float(self._kernel.b) ** 2, self.ratios[0]
        for ratio in self.ratios[1:]:
            spread = zeta * zeta * spread + ratio
        return np.float64((1 + spread) / self._ratio - 1)


def layer_law(f: str | Activation | Callable[[Any], Any], ratios: Sequence[float]) -> LayerLaw:
    """The limit law of the data covariance X_L X_L^T / m behind L layers X_l = f(W_l X_{l-1}), X_0 Gaussian.

    Parameters
    ----------
    f : str, Activation or callable
        Taken as (f - E f) / sd f at a standard normal, so that columns keep their length.
    ratios : sequence of float
        m / n_0, m / n_1, ..., m / n_L; positive, at least two.

    Returns
    -------
    LayerLaw
        For L = 1 that of `gram_law` with eta = 1.

    Raises
    ------
    ValueError, TypeError
        If a ratio is not above 0, or f is constant or has no variance under a normal number.

    Notes
    -----
    Given the layer before, the rows of X_l are f of independent Gaussian vectors whose covariance is that layer's m x m
    Gram matrix. So X_l^T X_l / n_l has the free product of Marchenko-Pastur's law of aspect m / n_l and of the law of
    (1 - zeta) + zeta x, x from the layer before [1]_. With zeta = 0 no layer knows of the others.
    `deeprmt.meanfield.conjugate_kernel_law` solves it.

    References
    ----------
    .. [1] Z. Fan, Z. Wang, Spectra of the conjugate kernel and neural tangent kernel for linear-width neural networks,
       NeurIPS (2020), arXiv:2005.11879.

    Examples
    --------
    >>> spread = [float(layer_law("relu", [1.0] + [1.5] * depth).var()) for depth in (1, 2, 3)]
    >>> [round(each, 6) for each in spread]
    [1.02532, 1.397595, 1.597871]
    """
    values = [float(each) for each in _positive("layer_law", ratios)]
    if len(values) < 2:
        raise ValueError(f"layer_law: ratios must be at least two, m / n_0 and m / n_1, got {shown(ratios)}")
    activation = as_function("layer_law", "f", f)
    constants_of("layer_law", "f", activation)  # refuses what is constant, or without a variance
    return LayerLaw(activation, tuple(values))


def _positive(name: str, ratios: Any) -> list[float]:
    if as_array(name, "ratios", ratios).ndim != 1:
        raise TypeError(f"{name}: ratios must be a sequence of numbers, got {shown(ratios)}")
    return [as_number(name, f"ratios[{i}]", each, above=0) for i, each in enumerate(ratios)]


@dataclass(frozen=True, eq=False, repr=False)
class Propagation(Displayed):
    """Spectra of the data covariance behind each layer of networks drawn at random; made by `propagate`.

    Attributes
    ----------
    activation : Activation
        As given; taken with mean 0 and variance 1.
    widths : tuple of int
        n_0, n_1, ..., n_L.
    m : int
        Samples.
    normalize : str
        "none", "columns" or "batch".
    eigenvalues : tuple of (trials, n_l) ndarray
        Of X_l X_l^T / m, l = 1 .. L, ascending.
    norm_variances : (trials, L) ndarray
        The variance over the columns of |x_{l-1}|^2 / n_{l-1}, the input of layer l.
    mean_strengths : (trials, L) ndarray
        n_l times the mean square, over those columns, of the mean of f at their norms: the strength of the part of rank
        one that they bring to layer l. See `outliers`.

    Examples
    --------
    >>> found = propagate("tanh", 90, [60] * 3, 90, rng=0)
    >>> [each.shape for each in found.eigenvalues]
    [(1, 60), (1, 60), (1, 60)]
    >>> bool(found.distances()[0] < found.distances()[2])
    True
    """

    activation: Activation
    widths: tuple[int, ...]
    m: int
    normalize: str
    eigenvalues: tuple[Floats, ...]
    norm_variances: Floats
    mean_strengths: Floats

    def __repr__(self) -> str:
        trials = len(self.norm_variances)
        return f"Propagation({self.activation.name}, {len(self.widths) - 1} layers, {trials} trials, {self.normalize})"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how far each layer is from the first; needs matplotlib."""
        from .. import plots

        return plots.propagation(self, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """What was run, the largest eigenvalues and the distances to the law of the first layer."""
        return {
            "activation": self.activation.name,
            "widths": list(self.widths),
            "m": self.m,
            "normalize": self.normalize,
            "trials": len(self.norm_variances),
            "largest": [float(each[:, -1].mean()) for each in self.eigenvalues],
            "distances": self.distances().tolist(),
        }

    def law(self, layer: int) -> LayerLaw:
        """The limit law of a layer, from 1 on."""
        layer = as_count("Propagation.law", "layer", layer, most=len(self.eigenvalues))
        return LayerLaw(self.activation, tuple(self.m / n for n in self.widths[: layer + 1]))

    def distances(self, law: Law | None = None, *, bins: int = 60, high: float = 6.0) -> Array:
        """For each layer the L1 distance of its histogram over all trials, `bins` bins on [0, high], to a law.

        Parameters
        ----------
        law : Law, optional
            Default: that of the first layer, so that what is seen is what depth does.
        bins : int
            From 1 to 10^7.
        high : float
            Above 0. Eigenvalues beyond count for nothing.

        Returns
        -------
        (L,) ndarray
        """
        name = "Propagation.distances"
        bins = as_count(name, "bins", bins, most=10**7)
        edges = np.linspace(0, as_number(name, "high", high, above=0), bins + 1)
        if not (law is None or isinstance(law, Law)):
            raise TypeError(f"{name}: law must be a Law, got {shown(law)}")
        against = self.law(1) if law is None else law
        expected = np.diff(np.concatenate([[0.0], np.asarray(against.cdf(edges[1:]))]))
        return np.array(
            [np.abs(np.histogram(each, edges)[0] / each.size - expected).sum() for each in self.eigenvalues]
        )

    def outliers(self) -> Array:
        """Where the norms of the columns alone put the largest eigenvalue of each layer, (trials, L).

        Columns of X_{l-1} differ in norm, by O(n^{-1/2}). f has mean 0 at norm 1 alone, so that all neurons share a
        mean that depends on the column: X_l is the matrix of the limit plus 1 mu^T. The strength theta^2 = n_l mean
        mu_j^2 stays as n grows, for it is n times a variance of order 1/n; norms spread with depth, and at a strength
        beyond the transition one eigenvalue leaves the bulk, at 1 / theta^2 = x G(x) G'(x), G and G' the Cauchy
        transforms of both sides. With zeta = 0 this is (1 + theta^2) (n_l / m + theta^2) / theta^2.

        NaN where that strength is below the transition: this mean alone makes no outlier, which is not to say that
        there is none. With zeta > 0 the linear part hands on what has left the bulk in the layer before, and that, and
        what products of correlated columns add, is not counted: the largest eigenvalue is above this number then. In
        layer 10 of `leaky_family(alpha)`, n_0 = 900, n_l = 600, three networks: 33.6, 27.0, 32.5 where this is 31.3,
        24.5, 29.3 for alpha = 1 (zeta = 0); 46, 41, 47 and 36, 29, 33 for 0.5; 14.7, 14.8, 19.4 and NaN, NaN, 8.3 for
        relu, whose bulk ends at 8.2.
        """
        out = np.full(self.mean_strengths.shape, np.nan)
        for layer in range(len(self.eigenvalues)):
            law = self.law(layer + 1)
            for trial, strength in enumerate(self.mean_strengths[:, layer]):
                out[trial, layer] = _outlier(law, float(strength))
        return out


def _outlier(law: LayerLaw, strength: float) -> float:
    if not strength > 0:
        return math.nan
    edge, aspect = law._hull()[1], 1 / law._ratio

    def excess(x: float) -> float:
        g = -float(law.stieltjes(x).real)
        return strength * x * g * (aspect * g + (1 - aspect) / x) - 1

    low, high = edge * (1 + 1e-9), 2 * edge + 4 * strength + 4
    if excess(low) <= 0:
        return math.nan
    while excess(high) > 0:
        high *= 2
    return float(optimize.brentq(excess, low, high, rtol=1e-10))


@dataclass(frozen=True)
class _Network:
    """One network: a task for any executor."""

    phi: Callable[[Any], Any]
    mean: float
    sd: float
    activation: Activation
    widths: tuple[int, ...]
    m: int
    normalize: str
    key: int
    threads: int

    def __call__(self, trial: int) -> tuple[list[Floats], list[float], list[float]]:
        def operator(rows: int, columns: int, part: int) -> GaussianOperator:
            rng = np.random.default_rng([self.key, trial, part])
            return GaussianOperator(rows, columns, rng=rng, threads=self.threads)

        n0 = self.widths[0]
        x = np.asarray(operator(n0, self.m, 0).to_dense()) * math.sqrt(self.m)
        spectra, spreads, strengths = [], [], []
        for layer, (n_in, n_out) in enumerate(zip(self.widths[:-1], self.widths[1:], strict=True), start=1):
            norms = np.einsum("ij,ij->j", x, x) / n_in
            h = np.asarray(operator(n_out, n_in, layer) @ x)
            if self.normalize == "batch":
                h -= h.mean(axis=1, keepdims=True)
                h /= np.maximum(np.sqrt(np.einsum("ij,ij->i", h, h) / self.m), 1e-300)[:, None]
            x = (np.asarray(self.phi(h)) - self.mean) / self.sd
            if self.normalize == "columns":
                x /= np.maximum(np.sqrt(np.einsum("ij,ij->j", x, x) / n_out), 1e-300)
            spreads.append(float(norms.var()))
            strengths.append(n_out * self._mean_square(norms))
            shorter = x if n_out > self.m else np.ascontiguousarray(x.T)
            values = np.maximum(
                eigvalsh(_core.nonlinear.gram(shorter, 1 / self.m, self.threads), threads=self.threads), 0
            )
            spectra.append(np.concatenate([np.zeros(n_out - values.size), values]))
        return spectra, spreads, strengths

    def _mean_square(self, norms: Array) -> float:
        """The mean over columns of (E f(sqrt(c) z))^2; E f is smooth in c, so that a polynomial does."""
        low, high = float(norms.min()), float(norms.max())
        if high - low < 1e-12 * high:
            return float((gauss_moment(self.activation, high, power=1) - self.mean) ** 2) / self.sd**2
        nodes = (low + high) / 2 + (high - low) / 2 * np.cos(math.pi * (np.arange(13) + 0.5) / 13)
        values = (np.asarray(gauss_moment(self.activation, nodes, power=1)) - self.mean) / self.sd
        fit = np.polynomial.Chebyshev.fit(nodes, values, 12, domain=[low, high])
        return float(np.mean(np.asarray(fit(norms)) ** 2))


def propagate(
    f: str | Activation | Callable[[Any], Any],
    n0: int,
    widths: Sequence[int],
    m: int,
    *,
    trials: int = 1,
    normalize: str = "none",
    rng: RNG = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress = None,
) -> Propagation:
    """Sends m Gaussian columns through layers X_l = f(W_l X_{l-1}) drawn at random, and takes the spectrum of each.

    Parameters
    ----------
    f : str, Activation or callable
        Taken as (f - E f) / sd f at a standard normal.
    n0 : int
        Rows of X_0, whose entries are independent N(0, 1).
    widths : sequence of int
        n_1, ..., n_L. W_l has entries N(0, 1 / n_{l-1}).
    m : int
        Columns.
    trials : int
        Independent networks and data.
    normalize : {"none", "columns", "batch"}
        "columns" divides each column of X_l by the root of its mean square, which a limit does not see and a finite
        network does. "batch" takes mean 0 and variance 1 of each row of W_l X_{l-1}, as batch normalisation does.
    rng : optional
        Whatever `numpy.random.default_rng` takes. Trial i is the same however many there are.
    threads : int, optional
        Default: every core this process may use. Never changes the result.
    executor : concurrent.futures.Executor, optional
        Where to run trials, as `deeprmt.run.map` has it.
    progress : None, True or callable
        As `deeprmt.run.map` has it.

    Returns
    -------
    Propagation
        Spectra, the laws that they tend to, distances to the first layer, and where outliers come from.

    Raises
    ------
    ValueError, TypeError
        If a size is less than 1, f is constant, or the memory does not suffice.

    References
    ----------
    .. [1] J. Pennington, P. Worah, Nonlinear random matrix theory for deep learning, NeurIPS (2017).

    Examples
    --------
    >>> kept = propagate("abs", 180, [120] * 4, 180, normalize="columns", rng=1)  # zeta = 0
    >>> spread = propagate("tanh", 180, [120] * 4, 180, normalize="columns", rng=1)
    >>> bool(kept.distances()[-1] < 0.2 < spread.distances()[-1])
    True
    """
    name = "propagate"
    activation = as_function(name, "f", f)
    if as_array(name, "widths", widths).ndim != 1 or len(widths) == 0:
        raise ValueError(f"{name}: widths must be a sequence of at least one number, got {shown(widths)}")
    sizes = (
        as_count(name, "n0", n0, most=MOST),
        *(as_count(name, f"widths[{i}]", n, most=MOST) for i, n in enumerate(widths)),
    )
    samples, count = as_count(name, "m", m, most=MOST), as_count(name, "trials", trials, most=MOST)
    normalize = as_choice(name, "normalize", normalize, _normalisations)
    found = constants_of(name, "f", activation)
    widest, inner = max(sizes), as_threads(name, threads)
    order = max(min(n, samples) for n in sizes)
    refuse_beyond_memory(name, 8 * (4 * widest * samples + 3 * order * order), f"layers of {widest} x {samples}", inner)
    refuse_beyond_memory(name, 16 * count * sum(sizes[1:]), f"{count} times {sum(sizes[1:])} eigenvalues")
    task = _Network(
        activation.phi,
        found.mean,
        math.sqrt(found.eta),
        activation,
        sizes,
        samples,
        normalize,
        as_key(name, rng),
        inner,
    )
    done = run.map(task, range(count), executor=executor, progress=progress)
    spectra = tuple(np.stack([each[0][layer] for each in done]) for layer in range(len(sizes) - 1))
    return Propagation(
        activation,
        sizes,
        samples,
        normalize,
        spectra,
        np.array([each[1] for each in done]),
        np.array([each[2] for each in done]),
    )
