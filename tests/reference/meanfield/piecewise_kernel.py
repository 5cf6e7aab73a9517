"""Kernels of activations that are lines between kinks, by one integral for each mean in many digits: slow."""

from functools import cache
from itertools import pairwise

import mpmath as mp


def density(z):
    return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)


def tail(z):
    return mp.erfc(z / mp.sqrt(2)) / 2


class Lines:
    """The value at 0 and slopes between kinks; phi is continuous."""

    def __init__(self, at_zero, kinks, slopes):
        self.kinks, self.slopes = [mp.mpf(k) for k in kinks], [mp.mpf(s) for s in slopes]
        home = sum(k < 0 for k in kinks)
        self.levels = [mp.mpf(0)] * len(slopes)
        self.levels[home] = mp.mpf(at_zero)
        for i in range(home, len(kinks)):
            self.levels[i + 1] = self.levels[i] + (self.slopes[i] - self.slopes[i + 1]) * self.kinks[i]
        for i in range(home, 0, -1):
            self.levels[i - 1] = self.levels[i] + (self.slopes[i] - self.slopes[i - 1]) * self.kinks[i - 1]

    def at(self, h, derivative=0):
        i = sum(h > k for k in self.kinks)
        return self.slopes[i] if derivative else self.levels[i] + self.slopes[i] * h

    def mean(self, middle, spread, derivative=0):
        """Over N(middle, spread^2)."""
        if spread == 0:
            return self.at(middle, derivative)
        ends = [-mp.inf, *((k - middle) / spread for k in self.kinks), mp.inf]
        total = mp.mpf(0)
        for i, (low, high) in enumerate(pairwise(ends)):
            mass = tail(low) - tail(high)
            if derivative:
                total += self.slopes[i] * mass
            else:
                steep = self.slopes[i] * spread * (density(low) - density(high))
                total += (self.levels[i] + self.slopes[i] * middle) * mass + steep
        return total

    def dual(self, a, b, c, derivative=0):
        """E phi(u) phi(v), variances a and b, correlation c; of phi' if derivative is 1."""
        a, b, c = mp.mpf(a), mp.mpf(b), mp.mpf(c)
        ra, rb, s = mp.sqrt(a), mp.sqrt(b), mp.sqrt((1 - c) * (1 + c))
        marks = {mp.mpf(k) for k in range(-14, 15, 2)} | {k / ra for k in self.kinks}
        if c != 0:
            for k in self.kinks:
                centre, width = k / (c * rb), abs(s / c)
                marks |= {centre + width * w for w in (-12, -6, -3, -1.5, 0, 1.5, 3, 6, 12)}
        marks = sorted(m for m in marks if abs(m) <= 14)
        nodes = _rule()
        total = mp.mpf(0)
        for low, high in pairwise(marks):
            half, middle = (high - low) / 2, (high + low) / 2
            for x, w in nodes:
                z = middle + half * x
                total += half * w * density(z) * self.at(ra * z, derivative) * self.mean(c * rb * z, rb * s, derivative)
        return total


@cache
def _rule(order=20):
    """Gauss-Legendre nodes and weights, by Newton's method; 20 give the duals of hard_tanh to 29 digits."""
    out = []
    for k in range(order):
        x = mp.cos(mp.pi * (k + mp.mpf(3) / 4) / (order + mp.mpf(1) / 2))
        for _ in range(8):
            before, now = mp.mpf(1), x
            for n in range(1, order):
                before, now = now, ((2 * n + 1) * x * now - n * before) / (n + 1)
            slope = order * (x * now - before) / (x * x - 1)
            x -= now / slope
        out.append((x, 2 / ((1 - x * x) * slope**2)))
    return out


def kernels(lines, a, b, c, depth, weight, bias):
    """K and Theta of a pair with first-layer variances a and b and correlation c, and the last correlation."""
    a, b, c = mp.mpf(a), mp.mpf(b), mp.mpf(c)
    k = mp.sqrt(a * b) * c
    theta = k
    for _ in range(depth - 1):
        c = k / mp.sqrt(a * b)
        second, slope = lines.dual(a, b, c), lines.dual(a, b, c, 1)
        a, b = (weight * lines.dual(q, q, 1) + bias for q in (a, b))
        k = weight * second + bias
        theta = k + weight * slope * theta
    return k, theta, k / mp.sqrt(a * b)
