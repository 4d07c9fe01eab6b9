"""The command on terminals and with names that are not as one expects."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mgres.cli import main

from .commands import RUN, names, posix


def test_a_core_for_another_processor_is_told_in_a_line(here):
    done = subprocess.run(
        [sys.executable, "-m", "mgres", "info"],
        env={**os.environ, "MGRES_ISA": "v9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("mgres: error: MGRES_ISA: expected one of base")
    assert done.stderr.count("\n") == 1


@posix
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("predict run circles >&-", 2),
        ("info >&-", 0),
        ("info >&- 2>&-", 0),
        ("train circles --depth 8 --max-cycles 1 --no-plots --out other >&- 2>&-", 0),
    ],
)
def test_closed_streams(here, line, code):
    if "predict" in line:
        assert main([*RUN, "--max-cycles", "1"]) == 0
    done = subprocess.run(
        f"{sys.executable} -m mgres {line}", shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    if code:
        assert done.stderr == "mgres: error: standard output is closed: give --out FILE\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("line", ["info", "predict run circles", "evaluate run circles"])
def test_a_full_disk_behind_standard_output(here, line):
    if "run" in line:
        assert main([*RUN, "--max-cycles", "1"]) == 0
    done = subprocess.run(
        f"{sys.executable} -m mgres {line} > /dev/full",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "mgres: error: standard output: No space left on device\n"


def test_a_number_beyond_the_models_precision(here, capsys):
    Path("t.csv").write_text("a,b,kind\n1,2,0\n3,4,1\n5,6,0\n1,1,1\n2,2,0\n7,4,1\n")
    line = "train t.csv --target kind --out r --max-cycles 2 --no-plots --quiet --depth 4"
    assert main(line.split()) == 0
    Path("far.csv").write_text("a,b\n1,2\n1e308,1\n")
    capsys.readouterr()
    assert main(["predict", "r", "far.csv"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("mgres: error: X: the prediction for row 1 is not finite")
    assert err.count("\n") == 1


ROWS = "a,b,kind\n1,2,ä\n3,4,ö\n5,6,ä\n1,1,ö\n2,2,ä\n7,4,ö\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_names_that_a_terminal_cannot_show(here, encoding):
    """Predictions are UTF-8 as in files; what is told is told with escapes."""
    Path("t.csv").write_text(ROWS, encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "OMP_NUM_THREADS": "1"}

    def mgres_(line):
        return subprocess.run(
            [sys.executable, "-m", "mgres", *line.split()],
            env=environment,
            capture_output=True,
            check=False,
        )

    done = mgres_("train t.csv --target kind --out r --max-cycles 2 --no-plots --quiet --depth 4")
    assert done.returncode == 0, done.stderr
    for line in ("evaluate r t.csv", "predict r t.csv", "predict r t.csv --proba"):
        done = mgres_(line)
        assert done.returncode == 0, done.stderr
    assert "probability of ä" in done.stdout.decode("utf-8")


@posix
def test_names_of_files_that_are_no_text(here, capsys):
    try:
        Path(os.fsdecode(b"n\xff.csv")).write_text(ROWS, encoding="utf-8")
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    bad = os.fsdecode(b"n\xff.csv")
    for words in (
        [bad, "--target", "kind", "--out", "r"],
        ["circles", "--out", os.fsdecode(b"\xfe")],
    ):
        assert main(["train", *words]) == 2
        assert "expected a name in UTF-8, got b'" in capsys.readouterr().err
    assert set(names()) == {bad, "tmp"}
