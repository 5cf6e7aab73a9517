"""Bisection: how many eigenvalues lie below x is how many pivots of T - x are negative (Sturm)."""

import numpy as np


def count_below(d, e, x):
    count = 0
    pivot = d[0] - x
    for i in range(len(d)):
        if i:
            pivot = d[i] - x - e[i - 1] ** 2 / pivot
        pivot = pivot or np.longdouble("1e-3000")
        count += pivot < 0
    return count


def eigvalsh_tridiagonal(d, e):
    d, e = np.asarray(d, np.longdouble), np.asarray(e, np.longdouble)
    reach = np.abs(d).max() + 2 * np.abs(e).max(initial=0)
    values = []
    for k in range(len(d)):
        low, high = -reach, reach
        for _ in range(70):  # beyond the 64 bits of the type
            middle = (low + high) / 2
            if count_below(d, e, middle) <= k:
                low = middle
            else:
                high = middle
        values.append(float((low + high) / 2))
    return np.array(values)
