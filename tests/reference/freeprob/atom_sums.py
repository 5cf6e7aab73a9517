import cmath


def atom_sums(at, mass, w):
    """G and G' at one point; plain Python numbers."""
    g = sum(m / (w - a) for a, m in zip(at, mass, strict=True))
    return g, -sum(m / (w - a) ** 2 for a, m in zip(at, mass, strict=True))


def atom_arguments(at, mass, w):
    """The mean of arg(w - a)."""
    return sum(m * cmath.phase(w - a) for a, m in zip(at, mass, strict=True))
