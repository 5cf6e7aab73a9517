"""A small trainer of networks, exact and seeded, for experiments on trained weights; torch does all else better."""

from ._data import Dataset, dataset, noisy_labels
from ._learning_rate_map import LearningRateMap, learning_rate_map
from ._result import Training
from ._train import train
from ._trainer import Trainer

__all__ = ["Dataset", "LearningRateMap", "Trainer", "Training", "dataset", "learning_rate_map", "noisy_labels", "train"]
