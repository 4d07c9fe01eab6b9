"""NumPy's error settings are the caller's: mgres works under any, and gives them back."""

import threading

import numpy as np
import pytest

import mgres
from mgres.floats import quiet

X, Y, X_VAL, Y_VAL = mgres.datasets.circles(0, 60, 20)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-10, 1.0])
@pytest.mark.parametrize(
    "optimizer",
    [
        mgres.GradientDescent(0.1),
        mgres.Adam(0.01),
        mgres.LBFGS(),
        mgres.mgopt.LSR1(),
        mgres.mgopt.TruncatedNewton(),
        mgres.mgopt.GaussNewton(),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
@pytest.mark.parametrize("regularizer", [mgres.Tikhonov(1e-4), mgres.Smoothness(1e-4)])
def test_training_of_tiny_numbers(scale, optimizer, regularizer):
    net = mgres.ResNet(2, 3, 2, 8)
    f = mgres.ResNetObjective(net, np.float32(scale) * X, Y, regularizer=regularizer)
    h = mgres.resnet_hierarchy(f, 2, optimizer=optimizer, metric="time")
    theta = np.float32(scale) * net.init(0)
    with np.errstate(all="raise"):
        mgres.fit(f, theta, hierarchy=h, max_cycles=3, validation=(X_VAL, Y_VAL))


def test_certain_classifiers():
    sklearn = pytest.importorskip("mgres.sklearn", exc_type=ImportError)
    with np.errstate(all="raise"):
        model = sklearn.ResNetClassifier(depth=8, max_iter=100, tol=0.5).fit(X, Y)
        sure = np.float32(1e10) * X
        np.testing.assert_allclose(model.predict_proba(sure).sum(axis=1), 1)
        assert np.isfinite(model.predict_log_proba(sure)).all()


def test_settings_are_given_back_to_each_thread():
    """One thread comes into the function before another one leaves it."""
    inside, leave, found = threading.Barrier(2), threading.Barrier(2), {}

    @quiet("over")
    def meet():
        inside.wait(10)
        assert np.geterr()["over"] == "ignore"
        leave.wait(10)

    def work(setting):
        with np.errstate(over=setting):
            meet()
            found[setting] = np.geterr()["over"]

    threads = [threading.Thread(target=work, args=(s,)) for s in ("raise", "print")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"raise": "raise", "print": "print"}
