from mpmath import acos, asin, cosh, exp, mp, mpf, pi, sin, sinh, sqrt


def dual(activation, a, b, c):
    """E phi(u) phi(v) and E phi'(u) phi'(v) for variances a and b and covariance c, as the papers print them."""
    r = max(min(c / sqrt(a * b), mpf(1)), mpf(-1))
    if activation in ("erf", "erf_unit"):
        scale = 2 * (1 if activation == "erf" else pi / 4)
        det = (1 + scale * a) * (1 + scale * b) - (scale * c) ** 2
        return 2 / pi * asin(scale * c / sqrt((1 + scale * a) * (1 + scale * b))), 2 / pi * scale / sqrt(det)
    if activation == "sin":
        return exp(-(a + b) / 2) * sinh(c), exp(-(a + b) / 2) * cosh(c)
    if activation == "cos":
        return exp(-(a + b) / 2) * cosh(c), exp(-(a + b) / 2) * sinh(c)
    if activation == "bell":  # exp(-h^2 / 2)
        det = (1 + a) * (1 + b) - c**2
        return 1 / sqrt(det), c / sqrt(det) ** 3
    if activation == "squared":
        return a * b + 2 * c**2, 4 * c
    if activation == "cubed":
        return 9 * a * b * c + 6 * c**3, 9 * (a * b + 2 * c**2)
    if activation == "sign":
        return 2 / pi * asin(r), mpf(0)
    if activation == "gelu":
        det = (1 + a) * (1 + b) - c**2
        both = mpf(1) / 4 + asin(c / sqrt((1 + a) * (1 + b))) / (2 * pi)
        f = c * both + (a * b + c**2 * (1 - a * b) / ((1 + a) * (1 + b))) / (2 * pi * sqrt(det))
        return f, both + c / (2 * pi * sqrt(det)) * (1 / (1 + a) + 1 / (1 + b) + 1 / det)
    angle = acos(r)
    j0 = pi - angle
    j1 = sin(angle) + j0 * r
    if activation == "step":
        return j0 / (2 * pi), mpf(0)
    if activation == "square":  # max(h, 0)^2
        j2 = 3 * sin(angle) * r + j0 * (1 + 2 * r**2)
        return a * b * j2 / (2 * pi), 4 * sqrt(a * b) * j1 / (2 * pi)
    below, above = activation  # slopes on both sides of 0
    bend, line = mpf(above - below) ** 2 / (2 * pi), mpf(above) * below
    return sqrt(a * b) * bend * j1 + line * c, bend * j0 + line


def kernels(x, y, depth, activation, weight, bias, digits=40):
    """[(K^l, Theta^l)] of one pair of inputs, NTK parametrization."""
    with mp.workdps(digits):

        def first(u, v):
            return weight * sum(mpf(float(p)) * mpf(float(q)) for p, q in zip(u, v, strict=True)) / len(u) + bias

        weight, bias = mpf(weight), mpf(bias)
        a, b, c = first(x, x), first(y, y), first(x, y)
        theta = c
        out = [(c, theta)]
        for _ in range(depth - 1):
            f, d = dual(activation, a, b, c)
            a, b = (weight * dual(activation, q, q, q)[0] + bias for q in (a, b))
            c = weight * f + bias
            theta = c + weight * d * theta
            out.append((c, theta))
        return out
