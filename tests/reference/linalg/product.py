def multiply(a, b):
    """Three loops over lists."""
    return [[sum(row[k] * b[k][j] for k in range(len(b))) for j in range(len(b[0]))] for row in a]


def multiply_itself(a):
    """a a^T, the same way."""
    return multiply(a, [list(column) for column in zip(*a, strict=True)])
