"""What all tests share: seeds, tolerances, strict floating point, threads put back."""

import os
import signal
import subprocess
import sys
import textwrap
import zlib

import hypothesis
import numpy as np
import pytest

import mgres
from mgres import _core

SEED = int(os.environ.get("MGRES_TEST_SEED", "0"))

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
"""Relative error of a gradient against a reference in double precision."""

# No deadline, because no test may depend on time; and the same examples in every run.
hypothesis.settings.register_profile("mgres", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("mgres")


# Started in the background by a shell or by nohup, a program ignores Ctrl-C or SIGHUP, and so would
# those that tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_report_header():
    return f"mgres: core {_core.isa}, MGRES_TEST_SEED={SEED}"


@pytest.fixture(autouse=True)
def _threads_restored():
    """A test may set the number of threads; the next one must not notice."""
    before = mgres.get_num_threads()
    yield
    if mgres.get_num_threads() != before:
        mgres.set_num_threads(before)


@pytest.fixture(autouse=True)
def _strict_floating_point():
    """NumPy raises where it would produce nan or inf; results may underflow."""
    with np.errstate(all="raise", under="ignore"):
        yield


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def tolerance(dtype):
    return TOLERANCE[dtype.name]


@pytest.fixture
def rng(request):
    """A generator whose seed is the name of the test, and MGRES_TEST_SEED."""
    return np.random.default_rng([SEED, zlib.crc32(request.node.name.encode())])


@pytest.fixture
def run_python(tmp_path):
    """Return a function that runs a program in a fresh interpreter and returns its output.

    ``None`` as the value of an environment variable unsets it. A program that does not succeed
    fails the test, unless `check` is false.
    """

    def run(program, *arguments, timeout=100, check=True, **environment):
        changed = {"MGRES_ISA": os.environ.get("MGRES_ISA"), "OMP_NUM_THREADS": None, **environment}
        kept = {k: v for k, v in os.environ.items() if k not in changed}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
            env=kept | {k: v for k, v in changed.items() if v is not None},
            cwd=tmp_path,
            timeout=timeout,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            pytest.fail(f"exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    return run


LONGEST = (
    *("newcomer", "test_blocks.py", "test_checks.py", "test_bench_peers.py", "test_commands.py"),
    *("test_models.py", "test_classifier.py", "docs", "reliability", "cli", "torch_extra"),
)
"""Files, and folders of files, that take longest, in falling order."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: several processes would else end with one at work."""

    def place(item: pytest.Item) -> int:
        return next((i for i, name in enumerate(LONGEST) if name in item.path.parts), len(LONGEST))

    items.sort(key=place)
