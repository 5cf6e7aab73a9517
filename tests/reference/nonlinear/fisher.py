"""The Fisher matrix sample by sample, by differences of the network's outputs."""

import numpy as np


def fisher_matrix(w1, w2, x, f, step=1e-5):
    sizes = w1.size, w2.size
    total = np.zeros((sum(sizes), sum(sizes)))

    def outputs(weights, sample):
        a, b = weights[: sizes[0]].reshape(w1.shape), weights[sizes[0] :].reshape(w2.shape)
        return b @ f(a @ sample)

    weights = np.concatenate([w1.ravel(), w2.ravel()])
    for sample in x:
        jacobian = np.empty((len(w2), len(weights)))
        for i in range(len(weights)):
            e = np.zeros(len(weights))
            e[i] = step
            jacobian[:, i] = (outputs(weights + e, sample) - outputs(weights - e, sample)) / (2 * step)
        total += jacobian.T @ jacobian
    return total / len(x)


def leading_part(w1, w2, eta, zeta, slope, slope_variance):
    """The matrix whose spectrum has the limit law, entry by entry; f is centred."""
    (n1, n0), n2 = w1.shape, len(w2)
    gram = w2.T @ w2
    first = slope**2 * gram + slope_variance * n2 / n1 * np.eye(n1)
    second = zeta * w1 @ w1.T + (eta - zeta) * np.eye(n1)
    cross = slope * zeta**0.5 * np.kron(w2.T, w1.T)  # rows (b, i), columns (o, a)
    return np.block([[np.kron(first, np.eye(n0)), cross], [cross.T, np.kron(np.eye(n2), second)]])
