"""Free sums and products the slow way: the fixed point of the subordination equations, in plain complex numbers.

And densities that theory gives: roots of cubic equations, in 30-digit arithmetic.
"""

# name: (x, density)
densities = {
    "semicircle + two atoms": [
        (0.5, 0.20772131693),
        (1.0, 0.23709686416),
        (1.5, 0.23175425857),
        (2.0, 0.19298833301),
    ],
    "Marchenko-Pastur + semicircle": [
        (0.5, 0.25263475769),
        (1.0, 0.23709686416),
        (2.0, 0.17897912749),
        (3.0, 0.1174529763),
        (4.0, 0.058117736667),
    ],
    "Marchenko-Pastur x two atoms": [
        (0.5, 0.49322351348),
        (1.0, 0.30010543872),
        (2.0, 0.15026293942),
        (3.0, 0.11430548469),
        (5.0, 0.065259160495),
    ],
}

# A chain of 20 linear layers with aspects 0.8^l: (x, density, distribution function), and the right edge.
chain = [
    (0.1, 1.15080779435, 0.485466540427),
    (0.5, 0.244550048985, 0.678134981802),
    (1.0, 0.120471962444, 0.76249479854),
    (2.0, 0.0568820246883, 0.844020445953),
    (4.0, 0.0248096583074, 0.918426122264),
    (6.0, 0.014093332105, 0.955900939156),
]
chain_edge = 12.715120615333


def stieltjes_of_sum(m1, m2, z):
    """m at z in the upper half-plane, from the two Stieltjes transforms."""
    w = z
    for _ in range(100000):
        new = z + _h(m2, z + _h(m1, w))
        if abs(new - w) < 1e-15 * abs(w):
            break
        w = new
    return m1(w)


def stieltjes_of_product(m1, m2, z):
    """The same for a product on [0, inf): z G(z) = omega G_1(omega)."""
    w = z
    for _ in range(100000):
        new = z * _k(m2, z * _k(m1, w))
        if abs(new - w) < 1e-15 * abs(w):
            break
        w = new
    return w * m1(w) / z


def _h(m, w):
    return -1 / m(w) - w


def _k(m, w):
    """1 / E, E = y / (1 + y), over w... so that omega_2 = z / (omega_1 E)."""
    one = -w * m(w)
    return one / (one - 1) / w
