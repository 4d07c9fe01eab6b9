"""The same bits for any number of threads, from any number of Python threads, and after a fork."""

import os
import threading

import numpy as np
import pytest

import mgres

from .problems import core_value_and_grad, random_problem

NETWORKS = {
    "deep": mgres.ResNet(2, 10, 2, 512),
    "many inputs": mgres.ResNet(300, 10, 10, 64),
    "narrow": mgres.ResNet(2, 3, 2, 256),
    "wide": mgres.ResNet(5, 48, 3, 40),
    "tiny": mgres.ResNet(2, 3, 2, 4),
    "double": mgres.ResNet(2, 10, 2, 128, activation="tanh", dtype=np.float64),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("n", [100, 1000, 5000])
def test_same_bits_for_one_to_eight_threads(name, n):
    net = NETWORKS[name]
    theta, X, _, y = random_problem(net, n)
    mgres.set_num_threads(1)
    value, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    logits = net.logits(theta, X)
    for threads in range(1, 9):
        mgres.set_num_threads(threads)
        again, gradient_again = core_value_and_grad(net, "cross_entropy", theta, X, y)
        assert again == value
        np.testing.assert_array_equal(gradient_again, gradient)
        np.testing.assert_array_equal(net.logits(theta, X), logits)


def test_repeats_have_the_same_bits():
    net = NETWORKS["deep"]
    theta, X, _, y = random_problem(net, 700)
    f = mgres.ResNetObjective(net, X, y)
    first, again = np.empty_like(theta), np.empty_like(theta)
    f.value_and_grad(theta, first)
    for _ in range(20):
        f.value_and_grad(theta, again)
        np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize("n", [0, -1, 10**11, 1.5, "2", True, None])
def test_bad_number_of_threads(n):
    with pytest.raises(ValueError, match="n: expected an integer from 1 to 4096"):
        mgres.set_num_threads(n)


def test_number_of_threads_is_kept():
    mgres.set_num_threads(7)
    assert mgres.get_num_threads() == 7


def test_a_block_with_its_own_number_of_threads():
    mgres.set_num_threads(2)
    with mgres.threads(5):
        assert mgres.get_num_threads() == 5
        with mgres.threads(None), mgres.threads(np.int64(3)):
            assert mgres.get_num_threads() == 3
        assert mgres.get_num_threads() == 5
    assert mgres.get_num_threads() == 2
    with pytest.raises(ValueError, match="n: expected an integer from 1 to 4096, got 0"):
        mgres.threads(0).__enter__()


def test_a_block_is_of_one_python_thread():
    mgres.set_num_threads(2)
    seen = []

    def work(i):
        with mgres.threads(i + 3):
            for _ in range(100):
                seen.append(mgres.get_num_threads() == i + 3)

    with mgres.threads(7):
        in_threads(4, work)
        in_threads(1, lambda i: seen.append(mgres.get_num_threads() == 2))
        assert mgres.get_num_threads() == 7
    assert len(seen) == 401
    assert all(seen)


def test_a_call_uses_the_threads_of_its_block():
    """Each thread has scratch of its own, which shows how many there were."""
    net = NETWORKS["deep"]
    theta, X, _, y = random_problem(net, 1000)
    held = {}
    for n in (1, 2, 4):
        f = mgres.ResNetObjective(net, X, y)
        with mgres.threads(n):
            f.value_and_grad(theta, np.empty_like(theta))
        held[n] = f._evaluator.workspace_bytes
        assert held[n] == net.evaluator().gradient_bytes(1000, n)
    assert held[1] < held[2] < held[4]


def in_threads(count, work):
    errors = []

    def guarded(i):
        try:
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


@pytest.mark.parametrize("shared", [True, False], ids=["one objective", "one each"])
def test_python_threads_do_not_disturb_each_other(shared):
    net = NETWORKS["narrow"]
    theta, X, _, y = random_problem(net, 500)
    f = mgres.ResNetObjective(net, X, y)
    points = [theta * (1 + i / 10) for i in range(4)]
    expected = [core_value_and_grad(net, "cross_entropy", p, X, y) for p in points]

    def work(i):
        own = f if shared else mgres.ResNetObjective(net, X, y)
        gradient = np.empty_like(theta)
        for _ in range(20):
            assert own.value_and_grad(points[i], gradient) == expected[i][0]
            np.testing.assert_array_equal(gradient, expected[i][1])

    in_threads(4, work)


def test_many_objectives_in_many_python_threads():
    """Each has its own scratch; all share OpenMP."""
    problems = []
    for i in range(12):
        net = mgres.ResNet(2 + i, 3 + 4 * i, 2, 30, activation="tanh", dtype=np.float64)
        theta, X, _, y = random_problem(net, 100 + 50 * i, seed=i, scale=0.2)
        value, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
        problems.append((mgres.ResNetObjective(net, X, y), theta, value, gradient))
    mgres.set_num_threads(3)

    def work(i):
        f, theta, value, expected = problems[i]
        gradient = np.empty_like(theta)
        for _ in range(5):
            assert f.value_and_grad(theta, gradient) == value
            np.testing.assert_array_equal(gradient, expected)
            assert f.value(theta) == value

    in_threads(len(problems), work)


def test_number_of_threads_may_change_while_others_compute():
    net = NETWORKS["narrow"]
    theta, X, _, y = random_problem(net, 1000)
    f = mgres.ResNetObjective(net, X, y)
    value = f.value(theta)

    def work(i):
        for k in range(20):
            if i == 0:
                mgres.set_num_threads(1 + k % 5)
            assert f.value(theta) == value

    in_threads(3, work)


FORK = """
    import os, warnings
    import numpy as np
    import mgres
    mgres.set_num_threads(4)
    net = mgres.ResNet(2, 10, 2, 256)
    X = np.random.default_rng(0).standard_normal((1000, 2)).astype(np.float32)
    f = mgres.ResNetObjective(net, X, np.zeros(1000, int))
    theta = net.init(0)
    expected, gradient = np.empty_like(theta), np.empty_like(theta)
    value = f.value_and_grad(theta, expected)  # OpenMP has its threads now
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks with threads

    def right():
        same = f.value_and_grad(theta, gradient) == value == f.value(theta)
        return same and np.array_equal(gradient, expected)
"""
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
def test_a_forked_child_evaluates(run_python):
    """OpenMP's threads do not survive a fork: a child that waited for them would hang."""
    tail = """
    child = os.fork()
    if child == 0:
        ok = mgres.get_num_threads() == 1 and right()
        mgres.set_num_threads(3)  # changes nothing, and must not hang either
        os._exit(0 if ok and right() else 1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert mgres.get_num_threads() == 4
    assert right()  # the parent is as it was
    raise SystemExit(status)
    """
    run_python(FORK + tail, timeout=60)


@needs_fork
def test_a_pool_of_forked_processes_evaluates(run_python):
    tail = """
    import multiprocessing

    def evaluate(scale):
        return f.value(theta * np.float32(scale))

    scales = [0.5, 1.0, 1.5]
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map(evaluate, scales) == list(map(evaluate, scales))
    """
    run_python(FORK + tail, timeout=60)


def test_threadpoolctl_limits_the_default(run_python):
    pytest.importorskip("threadpoolctl", reason="threadpoolctl is missing")
    run_python(
        """
        import mgres
        from threadpoolctl import threadpool_limits
        before = mgres.get_num_threads()
        with threadpool_limits(1):
            assert mgres.get_num_threads() == 1
        assert mgres.get_num_threads() == before
        mgres.set_num_threads(3)
        with threadpool_limits(1):
            assert mgres.get_num_threads() == 3, "an explicit number stands above the limit"
        """
    )


def test_default_number_of_threads(run_python):
    program = "import mgres; print(mgres.get_num_threads())"
    available = int(run_python(program).stdout)
    assert 1 <= available <= (os.cpu_count() or 1)
    assert int(run_python(program, OMP_NUM_THREADS="1").stdout) == 1
    # OpenMP takes a list, one number for each level of nesting
    assert int(run_python(program, OMP_NUM_THREADS="1,2").stdout) == 1
    assert int(run_python(program, OMP_NUM_THREADS="1000").stdout) <= available


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_affinity_limits_the_default(run_python):
    program = """
        import os
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        import mgres
        print(mgres.get_num_threads())
    """
    assert int(run_python(program).stdout) == 1


@needs_fork
def test_a_child_that_was_forked_during_a_gradient_evaluates(run_python):
    """The parent's other thread holds nothing that the child would wait for."""
    tail = """
    import threading, time
    stop = threading.Event()
    begun = threading.Event()

    def work():
        own = np.empty_like(theta)
        while not stop.is_set():
            f.value_and_grad(theta, own)
            begun.set()

    worker = threading.Thread(target=work)
    worker.start()
    begun.wait()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            os._exit(0 if right() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stop.set()
    worker.join()
    """
    run_python(FORK + tail, timeout=300)
