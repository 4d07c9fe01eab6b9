"""Every wrong argument gets an error that names it, what was expected and what came."""

import numpy as np
import pytest

import mgres

NET = mgres.ResNet(2, 3, 2, 8)
X = np.ones((5, 2), np.float32)
Y = np.array([0, 1, 0, 1, 1])


def with_value(row, column, value):
    values = X.copy()
    values[row, column] = value
    return values


def nan_at(row, column):
    return with_value(row, column, np.nan)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n_inputs": 0}, ValueError, "n_inputs: expected an integer from 1, got 0"),
        ({"width": 2.5}, ValueError, "width: expected an integer from 1, got 2.5"),
        ({"n_outputs": True}, ValueError, "n_outputs: expected an integer from 1"),
        ({"depth": -4}, ValueError, "depth: expected an integer from 1, got -4"),
        ({"final_time": 0.0}, ValueError, "final_time: expected a positive number"),
        ({"final_time": np.inf}, ValueError, "final_time"),
        ({"final_time": np.nan}, ValueError, "final_time: expected a positive number, got nan"),
        ({"final_time": -1}, ValueError, "final_time: expected a positive number, got -1"),
        ({"final_time": "long"}, ValueError, "final_time: expected a positive number, got 'long'"),
        ({"final_time": True}, ValueError, "final_time: expected a positive number, got True"),
        ({"final_time": 10**400}, ValueError, "final_time: expected a positive number"),
        ({"final_time": np.ones(2)}, ValueError, "final_time: expected a positive number"),
        ({"depth": 2**70}, ValueError, "depth: expected at most 1e.15 parameters in all"),
        ({"width": 2**63}, ValueError, "width: expected at most 1e.15 parameters in all"),
        ({"activation": ""}, ValueError, "activation: expected one of .*got ''"),
        ({"activation": "mish"}, ValueError, "activation: expected one of .*relu.*, got 'mish'"),
        ({"dtype": np.int32}, ValueError, "dtype: expected float32 or float64, got int32"),
        ({"dtype": np.float16}, ValueError, "dtype: expected float32 or float64, got float16"),
        ({"dtype": ">f4"}, ValueError, "dtype: expected float32 or float64, got >f4"),
        ({"dtype": "nonsense"}, TypeError, "nonsense"),
    ],
)
def test_network(changes, error, message):
    arguments = {"n_inputs": 2, "width": 3, "n_outputs": 2, "depth": 4}
    with pytest.raises(error, match=message):
        mgres.ResNet(**(arguments | changes))


def test_sizes_may_be_numpy_integers():
    assert mgres.ResNet(*map(np.int16, (2, 3, 2, 8))) == NET
    assert type(mgres.ResNet(*map(np.int16, (2, 3, 2, 8))).depth) is int


def test_network_of_no_layers():
    with pytest.raises(ValueError, match="depth: expected an integer from 1, got 0"):
        NET.with_depth(0)


@pytest.mark.parametrize(
    ("x", "y", "changes", "error", "message"),
    [
        (X.tolist(), Y, {}, TypeError, "X: expected a numpy array, got list"),
        (X.astype(np.float64), Y, {}, TypeError, "X: expected dtype float32.*got float64"),
        (X[:, :1].copy(), Y, {}, ValueError, r"X: expected shape \(n, 2\), got \(5, 1\)"),
        (X[0], Y, {}, ValueError, r"X: expected shape \(n, 2\), got \(2,\)"),
        (X[None], Y, {}, ValueError, r"X: expected shape \(n, 2\), got \(1, 5, 2\)"),
        (X.astype(">f4"), Y, {}, TypeError, "X: expected dtype float32.*got >f4"),
        (X.astype(int), Y, {}, TypeError, "X: expected dtype float32.*got int64"),
        (X[:0], Y[:0], {}, ValueError, "X: expected at least one sample"),
        (np.asfortranarray(X), Y, {}, TypeError, "X: expected a C-contiguous array"),
        (nan_at(3, 1), Y, {}, ValueError, "X: expected finite numbers, got nan in row 3, column 1"),
        (with_value(4, 0, np.inf), Y, {}, ValueError, "X: .*got inf in row 4, column 0"),
        (with_value(0, 1, -np.inf), Y, {}, ValueError, "X: .*got -inf in row 0, column 1"),
        (np.repeat(X, 2, axis=1)[:, ::2], Y, {}, TypeError, "X: .*numpy.ascontiguousarray"),
        (X, Y.tolist(), {}, TypeError, "y: expected a numpy array, got list"),
        (X, Y[:, None], {}, ValueError, r"y: expected labels of shape \(5,\), got \(5, 1\)"),
        (X, Y.astype(bool), {}, TypeError, "y: expected integer labels or float.*got dtype bool"),
        (X, Y.astype(np.float32), {}, ValueError, r"y: expected shape \(5, 2\), got \(5,\)"),
        (X, with_value(3, 0, -1) / 2, {}, ValueError, "y: expected probability vectors.*in row 3"),
        (X, with_value(1, 1, 2) / 2, {}, ValueError, "y: expected probability vectors.*in row 1"),
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
        (X, Y, {"fixed": None}, TypeError, "iterable"),
    ],
)
def test_objective(x, y, changes, error, message):
    with pytest.raises(error, match=message):
        mgres.ResNetObjective(NET, x, y, **changes)


@pytest.mark.parametrize("integer", [np.int8, np.uint8, np.int32, np.uint64, ">i2"])
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
        (np.zeros((NET.size, 1), np.float32), None, ValueError, "theta: expected shape"),
        (np.zeros(NET.size, int), None, TypeError, "theta: expected dtype float32, got int64"),
        ([0.0] * NET.size, None, TypeError, "theta"),
        (None, [0.0] * NET.size, TypeError, "out"),
        (None, np.zeros(2 * NET.size, np.float32)[::2], TypeError, "out: .*C-contiguous"),
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


@pytest.mark.parametrize(("start", "out_start"), [(0, 0), (0, 1), (7, 0), (0, NET.size - 1)])
def test_the_gradient_must_not_overwrite_the_parameters(start, out_start):
    both = np.zeros(2 * NET.size, np.float32)
    theta, out = (both[i : i + NET.size] for i in (start, out_start))
    with pytest.raises(ValueError, match="out: must not overlap theta"):
        mgres.ResNetObjective(NET, X, Y).value_and_grad(theta, out)


def test_the_gradient_may_lie_beside_the_parameters():
    both = np.zeros((2, NET.size), np.float32)
    mgres.ResNetObjective(NET, X, Y).value_and_grad(both[1], both[0])


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (X[:0], Y[:0], ValueError, "X: expected at least one sample"),
        (X[:, :1].copy(), Y, ValueError, r"X: expected shape \(n, 2\), got \(5, 1\)"),
        (X.astype(np.float64), Y, TypeError, "X: expected dtype float32, got float64"),
        (X[::2], Y[::2].copy(), TypeError, "X: expected a C-contiguous array"),
        (X, Y[:3], ValueError, r"y: expected shape \(5,\), got \(3,\)"),
        (X, Y + 7, ValueError, "y: expected labels from 0 to 1, got 7 for sample 0"),
        (X, -Y, ValueError, "y: expected labels from 0 to 1, got -1 for sample 1"),
        (X, X[:4], ValueError, r"y: expected shape \(5, 2\), got \(4, 2\)"),
        (X, X.astype(np.float64), TypeError, "y: expected dtype float32, got float64"),
    ],
)
def test_samples_that_were_not_checked_cannot_harm(x, y, error, message):
    """`Samples.use` trusts its caller; the core does not read beyond an array for all that."""
    f = mgres.ResNetObjective(NET, X, Y)
    f.samples.use(x, y)
    theta, out = NET.init(0), np.empty(NET.size, np.float32)
    for evaluate in (lambda: f.value(theta), lambda: f.value_and_grad(theta, out)):
        with pytest.raises(error, match=message):
            evaluate()


def test_read_only_parameters_are_fine():
    f = mgres.ResNetObjective(NET, read_only(X), Y)
    f.value_and_grad(read_only(NET.init(0)), np.empty(NET.size, np.float32))


@pytest.mark.parametrize("x", [X.tolist(), X.astype(np.float64), X[:, :1], X[0], X[:0]])
def test_logits(x):
    for f in (NET.logits, NET.predict):
        with pytest.raises((TypeError, ValueError), match="X: expected"):
            f(NET.init(0), x)


@pytest.mark.parametrize(
    ("theta", "error", "message"),
    [
        ([0.0] * NET.size, TypeError, "theta: expected a numpy array, got list"),
        (np.zeros(NET.size), TypeError, "theta: expected dtype float32, got float64"),
        (np.zeros(NET.size - 1, np.float32), ValueError, "theta: expected shape"),
        (np.zeros(2 * NET.size, np.float32)[::2], TypeError, "theta: expected a C-contiguous"),
    ],
)
def test_logits_of_wrong_parameters(theta, error, message):
    with pytest.raises(error, match=message):
        NET.logits(theta, X)


def test_views():
    with pytest.raises(ValueError, match=r"theta: expected shape \(\d+,\), got \(3,\)"):
        NET.views(np.zeros(3))
    with pytest.raises(ValueError, match="theta: expected shape"):
        NET.views(np.zeros((NET.size, 1)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scheme": "uniform"}, "scheme: expected one of .*got 'uniform'"),
        ({"coarse_depth": 3}, "coarse_depth: expected a divisor of 8 layers, got 3"),
        ({"coarse_depth": 0}, "coarse_depth: expected an integer from 1, got 0"),
        ({"coarse_depth": True}, "coarse_depth: expected an integer from 1, got True"),
        ({"coarse_depth": 2.0}, "coarse_depth: expected an integer from 1, got 2.0"),
        ({"coarse_depth": "2"}, "coarse_depth: expected an integer from 1, got '2'"),
        ({"coarse_depth": 16}, "coarse_depth: expected a divisor of 8 layers, got 16"),
        ({"scheme": None}, "scheme: expected one of .*got None"),
        ({"scale": np.nan}, "scale: expected a finite number"),
        ({"scale": np.inf}, "scale: expected a finite number, got inf"),
    ],
)
def test_initialisation(changes, message):
    with pytest.raises(ValueError, match=message):
        NET.init(0, **changes)


@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), ("dice", TypeError)])
def test_seed(seed, error):
    with pytest.raises(error):
        NET.init(seed)


@pytest.mark.parametrize("beta", [-1e-3, np.nan, np.inf])
def test_tikhonov_beta(beta):
    with pytest.raises(ValueError, match="beta: expected a number >= 0"):
        mgres.Tikhonov(beta)


def test_tikhonov_beta_that_is_no_number():
    for beta in ("strong", True, 10**400, None):
        with pytest.raises(ValueError, match="beta: expected a number >= 0"):
            mgres.Tikhonov(beta)


def test_tikhonov_measure():
    with pytest.raises(ValueError, match=r"measure: expected one of .*got 'area'"):
        mgres.Tikhonov(1.0, "area")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": 0}, "levels: expected an integer from 1, got 0"),
        ({"levels": 5}, "levels: 5 levels with factor 2 need a depth divisible by 16, got 8; at "),
        ({"levels": 5}, "at most 4 possible"),
        ({"levels": -1}, "levels: expected an integer from 1, got -1"),
        ({"levels": True}, "levels: expected an integer from 1, got True"),
        ({"levels": 2.0}, "levels: expected an integer from 1, got 2.0"),
        ({"levels": None}, "levels: expected an integer from 1, got None"),
        ({"levels": 10**400}, "levels: 10+ levels need more than 8 layers; at most 4 possible"),
        ({"factor": True}, "factor: expected an integer from 2, got True"),
        ({"factor": "2"}, "factor: expected an integer from 2, got '2'"),
        ({"factor": 2.0}, "factor: expected an integer from 2, got 2.0"),
        ({"levels": 2, "factor": [2.0]}, "factor: expected an integer from 2, got 2.0"),
        ({"levels": 2, "factor": 3}, "divisible by 3, got 8; at most 1 possible"),
        ({"levels": 3, "factor": 4}, "divisible by 16, got 8; at most 2 possible"),
        ({"factor": 1}, "factor: expected an integer from 2, got 1"),
        ({"metric": "l2"}, "metric: expected one of .*got 'l2'"),
        ({"levels": 2, "optimizer": [mgres.Adam()]}, "optimizer: expected 2, .*got 1"),
        ({"prolongation": "cubic"}, "prolongation: expected one of"),
        ({"projection": "sum"}, "projection: expected one of"),
    ],
)
def test_hierarchy(changes, message):
    with pytest.raises(ValueError, match=message):
        mgres.resnet_hierarchy(mgres.ResNetObjective(NET, X, Y), **changes)


@pytest.mark.parametrize("factor", [0, 1, 3, True, 2.0, "2", None, 10**400])
def test_coarsening(factor):
    with pytest.raises(ValueError, match=r"factor: expected (an integer from 2|a divisor)"):
        mgres.ResNetObjective(NET, X, Y).coarsen(factor)


def test_transfer_between_strangers():
    with pytest.raises(ValueError, match="coarse: expected"):
        mgres.DepthTransfer(NET, mgres.ResNet(2, 4, 2, 4))
    with pytest.raises(ValueError, match="coarse: expected a depth that divides 8, got 3"):
        mgres.DepthTransfer(NET, NET.with_depth(3))
    for stranger in (
        mgres.ResNet(3, 3, 2, 4),
        mgres.ResNet(2, 3, 3, 4),
        mgres.ResNet(2, 3, 2, 4, final_time=2.0),
        mgres.ResNet(2, 3, 2, 4, activation="tanh"),
        mgres.ResNet(2, 3, 2, 4, dtype=np.float64),
    ):
        with pytest.raises(ValueError, match=r"coarse: expected ResNet.* but for the depth"):
            mgres.DepthTransfer(NET, stranger)


def test_transfer_to_a_deeper_network():
    with pytest.raises(ValueError, match="coarse: expected a depth that divides 8, got 16"):
        mgres.DepthTransfer(NET, NET.with_depth(16))


def test_transfer_of_unknown_kind():
    with pytest.raises(ValueError, match=r"prolongation: expected one of .*got 'cubic'"):
        mgres.DepthTransfer(NET, NET.with_depth(4), "cubic")
    with pytest.raises(ValueError, match=r"projection: expected one of .*got 'sum'"):
        mgres.DepthTransfer(NET, NET.with_depth(4), "linear", "sum")


COARSE = NET.with_depth(4)


@pytest.mark.parametrize(
    ("operator", "sizes", "name"),
    [
        ("prolong", (COARSE.size, NET.size), "coarse"),
        ("restrict", (NET.size, COARSE.size), "fine"),
        ("project", (NET.size, COARSE.size), "fine"),
    ],
)
def test_arrays_of_a_transfer(operator, sizes, name):
    apply = getattr(mgres.DepthTransfer(NET, COARSE), operator)
    x, out = (np.zeros(size, np.float32) for size in sizes)
    apply(x, out)
    double = np.zeros(sizes[0]), np.zeros(sizes[1])
    wrong = [
        (x[1:], out, ValueError, rf"{name}: expected shape \({sizes[0]},\), got"),
        (x[None], out, ValueError, f"{name}: expected shape"),
        (x, out[1:], ValueError, rf"out: expected shape \({sizes[1]},\), got"),
        (out, x, ValueError, "expected shape"),
        (x.astype(int), out, TypeError, f"{name}: expected dtype float32 or float64, got int64"),
        (x, double[1], TypeError, "out: expected dtype float32, got float64"),
        (double[0], out, TypeError, "out: expected dtype float64, got float32"),
        (np.repeat(x, 2)[::2], out, TypeError, f"{name}: expected a C-contiguous array"),
        (x, np.repeat(out, 2)[::2], TypeError, "out: expected a C-contiguous array"),
        (x, read_only(out), ValueError, "out: expected a writable array, got a read-only one"),
        (x.tolist(), out, TypeError, name),
        (x, out.tolist(), TypeError, "out"),
    ]
    for source, target, error, message in wrong:
        with pytest.raises(error, match=message):
            apply(source, target)
    apply(read_only(x), out)
