"""What `import mgres` must not do."""

import os

import pytest


def test_import_loads_no_optional_package(run_python):
    program = """
import sys
import mgres
optional = "torch sklearn matplotlib tqdm jax scipy pandas mpi4py threadpoolctl".split()
print([name for name in optional if name in sys.modules])
"""
    assert run_python(program).stdout.strip() == "[]"


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux's /proc")
def test_import_starts_no_thread(run_python):
    program = """
import os, threading
import numpy  # its BLAS may start threads
before = len(os.listdir("/proc/self/task"))
import mgres
print(len(os.listdir("/proc/self/task")) - before, threading.active_count())
"""
    assert run_python(program).stdout.split() == ["0", "1"]


def test_import_keeps_subnormal_numbers(run_python):
    # a library linked with -ffast-math makes the processor flush them to zero, in the whole process
    program = """
import threading
import numpy as np

def seen():
    half = np.array([np.finfo(np.float64).tiny, np.finfo(np.float64).smallest_subnormal]) / 2
    single = np.array([np.finfo(np.float32).tiny], np.float32) / np.float32(2)
    return half[0] > 0 and half[1] == 0 and single[0] > 0 and 5e-324 + 0.0 > 0

assert seen()
import mgres
assert seen()
in_thread = []
thread = threading.Thread(target=lambda: in_thread.append(seen()))
thread.start()
thread.join()
assert in_thread == [True]

# and not after the core has worked, with threads of its own
mgres.set_num_threads(3)
net = mgres.ResNet(2, 3, 2, 1000)
theta = net.init(0)
net.logits(theta, np.ones((1000, 2), np.float32))
assert seen()
"""
    run_python(program)


def test_core_itself_keeps_subnormal_numbers(run_python):
    program = """
import numpy as np
import mgres
mgres.set_num_threads(2)
for dtype in (np.float32, np.float64):
    net = mgres.ResNet(1, 1, 1, 1, activation="identity", dtype=dtype)
    theta = np.zeros(net.size, dtype)
    views = net.views(theta)
    tiny = np.finfo(dtype).tiny / 8
    views.Q[:] = tiny
    views.W_out[:] = 1
    out = net.logits(theta, np.ones((500_000, 1), dtype))  # work for both threads
    assert (out == tiny).all(), out
"""
    run_python(program)


def test_import_changes_no_rounding_nor_traps_nor_warnings(run_python):
    program = """
import warnings
import numpy as np
before = np.geterr(), np.nextafter(1, 2), 0.1 + 0.2, list(warnings.filters)
import mgres
assert before == (np.geterr(), np.nextafter(1, 2), 0.1 + 0.2, list(warnings.filters))
"""
    run_python(program)


def test_public_names_exist():
    import mgres

    assert len(set(mgres.__all__)) == len(mgres.__all__)
    for name in mgres.__all__:
        assert getattr(mgres, name) is not None
