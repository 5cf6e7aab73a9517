"""The law of Pennington and Worah by its quartic, in many digits: followed down from far above the axis."""

import mpmath as mp


def density(x, eta, zeta, phi, psi, rest=None, digits=34):
    """Of the n_1 eigenvalues of Y Y^T / m: the root is continued in small steps towards x."""
    with mp.workdps(digits):
        x, eta, zeta, phi, psi = map(mp.mpf, (x, eta, zeta, phi, psi))
        rest = eta - zeta if rest is None else mp.mpf(rest)

        def step(p, z):
            t = (1 + phi * p) * (1 + psi * p) / (z * psi)
            slope = (phi * (1 + psi * p) + psi * (1 + phi * p)) / (z * psi)
            value = p * (1 - zeta * t) - (rest * t * (1 - zeta * t) + zeta * t)
            change = 1 - zeta * t - p * zeta * slope - slope * (rest * (1 - 2 * zeta * t) + zeta)
            return value / change

        scale = (rest + zeta) * (1 + phi / psi) * (1 + 1 / psi) * 4 + x
        y = 50 * scale
        p = (rest + zeta) / mp.mpc(x, y) / psi
        for _ in range(30):
            p -= step(p, mp.mpc(x, y))
        while y > 0:
            factor = mp.mpf("0.2") if y > x * mp.mpf(10) ** -14 else mp.mpf(0)
            while True:
                q, done = p, False
                for _ in range(12):
                    change = step(q, mp.mpc(x, y * factor))
                    q -= change
                    if abs(change) < mp.mpf(10) ** (-digits + 12) * abs(q):
                        done = True
                        break
                if done and abs(q - p) < abs(p) / 5:
                    break
                factor = mp.sqrt(factor) if factor > 0 else mp.mpf("0.2")
            p, y = q, y * factor
        return float(-((1 + psi * p) / x).imag / mp.pi)
