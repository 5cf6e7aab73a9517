"""The table of noise against simulations of shapes that are not in it."""

from dataclasses import fields

import numpy as np
import pytest

from deeprmt.weights import _noise_table as table
from deeprmt.weights import metrics
from deeprmt.weights._make_noise_table import count_of, make
from deeprmt.weights._null import DEFAULT_KEY, Noise, noise

NAMES = [each.name for each in fields(Noise)]


def distance(x, y):
    """Of Kolmogorov and Smirnov, between two samples."""
    both = np.sort(np.concatenate([x, y]))
    parts = [np.searchsorted(np.sort(each), both, side="right") / each.size for each in (x, y)]
    return np.abs(parts[0] - parts[1]).max()


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (10, 10),
        (17, 30),
        (33, 9000),
        (95, 100),
        pytest.param(250, 260, marks=pytest.mark.slow),
        pytest.param(384, 1536, marks=pytest.mark.slow),
        pytest.param(700, 5000, marks=pytest.mark.slow),
    ],
)
def test_as_simulated(short, long):
    assert table.covers(short, long)
    found, expected = noise(short, long, 1, 199, DEFAULT_KEY), noise(short, long, 1, 300, 5)
    # Two samples of these sizes differ by more with a probability of 5e-7; the table's own quantiles are smoother.
    limit = 2.75 * np.sqrt(1 / 199 + 1 / 300)
    for name in NAMES:
        assert distance(getattr(found, name), getattr(expected, name)) < limit, name
    # What p-values are made of two metrics for a matrix of another scale, so that it must be known who goes with whom.
    for scale in (-2.0, 0.0, 3.0):
        weighted, powers = (
            [each.alpha * (scale - np.log10(each.stable_rank)) for each in (found, expected)],
            [each.alpha * scale + each.log_alpha_norm for each in (found, expected)],
        )
        assert distance(*weighted) < limit
        assert distance(*powers) < limit


def test_p_values_of_noise_are_uniform():
    """Each of 300 matrices of a shape that is not in the table."""
    rng = np.random.default_rng(1)
    found = [metrics(rng.normal(size=(37, 23)), permutations=0).p_values for _ in range(300)]
    for name in ("alpha", "stable_rank", "mp_softrank", "entropy", "detX"):
        p = np.sort([each[name] for each in found])
        # 2.75 / sqrt(300) with the errors of the table's own quantiles, from 799 matrices, and a step of 1 / 200.
        assert np.abs(p - np.arange(1, 301) / 300).max() < 2.75 * np.sqrt(1 / 300 + 1 / 199) + 0.005, name


def test_the_script_makes_it(tmp_path):
    """The first row of the table again."""
    place = tmp_path / "table.npz"
    make(place, shorts=table.SHORT[:2], roots=table.ROOTS[:2])
    with np.load(place) as again, np.load(table.PLACE) as known:
        assert known["quantiles"].shape == (len(table.SHORT), len(table.ROOTS), table.COLUMNS, len(table.KNOTS))
        np.testing.assert_allclose(again["quantiles"], known["quantiles"][:2, :2], rtol=1e-5)
        np.testing.assert_array_equal(again["order"][0, 0], known["order"][0, 0])
    assert table.PLACE.stat().st_size < 2**18


def test_nodes_are_as_they_were_made():
    for short, root in ((57, 0.35), (320, 1.0)):
        rows = table.tabulated(short, round(short / root**2))
        with np.load(table.PLACE) as known:
            expected = known["quantiles"][table.SHORT.index(short), table.ROOTS.index(root)]
        median = len(table.KNOTS) // 2
        assert np.median(rows[:, 3]) == pytest.approx(expected[3, median - 1 : median + 1].mean(), rel=0.02)
        assert np.log((rows[:, 0].min() - 1) * root) == pytest.approx(expected[0, 0], abs=0.02)


def test_where_it_ends():
    assert table.covers(10, 100_000)
    assert not table.covers(10, 100_001)
    assert table.covers(4096, 4096)
    assert not table.covers(9, 9)
    assert not table.covers(4097, 4097)
    rng = np.random.default_rng(2)
    for shape in ((9, 9), (12, 200_000)):
        found = noise(*shape, 1, 199, DEFAULT_KEY) if shape[0] < 10 else noise(*shape, 1, 20, DEFAULT_KEY)
        assert found.stable_rank.size in (20, 199)
    weight = rng.normal(size=(30, 20))
    other = metrics(weight, permutations=0, rng=1)  # simulated
    assert other.noise["stable_rank"][0] == pytest.approx(
        metrics(weight, permutations=0).noise["stable_rank"][0], rel=0.05
    )


def test_large_ones_are_fewer():
    assert count_of(10) > count_of(4096)
