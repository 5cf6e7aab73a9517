"""Duals of bounded activations that are lines between kinks, under Gaussians far wider than those.

There the closed form is a sum of terms as large as the variances. With bends b that add up to 0, x and y the kinks over
the two deviations and g(x) = exp(-x^2 / (2 sin(angle)^2)),

    d/d(angle) E phi'(u) phi'(v) = -1/(2 pi) sum over k, l of b_k b_l
        [(g(x_k) - 1) (g(y_l) - 1) + g(x_k) g(y_l) (exp(x_k y_l cos(angle) / sin(angle)^2) - 1)],

each term as small as what they make. Integrals go from a right angle, where u and v are independent.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..activations import Activation

__all__ = ["wide_lines"]

Array = NDArray[np.float64]

_nodes, _weights = np.polynomial.legendre.leggauss(20)
_nodes, _weights = (_nodes + 1) / 2, _weights / 2
_pairs = 1 << 8  # at once
_local = 1e6  # variance, over that of the kinks, up to which what is 0 on both sides keeps 13 digits


def wide_lines(
    activation: Activation, slopes: tuple[float, ...], a: Array, b: Array, c: Array, derivative: int
) -> Array | None:
    """The dual for each pair; None unless phi is constant to both sides, and continuous if phi itself is meant."""
    kinks = np.array(activation.kinks)
    if len(kinks) < 2 or slopes[0] or slopes[-1]:
        return None
    bends = np.diff(slopes)
    inside = np.array(slopes[1:-1])
    ends = np.asarray(activation.phi(np.array([kinks[0] - 1.0, kinks[-1] + 1.0])), dtype=float)
    if derivative == 0 and not ends.any() and max(a.max(), b.max()) > _local * max(kinks[0] ** 2, kinks[-1] ** 2):
        return None
    rise = inside @ np.diff(kinks)
    if derivative == 0 and abs(ends[0] + rise - ends[1]) > 1e-13 * (np.abs(ends).max() + np.abs(inside).max()):
        return None
    roots = np.sqrt(a), np.sqrt(b)
    # Means of phi' and phi from masses and densities between kinks.
    means, flats = [], []
    heights = ends[0] + np.concatenate([[0.0], np.cumsum(inside * np.diff(kinks))])
    for root in roots:
        x = kinks / root[:, None]
        mass = np.diff(special.erf(x / math.sqrt(2)), axis=1) / 2
        flats.append(mass @ inside)
        density = np.expm1(-x * x / 2) / math.sqrt(2 * math.pi)
        levels = heights[:-1] - inside * kinks[:-1]
        outer = ends[0] * special.ndtr(x[:, 0]) + ends[1] * special.ndtr(-x[:, -1])
        means.append(outer + mass @ levels - root * (np.diff(density, axis=1) @ inside))
    out = np.empty(len(c))
    for begin in range(0, len(c), _pairs):
        some = slice(begin, begin + _pairs)
        out[some] = _integral(kinks, bends, roots[0][some], roots[1][some], c[some], derivative)
    flat = flats[0] * flats[1]
    if derivative:
        return np.asarray(flat + out / (2 * math.pi))
    return np.asarray(means[0] * means[1] + roots[0] * roots[1] * (c * flat + out / (2 * math.pi)))


def _integral(kinks: Array, bends: Array, root_a: Array, root_b: Array, c: Array, derivative: int) -> Array:
    """From the angle of c to a right angle, of the sum or of (c - cos) times it, over t = tan(angle / 2)."""
    x, y = kinks / root_a[:, None], kinks / root_b[:, None]
    acute = c >= 0
    # An obtuse angle is the acute one with the other Gaussian turned.
    y = np.where(acute[:, None], y, -y)
    gap = 1 - np.abs(c)
    low = np.sqrt(gap / (2 - gap))
    # Below the least of these nothing bends any more.
    scales = np.concatenate([np.abs(x[:, :, None] - y[:, None, :]).reshape(len(c), -1), np.abs(x), np.abs(y)], axis=1)
    least = np.where(scales > 0, scales, 1.0).min(axis=1) / 24
    if derivative == 0:
        least = np.maximum(least, 1e-18)  # (c - cos) is the square of the angle: what is below adds nothing
    middle = np.clip(least, low, 1.0)
    panels = max(1, math.ceil(float(np.log(1 / middle).max()) / math.log(4)))
    u = (np.arange(panels)[:, None] + _nodes).ravel() / panels
    log = np.log(middle)[:, None]
    t = np.exp(log * (1 - u))
    first = low[:, None] + (middle - low)[:, None] * _nodes
    weight = np.concatenate([(middle - low)[:, None] * _weights, -log * t * np.tile(_weights / panels, panels)], axis=1)
    t = np.concatenate([first, t], axis=1)
    square = t * t
    weight *= 2 / (1 + square)
    sine, cosine = 2 * t / (1 + square), (1 - square) / (1 + square)
    if derivative == 0:
        # cos(angle) - cos, as a product of differences
        tops = (low**2)[:, None]
        weight *= 2 * (t - low[:, None]) * (t + low[:, None]) / ((1 + square) * (1 + tops))
    inverse = 1 / np.maximum(sine, 1e-150) ** 2
    less_x, less_y = ([np.expm1(-(z[:, k, None] ** 2) * inverse / 2) for k in range(len(kinks))] for z in (x, y))
    total = np.zeros_like(t)
    for k, bend_k in enumerate(bends):
        for m, bend_m in enumerate(bends):
            if not bend_k * bend_m:
                continue
            one, other = x[:, k, None], y[:, m, None]
            power = one * other * cosine * inverse
            whole = (1 + less_x[k]) * (1 + less_y[m])
            differ = (one - other) ** 2 * (1 + 1 / np.maximum(square, 1e-300)) / 8
            together = np.exp(-differ - (one + other) ** 2 * (1 + square) / 8)
            both = np.where(np.abs(power) < 1, whole * np.expm1(np.clip(power, -1, 1)), together - whole)
            total += (bend_k * bend_m) * (less_x[k] * less_y[m] + both)
    sums = np.sum(total * weight, axis=1)
    # Turned: phi(-v) has the slope -phi'(-v).
    return np.asarray(np.where(acute, sums, -sums) if derivative else sums)
