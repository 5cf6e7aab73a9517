"""All experiments; a new one is a file of its own and a line here."""

from . import (
    _batch_size,
    _fine_tuning,
    _label_noise,
    _lazy_rich,
    _number_variance,
    _plateau,
    _porter_thomas,
    _spacings,
)
from ._experiment import Experiment

_ALL = (_spacings, _number_variance, _porter_thomas, _lazy_rich, _plateau, _label_noise, _fine_tuning, _batch_size)

EXPERIMENTS: dict[str, Experiment] = {module.EXPERIMENT.name: module.EXPERIMENT for module in _ALL}
