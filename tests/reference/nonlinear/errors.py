"""Errors of random-feature regression as the papers write them, in high precision; derivatives by differences."""

import mpmath as mp


def traces(gamma, eta, zeta, phi, psi):
    """g and k: the fixed point for one kind of feature, with K of Marchenko-Pastur, by the quartic's own bisection.

    p solves p (1 - zeta x) = eta x - zeta (eta - zeta) x^2, x = t P_phi P_psi, t = -1 / (gamma psi), and grows with
    gamma; g = (1 + phi p) / gamma on the side of the samples.
    """
    gamma, eta, zeta, phi, psi = map(mp.mpf, (gamma, eta, zeta, phi, psi))

    def off(p):
        x = -(1 + phi * p) * (1 + psi * p) / (gamma * psi)
        return p * (1 - zeta * x) - eta * x + zeta * (eta - zeta) * x * x

    low, high = -1 / max(phi, psi, 1 if eta == zeta else 0), mp.mpf(0)
    sign = off(high)
    for _ in range(int(3.5 * mp.mp.prec)):
        middle = (low + high) / 2
        low, high = (low, middle) if off(middle) * sign > 0 else (middle, high)
    p = (low + high) / 2
    g = (1 + phi * p) / gamma
    # 1 / D = 1 + psi p with D = 1 + zeta k + (eta - zeta) g
    k = (1 / (1 + psi * p) - 1 - (eta - zeta) * g) / zeta if zeta else g
    return g, k


def errors(gamma, eta, zeta, phi, psi, signal=0.0):
    """Training and test error."""
    with mp.workdps(120):
        gamma = mp.mpf(gamma)
        step = gamma * mp.mpf(10) ** -35
        upper, lower = (traces(gamma + s, eta, zeta, phi, psi) for s in (step, -step))
        slope_g, slope_k = ((a - b) / (2 * step) for a, b in zip(upper, lower, strict=True))
        g = traces(gamma, eta, zeta, phi, psi)[0]
        train = -(gamma**2) * (signal * slope_k + (1 - mp.mpf(signal)) * slope_g)
        return float(train), float(train / (gamma * g) ** 2)
