"""The functional equations of a layer (Pastur, arXiv:2001.06188), iterated: an algorithm without S-transforms."""

import numpy as np


class Measure:
    """Point masses; or the limit law of a chain of layers, through what the equations need of it."""

    def __init__(self, points, masses):
        self.points, self.masses = np.asarray(points, dtype=float), np.asarray(masses, dtype=float)

    def stieltjes(self, z):
        return complex(np.sum(self.masses / (self.points - z)))


class Layer:
    """The law of R^(1/2) W^T K W R^(1/2), W Gaussian with entries of variance 1 / n, R and K free of W.

    h = int x R(dx) / (k x - z), k = int x K(dx) / (1 + x h), f = int R(dx) / (k x - z).
    """

    def __init__(self, inner, k_points, k_masses):
        self.inner, self.points, self.masses = inner, np.asarray(k_points), np.asarray(k_masses)

    def solve(self, z):
        """f, h and k at z off [0, inf)."""
        k = complex(np.sum(self.points * self.masses))
        for _ in range(2000):
            # int x R / (k x - z) = (1 + (z/k) f_R(z/k)) / k
            s = self.inner.stieltjes(z / k)
            h = (1 + z / k * s) / k
            new = complex(np.sum(self.points * self.masses / (1 + self.points * h)))
            done = abs(new - k) < 1e-14 * abs(k)
            k = (k + new) / 2
            if done:
                break
        return self.inner.stieltjes(z / k) / k, h, k

    def stieltjes(self, z):
        return self.solve(z)[0]


def jacobian(slopes, sigma_w):
    """The law of J^T J for layers of slopes, each (points, masses) of phi'^2, as a measure."""
    law = Measure([1.0], [1.0])
    for points, masses in slopes:
        law = Layer(law, np.asarray(points) * sigma_w**2, masses)
    return law
