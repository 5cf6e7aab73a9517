import numpy as np

import harness
from deeprmt.freeprob import law, symbols
from deeprmt.freeprob._linearise import linearise
from deeprmt.laws import MarchenkoPastur, Semicircle
from harness import Table, best

x, y, z = symbols("x y z")


def plain(expression: object, points: np.ndarray, height: float) -> np.ndarray:
    """What a NumPy user writes for semicirculars: W <- (W + (b - eta(W))^{-1}) / 2 above the axis, no Newton steps."""
    pencil = linearise(expression)  # type: ignore[arg-type]
    matrices = list(pencil.coefficients.values())
    d = pencil.size
    b = np.zeros((points.size, d, d), complex)
    b[:, 0, 0] = points
    b += 1j * height * np.eye(d) - pencil.constant
    g = np.linalg.inv(b + 1j * np.eye(d))
    for _ in range(20000):
        new = (g + np.linalg.inv(b - sum(a @ g @ a for a in matrices))) / 2
        change = np.abs(new - g).max()
        g = new
        if change < 1e-8:
            break
    return -g[:, 0, 0].imag / np.pi


def bench(table: Table) -> None:
    # The ceiling: one NumPy call that inverts 1000 complex matrices of the pencil's size.
    stack = np.random.default_rng(0).normal(size=(1000, 3, 3)) + 1j * np.eye(3)
    once = best(lambda: np.linalg.inv(stack), 0.3)
    semicircle, mp = Semicircle(), MarchenkoPastur(1)
    cases = [
        ("xy + yx + x^2, semicircle and semicircle", x * y + y * x + x**2, {x: semicircle, y: semicircle}, (-1.7, 5.9)),
        ("xy + yx + x^2, semicircle and MP", x * y + y * x + x**2, {x: semicircle, y: mp}, (-4.8, 9.8)),
        ("xyz + zyx, two semicircles and MP", x * y * z + z * y * x, {x: semicircle, y: semicircle, z: mp}, (-5, 5)),
        ("xy + yx, semicircle and 100 values", x * y + y * x, {x: semicircle, y: np.linspace(-1, 1, 100)}, (-2, 2)),
    ]
    for name, expression, laws, (low, high) in cases:
        points = np.linspace(low, high, 50 if harness.quick else 1000)

        def density(expression: object = expression, laws: object = laws, points: np.ndarray = points) -> object:
            return law(expression, laws).pdf(points)  # type: ignore[arg-type]  # with the search for the support

        peers = {}
        if all(isinstance(each, Semicircle) for each in laws.values()):
            peers["NumPy iteration at height 1e-3"] = lambda e=expression, p=points: plain(e, p, 1e-3)
        table.add(
            f"1000 points of {name}",
            density,
            ceiling=("1000 inverses of 3 x 3 in NumPy", once),
            most=1.0,
            peers=peers,
        )
