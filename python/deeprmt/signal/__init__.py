"""Signal and noise in the singular values of a matrix: the bulk, what stands out of it, and what to keep."""

from ._bulk import Bulk, Goodness, fit_bulk, outlier_p_values
from ._discoveries import benjamini_hochberg
from ._rotation_invariant import ledoit_peche, rotation_invariant
from ._shrink import hard_threshold, shrink
from ._spikes import Spikes, invert_spikes, spiked

__all__ = [
    "Bulk",
    "Goodness",
    "Spikes",
    "benjamini_hochberg",
    "fit_bulk",
    "hard_threshold",
    "invert_spikes",
    "ledoit_peche",
    "outlier_p_values",
    "rotation_invariant",
    "shrink",
    "spiked",
]
