"""Importing mgres is cheap and leaves the process as it was."""

import subprocess
import sys
import textwrap


def run(script):
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)


def test_no_optional_package_is_loaded():
    run(
        """
        import sys
        import mgres
        loaded = {"torch", "jax", "sklearn", "matplotlib", "tqdm", "mpi4py"} & set(sys.modules)
        assert not loaded, loaded
        """
    )


def test_no_thread_is_started():
    run(
        """
        import os, threading
        before = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
        import numpy
        numpy_threads = len(os.listdir("/proc/self/task")) if before else 0
        import mgres
        if before:
            assert len(os.listdir("/proc/self/task")) == numpy_threads
        assert threading.active_count() == 1
        """
    )


def test_the_floating_point_mode_is_left_alone():
    run(
        """
        import mgres
        smallest = 5e-324
        assert smallest / 1 > 0 and smallest * 1.0 == smallest, "subnormals are flushed"
        """
    )
