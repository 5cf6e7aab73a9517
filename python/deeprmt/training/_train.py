"""A whole training in one call."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from .._arguments import RNG, as_count, as_counts, refuse_beyond_memory, shown, speaking_for
from ..networks import Network
from ._result import Training
from ._trainer import Loss, Optimizer, Trainer


def train(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int,
    rate: float,
    loss: Loss = "cross-entropy",
    optimizer: Optimizer = "sgd",
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    momentum: float = 0.0,
    batch: int | None = None,
    weight_decay: float = 0.0,
    scale: float = 1.0,
    center: bool = False,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    checkpoints: Sequence[int] | None = None,
    rng: RNG = None,
    threads: int | None = None,
) -> Training:
    """Train a network by stochastic gradient descent or Adam, the same bits from a seed on any number of threads.

    Parameters
    ----------
    network : Network
        To start from, ``MLP(...).sample(rng)`` say; left as it is. Its type is that of all arithmetic.
    x, y : array_like
        Inputs (n, n_0); labels (n,), or for squares also values (n, n_L). `noisy_labels` makes some wrong.
    epochs : int
        How often each sample is used.
    rate, loss, optimizer, betas, epsilon, momentum, batch, weight_decay, scale, center, rng, threads
        As in `Trainer`.
    test : (x, y), optional
        Other samples to measure on after each epoch.
    checkpoints : sequence of int, optional
        After which numbers of epochs the network is kept, ascending. Default: before and after training.

    Returns
    -------
    Training
        `.network`, `.networks` at the checkpoints, `.losses`, `.accuracies`, those of the test, `.plot()`.

    Raises
    ------
    ConvergenceError
        If the loss is not finite; says in which epoch.
    ValueError, TypeError, MemoryError
        As in `Trainer`; if checkpoints do not ascend from 0 to epochs at most.

    Notes
    -----
    Time: six flops for each weight, sample and epoch, and two for each evaluation. Memory: that of `Trainer`, and one
    network a checkpoint.

    Examples
    --------
    >>> from deeprmt.networks import MLP
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(60, 10))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> start = MLP([10, 30, 2], "relu", sigma_w=2**0.5).sample(0)
    >>> train(start, x, y, epochs=50, rate=0.1, momentum=0.9, batch=20, rng=0)
    Training(50 epochs: loss ... -> ..., accuracy 100.0%)
    """
    rounds = as_count("train", "epochs", epochs, least=0)
    refuse_beyond_memory("train", 32 * (rounds + 1), f"the curves of {rounds} epochs")
    keep = sorted({0, rounds}) if checkpoints is None else as_counts("train", "checkpoints", checkpoints, least=0)
    if not keep or any(b <= a for a, b in pairwise(keep)) or keep[-1] > rounds:
        raise ValueError(f"train: checkpoints must ascend from 0 on to at most {rounds}, got {shown(checkpoints)}")
    if test is not None and not (isinstance(test, tuple | list) and len(test) == 2):
        raise TypeError(f"train: test must be a pair (x, y), got {shown(test)}")
    with speaking_for("train", "Trainer"):
        trainer = Trainer(
            network,
            x,
            y,
            loss=loss,
            rate=rate,
            optimizer=optimizer,
            betas=betas,
            epsilon=epsilon,
            momentum=momentum,
            batch=batch,
            weight_decay=weight_decay,
            scale=scale,
            center=center,
            rng=rng,
            threads=threads,
        )
        others = None if test is None else trainer._others("train: test", *test)
    found = np.full((4, rounds + 1), np.nan)
    networks = []
    for epoch in range(rounds + 1):
        with speaking_for("train", "Trainer", "evaluate"):
            if epoch:
                trainer.run()
            found[:2, epoch] = trainer.evaluate()
            if others is not None:
                found[2:, epoch] = trainer._measured(*others)
        if epoch in keep:
            networks.append(trainer.network)
    settings = {
        "epochs": rounds,
        "loss": trainer.loss,
        "rate": trainer.rate,
        "optimizer": trainer.optimizer,
        "momentum": trainer.momentum,
        "batch": trainer.batch,
        "weight_decay": trainer.weight_decay,
        "scale": trainer.scale,
        "center": trainer.center,
    }
    if trainer.optimizer == "adam":
        settings |= {"betas": list(trainer.betas), "epsilon": trainer.epsilon}
    test_losses, test_accuracies = (None, None) if test is None else (found[2], found[3])
    return Training(tuple(networks), tuple(keep), found[0], found[1], test_losses, test_accuracies, settings)
