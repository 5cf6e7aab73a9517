"""Laws of eigenvalues, singular values and spacings: density, distribution function, quantiles, transforms.

>>> from deeprmt import laws
>>> law = laws.MarchenkoPastur(0.5)
>>> law.mean()
np.float64(1.0)
"""

from ._beta import Beta
from ._between import BerryRobnik, Brody
from ._empirical import Empirical
from ._fuss_catalan import FussCatalan
from ._gamma import Exponential, Gamma, Poisson, SemiPoisson
from ._law import Law
from ._marchenko_pastur import MarchenkoPastur
from ._mixture import Mixture
from ._point_masses import Bernoulli, Discrete, Point
from ._quarter_circle import Circular, QuarterCircle
from ._semicircle import Semicircle
from ._spacing import Spacing
from ._squared_slope import ErfSlope, TanhSlope, squared_slope
from ._tracy_widom import TracyWidom
from ._wachter import KestenMcKay, Wachter
from ._wigner_surmise import WignerSurmise

__all__ = [
    "Bernoulli",
    "BerryRobnik",
    "Beta",
    "Brody",
    "Circular",
    "Discrete",
    "Empirical",
    "ErfSlope",
    "Exponential",
    "FussCatalan",
    "Gamma",
    "KestenMcKay",
    "Law",
    "MarchenkoPastur",
    "Mixture",
    "Point",
    "Poisson",
    "QuarterCircle",
    "SemiPoisson",
    "Semicircle",
    "Spacing",
    "TanhSlope",
    "TracyWidom",
    "Wachter",
    "WignerSurmise",
    "squared_slope",
]
