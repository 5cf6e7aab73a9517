"""Lyapunov exponents of streams of matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import Floats, as_count, as_threads, refuse_beyond_memory
from .._display import Displayed
from ._products import factor_stacks, refuse_mismatch

__all__ = ["LyapunovExponents", "lyapunov_exponents"]

_most_batches = 128


@dataclass(frozen=True, repr=False, eq=False)
class LyapunovExponents(Displayed):
    """Growth rates per step of the singular values of a product; made by `lyapunov_exponents`.

    Attributes
    ----------
    exponents : (k,) ndarray of float64
        Natural logarithms per step, descending; -inf for directions that a factor annihilates.
    stderr : (k,) ndarray of float64
        Standard errors from the means of `batches` blocks of consecutive steps; NaN with fewer than 2 batches.
    steps : int
        The number of factors that count, without the burn-in.
    batches : int
        The number of blocks. The error of a standard error is about its ``1 / sqrt(2 batches)``-th part.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import linalg
    >>> found = linalg.lyapunov_exponents(lambda step: np.diag([2.0, 0.5]), steps=100)
    >>> (found.exponents / np.log(2)).round(12)
    array([ 1., -1.])
    >>> found.steps, found.batches
    (100, 100)
    """

    exponents: NDArray[np.float64]
    stderr: NDArray[np.float64]
    steps: int
    batches: int

    def __repr__(self) -> str:
        first = f"{self.exponents[0]:.4g} +- {self.stderr[0]:.2g}" if self.exponents.size else "none"
        return f"LyapunovExponents({self.exponents.size} exponents from {self.steps} steps; the largest is {first})"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, ready for JSON."""
        return {
            "exponents": self.exponents.tolist(),
            "stderr": self.stderr.tolist(),
            "steps": self.steps,
            "batches": self.batches,
        }


class _Batches:
    """Sums over blocks of consecutive steps, between 64 and 128 blocks however many steps come; then they double."""

    def __init__(self, k: int) -> None:
        self.sums = np.zeros((_most_batches, k))
        self.full, self.inside, self.length, self.steps = 0, 0, 1, 0

    def add(self, logs: NDArray[np.float64]) -> None:
        for row in logs:
            self.sums[self.full] += row
            self.steps += 1
            self.inside += 1
            if self.inside == self.length:
                self.full, self.inside = self.full + 1, 0
                if self.full == _most_batches:
                    self.sums[: self.full // 2] = self.sums[0::2] + self.sums[1::2]
                    self.sums[self.full // 2 :] = 0
                    self.full, self.length = self.full // 2, 2 * self.length

    def result(self) -> LyapunovExponents:
        used = self.sums[: self.full + (self.inside > 0)]
        mean = used.sum(axis=0) / max(self.steps, 1)
        with np.errstate(invalid="ignore"):  # -inf - -inf: no error bar
            means = self.sums[: self.full] / self.length
            spread = np.sqrt(((means - means.mean(axis=0)) ** 2).sum(axis=0) / max(self.full - 1, 1))
        # The steps of an unfinished block count in the mean, so they count here.
        stderr = spread * np.sqrt(self.length / self.steps) if self.full > 1 else np.full(mean.shape, np.nan)
        order = np.argsort(-mean, kind="stable")
        return LyapunovExponents(mean[order], stderr[order], self.steps, self.full)


def lyapunov_exponents(
    factors: ArrayLike | Iterable[ArrayLike] | Callable[[int], ArrayLike],
    *,
    k: int | None = None,
    steps: int | None = None,
    burn_in: int = 0,
    threads: int | None = None,
) -> LyapunovExponents:
    """Lyapunov exponents of a stream of matrices: the growth rates per step of the singular values of its product.

    An orthonormal frame goes through the factors, `factors[0]` first, and is orthogonalised again by QR after each; the
    exponents are the means of log abs diag R [1]_.

    Parameters
    ----------
    factors : (depth, n, n) array_like, iterable of (n_l, n_{l-1}) array_like, or callable
        The factors in the order in which they act; a generator may go on for ever if `steps` is given. A callable is
        asked for factor 0, 1, ...: ``factors(step)``. float32 stays float32; other reals become float64.
    k : int, optional
        How many of the largest exponents. Default: as many as the first factor's smaller size.
    steps : int, optional
        How many factors count, after the burn-in. Default: all there are; a callable needs it.
    burn_in : int
        How many factors turn the frame before the first that counts. A frame that starts anywhere biases the means
        by a constant over `steps`.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    LyapunovExponents
        ``.exponents`` descending, ``.stderr``, ``.steps`` and ``.batches``. Standard errors come from 64 to 128 blocks
        of consecutive steps (fewer below 64 steps), as long as they can be, so that correlations shorter than a block
        are accounted for.

    Raises
    ------
    ValueError, TypeError
        If there are no factors after the burn-in, or fewer than `steps`; a size does not match, an entry is not finite,
        or k is larger than a factor's size; if a factor is not a matrix of real numbers.

    Notes
    -----
    A step takes 2 n^2 k flops for the product and about 4 n k^2 for QR; memory O(n k), and one factor at a time.

    References
    ----------
    .. [1] G. Benettin, L. Galgani, A. Giorgilli and J.-M. Strelcyn, Meccanica 15, 9 (1980).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> result = lyapunov_exponents(lambda step: rng.normal(size=(2, 2)), steps=2000)
    >>> exact = np.array([(np.log(2) - np.euler_gamma) / 2, (-np.log(2) - np.euler_gamma) / 2])
    >>> bool(np.all(np.abs(result.exponents - exact) < 5 * result.stderr))
    True
    """
    name = "lyapunov_exponents"
    inner = as_threads(name, threads)
    skip = as_count(name, "burn_in", burn_in, least=0)
    wanted = None if steps is None else as_count(name, "steps", steps, most=2**62)
    if callable(factors):
        if wanted is None:
            raise ValueError(f"{name}: steps must be given where factors is a function")
        function, total = factors, skip + wanted
        factors = (function(step) for step in range(total))
    elif wanted is not None:
        stop = skip + wanted
        factors = factors[:stop] if isinstance(factors, np.ndarray) else islice(iter(factors), stop)  # type: ignore[arg-type]
    frame: Floats | None = None
    batches = None
    seen = 0
    for index, each in factor_stacks(name, factors):
        _, m, n = each.shape
        if frame is None:
            count = min(m, n) if k is None else as_count(name, "k", k, most=min(m, n))
            refuse_beyond_memory(name, 4 * each.itemsize * max(m, n) * count, f"the work on factors of {m} x {n}")
            frame, batches = np.eye(n, count, dtype=each.dtype), _Batches(count)
        refuse_mismatch(name, index, each, len(frame))
        if m < frame.shape[1]:
            raise ValueError(f"{name}: factors[{index}] must have at least k = {frame.shape[1]} rows, got {m}")
        frame, logs = _core.linalg.lyapunov_steps(each.astype(frame.dtype, copy=False), frame, inner)
        batches.add(logs[max(skip - seen, 0) :])  # type: ignore[union-attr]
        seen += len(logs)
    if batches is None or batches.steps == 0 or (wanted is not None and batches.steps < wanted):
        raise ValueError(
            f"{name}: factors must hold at least {skip + (wanted or 1)} matrices, {skip} of them burn-in, got {seen}"
        )
    return batches.result()
