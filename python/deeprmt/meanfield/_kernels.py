"""Covariance and tangent kernels of networks of infinite width, between inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import (
    Floats,
    as_choice,
    as_count,
    as_counts,
    as_flag,
    as_real,
    as_threads,
    refuse_beyond_memory,
    refuse_non_finite,
)
from ..activations import Activation
from ..errors import ConvergenceError
from ._dual_family import Family
from ._dual_table import Table, dual_tables, jumps
from ._entries import Pairs, dual, first_pairs, next_pairs
from ._fixed_point import network
from ._mehler import HermiteSeries, mehler
from ._moments import least_variance
from ._piecewise import Pieces, pieces_of

__all__ = ["Kernels", "feature_kernel_of", "kernels", "nngp", "ntk"]

Array = NDArray[np.float64]
_Diagonals = tuple[Array, Array, Array]
Layers = Literal["last", "all"]
Parametrization = Literal["ntk", "standard"]

_most = 1024  # pairs: of more there is a table, or an attempt at one
_many_kinks = 8  # beyond which even few pairs take the Hermite series
_block = 1 << 16  # pairs that are worked on at once where there is neither a closed form nor a table


class Kernels(NamedTuple):
    """The two kernels of one network; made by `kernels`.

    Attributes
    ----------
    nngp : ndarray
        K, the covariance of the preactivations.
    ntk : ndarray
        Theta, the tangent kernel.

    Examples
    --------
    >>> both = kernels([[1.0, 0.0], [0.0, 1.0]], depth=2, activation="relu", sigma_w=2**0.5)
    >>> both.nngp.round(6).tolist(), both.ntk.round(6).tolist()
    ([[1.0, 0.31831], [0.31831, 1.0]], [[2.0, 0.31831], [0.31831, 2.0]])
    """

    nngp: Floats
    ntk: Floats


def nngp(
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    depth: int,
    activation: str | Activation,
    sigma_w: float,
    sigma_b: float = 0.0,
    layers: Layers = "last",
    out: Floats | None = None,
    threads: int | None = None,
) -> Floats:
    """Covariance K^depth(x, y) of the preactivations of a network whose hidden layers are infinitely wide.

    K^1 = sigma_w^2 x.y / n_0 + sigma_b^2, and K^(l+1) = sigma_w^2 E phi(u) phi(v) + sigma_b^2, (u, v) Gaussian with the
    covariance K^l of the two inputs [1]_. K^depth is the covariance of outputs of a network with `depth` weights.

    Parameters
    ----------
    x : (n, n_0) array_like of real
        Inputs, a row each. float32 stays float32 (if y is float32 too); other reals become float64.
    y : (m, n_0) array_like of real, optional
        Other inputs. Default: x; then the kernel is computed once for each pair.
    depth : int
        The number of weight matrices, at least 1.
    activation : str or Activation
        A name of `deeprmt.activations.names`, "step", or one's own.
    sigma_w, sigma_b : float
        Standard deviations, >= 0: weights have variance sigma_w^2 / n_in, biases sigma_b^2.
    layers : {"last", "all"}
        "all" gives K^1, ..., K^depth.
    out : ndarray, optional
        Where to write; a `numpy.memmap` for more than fits into memory. Of the result's shape and type, C-contiguous.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Returns
    -------
    (n, m) or (depth, n, m) ndarray

    Raises
    ------
    ValueError, TypeError
        If the inputs are no finite matrices of one width; if depth, sigma_w or sigma_b is out of range; if a variance
        leaves the range of the type.

    Notes
    -----
    Accurate for nearly parallel and antiparallel inputs too: their angle is taken from differences of the inputs, and
    goes from layer to layer as an angle.

    References
    ----------
    .. [1] J. Lee, Y. Bahri et al., Deep neural networks as Gaussian processes, ICLR (2018), arXiv:1711.00165.

    Examples
    --------
    >>> nngp([[1.0, 0.0], [0.0, 1.0]], depth=3, activation="relu", sigma_w=2**0.5).round(6)
    array([[1.      , 0.493731],
           [0.493731, 1.      ]])
    """
    task = KernelTask("nngp", x, y, depth, activation, sigma_w, sigma_b, layers)
    k = task.room("out", out)
    task.run(k, None, threads)
    return k


def ntk(
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    depth: int,
    activation: str | Activation,
    sigma_w: float,
    sigma_b: float = 0.0,
    parametrization: Parametrization = "ntk",
    widths: int | Sequence[int] | None = None,
    biases: bool = True,
    layers: Layers = "last",
    out: Floats | None = None,
    threads: int | None = None,
) -> Floats:
    """Neural tangent kernel Theta^depth(x, y) of one output of a network whose hidden layers are infinitely wide.

    Theta^1 = K^1 and Theta^(l+1) = K^(l+1) + sigma_w^2 E phi'(u) phi'(v) Theta^l, K as in `nngp` [1]_.

    Parameters
    ----------
    x, y, depth, activation, sigma_w, sigma_b
        As for `nngp`.
    parametrization : {"ntk", "standard"}
        What is trained: in "ntk" w and beta ~ N(0, 1), where W = sigma_w w / sqrt(n_in) and b = sigma_b beta. In
        "standard" W and b themselves: then Theta^1 = x.y + 1 and
        Theta^(l+1) = n_l E phi(u) phi(v) + 1 + sigma_w^2 E phi'(u) phi'(v) Theta^l, which grows with the widths.
    widths : int or sequence of int, optional
        Only for "standard": the widths n_1, ..., n_(depth-1) of the hidden layers, or one for all.
    biases : bool
        Whether biases are trained as well. In "ntk" this makes no difference if sigma_b is 0.
    layers, out, threads
        As for `nngp`.

    Returns
    -------
    (n, m) or (depth, n, m) ndarray

    Raises
    ------
    ValueError, TypeError
        As for `nngp`; if widths are missing or not wanted.

    Notes
    -----
    phi' jumps at the kink of relu and its like, and so the kernel has a cusp where x and y are parallel: it is linear
    in the angle. A correlation of x and y knows an angle of 0 to the root of its rounding only. Here the error of
    angles is a few roundings.

    References
    ----------
    .. [1] A. Jacot, F. Gabriel, C. Hongler, Neural tangent kernel, NeurIPS (2018), arXiv:1806.07572.

    Examples
    --------
    >>> ntk([[1.0, 0.0], [0.0, 1.0]], depth=3, activation="relu", sigma_w=2**0.5).round(6)
    array([[3.      , 0.685709],
           [0.685709, 3.      ]])
    """
    task = KernelTask("ntk", x, y, depth, activation, sigma_w, sigma_b, layers)
    task.train(parametrization, widths, biases)
    theta = task.room("out", out)
    task.run(None, theta, threads)
    return theta


def kernels(
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    depth: int,
    activation: str | Activation,
    sigma_w: float,
    sigma_b: float = 0.0,
    parametrization: Parametrization = "ntk",
    widths: int | Sequence[int] | None = None,
    biases: bool = True,
    layers: Layers = "last",
    out: tuple[Floats, Floats] | None = None,
    threads: int | None = None,
) -> Kernels:
    """The results of `nngp` and `ntk`, in the time of the latter.

    Parameters
    ----------
    x, y, depth, activation, sigma_w, sigma_b, parametrization, widths, biases, layers, threads
        As for `nngp` and `ntk`.
    out : tuple of two ndarrays, optional
        Where to write.

    Returns
    -------
    Kernels
        With `nngp` and `ntk`; also a tuple of the two.

    Examples
    --------
    >>> k, theta = kernels([[1.0], [-1.0]], depth=2, activation="erf", sigma_w=1.0, sigma_b=0.5)
    >>> k.round(6).tolist()
    [[0.756497, -0.031966], [-0.031966, 0.756497]]
    """
    task = KernelTask("kernels", x, y, depth, activation, sigma_w, sigma_b, layers)
    task.train(parametrization, widths, biases)
    if out is not None and not (isinstance(out, tuple | list) and len(out) == 2):
        raise TypeError("kernels: out must be two arrays")
    k = task.room("out[0]", None if out is None else out[0])
    theta = task.room("out[1]", None if out is None else out[1])
    if out is not None and np.may_share_memory(k, theta):
        raise ValueError("kernels: the two arrays of out must not overlap")
    task.run(k, theta, threads)
    return Kernels(k, theta)


class KernelTask:
    """What is computed from what: K' = weight F + bias, Theta' = from_inputs F + constants + weight D Theta.

    F and D are the duals of phi and of phi'.
    """

    def __init__(
        self,
        function: str,
        x: ArrayLike,
        y: ArrayLike | None,
        depth: int,
        activation: str | Activation,
        sigma_w: float,
        sigma_b: float,
        layers: str,
    ) -> None:
        self.function = function
        activation, sigma_w, sigma_b = network(function, activation, sigma_w, sigma_b)
        self.family = Family(activation, function)
        self.depth = as_count(function, "depth", depth)
        self.all = as_choice(function, "layers", layers, ("last", "all")) == "all"
        self.x = _inputs(function, "x", x)
        self.y = self.x if y is None else _inputs(function, "y", y)
        self.symmetric = y is None
        if self.x.shape[1] != self.y.shape[1]:
            raise ValueError(f"{function}: x and y must be of one width, got shapes {self.x.shape} and {self.y.shape}")
        inputs = len(self.x) + (0 if self.symmetric else len(self.y))
        refuse_beyond_memory(function, 8 * self.depth * (2 + 3 * inputs), f"depth {self.depth} at {inputs} inputs")
        self.dtype = np.float32 if self.x.dtype == self.y.dtype == np.float32 else np.float64
        self.first_weight = self.weight = sigma_w**2
        self.bias = sigma_b**2
        self.series: dict[int, list[tuple[HermiteSeries, HermiteSeries]]] = {}
        # Of the tangent kernel: the factor of each layer's inputs, and what biases add.
        self.from_inputs, self.constants = [self.weight] * self.depth, [self.bias] * self.depth

    def train(self, parametrization: str, widths: int | Sequence[int] | None, biases: bool) -> None:
        hidden, biases = self.depth - 1, as_flag(self.function, "biases", biases)
        if as_choice(self.function, "parametrization", parametrization, ("ntk", "standard")) == "ntk":
            if widths is not None:
                raise ValueError(f"{self.function}: widths must be left out unless parametrization is 'standard'")
            self.constants = [self.bias if biases else 0.0] * self.depth
            return
        if widths is None and hidden:
            raise ValueError(f"{self.function}: widths must be given where parametrization is 'standard'")
        if widths is None or isinstance(widths, int | np.integer):
            each = [as_count(self.function, "widths", widths)] * hidden if widths is not None else []
        else:
            each = as_counts(self.function, "widths", widths)
        if len(each) != hidden:
            raise ValueError(f"{self.function}: widths must be those of the {hidden} hidden layers, got {len(each)}")
        self.from_inputs = [float(width) for width in (self.x.shape[1], *each)]
        self.constants = [float(biases)] * self.depth

    def room(self, argument: str, out: Floats | None) -> Floats:
        shape: tuple[int, ...] = (len(self.x), len(self.y))
        if self.all:
            shape = (self.depth, *shape)
        if out is None:
            size = math.prod(shape) * np.dtype(self.dtype).itemsize
            refuse_beyond_memory(self.function, size, f"a kernel of shape {shape}")
            return np.empty(shape, self.dtype)
        if not isinstance(out, np.ndarray):
            raise TypeError(f"{self.function}: {argument} must be an ndarray, got {type(out).__name__}")
        if out.shape != shape or out.dtype != self.dtype:
            raise ValueError(
                f"{self.function}: {argument} must have shape {shape} and dtype {np.dtype(self.dtype)}, got"
                f" {out.shape} and {out.dtype}"
            )
        if not (out.flags.c_contiguous and out.flags.aligned and out.flags.writeable):
            raise ValueError(f"{self.function}: {argument} must be writeable and C-contiguous")
        if np.may_share_memory(out, self.x) or np.may_share_memory(out, self.y):
            raise ValueError(f"{self.function}: {argument} must not overlap the inputs")
        return out

    # ---- the diagonals ----

    def diagonals(self, x: Floats, tangent: bool, argument: str) -> _Diagonals:
        square = _mean_square(x)
        hidden = self.depth - 1
        variances, seconds, slopes = (
            np.empty((self.depth, len(x))),
            np.empty((hidden, len(x))),
            np.ones((hidden, len(x))),
        )
        with np.errstate(over="ignore", invalid="ignore"):
            q = self.first_weight * square + self.bias
            theta = self.from_inputs[0] * square + self.constants[0]
            # What underflows is not 0: a function that jumps there tells the two apart.
            zeros = (q == 0) & (~x.any(axis=1) | (self.first_weight == 0))
            q[(q == 0) & ~zeros] = np.nextafter(0, 1)
            for layer in range(self.depth):
                variances[layer] = q
                self.refuse_out_of_range("variance", layer, q, argument)
                if tangent:
                    self.refuse_out_of_range("tangent kernel", layer, theta, argument)
                if layer == hidden:
                    break
                seconds[layer] = self.family.second(q, 0)
                if zeros.any():
                    seconds[layer][zeros & (q == 0)] = self.at_zero() ** 2
                self.refuse_out_of_range("mean square of the activation", layer, seconds[layer], argument)
                if tangent:
                    slopes[layer] = self.family.second(q, 1)
                    self.refuse_out_of_range("mean square of its slope", layer, slopes[layer], argument)
                    theta = self.weight * slopes[layer] * theta + self.constants[layer + 1]
                    theta += self.from_inputs[layer + 1] * seconds[layer]
                q = self.weight * seconds[layer] + self.bias
        return variances, seconds, slopes

    def at_zero(self) -> float:
        """phi(0), the feature of inputs of zeros where nothing else comes in."""
        activation = self.family.activation
        value, *sides = map(float, activation.phi(np.array([0.0, -1e-9, 1e-9])))
        if value and self.family.kind is None and not math.isclose(*sides, rel_tol=1e-6):
            raise ValueError(
                f"{self.function}: without biases no row of x or y may be zero where the activation jumps at 0 and is"
                f" not 0 there, but {activation.name} is {value:g}"
            )
        return value

    def refuse_out_of_range(self, what: str, layer: int, values: Array, argument: str) -> None:
        bad = values[~(np.abs(values) < float(np.finfo(self.dtype).max))]
        if bad.size:
            raise ValueError(
                f"{self.function}: {argument}, sigma_w or sigma_b is too large: the {what} leaves the range of"
                f" {np.dtype(self.dtype)} in layer {layer + 1}, found {bad[0]:g}"
            )

    # ---- the kernels ----

    def run(self, k: Floats | None, theta: Floats | None, threads: int | None) -> None:
        workers = as_threads(self.function, threads)
        try:
            self.compute(k, theta, workers)
        except ConvergenceError as error:
            said = str(error).partition(": ")[2]
            name = self.family.activation.name
            raise ConvergenceError(
                f"{self.function}: activation {name} has a Gaussian mean that is not found: {said}", error.report
            ) from error

    def compute(self, k: Floats | None, theta: Floats | None, workers: int) -> None:
        tangent = theta is not None
        of_x = self.diagonals(self.x, tangent, "x")
        of_y = of_x if self.symmetric else self.diagonals(self.y, tangent, "y")
        kind, pieces = self.family.kind, None
        tables: list[Table] = []
        if kind is None:
            few = self.few(of_x[0][:-1], of_y[0][:-1])
            pieces = None if few else self.pieces(of_x, of_y)
            found = None if few or pieces else self.tables(of_x[0], of_y[0], tangent)
            if found is None and pieces is None:
                self.by_entries(k, theta, of_x, of_y, workers)
                return
            kind, tables = ("pieces", []) if found is None else ("table", found)
        x: Floats = self.x.astype(self.dtype, copy=False)
        y: Floats = self.y.astype(self.dtype, copy=False)
        units = self.units(self.x)
        nothing = np.empty((0, 0), self.dtype)
        first, second = (
            nothing if each is None else each.reshape(math.prod(each.shape[:-1]), len(y)) for each in (k, theta)
        )
        below, above, order = self.family.parameters
        if kind == "table":
            jump = jumps(self.family.activation)
            below, order = float(jump), 0 if jump else self.family.activation.parity
        elif kind == "pieces":
            order = self.family.activation.parity
        network = _core.meanfield.KernelNetwork(
            kind, below, above, order, self.weight, self.bias, self.constants, self.from_inputs, tables
        )
        if pieces is not None:
            network.set_pieces(*pieces)
        _core.meanfield.infinite_kernels(
            units,
            units if self.symmetric else self.units(self.y),
            x,
            y,
            of_x,
            of_y,
            network,
            self.symmetric,
            first,
            second,
            workers,
        )

    def few(self, qx: Array, qy: Array) -> bool:
        """Whether a table takes longer than the pairs: unless those are nearly parallel, which take more.

        A table between variances far apart has many nodes: it takes as long as some hundred pairs.
        """
        n, m = len(self.x), len(self.y)
        if n * m >= _most:
            return False
        i, j = (each.ravel() for each in np.indices((n, m)))
        apart = (i < j) if self.symmetric else np.ones(len(i), dtype=bool)
        gaps = first_pairs(self.units(self.x, np.float64), self.units(self.y, np.float64), i, j).gap[apart]
        near = np.count_nonzero(gaps <= 1e-3)
        if n * m < 64 and near == 0:
            return True
        activation = self.family.activation
        if activation.slopes is not None or (near and jumps(activation)):
            return False
        q = np.log2(np.maximum(np.concatenate([qx, qy], axis=1), least_variance))
        octaves = np.ptp(q, axis=1)
        worth = 16 * float(octaves[octaves > 4].sum())
        return bool((len(gaps) + 31 * near) * len(q) <= worth)

    def tables(self, qx: Array, qy: Array, tangent: bool) -> list[Table] | None:
        tolerance = 2e-8 if self.dtype == np.float32 else 3e-14
        return dual_tables(self.family.activation, qx[:-1], qy[:-1], tangent, tolerance)

    def pieces(self, of_x: _Diagonals, of_y: _Diagonals) -> Pieces | None:
        """Of lines between kinks, unless all inputs have one length: then one table is faster."""
        if all(len(q) == 0 or q.max() <= q.min() * (1 + 1e-13) for q in np.concatenate([of_x[0], of_y[0]], axis=1)):
            return None
        tolerance = 2e-8 if self.dtype == np.float32 else 3e-14
        return pieces_of(self.family.activation, (of_x[0], of_y[0]), (of_x[1], of_y[1]), tolerance)

    def units(self, x: Floats, dtype: type | None = None) -> Floats:
        """Rows whose products are the correlations of the first layer: of length 1, or for an input of variance 0 apart
        from all others.
        """
        out = np.zeros((len(x), x.shape[1] + 1), dtype or self.dtype)
        rows = max(1, 2**18 // x.shape[1])
        for begin in range(0, len(x), rows):
            part = x[begin : begin + rows].astype(np.float64)
            part *= math.sqrt(self.first_weight / x.shape[1])
            last = np.full((len(part), 1), math.sqrt(self.bias))
            whole = np.concatenate([part, last], axis=1)
            top = np.abs(whole).max(axis=1, keepdims=True)
            whole[top[:, 0] == 0, -1] = 1.0
            whole /= np.where(top > 0, top, 1.0)
            whole /= np.linalg.norm(whole, axis=1, keepdims=True)
            out[begin : begin + rows] = whole
        return out

    def by_entries(
        self, k: Floats | None, theta: Floats | None, of_x: _Diagonals, of_y: _Diagonals, workers: int
    ) -> None:
        """Where nothing but the means themselves is known: each pair has its own in each layer. Blocks of pairs in
        threads, whose size does not depend on those.
        """
        rows = max(1, _block // max(1, len(self.y)))
        units = self.units(self.x, np.float64), self.units(self.y, np.float64)
        activation = self.family.activation
        top = max((float(each.max(initial=0.0)) for each in (of_x[0][:-1], of_y[0][:-1])), default=0.0)
        wide = top > 400 * max([1.0, *np.square(activation.kinks)])  # closed forms of lines may cancel there
        # Lines that kinks are cross as the square of their number: a series in one variable each is soon shorter.
        many = len(self.x) * len(self.y) >= 64 or len(activation.kinks) > _many_kinks
        if (activation.slopes is None or wide) and many:
            for derivative, function in enumerate((activation.phi, activation.dphi)[: 1 if theta is None else 2]):
                first = [HermiteSeries.of(function, activation.kinks, q) for q in of_x[0][:-1]]
                second = first
                if of_y is not of_x:
                    second = [HermiteSeries.of(function, activation.kinks, q) for q in of_y[0][:-1]]
                self.series[derivative] = list(zip(first, second, strict=True))

        def block(begin: int) -> None:
            part = np.arange(begin, min(begin + rows, len(self.x)))
            i, j = (each.ravel() for each in np.meshgrid(part, np.arange(len(self.y)), indexing="ij"))
            if self.symmetric:
                upper = j >= i
                i, j = i[upper], j[upper]
            self.pairs(i, j, units, of_x, of_y, k, theta)

        begins = range(0, len(self.x), rows)
        if min(workers, len(begins)) < 2:
            for begin in begins:
                block(begin)
            return
        with ThreadPoolExecutor(min(workers, len(begins))) as pool:
            tasks = [pool.submit(block, begin) for begin in begins]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def pairs(
        self,
        i: NDArray[np.intp],
        j: NDArray[np.intp],
        units: tuple[Floats, Floats],
        of_x: _Diagonals,
        of_y: _Diagonals,
        k: Floats | None,
        theta: Floats | None,
    ) -> None:
        state = first_pairs(*units, i, j)
        same = i == j if self.symmetric else np.zeros(len(i), dtype=bool)
        state.gap[same] = 0.0
        roots = np.sqrt(of_x[0][0, i]) * np.sqrt(of_y[0][0, j])
        now = roots * state.correlation
        tangents = now - self.bias + self.constants[0]
        if theta is not None and self.from_inputs[0] != self.weight:
            gram = np.einsum("ij,ij->i", self.x[i], self.y[j], dtype=np.float64) / self.x.shape[1]
            tangents = self.from_inputs[0] * gram + self.constants[0]
        for layer in range(self.depth):
            if layer:
                a, b = of_x[0][layer - 1, i], of_y[0][layer - 1, j]
                slope = self.dual(layer - 1, i, j, a, b, state, 1) if theta is not None else now
                seconds = of_x[1][layer - 1, i], of_y[1][layer - 1, j]
                mean = self.dual(layer - 1, i, j, a, b, state, 0)
                second, state = next_pairs(self.family.activation, a, b, *seconds, mean, state, self.weight, self.bias)
                state.gap[same] = 0.0
                if theta is not None:
                    tangents = self.from_inputs[layer] * second + self.constants[layer] + self.weight * slope * tangents
                now = self.weight * second + self.bias
            for out, values in ((k, now), (theta, tangents)):
                if out is not None and (self.all or layer == self.depth - 1):
                    whole = out[layer] if self.all else out
                    whole[i, j] = values
                    if self.symmetric:
                        whole[j, i] = values

    def dual(
        self, layer: int, i: NDArray[np.intp], j: NDArray[np.intp], a: Array, b: Array, pairs: Pairs, derivative: int
    ) -> Array:
        if derivative not in self.series:
            return dual(self.family.activation, a, b, pairs, derivative)
        out, doubt = mehler(*self.series[derivative][layer], i, j, pairs.correlation)
        if doubt.any():
            left = Pairs(pairs.gap[doubt], pairs.sign[doubt])
            out[doubt] = dual(self.family.activation, a[doubt], b[doubt], left, derivative)
        return out


def feature_kernel_of(
    function: str, x: Floats, y: Floats | None, activation: Activation, sigma: float, threads: int | None
) -> Floats:
    """E f(u) f(v) for u = w.x and v = w.y, w with variance sigma^2 / d: the dual of the first layer alone."""
    task = KernelTask(function, x, y, 2, activation, sigma, 0.0, "last")
    task.weight = 1.0
    out = task.room("out", None)
    task.run(out, None, threads)
    return out


def _inputs(function: str, argument: str, value: ArrayLike) -> Floats:
    array = as_real(function, argument, value)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{function}: {argument} must have the shape (inputs, width), got {array.shape}")
    refuse_non_finite(function, argument, array)
    return array


def _mean_square(x: Floats) -> Array:
    """|x|^2 / n_0 of each row, scaled so that squares do not overflow."""
    with np.errstate(over="ignore"):
        return np.asarray(np.einsum("ij,ij->i", x, x, dtype=np.float64) / x.shape[1])
