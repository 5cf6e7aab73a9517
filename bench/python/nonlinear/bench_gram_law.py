import numpy as np

from deeprmt.nonlinear import gram_law
from harness import Table


def roots(x: np.ndarray, zeta: float, phi: float, psi: float) -> np.ndarray:
    """The quartic's root nearest to the last one, from the right end inwards: what is mostly done."""
    eta, density, last = 1.0, np.zeros_like(x), None
    for i in range(x.size)[::-1]:
        if x[i] == 0:  # an end of the support, where the quartic is none
            density[i] = np.inf
            continue
        t = 1 / (float(x[i]) * psi)  # a NumPy scalar times a poly1d is no poly1d
        # p (1 - zeta u) - eta u + zeta (eta - zeta) u^2, u = t (1 + phi p) (1 + psi p)
        u = t * np.poly1d([phi * psi, phi + psi, 1.0])
        quartic = np.poly1d([1.0, 0.0]) * (1 - zeta * u) - eta * u + zeta * (eta - zeta) * u * u
        found = (1 + psi * quartic.roots) / x[i]
        last = found[np.argmin(abs(found - (1 / x[i] if last is None else last)))]
        density[i] = abs(last.imag) / np.pi
    return density


def bench(table: Table) -> None:
    for name, zeta, phi, psi in (("one bulk", 0.5, 0.75, 1.5), ("two bulks", 0.99, 0.5, 0.75)):
        law = gram_law(1.0, zeta, phi, psi)
        x = np.concatenate([np.linspace(low, high, 1000 // len(law.support())) for low, high in law.support()])
        table.add(
            f"law of f(W X), {name}, 1000 points",
            lambda law=law, x=x: law.pdf(x),
            ceiling=("20 ms", 0.02),
            target=1.0,
            peers={"roots of the quartic": lambda x=x, a=(zeta, phi, psi): roots(x, *a)},
        )
        wrong = np.mean(np.abs(roots(x, zeta, phi, psi) - law.pdf(x)) > 1e-6 * law.pdf(x).max())
        print(f"{name}: the nearest root is the wrong one at {wrong:.1%} of the points")
    table.add(
        "the same from nothing: edges, 1000 points",
        lambda: gram_law(1.0, 0.5, 0.75, 1.5).pdf(np.linspace(0.07, 3.58, 1000)),
        ceiling=("20 ms", 0.02),
        target=1.0,
    )
