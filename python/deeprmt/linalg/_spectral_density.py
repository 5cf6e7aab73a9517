"""Spectra of matrices that are too large to decompose: quadrature from random probes, with error bars."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import _core
from .._arguments import (
    RNG,
    Floats,
    as_choice,
    as_count,
    as_key,
    as_number,
    as_real,
    as_threads,
    refuse_beyond_memory,
    shown,
)
from .._display import Displayed
from ..run._progress import Progress, reporting
from ._krylov import Doubles, Rules, Tick, TooNarrow, chebyshev_moments, golub_kahan, lanczos
from ._operator import Operator, as_operator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Estimate", "SpectralDensity", "spectral_density"]

_NAME = "spectral_density"


class Estimate(NamedTuple):
    """A mean over probes and its standard error, numbers or arrays.

    Examples
    --------
    >>> from deeprmt import linalg
    >>> estimate = linalg.spectral_density(lambda x: 3 * x, shape=10, rng=1).moment(2)
    >>> round(float(estimate.value), 12), bool(estimate.stderr < 1e-12)
    (9.0, True)
    """

    value: Any
    stderr: Any


@dataclass(frozen=True, repr=False, eq=False)
class SpectralDensity(Displayed):
    """A spectrum estimated from random probes; made by `spectral_density`.

    Every estimate is a mean over independent probes with its standard error, ``std / sqrt(probes)``, which is NaN for
    a single probe. The error bars hold the randomness of the probes. They do not hold the resolution of the method:
    what `steps` cannot tell apart is smeared over about the distance between two nodes, which `cdf_bounds` and a second
    run with more steps show.

    Attributes
    ----------
    n : int
        The number of eigenvalues or singular values that the spectrum has.
    kind : str
        "eigenvalues", "singular values" or "squared singular values".
    method : str
        "lanczos" or "kpm".
    steps : int
        Steps that were made with each probe, at most n.
    nodes, weights : (probes, k) ndarray of float64
        For each probe a quadrature rule of its own spectral measure; each row of weights sums to 1. Lanczos: the Gauss
        rule, k = steps, where a probe that needs fewer nodes has weights 0 at the end. Kernel polynomials: a rule on
        Chebyshev's points with the same first 2 steps moments, whose weights may be negative.
    moments : (probes, 2 steps) ndarray of float64 or None
        Kernel polynomials: Chebyshev moments on `interval`.
    interval : (float, float) or None
        Kernel polynomials: what the spectrum was taken to lie in.
    support_estimate : (float, float)
        The extreme Ritz values. Extreme eigenvalues lie at or outside them, up to rounding.
    width : float
        What the density is smoothed with unless told otherwise: the support over the number of steps, about the
        distance between two nodes.

    Examples
    --------
    >>> import numpy as np
    >>> from deeprmt import ensembles, linalg
    >>> found = linalg.spectral_density(ensembles.goe(400, rng=2), steps=40, rng=1)
    >>> value, stderr = found.density(np.array([-1.0, 0.0, 1.0]))
    >>> value.shape, bool(np.all(np.abs(value - [0.2757, 0.3183, 0.2757]) < 0.1))
    ((3,), True)
    >>> low, high = found.cdf_bounds(0.0)
    >>> bool(low < 0.5 < high)
    True
    """

    n: int
    kind: str
    method: str
    steps: int
    nodes: Doubles
    weights: Doubles
    moments: Doubles | None
    interval: tuple[float, float] | None
    support_estimate: tuple[float, float]
    width: float

    @property
    def probes(self) -> int:
        """The number of probes."""
        return len(self.nodes)

    def __repr__(self) -> str:
        low, high = self.support_estimate
        return (
            f"SpectralDensity({self.n} {self.kind} in [{low:.4g}, {high:.4g}]; {self.method}, {self.probes} probes "
            f"x {self.steps} steps)"
        )

    def density(self, x: ArrayLike, *, width: float | None = None) -> Estimate:
        """The density at x, smoothed.

        Lanczos: a Gaussian of standard deviation `width` at each node. Kernel polynomials: Jackson's kernel, about
        ``pi (b - a) / (4 steps)`` wide in the middle of the interval and narrower at its ends; it takes no `width`.
        Smoothing is a bias that no number of probes removes: where the density curves, it is off by about half the
        squared width times its second derivative, and mass leaks over the edges. Singular values and their squares are
        reflected at 0, so that none leaks there.
        """
        at = _points("density", x)
        if self.moments is not None:
            if width is not None:
                raise TypeError("SpectralDensity.density: width must be left out for kernel polynomials")
            return _estimate(self._jackson(at, density=True), at.shape)
        sigma = self.width if width is None else as_number("SpectralDensity.density", "width", width, above=0)
        signs = (1.0, -1.0) if self._at_least_0 else (1.0,)

        def part(x: Doubles) -> Doubles:
            total = np.zeros((self.probes, x.size))
            for sign in signs:
                z = (x[None, None, :] - sign * self.nodes[:, :, None]) / sigma
                total += np.einsum("pk,pkx->px", self.weights, np.exp(-0.5 * z * z))
            return total / (sigma * math.sqrt(2 * math.pi)) * ((x >= 0) if self._at_least_0 else 1.0)

        return _estimate(self._in_parts(part, at), at.shape)

    def cdf(self, x: ArrayLike) -> Estimate:
        """The share of the spectrum up to x.

        Lanczos: the steps of the Gauss rules without smoothing, at a node half of its step. It is exact where a
        probe's measure has no more points than nodes; otherwise it is off by up to the weight of a node, see
        `cdf_bounds`. Kernel polynomials: the integral of `density`.
        """
        at = _points("cdf", x)
        if self.moments is not None:
            return _estimate(self._jackson(at, density=False), at.shape)
        below, up_to = self._shares(at)
        return _estimate((below + up_to) / 2, at.shape)

    def cdf_bounds(self, x: ArrayLike) -> tuple[Any, Any]:
        """Bounds of the mean over these probes of the exact share up to x; Lanczos only.

        By Chebyshev, Markov and Stieltjes, a measure and its Gauss rule cannot differ by more than the weights of the
        nodes around x. The distance between the bounds is what more steps would remove, `cdf(x).stderr` what more
        probes would.
        """
        if self.moments is not None:
            raise ValueError("SpectralDensity.cdf_bounds: method must be 'lanczos', got 'kpm'")
        at = _points("cdf_bounds", x)
        flat = at.ravel()
        low, high = np.zeros((self.probes, flat.size)), np.zeros((self.probes, flat.size))
        for i, (nodes, weights) in enumerate(zip(self.nodes, self.weights, strict=True)):
            share = np.concatenate([[0.0], np.cumsum(weights), [1.0]])
            # Nodes before the last one at or below x are wholly below it; the first one at or above x is the most.
            # Below all nodes nothing is known to be there, and up to the first weight may be.
            low[i] = share[np.maximum(np.searchsorted(nodes, flat, side="right") - 1, 0)]
            high[i] = share[np.minimum(np.searchsorted(nodes, flat, side="left") + 1, nodes.size)]
        shape = at.shape
        return low.mean(axis=0).reshape(shape)[()], np.minimum(high.mean(axis=0), 1.0).reshape(shape)[()]

    def moment(self, k: int) -> Estimate:
        """The mean of the k-th powers: exact for each probe up to order 2 steps - 1 (for squares, and even powers of
        singular values: in the order of the square)."""
        order = as_count("SpectralDensity.moment", "k", k, least=0)
        return self._mean(lambda x: x**order)

    def trace(self, function: Callable[[Doubles], ArrayLike]) -> Estimate:
        """The sum of a function over the spectrum, n times its mean.

        Each probe's rule is exact for polynomials of degree up to 2 steps - 1 and converges geometrically for functions
        that are smooth on the support. For a step or a pole at an edge it converges slowly. Of singular values by
        kernel polynomials, what must be smooth is the function of the square.

        Parameters
        ----------
        function : callable
            Of an array of nodes; gives an array of the same shape, finite.
        """
        if not callable(function):
            raise TypeError(f"SpectralDensity.trace: function must be callable, got {shown(function)}")
        mean = self._mean(function)
        return Estimate(self.n * mean.value, self.n * mean.stderr)

    def log_determinant(self) -> Estimate:
        """The sum of logarithms over the spectrum: log det of a positive definite operator, log |det| from singular
        values, and log det of the Gram matrix from their squares.

        Raises
        ------
        ValueError
            If a node is not positive beyond rounding, which shows that the operator is not positive definite. That
            all nodes are positive does not prove that it is.
        """
        used = self.nodes[self.weights != 0]
        if used.size and used.min() <= 10 * np.finfo(np.float64).eps * np.abs(used).max():
            name = "positive definite" if self.kind == "eigenvalues" else "of full rank"
            hint = "; with kernel polynomials it is the interval that reaches there" if self.moments is not None else ""
            raise ValueError(
                f"SpectralDensity.log_determinant: the operator must be {name}, but a node is {used.min():.3g} and "
                f"the largest {used.max():.3g}{hint}"
            )
        return self.trace(np.log)

    def to_dict(self) -> dict[str, Any]:
        """The content with arrays as lists, for JSON."""
        return {
            "n": self.n,
            "kind": self.kind,
            "method": self.method,
            "steps": self.steps,
            "probes": self.probes,
            "support_estimate": list(self.support_estimate),
            "interval": None if self.interval is None else list(self.interval),
            "width": self.width,
            "nodes": self.nodes.tolist(),
            "weights": self.weights.tolist(),
        }

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the density with its standard errors; `options` go to `deeprmt.plots.spectral_density`."""
        from ..plots import spectral_density

        return spectral_density(self, ax=ax, **options)

    @property
    def _at_least_0(self) -> bool:
        return self.kind != "eigenvalues"

    def _mean(self, function: Callable[[Doubles], ArrayLike]) -> Estimate:
        values = np.asarray(function(self.nodes))
        if values.shape != self.nodes.shape or values.dtype.kind not in "fiub":
            raise ValueError(
                f"SpectralDensity.trace: function must give real numbers of shape {self.nodes.shape}, got "
                f"{values.dtype} of shape {values.shape}"
            )
        used = self.weights != 0
        bad = used & ~np.isfinite(values)
        if bad.any():
            at = self.nodes[bad][0]
            raise ValueError(
                f"SpectralDensity.trace: function must be finite on the nodes, found {values[bad][0]} at {at}"
            )
        return _estimate(np.where(used, self.weights * np.where(used, values, 0), 0).sum(axis=1)[:, None], ())

    def _shares(self, at: Doubles) -> tuple[Doubles, Doubles]:
        """For each probe the weights below each point, and those up to it."""
        flat = at.ravel()
        below, up_to = np.zeros((self.probes, flat.size)), np.zeros((self.probes, flat.size))
        for i, (nodes, weights) in enumerate(zip(self.nodes, self.weights, strict=True)):
            share = np.concatenate([[0.0], np.cumsum(weights)])
            below[i] = share[np.searchsorted(nodes, flat, side="left")]
            up_to[i] = share[np.searchsorted(nodes, flat, side="right")]
        return below, up_to

    def _in_parts(self, part: Callable[[Doubles], Doubles], at: Doubles) -> Doubles:
        """`part` of some points at a time, so that no array holds more than some million numbers."""
        flat = at.ravel()
        few = max(1, 2**21 // max(1, self.nodes.size))
        if flat.size == 0:
            return np.zeros((self.probes, 0))
        return np.concatenate([part(flat[i : i + few]) for i in range(0, flat.size, few)], axis=1)

    def _jackson(self, at: Doubles, *, density: bool) -> Doubles:
        """The damped Chebyshev series, or its integral; in the variable of the Gram matrix if values are its roots."""
        assert self.moments is not None
        assert self.interval is not None
        low, high = self.interval
        moments = self.moments * self._damping
        order = np.arange(moments.shape[1])
        root = self.kind == "singular values"

        def part(x: Doubles) -> Doubles:
            y = np.where(x < 0, low, x * x) if root else x
            s = np.clip((2 * y - low - high) / (high - low), -1, 1)
            theta = np.arccos(s)
            if density:
                inside = (np.abs(s) < 1) & ((x >= 0) if self._at_least_0 else True)
                terms = np.cos(np.outer(order, theta))
                terms[1:] *= 2
                jacobian = 2 * np.abs(x) if root else np.ones_like(x)
                weight = np.where(inside, jacobian, 0) / (
                    math.pi * np.where(inside, np.sqrt(np.maximum(1 - s * s, 1e-300)), 1) * (high - low) / 2
                )
                return np.asarray(moments @ terms * weight)
            terms = np.empty((order.size, x.size))
            terms[0] = 1 - theta / math.pi
            terms[1:] = -2 * np.sin(np.outer(order[1:], theta)) / (math.pi * order[1:, None])
            return np.asarray(moments @ terms)

        return self._in_parts(part, at)

    @cached_property
    def _damping(self) -> Doubles:
        assert self.moments is not None
        return jackson(self.moments.shape[1])


def jackson(count: int) -> Doubles:
    """Jackson's damping of the first `count` Chebyshev moments, which keeps a density positive."""
    k, q = np.arange(count), math.pi / (count + 1)
    return np.asarray(((count - k + 1) * np.cos(q * k) + np.sin(q * k) / math.tan(q)) / (count + 1))


def _points(method: str, x: ArrayLike) -> Doubles:
    at = as_real(f"SpectralDensity.{method}", "x", x).astype(np.float64)
    if np.isnan(at).any():
        raise ValueError(f"SpectralDensity.{method}: x must be numbers, found nan")
    return at


def _estimate(of_probes: Doubles, shape: tuple[int, ...]) -> Estimate:
    """Mean and standard error over the first axis."""
    count = of_probes.shape[0]
    mean = of_probes.mean(axis=0)
    # Squares of the largest and the smallest numbers leave the range; a power of two rounds nothing.
    unit = np.ldexp(1.0, np.clip(np.frexp(np.abs(of_probes).max(axis=0))[1], -1000, 1000))
    error = (
        (of_probes / unit).std(axis=0, ddof=1) * unit / math.sqrt(count) if count > 1 else np.full(mean.shape, np.nan)
    )
    return Estimate(mean.reshape(shape)[()], error.reshape(shape)[()])


def spectral_density(
    operator: Any,
    *,
    method: Literal["lanczos", "kpm"] = "lanczos",
    probes: int = 16,
    steps: int = 100,
    probe: Literal["rademacher", "gaussian"] = "rademacher",
    gram: bool = False,
    singular: bool = False,
    shape: int | tuple[int, int] | None = None,
    transpose: Callable[[Floats], ArrayLike] | None = None,
    keep: int | None = None,
    block: int | None = None,
    interval: tuple[float, float] | None = None,
    check: bool = True,
    dtype: DTypeLike | None = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: Progress = None,
) -> SpectralDensity:
    """Density, distribution and trace functions of a spectrum, from products with random vectors alone.

    For a random unit vector x, ``n x^T f(A) x`` has the mean ``tr f(A)``. Lanczos' method gives the Gauss rule of x's
    spectral measure [1]_ [2]_; kernel polynomials expand the density in Chebyshev polynomials, damped by Jackson's
    kernel [3]_. Nothing is decomposed but small tridiagonal matrices.

    Parameters
    ----------
    operator : array_like, sparse matrix, LinearOperator or callable
        Real. Symmetric, unless `gram` or `singular` is set. A function gets a block (n, p) of p vectors and gives
        (m, p). float32 operators are computed with in float32, all others in float64.
    method : {"lanczos", "kpm"}
        Lanczos resolves edges and isolated eigenvalues and needs no interval. Kernel polynomials keep three vectors
        a probe, whatever `steps` is, and give two moments for each product.
    probes : int, default 16
        Random vectors. Errors fall like one over the root of n probes.
    steps : int, default 100
        Products with the operator for each probe, at most n of which are made. Resolution is about the width of the
        support over `steps`.
    probe : {"rademacher", "gaussian"}
        Random signs, or uniform directions. Signs have the smaller variance, above all where the operator is nearly
        diagonal.
    gram : bool
        Squared singular values of an operator of any shape, the min(m, n) eigenvalues of its smaller Gram matrix.
    singular : bool
        Singular values. Both by Golub and Kahan's bidiagonalisation, two products a step; small singular values keep
        their digits, which the product A^T A would lose.
    shape, transpose : int or (int, int), callable
        For an operator that is a function: n or (m, n), and the function that applies the transpose, which `gram` and
        `singular` need.
    keep : int, optional
        Lanczos: how many of the newest vectors are kept and re-orthogonalised against, at least 2. Default: all, which
        makes every rule the exact Gauss rule up to rounding. With fewer, copies of converged eigenvalues appear and
        share the weight of the one: densities and traces hardly change.
    block : int, optional
        How many probes run at once. Default: what fits in 1 GiB, at most 32. Draws do not depend on it.
    interval : (float, float), optional
        Kernel polynomials: must hold the spectrum. Default: found by some steps of Lanczos, and widened where a
        polynomial grows beyond 1.
    check : bool, default True
        Refuse an operator that is not symmetric, or does not fit its transpose, to ``100 sqrt(n) eps``. Costs nothing.
    dtype : {float32, float64}, optional
        Of the vectors. Default: as the operator's.
    rng : optional
        Anything that `numpy.random.default_rng` takes. Each probe has a stream of its own.
    threads : int, optional
        Default: every core this process may use. Never changes the result.
    progress : None, True or callable
        As in `deeprmt.run.map`: hears (products done, products planned), a product being one with a block.

    Returns
    -------
    SpectralDensity
        With `density`, `cdf`, `moment`, `trace`, `log_determinant`, each with a standard error, and `plot`.

    Raises
    ------
    ValueError, TypeError
        If the operator is not square or not symmetric where it must be, gives a wrong shape, complex or non-finite
        numbers; if an argument does not fit.

    Notes
    -----
    Memory beside the operator's: ``block (keep + 4) n`` scalars, with `gram` and `singular` ``block (keep + 4) (m +
    n)``, for kernel polynomials ``6 block n``. Re-orthogonalisation reads the kept vectors twice a step.

    References
    ----------
    .. [1] G. H. Golub and G. Meurant, Matrices, Moments and Quadrature with Applications, Princeton (2010).
    .. [2] S. Ubaru, J. Chen and Y. Saad, SIAM J. Matrix Anal. Appl. 38, 1075 (2017).
    .. [3] A. Weisse, G. Wellein, A. Alvermann and H. Fehske, Rev. Mod. Phys. 78, 275 (2006).

    Examples
    --------
    >>> from deeprmt import ensembles
    >>> spectrum = spectral_density(ensembles.goe(500, rng=1), steps=40, rng=1)
    >>> spectrum
    SpectralDensity(500 eigenvalues in [-1.985, 1.987]; lanczos, 16 probes x 40 steps)
    >>> value, stderr = spectrum.moment(2)
    >>> bool(abs(value - 1) < 5 * stderr + 0.01)
    True
    >>> spectral_density(lambda x: 3 * x, shape=10, rng=1).log_determinant().value / 10 / np.log(3)
    np.float64(1.0)
    """
    by_polynomials = as_choice(_NAME, "method", method, ("lanczos", "kpm")) == "kpm"
    gaussian = as_choice(_NAME, "probe", probe, ("rademacher", "gaussian")) == "gaussian"
    count = as_count(_NAME, "probes", probes, most=2**31)
    steps = as_count(_NAME, "steps", steps)
    inner = as_threads(_NAME, threads)
    if gram and singular:
        raise ValueError(f"{_NAME}: gram and singular must not both be set")
    squares = gram or singular
    made = as_operator(
        _NAME, operator, shape=shape, transpose=transpose, dtype=dtype, symmetric=not squares, threads=inner
    )
    if squares and not made.has_transpose:
        raise TypeError(f"{_NAME}: transpose must be given for gram=True and singular=True of a function")
    if squares and made.shape[0] < made.shape[1]:
        made = made.turned  # probes live on the smaller side
    n = made.shape[1]
    if n == 0:
        raise ValueError(f"{_NAME}: operator must have at least one row and one column, got shape {made.shape}")
    steps = min(steps, n)
    if by_polynomials:
        if keep is not None:
            raise TypeError(f"{_NAME}: keep must be left out for kernel polynomials, got {shown(keep)}")
    elif interval is not None:
        raise TypeError(f"{_NAME}: interval must be left out for Lanczos' method, got {shown(interval)}")
    kept = steps if keep is None else min(steps, as_count(_NAME, "keep", keep, least=2))
    length = sum(made.shape) if squares else n
    bytes_each = made.dtype.itemsize * length * ((kept + 4) if not by_polynomials else 6)
    at_once = min(count, max(1, min(32, 2**30 // bytes_each)) if block is None else as_count(_NAME, "block", block))
    what = f"a block of {at_once} probes with {kept} vectors of length {length} each"
    refuse_beyond_memory(_NAME, at_once * bytes_each, what)
    key = as_key(_NAME, rng)
    starts = range(0, count, at_once)

    def start(first: int, rows: int, gaussian: bool = gaussian) -> Floats:
        out = np.empty((rows, n), made.dtype)
        _core.linalg.probes(key, first, gaussian, out, inner)
        return out

    kind = "singular values" if singular else "squared singular values" if gram else "eigenvalues"
    products = len(starts) * (2 * steps - 1 if squares and not by_polynomials else steps)
    with reporting(progress, products) as report:
        done = 0

        def tick() -> None:
            nonlocal done
            done += 1
            report(min(done, products))

        if by_polynomials:
            return _by_polynomials(made, kind, start, starts, count, steps, interval, inner, tick, check)
        rules: list[Rules] = []
        for first in starts:
            vectors = start(first, min(at_once, count - first))
            if squares:
                rules.append(golub_kahan(made, vectors, steps, kept, inner, tick, check))
            else:
                rules.append(lanczos(made, vectors, steps, kept, inner, tick, check)[0])
        report(products)
    nodes = np.concatenate([each.nodes for each in rules])
    weights = np.concatenate([each.weights for each in rules])
    weights /= weights.sum(axis=1, keepdims=True)  # of a unit vector: 1 up to rounding
    if gram:
        with np.errstate(over="ignore"):
            nodes = nodes**2
        if not np.isfinite(nodes).all():
            raise ValueError(f"{_NAME}: operator must be so small that squares stay finite; use singular=True")
    support = (float(nodes.min()), float(nodes.max()))
    return _result(n, kind, "lanczos", steps, nodes, weights, None, None, support)


def _result(
    n: int,
    kind: str,
    method: str,
    steps: int,
    nodes: Doubles,
    weights: Doubles,
    moments: Doubles | None,
    interval: tuple[float, float] | None,
    support: tuple[float, float],
) -> SpectralDensity:
    for array in (nodes, weights, moments):
        if array is not None:
            array.flags.writeable = False
    low, high = support
    width = (high - low) / steps
    if width <= 1e-12 * max(abs(low), abs(high)):  # one point: any width would do
        width = max(abs(low), abs(high)) / 100 or 0.01
    return SpectralDensity(n, kind, method, steps, nodes, weights, moments, interval, support, width)


def _by_polynomials(
    made: Operator,
    kind: str,
    start: Callable[..., Floats],
    starts: range,
    count: int,
    steps: int,
    interval: tuple[float, float] | None,
    threads: int,
    tick: Tick,
    check: bool,
) -> SpectralDensity:
    squares = kind != "eigenvalues"
    ends, support = _interval(made, kind, start, interval, threads, check)
    target = _gram_of(made) if squares else made
    at_once = starts.step

    def scaled(ends: tuple[float, float]) -> tuple[float, float]:
        units = (made.scale, made.scale) if squares else (made.scale,)
        for unit in units:
            ends = (ends[0] / unit, ends[1] / unit)
        return ends

    for attempt in range(20):
        try:
            parts = [
                chebyshev_moments(target, start(i, min(at_once, count - i)), steps, scaled(ends), threads, tick)
                for i in starts
            ]
            break
        except TooNarrow:
            if interval is not None:
                raise ValueError(f"{_NAME}: interval must hold the spectrum, got {interval}, which does not") from None
            more = 0.1 * 1.5**attempt * (ends[1] - ends[0])
            ends = (max(ends[0] - more, 0.0) if squares else ends[0] - more, ends[1] + more)
    else:
        raise ValueError(f"{_NAME}: interval must be given: none was found that holds the spectrum")
    moments = np.concatenate(parts)
    # The rule on 2 N Chebyshev points that has these N moments.
    order = np.arange(moments.shape[1])
    theta = (np.arange(2 * order.size) + 0.5) * math.pi / (2 * order.size)
    terms = np.cos(np.outer(order, theta[::-1]))
    terms[1:] *= 2
    weights = moments @ terms / theta.size
    middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
    nodes = np.broadcast_to(middle + half * np.cos(theta[::-1]), weights.shape).copy()
    if kind == "singular values":
        nodes = np.sqrt(np.maximum(nodes, 0))
    return _result(made.shape[1], kind, "kpm", steps, nodes, weights, moments, ends, support)


def _interval(
    made: Operator,
    kind: str,
    start: Callable[..., Floats],
    given: tuple[float, float] | None,
    threads: int,
    check: bool,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """An interval that should hold the spectrum, of the Gram matrix unless of eigenvalues, and the extreme Ritz values.

    A Gram matrix has nothing below 0, and Chebyshev's weight has there the pole that its density may have.
    """
    squares, root = kind != "eigenvalues", kind == "singular values"
    few = min(made.shape[1], 40)
    # Streams that no probe uses; uniform directions, because signs may lie in an invariant subspace.
    vectors = start(2**32 - 2, 2, True)
    if squares:
        nodes = golub_kahan(made, vectors, few, few, threads, lambda: None, check).nodes ** (1 if root else 2)
        ritz = (float(nodes.min()), float(nodes.max()))
        low, high = (ritz[0] ** 2, ritz[1] ** 2) if root else ritz
        miss = np.full(2, 0.02 * (high - low))
    else:
        rules, misses = lanczos(made, vectors, few, few, threads, lambda: None, check)
        ritz = (float(rules.nodes.min()), float(rules.nodes.max()))
        low, high = ritz
        miss = misses.max(axis=0)
    if given is not None:
        try:
            a, b = (as_number(_NAME, "interval", each) for each in given)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{_NAME}: interval must be two numbers, got {shown(given)}") from None
        if not a < b:
            raise ValueError(f"{_NAME}: interval must ascend, got {shown(given)}")
        return (a, b), ritz
    # An eigenvalue lies within the residual of a Ritz value; the extreme one may lie a little further out.
    margin = 0.01 * (high - low) or 0.01 * max(abs(low), abs(high)) or 0.01
    below = low - miss[0] - margin
    return (max(below, 0.0) if squares else below, high + miss[1] + margin), ritz


def _gram_of(made: Operator) -> Operator:
    """A^T A as two products."""

    def apply(block: Floats) -> Floats:
        return made.transposed(made(np.ascontiguousarray(block.T))).T

    return Operator(_NAME, (made.shape[1], made.shape[1]), made.dtype, apply, None)
