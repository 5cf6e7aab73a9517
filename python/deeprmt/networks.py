"""Networks: a description of a random MLP, and one sample of it with its weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from . import _core
from ._arguments import (
    RNG,
    Floats,
    as_choice,
    as_count,
    as_dtype,
    as_key,
    as_number,
    as_real,
    as_threads,
    refuse_beyond_memory,
    refuse_non_finite,
)
from ._fixing_rotation import FixingRotation, fixing_rotation
from .activations import Activation, as_activation

__all__ = ["MLP", "FixingRotation", "Network", "fixing_rotation"]

Output = Literal["preactivation", "activation"]


def _times(w: Floats, signal: Floats, threads: int) -> Floats:
    """W x for each x of (..., n): bits that do not depend on threads, which those of NumPy's products do."""
    rows = signal.reshape(-1, signal.shape[-1])
    columns = _core.linalg.multiply(w, np.ascontiguousarray(rows.T), threads)
    return np.ascontiguousarray(columns.T).reshape(*signal.shape[:-1], len(w))


@dataclass(frozen=True, init=False)
class MLP:
    """A fully connected network with random weights: h_l = W_l x_{l-1} + b_l, x_l = phi(h_l), l = 1..L.

    Parameters
    ----------
    widths : sequence of int
        n_0, n_1, ..., n_L: input, hidden layers, output; at least two.
    activation : str or Activation
        A name of `deeprmt.activations.names`, or your own `Activation(phi, dphi)`.
    weights : {"gaussian", "haar"}
        W_l is (n_l, n_{l-1}). Gaussian: entries N(0, sigma_w^2 / n_{l-1}). Haar: sigma_w times a Haar orthogonal
        matrix if square; else the columns or rows of one of the larger size, scaled so that
        E|W x|^2 / n_l = sigma_w^2 |x|^2 / n_{l-1}.
    sigma_w : float
        Standard deviation of the weights times sqrt(n_{l-1}); positive.
    sigma_b : float
        Standard deviation of the biases, N(0, sigma_b^2); not negative.

    Attributes
    ----------
    depth : int
        L, the number of weight matrices.

    Raises
    ------
    ValueError, TypeError
        If there are fewer than two widths, or a width is below 1; if the activation or the weights are not known; if
        sigma_w or sigma_b is out of range.

    Examples
    --------
    >>> mlp = MLP([784, 300, 300, 10], "tanh", weights="haar", sigma_w=1.1, sigma_b=0.05)
    >>> mlp.depth
    3
    >>> mlp.sample(rng=0).forward(np.ones(784)).shape
    (10,)
    """

    widths: tuple[int, ...]
    activation: Activation
    weights: Literal["gaussian", "haar"]
    sigma_w: float
    sigma_b: float

    def __init__(
        self,
        widths: Sequence[int],
        activation: str | Activation,
        *,
        weights: Literal["gaussian", "haar"] = "gaussian",
        sigma_w: float,
        sigma_b: float = 0.0,
    ) -> None:
        try:
            widths = tuple(as_count("MLP", "each width", n) for n in widths)
        except TypeError as error:
            raise TypeError(f"MLP: widths must be a sequence of whole numbers, got {widths!r}") from error
        if len(widths) < 2:
            raise ValueError(f"MLP: widths must name at least an input and an output, got {list(widths)}")
        object.__setattr__(self, "widths", widths)
        object.__setattr__(self, "activation", as_activation("MLP", activation))
        object.__setattr__(self, "weights", as_choice("MLP", "weights", weights, ("gaussian", "haar")))
        object.__setattr__(self, "sigma_w", as_number("MLP", "sigma_w", sigma_w, above=0.0))
        object.__setattr__(self, "sigma_b", as_number("MLP", "sigma_b", sigma_b, least=0.0))

    @property
    def depth(self) -> int:
        """The number of weight matrices."""
        return len(self.widths) - 1

    def sample(self, rng: RNG = None, *, dtype: DTypeLike = np.float64, threads: int | None = None) -> Network:
        """Draw weights and biases.

        Parameters
        ----------
        rng : optional
            Anything that `numpy.random.default_rng` takes. The network is that of trial 0 of
            `jacobian.singular_values` with the same seed.
        dtype : {float64, float32}
            The type of weights, signals and Jacobians.
        threads : int, optional
            Default: every core this process may use. Never changes the result.

        Returns
        -------
        Network
            Independent layers.

        Raises
        ------
        MemoryError
            If the weights cannot fit into memory; before anything is drawn.

        Examples
        --------
        >>> MLP([3, 4, 2], "relu", sigma_w=2**0.5).sample(rng=0).weights[0].shape
        (4, 3)
        """
        kind = as_dtype("sample", dtype)
        threads = as_threads("sample", threads)
        entries = sum(n_out * (n_in + 1) for n_in, n_out in itertools.pairwise(self.widths))
        refuse_beyond_memory("sample", entries * kind.itemsize, f"a network of {entries} weights and biases")
        key = as_key("sample", rng)
        weights, biases = [], []
        for layer, (n_in, n_out) in enumerate(itertools.pairwise(self.widths), start=1):
            w, b = np.empty((n_out, n_in), kind), np.empty(n_out, kind)
            _core.jacobian.layer(key, 0, layer, self.weights == "haar", self.sigma_w, self.sigma_b, w, b, threads)
            weights.append(w)
            biases.append(b)
        return Network(tuple(weights), tuple(biases), self.activation)


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

    def __post_init__(self) -> None:
        weights = tuple(as_real("Network", f"weights[{i}]", w) for i, w in enumerate(self.weights))
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
        given = self.biases if len(self.biases) else tuple(np.zeros(w.shape[0], dtype) for w in weights)
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

        Theta = (1 / n_L) sum over all weights of df/dw (df/dw)^T, in the standard parametrization: every weight is
        trained as it stands. Gradient descent on |f - y|^2 / (2 n_L) turns the residual by I - eta Theta a step.

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
        threads = as_threads("one_sample_ntk", threads)
        last = self.widths[-1]
        work = sum(n_out * n_in for n_in, n_out in itertools.pairwise(self.widths[1:]))
        h, _, slopes = self._signals("one_sample_ntk", x, "preactivation", threads, last * last + work)
        stack = h.shape[:-1]
        flat = as_real("one_sample_ntk", "x", x).astype(self.weights[0].dtype, copy=False)
        squares = [np.sum(flat * flat, axis=-1)]  # |x_l|^2
        signal = flat
        for layer, (w, b) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True), start=1):
            signal = self._of_layer("one_sample_ntk", "phi", self.activation.phi, _times(w, signal, threads) + b, layer)
            squares.append(np.sum(signal * signal, axis=-1))
        out = np.zeros((*stack, last, last), self.weights[0].dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for where in np.ndindex(stack):
                # Theta = sum_l (|x_{l-1}|^2 + 1) A_l A_l^T / n_L, A_l = dh_L / dh_l from the last layer down.
                below = [(float(each[where]) + biases) / last for each in squares]
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
