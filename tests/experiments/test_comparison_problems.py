"""The problems, built in and a user's own, as described in the study and in the documentation."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import mgres
from mgres import blocks
from mgres.experiments import Problem, Target
from mgres.experiments.comparison import (
    METHODS,
    PROBLEMS,
    at_depth,
    compare,
    problem_from_csv,
    problem_from_file,
    with_block,
)

BLOCKS_ONLY = ("digits", "spirals", "flow", "henon-heiles")
REGRESSION = ("flow", "henon-heiles")


@pytest.mark.parametrize(
    ("name", "width", "depth", "T", "activation", "batch", "targets", "first"),
    [
        ("circles", 3, 2048, 1, "relu", None, ["accuracy 1"], 16),
        ("mnist", 10, 512, 1, "relu", 1000, ["accuracy 0.93", "accuracy 0.945"], 16),
        ("digits", 10, 256, 5, "tanh", None, ["loss 0.02", "loss 0.002"], 32),
        ("spirals", 4, 512, 10, "tanh", None, ["loss 0.01", "loss 0.0003"], 64),
        ("flow", 4, 512, 10, "tanh", None, ["loss 0.002", "loss 0.0005"], 64),
        ("henon-heiles", 4, 1024, 10, "tanh", None, ["loss 0.0001", "loss 1e-05"], 64),
    ],
)
def test_settings_are_those_of_the_study(name, width, depth, T, activation, batch, targets, first):
    p = PROBLEMS[name]
    found = (p.width, p.depth, p.final_time, p.layers.activation, p.batch_size)
    assert found == (width, depth, T, activation, batch)
    assert [str(t) for t in p.targets] == targets
    assert p.first_depth == first
    assert p.fixed == (("opening", "closing") if name in BLOCKS_ONLY else ())
    assert p.loss == ("squared_error" if name in REGRESSION else "cross_entropy")


@pytest.mark.parametrize("name", ["spirals", "flow"])
def test_fixed_parts_of_plane_problems(name):
    p = PROBLEMS[name]
    net = p.net(0)
    views = net.views(p.start(0))
    assert np.array_equal(views.Q, [[1, 0], [0, 1], [0, 0], [0, 0]])
    W_out = [[0, 0, 0, -2], [0, 0, 0, 2]] if name == "spirals" else [[1, 0, 0, 0], [0, 1, 0, 0]]
    assert np.array_equal(views.W_out, W_out)
    assert not views.b.any()
    assert not views.b_out.any()
    assert np.std(views.W) == pytest.approx(0.1, rel=0.05)


def test_layers_of_the_hamiltonian_problem():
    p = PROBLEMS["henon-heiles"]
    net, theta = p.net(0), p.start(0)
    assert (net.weights, net.damping, net.scheme.name) == ("antisymmetric", 0, "euler")
    views = net.views(theta)
    assert np.array_equal(views.Q, np.eye(4))
    assert np.array_equal(views.W_out, np.eye(4))
    assert [a.shape for a in p.data(1)] == [(1000, 4)] * 4
    found = p.settings()
    assert (found["weights"], found["damping"]) == ("antisymmetric", 0)
    assert "weights" not in PROBLEMS["flow"].settings()


def volume(net, theta):
    """Return the determinants of the derivative of the network's map at a few points."""
    X = np.random.default_rng(0).uniform(-0.4, 0.4, (20, 4))
    columns = [
        (net.logits(theta, X + step) - net.logits(theta, X - step)) / 2e-5
        for step in 1e-5 * np.eye(4)
    ]
    return np.linalg.det(np.stack(columns, axis=2))


def test_euler_expands_phase_space_the_less_the_deeper_the_network():
    p = replace(PROBLEMS["henon-heiles"], scale=0.5, dtype="float64")
    expanded = []
    for depth in (64, 128, 256):
        deep = replace(p, depth=depth)
        expanded.append(np.log(volume(deep.net(0), deep.start(0, "smooth"))))
    assert np.all(expanded[0] > 0.02)
    for coarse, fine in pairwise(expanded):
        assert np.all((coarse / fine > 1.7) & (coarse / fine < 2.3))


def test_fixed_parts_of_digits():
    pytest.importorskip("sklearn")
    p = PROBLEMS["digits"]
    views = p.net(1).views(p.start(1))
    assert np.array_equal(views.Q, np.eye(10))
    assert views.W_out @ views.W_out.T == pytest.approx(4 * np.eye(10), abs=1e-5)
    assert not np.array_equal(views.W_out, p.net(2).views(p.start(2)).W_out)
    assert [a.shape for a in p.data(1)] == [(1000, 10), (1000,), (797, 10), (797,)]


@pytest.mark.parametrize("name", ["circles", "spirals"])
def test_starts(name):
    p = replace(PROBLEMS[name], depth=256)
    net = p.net(3)
    smooth, rough = (net.views(p.start(3, kind)).W for kind in ("smooth", "independent"))
    factor = 256 // p.first_depth
    assert np.array_equal(smooth, np.repeat(smooth[::factor], factor, axis=0))
    assert len(np.unique(smooth)) == p.first_depth * p.width**2
    assert len(np.unique(rough)) == 256 * p.width**2
    coarse = replace(p, depth=p.first_depth).start(3, "independent")
    assert np.array_equal(net.with_depth(p.first_depth).views(coarse).W, smooth[::factor])


def test_data_are_of_the_seed_and_the_dtype():
    p = replace(PROBLEMS["spirals"], dtype="float64")
    assert p.data(1)[0].dtype == np.float64
    assert np.array_equal(p.data(1)[0], mgres.datasets.spirals(1)[0])
    assert not np.array_equal(p.data(1)[0], p.data(2)[0])
    fixed = replace(p, same_data=True)
    assert np.array_equal(fixed.data(1)[0], fixed.data(2)[0])


def test_another_depth_is_another_problem():
    assert at_depth(PROBLEMS["mnist"], None) is PROBLEMS["mnist"]
    assert at_depth(PROBLEMS["mnist"], 512) is PROBLEMS["mnist"]
    deep = at_depth(PROBLEMS["mnist"], 2048)
    assert (deep.name, deep.depth) == ("mnist-2048", 2048)
    assert deep.targets == PROBLEMS["mnist"].targets


BLOCKS = [
    mgres.blocks.TwoLayer(6, activation="silu", norm="layer"),
    mgres.blocks.Gradient(4, activation="tanh", paced=True),
    mgres.blocks.Hamiltonian(activation="tanh"),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_problem_may_have_any_block(discs, block, tmp_path):
    problem = replace(discs, width=4, block=block, targets=(Target("loss", 0.68),))
    assert problem.net(0).block == block
    assert problem.settings()["block"] == repr(block)
    names = [name for name in METHODS if name not in ("cascade", "fmg", "frozen")]
    for name in names:
        assert (METHODS[name].grid(problem, True) == []) == name.startswith(("torch/", "jax/"))
    methods = ["single/lbfgs", "mgopt", "recommended"]
    result = compare(
        [problem], 2, tmp_path, version="1", methods=methods, quick=True, budgets=(1, 2, 4, 8)
    )
    for name in methods:
        row = [row["per_seed"]["loss"] for row in result["budgets"] if row["method"] == name]
        assert len(row) == 4
        for smaller, larger in pairwise(row):
            assert all(np.less_equal(larger, smaller))


def test_blocks_are_checked(discs):
    with pytest.raises(TypeError, match=r"block: expected one of mgres.blocks"):
        replace(discs, block="two_layer")


def test_weights_are_checked():
    with pytest.raises(ValueError, match="weights: expected one of"):
        replace(PROBLEMS["flow"], weights="symmetric")
    with pytest.raises(ValueError, match="damping: needs weights='antisymmetric'"):
        replace(PROBLEMS["flow"], damping=0.1)


def test_a_problem_with_another_block():
    flow = PROBLEMS["flow"]
    assert with_block(flow, None) is flow
    assert with_block(flow, "dense") is flow
    block = blocks.TwoLayer(8, activation="tanh", norm="layer")
    other = with_block(flow, "two_layer", norm="layer")
    assert (other.name, other.layers) == ("flow-two_layer-layer", block)
    assert other.net(0) == replace(flow.net(0), block=block)
    assert other.settings()["block"] == repr(block)
    assert other.settings()["activation"] == "tanh"
    assert "block" not in flow.settings()
    own = with_block(PROBLEMS["henon-heiles"], None, paced=True)
    assert own.layers == blocks.Antisymmetric(activation="tanh", paced=True)
    assert own.name == "henon-heiles-antisymmetric-paced"
    hamiltonian = with_block(PROBLEMS["henon-heiles"], "hamiltonian", hidden=3)
    assert hamiltonian.net(0).scheme == mgres.schemes.Verlet()
    assert hamiltonian.layers == blocks.Hamiltonian(3, activation="tanh")


def test_the_start_of_blocks_of_two_matrices_is_as_large(discs):
    """F is a product of both, and `scale` is of F."""
    fields = []
    for block in (blocks.TwoLayer(400, activation="identity"), None):
        problem = replace(discs, block=block, width=200, scale=0.01, depth=1, activation="identity")
        net = problem.net(0)
        y = np.random.default_rng(0).standard_normal((50, 200)).astype(net.dtype)
        p = net.views(problem.start(0))
        values = y @ p.W[0].T if block is None else y @ p.W1[0].T @ p.W2[0].T
        fields.append(np.linalg.norm(values) / np.linalg.norm(y))
    assert fields[0] == pytest.approx(0.01, rel=0.1)
    assert fields[1] == pytest.approx(0.01 * np.sqrt(200), rel=0.1)  # the paper's N(0, 1)


def test_a_block_and_its_keywords(discs):
    block = blocks.TwoLayer(5, activation="silu")
    assert replace(discs, block=block).net(0).block == block
    assert replace(discs, block=block, activation="elu").net(0).activation == "elu"
    assert discs.net(0).activation == "relu"
    damped = replace(discs, block=blocks.Antisymmetric(0.5))
    assert damped.net(0).damping == 0.5
    with pytest.raises(ValueError, match="weights: expected none beside block"):
        replace(discs, block=block, weights="antisymmetric")
    with pytest.raises(ValueError, match="damping: needs"):
        replace(discs, block=block, damping=0.5)
    with pytest.raises(TypeError, match=r"block: expected one of mgres\.blocks"):
        replace(discs, block="two_layer")
    with pytest.raises(ValueError, match="width: expected an even number"):
        replace(discs, block=blocks.Hamiltonian(), width=3)


@pytest.mark.parametrize(("depth", "first"), [(512, 64), (64, 64), (32, 32), (96, 96), (128, 64)])
def test_first_depth_divides_the_depth(depth, first):
    assert replace(PROBLEMS["flow"], depth=depth).first_depth == first


@pytest.mark.parametrize(
    ("kind", "value", "good", "bad"),
    [("loss", 0.1, 0.1, 0.11), ("accuracy", 0.9, 0.9, 0.89)],
)
def test_targets(kind, value, good, bad):
    target = Target(kind, value)
    assert target.met(good)
    assert not target.met(bad)
    assert not target.met(float("nan"))
    assert str(target) == f"{kind} {value:g}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("speed", 1.0), "kind: expected one of ('loss', 'accuracy'), got 'speed'"),
        (("loss", "1"), "value: expected a number, got '1'"),
        (("accuracy", 1.5), "value: expected a finite number, a share from 0 to 1"),
        (("loss", float("nan")), "value: expected a finite number"),
    ],
)
def test_bad_targets(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Target(*arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 0}, "depth: expected an integer from 1, got 0"),
        ({"width": 2.0}, "width: expected an integer from 1, got 2.0"),
        ({"final_time": -1}, "final_time: expected a positive number, got -1"),
        ({"loss": "hinge"}, "loss: expected one of"),
        ({"activation": "cos"}, "activation: expected one of"),
        ({"fixed": "blocks"}, "fixed: expected names from"),
        ({"targets": ()}, "targets: expected at least one Target, got ()"),
        ({"targets": (0.5,)}, "targets: expected at least one Target, got (0.5,)"),
        ({"make": 3}, "make: expected a callable of a seed, got 3"),
        ({"loss": "squared_error"}, "targets: an accuracy needs loss='cross_entropy'"),
    ],
)
def test_bad_problems(discs, changes, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        replace(discs, **changes)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (3, "make: expected (X_train, y_train, X_val, y_val), got int"),
        ((np.zeros((3, 2)), np.zeros(2, int)) * 2, "as many targets, got shapes (3, 2), (2,)"),
        ((np.zeros((3, 2)), np.zeros(3, int), np.zeros((0, 2)), np.zeros(0, int)), "needs valid"),
    ],
)
def test_bad_data(discs, made, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        replace(discs, make=lambda seed: made).data(0)


# ---- a Python file ------------------------------------------------------------------------------

AS_MAPPING = """
import mgres
def problem():
    return {
        "make": lambda seed: mgres.datasets.circles(seed, 50, 20),
        "targets": [("accuracy", 0.9), ("loss", 0.1)],
        "width": 3,
        "depth": 8,
    }
"""
AS_OBJECT = """
import mgres
from mgres.experiments import Problem, Target
def problem():
    return Problem(
        "two", lambda seed: mgres.datasets.circles(seed, 50, 20), (Target("loss", 0.1),), 3, 8
    )
"""


def test_python_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(AS_MAPPING)
    p = problem_from_file(path)
    assert isinstance(p, Problem)
    assert (p.name, p.depth, p.targets) == (
        "mine",
        8,
        (Target("accuracy", 0.9), Target("loss", 0.1)),
    )
    assert p.data(0)[0].shape == (50, 2)
    path.write_text(AS_OBJECT)
    other = problem_from_file(path)
    assert other.name == "two"
    assert other.source != p.source  # finished runs of the first one do not count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "mine.py: expected a function problem()"),
        ("def problem(): return 3", "expected a Problem or a mapping of its fields, got int"),
        ("def problem(): return {'deep': 3}", "problem(): deep: expected some of activation, "),
        ("def problem(): return {'depth': 3}", "mine.py: problem(): "),
        (AS_MAPPING.replace("8", "0"), "mine.py: problem(): depth: expected an integer from 1"),
        (AS_MAPPING.replace('("loss", 0.1)', "0.1"), "targets: expected pairs (kind, value)"),
    ],
)
def test_bad_python_files(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        problem_from_file(path)


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        problem_from_file(tmp_path / "mine.py")
    with pytest.raises(FileNotFoundError, match="expected a file, got a folder"):
        problem_from_csv(tmp_path, "y")


# ---- a table ------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    def write(header, rows, name="data.csv"):
        path = tmp_path / name
        lines = [header, *(",".join(map(str, row)) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def numbers(n=40, seed=0):
    return np.round(np.random.default_rng(seed).normal(3, 2, (n, 2)), 4)


def test_table_of_text_labels(table):
    rows = [(a, "cat" if a > b else "dog", 7, b) for a, b in numbers()]
    p = problem_from_csv(table("length, kind,constant,weight", rows), "kind")
    X, y, X_val, y_val = p.data(0)
    assert p.loss == "cross_entropy"
    assert (X.shape, X_val.shape) == ((32, 2), (8, 2))  # the constant column is left out
    assert set(y) == {0, 1}
    assert X.mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
    assert X.std(axis=0) == pytest.approx([1, 1], rel=1e-5)
    # standardised points keep their order and their labels
    given = np.array([(row[0], row[3]) for row in rows])
    labels = np.array([row[1] == "dog" for row in rows])
    both, codes = np.concatenate([X, X_val]), np.concatenate([y, y_val])
    order = np.argsort(both[:, 0])
    assert np.array_equal(codes[order], labels[np.argsort(given[:, 0])])
    shares = np.bincount(labels) / 40
    chance = -np.sum(shares * np.log(shares))
    assert [t.value for t in p.targets] == pytest.approx([chance / 2, chance / 10], rel=5e-3)
    assert not np.array_equal(p.data(0)[0], p.data(1)[0])


def test_table_of_integer_labels(table):
    rows = [(a, b, i % 3) for i, (a, b) in enumerate(numbers())]
    p = problem_from_csv(table("a,b,c", rows), "c")
    assert p.net(0).n_outputs == 3
    assert p.loss == "cross_entropy"


@pytest.mark.parametrize("integers", [False, True])
def test_table_of_quantities(table, integers):
    rows = [(a, b, i if integers else a * b) for i, (a, b) in enumerate(numbers())]
    p = problem_from_csv(table("a,b,c", rows), "c")
    _, y, _, _ = p.data(0)
    assert p.loss == "squared_error"
    assert p.net(0).n_outputs == 1
    assert y.mean() == pytest.approx(0, abs=1e-6)
    assert y.std() == pytest.approx(1, rel=1e-5)
    # the loss of the mean is 1/2: the targets are half and a tenth of it
    assert [t.value for t in p.targets] == [0.25, 0.05]


GOOD = [(a, b, i % 2) for i, (a, b) in enumerate(numbers(12))]


@pytest.mark.parametrize(
    ("header", "rows", "target", "message"),
    [
        ("a,b,c", GOOD, "d", "there is no column 'd'; its columns are a, b, c"),
        ("a,b,c", GOOD[:9], "c", "expected at least 10 rows, got 9"),
        ("a,b,c", [*GOOD, (1, 2)], "c", "row 13: expected 3 cells, got 2"),
        ("a,b,c", [*GOOD, (1, "x", 0)], "c", "'b', row 13: expected a finite number, got 'x'"),
        ("a,b,c", [*GOOD, (1, "nan", 0)], "c", "'b', row 13: expected a finite number, got 'nan'"),
        ("a,b,c", [*GOOD, (1, 2, "")], "c", "'c', row 13: the cell is empty"),
        ("a,b,c", [(a, b, 1) for a, b, _ in GOOD], "c", "expected at least two classes, got one"),
        ("a,b,c", [(1, 2, c) for *_, c in GOOD], "c", "every column but 'c' is constant: a, b"),
        ("c", [(i % 2,) for i in range(12)], "c", "expected columns besides 'c'"),
    ],
)
def test_bad_tables(table, header, rows, target, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        problem_from_csv(table(header, rows), target)


def test_empty_table(tmp_path):
    (tmp_path / "data.csv").write_text("")
    with pytest.raises(ValueError, match="got an empty file"):
        problem_from_csv(tmp_path / "data.csv", "y")


def test_table_that_is_no_text(tmp_path):
    (tmp_path / "data.csv").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ValueError, match="expected text in UTF-8"):
        problem_from_csv(tmp_path / "data.csv", "y")
