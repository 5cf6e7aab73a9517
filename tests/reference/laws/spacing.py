"""Fredholm determinants of the sine kernel as the papers write them, by mpmath's matrices."""

from mpmath import mp, mpf, pi, sinc

from reference.laws.tracy_widom import determinant


def gap(beta, s, *, nodes=30, digits=40):
    """The probability of no level in an interval of length s: E_1 from the even kernel, E_2 from the sine kernel."""
    with mp.workdps(digits):
        s = mpf(s)

        def sine(x, y):
            return sinc(pi * (x - y))

        if beta == 1:
            return determinant(lambda x, y: sine(x, y) + sine(x, -y), mpf(0), s / 2, nodes, digits)
        if beta == 2:
            return determinant(sine, mpf(0), s, nodes, digits)
        one, two = (gap(b, 2 * s, nodes=nodes, digits=digits) for b in (1, 2))
        return (one + two / one) / 2


def tail(beta, s, *, nodes=30, digits=40):
    """The survival function -E' and the density E'', by differences of the sixth order, with errors of h^6 = 1e-30."""
    with mp.workdps(digits + 10):
        h = mpf(10) ** -5
        values = [gap(beta, s + k * h, nodes=nodes, digits=digits + 10) for k in range(-3, 4)]
        first = sum(w * v for w, v in zip([-1, 9, -45, 0, 45, -9, 1], values, strict=True)) / (60 * h)
        second = sum(w * v for w, v in zip([2, -27, 270, -490, 270, -27, 2], values, strict=True)) / (180 * h * h)
        return -first, second
