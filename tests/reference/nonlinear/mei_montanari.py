"""The theorem of Mei and Montanari, arXiv:1908.05355, word for word in high precision."""

import mpmath as mp


def bias_and_variance(psi1, psi2, ridge, ratio2):
    """B, V and chi; ridge in units of mu_*^2, ratio2 = mu_1^2 / mu_*^2."""
    return tuple(map(float, in_many_digits(psi1, psi2, ridge, ratio2)))


def in_many_digits(psi1, psi2, ridge, ratio2):
    """The same in 60 digits, less what the polynomials cancel."""
    with mp.workdps(60):
        psi1, psi2, ridge, z2 = map(mp.mpf, (psi1, psi2, ridge, ratio2))
        # nu = i a, both equations real: a1 = psi1 / (x + a2 + z2 a2 / (1 + z2 a1 a2)), and 1 with 2.
        x = mp.sqrt(psi1 * psi2 * ridge)

        def mapped(a1, a2):
            linear = z2 / (1 + z2 * a1 * a2)
            return psi1 / (x + a2 + linear * a2), psi2 / (x + a1 + linear * a1)

        a1 = a2 = mp.mpf(1) / 2
        for _ in range(4000):
            b1, b2 = mapped(a1, a2)
            if abs(b1 - a1) + abs(b2 - a2) < mp.mpf(10) ** -9:
                break
            a1, a2 = (a1 + b1) / 2, (a2 + b2) / 2
        a1, a2 = mp.findroot(lambda s, t: [m - n for m, n in zip(mapped(s, t), (s, t), strict=True)], (a1, a2))
        c, z = -a1 * a2, mp.sqrt(z2)
        p = psi1 * psi2
        e0 = (
            -(c**5) * z**6 + 3 * c**4 * z**4 + (p - psi2 - psi1 + 1) * c**3 * z**6 - 2 * c**3 * z**4
            - 3 * c**3 * z**2 + (psi1 + psi2 - 3 * p + 1) * c**2 * z**4 + 2 * c**2 * z**2 + c**2
            + 3 * p * c * z**2 - p
        )  # fmt: skip
        e1 = psi2 * c**3 * z**4 - psi2 * c**2 * z**2 + p * c * z**2 - p
        e2 = (
            c**5 * z**6 - 3 * c**4 * z**4 + (psi1 - 1) * c**3 * z**6 + 2 * c**3 * z**4 + 3 * c**3 * z**2
            + (-psi1 - 1) * c**2 * z**4 - 2 * c**2 * z**2 - c**2
        )  # fmt: skip
        return e1 / e0, e2 / e0, c
