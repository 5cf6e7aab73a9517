"""Results as HTML: pages that open from disk, with figures inside and nothing fetched from anywhere."""

from ._analysis import analysis_page, analysis_sections, analysis_table
from ._blocks import figure, page, printable, table
from ._comparison import comparison_page
from ._layer import draw_layer, require_matplotlib
from ._series import draw_layer_over_time, series_page

__all__ = [
    "analysis_page",
    "analysis_sections",
    "analysis_table",
    "comparison_page",
    "draw_layer",
    "draw_layer_over_time",
    "figure",
    "page",
    "printable",
    "require_matplotlib",
    "series_page",
    "table",
]
