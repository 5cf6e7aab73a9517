"""The tangent kernel of a network over inputs, layer by layer: no derivative by all weights is ever in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from .. import _core
from .._arguments import Floats, as_choice, as_real, refuse_beyond_memory, refuse_non_finite

if TYPE_CHECKING:
    from ._network import Network

Outputs = Literal["trace", "diagonal", "full"]
_AT_ONCE = (
    2**25
)  # bytes of derivatives by preactivations, and of a tile of the kernel: bounds the work beside the result


@dataclass(frozen=True)
class Signals:
    """What the derivatives at some inputs are made of, a row an input."""

    inputs: list[Floats]  # x_0 .. x_{L-1}
    slopes: list[Floats]  # phi'(h_1) .. phi'(h_{L-1})


def refuse_large(function: str, argument: str, rows: Floats) -> None:
    """Kernels are made of |x|^2."""
    with np.errstate(over="ignore"):
        squares = np.einsum("...j,...j->...", rows, rows)
    if not np.isfinite(squares).all():
        raise ValueError(
            f"{function}: {argument} must be so small that |x|^2 is finite in {rows.dtype}, found entries up to"
            f" {np.abs(rows).max():.3g}"
        )


def signals(function: str, argument: str, network: Network, rows: Floats, threads: int) -> Signals:
    """The forward pass at (n, n_0) inputs. Raises where a signal is not finite."""
    inputs, slopes = [rows], []
    for layer, (w, b) in enumerate(zip(network.weights[:-1], network.biases[:-1], strict=True), start=1):
        with np.errstate(over="ignore", invalid="ignore"):
            h = _core.linalg.multiply_transposed(inputs[-1], w, threads)
            h += b
        refuse_non_finite(function, f"the preactivation of layer {layer} at {argument}", h)
        slopes.append(network._of_layer(function, "dphi", network.activation.dphi, h, layer))
        inputs.append(np.ascontiguousarray(network._of_layer(function, "phi", network.activation.phi, h, layer)))
    return Signals(inputs, slopes)


def as_inputs(function: str, argument: str, network: Network, x: ArrayLike) -> tuple[Floats, bool]:
    """(n, n_0) rows in the type of the weights, and whether there was one input without an axis of its own."""
    rows = as_real(function, argument, x).astype(network.weights[0].dtype, copy=False)
    n_0 = network.widths[0]
    if rows.ndim not in (1, 2) or rows.shape[-1] != n_0 or not rows.size:
        raise ValueError(f"{function}: {argument} must have shape (n, {n_0}) or ({n_0},), got {rows.shape}")
    refuse_non_finite(function, argument, rows)
    return np.ascontiguousarray(rows.reshape(-1, n_0)), rows.ndim == 1


def tangent_kernel(
    network: Network,
    x: ArrayLike,
    y: ArrayLike | None,
    outputs: Outputs,
    same: bool,
    biases: bool,
    threads: int,
) -> Floats:
    """`Network.ntk`, whose docstring says it all."""
    name = "ntk"
    as_choice(name, "outputs", outputs, ("trace", "diagonal", "full"))
    rows, one = as_inputs(name, "x", network, x)
    if same and y is not None:
        raise TypeError(f"{name}: y must be left out where each input is held against itself alone")
    columns, other = (rows, one) if y is None else as_inputs(name, "y", network, y)
    n, m, last = len(rows), len(columns), network.widths[-1]
    itemsize = rows.dtype.itemsize
    each = {"trace": 1, "diagonal": last, "full": last * last}[outputs]
    points = n if y is None else n + m
    widest = max(network.widths[1:-1], default=1)
    # As many outputs at once as the bound leaves, at least one.
    chunk = min(last, max(1, _AT_ONCE // (points * widest * itemsize)))
    if outputs == "full" and not same:
        chunk = last
    need = (n if same else n * m) * each + 2 * points * sum(network.widths[:-1]) + 2 * points * chunk * widest
    refuse_beyond_memory(name, need * itemsize, f"a tangent kernel over {n} and {m} inputs", threads)
    refuse_large(name, "x", rows)
    if y is not None:
        refuse_large(name, "y", columns)
    left = signals(name, "x", network, rows, threads)
    right = left if y is None else signals(name, "y", network, columns, threads)
    with np.errstate(over="ignore", invalid="ignore"):
        work = _Work(network, left, right, biases, threads)
        out = work.blocks(outputs, chunk) if same else work.kernel(outputs, chunk)
    refuse_non_finite(name, "the kernel", out)
    if same:
        return out[0] if one else out
    if other:
        out = out[:, 0]
    return out[0] if one else out


@dataclass(frozen=True)
class _Work:
    network: Network
    left: Signals
    right: Signals
    biases: bool
    threads: int

    def _rates(self, layer: int) -> tuple[Any, Any]:
        """Of weights and biases of layer 1 .. L, in the type of all else."""
        dtype = self.left.inputs[0].dtype.type
        network = self.network
        return dtype(network.weight_rates[layer - 1]), dtype(network.bias_rates[layer - 1] if self.biases else 0)

    def _derivatives(self, signals: Signals, outputs: slice) -> Any:
        """(layer, df_o / dh_layer as (n, outputs, n_layer)) from layer L - 1 down to 1."""
        weights = self.network.weights
        if len(weights) == 1:
            return
        a = signals.slopes[-1][:, None, :] * weights[-1][outputs]
        for layer in range(len(weights) - 1, 0, -1):
            yield layer, a
            if layer > 1:
                n, count, _ = a.shape
                back = _core.linalg.multiply(a.reshape(n * count, -1), weights[layer - 1], self.threads)
                a = back.reshape(n, count, -1)
                a *= signals.slopes[layer - 2][:, None, :]

    def _pairs(self, outputs: slice) -> Any:
        """The derivatives at x and at y, layer by layer."""
        if self.left is self.right:
            for layer, a in self._derivatives(self.left, outputs):
                yield layer, a, a
        else:
            both = (self._derivatives(each, outputs) for each in (self.left, self.right))
            for (layer, a), (_, b) in zip(*both, strict=True):
                yield layer, a, b

    def _tiles(self, width: int) -> list[slice]:
        """Rows of the kernel, a bounded number of entries at a time; rows have `width` of them."""
        n = len(self.left.inputs[0])
        step = max(1, _AT_ONCE // (width * self.left.inputs[0].itemsize))
        return [slice(begin, min(begin + step, n)) for begin in range(0, n, step)]

    def _columns(self, rows: slice) -> slice:
        """Where entries of these rows are computed: of a symmetric kernel, up to the diagonal's block."""
        return slice(0, rows.stop if self.left is self.right else len(self.right.inputs[0]))

    def _products(self, a: Floats, b: Floats, rows: slice, each: int = 1) -> Floats:
        """Those of these rows of a with rows of b, in `_columns`, where an input has `each` rows."""
        if self.left is self.right:
            return _core.linalg.multiply_itself(a, rows.start * each, rows.stop * each, self.threads)
        return _core.linalg.multiply_transposed(a[rows.start * each : rows.stop * each], b, self.threads)

    def _below(self, layer: int, rows: slice) -> Floats:
        """What the parameters of a layer bring for df/dh of length 1: rate x.y of its inputs, and that of the bias."""
        of_weights, of_biases = self._rates(layer)
        inner = self._products(self.left.inputs[layer - 1], self.right.inputs[layer - 1], rows)
        inner *= of_weights
        inner += of_biases
        return inner

    def kernel(self, outputs: Outputs, chunk: int) -> Floats:
        """(n, m), (n, m, n_L) or (n, m, n_L, n_L)."""
        n, m = len(self.left.inputs[0]), len(self.right.inputs[0])
        last, depth = self.network.widths[-1], self.network.depth
        dtype = self.left.inputs[0].dtype
        shape = {"trace": (n, m), "diagonal": (n, m, last), "full": (n, last, m, last)}[outputs]
        out = np.zeros(shape, dtype)
        per_row = m * (last * last if outputs == "full" else 1)
        for rows in self._tiles(per_row):
            below, columns = self._below(depth, rows), self._columns(rows)
            if outputs == "trace":
                out[rows, columns] += below
            elif outputs == "diagonal":
                out[rows, columns] += below[:, :, None]
            else:
                for o in range(last):
                    out[rows, o, columns, o] += below
        for begin in range(0, last, chunk):
            these = slice(begin, min(begin + chunk, last))
            for layer, a, b in self._pairs(these):
                for rows in self._tiles(per_row):
                    below, columns = self._below(layer, rows), self._columns(rows)
                    if outputs == "trace":
                        below *= self._products(_flat(a), _flat(b), rows)
                        if last > 1:
                            below /= dtype.type(last)
                        out[rows, columns] += below
                    elif outputs == "diagonal":
                        for o in range(these.start, these.stop):
                            at = o - these.start
                            one, two = (np.ascontiguousarray(each[:, at]) for each in (a, b))
                            out[rows, columns, o] += below * self._products(one, two, rows)
                    else:
                        width = a.shape[-1]
                        gram = self._products(a.reshape(-1, width), b.reshape(-1, width), rows, last)
                        gram = gram.reshape(len(below), last, -1, last)
                        gram *= below[:, None, :, None]
                        out[rows, :, columns] += gram
        if self.left is self.right:
            _mirror(out.reshape(n * last, n * last) if outputs == "full" else out)
        return out.transpose(0, 2, 1, 3) if outputs == "full" else out

    def blocks(self, outputs: Outputs, chunk: int) -> Floats:
        """Each input with itself: (n,), (n, n_L) or (n, n_L, n_L)."""
        n, last, depth = len(self.left.inputs[0]), self.network.widths[-1], self.network.depth
        dtype = self.left.inputs[0].dtype
        shape = {"trace": (n,), "diagonal": (n, last), "full": (n, last, last)}[outputs]
        out = np.zeros(shape, dtype)
        squares = []
        for layer, each in enumerate(self.left.inputs, start=1):
            of_weights, of_biases = self._rates(layer)
            squares.append(np.einsum("ij,ij->i", each, each) * of_weights + of_biases)
        if outputs == "full":
            for i in range(n):  # an input at a time: its derivatives are (n_L, n_l)
                out[i].flat[:: last + 1] += squares[-1][i]
                at = Signals([], [each[i : i + 1] for each in self.left.slopes])
                for layer, a in self._derivatives(at, slice(0, last)):
                    gram = _core.linalg.multiply_itself(a[0], 0, last, self.threads)
                    gram *= squares[layer - 1][i]
                    out[i] += gram
            return out
        out += squares[depth - 1] if outputs == "trace" else squares[depth - 1][:, None]
        for begin in range(0, last, chunk):
            these = slice(begin, min(begin + chunk, last))
            for layer, a in self._derivatives(self.left, these):
                lengths = np.einsum("ioj,ioj->io", a, a)
                lengths *= squares[layer - 1][:, None]
                if outputs == "trace":
                    out += lengths.sum(axis=1) / dtype.type(last)
                else:
                    out[:, these] += lengths
        return out


def _flat(a: Floats) -> Floats:
    return a.reshape(len(a), -1)


def _mirror(a: Floats) -> None:
    """What lies below the diagonal goes above it, some rows at a time; a may have a third axis."""
    n = len(a)
    step = max(1, min(256, n))
    for begin in range(0, n, step):
        rows = slice(begin, min(begin + step, n))
        a[:begin, rows] = a[rows, :begin].swapaxes(0, 1)
        square = a[rows, rows]
        above = ~np.tri(len(square), dtype=bool)
        np.copyto(square, square.swapaxes(0, 1).copy(), where=above if a.ndim == 2 else above[:, :, None])


class TangentOperator(LinearOperator):  # type: ignore[misc]
    """The tangent kernel over n inputs as an operator on residuals of n n_L entries; made by `Network.ntk_operator`.

    Memory is that of the signals; a product takes as long as three forward passes.

    Examples
    --------
    >>> from deeprmt.networks import Network
    >>> kernel = Network([[[2.0]], [[3.0]]], activation="relu").ntk_operator([[1.0], [-1.0]])
    >>> kernel @ [1.0, 0.0]  # 2^2 + 3^2 1^2, and biases: 3^2 + 1
    array([23.,  1.])
    """

    def __init__(self, network: Network, rows: Floats, biases: bool, threads: int) -> None:
        self._network, self._biases, self._threads = network, biases, threads
        self._signals = signals("ntk_operator", "x", network, rows, threads)
        size = len(rows) * network.widths[-1]
        super().__init__(dtype=rows.dtype, shape=(size, size))

    def _matvec(self, v: Any) -> Floats:
        """How the outputs move with the slopes of v f: h'_l = W_l x'_{l-1} + dW_l x_{l-1} + db_l, layer by layer."""
        network, threads = self._network, self._threads
        weights, depth = network.weights, network.depth
        times, transposed = _core.linalg.multiply, _core.linalg.multiply_transposed
        n, dtype = len(self._signals.inputs[0]), weights[0].dtype
        deltas = [np.ascontiguousarray(np.asarray(v, dtype).reshape(n, -1))]
        with np.errstate(over="ignore", invalid="ignore"):
            for layer in range(depth - 1, 0, -1):
                back = times(deltas[0], weights[layer], threads)
                back *= self._signals.slopes[layer - 1]
                deltas.insert(0, back)
            moved: Floats | None = None
            for layer in range(depth):
                delta, signal = deltas[layer], self._signals.inputs[layer]
                if n <= min(delta.shape[1], signal.shape[1]):
                    h = times(transposed(signal, signal, threads), delta, threads)
                else:
                    h = times(signal, times(np.ascontiguousarray(signal.T), delta, threads), threads)
                h *= dtype.type(network.weight_rates[layer])
                if self._biases:
                    h += dtype.type(network.bias_rates[layer]) * delta.sum(axis=0)
                if moved is not None:
                    h += transposed(moved, weights[layer], threads)
                if layer < depth - 1:
                    h *= self._signals.slopes[layer]
                moved = h
        assert moved is not None
        return moved.reshape(-1)

    def _adjoint(self) -> TangentOperator:
        return self  # the kernel is symmetric
