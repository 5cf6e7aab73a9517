"""Trained weights: read them from files, analyse their spectra layer by layer."""

from ._analysis import Analysis
from ._analyze import analyze
from ._apply_filter import FilteredCheckpoint, FilteredLayer, apply_filter
from ._change import LayerChange
from ._compare import Comparison, compare
from ._estimate import Estimated
from ._filter import Filtered, filter
from ._layer import Layer, ReadError, Skipped
from ._load import Layers, layers, load
from ._metrics import Metrics, metrics
from ._metrics_table import MetricsTable
from ._phase import Phase, phase
from ._row import LayerAnalysis
from ._series import Series, series
from ._series_row import SeriesRow

__all__ = [
    "Analysis",
    "Comparison",
    "Estimated",
    "Filtered",
    "FilteredCheckpoint",
    "FilteredLayer",
    "Layer",
    "LayerAnalysis",
    "LayerChange",
    "Layers",
    "Metrics",
    "MetricsTable",
    "Phase",
    "ReadError",
    "Series",
    "SeriesRow",
    "Skipped",
    "analyze",
    "apply_filter",
    "compare",
    "filter",
    "layers",
    "load",
    "metrics",
    "phase",
    "series",
]
