"""A small trainer of networks, exact and seeded, for experiments on trained weights; torch does all else better."""

from ._coordinate_check import CoordinateCheck, coordinate_check
from ._data import Dataset, dataset, noisy_labels
from ._learning_rate_map import LearningRateMap, learning_rate_map
from ._rate_transfer import RateTransfer, rate_transfer
from ._result import Training
from ._train import train
from ._trainer import Trainer

__all__ = [
    "CoordinateCheck",
    "Dataset",
    "LearningRateMap",
    "RateTransfer",
    "Trainer",
    "Training",
    "coordinate_check",
    "dataset",
    "learning_rate_map",
    "noisy_labels",
    "rate_transfer",
    "train",
]
