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
