"""What goes wrong that is no mistake of the caller's."""

from __future__ import annotations

from typing import Any

__all__ = ["ConvergenceError", "SingularKernelWarning", "UntrustedLengthWarning"]


class ConvergenceError(RuntimeError):
    """A solver did not converge; `report` holds what it knows (a dict: where, how far, how many steps).

    Examples
    --------
    >>> from deeprmt.laws import Exponential
    >>> try:
    ...     Exponential().expect(lambda x: 1 / x)
    ... except ConvergenceError as error:
    ...     print(sorted(error.report))
    ['error', 'value']
    """

    def __init__(self, message: str, report: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.report = dict(report or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.report)


class SingularKernelWarning(UserWarning):
    """A kernel matrix is singular to rounding, for instance at duplicate inputs.

    The message says what was added to its diagonal or, of training dynamics, what is never learned.

    Examples
    --------
    >>> import warnings
    >>> from deeprmt import meanfield
    >>> x = [[1.0, 0.0], [1.0, 0.0]]
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     found = meanfield.posterior(x, [0.0, 1.0], x, depth=2, activation="relu", sigma_w=1.0)
    >>> [each.category.__name__ for each in caught]
    ['SingularKernelWarning']
    """


class UntrustedLengthWarning(UserWarning):
    """A statistic of long windows was asked for beyond the length up to which the unfolding leaves it alone.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from deeprmt import spectra
    >>> levels = spectra.unfold(np.arange(200.0) ** 2, "spline")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     found = spectra.number_variance(levels, 50.0)
    >>> [each.category.__name__ for each in caught]
    ['UntrustedLengthWarning']
    """
