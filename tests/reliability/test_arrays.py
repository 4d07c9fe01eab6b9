"""Arrays that are not what they seem: masked, unaligned, overlapping."""

import numpy as np
import pytest

import mgres

NET = mgres.ResNet(2, 3, 2, 8)
THETA = NET.init(0)
X = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
Y = np.arange(20) % 2


def masked(a):
    return np.ma.masked_greater(a, 0.5)


def objective():
    return mgres.ResNetObjective(NET, X, Y)


MASKED = {
    "X of an objective": ("X", lambda: mgres.ResNetObjective(NET, masked(X), Y)),
    "y of an objective": ("y", lambda: mgres.ResNetObjective(NET, X, masked(Y))),
    "X of logits": ("X", lambda: NET.logits(THETA, masked(X))),
    "theta of logits": ("theta", lambda: NET.logits(masked(THETA), X)),
    "X of states": ("X", lambda: NET.states(THETA, masked(X))),
    "dlogits of vjp": ("dlogits", lambda: NET.vjp(THETA, X, masked(np.ones_like(X)))),
    "theta of an objective": ("theta", lambda: objective().value(masked(THETA))),
    "out": ("out", lambda: objective().value_and_grad(THETA, masked(THETA.copy()))),
    "validation": (
        r"validation\[0\]",
        lambda: mgres.fit(objective(), validation=(masked(X), Y), max_cycles=1),
    ),
    "theta of a file": ("theta", lambda: mgres.save("model", NET, masked(THETA))),
    "an extra array": ("extra: a", lambda: mgres.save("m", NET, THETA, extra={"a": masked(X)})),
    "y of an accuracy": ("y", lambda: NET.accuracy(THETA, X, masked(Y))),
    "y of class weights": ("y", lambda: mgres.resnet.class_weights(masked(Y))),
    "weights of an objective": (
        "sample_weight",
        lambda: mgres.ResNetObjective(NET, X, Y, sample_weight=masked(np.ones(len(X)))),
    ),
    "a regulariser's start": (
        "blocks",
        lambda: mgres.resnet.DecayToStart(1.0, masked(np.zeros((8, NET.layer_size)))),
    ),
    "theta of fit": ("theta", lambda: mgres.fit(objective(), masked(THETA), max_cycles=1)),
}


@pytest.mark.parametrize(
    ("argument", "method"),
    [("X", "fit"), ("y", "fit"), ("sample_weight", "fit"), ("X", "predict_proba")],
)
def test_estimators_refuse_masked_arrays(argument, method):
    sklearn = pytest.importorskip("mgres.sklearn", exc_type=ImportError)
    estimator = sklearn.ResNetClassifier(depth=4, max_iter=1000).fit(X, Y)
    given = {"X": X, "y": Y, "sample_weight": np.ones(len(X))}
    given[argument] = masked(given[argument])
    arguments = list(given.values())[: 1 if method == "predict_proba" else 3]
    with pytest.raises(TypeError, match=f"^{argument}: expected a plain array, got a masked one"):
        getattr(estimator, method)(*arguments)


@pytest.mark.parametrize("method", ["fit", "predict"])
def test_estimators_name_what_is_too_large(method):
    """Whatever NumPy does on overflow: these tests let it raise."""
    sklearn = pytest.importorskip("mgres.sklearn", exc_type=ImportError)
    estimator = sklearn.ResNetClassifier(depth=4, max_iter=1000).fit(X, Y)
    far = X.astype(np.float64)
    far[3, 1] = 1e300
    with pytest.raises(ValueError, match=r"infinity or a value too large for dtype\('float32'\)"):
        estimator.fit(far, Y) if method == "fit" else estimator.predict(far)


@pytest.mark.parametrize("name", MASKED)
def test_masked_arrays_are_refused(name):
    argument, use = MASKED[name]
    with pytest.raises(TypeError, match=f"^{argument}: expected a plain array, got a masked one"):
        use()


def test_unaligned_arrays_are_refused():
    unaligned = np.ndarray(NET.size, "f4", buffer=b"\0" + THETA.tobytes(), offset=1)
    assert not unaligned.flags.aligned
    with pytest.raises(TypeError, match=r"^theta: expected an aligned array"):
        objective().value(unaligned)
    assert objective().value(unaligned.copy()) == objective().value(THETA)


def test_outputs_must_not_overlap_inputs():
    f = objective()
    memory = np.zeros(NET.size + 40, np.float32)
    memory[: NET.size] = THETA
    with pytest.raises(ValueError, match=r"^out: must not overlap theta"):
        f.value_and_grad(memory[: NET.size], memory[5 : NET.size + 5])
    inputs = memory[:40].reshape(20, 2)
    with pytest.raises(ValueError, match=r"^out: must not overlap X"):
        mgres.ResNetObjective(NET, inputs, Y).value_and_grad(THETA, memory[: NET.size])
    vectors = np.full(NET.size, 0.5, np.float32)
    g = mgres.ResNetObjective(NET, X, vectors[:40].reshape(20, 2))
    with pytest.raises(ValueError, match=r"^out: must not overlap y"):
        g.value_and_grad(THETA, vectors)


@pytest.mark.parametrize(
    ("make", "stored"),
    [
        (lambda n: mgres.ResNet(n, n, n, n), lambda o: o.depth),
        (lambda n: mgres.LBFGS(memory=n), lambda o: o.memory),
        (lambda n: mgres.mgopt.MaxSteps(n), lambda o: o.steps),
        (lambda n: mgres.mgopt.Stall(0.1, n), lambda o: o.over),
        (lambda n: mgres.mgopt.Armijo(max_trials=n), lambda o: o.max_trials),
        (lambda n: mgres.mgopt.LevelSteps(n, n), lambda o: o.post),
        (lambda n: mgres.mgopt.StepDecay(0.1, n, 0.5), lambda o: o.every),
        (lambda n: mgres.SameBatch(n), lambda o: o.size),
        (lambda n: mgres.Growing(n, every=n), lambda o: o.every),
    ],
)
def test_integers_of_numpy_are_integers_and_booleans_are_none(make, stored):
    for number in (np.int64(3), np.uint8(3), np.array(3)):
        assert repr(make(number)) == repr(make(3))  # runs are told apart by it
        assert type(stored(make(number))) is int
    for no_number in (True, np.True_, 3.0, "3", np.array([3])):
        with pytest.raises(ValueError, match="expected an integer from"):
            make(no_number)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (Y[:, None], ValueError, r"y: expected labels of shape \(20,\), got \(20, 1\)"),
        (Y[:10], ValueError, r"y: expected labels of shape \(20,\), got \(10,\)"),
        (0, ValueError, r"y: expected labels of shape \(20,\), got \(\)"),
        (Y.astype(float), TypeError, "y: expected integer labels, got dtype float64"),
        (Y == 1, TypeError, "y: expected integer labels, got dtype bool"),
    ],
)
def test_an_accuracy_is_of_one_label_for_each_sample(y, error, message):
    """A column of labels would be compared with every prediction, and give a number."""
    with pytest.raises(error, match=message):
        NET.accuracy(THETA, X, y)


@pytest.mark.parametrize("name", ["prolong", "lift", "restrict", "project"])
def test_transfers_do_not_write_over_what_they_read(name):
    coarse = NET.with_depth(4)
    both = np.zeros(2 * NET.size, np.float32)
    sizes = [coarse.size, NET.size] if name in ("prolong", "lift") else [NET.size, coarse.size]
    given, out = both[: sizes[0]], both[sizes[0] - 1 :][: sizes[1]]
    read = "coarse" if name in ("prolong", "lift") else "fine"
    transfer = mgres.DepthTransfer(NET, coarse)
    with pytest.raises(ValueError, match=f"out: must not overlap {read}"):
        getattr(transfer, name)(given, out)
    getattr(transfer, name)(given, both[sizes[0] :][: sizes[1]])


@pytest.mark.parametrize(
    ("beta", "blocks", "error", "message"),
    [
        (-1.0, np.zeros((8, 12)), ValueError, "beta: expected a number >= 0, got -1.0"),
        (np.nan, np.zeros((8, 12)), ValueError, "beta: expected a number >= 0, got nan"),
        (1.0, [[0.0] * 12] * 8, TypeError, "blocks: expected a numpy array, got list"),
        (1.0, np.full((8, 12), np.nan), ValueError, "blocks: expected finite numbers"),
        (1.0, np.zeros((8, 11)), ValueError, r"blocks: expected shape \(8, 12\), got \(8, 11\)"),
        (1.0, np.zeros(96), ValueError, r"blocks: expected shape \(8, 12\), got \(96,\)"),
    ],
)
def test_the_start_of_a_regulariser(beta, blocks, error, message):
    with pytest.raises(error, match=message):
        mgres.ResNetObjective(NET, X, Y, regularizer=mgres.resnet.DecayToStart(beta, blocks))
