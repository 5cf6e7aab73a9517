import math


def sums(a, scale):
    """Of the fourth powers of all entries over the scale, and of the squares in each row and column."""
    squares = [[(float(x) / scale) ** 2 for x in row] for row in a]
    fourth = math.fsum(q * q for row in squares for q in row)
    return fourth, [math.fsum(row) for row in squares], [math.fsum(column) for column in zip(*squares, strict=True)]


def largest_magnitude(a):
    entries = [abs(float(x)) for row in a for x in row]
    return math.nan if any(map(math.isnan, entries)) else max(entries)
