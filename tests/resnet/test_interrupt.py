"""Ctrl-C during a call of the core that would take minutes."""

import os
import select
import signal
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")

# More than 1e13 operations on at most five threads: a call that ends at once was interrupted.
PROGRAM = """
    import sys, time
    import numpy as np
    import mgres

    call, threads = sys.argv[1], int(sys.argv[2])
    mgres.set_num_threads(threads)
    n = 500_000
    net = mgres.ResNet(2, 64, 2, 4096)
    X, y = np.ones((n, 2), np.float32), np.zeros(n, int)
    f = mgres.ResNetObjective(net, X, y)
    theta = net.init(0, scale=0.0)
    gradient = np.empty_like(theta)
    calls = {
        "logits": lambda: net.logits(theta, X),
        "value": lambda: f.value(theta),
        "value_and_grad": lambda: f.value_and_grad(theta, gradient),
    }
    start = time.perf_counter()
    try:
        print("ready", flush=True)
        calls[call]()
        print("ran to its end", flush=True)
    except KeyboardInterrupt:
        print(f"interrupted after {time.perf_counter() - start:.2f} s", flush=True)

    # the core works on, and with what it should
    expected = mgres.ResNetObjective(net, X[:5], y[:5])
    expected_gradient = np.empty_like(theta)
    expected_value = expected.value_and_grad(theta, expected_gradient)
    f.samples.use(X[:5], y[:5])
    assert f.value_and_grad(theta, gradient) == expected_value
    assert np.array_equal(gradient, expected_gradient)
    assert f.value(theta) == expected_value
    assert np.isfinite(net.logits(theta, X[:5])).all()
    print("works on", flush=True)
"""


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("call", ["logits", "value", "value_and_grad"])
def test_ctrl_c_arrives(call, threads):
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), call, str(threads)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            # let the call begin; whether it has is not essential
            select.select([process.stdout], [], [], 0.2)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert output.startswith("interrupted after"), output
    assert output.endswith("works on\n"), output


def test_a_handler_that_does_not_raise_lets_the_call_go_on(run_python):
    run_python(
        """
        import signal
        import numpy as np
        import mgres
        net = mgres.ResNet(2, 10, 2, 1024)
        n = 10_000
        f = mgres.ResNetObjective(net, np.ones((n, 2), np.float32), np.zeros(n, int))
        theta = net.init(0, scale=0.1)
        expected, gradient = np.empty_like(theta), np.empty_like(theta)
        value = f.value_and_grad(theta, expected)
        seen = []
        signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        while len(seen) < 5:
            assert f.value_and_grad(theta, gradient) == value
            assert np.array_equal(gradient, expected)
        signal.setitimer(signal.ITIMER_REAL, 0)
        """
    )


def test_the_exception_of_a_handler_arrives_as_it_is(run_python):
    run_python(
        """
        import signal
        import numpy as np
        import mgres

        class Stop(Exception):
            pass

        def handler(*_):
            raise Stop("enough")

        net = mgres.ResNet(2, 64, 2, 4096)
        n = 500_000
        f = mgres.ResNetObjective(net, np.ones((n, 2), np.float32), np.zeros(n, int))
        theta = net.init(0, scale=0.0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            f.value(theta)
        except Stop as stop:
            assert stop.args == ("enough",)
        else:
            raise SystemExit("the call ran to its end")
        """
    )


def test_ctrl_c_reaches_the_main_thread_while_another_one_computes(run_python):
    run_python(
        """
        import os, signal, threading
        import numpy as np
        import mgres
        net = mgres.ResNet(2, 10, 2, 1024)
        n = 20_000
        f = mgres.ResNetObjective(net, np.ones((n, 2), np.float32), np.zeros(n, int))
        theta = net.init(0, scale=0.1)
        expected = f.value(theta)
        values = []
        worker = threading.Thread(target=lambda: values.append(f.value(theta)))
        try:
            worker.start()
            os.kill(os.getpid(), signal.SIGINT)
            worker.join()
            threading.Event().wait(50)
        except KeyboardInterrupt:
            worker.join()
        else:
            raise SystemExit("no KeyboardInterrupt")
        assert values == [expected]  # a thread that Ctrl-C does not concern finishes its work
        """
    )
