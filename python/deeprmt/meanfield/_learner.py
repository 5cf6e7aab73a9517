"""A posterior whose new inputs come later."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from .._arguments import as_choice, as_number, speaking_for
from ._blocks import Blocks, kernel_pair, spread_of, variances_at
from ._cholesky import cholesky_factor, log_likelihood
from ._flow import as_time, decomposed, learned_by_flow, rotated_to, tell_singular
from ._kernels import nngp
from ._overflow import refuse_large

__all__ = ["Learner"]

Array = NDArray[np.float64]


class Learner:
    """A posterior whose new inputs come later: what depends on the training inputs alone is kept."""

    def __init__(
        self,
        function: str,
        x: Array,
        y: Array,
        *,
        kernel: str,
        time: float,
        noise: float,
        jitter: float | None,
        network: dict[str, Any],
    ) -> None:
        kernel = as_choice(function, "kernel", kernel, ("nngp", "ntk"))
        time = as_time(function, "time", time)
        noise = as_number(function, "noise", noise, least=0)
        if jitter is not None:
            jitter = as_number(function, "jitter", jitter, least=0)
        if time < math.inf and (kernel == "nngp" or noise > 0):
            raise ValueError(f"{function}: time must be inf unless kernel is 'ntk' and noise 0, got {time:g}")
        refuse_large(function, y)
        self.function, self.x, self.y, self.network = function, x, y.reshape(len(y), -1), network
        self.columns, self.tangent = y.ndim == 2, kernel == "ntk"
        with speaking_for(function, "kernels", "nngp"):
            prior, theta = kernel_pair(self.tangent, x, None, network, None)
        assert prior is not None
        self.prior = prior
        learns = prior if theta is None else theta
        self.jitter, self.log_marginal_likelihood = 0.0, None if self.tangent else 0.0
        self.factor: Array | None = None
        if time < math.inf:
            self.values, self.vectors = decomposed(function, learns)
            tell_singular(function, learns, self.values, self.vectors.T @ self.y, time)
            self.learned = learned_by_flow(self.values, time)
            return
        self.factor, self.jitter = cholesky_factor(function, learns, noise, jitter)
        self.alpha = linalg.cho_solve((self.factor, True), self.y)
        if not self.tangent:
            self.log_marginal_likelihood = log_likelihood(self.factor, self.y, self.alpha)

    def predict(self, new: Array, variance: bool, covariance: bool) -> tuple[Array, Array | None, Array | None]:
        with speaking_for(self.function, "kernels", "nngp"):
            return self._predicted(new, variance, covariance)

    def _predicted(self, new: Array, variance: bool, covariance: bool) -> tuple[Array, Array | None, Array | None]:
        prior, theta = kernel_pair(self.tangent, new, self.x, self.network, None)
        assert prior is not None
        cross = prior if theta is None else theta
        a: Array | None = None
        if self.factor is None:
            a = (rotated_to(cross, self.vectors, self.values) * self.learned) @ self.vectors.T
            mean = a @ self.y
        else:
            mean = cross @ self.alpha
        mean = mean if self.columns else mean[:, 0]
        if not variance:
            return mean, None, None
        whole = nngp(new, **self.network) if covariance else None
        own = variances_at(new, self.network, None) if whole is None else whole.diagonal().copy()
        if a is None:
            a = linalg.cho_solve((self.factor, True), cross.T).T
        if self.tangent:
            spread, square = spread_of(Blocks(self.prior, prior, own, whole), a)
        else:
            spread = own - np.einsum("ij,ij->i", a, cross)
            square = None if whole is None else whole - a @ cross.T
        spread = np.maximum(spread, 0)
        if square is not None:
            square = (square + square.T) / 2
            np.fill_diagonal(square, spread)
        return mean, spread, square
