"""Heavy tails: estimates from the largest values."""

from ._comparison import Comparison
from ._hill import Hill, hill
from ._power_law import GoodnessOfFit, PowerLaw, fit_power_law

__all__ = ["Comparison", "GoodnessOfFit", "Hill", "PowerLaw", "fit_power_law", "hill"]
