"""`mgres check`."""

from __future__ import annotations

import re
import shlex

import pytest


@pytest.mark.parametrize(
    ("levels", "options"),
    [
        (4, ""),
        (1, ""),
        (7, "--double"),
        (4, "--metric time"),
        (4, "--prolongation linear"),
        (4, "--prolongation linear --projection full_weighting"),
        (4, "--projection injection"),
    ],
)
def test_check_of_a_healthy_hierarchy(run, levels, options):
    line = f"check circles --depth 64 --levels {levels} {options}"
    code, out, err = run(*shlex.split(line))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["level", "layers", "dt"]
    layers = [str(64 >> i) for i in range(levels)]
    assert [line.split()[1] for line in lines[1 : 1 + levels]] == layers
    assert "check_hierarchy: ok" in lines
    for part in ("opening", "blocks", "closing"):
        assert re.search(rf"^ +{part} +\d\.\de[+-]\d\d$", out, re.MULTILINE)
    assert "failed" not in out
    assert "nan" not in out


@pytest.mark.parametrize(
    "options",
    [
        "circles --block two_layer --hidden 5",
        "circles --block gradient --norm layer --paced --activation silu --metric time",
        "circles --width 4 --block hamiltonian",
        "digits --block hamiltonian --hidden 3 --prolongation linear",
        "circles --norm rms --double",
    ],
)
def test_check_takes_any_block(run, options):
    code, out, err = run("check", *options.split(), "--depth", "32", "--levels", "3")
    assert (code, err) == (0, "")
    assert "check_hierarchy: ok" in out.splitlines()


def test_check_of_the_squared_error(run, monkeypatch):
    """Circles with scaled features are trained by the squared error, and so are checked with it."""
    seen = []
    monkeypatch.setattr(
        "mgres.cli.check.check_hierarchy",
        lambda hierarchy, *_, **__: seen.append(hierarchy.finest.loss) or _Fine(),
    )
    for name in ("circles", "circles-scaled"):
        assert run("check", name, "--depth", "16", "--levels", "2")[0] == 0
    assert seen == ["cross_entropy", "squared_error"]


class _Fine:
    ok = True


def test_check_fails_with_exit_code_1(run, monkeypatch):
    from mgres.resnet import DepthTransfer

    def sum_up(self, fine, out):
        self.restrict(fine, out)

    monkeypatch.setattr(DepthTransfer, "project", sum_up)
    code, out, _ = run("check", "circles", "--depth", "64", "--levels", "4")
    assert code == 1
    assert "check_hierarchy: FAILED" in out
    assert "failed: " in out


def test_check_with_a_block_that_does_not_fit(run):
    code, _, err = run("check", "circles", "--block", "hamiltonian")
    assert code == 2
    assert "width: expected an even number" in err
