"""Networks: a description of a random MLP, and one sample of it with its weights."""

from ._fixing_rotation import FixingRotation, fixing_rotation
from ._mlp import MLP
from ._network import Network
from ._tangent_kernel import TangentOperator
from ._torch_ntk import torch_ntk

__all__ = ["MLP", "FixingRotation", "Network", "TangentOperator", "fixing_rotation", "torch_ntk"]
