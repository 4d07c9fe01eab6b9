"""Two uses of one object at once: correct, or a RuntimeError that says so."""

import threading

import numpy as np
import pytest

import mgres

X, Y, *_ = mgres.datasets.circles(1, 300, 10)
OVERLAP = "f: (its samples are in use|is on mini-batches)"


def objective():
    return mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 32), X, Y)


def fit_at_once(*calls):
    """Run the calls in threads, each of which waits in its first cycle until all have begun."""
    results = [None] * len(calls)
    at = threading.Barrier(len(calls), timeout=60)

    def run(i):
        met = []

        def meet(record, theta):
            if not met:
                met.append(True)
                at.wait()

        try:
            results[i] = calls[i](callbacks=[meet])
        except RuntimeError as error:
            results[i] = error
            at.wait()  # the others go on while this one is refused

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def call(f, **arguments):
    return lambda **more: mgres.fit(f, levels=2, seed=1, max_cycles=5, **arguments, **more)


def test_fits_of_one_objective_on_all_samples():
    f = objective()
    expected = call(f)().theta
    for result in fit_at_once(call(f), call(f), call(f)):
        np.testing.assert_array_equal(result.theta, expected)


@pytest.mark.parametrize("other", [{}, {"batch_size": 40}], ids=["all samples", "mini-batches"])
def test_mini_batches_are_alone(other):
    f = objective()
    theta = f.net.init(0)
    before = f.value(theta)
    expected = {size: call(f, batch_size=size)().theta for size in (50, 40)}
    expected[None] = call(f)().theta
    first, second = fit_at_once(call(f, batch_size=50), call(f, **other))
    done = [r for r in (first, second) if not isinstance(r, Exception)]
    refused = [r for r in (first, second) if isinstance(r, Exception)]
    assert len(done) == 1
    with pytest.raises(RuntimeError, match=OVERLAP):
        raise refused[0]
    size = 50 if done[0] is first else other.get("batch_size")
    np.testing.assert_array_equal(done[0].theta, expected[size])
    assert len(f.samples) == 300
    assert f.value(theta) == before
    np.testing.assert_array_equal(call(f, batch_size=50)().theta, expected[50])  # free again


def test_an_objective_on_mini_batches_is_not_for_other_threads():
    f = objective()
    theta = f.net.init(0)
    seen = []

    def look(record, point):
        def other():
            try:
                f.value(theta)
            except RuntimeError as error:
                seen.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert f.value(theta) > 0  # of the batch, in this thread

    call(f, batch_size=50)(callbacks=[look])
    assert len(seen) == 5
    assert all(s.startswith("f: is on mini-batches of a call of fit in another") for s in seen)


def test_a_callback_cannot_train_the_same_objective_on_mini_batches():
    f = objective()

    def nested(record, theta):
        call(f, batch_size=20)()

    with pytest.raises(RuntimeError, match=OVERLAP):
        call(f)(callbacks=[nested])
    with pytest.raises(RuntimeError, match=OVERLAP):
        call(f, batch_size=50)(callbacks=[nested])
    assert len(f.samples) == 300


def test_a_hierarchy_serves_one_fit_at_a_time():
    f = objective()
    h = mgres.resnet_hierarchy(f, 2)

    def run(**more):
        return mgres.fit(f, hierarchy=h, seed=1, max_cycles=5, **more)

    expected = run().theta
    results = fit_at_once(run, run)
    refused = [r for r in results if isinstance(r, Exception)]
    assert len(refused) == 1
    assert str(refused[0]).startswith("hierarchy: is in use by another call of fit")
    done = next(r for r in results if not isinstance(r, Exception))
    np.testing.assert_array_equal(done.theta, expected)
    np.testing.assert_array_equal(run().theta, expected)


@pytest.mark.filterwarnings("ignore:max_iter")
def test_estimators_in_threads_leave_the_number_of_threads_alone():
    pytest.importorskip("sklearn", reason="scikit-learn is missing")
    from mgres.sklearn import ResNetClassifier

    mgres.set_num_threads(2)
    at = threading.Barrier(3, timeout=60)

    def fit(n):
        at.wait()
        model = ResNetClassifier(depth=16, random_state=0, max_iter=20, n_threads=n)
        with np.errstate(all="ignore"):
            model.fit(X, Y)
        model.predict(X)

    threads = [threading.Thread(target=fit, args=(n,)) for n in (1, 3, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mgres.get_num_threads() == 2


@pytest.mark.filterwarnings("ignore:max_iter")
def test_an_estimator_is_fitted_by_one_thread_at_a_time():
    pytest.importorskip("sklearn", reason="scikit-learn is missing")
    from mgres.sklearn import ResNetClassifier

    errors, tried = [], []

    class Meddler(ResNetClassifier):
        def _start(self, *arguments):
            def other():
                try:
                    self.fit(X, Y)
                except RuntimeError as error:
                    errors.append(str(error))

            if not tried:
                tried.append(True)
                thread = threading.Thread(target=other)
                thread.start()
                thread.join()
            return super()._start(*arguments)

    model = Meddler(depth=16, random_state=0, max_iter=20).fit(X, Y)
    assert errors == [
        "fit: is in use by another call of fit or partial_fit of this estimator, which "
        "is not over; give each its own"
    ]
    assert model.score(X, Y) > 0.5
