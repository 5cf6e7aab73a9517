"""Statistics of levels: unfolding, spacings and their ratios, number variance, rigidity."""

from ._expected import expected_number_variance, expected_rigidity
from ._levels import spacing_ratio, spacings
from ._spacing_laws import spacing_law, wigner_surmise
from ._unfold import trusted_length, unfold
from ._unfolded import Unfolded
from ._windows import NumberVariance, Rigidity, number_variance, rigidity

__all__ = [
    "NumberVariance",
    "Rigidity",
    "Unfolded",
    "expected_number_variance",
    "expected_rigidity",
    "number_variance",
    "rigidity",
    "spacing_law",
    "spacing_ratio",
    "spacings",
    "trusted_length",
    "unfold",
    "wigner_surmise",
]
