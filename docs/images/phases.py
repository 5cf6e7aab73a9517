"""Makes phases.png: ``python docs/images/phases.py``."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from deeprmt import meanfield

figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
for ax, name in zip(axes, ("tanh", "hard_tanh", "relu"), strict=True):
    meanfield.phase_diagram(name, sigma_w=np.linspace(0.5, 2.5, 161), sigma_b=np.linspace(0, 1, 121)).plot(ax)
figure.savefig(Path(__file__).with_suffix(".png"), dpi=80)
