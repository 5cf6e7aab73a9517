"""Activations that are periodic, under Gaussians so wide that they see all phases alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .._arguments import Floats
from ..activations import Activation

__all__ = ["period_mean", "period_of"]

_probes = np.linspace(-3.9, 4.1, 37)
_longest = 16.0


@lru_cache(maxsize=64)
def period_of(activation: Activation) -> float | None:
    """The period of phi and phi', if there is one of at most 16 and no kink."""
    if activation.kinks:
        return None
    grid = np.linspace(0.05, _longest, 1600)
    anchor = np.array([0.3, 1.1])  # a period takes both to where phi is the same
    with np.errstate(all="ignore"):
        apart = np.abs(activation.phi(anchor[:, None] + grid) - activation.phi(anchor)[:, None]).sum(axis=0)
        size = float(np.abs(activation.phi(_probes)).max())
        if not np.isfinite(apart).all() or not np.isfinite(size) or size == 0:
            return None
        dips = (
            np.flatnonzero((apart[1:-1] <= apart[:-2]) & (apart[1:-1] <= apart[2:]) & (apart[1:-1] < 0.05 * size)) + 1
        )
        for i in dips:
            period = _closed_in(activation, float(grid[i]))
            shifts = period * np.array([[1], [7], [100]])
            # A dphi from differences knows phi only where it varies on the scale of h.
            if np.allclose(
                activation.phi(_probes + shifts), activation.phi(_probes), rtol=0, atol=1e-8 * size
            ) and np.allclose(activation.dphi(_probes + period), activation.dphi(_probes), rtol=0, atol=1e-6 * size):
                return period
    return None


def _closed_in(activation: Activation, period: float) -> float:
    """Newton's method on phi(a + period) = phi(a), where phi' is largest."""
    a = float(_probes[np.abs(activation.dphi(_probes)).argmax()])
    for _ in range(20):
        slope = float(activation.dphi(np.array(a + period)))
        step = float(activation.phi(np.array(a + period)) - activation.phi(np.array(a))) / slope if slope else 0.0
        period -= step
        if not abs(step) > 1e-15 * period:
            break
    return period


def period_mean(activation: Activation, q: float, function: Callable[[Floats], Any]) -> float | None:
    """E function(h) of a function of phi(h) and phi'(h), where h ~ N(0, q) is uniform over a period to rounding.

    A wrapped Gaussian is, up to 2 exp(-2 pi^2 q / period^2). None where it is not, or where there is no period.
    """
    if q < 1.9 * 0.05**2:
        return None
    period = period_of(activation)
    if period is None or q < 1.9 * period**2:
        return None
    last = np.inf
    for count in (64, 128, 256, 512, 1024):  # the trapezoidal rule, which converges like the Fourier series
        values = np.asarray(function(np.arange(count) * (period / count)), dtype=float)
        mean = float(values.mean())
        if abs(mean - last) <= 4e-16 * float(np.abs(values).mean()):
            return mean
        last = mean
    return None
