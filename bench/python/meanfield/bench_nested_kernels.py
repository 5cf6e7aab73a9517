import numpy as np

from deeprmt.laws import Empirical, MarchenkoPastur
from deeprmt.meanfield import conjugate_kernel_law, ntk_law
from harness import Table


def bench(table: Table) -> None:
    inputs = MarchenkoPastur(1.0)
    for depth in (1, 3, 6):
        for make in (conjugate_kernel_law, ntk_law):
            law = make("tanh", 1.0, depth=depth, inputs=inputs)
            (low, high), *_ = law.support()
            x = low + (high - low) * np.linspace(0.001, 0.999, 1000)
            table.add(
                f"{law.kind} kernel, depth {depth}, 1000 points",
                lambda law=law, x=x: law.pdf(x),
                ceiling=("20 ms", 0.02),
                target=1.0,
            )
    table.add(
        "a tangent kernel's law from nothing: support, 1000 points",
        lambda: ntk_law("tanh", 1.0, depth=3, inputs=inputs).pdf(np.linspace(2, 20, 1000)),
        ceiling=("100 ms", 0.1),
        target=1.0,
    )
    data = Empirical(np.linspace(0.1, 1.9, 10_000))
    law = ntk_law("tanh", 1.0, depth=3, inputs=data)
    table.add(
        "the same on 10,000 eigenvalues of data, 1000 points",
        lambda: law._solver.evaluate(np.linspace(3, 15, 1000), 1),
        ceiling=("1 s", 1.0),
        target=1.0,
    )
