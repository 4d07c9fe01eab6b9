"""Every wrong argument gets an error that names it, what was expected and what came."""

import mgres
import numpy as np
import pytest

NET = mgres.ResNet(2, 3, 2, 8)
X = np.ones((5, 2), np.float32)
Y = np.array([0, 1, 0, 1, 1])


def nan_at(row, column):
    values = X.copy()
    values[row, column] = np.nan
    return values


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n_inputs": 0}, ValueError, "n_inputs: expected a positive integer, got 0"),
        ({"width": 2.5}, ValueError, "width: expected a positive integer, got 2.5"),
        ({"n_outputs": True}, ValueError, "n_outputs: expected a positive integer"),
        ({"depth": -4}, ValueError, "depth: expected a positive integer, got -4"),
        ({"final_time": 0.0}, ValueError, "final_time: expected a positive number"),
        ({"final_time": np.inf}, ValueError, "final_time"),
        ({"activation": "gelu"}, ValueError, "activation: expected one of .*relu.*, got 'gelu'"),
        ({"dtype": np.int32}, ValueError, "dtype: expected float32 or float64, got int32"),
        ({"dtype": "nonsense"}, TypeError, "nonsense"),
    ],
)
def test_network(changes, error, message):
    arguments = {"n_inputs": 2, "width": 3, "n_outputs": 2, "depth": 4}
    with pytest.raises(error, match=message):
        mgres.ResNet(**(arguments | changes))


@pytest.mark.parametrize(
    ("x", "y", "changes", "error", "message"),
    [
        (X.tolist(), Y, {}, TypeError, "X: expected a numpy array, got list"),
        (X.astype(np.float64), Y, {}, TypeError, "X: expected dtype float32.*got float64"),
        (X[:, :1].copy(), Y, {}, ValueError, r"X: expected shape \(n, 2\), got \(5, 1\)"),
        (X[0], Y, {}, ValueError, r"X: expected shape \(n, 2\), got \(2,\)"),
        (X[:0], Y[:0], {}, ValueError, "X: expected at least one sample"),
        (np.asfortranarray(X), Y, {}, TypeError, "X: expected a C-contiguous array"),
        (nan_at(3, 1), Y, {}, ValueError, "X: expected finite numbers, got nan in row 3, column 1"),
        (X, Y.tolist(), {}, TypeError, "y: expected a numpy array, got list"),
        (X, Y[:4], {}, ValueError, r"y: expected labels of shape \(5,\), got \(4,\)"),
        (X, Y + 1, {}, ValueError, "y: expected labels from 0 to 1, got 2 in row 1"),
        (X, Y - 1, {}, ValueError, "y: expected labels from 0 to 1, got -1 in row 0"),
        (X, np.array(list("abcab")), {}, TypeError, "y: expected integer labels or float vectors"),
        (X, X[:4], {}, ValueError, r"y: expected shape \(5, 2\), got \(4, 2\)"),
        (X, X, {}, ValueError, "y: expected probability vectors.*in row 0"),
        (X, nan_at(2, 0), {"loss": "squared_error"}, ValueError, "y: .*nan in row 2, column 0"),
        (X, Y, {"loss": "hinge"}, ValueError, "loss: expected one of .*got 'hinge'"),
        (X, Y, {"fixed": "blocks"}, ValueError, "fixed: expected a sequence of names"),
        (X, Y, {"fixed": ("head",)}, ValueError, "fixed: .*head"),
    ],
)
def test_objective(x, y, changes, error, message):
    with pytest.raises(error, match=message):
        mgres.ResNetObjective(NET, x, y, **changes)


@pytest.mark.parametrize("integer", [np.int8, np.uint8, np.int32, np.uint64])
def test_labels_of_any_integer_type(integer):
    f = mgres.ResNetObjective(NET, X, Y.astype(integer))
    assert f.value(NET.init(0)) == mgres.ResNetObjective(NET, X, Y).value(NET.init(0))


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("theta", "out", "error", "message"),
    [
        (np.zeros(NET.size), None, TypeError, "theta: expected dtype float32, got float64"),
        (np.zeros(7, np.float32), None, ValueError, r"theta: expected shape \(\d+,\), got \(7,\)"),
        (np.zeros(2 * NET.size, np.float32)[::2], None, TypeError, "theta: .*C-contiguous"),
        (None, np.zeros(NET.size), TypeError, "out: expected dtype float32"),
        (None, np.zeros(3, np.float32), ValueError, r"out: expected shape"),
        (None, read_only(NET.init(0)), ValueError, "out: expected a writable array"),
    ],
)
def test_evaluation(theta, out, error, message):
    f = mgres.ResNetObjective(NET, X, Y)
    theta = NET.init(0) if theta is None else theta
    out = np.empty(NET.size, np.float32) if out is None else out
    with pytest.raises(error, match=message):
        f.value_and_grad(theta, out)


def test_the_gradient_must_not_overwrite_the_parameters():
    theta = NET.init(0)
    with pytest.raises(ValueError, match="out: must not be theta itself"):
        mgres.ResNetObjective(NET, X, Y).value_and_grad(theta, theta)


def test_read_only_parameters_are_fine():
    f = mgres.ResNetObjective(NET, read_only(X), Y)
    f.value_and_grad(read_only(NET.init(0)), np.empty(NET.size, np.float32))


@pytest.mark.parametrize("x", [X.tolist(), X.astype(np.float64), X[:, :1], X[0], X[:0]])
def test_logits(x):
    with pytest.raises((TypeError, ValueError), match="X: expected"):
        NET.logits(NET.init(0), x)


def test_views():
    with pytest.raises(ValueError, match=r"theta: expected shape \(\d+,\), got \(3,\)"):
        NET.views(np.zeros(3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scheme": "uniform"}, "scheme: expected one of .*got 'uniform'"),
        ({"coarse_depth": 3}, "coarse_depth: expected a divisor of 8 layers, got 3"),
        ({"coarse_depth": 0}, "coarse_depth"),
        ({"scale": np.nan}, "scale: expected a finite number"),
    ],
)
def test_initialisation(changes, message):
    with pytest.raises(ValueError, match=message):
        NET.init(0, **changes)


@pytest.mark.parametrize("beta", [-1e-3, np.nan, np.inf])
def test_tikhonov_beta(beta):
    with pytest.raises(ValueError, match="beta: expected a number >= 0"):
        mgres.Tikhonov(beta)


def test_tikhonov_measure():
    with pytest.raises(ValueError, match=r"measure: expected one of .*got 'area'"):
        mgres.Tikhonov(1.0, "area")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": 0}, "levels: expected at least 1, got 0"),
        ({"levels": 5}, "levels: 5 levels with factor 2 need a depth divisible by 16, got 8; at "),
        ({"levels": 5}, "at most 4 levels are possible"),
        ({"levels": 2, "factor": 3}, "divisible by 3, got 8; at most 1 levels"),
        ({"factor": 1}, "factor: expected at least 2, got 1"),
        ({"metric": "l2"}, "metric: expected one of .*got 'l2'"),
        ({"levels": 2, "optimizer": [mgres.Adam()]}, "optimizer: expected 2, .*got 1"),
        ({"prolongation": "cubic"}, "prolongation: expected one of"),
        ({"projection": "sum"}, "projection: expected one of"),
    ],
)
def test_hierarchy(changes, message):
    with pytest.raises(ValueError, match=message):
        mgres.resnet_hierarchy(mgres.ResNetObjective(NET, X, Y), **changes)


@pytest.mark.parametrize("factor", [0, 1, 3])
def test_coarsening(factor):
    with pytest.raises(ValueError, match="factor: expected a divisor of 8 layers"):
        mgres.ResNetObjective(NET, X, Y).coarsen(factor)


def test_transfer_between_strangers():
    with pytest.raises(ValueError, match="coarse: expected"):
        mgres.DepthTransfer(NET, mgres.ResNet(2, 4, 2, 4))
    with pytest.raises(ValueError, match="coarse: expected a depth that divides 8, got 3"):
        mgres.DepthTransfer(NET, NET.with_depth(3))
