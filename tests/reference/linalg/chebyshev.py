def moments(eigenvalues, weights, count, low, high):
    """sum_i w_i T_k(s(lambda_i)) for k < count, by the recurrence of the polynomials."""
    out = []
    for k in range(count):
        total = 0.0
        for value, weight in zip(eigenvalues, weights, strict=True):
            s = (2 * value - low - high) / (high - low)
            a, b = 1.0, s
            for _ in range(k):
                a, b = b, 2 * s * b - a
            total += weight * a
        out.append(total)
    return out
