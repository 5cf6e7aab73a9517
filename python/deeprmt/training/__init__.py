"""A small trainer of networks, exact and seeded, for experiments on trained weights; torch does all else better."""

from ._data import Dataset, dataset, noisy_labels
from ._result import Training
from ._train import train
from ._trainer import Trainer

__all__ = ["Dataset", "Trainer", "Training", "dataset", "noisy_labels", "train"]
