"""Laws of eigenvalues, singular values and spacings: density, distribution function, quantiles, transforms.

>>> from deeprmt import laws
>>> law = laws.MarchenkoPastur(0.5)
>>> law.mean()
np.float64(1.0)
"""

from ._empirical import Empirical
from ._law import Law
from ._marchenko_pastur import MarchenkoPastur
from ._mixture import Mixture
from ._point_masses import Bernoulli, Discrete, Point
from ._semicircle import Semicircle
from ._wigner_surmise import WignerSurmise

__all__ = [
    "Bernoulli",
    "Discrete",
    "Empirical",
    "Law",
    "MarchenkoPastur",
    "Mixture",
    "Point",
    "Semicircle",
    "WignerSurmise",
]
