"""The classes of the engine and of training whose objects are stored, and what fits a run.

A checkpoint may be damaged in a way that its checksum does not show, or have none.  What it holds
is compared with the run that goes on with it before anything of the run is changed.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from ...checks import number_of
from ...mgopt import (
    AnyOf,
    Best,
    CorrectionReport,
    Diagonal,
    Euclidean,
    Hierarchy,
    Level,
    Memo,
    Method,
    Metric,
    NestedIteration,
    Stall,
)
from ...mgopt.cycles.method import SmoothingState
from ...mgopt.cycles.state import CycleState, LevelState
from ...mgopt.cycles.stopping import Count, Reference
from ...mgopt.cycles.trust import Ball
from ...mgopt.nested.iteration import NestedState
from ...mgopt.nested.judge import JudgeState, Look
from ...mgopt.objective import Vector
from ...mgopt.optimizers.adam import AdamState
from ...mgopt.optimizers.first_order import GradientDescentState, MomentumState
from ...mgopt.optimizers.gauss_newton import GaussNewtonState
from ...mgopt.optimizers.lbfgs import LBFGSState, Pair
from ...mgopt.optimizers.lsr1 import LSR1State
from ...mgopt.optimizers.newton import NewtonState
from ...mgopt.optimizers.proximal import ProximalGradientState
from ...mgopt.optimizers.rmsprop import RMSpropState
from ...mgopt.optimizers.scipy_minimize import SciPyMinimizeState
from ...mgopt.optimizers.sr1_model import PairMemory
from ..history import Record
from .storage import declare, declared_types, has_type, register, register_state

for _state in (
    AdamState,
    Best,
    CorrectionReport,
    Count,
    CycleState,
    Euclidean,
    GaussNewtonState,
    GradientDescentState,
    JudgeState,
    LBFGSState,
    LSR1State,
    LevelState,
    Look,
    MomentumState,
    NestedState,
    NewtonState,
    Pair,
    ProximalGradientState,
    RMSpropState,
    Record,
    Reference,
    SciPyMinimizeState,
    SmoothingState,
):
    register_state(_state)
    declare(_state)

register(Ball, ("_origin", "_metric", "radius", "left"))
declare(Ball, {"_origin": Vector, "_metric": Metric, "radius": float, "left": bool})
register(Diagonal, ("_weights", "_inverse"), is_frozen=True)
declare(Diagonal, {"_weights": Vector, "_inverse": Vector})
register(PairMemory, ("capacity", "metric", "s", "z", "ss", "sz", "zz"), is_frozen=True)
declare(
    PairMemory,
    {
        "capacity": int,
        "metric": Metric,
        **dict.fromkeys(("s", "z"), list[Vector]),
        **dict.fromkeys(("ss", "sz", "zz"), Vector),
    },
)

MATRICES = ("ss", "sz", "zz")
DOUBLE = {(PairMemory, "s"), (PairMemory, "z"), (SciPyMinimizeState, "scale")}
"""Vectors that have double precision whatever the level's dtype."""


def check_state(state: Any, method: Method, hierarchy: Hierarchy) -> None:
    """Raise a ValueError unless a state that was read is one of `method` on `hierarchy`.

    States of methods and optimisers that are not the engine's are known by their class alone.
    """
    if isinstance(state, NestedState) and isinstance(method, NestedIteration):
        _check_nested(state, method, hierarchy)
    elif isinstance(state, SmoothingState):
        _check_level("finest", state, hierarchy[0])
        _check_optimizer(state.optimizer, hierarchy[0])
    elif isinstance(state, CycleState):
        _check_count("levels", state.levels, len(hierarchy))
        for one, level in zip(state.levels, hierarchy, strict=True):
            _check_level("levels", one, level)
            _check_optimizer(one.optimizer, level)
            _check_positive("radius", one.radius)
            if one.ball is not None:
                _check_positive("ball", one.ball.radius)


def check_best(best: Any, level: Level) -> None:
    """Raise a ValueError unless `best` is a value and a point of a level."""
    if not isinstance(best, Best):
        raise ValueError(f"best: expected a value and a point, got {type(best).__name__}")
    _check_level("best", best, level)


def _check_nested(state: NestedState, method: NestedIteration, hierarchy: Hierarchy) -> None:
    part, l = hierarchy.coarser(state.level), state.level
    for name in ("point", "judge"):
        _check_level(name, getattr(state, name), part[0])
    if state.best is not None:
        check_best(state.best, hierarchy[0])
    on_level = method.on_level(len(part))
    fresh = on_level.init(part, state.point.copy())
    _check_class("inner", state.inner, fresh)
    check_state(state.inner, on_level, part)
    _check_rule(state.rule, method._rule(l))


def _check_rule(state: Any, rule: Any) -> None:
    fresh = rule.init()
    _check_class("rule", state, fresh)
    if isinstance(rule, AnyOf):
        _check_count("rule", state, len(fresh))
        for one, part in zip(state, rule.rules, strict=True):
            _check_rule(one, part)
    elif isinstance(rule, Stall) and not (
        state.maxlen == fresh.maxlen and has_type(state, deque[float])
    ):
        raise ValueError(f"rule: expected at most {fresh.maxlen} numbers, got {state}")


def _check_optimizer(state: Any, level: Level) -> None:
    point = np.zeros(level.objective.size, level.objective.dtype)
    fresh = level.optimizer.init(point, level.metric)
    _check_class("optimizer", state, fresh)
    if isinstance(state, LBFGSState) and state.pairs.maxlen != fresh.pairs.maxlen:
        raise ValueError(f"pairs: expected at most {fresh.pairs.maxlen}, got {state.pairs.maxlen}")
    if isinstance(state, LSR1State) and state.memory.capacity != fresh.memory.capacity:
        raise ValueError(f"memory: expected {fresh.memory.capacity}, got {state.memory.capacity}")


def _check_level(name: str, value: Any, level: Level, is_double: bool = False) -> None:
    """Check all vectors, metrics and objectives in `value` against those of a level."""
    f = level.objective
    if isinstance(value, Memo):
        if value.objective is not f:
            raise ValueError(f"{name}: the objective is that of another level")
    elif isinstance(value, np.ndarray):
        dtype = np.dtype(np.float64) if is_double else f.dtype
        if value.shape != (f.size,) or value.dtype != dtype:
            raise ValueError(
                f"{name}: expected shape ({f.size},) and dtype {dtype}, got {value.shape} and "
                f"{value.dtype}"
            )
    elif "metric" in name:
        _check_metric(name, value, level)
    elif isinstance(value, list | tuple | deque):
        for item in value:
            _check_level(name, item, level, is_double)
    elif isinstance(value, PairMemory):
        _check_pairs(value, level)
    else:
        if isinstance(value, Pair):
            _check_positive("curvature", value.curvature)
        kind: Any = type(value)
        for attribute in declared_types(kind):
            is_double = (kind, attribute) in DOUBLE
            _check_level(attribute, getattr(value, attribute), level, is_double)


def _check_pairs(memory: PairMemory, level: Level) -> None:
    k = len(memory)
    _check_count("z", memory.z, k)
    for name in ("s", "z"):
        _check_level(name, getattr(memory, name), level, is_double=True)
    _check_metric("metric", memory.metric, level)
    for name in MATRICES:
        matrix = getattr(memory, name)
        if matrix.shape != (k, k) or matrix.dtype != np.float64:
            raise ValueError(f"{name}: expected shape ({k}, {k}), got {matrix.shape}")


def _check_metric(name: str, metric: Any, level: Level) -> None:
    """Check that a metric is the level's own, or one of the engine's that fits as well."""
    if metric is level.metric or isinstance(metric, Euclidean):
        return
    if not isinstance(metric, Diagonal):
        raise ValueError(f"{name}: expected that of the level, got {type(metric).__name__}")
    for weights in (metric._weights, metric._inverse):
        _check_level(name, weights, level)


def _check_class(name: str, value: Any, fresh: Any) -> None:
    if type(value) is not type(fresh):
        raise ValueError(f"{name}: expected {type(fresh).__name__}, got {type(value).__name__}")


def _check_count(name: str, items: Any, count: int) -> None:
    if len(items) != count:
        raise ValueError(f"{name}: expected {count}, got {len(items)}")


def _check_positive(name: str, number: float) -> None:
    if not number_of(number) > 0:
        raise ValueError(f"{name}: expected a positive number, got {number}")
