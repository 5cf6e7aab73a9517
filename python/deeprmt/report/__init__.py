"""Results as HTML: pages that open from disk, with figures inside and nothing fetched from anywhere."""

from ._analysis import analysis_page, analysis_sections, analysis_table
from ._blocks import figure, page, printable, table
from ._comparison import comparison_page
from ._layer import draw_layer, require_matplotlib

__all__ = [
    "analysis_page",
    "analysis_sections",
    "analysis_table",
    "comparison_page",
    "draw_layer",
    "figure",
    "page",
    "printable",
    "require_matplotlib",
    "table",
]
