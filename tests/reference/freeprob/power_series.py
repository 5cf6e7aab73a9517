def power_series(f, v):
    """The polynomial with coefficients f, constant first, and its derivative at one point, term by term."""
    value = sum(each * v**k for k, each in enumerate(f))
    return value, sum(k * each * v ** (k - 1) for k, each in enumerate(f) if k > 0)
