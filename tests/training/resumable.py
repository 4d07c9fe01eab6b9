"""Runs of every kind, small enough to be stopped and resumed many times."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

import mgres
from mgres.mgopt import (
    L1,
    AnyOf,
    GaussNewton,
    GradientReduction,
    Judge,
    MaxSteps,
    Stall,
    TruncatedNewton,
)

ARMIJO = mgres.Armijo()


def v_cycle(levels=3, **options):
    return mgres.VCycle(mgres.Schedule.paper(levels), **options)


def hierarchy(optimizer, levels=3, **options):
    return lambda f: {
        "hierarchy": mgres.resnet_hierarchy(f, levels, optimizer=optimizer, **options)
    }


def cascade(optimizer, batch_size=None, **options):
    rule = AnyOf(Stall(0.05, 3), MaxSteps(4), GradientReduction(1e-6))
    return lambda f: {
        **hierarchy(optimizer, metric="time")(f),
        "cycle": mgres.Cascade(rule, **options),
        "batch_size": batch_size,
    }


def with_cycle(optimizer, cycle, batch_size=None, **options):
    return lambda f: {
        **hierarchy(optimizer, **options)(f),
        "cycle": cycle,
        "batch_size": batch_size,
    }


def proximal(f):
    h = mgres.resnet_hierarchy(f, 2)
    weights = [np.full(level.objective.size, 1e-3, f.dtype) for level in h]
    optimizers = [mgres.ProximalGradient(0.1, L1(w)) for w in weights]
    return hierarchy(optimizers, 2)(f)


RUNS = {
    "gd": hierarchy(mgres.GradientDescent(0.1)),
    "schedule": hierarchy(mgres.GradientDescent(mgres.StepDecay(0.2, 2, 0.5))),
    "momentum": hierarchy(mgres.Momentum(0.05)),
    "adam": hierarchy(mgres.Adam(0.01), metric="time"),
    "rmsprop": hierarchy(mgres.RMSprop(0.01)),
    "lbfgs": hierarchy(mgres.LBFGS(memory=3)),
    "lsr1": hierarchy(mgres.LSR1(memory=3)),
    "newton": hierarchy(TruncatedNewton(max_products=4), 2),
    "gauss-newton": hierarchy(GaussNewton(max_products=4), 2),
    "scipy": lambda f: hierarchy(mgres.SciPyMinimize("CG", iterations=2), 2)(f),
    "proximal": proximal,
    "batches": lambda f: {"levels": 3, "batch_size": 17},
    "batches-adam-keep": with_cycle(mgres.Adam(0.01), v_cycle(state="keep"), 17),
    "batches-fresh": lambda f: {"levels": 3, "batch_size": mgres.FreshCoarse(17)},
    "batches-growing": lambda f: {"levels": 3, "batch_size": mgres.Growing(10, 2.0, 2)},
    "batches-verified": lambda f: {
        "cycle": v_cycle(line_search=ARMIJO),
        "batch_size": mgres.Verified(17),
    },
    "batches-augmented": lambda f: {
        "levels": 3,
        "batch_size": mgres.Verified(mgres.Augmented(17, (1, 1, 2), (0, 1), flip=True)),
        "cycle": v_cycle(line_search=ARMIJO),
    },
    "augmented-growing": with_cycle(
        mgres.Adam(0.01),
        v_cycle(state="keep"),
        mgres.Augmented(mgres.Growing(10, 2.0, 2), (2, 1, 1), 0, flip=True),
    ),
    "transfer": with_cycle(mgres.LBFGS(), v_cycle(state="transfer", line_search=ARMIJO)),
    "trust": with_cycle(mgres.Momentum(0.1), v_cycle(state="keep", trust=mgres.TrustRegion(0.05))),
    "w-cycle": with_cycle(mgres.Adam(0.02), mgres.WCycle(mgres.Schedule.paper(3), state="down")),
    "additive": with_cycle(
        mgres.Momentum(0.02), mgres.AdditiveCycle(mgres.Schedule.paper(3), ARMIJO, state="keep")
    ),
    "defect": with_cycle(mgres.LBFGS(), v_cycle(coupling=mgres.StateDefect(), line_search=ARMIJO)),
    "recommended": lambda f: {},
    "recommended-batches": lambda f: {"batch_size": 17},
    "cascade-lbfgs": cascade(mgres.LBFGS(memory=3)),
    "cascade-reset": cascade(mgres.LBFGS(memory=3), state="reset"),
    "cascade-adam": cascade(mgres.Adam(0.03), 17),
    "cascade-fresh": cascade(mgres.Adam(0.03), mgres.FreshCoarse(17)),
    "cascade-judge": cascade(mgres.LBFGS(memory=3), judge=Judge()),
    "full-multigrid": with_cycle(
        mgres.Adam(0.02), mgres.FullMultigrid(lambda n: v_cycle(n, state="keep"), MaxSteps(3))
    ),
    "full-multigrid-lbfgs": with_cycle(
        mgres.LBFGS(), mgres.FullMultigrid(stop=Stall(0.3, 3)), metric="time"
    ),
}
CYCLES = 12


def assert_same(resumed, expected):
    np.testing.assert_array_equal(resumed.theta, expected.theta)
    assert resumed.work_units == expected.work_units
    assert resumed.stopped == expected.stopped
    assert len(resumed.history) == len(expected.history)
    for ours, theirs in zip(resumed.history, expected.history, strict=True):
        # as text, because nan is not nan
        assert repr(dataclasses.replace(ours, seconds=0.0)) == repr(
            dataclasses.replace(theirs, seconds=0.0)
        )


def names(folder):
    """Return the cycles after which the files of a folder were written."""
    return sorted(int(path.stem.removeprefix("checkpoint-")) for path in Path(folder).iterdir())
