"""A description of a random MLP."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from .. import _core
from .._arguments import (
    RNG,
    as_choice,
    as_counts,
    as_dtype,
    as_key,
    as_number,
    as_threads,
    refuse_beyond_memory,
)
from ..activations import Activation, as_activation
from ._network import Network

__all__ = ["MLP"]

Parametrization = Literal["standard", "ntk", "mup"]

_MOST = 10**100  # far beyond what can be drawn: limit laws ask for ratios of widths alone, which whole numbers name


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
    parametrization : {"standard", "ntk", "mup"}
        How far a step of gradient descent moves each layer: see `rates`. "standard" and "ntk" have the same weights
        before training. "mup" divides those of the last layer by sqrt(n_{L-1}).

    Attributes
    ----------
    depth : int
        L, the number of weight matrices.
    rates, adam_rates : (weight rates, bias rates)
        One a layer, for gradient descent and for Adam; networks that are drawn carry them.

    Notes
    -----
    W_l = s w with w trained at rate eta moves as W_l trained at rate eta s^2 does: all that a parametrization does to
    gradient descent, with momentum or without, is a factor of the rate of each layer, and that is how it is kept here.

    =========== ================= ================= ================= ===========
    of          W_1               W_2 .. W_{L-1}    W_L               b_l
    =========== ================= ================= ================= ===========
    "standard"  1                 1                 1                 1
    "ntk"       sigma_w^2 / n_0   sigma_w^2 / n_in  sigma_w^2 / n_in  sigma_b^2
    "mup"       n_1               1                 1 / n_{L-1}       n_l
    =========== ================= ================= ================= ===========

    "ntk" is h = sigma_w w x / sqrt(n_in) + sigma_b beta with w and beta trained from N(0, 1) [1]_. "mup" is the
    table of [2]_ for gradient descent. With one layer nothing is wide, and "mup" is "standard".

    A step of Adam does not know the size of gradients, so that W moves as if trained at rate eta s: `adam_rates` are
    the square roots of the above, but for "mup", where the table of [2]_ has 1 for W_1 and biases, and 1 / n_in for
    all other weights.

    References
    ----------
    .. [1] A. Jacot, F. Gabriel, C. Hongler, Neural tangent kernel, NeurIPS (2018), arXiv:1806.07572.
    .. [2] G. Yang et al., Tensor programs V: tuning large neural networks via zero-shot hyperparameter transfer,
       NeurIPS (2021), arXiv:2203.03466.

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
    parametrization: Parametrization

    def __init__(
        self,
        widths: Sequence[int],
        activation: str | Activation,
        *,
        weights: Literal["gaussian", "haar"] = "gaussian",
        sigma_w: float,
        sigma_b: float = 0.0,
        parametrization: Parametrization = "standard",
    ) -> None:
        widths = tuple(as_counts("MLP", "widths", widths, most=_MOST))
        if len(widths) < 2:
            raise ValueError(f"MLP: widths must name at least an input and an output, got {list(widths)}")
        object.__setattr__(self, "widths", widths)
        object.__setattr__(self, "activation", as_activation("MLP", activation))
        object.__setattr__(self, "weights", as_choice("MLP", "weights", weights, ("gaussian", "haar")))
        object.__setattr__(self, "sigma_w", as_number("MLP", "sigma_w", sigma_w, above=0.0))
        object.__setattr__(self, "sigma_b", as_number("MLP", "sigma_b", sigma_b, least=0.0))
        kind = as_choice("MLP", "parametrization", parametrization, ("standard", "ntk", "mup"))
        object.__setattr__(self, "parametrization", kind)

    @property
    def depth(self) -> int:
        """The number of weight matrices."""
        return len(self.widths) - 1

    @property
    def adam_rates(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The same for steps of Adam."""
        if self.parametrization == "mup" and self.depth > 1:
            return (1.0, *(1 / n for n in self.widths[1:-1])), (1.0,) * self.depth
        of_weights, of_biases = self.rates
        return tuple(map(math.sqrt, of_weights)), tuple(map(math.sqrt, of_biases))

    @property
    def rates(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """By what the rate of a step of gradient descent is multiplied: for each layer's weights, and its biases."""
        depth, widths = self.depth, self.widths
        if self.parametrization == "ntk":
            return tuple(self.sigma_w**2 / n for n in widths[:-1]), (self.sigma_b**2,) * depth
        if self.parametrization == "mup" and depth > 1:
            return (float(widths[1]), *[1.0] * (depth - 2), 1 / widths[-2]), tuple(map(float, widths[1:]))
        return (1.0,) * depth, (1.0,) * depth

    def _refuse_small_output(self, function: str) -> None:
        """For what takes all layers' weights to be of variance sigma_w^2 / n."""
        if self._last_scale != 1:
            raise ValueError(
                f'{function}: mlp.parametrization must be "standard" or "ntk": "mup" draws smaller weights in the last'
                " layer"
            )

    @property
    def _last_scale(self) -> float:
        """What "mup" multiplies the last layer's weights by."""
        return 1 / math.sqrt(self.widths[-2]) if self.parametrization == "mup" and self.depth > 1 else 1.0

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
        if self._last_scale != 1:
            weights[-1] *= weights[-1].dtype.type(self._last_scale)
        return Network(tuple(weights), tuple(biases), self.activation, *self.rates, *self.adam_rates)
