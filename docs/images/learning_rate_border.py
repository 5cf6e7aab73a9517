"""Makes learning_rate_border.png: ``python docs/images/learning_rate_border.py``."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from deeprmt import meanfield, training
from deeprmt.networks import MLP

point = meanfield.critical_point("hard_tanh", q_star=0.05)
mlp = MLP([200] * 3, "hard_tanh", weights="haar", sigma_w=point.sigma_w, sigma_b=point.sigma_b)
rates = np.geomspace(0.3, 60, 20)
found = training.learning_rate_map(mlp, depths=[2, 4, 8, 16, 32], rates=rates, steps=30, rng=0)
figure, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
found.plot(ax)
figure.savefig(Path(__file__).with_suffix(".png"), dpi=80)
