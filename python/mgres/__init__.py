"""Multilevel (MG/OPT) training of very deep residual networks on multi-core CPUs.

>>> import mgres
>>> X, y, X_val, y_val = mgres.datasets.circles(seed=1)
>>> net = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=64)
>>> f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1e-4))
>>> result = mgres.fit(f, levels=4, validation=(X_val, y_val), target_accuracy=1.0, seed=1)
>>> result.history[-1].accuracy
1.0
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "files": (
        "FormatError",
        "Model",
        "load",
        "save",
    ),
    "mgopt": (
        "LBFGS",
        "LSR1",
        "Adam",
        "AdamW",
        "AdditiveCycle",
        "Armijo",
        "Cascade",
        "CosineDecay",
        "FCycle",
        "FixedStep",
        "FullMultigrid",
        "GradientDescent",
        "Hierarchy",
        "Level",
        "LinearDecay",
        "Momentum",
        "Nesterov",
        "ProximalGradient",
        "RMSprop",
        "Schedule",
        "SciPyMinimize",
        "StateDefect",
        "StepDecay",
        "TrustRegion",
        "VCycle",
        "WarmUp",
        "WCycle",
        "by_level",
    ),
    "parallel": (
        "get_num_threads",
        "set_num_threads",
        "threads",
    ),
    "recipes": (
        "Recipe",
        "recommended",
    ),
    "resnet": (
        "DepthTransfer",
        "Lasso",
        "ResNet",
        "ResNetObjective",
        "Smoothness",
        "Tikhonov",
        "estimate_memory",
        "resnet_hierarchy",
    ),
    "stages": ("Network",),
    "training": (
        "Augmented",
        "Checkpoint",
        "DivergenceError",
        "FitResult",
        "FreshCoarse",
        "Growing",
        "History",
        "SameBatch",
        "TensorBoard",
        "TrainingInterrupted",
        "Verified",
        "fit",
    ),
}
"""Where the public names live.  Each is imported when it is first asked for, so that a program that
imports mgres pays for what it uses; ``__init__.pyi`` tells type checkers the same."""

_MODULES = ("blocks", "datasets", "mgopt", "plot", "schemes", "stages")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    *_MODULES,
    "ResNet",
    "Network",
    "ResNetObjective",
    "Tikhonov",
    "resnet_hierarchy",
    "fit",
    "recommended",
    "FitResult",
    "Checkpoint",
    "save",
    "load",
    "Adam",
    "GradientDescent",
    "LBFGS",
    "Hierarchy",
    "Level",
    "VCycle",
    "threads",
]
"""What most programs need.  All other names of `_HOMES` are aliases of those in their packages."""


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
