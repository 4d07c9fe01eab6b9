"""Deep residual networks as hierarchies of objectives."""

from .compiled import CompiledNetwork
from .initialize import smooth_start_depth
from .layered import LayeredNetwork, LayeredObjective
from .memory import estimate_memory
from .metric import time_metric
from .network import BlockViews, ResNet, Views
from .objective import ResNetObjective, Samples
from .problem import resnet_hierarchy
from .regularizers import DecayToStart, Lasso, Penalty, Regularizer, Smoothness, Tikhonov
from .transfer import DepthTransfer
from .weighting import class_weights

__all__ = [
    "BlockViews",
    "CompiledNetwork",
    "DecayToStart",
    "DepthTransfer",
    "Lasso",
    "LayeredNetwork",
    "LayeredObjective",
    "Penalty",
    "Regularizer",
    "ResNet",
    "ResNetObjective",
    "Samples",
    "Smoothness",
    "Tikhonov",
    "Views",
    "class_weights",
    "estimate_memory",
    "resnet_hierarchy",
    "smooth_start_depth",
    "time_metric",
]
