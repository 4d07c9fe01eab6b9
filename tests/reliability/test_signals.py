"""Python's signal handlers run within a call into the core, and may call it themselves."""

import signal

import pytest

PROGRAM = """
    import os, signal, threading, time
    import numpy as np
    import mgres
    mgres.set_num_threads({threads})
    X = np.random.default_rng(0).standard_normal((5000, 2)).astype(np.float32)
    y = np.zeros(len(X), int)
    net = mgres.ResNet(2, 10, 2, 2048)
    f = mgres.ResNetObjective(net, X, y)
    theta = net.init(0)
    out, inner = np.empty_like(theta), np.empty_like(theta)
    value, expected = f.value_and_grad(theta, out), out.copy()
    seen = []

    def handler(number, frame):
        seen.append(f.value(theta) == value)
        seen.append(f.value_and_grad(theta, inner) == value)
        seen.append(np.array_equal(inner, expected))
        seen.append(net.accuracy(theta, X[:10], y[:10]) >= 0)

    signal.signal(signal.SIGUSR1, handler)
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
    while not seen:
        assert f.value_and_grad(theta, out) == value
        assert np.array_equal(out, expected)
    assert all(seen) and len(seen) == 4
"""


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no SIGUSR1")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_handler_may_evaluate_what_it_interrupts(run_python, threads):
    run_python(PROGRAM.format(threads=threads), timeout=300)
