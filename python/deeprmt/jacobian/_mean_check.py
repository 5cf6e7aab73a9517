"""Whether a law that was solved for has the mean that it must have: wrong scales show nowhere else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ..laws import Law

__all__ = ["check_mean", "check_other_words"]

Array = NDArray[np.float64]

# For each interval of the support, in ln x. On [low, high] the angle t of ln(x / low) = ln(high / low) sin^2 t takes
# ends at which the density goes like a root in its stride.
_nodes, _weights = np.polynomial.legendre.leggauss(16)
_angle, _step = (_nodes + 1) * math.pi / 4, _weights * math.pi / 4
# What lies below this part of the mean brings no more than that to it.
_bottom = 1e-2
# Rounding of distribution functions, where points are next to ends.
_falls = 1e-6
# 16 points leave an error of 1e-5 mostly; the largest of 2000 networks was 0.025, where slopes are as good as constant
# over a part of the Gaussian. Wrong scales and branches are wrong by the ratio of two widths.
_most = 0.1


def check_mean(
    name: str,
    cdf: Callable[[Array], Array],
    support: Iterable[tuple[float, float]],
    atoms: Iterable[tuple[float, float]],
    mean: float,
) -> None:
    """Refuses a law on [0, inf) whose distribution function falls, or has another mean than `mean`.

    The mean is the integral of 1 - F, a bounded function without steps between atoms.
    """
    intervals = list(support)
    ends = sorted({0.0, *(x for x, _ in atoms), *(end for interval in intervals for end in interval)})
    if not intervals or not 1e-250 < mean < 1e250 or not ends[-1] < 1e250:
        return
    points, weights = [], []
    for a, b in pairwise(ends):
        low = max(a, _bottom * mean)
        if low >= b or not any(start <= a and b <= end for start, end in intervals):
            points.append(np.array([(a + b) / 2]))  # nothing changes in between
            weights.append(np.array([b - a]))
            continue
        length = math.log(b / low)
        x = low * np.exp(length * np.sin(_angle) ** 2)
        each = x * length * np.sin(2 * _angle) * _step
        each[0] += low - a
        points.append(x)
        weights.append(each)
    x, weight = np.concatenate(points), np.concatenate(weights)
    try:
        below = cdf(x)
    except ConvergenceError:  # points that fail are told of where they are asked for
        return
    found, falls = float(weight @ (1 - below)), np.diff(below)
    where = int(np.argmin(falls)) if falls.size else 0
    report = {"mean": mean, "found": found, "support": intervals}
    if falls.size and falls[where] < -_falls:
        raise ConvergenceError(
            f"{name}: what was solved for is no law: the distribution function falls by {-falls[where]:.3g} between"
            f" {x[where]:g} and {x[where + 1]:g}",
            report,
        )
    if not abs(found - mean) <= _most * mean:
        raise ConvergenceError(
            f"{name}: what was solved for between {ends[0]:g} and {ends[-1]:g} has a mean of {found:.6g}, but the law"
            f" has {mean:.6g}",
            report,
        )


def check_other_words(name: str, law: Law, mean: float) -> None:
    """Refuses a law in closed form that does not have the mean of the one that it stands for."""
    if not 1e-250 < mean < 1e250:
        return
    found = float(law.mean())
    if not abs(found - mean) <= 1e-3 * mean:
        raise ConvergenceError(
            f"{name}: the mean of {law!r} is {found:.6g}, but must be {mean:.6g}", {"mean": mean, "found": found}
        )
