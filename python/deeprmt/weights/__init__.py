"""Trained weights: read them from files, analyse their spectra layer by layer."""

from ._layer import Layer, ReadError, Skipped
from ._load import Layers, load

__all__ = ["Layer", "Layers", "ReadError", "Skipped", "load"]
