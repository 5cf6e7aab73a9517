"""One layer at one checkpoint of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._display import Displayed
from ._change import LayerChange
from ._row import LayerAnalysis

OF_ANALYSIS = (
    "status", "sigma", "outliers", "edge_ratio", "bulk_ks", "spacing_ratio", "stable_rank", "spectral_norm",
    "frobenius_norm",
)  # fmt: skip
OF_CHANGE = ("relative_change", "change_rank", "change_stable_rank", "change_outliers")


@dataclass(frozen=True, eq=False, kw_only=True)
class SeriesRow(Displayed):
    """One layer at one checkpoint.

    Attributes
    ----------
    name : str
        Of the layer.
    checkpoint : str
        Its label.
    at : int
        Its place in the series, from 0.
    analysis : LayerAnalysis
        The spectrum, as `analyze` gives it.
    change : LayerChange or None
        From the first checkpoint to this one, with the spectrum of the difference; None for the first.
    k : int or None
        The number of leading singular vectors that are compared with those of the last checkpoint.
    left_overlap, right_overlap : float or None
        The mean squared cosine between the spans of the leading k singular vectors here and at the last checkpoint.
    left_chance, right_chance : float or None
        What random spans give.
    note : str
        What is special about the comparison; the notes of `analysis` and `change` are their own.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import weights
    >>> start = np.random.default_rng(0).normal(size=(60, 50))
    >>> first, last = weights.series([{"w": start}, {"w": start + 40 / np.sqrt(3000)}]).rows
    >>> first.outliers, last.outliers, last.change.change_rank, round(last.left_overlap, 9)
    (0, 1, 1, 1.0)
    """

    name: str
    checkpoint: str
    at: int
    analysis: LayerAnalysis
    change: LayerChange | None = None
    k: int | None = None
    left_overlap: float | None = None
    right_overlap: float | None = None
    left_chance: float | None = None
    right_chance: float | None = None
    note: str = ""

    @property
    def outliers(self) -> int | None:
        """Singular values beyond the noise; None where there is no bulk."""
        return self.analysis.outliers

    @property
    def relative_change(self) -> float | None:
        """The norm of the difference from the first checkpoint over that of the first."""
        return 0.0 if self.at == 0 else None if self.change is None else self.change.relative_change

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers: those of the spectrum, of the change from the first checkpoint, and the overlaps."""
        out: dict[str, Any] = {"name": self.name, "checkpoint": self.checkpoint, "at": self.at}
        out["shape"] = list(self.analysis.shape)
        out |= {name: getattr(self.analysis, name) for name in OF_ANALYSIS}
        metrics = self.analysis.metrics
        out |= {name: getattr(metrics, name, None) for name in ("alpha", "alpha_verdict")}
        out |= {name: getattr(self.change, name, None) for name in OF_CHANGE}
        out["relative_change"] = self.relative_change
        names = ("k", "left_overlap", "left_chance", "right_overlap", "right_chance")
        out |= {name: getattr(self, name) for name in names}
        notes = (self.analysis.note, "" if self.change is None else self.change.note, self.note)
        out["note"] = "; ".join(note for note in dict.fromkeys(notes) if note)
        return out
