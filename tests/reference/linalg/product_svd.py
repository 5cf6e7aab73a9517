"""Singular values of products by multiplying them out, with as many digits as it takes."""

import mpmath
import numpy as np


def log_svdvals(factors, digits):
    """Natural logarithms of the singular values of factors[-1] @ ... @ factors[0]."""
    with mpmath.workdps(digits):
        product = mpmath.matrix(factors[0].tolist())
        for factor in factors[1:]:
            product = mpmath.matrix(factor.tolist()) * product
        values = mpmath.svd_r(product, compute_uv=False)
        return np.array([float(mpmath.log(v)) if v else -np.inf for v in values])


def lyapunov_exponents(factors, k):
    """Mean log |diag R| of the first k columns, re-orthogonalised by NumPy's QR in each step."""
    frame = np.eye(factors[0].shape[1])[:, :k]
    logs = []
    for factor in factors:
        frame, r = np.linalg.qr(factor @ frame)
        logs.append(np.log(np.abs(np.diag(r))))
    return np.mean(logs, axis=0)
