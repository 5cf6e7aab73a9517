"""Singular values of the Jacobians of sampled networks."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import _core, meanfield, run
from .._arguments import (
    RNG,
    Floats,
    as_choice,
    as_count,
    as_counts,
    as_dtype,
    as_key,
    as_real,
    as_threads,
    refuse_beyond_memory,
    refuse_non_finite,
)
from ..networks import MLP
from ..networks._network import Output
from ..run import Progress
from ._layers import variances

__all__ = ["singular_values"]


@dataclass(frozen=True)
class _Trials:
    """Singular values of a range of trials: a task for any executor, which pickles if the activation does."""

    mlp: MLP
    key: int
    x: Floats
    q0: float
    independent: tuple[float, ...]
    output: str
    log: bool
    threads: int

    def __call__(self, trials: range) -> Floats:
        mlp, x = self.mlp, self.x
        return _core.jacobian.singular_values(
            mlp.widths,
            mlp.weights == "haar",
            mlp.sigma_w,
            mlp.sigma_b,
            mlp.activation.phi,
            mlp.activation.dphi,
            self.output == "activation",
            self.key,
            trials.start,
            len(trials),
            x[trials.start : trials.stop] if len(x) > 1 else x,
            self.q0,
            self.independent,
            self.log,
            self.threads,
        )


# Stands for q0 = 0: signals of 1e-8 see a smooth activation's slope at 0 to the last bit, and do not underflow.
_faint = 1e-16
# Inputs of one more power of ten would be beyond what an array can name.
_widest = 10**18


def stationary_input(mlp: MLP) -> float:
    """|x_0|^2 / n_0 of an input that starts at the fixed point of the mean field, as `law` has it by default."""
    activation = mlp.activation
    if activation.slopes is not None and set(activation.kinks) <= {0.0}:
        return 1.0  # phi(c h) = c phi(h): the slopes do not depend on the signal's size
    q = meanfield.fixed_point(activation, mlp.sigma_w, mlp.sigma_b).q_star
    if not math.isfinite(q):
        return 1.0
    weight = mlp.sigma_w**2
    if weight == 0:  # below the range of doubles: what the biases alone lead to
        return max(float(meanfield.gauss_moment(activation, q)), _faint)
    return max((q - mlp.sigma_b**2) / weight, _faint)


def _refuse_large(mlp: MLP, trials: int, log: bool, itemsize: int, threads: int) -> None:
    """The result, and the memory that the core states: networks up to a width of 1024 run one a thread."""
    n_in, n_out = mlp.widths[0], mlp.widths[-1]
    at_once = threads if max(mlp.widths) <= 1024 and trials >= threads else 1
    copies = 9.0 if log else 2.5
    entries = trials * min(n_in, n_out) + at_once * int(copies * n_in * max(mlp.widths[1:]))
    what = f"{trials} x {min(n_in, n_out)} singular values, and the work on {at_once} network(s) at once,"
    refuse_beyond_memory("singular_values", entries * itemsize, what, threads)


def singular_values(
    mlp: MLP,
    x: ArrayLike | None = None,
    *,
    trials: int = 1,
    log: bool = False,
    output: Output = "preactivation",
    surrogate: bool = False,
    dtype: DTypeLike = np.float64,
    rng: RNG = None,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Progress = None,
) -> Floats:
    """Singular values of the input-output Jacobian of networks drawn at random.

    Parameters
    ----------
    mlp : MLP
        The networks' law.
    x : (n_0,) or (trials, n_0) array_like of real, optional
        The input at which to differentiate, one for all networks or one for each. Default: for each network its own
        direction, uniform on the sphere |x|^2 = n_0 q0 with q0 such that the signal starts at the mean field's fixed
        point, E h_1^2 = q*, as in `law`; q0 = 1 if there is none.
    trials : int
        Number of independent networks.
    log : bool
        Return natural logarithms of the singular values, from a chain that is never multiplied out: right at any depth
        and hundreds of orders of magnitude below the largest, with -inf where units of slope zero take rank away.
    output : {"preactivation", "activation"}
        J = dh_L/dx_0 = W_L D_{L-1} ... D_1 W_1, or dx_L/dx_0 = D_L W_L ... D_1 W_1.
    surrogate : bool
        Draw the diagonals D_l = phi'(h) with h ~ N(0, q_l) independent of the weights, instead of from the forward
        pass: q_l are the variances at infinite width. That both have the same limit law is what has been proved [2]_.
    dtype : {float64, float32}
        The type of the computation. Unless `log`, singular values below eps times the largest are rounding errors.
    rng : optional
        Anything that `numpy.random.default_rng` takes. Trial i has its own streams, so the first rows do not depend on
        `trials`.
    threads : int, optional
        Default: every core this process may use, or 1 in each task of an executor. Never changes the result.
    executor : concurrent.futures.Executor, optional
        Where to run chunks of trials. Never changes the result.
    progress : None, True or callable
        As in `run.map`; counts chunks of trials.

    Returns
    -------
    (trials, min(n_0, n_L)) ndarray
        Descending along each row.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range; if a signal or the Jacobian overflows (the layer is named).
    MemoryError
        If the result or the work cannot fit into memory; before anything is drawn.

    Notes
    -----
    Forward pass and Jacobian share each layer: the signal is one more column of the Jacobian. Haar weights act by their
    reflectors and are never formed, Gaussian ones are drawn in panels of rows: L matrix products' flops in all at width
    n, and the singular values. Memory: at most 3.2 n^2 scalars; 9 n^2 if `log`, which takes about 2 more products a
    layer.

    Networks of width up to 1024 run in parallel, one a thread, each with its own memory; wider ones use all threads
    one after the other.

    Errors of logarithms are those of `linalg.log_svdvals` in `dtype`.

    References
    ----------
    .. [1] J. Pennington, S. Schoenholz and S. Ganguli, NIPS (2017), arXiv:1711.04735.
    .. [2] L. Pastur, J. Math. Phys. 63, 063505 (2022), arXiv:2201.04543.

    Examples
    --------
    >>> from deeprmt.networks import MLP
    >>> s = singular_values(MLP([50] * 4, "linear", weights="haar", sigma_w=1.0), trials=2, rng=0)
    >>> s.shape, bool(np.allclose(s, 1))
    ((2, 50), True)

    Deep networks at the edge of vanishing gradients, whose Jacobians underflow:

    >>> mlp = MLP([20] * 1001, "tanh", sigma_w=0.3)
    >>> logs = singular_values(mlp, log=True, rng=0)
    >>> bool(logs.max() < -1000), bool(np.isfinite(logs).all())
    (True, True)
    """
    if not isinstance(mlp, MLP):
        raise TypeError(f"singular_values: mlp must be a deeprmt.networks.MLP, got {type(mlp).__name__}")
    mlp._refuse_small_output("singular_values")
    as_counts("singular_values", "mlp.widths", mlp.widths, most=_widest)
    trials = as_count("singular_values", "trials", trials)
    if not isinstance(log, bool | np.bool_):
        raise TypeError(f"singular_values: log must be True or False, got {log!r}")
    as_choice("singular_values", "output", output, ("preactivation", "activation"))
    kind = as_dtype("singular_values", dtype)
    n_in = mlp.widths[0]
    if x is None:
        inputs, q0 = np.empty((0, n_in), kind), stationary_input(mlp)
    else:
        with np.errstate(over="ignore"):  # what does not fit is told below
            inputs, q0 = as_real("singular_values", "x", x).astype(kind), 1.0
        if inputs.shape not in ((n_in,), (trials, n_in)):
            raise ValueError(f"singular_values: x must have shape ({n_in},) or ({trials}, {n_in}), got {np.shape(x)}")
        refuse_non_finite("singular_values", "x", inputs)
        inputs = inputs.reshape(-1, n_in)
    if not isinstance(surrogate, bool | np.bool_):
        raise TypeError(f"singular_values: surrogate must be True or False, got {surrogate!r}")
    independent: tuple[float, ...] = ()
    if surrogate:
        if len(inputs) > 1:
            raise ValueError(
                f"singular_values: surrogate=True needs one input, whose size alone counts, got x of shape"
                f" {inputs.shape}"
            )
        with np.errstate(over="ignore"):
            size = None if x is None else float(np.mean(inputs.astype(float) ** 2))
        if size == math.inf:
            raise ValueError("singular_values: with surrogate=True |x|^2 must be in the range of doubles, got inf")
        independent = tuple(variances(mlp, mlp.depth - (output == "preactivation"), size).tolist())
    inner = 1 if executor is not None and threads is None else as_threads("singular_values", threads)
    _refuse_large(mlp, trials, bool(log), kind.itemsize, inner)
    work = _Trials(mlp, as_key("singular_values", rng), inputs, q0, independent, output, bool(log), inner)
    if executor is None and progress is None:
        return work(range(trials))
    step = max(1, trials // 64)
    chunks = [range(start, min(start + step, trials)) for start in range(0, trials, step)]
    return np.concatenate(run.map(work, chunks, executor=executor, progress=progress))
