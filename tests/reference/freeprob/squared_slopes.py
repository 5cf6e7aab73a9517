"""E d / (omega - d) and what goes with it, by sums over all nodes in long doubles."""

import numpy as np


def moments(d, weights, omega):
    """E d/(omega-d), E omega/(omega-d), the derivative of the first, E arg(omega - d)."""
    d, weights = np.asarray(d, dtype=np.longdouble), np.asarray(weights, dtype=np.longdouble)
    g = 1 / (np.clongdouble(omega) - d)
    return (
        complex(np.sum(weights * d * g)),
        complex(np.sum(weights * np.clongdouble(omega) * g)),
        complex(-np.sum(weights * d * g * g)),
        float(np.sum(weights * np.arctan2(np.longdouble(omega.imag), np.longdouble(omega.real) - d))),
    )
