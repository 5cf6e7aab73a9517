"""Matrices that are made to be in a phase."""

import numpy as np
import pytest

from deeprmt.ensembles import ginibre, heavy_tailed, spiked
from deeprmt.weights import Layer, phase


def rng(seed=0):
    return np.random.default_rng(seed)


def low(m, n):
    return rng().normal(size=(m, 20)) @ rng(1).normal(size=(20, n))


# Strengths at aspect 3/4 whose limits, by Benaych-Georges and Nadakuditi, are 1.09 and 1.12, or 1.8 to 4.8, edges.
CASES = {
    "noise": (lambda: ginibre(150, 200, rng=0), "random-like", None),
    "weak": (lambda: spiked(300, 400, [1.25, 1.3], rng=1), "bleeding-out", None),
    "strong": (lambda: spiked(150, 200, [2.5, 4.0], rng=0), "bulk+spikes", None),
    "decay": (lambda: np.exp(0.6 * rng(2).normal(size=(150, 1))) * ginibre(150, 200, rng=0), "bulk-decay", None),
    "very heavy": (lambda: heavy_tailed(150, 200, 1.5, rng=0), "heavy-tailed", "very heavy"),
    "heavy": (lambda: heavy_tailed(150, 200, 3.0, rng=0), "heavy-tailed", "moderately heavy"),
    "fourth moment": (lambda: heavy_tailed(150, 200, 6.0, rng=0), "random-like", "weakly heavy"),
    "low rank": (lambda: low(150, 200), "rank-collapse", None),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_made_to_be_in_a_phase_is_found_there(name):
    make, label, kind = CASES[name]
    matrix = make()
    found = phase(matrix)
    assert (found.label, found.entry_class) == (label, kind), found
    assert found.reasons
    for other in (matrix.T, 1e-3 * matrix, matrix[::-1]):  # the same matrix to anyone who asks
        assert phase(other).label == label


def test_the_index_of_entries_is_theirs():
    """The largest 1500 of 30,000 Pareto entries: a relative standard error of 1 / sqrt(1500), five of them."""
    for mu in (1.5, 3.0):
        assert phase(heavy_tailed(150, 200, mu, rng=3)).entry_index == pytest.approx(mu, rel=5 / np.sqrt(1500))
    assert phase(ginibre(150, 200, rng=3)).entry_index is None


def test_layers_and_what_has_no_phase():
    noise = np.asarray(ginibre(60, 80, rng=0), np.float32)
    assert phase(Layer("w", "dense", noise)).label == "random-like"
    assert phase(np.zeros((20, 30))).label == "rank-collapse"
    for matrix in (np.eye(30), np.full((20, 20), np.nan), np.ones((0, 3)), rng().normal(size=(3, 4))):
        assert phase(matrix).label is None
    assert phase(np.ones((1, 4))).to_dict()["label"] is None
    with pytest.raises(ValueError, match="must be a matrix"):
        phase(np.ones(3))
