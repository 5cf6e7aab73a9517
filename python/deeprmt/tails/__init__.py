"""Heavy tails: estimates from the largest values, and tests of whether there is a power law to estimate."""

from ._choose_k import TailSize, choose_k
from ._comparison import Comparison
from ._estimates import TailEstimate, kernel, moment, pickands, qq, rank
from ._hill import Hill, hill
from ._plateau import Plateau, plateau
from ._power_law import GoodnessOfFit, PowerLaw, fit_power_law
from ._verdict import Verdict, verdict

__all__ = [
    "Comparison",
    "GoodnessOfFit",
    "Hill",
    "Plateau",
    "PowerLaw",
    "TailEstimate",
    "TailSize",
    "Verdict",
    "choose_k",
    "fit_power_law",
    "hill",
    "kernel",
    "moment",
    "pickands",
    "plateau",
    "qq",
    "rank",
    "verdict",
]
