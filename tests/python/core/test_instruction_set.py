"""Every instruction set that the machine has: what is drawn is the same to the bit, what is computed to rounding."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import deeprmt
from deeprmt import _core

LEVELS = _core.build_info()["instruction_sets"]

WORK = """
import hashlib, json
import numpy as np
import deeprmt as rmt
from deeprmt import _core

draws = hashlib.sha256()
for dtype in ("float32", "float64"):
    for array in (
        rmt.ensembles.ginibre(70, 90, rng=1, dtype=dtype),
        rmt.ensembles.goe(70, rng=2, dtype=dtype),
        rmt.ensembles.wishart(30, 70, rng=3, dtype=dtype),
        rmt.ensembles.haar(70, rng=4, dtype=dtype),
        rmt.ensembles.hermite_eigenvalues(150, 1.5, rng=5, dtype=dtype),
        rmt.ensembles.laguerre_eigenvalues(150, 150, 0.5, rng=6, dtype=dtype),
        rmt.ensembles.jacobi_eigenvalues(150, 0, 2.5, 0.5, rng=7, dtype=dtype),
        rmt.networks.MLP([30, 20], "relu", weights="haar", sigma_w=1.0, sigma_b=0.1).sample(5, dtype=dtype).weights[0],
    ):
        draws.update(array.tobytes())
    out = np.empty(1001, dtype)
    _core.random.uniforms(7, 1, 2, 3, out)
    draws.update(out.tobytes())

a = np.random.default_rng(0).normal(size=(530, 530))
x = np.sort(np.random.default_rng(1).normal(size=5000))
results = {
    "svdvals": rmt.linalg.svdvals(a),
    "eigvalsh": rmt.linalg.eigvalsh(a + a.T),
    "unfold": rmt.spectra.unfold(x),
    "hill": rmt.tails.hill(np.abs(x)).xi,
}
used = rmt.versions()["instruction_set"]
print(json.dumps([draws.hexdigest(), {k: v.tolist() for k, v in results.items()}, used]))
"""


def run(level, work=WORK):
    environment = {**os.environ, "DEEPRMT_INSTRUCTION_SET": level}
    return subprocess.run([sys.executable, "-c", work], env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def outcomes():
    found = {}
    for level in LEVELS:
        done = run(level)
        assert done.returncode == 0, done.stderr
        found[level] = json.loads(done.stdout)
    return found


def test_what_is_said_is_what_is_used(outcomes):
    best = LEVELS[-1]
    for level, (_, _, used) in outcomes.items():
        assert used == (level if level == best else f"{level}, forced; this machine has {best}")


def test_draws_are_the_same_to_the_bit(outcomes):
    assert len({draws for draws, _, _ in outcomes.values()}) == 1


# Sums of n terms in another order, or with fused multiplications, differ by at most n eps of their size; the square
# root of n is what rounding that knows nothing of the other's makes of it, and 10 leaves room.
@pytest.mark.parametrize(("name", "terms"), [("svdvals", 530), ("eigvalsh", 530), ("unfold", 5000), ("hill", 5000)])
def test_results_agree_to_rounding(outcomes, name, terms):
    expected = np.array(outcomes[LEVELS[0]][1][name])
    for _, results, _ in outcomes.values():
        error = np.abs(np.array(results[name]) - expected).max() / np.abs(expected).max()
        assert error <= 10 * np.sqrt(terms) * np.finfo(float).eps


@pytest.mark.parametrize("wish", ["avx2", "x86-64-v5", " x86-64"])
def test_an_unknown_instruction_set_is_an_error_on_import(wish):
    done = run(wish, "import deeprmt")
    assert done.returncode == 1
    assert "ImportError: deeprmt: the environment variable DEEPRMT_INSTRUCTION_SET" in done.stderr
    assert f'have {", ".join(LEVELS)}, got "{wish}"' in done.stderr


def test_this_process_uses_the_best_unless_told():
    used = _core.build_info()["instruction_set"]
    assert used == (os.environ.get("DEEPRMT_INSTRUCTION_SET") or LEVELS[-1])
    assert deeprmt.versions()["instruction_set"].startswith(used)
