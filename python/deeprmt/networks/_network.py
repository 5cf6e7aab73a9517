"""A network with its weights: its values, Jacobians and kernels."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._arguments import (
    Floats,
    as_choice,
    as_count,
    as_flag,
    as_number,
    as_real,
    as_threads,
    refuse_beyond_memory,
    refuse_non_finite,
    shown,
)
from ..activations import Activation, as_activation
from ._tangent_kernel import Outputs, TangentOperator, as_inputs, refuse_large, signals, tangent_kernel

__all__ = ["Network"]

Output = Literal["preactivation", "activation"]


@dataclass(frozen=True, eq=False)
class Network:
    """Weights, biases and an activation: a function, and its derivative with respect to the input.

    Parameters
    ----------
    weights : sequence of (n_l, n_{l-1}) array_like of real
        W_1 .. W_L; each must fit the one before. Trained weights are as welcome as random ones.
    biases : sequence of (n_l,) array_like of real, optional
        b_1 .. b_L. Default: zero.
    activation : str or Activation
        Applied after every layer but, for the default output, the last.
    weight_rates, bias_rates : sequence of float, optional
        By what training multiplies the rate of its steps, and the tangent kernel the squares of derivatives, for each
        layer; not negative. Default: 1. An `MLP` sets them by its parametrization.
    adam_weight_rates, adam_bias_rates : sequence of float, optional
        The same for steps of Adam. Default: the square roots of the above.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, entries are not finite, or the activation is not known.

    Examples
    --------
    >>> net = Network([[[1.0, 2.0]]], [[0.5]], "tanh")
    >>> net.forward([1.0, 1.0])
    array([3.5])
    >>> net.jacobian([1.0, 1.0])
    array([[1., 2.]])
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...] = field(default=())
    activation: Activation = field(default="linear")  # type: ignore[assignment]
    weight_rates: tuple[float, ...] = field(default=())
    bias_rates: tuple[float, ...] = field(default=())
    adam_weight_rates: tuple[float, ...] = field(default=())
    adam_bias_rates: tuple[float, ...] = field(default=())

    def __post_init__(self) -> None:
        weights = tuple(as_real("Network", f"weights[{i}]", w) for i, w in enumerate(_several("weights", self.weights)))
        if not weights:
            raise ValueError("Network: weights must hold at least one matrix, got none")
        dtype = np.result_type(*weights)
        weights = tuple(w.astype(dtype, copy=False) for w in weights)
        for i, w in enumerate(weights):
            if w.ndim != 2 or min(w.shape) < 1:
                raise ValueError(f"Network: weights[{i}] must be a matrix, got shape {w.shape}")
            if i and w.shape[1] != weights[i - 1].shape[0]:
                raise ValueError(
                    f"Network: weights[{i}] must have {weights[i - 1].shape[0]} columns, the rows of "
                    f"weights[{i - 1}], got shape {w.shape}"
                )
            refuse_non_finite("Network", f"weights[{i}]", w)
        given = _several("biases", self.biases) or [np.zeros(w.shape[0], dtype) for w in weights]
        biases = tuple(as_real("Network", f"biases[{i}]", b).astype(dtype, copy=False) for i, b in enumerate(given))
        if len(biases) != len(weights):
            raise ValueError(f"Network: biases must be one for each of {len(weights)} layers, got {len(biases)}")
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            if b.shape != (w.shape[0],):
                raise ValueError(f"Network: biases[{i}] must have shape ({w.shape[0]},), got {b.shape}")
            refuse_non_finite("Network", f"biases[{i}]", b)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)
        object.__setattr__(self, "activation", as_activation("Network", self.activation))
        for what in ("weight_rates", "bias_rates", "adam_weight_rates", "adam_bias_rates"):
            values = _several(what, getattr(self, what))
            rates = [as_number("Network", f"{what}[{i}]", rate, least=0.0) for i, rate in enumerate(values)]
            if len(rates) not in (0, len(weights)):
                raise ValueError(f"Network: {what} must be one for each of {len(weights)} layers, got {len(rates)}")
            if not rates:
                adam = what.startswith("adam_")
                rates = [math.sqrt(r) for r in getattr(self, what[5:])] if adam else [1.0] * len(weights)
            object.__setattr__(self, what, tuple(rates))

    @property
    def widths(self) -> tuple[int, ...]:
        """n_0, n_1, ..., n_L."""
        return (self.weights[0].shape[1], *(w.shape[0] for w in self.weights))

    @property
    def depth(self) -> int:
        """L, the number of weight matrices."""
        return len(self.weights)

    def __repr__(self) -> str:
        widths = " -> ".join(map(str, self.widths))
        return f"Network({widths}, {self.activation.name}, {self.weights[0].dtype})"

    def forward(self, x: ArrayLike, *, output: Output = "preactivation", threads: int | None = None) -> Floats:
        """The network's value.

        Parameters
        ----------
        x : (..., n_0) array_like of real
            Inputs x_0.
        output : {"preactivation", "activation"}
            h_L or x_L = phi(h_L).
        threads : int, optional
            Default: every core this process may use. Never changes the result.

        Returns
        -------
        (..., n_L) ndarray
            In the type of the weights.

        Raises
        ------
        ValueError, TypeError
            If x has the wrong shape or is not finite, or a signal overflows or is not finite (the layer is named).

        Examples
        --------
        >>> Network([np.eye(2), np.eye(2)], activation="relu").forward([-1.0, 3.0])
        array([0., 3.])
        """
        h, signal, _ = self._signals("forward", x, output, as_threads("forward", threads))
        return signal if output == "activation" else h

    def jacobian(self, x: ArrayLike, *, output: Output = "preactivation", threads: int | None = None) -> Floats:
        """Derivative of the network's value with respect to its input, the same `output` as in `forward`.

        Parameters
        ----------
        x : (..., n_0) array_like of real
            Inputs x_0.
        output : {"preactivation", "activation"}
            dh_L/dx_0 = W_L D_{L-1} ... D_1 W_1, or dx_L/dx_0 = D_L W_L ... D_1 W_1, D_l = diag phi'(h_l).
        threads : int, optional
            Default: every core this process may use. Never changes the result.

        Returns
        -------
        (..., n_L, n_0) ndarray
            In the type of the weights. At a kink the derivative is the limit from the left.

        Raises
        ------
        ValueError, TypeError
            As in `forward`; if the Jacobian overflows.
        MemoryError
            If signals and Jacobians cannot fit into memory; before they are computed.

        References
        ----------
        .. [1] L. Pastur, J. Math. Phys. 63, 063505 (2022).

        Examples
        --------
        >>> net = Network([np.eye(2), np.eye(2)], activation="relu")
        >>> net.jacobian([-1.0, 3.0])
        array([[0., 0.],
               [0., 1.]])
        """
        threads = as_threads("jacobian", threads)
        h, _, slopes = self._signals("jacobian", x, output, threads, self.widths[-1] * self.widths[0])
        stack = h.shape[:-1]
        out = np.empty((*stack, self.widths[-1], self.widths[0]), self.weights[0].dtype)
        for where in np.ndindex(stack):
            j = self.weights[0]
            with np.errstate(over="ignore", invalid="ignore"):
                for w, d in zip(self.weights[1:], slopes, strict=False):
                    j = _core.linalg.multiply(w, d[where][:, None] * j, threads)
                out[where] = slopes[-1][where][:, None] * j if output == "activation" else j
        refuse_non_finite("jacobian", "the Jacobian", out)
        return out

    def one_sample_ntk(self, x: ArrayLike, *, biases: bool = False, threads: int | None = None) -> Floats:
        """The tangent kernel of the outputs f = h_L at one input, over n_L.

        Theta = (1 / n_L) sum over all weights of df/dw (df/dw)^T, times `weight_rates`: in the standard parametrization
        every weight is trained as it stands. Gradient descent on |f - y|^2 / (2 n_L) turns the residual by
        I - eta Theta a step. `ntk` has other conventions, and more inputs.

        Parameters
        ----------
        x : (..., n_0) array_like of real
            Inputs x_0, each by itself.
        biases : bool
            Whether biases are trained too; they add O(1 / n).
        threads : int, optional
            Default: every core this process may use. Never changes the result.

        Returns
        -------
        (..., n_L, n_L) ndarray
            Symmetric, in the type of the weights. `meanfield.one_sample_ntk_law` has the limit of its spectrum.

        Raises
        ------
        ValueError, TypeError
            As in `forward`; if the kernel overflows.
        MemoryError
            If the kernels cannot fit into memory; before they are computed.

        References
        ----------
        .. [1] T. Hayase, R. Karakida, The spectrum of Fisher information of deep networks achieving dynamical
           isometry, AISTATS (2021), arXiv:2006.07814.

        Examples
        --------
        >>> Network([[[2.0]], [[3.0]]], activation="relu").one_sample_ntk([1.0])  # 2^2 + 3^2 1^2
        array([[13.]])
        """
        threads, biases = as_threads("one_sample_ntk", threads), as_flag("one_sample_ntk", "biases", biases)
        last = self.widths[-1]
        work = sum(n_out * n_in for n_in, n_out in itertools.pairwise(self.widths[1:]))
        h, _, slopes = self._signals("one_sample_ntk", x, "preactivation", threads, last * last + work)
        stack = h.shape[:-1]
        flat = as_real("one_sample_ntk", "x", x).astype(self.weights[0].dtype, copy=False)
        refuse_large("one_sample_ntk", "x", flat)
        squares = [np.sum(flat * flat, axis=-1)]  # |x_l|^2
        signal = flat
        for layer, (w, b) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True), start=1):
            signal = self._of_layer("one_sample_ntk", "phi", self.activation.phi, _times(w, signal, threads) + b, layer)
            with np.errstate(over="ignore"):
                squares.append(np.sum(signal * signal, axis=-1))
        out = np.zeros((*stack, last, last), self.weights[0].dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for where in np.ndindex(stack):
                # Theta = sum_l (|x_{l-1}|^2 + 1) A_l A_l^T / n_L, A_l = dh_L / dh_l from the last layer down.
                below = [
                    (float(each[where]) * of_weights + biases * of_biases) / last
                    for each, of_weights, of_biases in zip(squares, self.weight_rates, self.bias_rates, strict=True)
                ]
                kernel = out[where]
                kernel.flat[:: last + 1] += below[-1]
                a = None
                for layer in range(self.depth - 1, 0, -1):
                    d = slopes[layer - 1][where]
                    w = self.weights[layer] if a is None else _core.linalg.multiply(a, self.weights[layer], threads)
                    a = np.ascontiguousarray(w * d)
                    kernel += below[layer - 1] * _core.linalg.multiply(a, np.ascontiguousarray(a.T), threads)
                kernel += kernel.T.copy()
                kernel *= 0.5
        refuse_non_finite("one_sample_ntk", "the kernel", out)
        return out

    def ntk(
        self,
        x: ArrayLike,
        y: ArrayLike | None = None,
        *,
        outputs: Outputs = "trace",
        same: bool = False,
        biases: bool = True,
        threads: int | None = None,
    ) -> Floats:
        """The neural tangent kernel of the outputs f = h_L: derivatives by all weights at x, times those at y.

        Theta_op(x, y) = sum over parameters of rate df_o(x)/dw df_p(y)/dw, the rates being `weight_rates` and
        `bias_rates`: all 1 in the standard parametrization, and those that make Theta converge to `meanfield.ntk` as
        widths grow if the network was drawn with ``parametrization="ntk"``.

        Parameters
        ----------
        x : (n, n_0) or (n_0,) array_like of real
            Inputs. A single one without an axis of its own gives a result without it.
        y : (m, n_0) or (n_0,) array_like of real, optional
            Others. Default: x; the kernel is then symmetric to the last bit.
        outputs : {"trace", "diagonal", "full"}
            The trace over outputs divided by n_L (the kernel itself, if there is one output); each output with itself;
            each with each.
        same : bool
            Each input with itself alone: the diagonal blocks.
        biases : bool
            Whether biases are trained too.
        threads : int, optional
            Default: every core this process may use. Never changes the result.

        Returns
        -------
        (n, m), (n, m, n_L) or (n, m, n_L, n_L) ndarray
            In the type of the weights; with `same` (n,), (n, n_L) or (n, n_L, n_L).

        Raises
        ------
        ValueError, TypeError
            If shapes do not fit, or the kernel or a signal is not finite; if y is given beside `same`.
        MemoryError
            If the kernel cannot fit into memory; before it is computed.

        Notes
        -----
        Layer by layer: the products of inputs to the layer, entry by entry times those of the derivatives by its
        preactivations. Beside the result memory holds signals and slopes, 2 (n + m) numbers a unit, and 64 MiB or
        what one output needs; "full" needs all outputs' derivatives by one layer.

        References
        ----------
        .. [1] A. Jacot, F. Gabriel, C. Hongler, Neural tangent kernel, NeurIPS (2018), arXiv:1806.07572.

        Examples
        --------
        >>> net = Network([[[2.0]], [[3.0]]], activation="relu")
        >>> net.ntk([[1.0], [-1.0]], biases=False)  # 2^2 + 3^2 1^2, and a unit that is off
        array([[13.,  0.],
               [ 0.,  0.]])
        >>> from deeprmt.networks import MLP
        >>> wide = MLP([8, 500, 500, 3], "relu", sigma_w=2**0.5, parametrization="ntk").sample(rng=0)
        >>> wide.ntk(np.ones((5, 8)), outputs="full").shape, wide.ntk(np.ones(8), outputs="full").shape
        ((5, 5, 3, 3), (3, 3))
        """
        same, biases = as_flag("ntk", "same", same), as_flag("ntk", "biases", biases)
        return tangent_kernel(self, x, y, outputs, same, biases, as_threads("ntk", threads))

    def conjugate_kernel(
        self, x: ArrayLike, y: ArrayLike | None = None, *, layer: int | None = None, threads: int | None = None
    ) -> Floats:
        """The Gram matrix of the signals in a hidden layer, over its width: x_l(x) . x_l(y) / n_l.

        Parameters
        ----------
        x : (n, n_0) array_like of real
            Inputs.
        y : (m, n_0) array_like of real, optional
            Others. Default: x.
        layer : int, optional
            l from 0, the inputs themselves, to L - 1, the last hidden layer. Default: L - 1.
        threads : int, optional
            Default: every core this process may use. Never changes the result.

        Returns
        -------
        (n, m) ndarray
            In the type of the weights. Its spectrum is `meanfield.conjugate_kernel_law` where n grows with the widths.

        Raises
        ------
        ValueError, TypeError
            If shapes do not fit, a signal is not finite, or there is no such layer.
        MemoryError
            If it cannot fit into memory; before it is computed.

        Examples
        --------
        >>> Network([np.eye(2), np.ones((1, 2))], activation="relu").conjugate_kernel([[1.0, 3.0], [-1.0, 1.0]])
        array([[5. , 1.5],
               [1.5, 0.5]])
        """
        name = "conjugate_kernel"
        threads = as_threads(name, threads)
        last = self.depth - 1
        at = last if layer is None else as_count(name, "layer", layer, least=0, most=last)
        rows, _ = as_inputs(name, "x", self, x)
        columns = rows if y is None else as_inputs(name, "y", self, y)[0]
        need = len(rows) * len(columns) + 2 * (len(rows) + len(columns)) * sum(self.widths[:-1])
        refuse_beyond_memory(name, need * rows.itemsize, f"a kernel over {len(rows)} x {len(columns)} inputs", threads)
        left = signals(name, "x", self, rows, threads).inputs[at]
        right = left if y is None else signals(name, "y", self, columns, threads).inputs[at]
        with np.errstate(over="ignore", invalid="ignore"):
            out = _core.linalg.multiply_transposed(left, right, threads)
            out /= out.dtype.type(self.widths[at])
        refuse_non_finite(name, "the kernel", out)
        return out if right is not left else (out + out.T) * out.dtype.type(0.5)

    def ntk_operator(self, x: ArrayLike, *, biases: bool = True, threads: int | None = None) -> TangentOperator:
        """The tangent kernel over n inputs and all outputs without its n n_L x n n_L entries.

        Parameters
        ----------
        x : (n, n_0) array_like of real
            Inputs.
        biases : bool
            Whether biases are trained too.
        threads : int, optional
            Default: every core this process may use. Never changes the result.

        Returns
        -------
        TangentOperator
            A `scipy.sparse.linalg.LinearOperator`: for the largest eigenvalue by Lanczos' method, or for steps of
            linearised training. Vectors hold all outputs of the first input, then those of the second.

        Raises
        ------
        ValueError, TypeError
            If x has the wrong shape or is not finite, or a signal is not finite.
        MemoryError
            If signals cannot fit into memory.

        Examples
        --------
        >>> from deeprmt.networks import MLP
        >>> net = MLP([5, 40, 2], "tanh", sigma_w=1.5).sample(rng=0)
        >>> x = np.random.default_rng(0).normal(size=(7, 5))
        >>> dense = net.ntk(x, outputs="full").transpose(0, 2, 1, 3).reshape(14, 14)
        >>> bool(np.allclose(net.ntk_operator(x) @ np.arange(14.0), dense @ np.arange(14.0)))
        True
        """
        name = "ntk_operator"
        threads = as_threads(name, threads)
        rows, _ = as_inputs(name, "x", self, x)
        need = 4 * len(rows) * sum(self.widths) * rows.itemsize
        refuse_beyond_memory(name, need, f"signals of {len(rows)} inputs", threads)
        refuse_large(name, "x", rows)
        return TangentOperator(self, rows, as_flag(name, "biases", biases), threads)

    def _signals(
        self, function: str, x: ArrayLike, output: str, threads: int, result: int = 0
    ) -> tuple[Floats, Floats, list[Floats]]:
        """h_L, x_L if the output asks for it, and phi'(h_l) of every layer whose activation the output has passed.

        Refuses what cannot fit into memory, with `result` more entries for each input.
        """
        as_choice(function, "output", output, ("preactivation", "activation"))
        signal = as_real(function, "x", x).astype(self.weights[0].dtype, copy=False)
        if signal.ndim < 1 or signal.shape[-1] != self.widths[0]:
            raise ValueError(f"{function}: x must have shape (..., {self.widths[0]}), got {signal.shape}")
        points = math.prod(signal.shape[:-1])
        need = points * (sum(self.widths[1:]) + result) * signal.itemsize
        refuse_beyond_memory(function, need, f"the work on {points} inputs", threads)
        refuse_non_finite(function, "x", signal)
        slopes: list[Any] = []
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True), start=1):
            with np.errstate(over="ignore", invalid="ignore"):
                h = _times(w, signal, threads) + b
            refuse_non_finite(function, f"the preactivation of layer {layer}", h)
            if layer < self.depth or output == "activation":
                slopes.append(self._of_layer(function, "dphi", self.activation.dphi, h, layer))
                signal = self._of_layer(function, "phi", self.activation.phi, h, layer)
        return h, signal, slopes

    def _of_layer(self, function: str, what: str, activation: Any, h: Floats, layer: int) -> Floats:
        """An activation's values, checked: users bring their own."""
        values = np.asarray(activation(h))
        if values.shape != h.shape:
            raise ValueError(f"{function}: {what} must return the shape {h.shape} that it is given, got {values.shape}")
        refuse_non_finite(function, f"{what} in layer {layer}", values)
        return values.astype(h.dtype, copy=False)


def _several(argument: str, values: Any) -> list[Any]:
    """What a sequence holds."""
    try:
        if not isinstance(values, str | bytes):
            return list(values)
    except TypeError:
        pass
    raise TypeError(f"Network: {argument} must be a sequence with one for each layer, got {shown(values)}")


def _times(w: Floats, signal: Floats, threads: int) -> Floats:
    """W x for each x of (..., n): bits that do not depend on threads, which those of NumPy's products do."""
    rows = signal.reshape(-1, signal.shape[-1])
    columns = _core.linalg.multiply(w, np.ascontiguousarray(rows.T), threads)
    return np.ascontiguousarray(columns.T).reshape(*signal.shape[:-1], len(w))
