"""Most singular vectors of trained weights look random; those of the largest singular values do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import plots
from ..spectra import PorterThomas
from ..training import dataset
from ._experiment import Experiment
from ._networks import Decomposed, decomposed, fit, rank_correlation, rise, square_layers, start, worst_fall
from ._result import Check, Reproduction

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_LEVEL = 1e-3


def _work(experiment: Experiment, seed: int, threads: int, quick: bool) -> Reproduction:
    width, epochs = (128, (0, 2, 12)) if quick else (512, (0, 1, 3, 10, 30, 60))
    data = dataset("digits")
    found = fit(start(data, width, seed, sigma_w=0.5), data, seed, threads, epochs=epochs[-1], checkpoints=epochs)
    assert found.test_accuracies is not None
    times: list[list[Decomposed]] = [
        [decomposed(weight, threads) for weight in square_layers(network)] for network in found.networks
    ]
    rejected = [sum(layer.rejected(_LEVEL) for layer in layers) for layers in times]
    top = [_top(layers) for layers in times]
    leading = [sum(map(_leading, layers)) for layers in times]
    outliers = [sum(layer.bulk.outliers for layer in layers) for layers in times]
    before = np.concatenate([side.p_values for layer in times[0] for side in (layer.left, layer.right)])
    # Windows of 31 neighbours that hold no outlier.
    sides = [(side, layer.bulk.outliers + side.window) for layer in times[-1] for side in (layer.left, layer.right)]
    inside = np.concatenate([np.abs(side.windowed - 0.5)[k:] <= (0.5 - side.threshold)[k:] for side, k in sides])
    bulk = np.concatenate([side.p_values[k:] for side, k in sides])
    share = float(np.mean(before < 0.05))
    allowed = 3 * float(np.sqrt(0.05 * 0.95 / before.size))
    checks = (
        Check.near("before training: share of vectors with p < 0.05", share, 0.05, allowed),
        # Windows overlap, so that one that strays takes neighbours along: 5 % of them may.
        Check.least(
            "after: share of windowed mean p-values of the bulk within 3 sd of 1/2", float(inside.mean()), 0.95
        ),
        Check.least(f"after: vectors with p < {_LEVEL} among the 30 largest of a side", top[-1], 5),
        # It rises within some epochs and then scatters about its end: no rank correlation is asked for, whose ranks
        # would put that scatter in an order.
        Check.least("rise of the number in all sides over the training, in sd of counts", rise(leading), 3),
        Check.most("its worst fall on the way, in sd of counts", worst_fall(leading), 3),
        Check.least(
            "rank correlation of the number of outliers with the epoch", rank_correlation(epochs, outliers), 0.9
        ),
    )
    content = {
        "epochs": list(epochs),
        "rejected": rejected,
        "rejected_among_the_largest": top,
        "rejected_among_the_largest_of_all_sides": leading,
        "outliers": [[layer.bulk.outliers for layer in layers] for layers in times],
        "boundaries": [[side.boundary for layer in layers for side in (layer.left, layer.right)] for layers in times],
        # Above 1/2, since the bulk is orthogonal to the leading vectors and so lacks what sets these apart.
        "mean_p_of_the_bulk": float(bulk.mean()),
        "test_accuracy": float(found.test_accuracies[-1]),
        "p_last_layer_left": times[-1][-1].left.p_values.tolist(),
    }

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        plots.porter_thomas(times[-1][-1].left, ax=left)
        right.plot(epochs, top, "o-", color="#1f4e79", label=f"p < {_LEVEL} among the 30 largest of a side")
        right.plot(
            epochs, [max(each) for each in content["outliers"]], "s--", color="#c0392b", label="outliers of a layer"
        )
        right.set_xlabel("epoch")
        right.set_ylabel("number")
        right.legend(frameon=False)

    settings = {"seed": seed, "quick": quick, "width": width, "sigma_w": 0.5, "level": _LEVEL}
    return Reproduction(experiment.name, experiment.claim, experiment.source, checks, content, settings, draw)


def _top(layers: list[Decomposed]) -> int:
    """The largest number, over layers and sides, of the 30 leading vectors that fail."""
    return max(_failing(side) for layer in layers for side in (layer.left, layer.right))


def _leading(layer: Decomposed) -> int:
    """How many of the 30 leading vectors of both sides fail."""
    return _failing(layer.left) + _failing(layer.right)


def _failing(side: PorterThomas) -> int:
    return int(np.count_nonzero(side.p_values[:30] < _LEVEL))


EXPERIMENT = Experiment(
    "porter-thomas",
    "Singular vectors of trained weights are random but for those of the largest singular values",
    "M. Thamm, M. Staats, B. Rosenow, Phys. Rev. E 106, 054124 (2022), arXiv:2203.14661",
    _work,
)
