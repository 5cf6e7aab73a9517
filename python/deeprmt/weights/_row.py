"""What is known about one layer."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import Floats
from ..laws import MarchenkoPastur
from ..signal import Spikes, invert_spikes, outlier_p_values
from ..spectra import NumberVariance, PorterThomas, SpacingTest, number_variance, spacing_test, spacings, unfold
from ..tails import Hill, Plateau, hill, plateau
from ._estimate import Estimated
from ._layer import by
from ._metrics import COLUMNS, Metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STATUSES = {
    "ok": "every statistic is there",
    "small": "too few levels for some of the statistics",
    "estimated": "too large for a decomposition within max_memory: estimated by Lanczos' method",
    "orthogonal": "all singular values are equal: there is no bulk to fit",
    "degenerate": "singular values coincide up to rounding: there are no spacings, and below 10 different ones no bulk",
    "rank deficient": "levels that are zero up to rounding are left out",
    "vector": "one row or one column: one singular value",
    "zero": "every entry is zero",
    "non-finite": "some entries are NaN or infinite",
    "out of range": "the squares of the entries leave the range of double precision",
    "failed": "the singular values could not be computed",
}
"""In words; a layer is bad in any but the first five."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerAnalysis:
    """The spectrum of one weight matrix in numbers; None is what a matrix like this does not have.

    Eigenvalues are those of W^T W / N (or W W^T / N, whichever is smaller), with N the larger dimension and M the
    smaller: noise with entries of variance sigma^2 follows the Marchenko-Pastur law of aspect M / N and scale sigma.

    Attributes
    ----------
    name, kind, source, dtype : str
        Of the layer, see `Layer`.
    shape, stored_shape : tuple of int
        Of the matrix, and of the tensor that it was made from.
    status, note : str
        "ok", or what is special about the matrix (see `STATUSES`), and details in words.
    aspect : float
        M / N.
    rank, zeros : int
        Singular values that are not zero up to rounding of the dtype that the entries are stored in, and the others.
    spectral_norm, frobenius_norm : float
        The largest singular value; the root of the sum of the squares.
    stable_rank : float
        The sum of the eigenvalues over the largest one.
    entropy : float
        -sum p ln p / ln rank, with p the eigenvalues over their sum: 1 if all are equal, 0 for rank one.
    sigma : float
        The scale of the bulk's entries. The median of the eigenvalues, matched to the law's, starts; eigenvalues beyond
        the edge and its Tracy-Widom allowance are set apart and the mean of the rest is matched, until nothing changes.
        Entries of the noise are taken to have light tails: heavy ones, Student's t of 5 degrees of freedom, say, make
        outliers.
        See `deeprmt.signal.fit_bulk`.
    sigma_stderr : float
        Its standard error, for Gaussian noise.
    lower_edge, upper_edge : float
        Of the fitted law.
    threshold : float
        The upper edge with its Tracy-Widom allowance: the largest eigenvalue of Gaussian noise stays below it in 999 of
        1000 matrices of this size, the error of sigma included.
    largest_p_value : float
        The probability that noise of this size and scale has an eigenvalue as large as the largest one.
    outliers : int
        Eigenvalues above the threshold.
    edge_ratio : float
        The largest eigenvalue over the upper edge.
    bulk_ks : float
        Kolmogorov-Smirnov distance between the other eigenvalues (all, without `fit_found`) and the fitted law.
    fit_rounds : int
        Rounds that the fit took.
    fit_settled : bool
        Whether the number of outliers settled.
    fit_found : bool
        False where more than half of the eigenvalues would have been set apart; the law of the median is given then.
    entry_sigma : float
        The root of the mean squared entry, spikes included: never below the bulk's scale, and not robust.
    entry_outliers, entry_edge_ratio
        Eigenvalues above the edge of the law with that scale, and the largest one over that edge.
    spacing_count, mean_spacing, spacing_variance, spacing_ks
        Of the unfolded bulk without `window` levels at both ends: the number of spacings, their mean before it is
        scaled to 1, their variance (0.286 for the GOE, 1 for independent levels), and their Kolmogorov-Smirnov distance
        from the Wigner surmise. Neighbouring spacings are anticorrelated, and a p-value for independent ones would be
        too good: see `spacing_p`.
    spacing_ratio, spacing_ratio_stderr : float
        The mean ratio of neighbouring spacings, smaller over larger, of the same levels before unfolding, with its
        standard error, in which neighbours' common spacing counts. 0.5306 for the GOE, 0.3863 for independent levels.
    spacing_p, spacing_ratio_p : float
        With ``spacing_trials``: how often noise of the same shape, unfolded in the same way, has spacings as far from
        the exact law, and a mean ratio as far off on either side. See `spacing_test`.
    left_localization, right_localization : float
        Whether singular vectors sit on few rows (left) or columns (right): the variance of the squared norms of the
        rows over that of the eigenvalues of W W^T. 1 if each vector is one row, about 2 / (l + 1) if each is spread
        over l of them, 2 / (n + 2) on average for noise with n rows. The larger an eigenvalue, the more its vector
        counts.
    hill_k, hill_xi, hill_stderr
        The Hill estimate of the tail index xi of the eigenvalues from the largest tenth of them. Noise gives 0.14 to
        0.19, for it has no tail; a density that falls as x^-a has xi = 1 / (a - 1).
    window : int
        Half the window of the unfolding.
    metrics : Metrics
        WeightWatcher's metrics of the matrix, each beside what noise gives; `to_dict` lists them as ``alpha``,
        ``alpha_stderr``, ``alpha_p`` and so on.
    estimate : Estimated or None
        Where the matrix was too large to decompose: how its numbers were estimated, with their standard errors. There
        are no spacings and no tail then.
    left_vectors, right_vectors : PorterThomas or None
        With ``vectors=True``: the test of each singular vector against random ones. `to_dict` has their boundaries, the
        number of leading vectors that are not random.
    singular_values : (M,) ndarray
        Of W, descending, in double precision, zeros included. Of an estimated row: outliers that Lanczos' method
        resolved, and quantiles of its distribution.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import weights
    >>> noise = np.random.default_rng(0).normal(size=(300, 200))
    >>> (row,) = weights.analyze({"noise": noise}).rows
    >>> row.status, row.outliers, bool(row.lower_edge < row.eigenvalues.min())
    ('ok', 0, True)
    >>> round(row.law.aspect, 12)
    0.666666666667
    """

    name: str
    kind: str
    source: str
    dtype: str
    shape: tuple[int, int]
    stored_shape: tuple[int, ...]
    status: str = "ok"
    note: str = ""
    aspect: float | None = None
    rank: int | None = None
    zeros: int | None = None
    spectral_norm: float | None = None
    frobenius_norm: float | None = None
    stable_rank: float | None = None
    entropy: float | None = None
    sigma: float | None = None
    sigma_stderr: float | None = None
    lower_edge: float | None = None
    upper_edge: float | None = None
    threshold: float | None = None
    largest_p_value: float | None = None
    outliers: int | None = None
    edge_ratio: float | None = None
    bulk_ks: float | None = None
    fit_rounds: int | None = None
    fit_settled: bool | None = None
    fit_found: bool | None = None
    entry_sigma: float | None = None
    entry_outliers: int | None = None
    entry_edge_ratio: float | None = None
    spacing_count: int | None = None
    mean_spacing: float | None = None
    spacing_variance: float | None = None
    spacing_ks: float | None = None
    spacing_ratio: float | None = None
    spacing_ratio_stderr: float | None = None
    spacing_p: float | None = None
    spacing_ratio_p: float | None = None
    left_localization: float | None = None
    right_localization: float | None = None
    hill_k: int | None = None
    hill_xi: float | None = None
    hill_stderr: float | None = None
    window: int = 15
    metrics: Metrics | None = field(default=None, repr=False)
    estimate: Estimated | None = None
    left_vectors: PorterThomas | None = field(default=None, repr=False)
    right_vectors: PorterThomas | None = field(default=None, repr=False)
    singular_values: Floats = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def bad(self) -> bool:
        """Whether this layer could not be analysed as the others were; see `STATUSES`."""
        return self.status not in ("ok", "small", "estimated", "orthogonal", "degenerate")

    @property
    def eigenvalues(self) -> Floats:
        """Of W^T W / N, ascending, without those that are zero up to rounding."""
        return np.asarray(self.singular_values[: self.rank][::-1] ** 2 / max(self.shape))

    @property
    def law(self) -> MarchenkoPastur | None:
        """The fitted law of the bulk's eigenvalues.

        Outliers take dimensions with them: its aspect is (rank - outliers) / (N - outliers), and its scale
        sigma sqrt((N - outliers) / N).
        """
        if self.sigma is None or self.upper_edge is None or self.lower_edge is None:
            return None
        # The edges are scale^2 (1 -+ sqrt(aspect))^2.
        low, high = math.sqrt(self.lower_edge), math.sqrt(self.upper_edge)
        return MarchenkoPastur(((high - low) / (high + low)) ** 2, (high + low) / 2)

    @property
    def bulk(self) -> Floats:
        """The singular values of the bulk, ascending: no outliers, no zeros. Empty where no law was fitted."""
        if self.outliers is None:
            return np.empty(0)
        return self.singular_values[self.outliers : self.rank][::-1]

    @property
    def spikes(self) -> Spikes | None:
        """The signal behind the outliers: estimated strengths and overlaps with standard errors."""
        fitted = self._outliers()
        return None if fitted is None else invert_spikes(*fitted)

    @property
    def outlier_p_values(self) -> Floats:
        """Of each outlier, given that those above it are signal: see `deeprmt.signal.outlier_p_values`."""
        fitted = self._outliers()
        if fitted is None:
            return np.empty(0)
        return outlier_p_values(*fitted, stderr=self.sigma_stderr or 0.0 if self.fit_found else 0.0)

    def _outliers(self) -> tuple[Floats, tuple[int, int], float] | None:
        """Singular values, the shape without rows or columns that carry no level, and sigma."""
        if self.outliers is None or self.rank is None or self.sigma is None:
            return None
        rows, columns = self.shape
        shape = (self.rank, columns) if rows <= columns else (rows, self.rank)
        return self.singular_values[: self.outliers], shape, self.sigma

    @property
    def spacings(self) -> Floats:
        """Spacings of the unfolded bulk, `window` levels dropped at both ends, scaled to mean 1; empty if too few."""
        if self.spacing_count is None:
            return np.empty(0)
        raw = raw_spacings(self.bulk, self.window)
        return np.asarray(raw / raw.mean())

    def spacing_test(self, *, trials: int = 199) -> SpacingTest | None:
        """Whether levels of the bulk repel each other as noise of the same shape does: calibrated p-values.

        Parameters
        ----------
        trials : int, default 199
            Noise spectra, kept for bulks of the same size: see `deeprmt.spectra.spacing_test`.

        Returns
        -------
        SpacingTest or None
            None where there are no spacings.
        """
        if self.spacing_count is None or self.bulk.size - 2 * self.window < 20:
            return None
        return spacing_test(self.bulk, "gaussian", shape=self.shape, window=self.window, trials=trials)

    @property
    def hill(self) -> Hill | None:
        """The Hill curve of all eigenvalues: `.k`, `.xi`, `.stderr`."""
        return None if self.hill_xi is None else hill(self.eigenvalues)

    @property
    def plateau(self) -> Plateau | None:
        """Whether the Hill curve has a plateau over the largest tenth: see `deeprmt.tails.plateau`.

        None where there are too few levels, or `without_tail`: the edge of a bulk passes the test, since levels that
        repel scatter less than the independent values it is made for.
        """
        if self.hill_xi is None or self.rank is None or self.rank < 5 or self.without_tail:
            return None
        return plateau(self.eigenvalues)

    @property
    def without_tail(self) -> bool:
        """Whether `alpha_verdict` is "no tail", or no eigenvalue stands out of the bulk."""
        return self.outliers == 0 or (self.metrics is not None and self.metrics.alpha_verdict == "no tail")

    @property
    def number_variance(self) -> NumberVariance | None:
        """Of the unfolded bulk, up to half the window of the unfolding: see `deeprmt.spectra.number_variance`."""
        if self.spacing_count is None:
            return None
        end = min(self.window / 2, self.spacing_count / 4)
        levels = unfold(self.bulk, "gaussian", window=self.window)[self.window : -self.window]
        return number_variance(levels, np.linspace(end / 12, end, 12), trust=self.window / 2)

    @property
    def verdict(self) -> str:
        """The main findings in a sentence."""
        from ._words import verdict

        return verdict(self)

    def to_dict(self, *, arrays: bool = False) -> dict[str, Any]:
        """Plain strings, numbers, lists and None; `arrays` adds singular values, spacings, Hill curve and spikes."""
        apart = ("singular_values", "metrics", "left_vectors", "right_vectors")
        out = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in apart}
        known = {} if self.metrics is None else self.metrics.columns()
        out |= {name: known.get(name) for name in COLUMNS if name not in out and "_noise" not in name}
        for side in ("left", "right"):
            tested = getattr(self, f"{side}_vectors")
            out[f"{side}_boundary"] = None if tested is None else tested.boundary
        out["estimate"] = None if self.estimate is None else asdict(self.estimate)
        out |= {"shape": list(self.shape), "stored_shape": list(self.stored_shape), "verdict": self.verdict}
        if arrays:
            curve = self.hill
            out["singular_values"] = self.singular_values.tolist()
            out["spacings"] = self.spacings.tolist()
            out["spikes"] = self._spikes_dict()
            out["hill"] = None if curve is None else {"xi": curve.xi.tolist(), "stderr": curve.stderr.tolist()}
        return out

    def _spikes_dict(self) -> dict[str, Any] | None:
        spikes = self.spikes
        if spikes is None:
            return None
        content = spikes.to_dict()
        del content["shape"], content["sigma"]
        return content | {"p_values": self.outlier_p_values.tolist()}

    def plot(self, axes: Any = None) -> Figure:
        """The spectrum with its law, the spacings, the Hill curve, the number variance and the singular vectors.

        Parameters
        ----------
        axes : sequence of three to five matplotlib.axes.Axes, optional
            For these, in that order. Default: a new figure.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ..report import draw_layer

        return draw_layer(self, axes)

    def __repr__(self) -> str:
        return f"LayerAnalysis({self.name!r}, {by(self.shape)}: {self.verdict})"


def raw_spacings(bulk: Floats, window: int) -> Floats:
    """Spacings of the unfolded levels, without the ends, where the window is not full."""
    return np.asarray(spacings(unfold(bulk, "gaussian", window=window)[window:-window]))
