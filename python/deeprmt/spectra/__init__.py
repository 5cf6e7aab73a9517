"""Statistics of levels: unfolding, spacings, spacing ratios."""

from ._levels import spacing_ratio, spacings
from ._spacing_laws import spacing_law, wigner_surmise
from ._unfold import unfold

__all__ = ["spacing_law", "spacing_ratio", "spacings", "unfold", "wigner_surmise"]
