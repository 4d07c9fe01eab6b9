"""The builds for different instruction sets agree, and the best one is taken."""

from importlib.util import find_spec

import mgres._cpu
import numpy as np
import pytest

import mgres

LEVELS = ("base", "v3", "v4")
BUILT = [level for level in LEVELS if find_spec(f"mgres._core_{level}") is not None]
SUPPORTED = LEVELS[: LEVELS.index(mgres._cpu.level()) + 1]
RUN = [level for level in BUILT if level in SUPPORTED]

SCRIPT = """
    import sys
    import numpy as np
    import mgres
    from mgres import _core

    assert _core.isa == sys.argv[1], _core.isa
    results = {}
    for dtype in ("float32", "float64"):
        for width, activation in ((3, "tanh"), (10, "logistic"), (16, "smooth_relu"), (20, "tanh")):
            net = mgres.ResNet(70, width, 3, 50, activation=activation, dtype=dtype)
            rng = np.random.default_rng(0)
            X = rng.standard_normal((300, 70)).astype(dtype)
            theta = net.init(1)
            for loss in ("cross_entropy", "squared_error"):
                f = mgres.ResNetObjective(net, X, rng.integers(3, size=300), loss)
                gradient = np.empty_like(theta)
                value = f.value_and_grad(theta, gradient)
                results[f"{dtype} {width} {loss} gradient"] = gradient
                results[f"{dtype} {width} {loss} value"] = np.array(value)
            results[f"{dtype} {width} logits"] = net.logits(theta, X)
    np.savez(sys.argv[2], **results)
"""


def test_base_was_built():
    assert "base" in BUILT


@pytest.mark.parametrize("level", LEVELS[1:])
def test_levels_agree(level, run_python, tmp_path):
    if level not in RUN:
        why = "was not built" if level not in BUILT else "is not what this machine has"
        pytest.skip(f"level {level} {why}")
    results = []
    for isa in ("base", level):
        run_python(SCRIPT, isa, tmp_path / f"{isa}.npz", MGRES_ISA=isa)
        with np.load(tmp_path / f"{isa}.npz") as stored:
            results.append(dict(stored))
    for name, expected in results[0].items():
        tolerance = 1e-4 if name.startswith("float32") else 1e-12
        error = np.linalg.norm(results[1][name] - expected) / np.linalg.norm(expected)
        assert error < tolerance, name


def test_the_best_level_is_taken(run_python):
    done = run_python("from mgres import _core; print(_core.isa)", MGRES_ISA=None)
    assert done.stdout.split() == [RUN[-1]]


@pytest.mark.parametrize("isa", ["v9", "avx2", "V3", " base"])
def test_an_unknown_level_is_refused(run_python, isa):
    done = run_python("import mgres.mgopt", check=False, MGRES_ISA=isa)
    assert done.returncode == 1
    assert f"ImportError: MGRES_ISA: expected one of {', '.join(SUPPORTED)}" in done.stderr
    assert f"got {isa!r}" in done.stderr


# A machine that has only the baseline, whatever this one is.
OLD_MACHINE = """
    import sys, types
    sys.modules["mgres._cpu"] = types.SimpleNamespace(level=lambda: "base")
    from mgres import _core
    print(_core.isa)
"""


def test_a_level_that_the_machine_lacks_is_refused(run_python):
    done = run_python(OLD_MACHINE, check=False, MGRES_ISA="v4")
    assert done.returncode == 1
    assert "ImportError: MGRES_ISA: expected one of base on this machine, got 'v4'" in done.stderr


def test_an_old_machine_gets_the_baseline(run_python):
    assert run_python(OLD_MACHINE, MGRES_ISA=None).stdout.split() == ["base"]


# A build with the baseline only, such as for another compiler or with sanitizers.
LEAN_BUILD = """
    import importlib.abc, sys, types

    class Missing(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name in ("mgres._core_v3", "mgres._core_v4"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Missing())
    sys.modules["mgres._cpu"] = types.SimpleNamespace(level=lambda: "v4")
    from mgres import _core
    print(_core.isa)
"""


def test_a_level_that_was_not_built_is_refused(run_python):
    done = run_python(LEAN_BUILD, check=False, MGRES_ISA="v3")
    assert done.returncode == 1
    assert "ImportError: mgres was built without the instruction set level v3" in done.stderr


def test_a_build_without_the_best_level_uses_the_next(run_python):
    assert run_python(LEAN_BUILD, MGRES_ISA=None).stdout.split() == ["base"]
