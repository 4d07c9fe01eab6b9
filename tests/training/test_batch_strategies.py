"""Batch strategies: which samples each level sees, what it costs, and that seeds decide."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import mgres
from mgres.mgopt import Armijo, GradientDescent, StateDefect, WorkUnits
from mgres.resnet import ResNetObjective, Samples
from mgres.training import Augmented, FreshCoarse, Growing, SameBatch, Verified
from mgres.training.batches.shuffle import Order
from mgres.training.batches.strategies import batches

STRATEGIES = [
    SameBatch(16),
    FreshCoarse(16),
    Growing(4, 1.5, 2),
    Verified(FreshCoarse(16)),
    Augmented(16, (1, 1, 2), (0, 1), flip=True),
    Augmented(Growing(4, 1.5, 2), (1, 1, 2), (0, 1)),
]
ALL = pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)


def vcycle(schedule, **kwargs):
    return mgres.VCycle(mgres.Schedule.parse(schedule), **kwargs)


def rows(X):
    return [row.tobytes() for row in X]


class Cycles(list):
    """The evaluations of each cycle; the first list is from before the first."""

    def __init__(self, evaluations):
        super().__init__()
        self._evaluations = evaluations

    def __call__(self, record, theta):
        self.append(list(self._evaluations))
        self._evaluations.clear()


@pytest.fixture
def cycles(evaluations):
    """A callback that sorts evaluations by cycle; the start's are in the first one's list."""
    return Cycles(evaluations)


def during(cycle):
    """Without what `fit` evaluates for the record: the start's values, and one value at the end."""
    first = next(i for i, e in enumerate(cycle) if e.kind == "value_and_grad")
    return cycle[first:-1]


# ---- the same for all ----------------------------------------------------------------------------


@ALL
def test_the_seed_decides_bit_for_bit(problem, strategy):
    def run(seed):
        return mgres.fit(
            problem.f,
            problem.theta,
            cycle=vcycle("[(1), 1, {3}]"),
            batch_size=strategy,
            max_cycles=12,
            seed=seed,
        )

    first, again, other = run(3), run(3), run(4)
    np.testing.assert_array_equal(first.theta, again.theta)
    assert first.history.column("loss") == again.history.column("loss")
    assert (first.theta != other.theta).any()


@ALL
@pytest.mark.parametrize("end", ["limit", "error", "interrupt"])
def test_all_samples_are_back_on_all_levels(problem, strategy, end):
    f = problem.f
    X, y = f.samples.X, f.samples.y
    hierarchy = mgres.resnet_hierarchy(f, 3)
    coarse = [level.objective.objective for level in hierarchy]
    raised = {"error": RuntimeError, "interrupt": KeyboardInterrupt}.get(end)

    def callback(record, theta):
        if record.cycle == 3 and raised:
            raise raised

    def run():
        cycle = vcycle("[(1), 1, {2}]")
        mgres.fit(
            f,
            hierarchy=hierarchy,
            cycle=cycle,
            batch_size=strategy,
            max_cycles=5,
            callbacks=[callback],
        )

    if raised:
        with pytest.raises(raised):
            run()
    else:
        run()
    assert f.samples.X is X
    assert f.samples.y is y
    assert all(g.samples is f.samples for g in coarse)


@pytest.mark.parametrize("strategy", [SameBatch(25), FreshCoarse(25), Verified(25), Growing(7, 3)])
def test_no_sample_is_left_out_of_an_epoch(problem, cycles, strategy):
    X, y = problem.f.samples.X, problem.f.samples.y
    label = dict(zip(rows(X), y, strict=True))
    cycle = vcycle("[(1), {2}]")
    result = mgres.fit(
        problem.f, cycle=cycle, batch_size=strategy, max_cycles=9, callbacks=[cycles]
    )
    epochs = result.history.column("epoch")
    for epoch in range(max(epochs)):
        seen = []
        for i in range(9):
            if epochs[i] == epoch:
                fine = next(e for e in during(cycles[i]) if e.kind == "value_and_grad")
                seen += rows(fine.X)
                assert [label[row] for row in rows(fine.X)] == fine.y.tolist()
        assert sorted(seen) == sorted(rows(X))


def test_a_number_is_the_same_batch_on_all_levels(problem):
    results = [
        mgres.fit(problem.f, problem.theta, levels=3, batch_size=size, max_cycles=7)
        for size in (16, SameBatch(16))
    ]
    np.testing.assert_array_equal(results[0].theta, results[1].theta)


@pytest.mark.parametrize("batch_size", [25, None])
def test_loops_of_ones_own_see_the_batches_of_fit(problem, cycles, batch_size):
    f, seed = problem.f, 3
    X, y = f.samples.X, f.samples.y
    result = mgres.fit(
        f, levels=1, batch_size=batch_size, max_cycles=7, seed=seed, callbacks=[cycles]
    )
    seen = [during(c)[0].X for c in cycles]
    for generator in (seed, np.random.default_rng(seed)):
        epochs = result.history.column("epoch")[1:]
        own = batches(f, batch_size, generator)
        for expected, X_fit, epoch in zip(epochs, seen, own, strict=False):
            assert epoch == expected
            np.testing.assert_array_equal(f.samples.X, X_fit)
        f.samples.use(X, y)


@ALL
def test_work_is_counted(problem, strategy):
    """Formula (10) for every cycle; verified, two values of the finest level more."""
    schedule = mgres.Schedule.parse("[(1), 1, {3}]")
    result = mgres.fit(problem.f, cycle=mgres.VCycle(schedule), batch_size=strategy, max_cycles=5)
    each = schedule.work_units() + (2 / 3 if isinstance(strategy, Verified) else 0)
    assert result.work_units == pytest.approx(5 * each)


# ---- fresh batches on coarse levels --------------------------------------------------------------


def test_two_levels_see_one_batch_for_the_coupling_and_fresh_ones_for_steps(problem, cycles):
    cycle = vcycle("[1/1, {4}]", line_search=Armijo())
    mgres.fit(problem.f, cycle=cycle, batch_size=FreshCoarse(25), max_cycles=6, callbacks=[cycles])
    for n, evaluations in zip([25, 25, 10] * 2, cycles, strict=True):
        seen = during(evaluations)
        fine, coarse = ([e for e in seen if e.depth == depth] for depth in (16, 8))
        batch = fine[0].X
        assert all(e.X is batch and e.y is fine[0].y for e in fine)
        assert {e.kind for e in fine} == {"value", "value_and_grad"}
        # the coupling, and three of the four steps: the first knows its gradient from the coupling
        assert coarse[0].X is batch
        assert len({id(e.X) for e in coarse}) == len(coarse) == 4
        assert all(len(e.X) == n for e in seen)


def test_three_levels_agree_where_they_are_compared(problem, cycles):
    cycle = vcycle("[(1), 2/1, {3}]", line_search=Armijo())
    mgres.fit(problem.f, cycle=cycle, batch_size=FreshCoarse(10), max_cycles=3, callbacks=[cycles])
    for evaluations in cycles:
        seen = during(evaluations)
        fine, middle, coarse = ([e for e in seen if e.depth == d] for d in (16, 8, 4))
        batch = fine[0].X
        assert all(e.X is batch for e in fine)
        # going down: coupling (B), step 1 (known), step 2 (fresh), gradient for the coupling
        gradients = [e for e in middle if e.kind == "value_and_grad"]
        assert gradients[0].X is batch
        assert gradients[1].X is gradients[2].X is not batch
        # the coarsest level: coupling from the batch of the middle level, then fresh ones
        assert coarse[0].X is gradients[2].X
        assert len({id(e.X) for e in [*coarse, gradients[0]]}) == 4
        # going up: the line search on the batch of the gradient, one more fresh step
        assert all(e.X is gradients[2].X for e in middle if e.kind == "value")
        assert len(gradients) == 4
        assert id(gradients[3].X) not in {id(e.X) for e in [*coarse, *gradients[:3]]}


def test_fresh_batches_go_through_all_samples_too(problem, cycles):
    cycle = vcycle("[(1), {4}]")
    mgres.fit(problem.f, cycle=cycle, batch_size=FreshCoarse(20), max_cycles=4, callbacks=[cycles])
    fresh = [e.X for c in cycles for e in during(c) if e.depth == 8]
    steps = [X for i, X in enumerate(fresh) if i % 4]  # without the four couplings
    for start in range(0, 12, 3):  # three batches of 20 make an epoch of 60
        drawn = np.concatenate(steps[start : start + 3])
        assert sorted(rows(drawn)) == sorted(rows(problem.f.samples.X))


@pytest.mark.parametrize("strategy", [SameBatch(20), FreshCoarse(20)], ids=repr)
def test_nested_iteration_sees_batches_on_coarse_levels_too(problem, cycles, strategy):
    """Every step of a cascade is a cycle of its own, with the next batch on the level at work."""
    hierarchy = mgres.resnet_hierarchy(problem.f, 2)
    mgres.fit(
        problem.f,
        hierarchy=hierarchy,
        cycle=mgres.Cascade(mgres.mgopt.MaxSteps(3)),
        batch_size=strategy,
        max_cycles=6,
        callbacks=[cycles],
    )
    steps = [next(e for e in c if e.kind == "value_and_grad") for c in cycles]
    assert [e.depth for e in steps[:3]] == [8] * 3
    assert steps[-1].depth == 16
    for epoch in (steps[:3], steps[3:]):
        seen = [row for e in epoch for row in rows(e.X)]
        assert sorted(seen) == sorted(rows(problem.f.samples.X))


def test_coarse_steps_follow_the_formula(make_problem):
    """Two coarse steps by hand: the second one sees f'_{H,B'}(y) - f'_{H,B}(y0) + R f'_{h,B}(x)."""
    problem = make_problem(dtype=np.float64)
    f, rate = problem.f, 0.1
    batches = []
    original = ResNetObjective.value_and_grad

    def spy(self, x, out):
        batches.append((self.samples.X, self.samples.y))
        return original(self, x, out)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ResNetObjective, "value_and_grad", spy)
        cycle = vcycle("[0, {2}]")
        result = mgres.fit(f, problem.theta, cycle=cycle, batch_size=FreshCoarse(12), max_cycles=1)
    (B, _), (fresh, fresh_labels) = batches[0], batches[2]
    assert B is batches[1][0] is not fresh

    def gradient(g, point, X, y):
        on = ResNetObjective(g.net, X, y, regularizer=g.regularizer)
        on._penalties = g._penalties  # scaled for the level of g
        out = np.empty(g.size)
        on.value_and_grad(point, out)
        return out

    coarse = f.coarsen(2)
    transfer = mgres.DepthTransfer(f.net, coarse.net)
    y0, restricted = np.empty(coarse.size), np.empty(coarse.size)
    transfer.project(problem.theta, y0)
    transfer.restrict(gradient(f, problem.theta, *batches[0]), restricted)
    y = y0 - rate * restricted
    step = gradient(coarse, y, fresh, fresh_labels) - gradient(coarse, y0, *batches[0]) + restricted
    y = y - rate * step
    correction = np.empty(f.size)
    transfer.prolong(y - y0, correction)
    np.testing.assert_allclose(result.theta, problem.theta + correction, rtol=1e-12, atol=1e-14)


def test_samples_of_their_own_keep_their_weights(make_problem):
    """Weights travel in the targets, to fresh batches and to the verification too."""
    problem = make_problem(dtype=np.float64)
    f = problem.f
    w = np.linspace(0, 1, 60)
    weighted = ResNetObjective(f.net, f.samples.X, f.samples.y, sample_weight=w)
    seen = []
    original = ResNetObjective.value_and_grad

    def spy(self, x, out):
        seen.append((self.samples.X, self.samples.y))
        return original(self, x, out)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ResNetObjective, "value_and_grad", spy)
        mgres.fit(weighted, cycle=vcycle("[(1), {3}]"), batch_size=FreshCoarse(20), max_cycles=3)
    of = dict(zip(rows(f.samples.X), w / w.mean(), strict=True))
    for X, y in seen:
        np.testing.assert_array_equal(y[:, -1], [of[row] for row in rows(X)])


def test_a_state_defect_does_not_go_with_fresh_batches(problem):
    cycle = vcycle("[(1), {3}]", coupling=StateDefect())
    assert mgres.fit(problem.f, cycle=cycle, batch_size=16, max_cycles=2).stopped == "cycles"
    with pytest.raises(ValueError, match="cycle: expected a coupling that allows for"):
        mgres.fit(problem.f, cycle=cycle, batch_size=FreshCoarse(16), max_cycles=2)


# ---- growing batches -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "sizes"),
    [
        (Growing(10), [10, 20, 30, 60, 60]),  # 40 wanted, 30 left in the epoch
        (Growing(15, every=2), [15, 15, 30, 30, 30, 60, 60]),  # 60 wanted in cycle 4
        (Growing(20, 1.5, 2), [20, 20, 20, 30, 30, 45, 15, 60]),
        (Growing(60), [60, 60]),
        (Growing(59, 1.001, 1000), [59, 1, 59, 1]),
    ],
)
def test_sizes_of_growing_batches(problem, cycles, strategy, sizes):
    f = problem.f
    X = f.samples.X
    mgres.fit(f, batch_size=strategy, levels=2, max_cycles=len(sizes), callbacks=[cycles])
    seen = [during(c)[0].X for c in cycles]
    assert [len(x) for x in seen] == sizes
    assert seen[-1] is X or sizes[-1] < 60
    for c in cycles:  # all levels of a cycle see one batch
        assert len({id(e.X) for e in during(c)}) == 1


def test_size_of_a_growing_batch_by_its_formula():
    growing = Growing(3, 1.7, 4)
    for cycle in range(60):
        exact = 3 * 1.7 ** (cycle // 4)
        assert growing.size(cycle, 1000) == (int(exact) if int(exact) < 1000 else None)
    assert growing.size(10**9, 1000) is None  # without overflow
    assert Growing(1, 1e300).size(5, 2) is None


def test_once_complete_a_growing_batch_stays_the_same_function(problem):
    """No new revision, so that what optimisers remember of it stays valid."""
    f = problem.f
    revisions = []
    mgres.fit(
        f,
        levels=2,
        batch_size=Growing(30, 4.0),
        max_cycles=6,
        callbacks=[lambda record, theta: revisions.append(f.revision)],
    )
    assert len(set(revisions[2:])) == 1
    assert len(set(revisions[:3])) == 3


# ---- verification --------------------------------------------------------------------------------


@pytest.fixture
def contradiction():
    """Twenty samples at one point, of which one has another label: a batch of one, over-fitted."""
    X = np.ones((20, 2))
    y = np.zeros(20, int)
    y[7] = 1
    net = mgres.ResNet(2, 3, 2, 8, activation="tanh", dtype=np.float64)
    return ResNetObjective(net, X, y)


@pytest.mark.parametrize("tolerance", [0.0, 1e9])
def test_a_correction_that_fits_its_own_batch_only_is_rejected(contradiction, tolerance):
    f = contradiction
    whole = f.with_samples(Samples(f.samples.X, f.samples.y))
    hierarchy = mgres.resnet_hierarchy(f, 2, optimizer=GradientDescent(0.05))
    cycle = vcycle("[0, {3}]", line_search=Armijo())

    def run(batch_size):
        """Label of the batch, report on the correction and loss of all samples, by cycle."""
        seen = []

        def note(record, theta):
            seen.append((int(f.samples.y[0]), record.corrections[-1], whole.value(theta)))

        start = f.net.init(0)
        result = mgres.fit(
            f,
            start,
            hierarchy=hierarchy,
            cycle=cycle,
            batch_size=batch_size,
            max_cycles=20,
            callbacks=[note],
        )
        labels, reports, losses = zip(*seen, strict=True)
        bad = labels.index(1)
        gain = (whole.value(start), *losses)[bad] - losses[bad]
        return labels, reports, bad, gain, result.theta

    labels, reports, bad, gain, plain = run(1)
    assert sorted(labels) == [0] * 19 + [1]
    assert all(r.accepted for r in reports)  # the line search finds every one of them good
    assert gain < -0.05  # but this one made the loss of all samples climb
    guarded_labels, reports, _, gain, guarded = run(Verified(1, tolerance))
    assert guarded_labels == labels  # the same batches in the same order
    assert reports[bad].verified is reports[bad].accepted is (tolerance > 0)
    if tolerance > 0:
        np.testing.assert_array_equal(guarded, plain)
    else:
        assert gain == 0
        # others are taken, but for the one that was verified on the odd sample, if there was one
        assert sum(r.accepted for r in reports) >= 18


@pytest.mark.parametrize(("size", "n_other"), [(16, [16] * 3 + [12]), (40, [20, 20]), (60, [60])])
def test_verification_sees_samples_that_are_not_in_use(problem, monkeypatch, size, n_other):
    f = problem.f
    X = f.samples.X
    pairs = []
    original = mgres.mgopt.VerifiedOn.allows

    def spy(self, objective, x, trial):
        other = objective.objective.samples
        pairs.append((f.samples.X, other.X, f.samples.y, other.y))
        return original(self, objective, x, trial)

    monkeypatch.setattr(mgres.mgopt.VerifiedOn, "allows", spy)
    cycle = vcycle("[(1), {2}]")
    mgres.fit(f, cycle=cycle, batch_size=Verified(size), max_cycles=len(n_other))
    label = dict(zip(rows(X), f.samples.y, strict=True))
    assert [len(other) for _, other, _, _ in pairs] == n_other
    for batch, other, _, labels in pairs:
        assert len(set(rows(other))) == len(other)
        if size < 60:
            assert not set(rows(batch)) & set(rows(other))
        assert [label[row] for row in rows(other)] == labels.tolist()
    assert pairs[0][1] is X or size < 60  # no rest: all samples, not copied


def test_verification_judges_the_whole_objective(problem):
    """Regulariser and loss are those of f, on other samples."""
    independent = problem.f.with_samples(problem.f.samples)
    assert independent is not problem.f
    assert independent.value(problem.theta) == problem.f.value(problem.theta)


# ---- data on disk --------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [50, FreshCoarse(50), Verified(50), Growing(10, 1.1)])
def test_inputs_on_disk_are_not_loaded_as_a_whole(tmp_path, strategy):
    n, q = 4000, 200
    path = tmp_path / "X.npy"
    rng = np.random.default_rng(0)
    stored = np.lib.format.open_memmap(path, "w+", np.float32, (n, q))
    stored[:] = rng.standard_normal((n, q))
    y = (np.asarray(stored[:, 0]) > 0).astype(int)
    stored.flush()
    del stored

    net = mgres.ResNet(q, 4, 2, 8, activation="tanh")
    theta = net.init(0, "glorot")

    def run(X):
        f = ResNetObjective(net, X, y)
        cycle = vcycle("[(1), {3}]")
        return mgres.fit(f, theta, cycle=cycle, batch_size=strategy, max_cycles=8, seed=1)

    X = np.load(path, mmap_mode="r")
    assert not X.flags.writeable
    tracemalloc.start()
    result = run(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.nbytes / 4
    np.testing.assert_array_equal(result.theta, run(np.array(X)).theta)


# ---- order and arguments -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 10, 11, 25])
def test_order_is_one_permutation_after_the_other(size):
    order = Order(10, np.random.default_rng(0))
    taken = []
    while order.epochs < 3:
        before = order.epochs
        taken.append(order.take(size))
        assert len(taken[-1]) == size or order.epochs == before + 1
    whole = np.concatenate(taken).reshape(3, 10)
    np.testing.assert_array_equal(np.sort(whole, axis=1), [range(10)] * 3)
    assert (whole[0] != whole[1]).any()
    across = Order(10, np.random.default_rng(0))
    parts = [across.take_all_of(size) for _ in range(6)]
    assert all(len(p) == size for p in parts)
    counts = np.bincount(np.concatenate(parts), minlength=10)
    assert counts.max() - counts.min() <= 1
    n = min(30, 6 * size)
    np.testing.assert_array_equal(np.concatenate(parts)[:n], whole.ravel()[:n])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SameBatch(0), "size: expected an integer from 1, got 0"),
        (lambda: SameBatch(2.5), "size: expected an integer from 1, got 2.5"),
        (lambda: FreshCoarse(-1), "size: expected an integer from 1, got -1"),
        (lambda: Growing(0), "start: expected an integer from 1, got 0"),
        (lambda: Growing(5, every=0), "every: expected an integer from 1, got 0"),
        (lambda: Growing(5, 1.0), "factor: expected a number greater than 1, got 1.0"),
        (lambda: Growing(5, np.nan), "factor: expected a number greater than 1, got nan"),
        (lambda: Growing(5, np.inf), "factor: expected a number greater than 1, got inf"),
    ],
)
def test_wrong_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("batch_size", "error", "message"),
    [
        (SameBatch(61), ValueError, r"batch_size: expected 1 to 60 \(all samples\), got 61"),
        (FreshCoarse(61), ValueError, r"batch_size: expected 1 to 60 \(all samples\), got 61"),
        (Growing(61), ValueError, r"batch_size: expected 1 to 60 \(all samples\), got 61"),
        (Verified(61), ValueError, r"batch_size: expected 1 to 60 \(all samples\), got 61"),
        (Verified(0), ValueError, "batch_size: expected an integer from 1, got 0"),
        (Verified(5, -1.0), ValueError, "tolerance: expected a number from 0, got -1.0"),
        (SameBatch, ValueError, "batch_size: expected an integer from 1, got <class"),
        ("all", ValueError, "batch_size: expected an integer from 1, got 'all'"),
    ],
)
def test_strategies_that_do_not_fit(problem, batch_size, error, message):
    with pytest.raises(error, match=message):
        mgres.fit(problem.f, levels=2, batch_size=batch_size, max_cycles=1)


def test_verified_needs_corrections_that_are_not_verified_yet(problem):
    with pytest.raises(TypeError, match="cycle: expected one that corrects the finest level,"):
        mgres.fit(problem.f, batch_size=Verified(16), max_cycles=1)  # the recipe is a cascade
    twice = vcycle("[(1), {2}]", verify=mgres.mgopt.VerifiedOn(problem.f))
    with pytest.raises(ValueError, match="cycle: expected verify=None, as Verified sets it itself"):
        mgres.fit(problem.f, cycle=twice, batch_size=Verified(16), max_cycles=1)


def test_fresh_batches_need_networks_on_coarse_levels(problem):
    class Wrapped:
        def __init__(self, objective):
            self.inner, self.size, self.dtype = objective, objective.size, objective.dtype
            self.value, self.value_and_grad = objective.value, objective.value_and_grad

    fine, coarse = mgres.resnet_hierarchy(problem.f, 2)
    level = mgres.Level(Wrapped(coarse.objective.objective), GradientDescent(0.1))
    hierarchy = mgres.Hierarchy([fine, level])
    with pytest.raises(ValueError, match="fresh batches need coarse levels made by"):
        mgres.fit(problem.f, hierarchy=hierarchy, batch_size=FreshCoarse(10), max_cycles=1)
    assert isinstance(hierarchy.work, WorkUnits)
