"""From the settings of a run to the objects of the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from ..mgopt import Hierarchy, Method, Stall
from ..recipes import defaults
from ..recipes.methods import Plan
from ..resnet import ResNet, ResNetObjective
from ..resnet.network import Array
from ..stages import Network, convolutional
from ..training import BatchStrategy, Record
from ..training.limits import Limits
from ..training.watch.stall import LossStall
from .data import Data
from .images import augmented
from .optimizers import make_optimizer
from .regularizers import make_regularizer
from .scaling import Scaling
from .settings import Settings


@dataclass(frozen=True)
class Training:
    """All that :func:`mgres.fit` is called with.

    Attributes
    ----------
    f : ResNetObjective
        On the training samples.
    hierarchy, method
        What is repeated on which levels.
    theta : ndarray, shape (f.size,)
        The start.
    validation : tuple or None
        Inputs and labels held out, of classes.
    validate_every : int
        Cycles between validations, so that they cost no more than training.
    scaling : Scaling
        For the model's file.
    is_nested : bool
        Whether the method ends by itself.
    batches : int, BatchStrategy or None
        What a cycle sees.
    """

    f: ResNetObjective
    hierarchy: Hierarchy
    method: Method
    theta: Array
    validation: tuple[Array, NDArray[Any]] | None
    validate_every: int
    scaling: Scaling
    is_nested: bool
    batches: int | BatchStrategy | None

    def callbacks(self, settings: Settings, seen: Sequence[Record] = ()) -> list[LossStall]:
        """Return what ends training when the loss has stalled, if the method does not do it."""
        rule = _stall(settings, len(self.f.samples))
        return [] if self.is_nested or rule is None else [LossStall(rule, seen)]


def prepare(settings: Settings, data: Data) -> Training:
    """Return the objects that settings stand for.

    Raises
    ------
    ValueError
        If they make no network.
    """
    scaling = replace(data.scaling, loss=settings.loss)
    net = _network(settings, data, len(scaling.classes) or 1)
    X = scaling.inputs(data.X, net.dtype)
    y = scaling.targets(data.y, net.dtype)
    if settings.method == "paper":  # independent layers
        theta = net.init(settings.seed, settings.init)
    else:
        theta = defaults.smooth_start(net, settings.seed, settings.init)
    regularizer = make_regularizer(settings.regularizer, settings.beta, net, theta)
    f = ResNetObjective(net, X, y, settings.loss, regularizer)
    plan = _plan(settings, len(X))
    hierarchy, method = plan.build(f)
    validation, every = None, 1
    if scaling.classes and len(data.X_val):
        validation = (scaling.inputs(data.X_val, net.dtype), scaling.targets(data.y_val, net.dtype))
        every = math.ceil(len(data.X_val) / (3 * (settings.batch_size or len(X))))
    return Training(
        f,
        hierarchy,
        method,
        theta,
        validation,
        every,
        scaling,
        is_nested=plan.is_nested,
        batches=_batches(settings, data),
    )


def _network(settings: Settings, data: Data, outputs: int) -> ResNet | Network:
    if settings.stages is not None:
        assert data.shape is not None  # the settings were made for images
        return convolutional(
            data.shape,
            outputs,
            depth=settings.depth,
            channels=settings.stages,
            activation=settings.activation,
            norm=settings.norm,
            final_time=settings.final_time,
            dtype=settings.dtype,
        )
    assert settings.width is not None  # all others have one
    block = defaults.block_of(
        settings.block,
        settings.width,
        hidden=settings.hidden,
        norm=settings.norm,
        paced=settings.paced,
        activation=settings.activation,
    )
    return ResNet(
        data.X.shape[1],
        settings.width,
        outputs,
        settings.depth,
        final_time=settings.final_time,
        block=block,
        dtype=settings.dtype,
    )


def limits(settings: Settings) -> Limits:
    """Return when a run ends."""
    return Limits(
        settings.target_accuracy,
        settings.target_loss,
        settings.max_work_units,
        None if settings.max_minutes is None else 60 * settings.max_minutes,
        settings.max_cycles,
    )


def _batches(settings: Settings, data: Data) -> int | BatchStrategy | None:
    if settings.augment is None:
        return settings.batch_size
    return augmented(settings.augment, settings.batch_size, data.name, data.shape, data.background)


def _plan(settings: Settings, n: int) -> Plan:
    name = settings.optimizer
    return Plan(
        cycle=settings.method,
        optimizer=None if name is None else make_optimizer(name, settings.learning_rate),
        levels=settings.levels,
        schedule=settings.schedule,
        batches=settings.batch_size is not None,
        stall=_stall(settings, n),
    )


def _stall(settings: Settings, n: int) -> Stall | None:
    """Return when a level has had enough; patience means epochs where a cycle sees a batch."""
    if settings.patience is None:
        return None
    if settings.batch_size is None:
        return Stall(defaults.GAIN, settings.patience)
    batches = math.ceil(n / settings.batch_size)
    return Stall(defaults.GAIN, settings.patience * batches, smooth=True)
