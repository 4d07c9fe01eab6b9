"""The builds for different instruction sets agree, and the baseline is one."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import mgres
import numpy as np
import pytest

LEVELS = ("base", "v3", "v4")
FOLDER = Path(mgres.__file__).parent
BUILT = [level for level in LEVELS if list(FOLDER.glob(f"_core_{level}.*"))]

SCRIPT = textwrap.dedent(
    """
    import sys, numpy as np, mgres
    from mgres import _core
    assert _core.isa == sys.argv[1], _core.isa
    values = {}
    for dtype in ("float32", "float64"):
        for width in (3, 10, 20):
            net = mgres.ResNet(5, width, 3, 50, activation="tanh", dtype=dtype)
            rng = np.random.default_rng(0)
            X = rng.standard_normal((300, 5)).astype(dtype)
            f = mgres.ResNetObjective(net, X, rng.integers(3, size=300))
            theta = net.init(1)
            gradient = np.empty_like(theta)
            value = f.value_and_grad(theta, gradient)
            values[f"{dtype} {width}"] = np.append(gradient, value)
    np.savez(sys.argv[2], **values)
    """
)


def run(level, *arguments, script=SCRIPT):
    environment = os.environ | {"MGRES_ISA": level}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(
        command, env=environment, timeout=100, capture_output=True, text=True, check=False
    )


def supported():
    import mgres._cpu as cpu

    return [level for level in BUILT if LEVELS.index(level) <= LEVELS.index(cpu.level())]


def test_all_levels_agree(tmp_path):
    results = {}
    for level in supported():
        path = tmp_path / f"{level}.npz"
        done = run(level, level, path)
        assert done.returncode == 0, done.stderr
        results[level] = dict(np.load(path))
    for level, values in results.items():
        for name, value in values.items():
            expected = results["base"][name]
            tolerance = 1e-4 if name.startswith("float32") else 1e-12
            error = np.linalg.norm(value - expected) / np.linalg.norm(expected)
            assert error < tolerance, (level, name)


def test_an_unknown_level_is_refused():
    done = run("v9", script="import mgres")
    assert done.returncode == 1
    assert "MGRES_ISA: expected one of base" in done.stderr
    assert "got 'v9'" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files")
@pytest.mark.skipif(
    shutil.which("objdump") is None, reason="objdump is missing: apt install binutils"
)
@pytest.mark.parametrize(("level", "forbidden"), [("base", "[yz]mm"), ("v3", "zmm")])
def test_no_instruction_above_the_level(level, forbidden):
    if level not in BUILT:
        pytest.skip(f"level {level} was not built")
    (module,) = FOLDER.glob(f"_core_{level}.*")
    done = subprocess.run(["objdump", "-d", str(module)], capture_output=True, check=True)
    assert not re.search(f"%{forbidden}".encode(), done.stdout)
