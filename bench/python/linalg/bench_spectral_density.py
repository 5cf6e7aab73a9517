"""Spectra from products. As a program: one large matrix that is never stored, against its limit law.

python bench/python/linalg/bench_spectral_density.py --width 50000 --steps 20 --probes 16
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from scipy.sparse.linalg import LinearOperator

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a program

from deeprmt import ensembles, laws, linalg
from harness import Table, gemm, sizes


def bench(table: Table) -> None:
    for n in sizes(500, 2000):
        a = ensembles.goe(n, rng=1)
        found = linalg.spectral_density(a, rng=1)
        assert abs(found.moment(2).value - 1) < 5 * found.moment(2).stderr + 10 / n
        for method in ("lanczos", "kpm"):
            table.add(
                f"spectral_density goe {n} {method}, 16 probes x 100 steps",
                lambda a=a, method=method: linalg.spectral_density(a, method=method, rng=1),
                ceiling=("GEMM", gemm(n)),  # 1600 products with a vector are 1600/n GEMM
                peers={"eigvalsh": lambda a=a: linalg.eigvalsh(a)},
            )


def distances(found: linalg.SpectralDensity, law: laws.Law) -> str:
    """Of the estimated distribution from the law: the largest, and the integral of its modulus."""
    low, high = law.support()[0]
    x = low + (high - low) * np.linspace(0, 1, 4001) ** 2  # denser at the pole
    gap = found.cdf(x).value - law.cdf(x)
    below, above = found.cdf_bounds(x)
    stderr = found.cdf(x).stderr
    area = float((np.abs(gap[1:] + gap[:-1]) / 2 * np.diff(x)).sum())
    outside = np.maximum(np.maximum(below - law.cdf(x), law.cdf(x) - above), 0)
    return (
        f"KS distance {np.abs(gap).max():.4f}, L1 distance of distributions {area:.5f}\n"
        f"standard error of the distribution: {stderr.mean():.1e} in the mean, {stderr.max():.1e} at most\n"
        f"mean width of its bounds: {(above - below).mean():.4f}; the law leaves them by at most {outside.max():.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=50_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--probes", type=int, default=16)
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quick", action="store_true", help="width 500")
    options = parser.parse_args()
    n = 500 if options.quick else options.width
    a: LinearOperator = ensembles.GaussianOperator(n, dtype=options.dtype, rng=1, threads=options.threads)
    print(f"{a}: stored it would take {n * n * a.dtype.itemsize / 2**30:.3g} GiB")
    wall, processor = time.perf_counter(), time.process_time()
    found = linalg.spectral_density(
        a,
        gram=True,
        probes=options.probes,
        steps=options.steps,
        block=options.probes,
        rng=2,
        threads=options.threads,
        progress=lambda done, total: print(f"\r{done} of {total} products", end="", file=sys.stderr, flush=True),
    )
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    products = 2 * options.steps - 1
    status = Path("/proc/self/status").read_text()  # getrusage's peak may be that of the process before this one
    peak = int(status.split("VmHWM:")[1].split()[0]) / 2**20
    print(f"\n{found}")
    print(f"{products} products with {options.probes} vectors: {wall:.0f} s, {processor:.0f} s of processor time")
    print(f"{processor / products / n**2 * 1e9:.2f} ns an entry and product; peak memory {peak:.2f} GiB")
    print(distances(found, laws.MarchenkoPastur(1.0)))
    for k, exact in ((1, 1.0), (2, 2.0), (3, 5.0), (4, 14.0)):
        value, stderr = found.moment(k)
        print(f"moment {k}: {value:.5f} +- {stderr:.5f}, limit {exact:g}")


if __name__ == "__main__":
    main()
