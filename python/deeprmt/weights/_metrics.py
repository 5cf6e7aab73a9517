"""WeightWatcher's metrics, each with what noise would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import RNG, Floats, as_choice, as_count, as_key, as_real, as_threads, default_threads
from .._display import Displayed
from ..errors import ConvergenceError
from ..linalg._svd import svdvals_in_double
from ..signal._bulk import Bulk, few_distinct, rounding, zeros
from ..tails import fit_power_law
from ..tails._verdict import in_words
from ._density_fit import allowance, density_edge
from ._entries import sums
from ._formulas import Array, det_x, det_x_crossing, entropy, log_power_sum, spectral_distance
from ._layer import Layer, by
from ._null import mp_edge, noise, permuted
from ._tensor import PRECISION

NAMES = (
    "alpha", "alpha_weighted", "log_norm", "log_spectral_norm", "log_alpha_norm", "stable_rank", "mp_softrank",
    "entropy", "rand_distance", "num_rand_spikes", "detX", "ww_softrank",
)  # fmt: skip
"""As WeightWatcher calls them, but for `detX` and `num_rand_spikes`: detX_num and rand_num_spikes there."""
STDERRS = (
    "alpha", "alpha_weighted", "log_norm", "rand_distance", "num_rand_spikes", "ww_softrank"
)  # fmt: skip
FROM_NOISE = (
    "alpha", "alpha_weighted", "log_spectral_norm", "log_alpha_norm", "stable_rank", "mp_softrank", "entropy", "detX"
)  # fmt: skip
P_VALUES = (*FROM_NOISE, "rand_distance", "num_rand_spikes", "ww_softrank")
_LOW = ("alpha", "stable_rank", "mp_softrank", "entropy", "ww_softrank")
_HIGH = ("log_spectral_norm", "rand_distance", "num_rand_spikes")
CONVENTIONS = ("deeprmt", "weightwatcher")
DISTANCES = ("ww", "density")

_WW_LEAST_LEVEL = 1e-5
_WW_FEW, _WW_LEAST_TAIL = 20, 8
_LARGEST = 1e140


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Metrics(Displayed):
    """WeightWatcher's metrics of one layer; None is what a matrix like this does not have. Made by `metrics`.

    Eigenvalues are the squared singular values of W, neither divided by a side nor by a variance.

    Attributes
    ----------
    alpha : float
        The exponent of the power law that fits the largest eigenvalues best, right or wrong: ask `alpha_verdict`.
    alpha_weighted : float
        alpha log10 of the largest eigenvalue.
    log_norm, log_spectral_norm : float
        log10 of the sum of the eigenvalues, and of the largest one.
    log_alpha_norm : float
        log10 of the sum of their powers alpha.
    stable_rank : float
        The sum of the eigenvalues over the largest.
    mp_softrank : float
        The upper edge of the bulk's fitted Marchenko-Pastur law over the largest eigenvalue.
    entropy : float
        -sum p ln p / ln rank, p the eigenvalues over their sum.
    rand_distance : float
        Between the spectra of W and of W with its entries permuted; the mean over `permutations`.
    num_rand_spikes : float
        Eigenvalues of the permuted matrix above its bulk; the mean over `permutations`.
    detX : int
        How many of the largest eigenvalues it takes until their product falls below 1, the mean of all scaled to 1.
    ww_softrank : float
        The largest eigenvalue of the permuted matrix over that of W; the mean over `permutations`.
    name, kind, source : str
        Of the layer.
    shape : tuple of int
        Of the matrix, or of the kernel whose slices are pooled.
    alpha_verdict : str
        "power law", "not distinguishable", "no power law" or "no tail", see `tails.verdict`. Only the first makes alpha
        an exponent of something.
    alpha_reasons : tuple of str
        Why, each with its number.
    xmin, ks, n_tail
        Of the fit: where the tail begins, its distance from the law, how many eigenvalues it holds.
    rank : int
        Singular values that are not zero up to rounding of the dtype in which the entries are stored.
    stderr : dict
        Standard errors: of alpha for the xmin that was chosen, and of alpha_weighted through it; of log_norm for
        independent entries; of the three means over permutations.
    noise : dict
        (mean, standard deviation) of the metric in Gaussian noise of the same shape and Frobenius norm.
    p_values : dict
        How often noise is at least as far from what noise has on average, see `metrics`.
    convention, note : str
        As given; what could not be had, and why.
    samples, permutations : int
        Simulated matrices of noise; permuted copies.

    Examples
    --------
    >>> found = metrics(np.eye(60), permutations=0)
    >>> found.alpha, found.alpha_verdict, found.alpha_reasons
    (None, 'no tail', ('all eigenvalues are equal up to rounding',))
    >>> found.stable_rank, found.columns()["rand_distance"]
    (60.0, None)
    """

    alpha: float | None = None
    alpha_weighted: float | None = None
    log_norm: float | None = None
    log_spectral_norm: float | None = None
    log_alpha_norm: float | None = None
    stable_rank: float | None = None
    mp_softrank: float | None = None
    entropy: float | None = None
    rand_distance: float | None = None
    num_rand_spikes: float | None = None
    detX: int | None = None
    ww_softrank: float | None = None
    name: str = ""
    kind: str = ""
    source: str = ""
    shape: tuple[int, ...] = ()
    alpha_verdict: str | None = None
    alpha_reasons: tuple[str, ...] = ()
    xmin: float | None = None
    ks: float | None = None
    n_tail: int | None = None
    rank: int | None = None
    stderr: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    p_values: Mapping[str, float] = field(default_factory=dict)
    convention: str = "deeprmt"
    note: str = ""
    samples: int = 0
    permutations: int = 0

    def columns(self) -> dict[str, Any]:
        """The numbers alone, flat: ``alpha``, ``alpha_stderr``, ``alpha_noise``, ``alpha_noise_sd``, ``alpha_p``."""
        out: dict[str, Any] = {}
        for name in NAMES:
            out[name] = getattr(self, name)
            if name in STDERRS:
                out[f"{name}_stderr"] = self.stderr.get(name)
            if name in FROM_NOISE:
                out[f"{name}_noise"], out[f"{name}_noise_sd"] = self.noise.get(name, (None, None))
            if name in P_VALUES:
                out[f"{name}_p"] = self.p_values.get(name)
        out |= {"alpha_verdict": self.alpha_verdict, "alpha_xmin": self.xmin, "alpha_ks": self.ks}
        return out | {"alpha_n_tail": self.n_tail}

    def to_dict(self) -> dict[str, Any]:
        """Plain strings, numbers, lists and None."""
        out = {"name": self.name, "kind": self.kind, "source": self.source, "shape": list(self.shape)}
        out |= self.columns()
        return out | {
            "alpha_reasons": list(self.alpha_reasons),
            "rank": self.rank,
            "convention": self.convention,
            "note": self.note,
            "samples": self.samples,
            "permutations": self.permutations,
        }

    def __repr__(self) -> str:
        lines = [f"Metrics of {self.name or 'a matrix'}, {by(self.shape)}{': ' + self.note if self.note else ''}"]
        for name in NAMES:
            value = getattr(self, name)
            if value is None:
                continue
            text = f"  {name:<18}{value:.4g}"
            if name in self.stderr:
                text += f" ± {self.stderr[name]:.2g}"
            if name in self.noise:
                text += f", noise {self.noise[name][0]:.4g} ± {self.noise[name][1]:.2g}"
            if name in self.p_values:
                text += f", p = {self.p_values[name]:.2g}"
            if name == "alpha" and self.alpha_verdict:
                text += f": {self.alpha_verdict}"
            lines.append(text)
        return "\n".join(lines)


COLUMNS = tuple(Metrics().columns())


def metrics(
    weight: Layer | ArrayLike,
    *,
    convention: str = "deeprmt",
    distance: str = "ww",
    samples: int = 199,
    permutations: int = 19,
    rng: RNG = 0,
    threads: int | None = None,
) -> Metrics:
    """WeightWatcher's metrics of one layer, each with a standard error or a p-value against noise.

    Parameters
    ----------
    weight : Layer, (m, n) or (m, n, k_1, ...) array_like of real
        Of a convolution's kernel, the eigenvalues of the m x n matrices at every place are pooled.
    convention : {"deeprmt", "weightwatcher"}, default "deeprmt"
        "weightwatcher" gives the numbers of WeightWatcher 0.7 where they differ: eigenvalues below 1e-5 are left out of
        the fit of alpha whatever the scale of the weights; fewer than 20 have a fit of their own; singular values count
        for the rank that double precision tells from zero, though the entries be single; the eigenvalues of a kernel
        with two axes of places are halved, those of a slice by itself multiplied by half the number of slices; the law
        of the bulk is fitted to a smoothed density.
    distance : {"ww", "density"}, default "ww"
        What rand_distance compares: "ww" takes the sorted eigenvalues for probabilities, "density" compares histograms
        of 100 bins. Both are the root of the Jensen-Shannon divergence, natural logarithms.
    samples : int, default 199
        Simulated matrices of noise, see the notes; 0 for none. The least p-value is 1 / (1 + samples).
    permutations : int, default 19
        Permuted copies, 0 for none; each costs as much as the matrix itself.
    rng : int, SeedSequence or Generator, default 0
        As `numpy.random.default_rng` takes it. A seed, also the default, gives the same numbers each time.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    Metrics
        A matrix with NaN, or of zeros, has a `note` that says so and no numbers.

    Raises
    ------
    ValueError, TypeError
        If weight has fewer than two axes or is not real; if an argument is out of range.

    Notes
    -----
    Noise has independent Gaussian entries, and the shape and Frobenius norm of W. A p-value is (1 + the number of
    simulations as extreme) / (1 + samples), where extreme means small for alpha, stable_rank, mp_softrank and entropy,
    large for log_spectral_norm and num_rand_spikes, and either, doubled, for alpha_weighted, log_alpha_norm and detX.
    rand_distance and ww_softrank are tested against the permuted copies themselves, one against the others, which is
    exact whatever the law of the entries. detX is a whole number that takes two or three values in noise, so its
    p-value is of the place between two eigenvalues where the product falls through 1. Copies keep every entry:
    nothing is drawn with replacement.

    With the default of 199 and of `rng`, noise of one matrix with a smaller side of 10 to 4096, and a larger one up to
    10^4 times that, comes from a table: quantiles of simulations on a grid of shapes, interpolated between them. Other
    noise is simulated, and kept for each shape; stream i of the counter-based generator belongs to copy i. With
    "weightwatcher" noise is still measured by our fit, so mp_softrank has no p-value there.

    References
    ----------
    .. [1] C. H. Martin and M. W. Mahoney, J. Mach. Learn. Res. 22, 165 (2021), arXiv:1810.01075.
    .. [2] C. H. Martin, T. Peng and M. W. Mahoney, Nat. Commun. 12, 4122 (2021), arXiv:2002.06716.
    .. [3] A. Clauset, C. R. Shalizi, M. E. J. Newman, SIAM Rev. 51, 661 (2009), arXiv:0706.1062.

    Examples
    --------
    >>> w = np.random.default_rng(0).normal(size=(300, 200))
    >>> found = metrics(w, permutations=3)
    >>> found.alpha > 6, found.alpha_verdict, found.p_values["alpha"] > 0.05
    (True, 'no tail', True)
    >>> w[0] += 3
    >>> metrics(w, permutations=3).p_values["stable_rank"]
    0.005
    """
    name = "metrics"
    options = settings(name, convention, distance, samples, permutations)
    if not isinstance(weight, Layer):
        given = getattr(weight, "dtype", np.dtype(np.float64))
        weight = as_real(name, "weight", weight)
        if weight.ndim < 2:
            raise ValueError(f"{name}: weight must have at least two axes, got {weight.ndim}")
        options["precision"] = PRECISION.get(str(given), float(np.finfo(weight.dtype).eps))
    key = as_key(name, rng)
    with default_threads(as_threads(name, threads)):
        return of_weight(weight, key, pool=convention == "weightwatcher", **options)


def settings(function: str, convention: str, distance: str, samples: int, permutations: int) -> dict[str, Any]:
    """What metrics are and how they are tested, checked."""
    return {
        "convention": as_choice(function, "convention", convention, CONVENTIONS),
        "distance": as_choice(function, "distance", distance, DISTANCES),
        "samples": as_count(function, "samples", samples, least=0),
        "permutations": as_count(function, "permutations", permutations, least=0),
    }


def of_weight(
    weight: Layer | Floats, key: int, *, distance: str, pool: bool, precision: float | None = None, **facts: Any
) -> Metrics:
    """As `metrics`, arguments checked; with `pool` the matrix of a convolution is taken apart into slices again."""
    whole: tuple[int, ...] = ()
    if isinstance(weight, Layer):
        whole = weight.shape if weight.kind == "conv" else ()
        facts |= {"name": weight.name, "kind": weight.kind, "source": weight.source}
        kernel = _kernel(weight) if pool else weight.weight
        precision = PRECISION.get(weight.dtype, PRECISION["float32"])
    else:
        kernel = weight
    facts["shape"] = kernel.shape
    return _metrics(kernel, precision or PRECISION["float32"], facts, distance, key, whole)


def _kernel(layer: Layer) -> Floats:
    """The matrix, or the kernel that a flat matrix was made of."""
    matrix, stored = layer.weight, layer.shape
    if layer.kind == "conv" and len(stored) > 2:
        for outer in (stored[:2], stored[:-3:-1]):  # (out, in, k...) or (k..., in, out)
            if matrix.shape == (outer[0], math.prod(stored) // outer[0]):
                places = stored[2:] if outer == stored[:2] else stored[:-2]
                return matrix.reshape(*outer, *places)
    return matrix


def _scale(shape: tuple[int, ...], whole: tuple[int, ...]) -> float:
    """WeightWatcher's factor to the eigenvalues of kernels with two axes of places: pooled 1/2, slices by themselves
    half the number of slices.
    """
    if len(shape) == 4:
        return 0.5
    return math.prod(whole) // max(math.prod(shape), 1) / 2 if len(whole) == 4 else 1.0


def _metrics(
    kernel: Floats, precision: float, facts: dict[str, Any], distance: str, key: int, whole: tuple[int, ...]
) -> Metrics:
    if kernel.size == 0:
        return Metrics(**facts, note="the matrix is empty")
    top = max(float(kernel.max()), -float(kernel.min()))
    if not math.isfinite(top):
        return Metrics(**facts, note=f"{int(np.count_nonzero(~np.isfinite(kernel)))} entries are NaN or infinite")
    if top == 0:
        return Metrics(**facts, note="every entry is zero")
    if not 1 / _LARGEST < top < _LARGEST:
        return Metrics(**facts, note=f"the largest entry is {top:.3g}, whose square double precision cannot hold")
    slices = np.moveaxis(kernel.reshape(*kernel.shape[:2], -1), -1, 0)
    try:
        singular = [_singular_values(each, facts["convention"]) for each in slices]
    except (ConvergenceError, MemoryError) as error:
        return Metrics(**facts, note=f"no singular values: {error or 'out of memory'}")
    return of_spectrum(slices, singular, precision, facts, distance, key, whole=whole)


def of_spectrum(
    slices: Any,
    singular: list[Array],
    precision: float,
    facts: dict[str, Any],
    distance: str,
    key: int,
    fourth: float | None = None,
    whole: tuple[int, ...] = (),
    fitted: Callable[[], Bulk] | None = None,
) -> Metrics:
    """The metrics of matrices whose singular values are known; `slices` serve the permutations.

    `fourth` is the sum of the fourth powers of all entries over their root mean square, where that is known; `whole`
    the shape of the convolution that a single slice comes from; `fitted` gives the bulk of a single matrix.
    """
    weightwatcher = facts["convention"] == "weightwatcher"
    samples, copies = facts["samples"], facts["permutations"]
    shape: tuple[int, int] = slices[0].shape
    short, long = min(shape), max(shape)
    scale = _scale(facts["shape"], whole) if weightwatcher else 1.0
    ranks = [each.size - zeros(each, shape, precision) for each in singular]
    everything = scale * np.sort(np.concatenate([each**2 for each in singular]))
    if weightwatcher:
        rank = int(np.count_nonzero(np.sqrt(everything) > math.sqrt(everything[-1]) * long * 2.0**-52))
        levels = everything[everything.size - rank :]
    else:
        rank = sum(ranks)
        kept = [scale * each[:r] ** 2 for each, r in zip(singular, ranks, strict=True)]
        levels = np.sort(np.concatenate(kept))
    total, largest = float(levels.sum()), float(levels[-1])
    square_sum = total / scale  # of all entries
    facts |= {"rank": rank, "log_norm": math.log10(total), "log_spectral_norm": math.log10(largest)}
    facts |= {"stable_rank": total / largest, "entropy": float(entropy(levels)), "detX": int(det_x(levels))}
    entries = slices.size if isinstance(slices, np.ndarray) else sum(each.size for each in slices)
    if fourth is None:
        unit = math.sqrt(square_sum) / math.sqrt(entries)
        fourth = sum(sums(each, unit).fourth for each in slices)
    stderr: dict[str, float] = {"log_norm": _norm_error(fourth, entries)}
    p_values: dict[str, float] = {}

    rms = math.sqrt(square_sum / entries)
    gap, values = 2 * rounding(shape, rms, precision), np.sqrt(levels / scale)
    distinct = 1 if values[-1] - values[0] <= gap else few_distinct(values, gap)
    equal = distinct > 0
    _add_alpha(facts, levels, stderr, key, distinct=distinct if rank > 1 and not weightwatcher else 0)
    edge = np.nan
    if weightwatcher:
        mean = everything.mean()
        if rank > 1 and not equal:
            edge = density_edge(everything / mean, short / long) * mean
    else:
        edge = scale * mp_edge(singular, ranks, shape, fitted)[0] if not equal else np.nan
    if math.isfinite(edge):
        facts["mp_softrank"] = edge / largest

    null = noise(min(max(ranks), short), long, len(singular), samples, key) if samples and not equal else None
    if null is not None:
        crossing = float(det_x_crossing(levels))
        facts["noise"] = _compare(facts, null, crossing, p_values, ("mp_softrank",) if weightwatcher else ())
    if copies:
        count = _permute(slices, everything, scale, facts, stderr, p_values, distance, key)
        if null is not None and math.isfinite(count) and not weightwatcher:
            p_values["num_rand_spikes"] = _p_value("num_rand_spikes", count, null.spikes)
    return Metrics(**facts, stderr=stderr, p_values=p_values)


def _singular_values(weight: Array, convention: str) -> Array:
    """WeightWatcher's to all digits: its rank knows no rounding of entries."""
    return svdvals_in_double(weight.astype(np.float64) if convention == "weightwatcher" else weight)


def _norm_error(fourth: float, entries: int) -> float:
    """Of log10 of the sum of squares, for independent entries with the fourth moment that these have."""
    excess = max(0.0, fourth / entries - 1)
    return math.sqrt(excess / entries) / math.log(10)


def _add_alpha(facts: dict[str, Any], levels: Array, stderr: dict[str, float], key: int, *, distinct: int) -> None:
    if distinct:
        reason = f"only {distinct} eigenvalues are distinct up to rounding"
        reason = "all eigenvalues are equal up to rounding" if distinct == 1 else reason
        facts |= {"alpha_verdict": "no tail", "alpha_reasons": (reason,)}
        return
    if facts["convention"] == "weightwatcher":
        levels = levels[levels > _WW_LEAST_LEVEL]
    if levels.size < 3 or levels[0] == levels[-1]:
        few = f"{levels.size} eigenvalue{'' if levels.size == 1 else 's'}"
        reason = f"{few}: too few" if levels.size < 3 else "all eigenvalues are equal"
        facts |= {"alpha_verdict": "not distinguishable" if levels.size < 3 else "no tail", "alpha_reasons": (reason,)}
        return
    threads = as_threads("metrics", None)
    fit = fit_power_law(levels, threads=threads)
    if facts["convention"] == "weightwatcher" and levels.size < _WW_FEW:
        alpha, xmin, ks, tail = _few(levels)
    else:
        alpha, xmin, ks, tail = fit.alpha, fit.xmin, fit.ks, fit.n_tail
    found = in_words(fit, samples=max(99, facts["samples"]), rng=key, threads=threads)
    facts |= {"alpha": alpha, "xmin": xmin, "ks": ks, "n_tail": tail}
    facts |= {"alpha_verdict": found.verdict, "alpha_reasons": found.reasons}
    facts["alpha_weighted"] = alpha * facts["log_spectral_norm"]
    facts["log_alpha_norm"] = float(log_power_sum(levels, alpha))
    stderr["alpha"] = (alpha - 1) / math.sqrt(tail)
    stderr["alpha_weighted"] = stderr["alpha"] * abs(facts["log_spectral_norm"])


def _few(levels: Array) -> tuple[float, float, float, int]:
    """WeightWatcher's fit to fewer than 20 values: an unbiased exponent and at least 8 values in the tail.

    It weighs the distance against the tail's length first, but what it returns is where the distance is least.
    """
    best = (math.inf, math.nan, float(levels[0]), levels.size)
    for start in range(max(1, levels.size - _WW_LEAST_TAIL + 1)):
        tail = levels[start:]
        spread = float(np.log(tail / tail[0]).sum())
        if spread <= 1e-12:
            continue
        alpha = 1 + (tail.size - 1) / spread
        law = 1 - (tail / tail[0]) ** (1 - alpha)
        ks = float(np.abs(law - np.arange(tail.size) / tail.size).max())
        best = min(best, (ks, alpha, float(tail[0]), tail.size))
    ks, alpha, xmin, size = best
    return alpha, xmin, min(ks, 1.0), size


def _compare(
    facts: dict[str, Any], null: Any, crossing: float, p_values: dict[str, float], without: tuple[str, ...]
) -> dict[str, tuple[float, float]]:
    """Each metric with its simulated values, which are brought to the Frobenius norm of the matrix.

    The p-value of detX is that of the crossing below it.
    """
    log_norm = facts["log_norm"]
    log_largest = log_norm - np.log10(null.stable_rank)
    simulated = {
        "alpha": null.alpha,
        "alpha_weighted": null.alpha * log_largest,
        "log_spectral_norm": log_largest,
        "log_alpha_norm": null.alpha * log_norm + null.log_alpha_norm,
        "stable_rank": null.stable_rank,
        "mp_softrank": null.mp_softrank,
        "entropy": null.entropy,
        "detX": np.ceil(null.det_x),
    }
    out: dict[str, tuple[float, float]] = {}
    for name, values in simulated.items():
        value = facts.get(name)
        if value is None or name in without or np.isnan(values).any():
            continue
        out[name] = (float(values.mean()), float(values.std()))
        p_values[name] = _p_value(name, value, values)
    if "detX" in out:
        p_values["detX"] = _p_value("detX", crossing, null.det_x)
    return out


def _p_value(name: str, value: float, values: Array) -> float:
    slack = 1e-12 * abs(value)  # rounding must not decide between equals
    low = (1 + int(np.count_nonzero(values <= value + slack))) / (1 + values.size)
    high = (1 + int(np.count_nonzero(values >= value - slack))) / (1 + values.size)
    return low if name in _LOW else high if name in _HIGH else min(1.0, 2 * min(low, high))


def _permute(
    slices: Any,
    levels: Array,
    scale: float,
    facts: dict[str, Any],
    stderr: dict[str, float],
    p_values: dict[str, float],
    distance: str,
    key: int,
) -> float:
    """Spectra of the permuted copies: their distance, their largest eigenvalue, and the median number of spikes."""
    shape, copies = slices[0].shape, facts["permutations"]
    short, long = min(shape), max(shape)
    spectra, spikes = [levels], np.empty(copies)
    for copy in range(copies):
        singular = [
            _singular_values(permuted(each, key, copy, place), facts["convention"]) for place, each in enumerate(slices)
        ]
        spectra.append(scale * np.sort(np.concatenate([each**2 for each in singular])))
        if facts["convention"] == "weightwatcher":
            unit = spectra[-1] / spectra[-1].mean()
            edge = density_edge(unit, short / long)
            spikes[copy] = np.count_nonzero(unit > edge + allowance(edge, short / long, short))
        else:
            ranks = [int(np.count_nonzero(each > long * 2.0**-52 * each[0])) for each in singular]
            spikes[copy] = mp_edge(singular, ranks, shape)[1]
    table = np.zeros((copies + 1, copies + 1))
    for i in range(copies + 1):
        for j in range(i):
            table[i, j] = table[j, i] = spectral_distance(spectra[i], spectra[j], distance)
    distances = table.sum(axis=1) / copies  # from all the others: under the hypothesis none is special
    ratios = np.array([each[-1] for each in spectra[1:]]) / levels[-1]
    for name, values in (("rand_distance", table[0, 1:]), ("ww_softrank", ratios), ("num_rand_spikes", spikes)):
        if np.isnan(values).any():
            continue
        facts[name] = float(values.mean())
        if copies > 1:
            stderr[name] = float(values.std(ddof=1) / math.sqrt(copies))
    p_values["rand_distance"] = _p_value("rand_distance", distances[0], distances[1:])
    p_values["ww_softrank"] = _p_value("log_spectral_norm", 1.0, ratios)
    return float(np.median(spikes))
