"""The engine, `fit` and what belongs to it on a user's network."""

import itertools

import numpy as np
import pytest

import mgres
from mgres.testing import check_hierarchy

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install 'mgres[torch]'")

from mgres.torch import TorchObjective, TorchResNet  # noqa: E402

from . import models  # noqa: E402


@pytest.mark.parametrize("make", [models.dense, models.conv])
@pytest.mark.parametrize(
    "options",
    [
        {"metric": "euclidean"},
        {"metric": "time", "prolongation": "linear"},
        {"coarse_scheme": "matched", "metric": "time"},
    ],
)
def test_a_hierarchy_is_what_the_method_takes_for_granted(make, options):
    f = make(regularizer=mgres.Tikhonov(0.001))
    h = mgres.resnet_hierarchy(f, 3, optimizer=mgres.GradientDescent(0.05), **options)
    assert [level.objective.size for level in h] == [
        f.net.with_depth(f.net.depth // m).size for m in (1, 2, 4)
    ]
    stages = 2 if "coarse_scheme" in options else 1
    assert [level.cost for level in h] == [1, stages / 2, stages / 4]
    report = check_hierarchy(h, f.net.init(), mgres.VCycle(mgres.Schedule.paper(3)))
    assert report.ok, report


def runs_alike(**options):
    """Train a dense network twice, computed by PyTorch and by mgres; return both results."""
    f = models.dense(depth=32, n=40)
    theta = f.net.init(coarse_depth=16)
    own = dict(options)
    if "regularizer" in own:
        f = models.dense(depth=32, n=40, regularizer=own.pop("regularizer"))
    g = models.twin(f, regularizer=f.regularizer)
    return [mgres.fit(o, theta, **own) for o in (f, g)]


@pytest.mark.parametrize(
    "options",
    [
        {"max_cycles": 30},
        {"levels": 3, "max_cycles": 5},
        {"levels": 2, "max_cycles": 5, "batch_size": 16},
        {"levels": 2, "max_cycles": 5, "batch_size": mgres.FreshCoarse(16)},
        {"levels": 2, "max_cycles": 5, "batch_size": mgres.Growing(8)},
        {"levels": 2, "max_cycles": 5, "batch_size": mgres.Verified(16)},
        {"max_cycles": 20, "batch_size": 16},
        {"max_cycles": 20, "regularizer": mgres.Tikhonov(0.001, measure="time")},
        {"cycle": mgres.FullMultigrid(), "max_cycles": 4},
    ],
    ids=["recipe", "v", "same", "fresh", "growing", "verified", "recipe2", "tikhonov", "full"],
)
def test_fit_goes_the_way_that_it_goes_with_the_same_network_in_mgres(options):
    ours, theirs = runs_alike(**options)
    assert ours.work_units == theirs.work_units
    assert ours.stopped == theirs.stopped
    assert ours.history.column("level") == theirs.history.column("level")
    assert np.allclose(ours.history.column("loss"), theirs.history.column("loss"), rtol=1e-6)
    assert np.allclose(ours.theta, theirs.theta, rtol=1e-4, atol=1e-6)
    assert ours.history[-1].loss < ours.history[0].loss


def test_fit_starts_from_the_modules_and_validates():
    f = models.dense(depth=4, n=30)
    X, y = models.samples(20)
    before = f.net.init()
    result = mgres.fit(f, levels=2, max_cycles=3, validation=(X, y))
    assert result.history[0].loss == f.value(before)
    assert result.history[0].accuracy == f.net.accuracy(before, X, y)
    assert result.history[-1].accuracy == f.net.accuracy(result.theta, X, y)
    assert np.array_equal(f.net.init(), before)


def test_the_recipe_starts_smooth_in_t():
    f = models.dense(depth=32)
    recipe = mgres.recommended(f)
    assert [level.objective.objective.net.depth for level in recipe.hierarchy] == [32, 16]
    assert np.array_equal(recipe.start(3), f.net.init(coarse_depth=16))


@pytest.mark.parametrize("batch_size", [None, 8])
def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path, batch_size):
    f = models.conv(depth=32, n=12)
    options = {"batch_size": batch_size, "seed": 4}
    whole = mgres.fit(f, max_cycles=12, **options)
    checkpoint = mgres.Checkpoint(tmp_path, every_cycles=5)
    mgres.fit(models.conv(depth=32, n=12), max_cycles=7, checkpoint=checkpoint, **options)
    resumed = mgres.fit(models.conv(depth=32, n=12), max_cycles=12, resume=tmp_path, **options)
    assert resumed.theta.tobytes() == whole.theta.tobytes()
    assert resumed.history.column("loss") == whole.history.column("loss")
    assert resumed.work_units == whole.work_units


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    mgres.fit(models.dense(), levels=2, max_cycles=2, checkpoint=mgres.Checkpoint(tmp_path))
    with pytest.raises(ValueError, match="belongs to another run, by its network"):
        mgres.fit(models.dense(final_time=3.0), levels=2, max_cycles=3, resume=tmp_path)
    other = models.dense()
    smooth = TorchObjective(other.net, other.samples.X, other.samples.y, torch.nn.MultiMarginLoss())
    with pytest.raises(ValueError, match="belongs to another run, by its loss"):
        mgres.fit(smooth, levels=2, max_cycles=3, resume=tmp_path)


def test_every_level_sees_the_batch_in_use():
    f = models.dense(depth=4, n=12)
    h = mgres.resnet_hierarchy(f, 2)
    fine, coarse = (level.objective.objective for level in h)
    assert coarse.samples is fine.samples
    before = coarse.revision
    fine.samples.use(fine.samples.X[:5], fine.samples.y[:5])
    assert coarse.revision == before + 1
    expected = models.dense(depth=4, n=12)
    theta = expected.net.init(coarse_depth=2)
    theta_coarse = expected.net.with_depth(2).init()
    assert coarse.value(theta_coarse) == pytest.approx(fine.value(theta), rel=0.5)
    assert coarse.value(theta_coarse) != expected.coarsen(2).value(theta_coarse)


REFUSED = [
    (lambda f, X, y: {"validation": (torch.from_numpy(X), y)}, TypeError, r"validation\[0\].*Tens"),
    (lambda f, X, y: {"validation": (X[:, :1].copy(), y)}, ValueError, r"samples like X, shape"),
    (lambda f, X, y: {"validation": (X, y + 0.5)}, TypeError, "expected integer labels"),
    (lambda f, X, y: {"validation": (X, y[1:])}, ValueError, r"expected labels of shape \(9,\)"),
    (lambda f, X, y: {"theta": f.net.init()[1:]}, ValueError, "theta: expected shape"),
    (lambda f, X, y: {"levels": 5}, ValueError, "need a depth divisible by 16, got 8"),
    (lambda f, X, y: {"batch_size": 10}, ValueError, "batch_size: expected 1 to 9"),
    (
        lambda f, X, y: {
            "cycle": mgres.VCycle(mgres.Schedule.paper(2), coupling=mgres.StateDefect())
        },
        TypeError,
        "with_state_defect",
    ),
]


@pytest.mark.parametrize(("options", "error", "message"), REFUSED)
def test_what_fit_refuses(options, error, message):
    f = models.dense()
    with pytest.raises(error, match=message):
        mgres.fit(f, max_cycles=2, **options(f, *models.samples()))


@pytest.mark.parametrize(
    "optimizer", [mgres.mgopt.TruncatedNewton(), mgres.mgopt.GaussNewton()], ids=["newton", "gauss"]
)
def test_second_order_optimizers_go_the_same_way_too(optimizer):
    f = models.dense(n=30)
    results = []
    for one in (f, models.twin(f)):
        h = mgres.resnet_hierarchy(one, 2, optimizer=optimizer, metric="time")
        results.append(
            mgres.fit(one, f.net.init(), hierarchy=h, cycle=mgres.Cascade(), max_cycles=4)
        )
    ours, theirs = results
    assert ours.work_units == theirs.work_units
    assert np.allclose(ours.theta, theirs.theta, rtol=1e-5, atol=1e-7)


def test_one_data_set_may_be_a_memory_map(tmp_path):
    X, y = models.samples(12)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    net = TorchResNet(*models.dense_parts(), 2.0)
    results = [
        mgres.fit(TorchObjective(net, samples, y), levels=2, max_cycles=3, batch_size=5)
        for samples in (X, mapped)
    ]
    for one, other in itertools.pairwise(results):
        assert np.array_equal(one.theta, other.theta)


def test_levels_with_samples_of_their_own_come_to_agree():
    f = models.dense(n=12)
    coarse = f.coarsen(2)
    coarse.samples = type(f.samples)(f.samples.X[:5], f.samples.y[:5])
    before = coarse.revision
    coarse.agree_with(f)
    assert coarse.samples.X is f.samples.X
    assert coarse.revision > before
    coarse.agree_with(mgres.mgopt.Memo(f))  # what is no such objective has no samples
