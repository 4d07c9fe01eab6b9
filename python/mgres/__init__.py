"""Multilevel (MG/OPT) training of very deep residual networks on multi-core CPUs.

>>> import mgres
>>> X, y, X_val, y_val = mgres.datasets.circles(seed=1)
>>> net = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=64)
>>> f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1e-4))
>>> result = mgres.fit(f, levels=4, validation=(X_val, y_val), target_accuracy=1.0, seed=1)
>>> result.history[-1].accuracy
1.0
"""

from . import datasets, mgopt
from .files import FormatError, Model, load, save
from .mgopt import (
    LBFGS,
    LSR1,
    Adam,
    AdamW,
    AdditiveCycle,
    Armijo,
    Cascade,
    CosineDecay,
    FCycle,
    FixedStep,
    FullMultigrid,
    GradientDescent,
    Hierarchy,
    Level,
    LinearDecay,
    Momentum,
    Nesterov,
    ProximalGradient,
    RMSprop,
    Schedule,
    SciPyMinimize,
    StateDefect,
    StepDecay,
    TrustRegion,
    VCycle,
    WarmUp,
    WCycle,
    by_level,
)
from .parallel import get_num_threads, set_num_threads
from .resnet import (
    DepthTransfer,
    Lasso,
    ResNet,
    ResNetObjective,
    Smoothness,
    Tikhonov,
    estimate_memory,
    resnet_hierarchy,
)
from .training import (
    Checkpoint,
    DivergenceError,
    FitResult,
    FreshCoarse,
    Growing,
    History,
    Recipe,
    SameBatch,
    TrainingInterrupted,
    Verified,
    fit,
    recommended,
)

__version__ = "0.1.0"

__all__ = [
    "LBFGS",
    "LSR1",
    "Adam",
    "AdamW",
    "AdditiveCycle",
    "Armijo",
    "Cascade",
    "Checkpoint",
    "CosineDecay",
    "DepthTransfer",
    "DivergenceError",
    "FCycle",
    "FitResult",
    "FixedStep",
    "FormatError",
    "FreshCoarse",
    "FullMultigrid",
    "GradientDescent",
    "Growing",
    "Hierarchy",
    "History",
    "Lasso",
    "Level",
    "LinearDecay",
    "Model",
    "Momentum",
    "Nesterov",
    "ProximalGradient",
    "RMSprop",
    "Recipe",
    "ResNet",
    "ResNetObjective",
    "SameBatch",
    "Schedule",
    "SciPyMinimize",
    "Smoothness",
    "StateDefect",
    "StepDecay",
    "Tikhonov",
    "TrainingInterrupted",
    "TrustRegion",
    "VCycle",
    "Verified",
    "WCycle",
    "WarmUp",
    "by_level",
    "datasets",
    "estimate_memory",
    "fit",
    "get_num_threads",
    "load",
    "mgopt",
    "recommended",
    "resnet_hierarchy",
    "save",
    "set_num_threads",
]
