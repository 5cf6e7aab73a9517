import numpy as np

from deeprmt.activations import as_activation

_nodes, _weights = np.polynomial.legendre.leggauss(40)


def gauss_product(name, q1, q2, c, derivative):
    """Mehler's formula: the sum of a_k(q1) a_k(q2) c^k over the Hermite coefficients, and what is left at c = 1."""
    first, second = (_coefficients(name, q, derivative) for q in (q1, q2))
    return float(np.sum(first * second * c ** np.arange(len(first))))


def _coefficients(name, q, derivative, count=240):
    """E f(sqrt(q) Z) He_k(Z) / sqrt(k!), by Gauss-Legendre on pieces that end at the kinks."""
    activation = as_activation("reference", name)
    ends = np.array(sorted({*np.arange(-14, 14.1, 1.0), *(kink / np.sqrt(q) for kink in activation.kinks)}))
    half = np.diff(ends)[:, None] / 2
    z = ((ends[1:] + ends[:-1])[:, None] / 2 + half * _nodes).ravel()
    f = (activation.dphi if derivative else activation.phi)(np.sqrt(q) * z)
    weight = (half * _weights).ravel() * f * np.exp(-z * z / 4) / (2 * np.pi) ** 0.5
    # Hermite functions, so that nothing overflows.
    total, before, now = np.zeros(count), np.zeros_like(z), np.exp(-z * z / 4)
    for k in range(count):
        total[k] = np.sum(weight * now)
        before, now = now, (z * now - np.sqrt(k) * before) / np.sqrt(k + 1)
    return total
