"""R- and S-transforms: G and M inverted on the real axis outside the support."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..errors import ConvergenceError

if TYPE_CHECKING:
    from ._law import Law

__all__ = ["means_beside", "r_transform", "s_transform", "within_range"]

Array = NDArray[np.float64]


def within_range(law: Law, method: str, w: Array, *, closed: bool) -> Array:
    """R or S for w in the range of the transform: a closed form knows no end, what is inverted notices by itself."""
    if np.isinf(w).any():
        raise ValueError(f"{law._name}.{method}: w must be finite, got {float(w[np.isinf(w)][0])!r}")
    positive = method == "s_transform"
    low, high = law._hull()
    inner = law._s_transform if positive else law._r_transform
    if positive and low >= 0:
        bottom = sum(mass for location, mass in law.atoms() if location == 0) - 1
        if (w < bottom).any() or (bottom > -1 and (w == bottom).any()):
            raise ValueError(
                f"{law._name}.s_transform: w must be in the range of the transform, above {float(bottom)!r}, got"
                f" {float(w[w <= bottom][0])!r}"
            )
    if closed and math.isfinite(low + high) and not (positive and low < 0):
        # M at the upper end, or G at both; their rounding counts like that of its root.
        ends = np.array([high]) if positive else np.array([low, high])
        m = np.asarray(law.stieltjes(ends)).real
        limits = np.where(np.isinf(m), math.inf, -ends * m - 1 if positive else -m)
        top, least = limits[-1], -math.inf if positive or math.isinf(limits[0]) else limits[0]
        beyond = (w > top * (1 + 1e-7)) | (w < least * (1 + 1e-7))
        if beyond.any():
            wish = f"at most {top:.6g}" if positive else f"from {least:.6g} to {top:.6g}"
            raise ValueError(
                f"{law._name}.{method}: w must be in the range of the transform, {wish}, got {float(w[beyond][0])!r}"
            )
    try:
        return inner(w)
    except ConvergenceError as error:
        message = f"{law._name}.{method}: w is too close to the end of the range of the transform: {error}"
        raise ConvergenceError(message, error.report) from None


def r_transform(law: Law, w: Array) -> Array:
    """R at each w, by inverting G."""
    low, high = law._hull()
    centre = (low + high) / 2 if math.isfinite(low + high) else low if math.isfinite(low) else high
    if not math.isfinite(centre):
        raise ValueError(f"{law._name}.r_transform: the support must have an end")

    def means(t: float) -> tuple[float, float]:
        return law._means_beside(centre, t)

    def solve(w: float) -> float:
        t = _inverted(law, "r_transform", lambda t: t * means(t)[1], w, low - centre, high - centre)
        numerator, denominator = means(t)
        return centre + numerator / denominator

    return np.array([solve(each) for each in w])


def s_transform(law: Law, w: Array) -> Array:
    """S at each w, by inverting M."""
    low, high = law._hull()
    if low < 0:
        raise ValueError(f"{law._name}.s_transform: the law must live on [0, inf), but its support begins at {low}")

    def mean(u: float) -> float:
        return law._means_beside(0.0, u)[0]  # with z = 1 / u, this is M(z) / u

    def solve(w: float) -> float:
        u = _inverted(law, "s_transform", lambda u: u * mean(u), w, 0.0, high)
        return (1 + w) / mean(u)

    return np.array([solve(each) for each in w])


def means_beside(law: Law, centre: float, t: float) -> tuple[float, float]:
    """The means of y / (1 - t y) and of 1 / (1 - t y), y = x - centre, for 1 / t + centre outside the support."""
    return (
        float(law.expect(lambda x: (x - centre) / (1 - t * (x - centre)))),
        float(law.expect(lambda x: 1 / (1 - t * (x - centre)))),
    )


def _inverted(law: Law, method: str, function: Callable[[float], float], w: float, low: float, high: float) -> float:
    """The t in (1 / low, 1 / high) where the increasing `function`, 0 at 0, equals w; low <= 0 <= high."""
    if w == 0:
        return 0.0
    bound = high if w > 0 else low
    if math.isinf(bound):
        side = "positive" if w > 0 else "negative"
        raise ValueError(
            f"{law._name}.{method}: w must not be {side} where the support has no end on that side, got {float(w)!r}"
        )
    end = math.copysign(math.inf, w) if bound == 0 else 1 / bound
    size = max(abs(x) for x in (low, high) if math.isfinite(x))
    t = end / 2 if math.isfinite(end) else math.copysign(1 / size if size > 0 else 1.0, w)
    previous = 0.0
    slope = function(t * 1e-6) / (t * 1e-6)
    if abs(w) < slope * abs(t * 1e-7):  # bisection from 0 would be slow, and the transform is a straight line here
        t, previous = 2 * w / slope, w / slope / 2
    for _ in range(200):
        if t in (0, end) or abs(function(t)) >= abs(w):
            break
        previous = t
        t = 4 * t if math.isinf(end) else end - (end - t) / 4
    if t in (0, end) or abs(function(t)) < abs(w):
        raise ValueError(f"{law._name}.{method}: w must be in the range of the transform, got {float(w)!r}")
    # In units of t and of w, so that brentq's products do not underflow.
    return t * float(brentq(lambda s: function(s * t) / w - 1, previous / t, 1.0, xtol=1e-300, rtol=1e-15))
