"""What all tests share: seeds, tolerances, strict floating point, threads put back."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from dataclasses import dataclass

import hypothesis
import numpy as np
import pytest

import mgres

SEED = int(os.environ.get("MGRES_TEST_SEED", "0"))

# No deadline, because no test may depend on time; the same examples in every run.
hypothesis.settings.register_profile(
    "mgres", deadline=None, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.load_profile("mgres")


@dataclass(frozen=True)
class Tolerance:
    """How exact results of a dtype must be, relative to the largest number of the kind."""

    value: float
    gradient: float
    adjoint: float
    """For operators that add a handful of numbers, such as transfers."""


TOLERANCES = {
    np.dtype(np.float64): Tolerance(value=1e-13, gradient=1e-12, adjoint=1e-13),
    np.dtype(np.float32): Tolerance(value=2e-6, gradient=1e-5, adjoint=2e-6),
}


def pytest_report_header() -> str:
    """Record the seed."""
    return f"seed: MGRES_TEST_SEED={SEED}; mgres core: {mgres._core.isa}"


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    """Run the test in both precisions."""
    return np.dtype(request.param)


@pytest.fixture
def tolerance(dtype):
    """Return the tolerances of `dtype`."""
    return TOLERANCES[dtype]


@pytest.fixture
def rng(request):
    """Return a generator whose seed is MGRES_TEST_SEED and the name of the test."""
    return np.random.default_rng([SEED, zlib.crc32(request.node.name.encode())])


@pytest.fixture(autouse=True)
def strict_floating_point():
    """Turn NumPy's silent nan and inf into errors; results may underflow."""
    with np.errstate(all="raise", under="ignore"):
        yield


@pytest.fixture(autouse=True)
def threads_put_back():
    """Restore the number of threads after a test that changed it."""
    before = mgres.get_num_threads()
    yield
    if mgres.get_num_threads() != before:
        mgres.set_num_threads(before)


@pytest.fixture
def run_python(tmp_path):
    """Return a function that runs a program in a fresh interpreter, away from the source tree."""

    def run(program, *arguments, timeout=120, check=True, **environment):
        env = {k: v for k, v in os.environ.items() if k not in ("MGRES_ISA", "OMP_NUM_THREADS")}
        env.update({k: v for k, v in environment.items() if v is not None})
        result = subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=env,
            cwd=tmp_path,
        )
        if check and result.returncode != 0:
            pytest.fail(f"exit code {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    return run
