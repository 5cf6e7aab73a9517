from itertools import pairwise

import numpy as np

from reference.jacobian.layer import layer


def jacobian(key, sample, widths, kind, sigma_w, sigma_b, phi, dphi, x, output):
    j = np.eye(widths[0])
    for index, (n_in, n_out) in enumerate(pairwise(widths), start=1):
        w, b = layer(key, sample, index, kind, n_out, n_in, sigma_w, sigma_b)
        h = w @ x + b
        j = w @ j
        if index < len(widths) - 1 or output == "activation":
            j = np.diag(dphi(h)) @ j
        x = phi(h)
    return j
