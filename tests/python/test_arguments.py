"""What is refused, in words that name the function, the argument, the wish and the finding."""

from fractions import Fraction

import numpy as np
import pytest

from deeprmt import laws, meanfield, run, spectra, tails
from deeprmt._arguments import as_choice, as_count, as_number, as_real

ARRAY = np.arange(200.0).reshape(2, 100)


@pytest.mark.parametrize(
    "value", ["0.5", b"1", True, np.True_, np.str_("1"), [1.0], np.ones(1), np.array("1"), 1j, None]
)
def test_a_number_is_a_number(value):
    with pytest.raises(TypeError, match="f: x must be a real number, got "):
        as_number("f", "x", value)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int8(1), np.array(1.0), Fraction(1)])
def test_numbers(value):
    assert as_number("f", "x", value) == 1


@pytest.mark.parametrize("value", [10**400, float("nan"), -1.0])
def test_numbers_out_of_range(value):
    with pytest.raises(ValueError, match="f: x must be finite and at least 0, got "):
        as_number("f", "x", value, least=0)


@pytest.mark.parametrize("value", ["c", ["a"], ARRAY, np.array("a"), None, 1])
def test_a_choice_is_a_word(value):
    with pytest.raises(ValueError, match="f: x must be one of 'a', 'b', got "):
        as_choice("f", "x", value, ("a", "b"))


def test_masked_entries_are_no_numbers():
    with pytest.raises(ValueError, match="hill: x must have no masked entries, found 1"):
        tails.hill(np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False]))
    assert as_real("f", "x", np.ma.array([1.0, 2.0])).tolist() == [1.0, 2.0]  # none is masked
    row = np.ma.array([1.0, 2.0], mask=[True, False])
    for value in ([1.0, np.ma.masked], [[1.0, np.ma.masked]], (row, row[1:])):
        with pytest.raises(ValueError, match="f: x must have no masked entries, found 1"):
            as_real("f", "x", value)
    assert as_number("f", "x", np.ma.array(2.0)) == 2
    for value in (np.ma.masked, np.ma.array(3, mask=True)):
        for read in (as_number, as_count):
            with pytest.raises(ValueError, match="f: x must have no masked entries, found 1"):
                read("f", "x", value)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda: spectra.unfold([0.0, 1.0], ARRAY),
            ValueError,
            "unfold: method must be one of 'gaussian', 'local', 'polynomial', 'spline' or a Law, got array",
        ),
        (lambda: spectra.wigner_surmise(ARRAY), ValueError, "wigner_surmise: beta must be 1, 2 or 4, got array"),
        (lambda: spectra.wigner_surmise(True), ValueError, "wigner_surmise: beta must be 1, 2 or 4, got True"),
        (lambda: run.map(abs, 5), TypeError, "run.map: tasks must be iterable, got 5"),
        (lambda: laws.Semicircle().expect(3), TypeError, "Semicircle.expect: function must be callable, got 3"),
        (lambda: laws.Semicircle("1"), TypeError, "Semicircle: sigma must be a real number, got '1'"),
        (lambda: meanfield.gauss_moment("tanh", [1.0, -2.0]), ValueError, "q must be finite and at least 0, found -2"),
        (lambda: meanfield.critical_point("tanh"), ValueError, "give q_star or sigma_b, got neither"),
    ],
)
def test_messages(call, error, says):
    with pytest.raises(error) as caught:
        call()
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 200
