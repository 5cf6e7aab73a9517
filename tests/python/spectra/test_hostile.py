"""Whatever stands where numbers or levels belong: an answer, or an error that names function and argument."""

import inspect
import warnings

import numpy as np
import pytest

from deeprmt import spectra
from deeprmt.errors import UntrustedLengthWarning

levels = np.sort(np.random.default_rng(1).normal(size=80))
unfolded = spectra.unfold(levels)
vectors = np.linalg.qr(np.random.default_rng(2).normal(size=(30, 20)))[0]

CALLS = {
    spectra.spacings: (unfolded,),
    spectra.spacing_ratio: (levels,),
    spectra.ratio_statistics: (levels,),
    spectra.spacing_correlation: (np.diff(unfolded),),
    spectra.number_variance: (unfolded, [1.0, 2.0]),
    spectra.rigidity: (unfolded, [1.0, 2.0]),
    spectra.expected_number_variance: ([1.0, 2.0],),
    spectra.expected_rigidity: ([1.0, 2.0],),
    spectra.wigner_surmise: (1,),
    spectra.spacing_law: (1,),
    spectra.porter_thomas: (vectors,),
    spectra.inverse_participation_ratio: (vectors,),
    spectra.vector_entropy: (vectors,),
    spectra.expected_inverse_participation_ratio: (5,),
    spectra.expected_vector_entropy: (5,),
}
CALLED = {"unfolded": ("lengths must be",)}  # levels all alike: then every length is too long
HOSTILE = [
    None,
    "x",
    b"x",
    float("nan"),
    float("inf"),
    -1,
    1e308,
    2**70,
    [],
    [[1, 2], [3]],
    [1.0, float("nan")],
    np.zeros(50),
    np.full(50, 1e308),
    np.full(50, 1e-320),
    np.ones((2, 2, 2)),
    np.array([None] * 5),
    np.ma.array(np.arange(50.0), mask=np.arange(50) % 2),
    np.arange(50, dtype=np.longdouble),
    np.datetime64("2020-01-01"),
    {},
    object(),
]


def outcome(function, positional, named):
    """The message of a refusal; nothing where an answer comes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UntrustedLengthWarning)
        try:
            function(*positional, **named)
        except (TypeError, ValueError) as error:
            return str(error)
    return None


@pytest.mark.parametrize("function", CALLS, ids=lambda function: function.__name__)
def test_any_value_anywhere(function):
    given = CALLS[function]
    assert outcome(function, given, {}) is None
    for position, parameter in enumerate(inspect.signature(function).parameters):
        for value in HOSTILE:
            positional, named = list(given), {}
            if position < len(given):
                positional[position] = value
            else:
                named[parameter] = value
            message = outcome(function, positional, named)
            if message is not None:
                name = message.split(":")[0]
                assert hasattr(spectra, name), message  # the function, or the one that it calls
                assert any(word in message for word in (parameter, *CALLED.get(parameter, ()))), message
