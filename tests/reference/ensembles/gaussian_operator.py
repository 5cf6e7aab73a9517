from reference.ensembles.gaussian import ginibre


def gaussian_apply(key, sigma, m, n, transpose, x, dtype):
    """The matrix as `ginibre` draws it, times x, in lists."""
    g = [[float(e) for e in row] for row in ginibre(key, 0, m, n, sigma, dtype)]
    if transpose:
        g = [list(column) for column in zip(*g, strict=True)]
    return [[sum(row[k] * x[k][j] for k in range(len(x))) for j in range(len(x[0]))] for row in g]
