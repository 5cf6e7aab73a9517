"""What laws of linear networks in the settings of Newton lilypads (arXiv:2111.00841) are measured against."""

import numpy as np
from numpy.polynomial import polynomial


class Companions:
    """The baselines: all roots y of (1 + y) prod (1 + a y) = z y as eigenvalues of companion matrices, as fast as NumPy
    has them: one call for the matrices of all points."""

    def __init__(self, depth: int) -> None:
        self.depth, self.coefficients = depth, np.array([1.0, 1.0])
        for a in 0.8 ** np.arange(1, depth + 1):
            self.coefficients = polynomial.polymul(self.coefficients, [1.0, a])

    def roots(self, z: np.ndarray) -> np.ndarray:
        c = self.coefficients
        matrix = np.zeros((z.size, self.depth + 1, self.depth + 1), z.dtype)
        matrix[:, np.arange(1, self.depth + 1), np.arange(self.depth)] = 1
        matrix[:, 0, :] = -c[-2::-1] / c[-1]
        matrix[:, 0, -2] += z / c[-1]
        return np.linalg.eigvals(matrix)

    def neighbours(self, x: np.ndarray, height: float = 0.0) -> np.ndarray:
        """The density at x + i height, ascending x: from high above down to the largest, and along the line from there,
        of all roots the one nearest to the last."""
        y = self.descended(x[-1:], 1e-3)[0]
        density = np.empty(x.size)
        for k, each in reversed(list(enumerate(self.roots(x + 1j * height if height else x)))):
            below = each[each.imag <= 0]
            y = below[np.argmin(np.abs(below - y))]
            density[k] = -((1 + y) / (x[k] + 1j * height)).imag / np.pi
        return density

    def descended(self, x: np.ndarray, height: float) -> np.ndarray:
        """y at x + i height from high above each point, 1.5 times lower a step: the published baseline, Algorithm 1."""
        at, y = 30.0, 1 / (x + 30j)
        while at > height:
            at = max(at / 1.5, height)
            each = self.roots(x + 1j * at)
            y = np.take_along_axis(each, np.argmin(np.abs(each - y[:, None]), axis=1)[:, None], axis=1)[:, 0]
        return y

    def from_above(self, x: np.ndarray, height: float) -> np.ndarray:
        return -((1 + self.descended(x, height)) / (x + 1j * height)).imag / np.pi
