"""The limit laws of deep networks whose slopes approach 1 while the depth grows."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments import as_choice, as_number
from ..meanfield._series import flow_moment
from ._solved import SolvedLaw

__all__ = ["UniversalLaw", "universal_law"]

Array = NDArray[np.float64]


class UniversalLaw(SolvedLaw):
    """The law of the eigenvalues of J J^T in a double-scaling limit; made by `universal_law`.

    Attributes
    ----------
    kind : str
        "smooth" or "bernoulli".
    spread : float
        The variance; the mean is 1.

    Examples
    --------
    >>> law = universal_law("smooth", 0.25)
    >>> [round(float(law.moment(k)), 6) for k in (1, 2, 3, 4)]
    [1.0, 1.25, 1.84375, 3.041667]
    >>> [(round(low, 10), round(high, 10)) for low, high in law.support()]
    [(0.3213189208, 2.4237626004)]
    """

    def __init__(self, kind: str, spread: float) -> None:
        self.kind, self.spread = kind, spread

    def __repr__(self) -> str:
        return f"UniversalLaw({self.kind!r}, spread={self.spread:.6g})"

    def to_dict(self) -> dict[str, Any]:
        """The parameters, the support and the atoms."""
        return {"kind": self.kind, "spread": self.spread, "support": self.support(), "atoms": self.atoms()}

    @cached_property
    def _solver(self) -> _core.freeprob.ExplicitLaw:
        smooth = self.kind == "smooth"
        ends = not smooth and self.spread <= 1
        top = [(math.exp(self.spread), max(0.0, 1 - self.spread))] if ends else []
        flow = (self.spread, 0.0) if smooth else (0.0, self.spread)
        return _core.freeprob.ExplicitLaw([("flow", *flow)], top, ends)

    @property
    def _known_atoms(self) -> tuple[tuple[float, float], ...]:
        if self.kind == "smooth" or self.spread >= 1:
            return ()
        return ((math.exp(self.spread), 1 - self.spread),)

    def _moment(self, k: int) -> float:
        return flow_moment(k, self.spread, self.kind == "smooth")

    def var(self) -> np.float64:
        """The variance, which is the spread."""
        return np.float64(self.spread)

    def mean_log(self) -> float:
        """E ln x."""
        return -self.spread / 2 if self.kind == "smooth" else -math.inf


def universal_law(kind: str, spread: float) -> UniversalLaw:
    """The limit law of the eigenvalues of J J^T as depth grows and slopes approach 1, their joint variance kept.

    With Haar weights on the critical line and q -> 0 so that depth (E phi'^4 / (E phi'^2)^2 - 1) stays at `spread`, all
    activations that are smooth at 0 lead to one law, and all whose slopes are 0 and 1 to another [1]_.

    Parameters
    ----------
    kind : {"smooth", "bernoulli"}
        "smooth": tanh, erf, arctan, ...; S(y) = exp(-spread y). "bernoulli": hard_tanh, shifted relu;
        S(y) = exp(-spread y / (1 + y)).
    spread : float
        The variance, above 0 and at most 600; the mean is 1.

    Returns
    -------
    Law
        Supported between two positive edges if smooth; else on (0, e spread], with an atom of mass 1 - spread at
        e^spread if spread < 1.

    Raises
    ------
    ValueError
        If kind is neither, or spread out of range.

    References
    ----------
    .. [1] J. Pennington, S. Schoenholz, S. Ganguli, The emergence of spectral universality in deep networks,
       AISTATS (2018), arXiv:1802.09979.

    Examples
    --------
    >>> law = universal_law("bernoulli", 0.25)
    >>> [(round(x, 10), round(mass, 10)) for x, mass in law.atoms()]
    [(1.2840254167, 0.75)]
    >>> round(universal_law("smooth", 1.0).lambda_max, 10)
    4.8571781362
    """
    kind = as_choice("jacobian.universal_law", "kind", kind, ("smooth", "bernoulli"))
    spread = as_number("jacobian.universal_law", "spread", spread, above=0)
    if spread > 600:
        raise ValueError(
            f"jacobian.universal_law: spread must be at most 600, beyond which eigenvalues leave the range of doubles,"
            f" got {spread:g}"
        )
    return UniversalLaw(kind, spread)
