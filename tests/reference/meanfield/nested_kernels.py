"""Nested kernels by the recursion of Fan and Wang, literally: damped fixed points inside fixed points."""


def trace(z, w, gammas, b2, law):
    """lim (1/n) Tr (z[0] + sum z[k+1] X_k^T X_k)^{-1} (w[0] + sum w[k+1] X_k^T X_k); law: values, masses at k = 0."""
    *lower, top = z
    if len(z) == 2:
        values, masses = law
        return sum(p * (w[0] + w[1] * x) / (z[0] + z[1] * x) for x, p in zip(values, masses, strict=True))
    s = 1 / top + 1j
    for _ in range(2000):
        new = list(lower)
        new[0] += (1 - b2) / s
        new[-1] += b2 / s
        weights = [1 - b2] + [0] * (len(lower) - 2) + [b2]
        image = 1 / top + gammas[len(z) - 3] * trace(new, weights, gammas, b2, law)
        if abs(image - s) < 1e-13 * abs(s):
            break
        s = (s + image) / 2
    rest = [u - w[-1] / top * v for u, v in zip(w[:-1], lower, strict=True)]
    return w[-1] / top + trace(new, rest, gammas, b2, law)


def stieltjes(z, gammas, b2, law, q, shift):
    """m(z) of shift + sum q[k] X_k^T X_k, Im z > 0."""
    return trace([shift - z, *q], [1] + [0] * len(q), gammas, b2, law)
