"""What a mistake in a command looks like."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

USAGE = [
    ((), "the following arguments are required: COMMAND"),
    (("fly",), "invalid choice: 'fly' (choose from"),
    (("train",), "the following arguments are required: data, --out"),
    (("train", "circles"), "the following arguments are required: --out"),
    (
        ("train", "squares", "--out", "a"),
        "squares: there is no such data set or file; expected",
    ),
    (("train", "circles", "--out"), "argument --out: expected one argument"),
    (("train", "circles", "--levels", "--out", "a"), "--levels: expected at least one argument"),
    (("train", "--levels", "8", "circles", "--out", "a"), "from 1 to 2**31 - 1, got 'circles'"),
    (("--debug", "info"), "unrecognized arguments: --debug (options go after the command)"),
    (("train", "circles", "--out", "a", "--fast"), "unrecognized arguments: --fast"),
    (("reproduce", "--out", "a"), "the following arguments are required: name"),
    (("reproduce", "table3", "--out", "a"), "argument name: invalid choice: 'table3'"),
    (("reproduce", "table1"), "the following arguments are required: --out"),
    (
        ("reproduce", "table1", "--problem", "digits", "--out", "a"),
        "argument --problem: invalid choice: 'digits'",
    ),
    (("check",), "the following arguments are required: data"),
    (("check", "circles", "--metric", "l2"), "argument --metric: invalid choice: 'l2'"),
    (("check", "circles", "--prolongation", "x"), "argument --prolongation: invalid choice: 'x'"),
    (("check", "circles", "--projection", "sum"), "argument --projection: invalid choice: 'sum'"),
    (("info", "more"), "unrecognized arguments: more"),
]
INTEGERS = [
    (("train", "circles", "--out", "a"), "--levels"),
    (("train", "circles", "--out", "a"), "--depth"),
    (("train", "circles", "--out", "a"), "--threads"),
    (("reproduce", "table1", "--out", "a"), "--seeds"),
    (("check", "circles"), "--levels"),
    (("check", "circles"), "--depth"),
]
for start, option in INTEGERS:
    for bad in ("0", "-1", "1.5", "x", "", "1e3", str(2**31), "9" * 5000):
        most = "4096" if option == "--threads" else "2**31 - 1"
        message = f"argument {option}: expected an integer from 1 to {most}, got {bad!r}"
        USAGE.append(((*start, option, bad), message))
for bad in ("-1", "x", "1.0"):
    message = f"argument --seed: expected an integer from 0, got {bad!r}"
    USAGE.append((("train", "circles", "--out", "a", "--seed", bad), message))
for option, least, values in (
    ("--learning-rate", "a positive number", ("0", "-1", "x", "nan", "inf", "1e999")),
    ("--beta", "a number from 0", ("-1e-9", "x", "nan", "inf")),
):
    for bad in values:
        message = f"argument {option}: expected {least}, got {bad!r}"
        USAGE.append((("train", "circles", "--out", "a", f"{option}={bad}"), message))


@pytest.mark.parametrize(
    ("arguments", "message"), USAGE, ids=[" ".join(a)[:60] or "none" for a, _ in USAGE]
)
def test_wrong_usage(run, tmp_path, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("mgres: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "a").exists()


MISTAKES = [
    (
        ("train", "circles", "--levels", "4", "13", "--out", "a"),
        "--levels 13: a depth of 2048 allows at most 12",
    ),
    (
        ("train", "circles", "--levels", "100000000", "--out", "a"),
        "--levels 100000000: a depth of 2048 allows at most 12",
    ),
    (
        ("train", "circles", "--depth", "100", "--levels", "4", "--out", "a"),
        "--levels 4: a depth of 100 allows at most 3",
    ),
    (("check", "circles", "--depth", "63"), "--levels 8: a depth of 63 allows at most 1"),
    (("train", "mnist", "--out", "a"), "MNIST is missing: set MGRES_DATA to the folder"),
    (("reproduce", "table1", "--problem", "mnist", "--out", "a"), "MNIST is missing: set"),
    (("check", "mnist"), "download_mnist()"),
    (("train", "circles", "--out", "file"), "--out file: cannot be made a folder"),
    (("train", "circles", "--out", "file/a"), "--out file/a: cannot be made a folder"),
    (("reproduce", "table1", "--out", "file"), "--out file: cannot be made a folder"),
    (
        ("train", "circles", "--levels", "1", "--depth", str(2**31 - 1), "--out", "a"),
        "Unable to allocate",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "message"), MISTAKES, ids=[" ".join(a)[:60] for a, _ in MISTAKES]
)
def test_mistake_is_told_in_one_line(run, tmp_path, monkeypatch, arguments, message):
    if message == "Unable to allocate":
        monkeypatch.setattr("numpy.zeros", out_of_memory)
    (tmp_path / "file").write_text("precious")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("mgres: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert (tmp_path / "file").read_text() == "precious"
    assert not (tmp_path / "a" / "result.json").exists()


def out_of_memory(shape, dtype=None):
    raise MemoryError(f"Unable to allocate an array with shape {shape}")


def test_mistakes_of_a_real_process(tmp_path, command):
    for line in ("train mnist --out a", "train circles --levels 99 --out a", "train circles"):
        done = command(line)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_debug_shows_the_traceback(run, command):
    with pytest.raises(FileNotFoundError, match="MNIST is missing"):
        run("check", "mnist", "--debug")
    done = command("train circles --levels 99 --out a --debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_folder_that_cannot_be_written_to(run, tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    if os.geteuid() == 0:  # whom no permission stops
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    else:
        (tmp_path / "locked").chmod(0o500)
    code, out, err = run("train", "circles", "--out", "locked")
    assert (code, out, err) == (2, "", "mgres: error: --out locked: cannot be written to\n")


def test_digits_without_scikit_learn(run, monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    code, _, err = run("check", "digits", "--depth", "8", "--levels", "1")
    assert code == 2
    assert 'pip install "mgres[sklearn]"' in err
    assert err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
@pytest.mark.parametrize("arguments", [["info"], ["check", "circles", "--depth=8", "--levels=2"]])
def test_reader_that_leaves_is_no_error(arguments):
    process = subprocess.Popen(
        [sys.executable, "-m", "mgres", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 141
