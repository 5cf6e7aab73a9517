"""Stochastic gradient descent, or Adam, on a network, one step at a time."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments import (
    RNG,
    Floats,
    as_array,
    as_choice,
    as_count,
    as_flag,
    as_key,
    as_number,
    as_real,
    as_threads,
    refuse_beyond_memory,
    refuse_non_finite,
    shown,
)
from ..errors import ConvergenceError
from ..networks import Network
from ._data import as_labels, shuffled
from ._losses import LOSSES

Loss = Literal["cross-entropy", "squared"]
Optimizer = Literal["sgd", "adam"]
_SMALLEST_SCALE = 1e-18  # losses are divided by its square, in single precision too
_AT_ONCE = 1024  # columns of an evaluation: bounds its memory


def _as_betas(function: str, betas: Any) -> tuple[float, float]:
    try:
        first, second = betas
    except (TypeError, ValueError):
        raise TypeError(f"{function}: betas must be two numbers, got {shown(betas)}") from None
    found = as_number(function, "betas[0]", first, least=0), as_number(function, "betas[1]", second, least=0)
    if max(found) >= 1:
        raise ValueError(f"{function}: betas must be below 1, got {betas!r}")
    return found


class Trainer:
    """A network under training: what `train` runs, for loops of your own.

    Parameters
    ----------
    network : Network
        To start from; it is copied. Its type, float32 or float64, is that of all arithmetic.
    x : (n, n_0) array_like of real
        Inputs.
    y : (n,) array_like of int, or (n, n_L) array_like of real
        Labels from 0 to n_L - 1; for squares also values. Labels become values 1 at their place and 0 elsewhere.
    loss : {"cross-entropy", "squared"}
        Mean over samples of -log softmax(F) at the label, or of |F - y|^2 / 2.
    rate : float
        Of steps, above 0; each layer's is multiplied by the network's `weight_rates` and `bias_rates`, or those for
        Adam, by which it is trained in the parametrization of its `MLP`.
    optimizer : {"sgd", "adam"}
        Gradient descent, or Adam [2]_: w <- w - rate m / (sqrt(v) + epsilon), where m and v are running means of the
        gradient and of its square, each divided by 1 - beta^t after t steps.
    betas : (float, float), default (0.9, 0.999)
        Of Adam's means, in [0, 1).
    epsilon : float, default 1e-8
        Of Adam, not negative. It counts where gradients are as small: those of wide layers fall with the width.
    momentum : float, default 0
        Of gradient descent: v <- momentum v - rate gradient, w <- w + v; in [0, 1).
    batch : int, optional
        Samples a step. Default: all.
    weight_decay : float, default 0
        d adds d |W|^2 / 2, of weights and not of biases, to what is minimised.
    scale : float, default 1
        The output is F = alpha h_L, and the loss is divided by alpha^2: a large alpha trains lazily [1]_.
    center : bool, default False
        F = alpha (h_L - its value before training) [1]_.
    rng : optional
        Anything that `numpy.random.default_rng` takes: fixes the order of samples.
    threads : int, optional
        Default: every core this process may use. Never changes the result.

    Attributes
    ----------
    weights, biases : list of ndarray
        As they are now.
    epoch : int
        How many were run.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, entries are not finite, labels are out of range, or a setting is.
    MemoryError
        If the work cannot fit into memory; before it starts.

    Notes
    -----
    Memory: three copies of the network (four with Adam), the samples in its type, and signals of one batch or of 1024
    samples.

    References
    ----------
    .. [1] L. Chizat, E. Oyallon, F. Bach, On lazy training in differentiable programming, arXiv:1812.07956.
    .. [2] D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR (2015), arXiv:1412.6980.

    Examples
    --------
    >>> from deeprmt.networks import Network
    >>> trainer = Trainer(Network([[[0.0]]]), [[1.0]], [[2.0]], loss="squared", rate=0.5)
    >>> trainer.step()  # the loss before the step
    2.0
    >>> trainer.weights[0], trainer.biases[0]  # the gradient was -2 for both
    (array([[1.]]), array([1.]))
    """

    def __init__(
        self,
        network: Network,
        x: ArrayLike,
        y: ArrayLike,
        *,
        loss: Loss = "cross-entropy",
        rate: float,
        optimizer: Optimizer = "sgd",
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        batch: int | None = None,
        weight_decay: float = 0.0,
        scale: float = 1.0,
        center: bool = False,
        rng: RNG = None,
        threads: int | None = None,
    ) -> None:
        name = "Trainer"
        if not isinstance(network, Network):
            raise TypeError(f"{name}: network must be a Network, got {type(network).__name__}")
        self.dtype = network.weights[0].dtype
        self.activation = network.activation
        self.loss = as_choice(name, "loss", loss, tuple(LOSSES))
        self.rate = as_number(name, "rate", rate, above=0)
        self.momentum = as_number(name, "momentum", momentum, least=0)
        if self.momentum >= 1:
            raise ValueError(f"{name}: momentum must be below 1, got {momentum!r}")
        self.optimizer = as_choice(name, "optimizer", optimizer, ("sgd", "adam"))
        self.betas = _as_betas(name, betas)
        self.epsilon = as_number(name, "epsilon", epsilon, least=0)
        adam = self.optimizer == "adam"
        if adam and self.momentum:
            raise ValueError(f"{name}: momentum must be 0 with Adam, whose betas have it, got {momentum!r}")
        self.weight_decay = as_number(name, "weight_decay", weight_decay, least=0)
        self.scale = as_number(name, "scale", scale, above=0)
        if not _SMALLEST_SCALE <= self.scale <= 1 / _SMALLEST_SCALE:
            raise ValueError(
                f"{name}: scale must be between {_SMALLEST_SCALE:g} and {1 / _SMALLEST_SCALE:g}, got {shown(scale)}"
            )
        self.center = as_flag(name, "center", center)
        self.threads = as_threads(name, threads)
        self._x, self._y = self._samples(name, network, x, y)
        self.batch = len(self._x) if batch is None else as_count(name, "batch", batch)
        parameters = sum(w.size + b.size for w, b in zip(network.weights, network.biases, strict=True))
        columns = min(max(self.batch, _AT_ONCE), len(self._x))
        need = ((4 + adam) * parameters + 4 * columns * sum(network.widths)) * self.dtype.itemsize
        refuse_beyond_memory(name, need, f"training a network of {parameters} weights and biases", self.threads)
        self._key = as_key(name, rng)
        self._start = network
        self.weights = [w.copy() for w in network.weights]
        self.biases = [b.copy() for b in network.biases]
        rates = ("adam_weight_rates", "adam_bias_rates") if adam else ("weight_rates", "bias_rates")
        self._rates = [rate for which in rates for rate in getattr(network, which)]
        self._velocity = [np.zeros_like(each) for each in (*self.weights, *self.biases)]
        self._squares = [np.zeros_like(each) for each in self._velocity] if adam else []
        self._steps = 0
        self._before = self._initial(self._x)
        self.epoch = 0

    # ---- what it is ----

    @property
    def network(self) -> Network:
        """A copy of the network as it is now."""
        weights, biases = (tuple(each.copy() for each in arrays) for arrays in (self.weights, self.biases))
        start = self._start
        rates = (start.weight_rates, start.bias_rates, start.adam_weight_rates, start.adam_bias_rates)
        return Network(weights, biases, self.activation, *rates)

    def __repr__(self) -> str:
        widths = " -> ".join(map(str, self._start.widths))
        return f"Trainer({widths}, {self.loss} of {len(self._x)} samples, epoch {self.epoch})"

    def outputs(self, x: ArrayLike, *, network: Network | None = None) -> Floats:
        """F at inputs (n, n_0), as the loss sees it: scaled, and centred if so asked; (n, n_L).

        `network` stands for another of the same shape than the one under training, a checkpoint say.
        """
        rows = self._inputs("outputs", self._start, x)
        if network is not None and not isinstance(network, Network):
            raise TypeError(f"outputs: network must be a Network, got {type(network).__name__}")
        if network is not None and network.widths != self._start.widths:
            raise ValueError(f"outputs: network must have widths {self._start.widths}, got {network.widths}")
        weights, biases = (self.weights, self.biases) if network is None else (network.weights, network.biases)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.ascontiguousarray(self._evaluate(rows, self._initial(rows), weights, biases).T)

    def evaluate(self, x: ArrayLike | None = None, y: ArrayLike | None = None) -> tuple[float, float]:
        """The loss, divided by alpha^2 and without weight decay, and the share of right labels (NaN without labels).

        Of the samples that were given, or of others. The loss is infinite or NaN where outputs have left all bounds.
        """
        if (x is None) != (y is None):
            raise ValueError("evaluate: x and y belong together, got one of them")
        if x is None or y is None:
            rows, targets, before = self._x, self._y, self._before
        else:
            rows, targets, before = self._others("evaluate", x, y)
        return self._measured(rows, targets, before)

    def _others(self, function: str, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Any, Floats | None]:
        """Samples to measure on."""
        rows, targets = self._samples(function, self._start, x, y)
        return rows, targets, self._initial(rows)

    def _measured(self, rows: Floats, targets: Any, before: Floats | None) -> tuple[float, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            found = self._evaluate(rows, before, self.weights, self.biases)
            labels, values = targets
            loss, _ = LOSSES[self.loss](found, labels if self.loss == "cross-entropy" else values)
        right = float(np.mean(found.argmax(axis=0) == labels)) if labels is not None else math.nan
        return loss / self.scale**2, right

    # ---- what it does ----

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The order of the samples in an epoch, counted from 0: a function of the seed and of nothing else."""
        return shuffled(len(self._x), self._key, as_count("order", "epoch", epoch, least=0, most=2**32 - 1), 0)

    def run(self, epochs: int = 1) -> None:
        """Use each sample `epochs` times, in batches; the last batch of an epoch may be smaller."""
        for _ in range(as_count("run", "epochs", epochs, least=0)):
            order = self.order(self.epoch) if self.batch < len(self._x) else np.arange(len(self._x))
            for begin in range(0, len(order), self.batch):
                self.step(order[begin : begin + self.batch])
            self.epoch += 1

    def step(self, samples: ArrayLike | None = None) -> float:
        """One step on the samples of these indices, or on all; returns their loss before it.

        Raises `ConvergenceError` where the loss is not finite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            loss, slopes = self._gradients(self._index("step", samples))
            if not math.isfinite(loss):
                raise ConvergenceError(
                    f"Trainer: the loss is {loss} in epoch {self.epoch}: take a rate below {self.rate:g}",
                    {"epoch": self.epoch, "loss": loss, "rate": self.rate},
                )
            self._steps += 1
            (self._move_by_adam if self.optimizer == "adam" else self._move)(slopes)
        return loss

    def _move(self, slopes: list[Floats]) -> None:
        momentum = self.dtype.type(self.momentum)
        arrays = (*self.weights, *self.biases)
        for array, v, slope, factor in zip(arrays, self._velocity, slopes, self._rates, strict=True):
            v *= momentum
            slope *= self.dtype.type(self.rate * factor)
            v -= slope
            array += v

    def _move_by_adam(self, slopes: list[Floats]) -> None:
        one = self.dtype.type
        (first, second), t = self.betas, self._steps
        arrays = (*self.weights, *self.biases)
        rows = zip(arrays, self._velocity, self._squares, slopes, self._rates, strict=True)
        for array, mean, square, slope, factor in rows:
            mean *= one(first)
            mean += one(1 - first) * slope
            slope *= slope
            slope *= one(1 - second)
            square *= one(second)
            square += slope
            # The root of the square over its weight, plus epsilon; where all gradients were 0, nothing moves.
            np.divide(square, one(1 - second**t), out=slope)
            np.sqrt(slope, out=slope)
            slope += one(self.epsilon)
            np.divide(mean, slope, out=slope, where=slope > 0)
            slope *= one(self.rate * factor / (1 - first**t))
            array -= slope

    def gradients(self, samples: ArrayLike | None = None) -> tuple[list[Floats], list[Floats]]:
        """Of what is minimised, weight decay included, to weights and to biases, at these samples or at all."""
        with np.errstate(over="ignore", invalid="ignore"):
            _, slopes = self._gradients(self._index("gradients", samples))
        return slopes[: len(self.weights)], slopes[len(self.weights) :]

    def _gradients(self, index: Any) -> tuple[float, list[Floats]]:
        """Signals lie in columns, so that only small arrays are transposed and no weights."""
        times, depth = self._times, len(self.weights)
        rows = [self._x[index]]
        slopes: list[Floats] = []
        signal = np.ascontiguousarray(rows[0].T)
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True), start=1):
            h = times(w, signal)
            h += b[:, None]
            if layer < depth:
                slopes.append(np.asarray(self.activation.dphi(h), self.dtype))
                signal = np.ascontiguousarray(self.activation.phi(h), self.dtype)
                rows.append(np.ascontiguousarray(signal.T))
        out = h if self._before is None else h - self._before[:, index]
        out = out * self.dtype.type(self.scale)
        labels, values = self._y
        targets = labels[index] if self.loss == "cross-entropy" else values[:, index]
        loss, delta = LOSSES[self.loss](out, targets)
        delta /= self.dtype.type(self.scale)  # alpha of the output, alpha^2 of the loss
        of_weights: list[Floats] = []
        of_biases: list[Floats] = []
        for layer in range(depth - 1, -1, -1):
            of_weights.append(times(delta, rows[layer]))
            of_biases.append(delta.sum(axis=1))
            if layer:
                back = times(np.ascontiguousarray(delta.T), self.weights[layer])
                delta = np.ascontiguousarray(back.T) * slopes[layer - 1]
        if self.weight_decay:
            for slope, w in zip(of_weights, reversed(self.weights), strict=True):
                slope += self.dtype.type(self.weight_decay) * w
        return loss / self.scale**2, [*reversed(of_weights), *reversed(of_biases)]

    # ---- parts ----

    def _times(self, a: Floats, b: Floats) -> Floats:
        """Bits that do not depend on threads, which those of NumPy's products do."""
        return _core.linalg.multiply(a, b, self.threads)

    def _evaluate(self, rows: Floats, before: Floats | None, weights: Any, biases: Any) -> Floats:
        """F in columns, some samples at a time."""
        found = np.empty((len(biases[-1]), len(rows)), self.dtype)
        for begin in range(0, len(rows), _AT_ONCE):
            signal = np.ascontiguousarray(rows[begin : begin + _AT_ONCE].T)
            for layer, (w, b) in enumerate(zip(weights, biases, strict=True), start=1):
                h = self._times(w, signal)
                h += b[:, None]
                if layer < len(weights):
                    signal = np.ascontiguousarray(self.activation.phi(h), self.dtype)
            found[:, begin : begin + _AT_ONCE] = h
        if before is not None:
            found -= before
        found *= self.dtype.type(self.scale)
        return found

    def _initial(self, rows: Floats) -> Floats | None:
        """h_L before training, in columns, where outputs are centred."""
        if not self.center:
            return None
        scale, self.scale = self.scale, 1.0
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                return self._evaluate(rows, None, self._start.weights, self._start.biases)
        finally:
            self.scale = scale

    def _index(self, function: str, samples: ArrayLike | None) -> Any:
        if samples is None:
            return np.arange(len(self._x))
        index = as_labels(function, "samples", samples)
        if not index.size or int(index.max()) >= len(self._x):
            raise ValueError(
                f"{function}: samples must be indices below {len(self._x)}, at least one, got {shown(samples)}"
            )
        return index

    def _inputs(self, function: str, network: Network, x: ArrayLike) -> Floats:
        rows = as_real(function, "x", x)
        if rows.ndim != 2 or rows.shape[1] != network.widths[0] or not len(rows):
            raise ValueError(f"{function}: x must have shape (n, {network.widths[0]}), got {rows.shape}")
        rows = rows.astype(self.dtype, copy=False)
        refuse_non_finite(function, "x", rows)
        return rows

    def _samples(self, function: str, network: Network, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Any]:
        """Rows; labels, if they are some, and values in columns, if they are needed."""
        rows = self._inputs(function, network, x)
        last, given = network.widths[-1], as_array(function, "y", y)
        if given.ndim == 1 and given.dtype.kind in "iu":
            labels = as_labels(function, "y", given)
            if labels.size != len(rows) or int(labels.max()) >= last:
                raise ValueError(
                    f"{function}: y must be {len(rows)} labels below {last}, got {labels.size} up to {labels.max()}"
                )
            if self.loss == "cross-entropy":
                return rows, (labels, None)
            values = np.zeros((last, labels.size), self.dtype)
            values[labels, np.arange(labels.size)] = 1
            return rows, (labels, values)
        if self.loss == "cross-entropy":
            raise TypeError(f"{function}: y must be a row of whole numbers for cross-entropy, got {given.dtype}")
        values = as_real(function, "y", y)
        if values.shape != (len(rows), last):
            raise ValueError(f"{function}: y must have shape ({len(rows)}, {last}), got {values.shape}")
        refuse_non_finite(function, "y", values)
        # The loss is summed in double precision: half of what it can hold, so that differences can be squared.
        most = min(math.sqrt(np.finfo(np.float64).max / values.size) / 2, float(np.finfo(self.dtype).max) / 2)
        largest = float(np.abs(values).max())
        if largest > most:
            raise ValueError(
                f"{function}: y must be at most {most:.2g} in size, or the loss overflows, got {largest:.2g}"
            )
        targets = values.astype(self.dtype, copy=False)
        return rows, (None, np.ascontiguousarray(targets.T))
