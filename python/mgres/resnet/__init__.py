"""Deep residual networks as hierarchies of objectives."""

from .lasso import Lasso
from .memory import estimate_memory
from .metric import time_metric
from .network import ResNet, Views
from .objective import ResNetObjective, Samples
from .problem import resnet_hierarchy
from .regularizer import Tikhonov
from .transfer import DepthTransfer

__all__ = [
    "DepthTransfer",
    "Lasso",
    "ResNet",
    "ResNetObjective",
    "Samples",
    "Tikhonov",
    "Views",
    "estimate_memory",
    "resnet_hierarchy",
    "time_metric",
]
