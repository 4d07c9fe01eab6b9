"""The same bits for any number of threads, from any number of Python threads, and after a fork."""

import subprocess
import sys
import textwrap
import threading

import mgres
import numpy as np
import pytest

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


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True, None])
def test_bad_number_of_threads(n):
    with pytest.raises(ValueError, match="n: expected an integer from 1"):
        mgres.set_num_threads(n)


def test_number_of_threads_is_kept():
    mgres.set_num_threads(7)
    assert mgres.get_num_threads() == 7


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


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system has no fork")
def test_a_forked_child_evaluates():
    """OpenMP's threads do not survive a fork: a child that waited for them would hang."""
    script = """
        import os, warnings
        import numpy as np
        import mgres
        mgres.set_num_threads(2)
        net = mgres.ResNet(2, 10, 2, 256)
        X = np.ones((1000, 2), np.float32)
        f = mgres.ResNetObjective(net, X, np.zeros(1000, int))
        theta = net.init(0)
        g = np.empty_like(theta)
        value = f.value_and_grad(theta, g)
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if child == 0:
            os._exit(0 if f.value_and_grad(theta, g) == value else 1)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


def test_threadpoolctl_limits_the_default():
    pytest.importorskip("threadpoolctl", reason="threadpoolctl is missing")
    script = """
        import mgres
        from threadpoolctl import threadpool_limits
        with threadpool_limits(1):
            assert mgres.get_num_threads() == 1
        mgres.set_num_threads(3)
        with threadpool_limits(1):
            assert mgres.get_num_threads() == 3, "an explicit number stands above the limit"
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=60, check=True)


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_stops_a_long_call(threads):
    """The call below takes minutes; Ctrl-C comes as soon as it runs."""
    script = f"""
        import signal, threading, time, os
        import numpy as np
        import mgres
        mgres.set_num_threads({threads})
        net = mgres.ResNet(2, 64, 2, 4096)
        f = mgres.ResNetObjective(net, np.ones((20000, 2), np.float32), np.zeros(20000, int))
        theta = net.init(0, scale=0.0)
        g = np.empty_like(theta)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        start = time.perf_counter()
        try:
            f.value_and_grad(theta, g)
        except KeyboardInterrupt:
            print("interrupted", time.perf_counter() - start)
        small = mgres.ResNetObjective(net, np.ones((1, 2), np.float32), np.zeros(1, int))
        assert np.isfinite(small.value(theta)), "the core works on after an interrupt"
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    result = subprocess.run(command, timeout=100, check=True, capture_output=True, text=True)
    assert result.stdout.startswith("interrupted")
