"""How far a solution of the equation of deconvolution can be followed in one step, with proof.

In the terms of `_solver`, with c_t and c_b of the total and of the part and h = c(p) - p, the equation is

    p - P + h_b(u) = 0,     u = 2 p - P + h_t(p).

Im h has one sign in the upper half-plane, or in the strip, so that in a disc of radius r around p

    |h(p + d) - h(p) - h'(p) d| <= 2 |Im h(p)| q^2 / (1 - q),     q = |d| / r.

Hence Rouche's theorem: where |J| rho outweighs what is left, J the derivative of the equation, exactly one solution
lies within rho of the old one for every P up to kappa away. What Newton's method finds there is the one that goes on.
And all that goes on from high above with p above the axis is right: where z = omega(p), F_total(p) = F(omega(p)).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["reach"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_PARTS = 0.5 * 0.7 ** np.arange(60)[:, None]  # of the distance to the boundary, tried as rho
_SHARE = 0.5  # of what |J| rho allows is for kappa, the rest for terms of second order


def reach(rule: Any, p: Complex, c: Complex, slope: Complex, u: Complex, known: Complex, steep: Complex) -> Any:
    """(kappa, rho) at solutions p, or 0 where there is no step: c, slope of the total at p; known, steep at u."""

    def room(at: Complex) -> Array:
        return np.asarray(np.minimum(at.imag, rule.ceiling - at.imag))

    stiff = np.abs(steep * (1 + slope) - slope)
    rho = _PARTS * room(p)
    kappa = _SHARE * stiff * rho / np.abs(steep)
    bend = 2 * np.abs((c - p).imag) * _PARTS**2 / (1 - _PARTS)
    s = (np.abs(1 + slope) * rho + kappa + bend) / room(u)
    rest = np.abs(steep - 1) * bend + 2 * np.abs((known - u).imag) * s * s / np.maximum(1 - s, 1e-300)
    kappa = np.where((s < 1) & (stiff * rho * (1 - _SHARE) > rest), kappa, 0.0)
    best = kappa.argmax(axis=0), np.arange(p.size)
    return kappa[best], rho[best]
