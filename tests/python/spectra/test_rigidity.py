import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeprmt import ensembles, laws
from deeprmt.spectra import rigidity, unfold
from reference.spectra import rigidity as reference

LITERAL = [0.3, 1.1, 2.4, 2.9, 4.2, 5.05, 5.8, 7.3, 8.1, 8.8]


def test_references_agree_on_the_literal_window():
    assert reference.of_window(LITERAL, 1.0, 5.0) == pytest.approx(0.12133925, abs=1e-12)
    # 20000 cells, ten steps: each is off by half a cell at most, out of a height of 1.
    assert reference.by_least_squares(LITERAL, 1.0, 5.0) == pytest.approx(0.12133925, abs=1e-4)


@settings(max_examples=30)
@given(st.lists(st.integers(-30, 30), min_size=2, max_size=25).filter(lambda v: max(v) > min(v)), st.floats(0.05, 0.97))
def test_matches_the_reference(values, share):
    levels = (np.sort(np.array(values, float)) / 4).tolist()
    length = share * (levels[-1] - levels[0])
    expected = reference.rigidity(levels, length)
    # The reference subtracts numbers of size n^2 / 16 that were raised over (span / L)^4 <= 2e5: 2e-16 * 40 * 2e5.
    assert float(rigidity(levels, length)) == pytest.approx(expected, abs=2e-9)


def test_a_ladder():
    """A sawtooth of height 1 has variance 1/12, less what the line follows."""
    lengths = np.array([4.0, 10.0, 50.0])
    found = rigidity(np.arange(2001.0), lengths)
    np.testing.assert_allclose(found, reference_of_ladder(lengths), rtol=1e-9)


def reference_of_ladder(lengths):
    """All phases of a window of whole length over a ladder: the mean over one period, by the reference's formula."""
    node = 0.6**0.5
    out = []
    for length in lengths:
        ladder = np.arange(-1.0, length + 2)
        values = [reference.of_window(ladder, 0.5 + t / 2, length) for t in (-node, 0, node)]
        out.append((5 * values[0] + 8 * values[1] + 5 * values[2]) / 18)
    return out


def test_random_matrices_have_the_known_rigidity():
    lengths = np.array([0.5, 2.0, 5.0, 10.0, 20.0])
    for beta in (1, 2, 4):
        x = ensembles.hermite_eigenvalues(600, beta, size=60, rng=beta)
        found = rigidity(unfold(x, laws.Semicircle())[:, 150:450], lengths).pooled()
        # The first and the last position begin and end on a level, unlike those of an infinite sequence: O(1 / 300).
        np.testing.assert_array_less(np.abs(found - found.expected(beta)), 5 * found.stderr + found.value / 300)


def test_independent_levels_have_a_fifteenth_of_the_length():
    levels = np.sort(np.random.default_rng(2).uniform(0, 4000, size=(40, 4000)))
    lengths = np.array([1.0, 5.0, 30.0])
    found = rigidity(levels, lengths).pooled()
    np.testing.assert_array_less(np.abs(found / lengths * 15 - 1), 5 * found.stderr / lengths * 15 + 0.01)


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(-8, 8), st.floats(-1e4, 1e4))
def test_scale_shift_and_mirror_do_not_matter(seed, exponent, shift):
    levels = np.sort(np.random.default_rng(seed).normal(size=200)) * 30
    lengths = np.array([0.5, 3.0, 17.0, 90.0])
    found = rigidity(levels, lengths)
    scale = 2.0**exponent
    np.testing.assert_allclose(rigidity(levels * scale, lengths * scale), found, rtol=1e-13)
    np.testing.assert_allclose(rigidity(-levels[::-1], lengths), found, rtol=1e-9)
    # Levels are rounded to 1e-12 by the shift, relative to windows of 0.5.
    np.testing.assert_allclose(rigidity(levels + shift, lengths), found, rtol=1e-8)


def test_long_rows_keep_their_digits():
    """10^5 levels, windows of 10^4: the reference on one window in fractions of the row, as it slides a little."""
    levels = np.cumsum(np.random.default_rng(3).gamma(3.0, 1 / 3, size=100_000))
    part = levels[:12001] - levels[0]
    span = part[-1]
    length = span - 0.02  # hardly any room to slide
    found = float(rigidity(part, length))
    # Terms of 10^7 cancel in the reference: 2e-16 * 1e7 * ten roundings.
    assert found == pytest.approx(reference.of_window(part, 0.01, length), abs=3e-5 * max(found, 1))
    whole = float(rigidity(levels, 10000.0))
    positions = np.linspace(levels[0], levels[-1] - 10000.0, 400)
    sampled = np.mean(
        [reference.of_window(levels[(levels >= p) & (levels <= p + 10000)], p, 10000.0) for p in positions]
    )
    assert whole == pytest.approx(sampled, rel=0.05)
