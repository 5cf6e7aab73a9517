"""Martin and Mahoney's phases of training, 5 and 1, each from stated evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import RNG, as_real, as_threads, default_threads
from .._display import Displayed
from ..linalg import svdvals
from ..signal._bulk import LEAST_LEVELS, fit, rounding, zeros
from ..tails import plateau
from ..tails import verdict as tail_verdict
from ._layer import Layer, by
from ._tensor import PRECISION

_COLLAPSED = 0.1  # zero singular values of all
_MANY = 0.1  # outliers of all: no longer single ones
_POOR = 0.08  # the distance beyond which a bulk is none, as verdicts of layers have it
_NEAR = 1.25  # the largest eigenvalue over the edge: nearer is no gap
_ENTRIES = 2000  # the largest ones, whose tail index is known to 2 %
_LEVEL = 1e-3
_FINITE = 4.0  # entries of a larger index have a fourth moment: the spectrum is as of Gaussian ones


@dataclass(frozen=True, kw_only=True)
class Phase(Displayed):
    """One of Martin and Mahoney's phases; made by `phase`.

    Attributes
    ----------
    label : str or None
        "random-like", "bleeding-out", "bulk+spikes", "bulk-decay", "heavy-tailed" or "rank-collapse"; None where the
        matrix has no spectrum to speak of.
    reasons : tuple of str
        Why, each with its number.
    entry_index : float or None
        The tail index mu of the entries, P(|w| > t) ~ t^-mu, where their largest have one at all.
    entry_class : str or None
        "very heavy" (mu < 2), "moderately heavy" (mu < 4) or "weakly heavy", whose spectrum is as of Gaussian entries.
    outliers : int or None
        Eigenvalues beyond the noise.
    edge_ratio, bulk_ks : float or None
        The largest eigenvalue over the upper edge; the distance of the bulk from its law.

    Examples
    --------
    >>> import numpy as np
    >>> found = phase(np.random.default_rng(0).normal(size=(120, 80)))
    >>> found.label, found.outliers, found.reasons[0]
    ('random-like', 0, 'no eigenvalue beyond the noise')
    """

    label: str | None
    reasons: tuple[str, ...]
    entry_index: float | None = None
    entry_class: str | None = None
    outliers: int | None = None
    edge_ratio: float | None = None
    bulk_ks: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return vars(self) | {"reasons": list(self.reasons)}

    def __repr__(self) -> str:
        return f"Phase({self.label}: {'; '.join(self.reasons)})"


def phase(weight: Layer | ArrayLike, *, rng: RNG = 0, threads: int | None = None) -> Phase:
    """Which of Martin and Mahoney's 5 + 1 phases of training a weight matrix is in [1]_, and why.

    In this order:

    "rank-collapse"
        A tenth or more of the singular values are zero up to rounding.
    "heavy-tailed"
        The 2000 largest entries (a twentieth, if that is less) follow a power law of an index below 4, or the
        eigenvalues do: `tails.verdict` says so. Entries of an index above 4 have a fourth moment, and the spectrum of
        Gaussian ones.
    "random-like"
        No eigenvalue beyond the noise, and the bulk follows the Marchenko-Pastur law.
    "bulk-decay"
        No bulk that follows the law (distance above 0.08), or more than a tenth of the eigenvalues beyond it.
    "bleeding-out"
        All outliers are near the bulk: the largest eigenvalue is less than 1.25 times the upper edge.
    "bulk+spikes"
        Some are further out.

    Parameters
    ----------
    weight : Layer or (m, n) array_like of real
        The matrix.
    rng : int, SeedSequence or Generator, default 0
        Of the bootstrap in `tails.verdict`.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    Phase

    Raises
    ------
    ValueError, TypeError
        If weight is no matrix, or not real.

    Notes
    -----
    Martin and Mahoney tell the phases by eye and by the exponent of a power law; the limits here are ours. Where there
    is a little of two, the phase is one of convention: read the numbers.

    References
    ----------
    .. [1] C. H. Martin and M. W. Mahoney, J. Mach. Learn. Res. 22, 165 (2021), arXiv:1810.01075.

    Examples
    --------
    >>> from deeprmt import ensembles
    >>> phase(ensembles.spiked(150, 200, [3.0, 4.0], rng=0)).label
    'bulk+spikes'
    >>> found = phase(ensembles.heavy_tailed(150, 200, 3.0, rng=0))
    >>> found.label, found.entry_class
    ('heavy-tailed', 'moderately heavy')
    """
    name = "phase"
    layer = weight if isinstance(weight, Layer) else None
    given = as_real(name, "weight", weight.weight if isinstance(weight, Layer) else weight)
    if given.ndim != 2:
        raise ValueError(f"{name}: weight must be a matrix, got shape {given.shape}")
    stored = str(getattr(weight, "dtype", given.dtype)) if layer is None else layer.dtype
    precision = PRECISION.get(stored, PRECISION["float64" if given.dtype == np.float64 else "float32"])
    matrix = np.asarray(given, np.float64)
    with default_threads(as_threads(name, threads)):
        return _phase(matrix, precision, rng)


def _phase(matrix: Any, precision: float, rng: RNG) -> Phase:
    if matrix.size == 0 or not np.isfinite(matrix).all():
        return Phase(label=None, reasons=("no finite entries" if matrix.size else "the matrix is empty",))
    top = float(np.abs(matrix).max())
    if top == 0:
        return Phase(label="rank-collapse", reasons=("every entry is zero",))
    shape = matrix.shape
    s = np.asarray(svdvals(matrix / top))
    null = zeros(s, shape, precision)
    if null >= max(1.0, _COLLAPSED * s.size):
        return Phase(label="rank-collapse", reasons=(f"{null} of {s.size} singular values are zero up to rounding",))
    rank = s.size - null
    rms = math.sqrt(float((s**2).sum()) / matrix.size)
    if rank < LEAST_LEVELS:
        return Phase(label=None, reasons=(f"{by(shape)}: a law needs {LEAST_LEVELS} levels",))
    if s[0] - s[rank - 1] <= 2 * rounding(shape, rms, precision):
        return Phase(label=None, reasons=("all singular values are equal",))
    bulk = fit(s, shape, rank)
    high = float(bulk.law.support()[0][1])
    known: dict[str, Any] = {"outliers": bulk.outliers, "edge_ratio": (float(s[0]) / high) ** 2, "bulk_ks": bulk.ks}
    index = _entry_index(matrix)
    if index is not None:
        known["entry_index"] = index
        known["entry_class"] = "very heavy" if index < 2 else "moderately heavy" if index < _FINITE else "weakly heavy"
        if index < _FINITE:
            why = f"the largest entries follow a power law of index {index:.2f}, below {_FINITE:g}"
            return Phase(label="heavy-tailed", reasons=(why,), **known)
    far = f"KS {bulk.ks:.3f}"
    fits = bulk.found and bulk.ks <= _POOR + 1 / max(1, rank - bulk.outliers)
    if bulk.outliers == 0 and fits:
        reasons = ("no eigenvalue beyond the noise", f"bulk within {far} of Marchenko-Pastur")
        return Phase(label="random-like", reasons=reasons, **known)
    tail = tail_verdict(s[:rank] ** 2, samples=199, rng=rng)
    if tail.verdict == "power law":
        return Phase(
            label="heavy-tailed", reasons=("the largest eigenvalues follow a power law", *tail.reasons), **known
        )
    count = f"{bulk.outliers} of {rank} eigenvalues beyond the noise"
    if not fits or bulk.outliers > _MANY * rank:
        why = count if fits else f"no bulk that follows Marchenko-Pastur ({far})"
        return Phase(label="bulk-decay", reasons=(why, f"the tail is {_a(tail.verdict)}"), **known)
    reach = f"the largest {known['edge_ratio']:.2f} times the edge"
    label = "bleeding-out" if known["edge_ratio"] < _NEAR else "bulk+spikes"
    return Phase(label=label, reasons=(count, reach), **known)


def _a(verdict: str) -> str:
    return {"not distinguishable": "not to be told from other laws", "no tail": "none"}.get(verdict, verdict)


def _entry_index(matrix: Any) -> float | None:
    """Of the power law of the largest entries, where Hill's estimate of them has a plateau."""
    size = np.abs(matrix).ravel()
    count = min(_ENTRIES, size.size // 20)
    if count < 20:
        return None
    largest = np.partition(size, size.size - count - 1)[size.size - count - 1 :]
    if not largest.min() > 0:
        return None
    found = plateau(largest, least=count - 1, level=_LEVEL)
    return float(1 / found.xi) if found.exists else None
