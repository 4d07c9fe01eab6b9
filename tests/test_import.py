"""Importing mgres is cheap and leaves the process as it was."""

from pathlib import Path

import pytest

import mgres


def test_no_optional_package_is_loaded(run_python):
    run_python(
        """
        import sys
        import mgres
        optional = {"torch", "jax", "sklearn", "scipy", "matplotlib", "tqdm", "mpi4py"}
        optional |= {"tensorboardX"}
        loaded = optional & set(sys.modules)
        assert not loaded, loaded
        """
    )


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
def test_no_thread_is_started(run_python):
    run_python(
        """
        import os, threading
        import numpy  # its BLAS may start threads
        before = len(os.listdir("/proc/self/task"))
        import mgres
        assert len(os.listdir("/proc/self/task")) == before
        assert threading.active_count() == 1
        """
    )


def test_the_floating_point_mode_is_left_alone(run_python):
    """A library linked with -ffast-math makes the processor flush subnormal numbers to zero."""
    run_python(
        """
        import threading
        import numpy as np

        def kept():
            halves = [np.array([np.finfo(t).tiny], t) / t(2) for t in (np.float32, np.float64)]
            return all(half[0] > 0 for half in halves) and 5e-324 * 1.0 == 5e-324

        assert kept()
        import mgres
        assert kept(), "subnormals are flushed after the import"
        in_thread = []
        thread = threading.Thread(target=lambda: in_thread.append(kept()))
        thread.start()
        thread.join()
        assert in_thread == [True], "subnormals are flushed in new threads"
        """
    )


def test_the_core_keeps_subnormal_numbers_in_all_its_threads(run_python):
    run_python(
        """
        import numpy as np
        import mgres
        mgres.set_num_threads(3)
        for dtype in (np.float32, np.float64):
            net = mgres.ResNet(1, 1, 1, 1, activation="identity", dtype=dtype)
            theta = np.zeros(net.size, dtype)
            p = net.views(theta)
            p.Q[:] = tiny = np.finfo(dtype).tiny / 8
            p.W_out[:] = 1
            logits = net.logits(theta, np.ones((300_000, 1), dtype))
            assert (logits == tiny).all()
            assert np.array([tiny])[0] / 2 > 0
        """
    )


def test_numpy_errors_and_warning_filters_are_left_alone(run_python):
    run_python(
        """
        import warnings
        import numpy as np
        before = np.geterr(), list(warnings.filters)
        import mgres
        assert before == (np.geterr(), list(warnings.filters))
        """
    )


def test_an_import_loads_what_is_used(run_python):
    """Modules stand for the time that they take; those of the network wait for a download."""
    run_python(
        """
        import sys
        import mgres
        assert not {"numpy", "mgres._core", "mgres.training"} & set(sys.modules)
        for name in mgres.__all__:
            getattr(mgres, name)
        assert "mgres._core" in sys.modules
        import mgres.datasets
        assert not {"ssl", "http.client", "urllib.request"} & set(sys.modules)
        """
    )


def test_type_checkers_see_the_public_names():
    stub = Path(mgres.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    lines = [line.split() for line in stub.splitlines() if line.startswith("from .")]
    homes = {words[-1]: words[1].lstrip(".") for words in lines}
    assert sorted(homes) == sorted([*mgres._MODULES, *mgres._HOME_OF])
    for name, home in homes.items():
        assert home == mgres._HOME_OF.get(name, "")


def test_all_public_names_exist():
    assert len(set(mgres.__all__)) == len(mgres.__all__)
    for name in [*mgres.__all__, *mgres._HOME_OF]:
        assert hasattr(mgres, name), name


def test_the_top_level_shows_what_most_programs_need():
    shown = [name for name in dir(mgres) if not name.startswith("_")]
    assert sorted(mgres.__all__) == shown
    assert len(shown) <= 24
    assert mgres.mgopt.Momentum is mgres.Momentum


def test_the_tests_say_which_core_they_test(run_python):
    """When none of them has loaded it yet, and pytest is not told to be quiet."""
    done = run_python(
        """
        import sys, pytest
        sys.exit(pytest.main(["--collect-only", "-p", "no:cacheprovider", sys.argv[1]]))
        """,
        __file__,
    )
    assert "mgres: core " in done.stdout
