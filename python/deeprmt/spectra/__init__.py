"""Statistics of levels and of vectors: unfolding, spacings, number variance, rigidity; Porter-Thomas tests."""

from ._expected import expected_number_variance, expected_rigidity
from ._levels import spacing_ratio, spacings
from ._localization import (
    MeanAndDeviation,
    expected_inverse_participation_ratio,
    expected_vector_entropy,
    inverse_participation_ratio,
    vector_entropy,
)
from ._porter_thomas import PorterThomas, porter_thomas
from ._spacing_fits import SpacingFit, fit_berry_robnik, fit_brody
from ._spacing_laws import spacing_law, wigner_surmise
from ._spacing_test import RatioStatistics, SpacingTest, ratio_statistics, spacing_correlation, spacing_test
from ._unfold import trusted_length, unfold
from ._unfolded import Unfolded
from ._windows import NumberVariance, Rigidity, number_variance, rigidity

__all__ = [
    "MeanAndDeviation",
    "NumberVariance",
    "PorterThomas",
    "RatioStatistics",
    "Rigidity",
    "SpacingFit",
    "SpacingTest",
    "Unfolded",
    "expected_inverse_participation_ratio",
    "expected_number_variance",
    "expected_rigidity",
    "expected_vector_entropy",
    "fit_berry_robnik",
    "fit_brody",
    "inverse_participation_ratio",
    "number_variance",
    "porter_thomas",
    "ratio_statistics",
    "rigidity",
    "spacing_correlation",
    "spacing_law",
    "spacing_ratio",
    "spacing_test",
    "spacings",
    "trusted_length",
    "unfold",
    "vector_entropy",
    "wigner_surmise",
]
