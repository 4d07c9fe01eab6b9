"""Augmented batches: what becomes of images, who sees them, and what that does to line searches."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

import mgres
from mgres.mgopt import LBFGS, Armijo, GradientDescent
from mgres.resnet import ResNetObjective
from mgres.training import Augmented, FreshCoarse, Growing, SameBatch, Verified

SHAPE = (2, 4, 5)


def shifted(image, i, j, flip, background):
    """Return an image (C, H, W) by the definition, pixel by pixel."""
    _, height, width = image.shape
    out = background.copy()
    for a, b in itertools.product(range(height), range(width)):
        from_a, from_b = a - i, b - j
        if 0 <= from_a < height and 0 <= from_b < width:
            column = width - 1 - from_b if flip else from_b
            move = background[:, a, b] - background[:, from_a, column]
            out[:, a, b] = image[:, from_a, column] + move
    return out


def variants(image, shift, flip, background):
    moves = itertools.product(range(-shift, shift + 1), range(-shift, shift + 1))
    flips = (False, True) if flip else (False,)
    return {
        (i, j, f): shifted(image, i, j, f, background)
        for (i, j), f in itertools.product(moves, flips)
    }


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("ground", ["none", "channels", "pixels"])
def test_every_image_is_moved_by_the_definition(rng, flip, ground, dtype):
    n, features = 400, 40
    X = rng.normal(size=(n, features)).astype(dtype)
    background = {
        "none": np.zeros(features, dtype),
        "channels": np.repeat([0.5, -2], 20).astype(dtype),
        "pixels": rng.normal(size=features).astype(dtype),
    }[ground]
    given = 0.0 if ground == "none" else background
    how = Augmented(8, SHAPE, shift=2, flip=flip, background=given)
    before = X.copy()
    out = how.apply(X, rng)
    np.testing.assert_array_equal(X, before)
    assert (out.shape, out.dtype) == (X.shape, X.dtype)
    seen = dict.fromkeys(variants(X[0].reshape(SHAPE), 2, flip, background.reshape(SHAPE)), 0)
    for image, moved in zip(X, out, strict=True):
        found = [
            way
            for way, expected in variants(
                image.reshape(SHAPE), 2, flip, background.reshape(SHAPE)
            ).items()
            if np.allclose(moved.reshape(SHAPE), expected, atol=1e-5)
        ]
        assert len(found) == 1
        seen[found[0]] += 1
    # every way is taken, and none much more often than others: 16 (or 8) times in the mean
    mean = n / len(seen)
    assert all(0 < count < mean + 5 * mean**0.5 for count in seen.values())


def test_moving_inputs_is_moving_what_they_were_made_of(rng):
    """For any mean and scale of features, the background being what black becomes."""
    raw = rng.random((50, 40))
    mean = rng.random(40)
    scale = np.repeat(rng.uniform(0.5, 2, 2), 20)  # one for a channel
    background = -mean / scale
    plain = Augmented(8, SHAPE, flip=True)
    scaled = Augmented(8, SHAPE, flip=True, background=background)
    a = (plain.apply(raw, np.random.default_rng(1)) - mean) / scale
    b = scaled.apply((raw - mean) / scale, np.random.default_rng(1))
    np.testing.assert_allclose(a, b, atol=1e-12)


def test_rows_and_columns_have_shifts_of_their_own(rng):
    out = Augmented(8, (1, 3, 3), shift=(0, 1)).apply(np.eye(9), rng).reshape(9, 3, 3)
    rows = [set(np.nonzero(image)[0]) for image in out]
    assert all(found <= {i // 3} for i, found in enumerate(rows))


def test_memory_of_one_batch(rng):
    X = rng.random((500, 784)).astype(np.float32)
    how = Augmented(500, (1, 28, 28), 2, flip=True, background=rng.random(784))
    tracemalloc.start()
    how.apply(X, rng)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.3 * X.nbytes


# ---- in training ---------------------------------------------------------------------------------


@pytest.fixture
def problem():
    """Two classes of images of 6 x 6 pixels: a bar that stands, and one that lies."""
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    X = np.zeros((80, 6, 6), np.float32)
    for image, label in zip(X, y, strict=True):
        at = rng.integers(1, 5)
        image[(slice(1, 5), at) if label else (at, slice(1, 5))] = 1
    net = mgres.ResNet(36, 4, 2, 16)
    return ResNetObjective(net, X.reshape(80, 36), y, regularizer=mgres.Tikhonov(1e-3))


HOW = Augmented(16, (1, 6, 6), shift=1, flip=True)


@pytest.mark.parametrize(
    "strategy", [HOW, Augmented(None, (1, 6, 6)), Augmented(Growing(8), (1, 6, 6))]
)
def test_all_levels_of_a_cycle_see_the_same_moved_images(problem, evaluations, strategy):
    own = {row.tobytes() for row in problem.samples.X}
    batches, cycles = [], []

    def callback(record, theta):
        cycles.append(list(evaluations))
        evaluations.clear()

    cycle = mgres.VCycle(mgres.Schedule.parse("[1, 1, {2}]"), Armijo())
    mgres.fit(problem, cycle=cycle, batch_size=strategy, max_cycles=8, callbacks=[callback])
    for seen in cycles[1:]:  # the first list begins with the start's values, on all samples
        assert {e.depth for e in seen} == {16, 8, 4}
        assert len({id(e.X) for e in seen}) == 1
        batches.append(seen[0].X)
    moved = [row.tobytes() not in own for X in batches for row in X]
    assert np.mean(moved) > 0.3
    assert all((a.shape != b.shape) or (a != b).any() for a, b in itertools.pairwise(batches))


def test_labels_and_targets_stay_with_their_images(problem, evaluations):
    bars = {}
    how = Augmented(16, (1, 6, 6), shift=1)
    mgres.fit(problem, levels=1, batch_size=how, max_cycles=10)
    for e in evaluations:
        for image, label in zip(e.X.reshape(-1, 6, 6), e.y, strict=True):
            bars.setdefault(int(label), []).append(image)
    # a bar that stands is in one column
    assert all((image.any(axis=0).sum() <= 1) for image in bars[1])
    assert all((image.any(axis=1).sum() <= 1) for image in bars[0])


def test_samples_are_back_at_the_end(problem):
    X = problem.samples.X
    result = mgres.fit(problem, levels=2, batch_size=HOW, max_cycles=5)
    assert problem.samples.X is X
    # first and last record are about all samples as they are
    assert result.history[-1].loss == problem.value(result.theta)


def test_the_seed_decides(problem):
    theta = problem.net.init(3)

    def run(seed):
        how = Augmented(None, (1, 6, 6))  # nothing else is drawn
        return mgres.fit(problem, theta, levels=2, batch_size=how, max_cycles=6, seed=seed).theta

    np.testing.assert_array_equal(run(1), run(1))
    assert (run(1) != run(2)).any()


# ---- what is said of line searches ---------------------------------------------------------------


def losses(problem, strategy, optimizer, **options):
    """Return the loss on a cycle's own batch before and after it, for every cycle."""
    before, after = [], []
    hierarchy = mgres.resnet_hierarchy(problem, 3, optimizer=optimizer, metric="time")
    cycle = mgres.VCycle(mgres.Schedule.parse("[1, 1, {2}]"), Armijo(), **options)
    theta = [problem.net.init(3)]

    def callback(record, now):
        before.append(problem.value(theta[0]))  # the batch of the cycle is still in use
        after.append(problem.value(now))
        theta[0] = now.copy()
        assert record.loss == after[-1]

    mgres.fit(
        problem,
        theta[0],
        hierarchy=hierarchy,
        cycle=cycle,
        batch_size=strategy,
        max_cycles=40,
        callbacks=[callback],
    )
    return np.array(before), np.array(after)


@pytest.mark.parametrize("state", ["reset", "keep", "transfer"])
def test_a_line_search_holds_within_its_cycle_and_not_from_one_to_the_next(problem, state):
    # all samples in every cycle: nothing but the moves makes another function of it
    strategy = Augmented(None, (1, 6, 6), shift=2)
    before, after = losses(problem, strategy, LBFGS(), state=state)
    assert (after <= before).all()
    assert (before[1:] != after[:-1]).all()
    assert (np.diff(after) > 0).any()
    assert (before[1:] > after[:-1]).mean() > 0.5  # a cycle over-fits its own images
    assert after[-1] < before[0]
    # as they are, all samples are one function
    before, after = losses(problem, None, LBFGS(), state=state)
    np.testing.assert_array_equal(before[1:], after[:-1])
    assert (np.diff(after) <= 0).all()


def test_pairs_of_lbfgs_come_from_one_function_each(problem, monkeypatch):
    learnt = []
    learn = LBFGS.learn

    def spy(self, s, y, state):
        # what the pair would be on the batch in use, with the gradient asked for afresh
        gradients = [np.empty_like(s), np.empty_like(s)]
        problem.value_and_grad(state.trial - s, gradients[0])
        problem.value_and_grad(state.trial, gradients[1])
        np.testing.assert_allclose(y, gradients[1] - gradients[0], atol=1e-5)
        learnt.append(y.copy())
        learn(self, s, y, state)

    monkeypatch.setattr(LBFGS, "learn", spy)
    hierarchy = mgres.resnet_hierarchy(problem, 1, optimizer=LBFGS(), metric="time")
    mgres.fit(problem, hierarchy=hierarchy, batch_size=HOW, max_cycles=10)
    assert len(learnt) >= 8


@pytest.mark.parametrize("around", [True, False])
def test_verified_on_samples_as_they_are(problem, evaluations, around):
    own = {row.tobytes() for row in problem.samples.X}
    how = Verified(HOW) if around else Augmented(Verified(16), HOW.shape, 1, flip=True)
    hierarchy = mgres.resnet_hierarchy(problem, 2, optimizer=GradientDescent(1.0), metric="time")
    cycle = mgres.VCycle(mgres.Schedule.parse("[0, {1}]"), Armijo())
    kinds = []

    def callback(record, theta):
        batch = problem.samples.X
        others = [e.X for e in evaluations if e.X is not batch]
        kinds.append(len(others))
        for X in others[-2:]:
            assert all(row.tobytes() in own for row in X)
        evaluations.clear()

    mgres.fit(
        problem,
        hierarchy=hierarchy,
        cycle=cycle,
        batch_size=how,
        max_cycles=6,
        callbacks=[callback],
    )
    assert kinds[1:] == [2] * 5


def test_the_judge_keeps_its_samples_as_they_are(problem, evaluations):
    own = {row.tobytes() for row in problem.samples.X}
    asked = []

    def callback(record, theta):
        batch = problem.samples.X
        asked.extend(e.X for e in evaluations if e.X is not batch and len(e.X) == 16)
        evaluations.clear()

    mgres.fit(problem, method="cascade", batch_size=HOW, max_cycles=80, callbacks=[callback])
    assert asked
    assert all(X is asked[0] for X in asked)
    assert all(row.tobytes() in own for row in asked[0])


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (6, 6)}, "shape: expected channels, height and width, got (6, 6)"),
        ({"shape": (1, 6, 0)}, "shape: expected an integer from 1, got 0"),
        ({"shape": "abc"}, "shape: expected channels, height and width, got 'abc'"),
        ({"shift": 6}, "shift: expected less than the 6 rows of an image, got 6"),
        ({"shift": (0, 9)}, "shift: expected less than the 6 columns of an image, got (0, 9)"),
        ({"shift": -1}, "shift: expected an integer from 0, got -1"),
        ({"shift": 1.5}, "shift: expected an integer from 0, got 1.5"),
        ({"shift": (1, 2, 3)}, "shift: expected an integer, or one for rows and one for columns"),
        ({"shift": 0}, "shift: expected 1 or more, or flip=True"),
        ({"flip": 1}, "flip: expected True or False, got 1"),
        ({"background": np.zeros(6)}, "background: expected a number, or one for each of the 36"),
        ({"background": np.nan}, "background: expected finite numbers"),
        ({"strategy": 0}, "batch_size: expected an integer from 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as caught:
        Augmented(**{"strategy": 16, "shape": (1, 6, 6), **arguments})
    assert message in str(caught.value)


def test_samples_of_another_shape(problem):
    with pytest.raises(ValueError, match="has 35 features, and the samples have 36"):
        mgres.fit(problem, batch_size=Augmented(16, (1, 5, 7)))


@pytest.mark.parametrize("wrap", [FreshCoarse, lambda n: Verified(FreshCoarse(n))])
def test_batches_of_coarse_levels_alone(problem, wrap):
    with pytest.raises(ValueError, match="expected one batch for all levels of a cycle"):
        mgres.fit(problem, levels=2, batch_size=Augmented(wrap(16), (1, 6, 6)))


def test_what_is_no_image():
    with pytest.raises(ValueError, match=r"X: expected shape \(n, 36\), got \(4, 35\)"):
        HOW.apply(np.zeros((4, 35)), np.random.default_rng(0))


def test_another_background_is_another_run(problem, tmp_path):
    def run(background, **options):
        how = Augmented(SameBatch(16), (1, 6, 6), background=background)
        folder = str(tmp_path / "c")
        checkpoint = mgres.Checkpoint(folder)
        return mgres.fit(
            problem, levels=2, batch_size=how, checkpoint=checkpoint, max_cycles=2, **options
        )

    run(0.5)
    with pytest.raises(ValueError, match="batch size"):
        run(0.25, resume=str(tmp_path / "c"))
