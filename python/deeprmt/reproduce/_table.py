"""All experiments; a new one is a file of its own and a line here."""

from . import (
    _batch_size,
    _coordinate_check,
    _fine_tuning,
    _freeness,
    _kernel_convergence,
    _kernel_laws,
    _label_noise,
    _lazy_rich,
    _learning_rate_border,
    _linearised_training,
    _number_variance,
    _one_sample_ntk,
    _phases,
    _plateau,
    _porter_thomas,
    _random_slopes,
    _rate_transfer,
    _spacings,
    _wide_networks,
)
from ._experiment import Experiment

_ALL = (
    _spacings,
    _number_variance,
    _porter_thomas,
    _lazy_rich,
    _plateau,
    _label_noise,
    _fine_tuning,
    _batch_size,
    _phases,
    _random_slopes,
    _freeness,
    _one_sample_ntk,
    _learning_rate_border,
    _kernel_laws,
    _wide_networks,
    _kernel_convergence,
    _linearised_training,
    _coordinate_check,
    _rate_transfer,
)

EXPERIMENTS: dict[str, Experiment] = {module.EXPERIMENT.name: module.EXPERIMENT for module in _ALL}
