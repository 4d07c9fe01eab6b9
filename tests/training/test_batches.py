"""Mini-batches: what a cycle sees, and that nothing of them stays behind."""

from __future__ import annotations

import numpy as np
import pytest

import mgres
from mgres.mgopt import Armijo, Level


def rows(X: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in X]


def batches_of(evaluations, cycles: int):
    """Return the samples of each cycle, from what the finest level saw when its cycle began."""
    ids = []
    for e in evaluations:
        if e.kind == "value_and_grad" and (not ids or e.X is not ids[-1].X):
            ids.append(e)
    assert len(ids) == cycles
    return ids


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_every_level_of_a_cycle_sees_the_same_batch(problem, evaluations, levels):
    f = problem.f
    boundaries = []

    def mark(record, theta):
        boundaries.append(len(evaluations))

    evaluations.clear()
    mgres.fit(f, levels=levels, batch_size=16, max_cycles=9, callbacks=[mark])
    first = next(i for i, e in enumerate(evaluations) if e.kind == "value_and_grad")
    assert len(boundaries) == 9
    for start, stop in zip([first, *boundaries], boundaries, strict=False):
        cycle = evaluations[start:stop]
        gradients = [e for e in cycle if e.kind == "value_and_grad"]
        assert {e.depth for e in gradients} == {16 >> i for i in range(levels)}
        # the loss of the record is taken on the same batch, too
        assert all(e.X is cycle[0].X and e.y is cycle[0].y for e in cycle)
        assert cycle[-1].kind == "value"


def test_line_search_sees_the_batch_of_its_cycle(problem, evaluations):
    cycle = mgres.VCycle(mgres.Schedule.paper(3), line_search=Armijo())
    mgres.fit(problem.f, cycle=cycle, batch_size=30, max_cycles=4)
    started = next(i for i, e in enumerate(evaluations) if e.kind == "value_and_grad")
    seen = evaluations[started:-1]  # the last value is that of the result, on all samples
    assert len(evaluations[-1].X) == 60
    assert {e.kind for e in seen} == {"value", "value_and_grad"}
    assert {e.depth for e in seen if e.kind == "value"} >= {16, 8}
    assert len({id(e.X) for e in seen}) == 4


@pytest.mark.parametrize("levels", [1, 3])
def test_an_epoch_is_a_permutation_with_a_smaller_last_batch(problem, evaluations, levels):
    f = problem.f
    X, y = f.samples.X, f.samples.y
    label = dict(zip(rows(X), y, strict=True))
    result = mgres.fit(f, levels=levels, batch_size=25, max_cycles=9)
    seen = batches_of(evaluations, 9)
    assert [len(e.X) for e in seen] == [25, 25, 10] * 3
    assert result.history.column("epoch") == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
    orders = []
    for start in range(0, 9, 3):
        epoch = seen[start : start + 3]
        orders.append([row for e in epoch for row in rows(e.X)])
        assert sorted(orders[-1]) == sorted(rows(X))
        for e in epoch:  # a sample keeps its label
            assert [label[row] for row in rows(e.X)] == e.y.tolist()
    assert orders[0] != orders[1] != orders[2]
    assert orders[0] != rows(X)


@pytest.mark.parametrize(("batch_size", "sizes"), [(60, [60] * 3), (59, [59, 1, 59]), (1, [1] * 3)])
def test_extreme_batch_sizes(problem, evaluations, batch_size, sizes):
    mgres.fit(problem.f, batch_size=batch_size, max_cycles=3)
    assert [len(e.X) for e in batches_of(evaluations, 3)] == sizes


def test_seed_decides_the_order(problem):
    def losses(seed):
        result = mgres.fit(problem.f, problem.theta, batch_size=10, max_cycles=12, seed=seed)
        return result.history.column("loss")

    assert losses(1) == losses(1)
    assert losses(1)[0] == losses(2)[0]
    assert losses(1)[1:] != losses(2)[1:]


def test_full_batch_counts_every_cycle_as_an_epoch_and_leaves_the_order(problem, evaluations):
    X = problem.f.samples.X
    result = mgres.fit(problem.f, levels=2, max_cycles=4)
    assert result.history.column("epoch") == [0, 1, 2, 3, 4]
    assert all(e.X is X for e in evaluations)


def test_batch_of_all_samples_equals_full_batch(make_problem):
    problem = make_problem(dtype=np.float64)
    full = mgres.fit(problem.f, problem.theta, levels=3, max_cycles=5)
    shuffled = mgres.fit(problem.f, problem.theta, levels=3, max_cycles=5, batch_size=60)
    np.testing.assert_allclose(shuffled.theta, full.theta, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("end", ["limit", "interrupt", "divergence", "error"])
def test_all_samples_are_back_in_the_end(problem, broken_cycle, end):
    f = problem.f
    X, y = f.samples.X, f.samples.y
    harm = {
        "limit": lambda x: None,
        "interrupt": lambda x: raising(KeyboardInterrupt),
        "divergence": lambda x: x.fill(np.nan),
        "error": lambda x: raising(RuntimeError),
    }[end]
    error = {
        "interrupt": mgres.TrainingInterrupted,
        "divergence": mgres.DivergenceError,
        "error": RuntimeError,
    }
    cycle = broken_cycle(2, at=3, harm=harm)
    if end == "limit":
        mgres.fit(f, cycle=cycle, batch_size=7, max_cycles=5)
    else:
        with pytest.raises(error[end]):
            mgres.fit(f, cycle=cycle, batch_size=7)
    assert cycle.steps == list(range(1, (5 if end == "limit" else 3) + 1))
    assert f.samples.X is X
    assert f.samples.y is y
    assert f.coarsen(2).samples is f.samples


def raising(error):
    raise error


def test_a_coarse_level_with_samples_of_its_own_is_refused(problem):
    f = problem.f
    fine, coarse = mgres.resnet_hierarchy(f, 2)
    stranger = mgres.ResNetObjective(coarse.objective.objective.net, f.samples.X, f.samples.y)
    hierarchy = mgres.Hierarchy([fine, Level(stranger, coarse.optimizer)])
    assert mgres.fit(f, hierarchy=hierarchy, max_cycles=1).stopped == "cycles"
    with pytest.raises(ValueError, match=r"hierarchy: level 1 has samples of its own"):
        mgres.fit(f, hierarchy=hierarchy, batch_size=10)
