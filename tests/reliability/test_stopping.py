"""Requests to stop: Ctrl-C, SIGTERM, SIGHUP, one or several, at any time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import mgres
from mgres.cli import main

from .commands import RUN, names, posix

LONG = [
    "train",
    "digits",
    "--method",
    "V",
    "--levels",
    "3",
    "--depth",
    "256",
    "--max-cycles",
    "1000000",
    "--target-accuracy",
    "1.0",
    "--patience",
    "1000000",
    "--no-plots",
    "--quiet",
    "--out",
    "run",
]


@posix
@pytest.mark.parametrize(
    ("signals", "gap", "code"),
    [
        (["SIGTERM"], 0, 143),
        (["SIGHUP"], 0, 129),
        (["SIGINT", "SIGINT"], 0.05, 130),
        (["SIGINT", "SIGTERM"], 0.01, 130),
    ],
)
def test_requests_to_stop_keep_everything(here, signals, gap, code):
    pytest.importorskip("sklearn", reason="scikit-learn is missing")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mgres", *LONG],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    history = Path("run/history.jsonl")
    while not (history.exists() and history.read_text().count("\n") >= 4):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    for name in signals:
        process.send_signal(getattr(signal, name))
        time.sleep(gap)
    _, err = process.communicate(timeout=100)
    assert process.returncode == code, err
    assert "go on by" in err
    assert mgres.load("run/model.safetensors").net.depth == 256
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["stopped"] == "interrupted"
    assert summary["cycles"] >= 3
    assert list(Path("run/checkpoints").glob("*.safetensors"))
    assert ".lock" not in names("run")


def test_a_run_that_was_stopped_before_its_first_cycle_starts_again(here, monkeypatch, capsys):
    assert main([*RUN, "--max-cycles", "3"]) == 0
    expected = mgres.load("run/model.safetensors").theta

    def at_once(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mgres.training.checkpoints.writer.Keeper.begin", at_once)
        assert main([*RUN, "--max-cycles", "3", "--overwrite"]) == 130
    assert json.loads(Path("run/summary.json").read_text())["cycles"] == 0
    assert main(["train", "--resume", "run", "--quiet"]) == 0
    assert "no checkpoint yet: starting again" in capsys.readouterr().err
    np.testing.assert_array_equal(mgres.load("run/model.safetensors").theta, expected)


@posix
def test_the_third_request_is_obeyed_at_once():
    from mgres.interrupts import held_back

    def ask():
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100):
            time.sleep(0.001)

    done = []

    def impatient():
        with held_back():
            ask()
            ask()
            done.append(True)
            ask()
            done.append("never")

    with pytest.raises(KeyboardInterrupt):
        impatient()
    assert done == [True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@posix
def test_a_second_request_while_the_first_one_is_answered(tmp_path, monkeypatch):
    """In a program of the user's own, whose Ctrl-C is Python's."""
    from mgres.training.checkpoints.writer import Keeper

    X, y, *_ = mgres.datasets.circles(1, 100, 10)
    f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 8), X, y)
    finish = Keeper.finish

    def impatient(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        finish(self)

    def stop(record, theta):
        if record.cycle == 3:
            monkeypatch.setattr(Keeper, "finish", impatient)
            raise KeyboardInterrupt

    with pytest.raises(mgres.TrainingInterrupted) as caught:
        mgres.fit(f, levels=2, callbacks=[stop], checkpoint=mgres.Checkpoint(tmp_path))
    assert caught.value.result.history.cycles == 3
    assert len(list(tmp_path.glob("*.safetensors"))) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@posix
def test_the_second_request_to_a_command_changes_nothing():
    from mgres.interrupts import as_keyboard_interrupt

    def ask(name):
        os.kill(os.getpid(), getattr(signal, name))
        for _ in range(100):
            time.sleep(0.001)

    with as_keyboard_interrupt() as came:
        for name, interrupts in (("SIGTERM", True), ("SIGINT", False), ("SIGINT", True)):
            try:
                ask(name)
                interrupted = False
            except KeyboardInterrupt:
                interrupted = True
            assert interrupted == interrupts
    assert came == [signal.SIGTERM, signal.SIGINT, signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_folder_of_checkpoints_that_is_removed(tmp_path):
    X, y, *_ = mgres.datasets.circles(1, 100, 10)
    f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 8), X, y)
    folder = tmp_path / "checkpoints"

    def remove(record, theta):
        if record.cycle == 3:
            shutil.rmtree(folder)

    checkpoint = mgres.Checkpoint(folder, every_cycles=2)
    mgres.fit(f, levels=2, callbacks=[remove], checkpoint=checkpoint, max_cycles=5)
    assert mgres.fit(f, levels=2, max_cycles=6, resume=folder).history.cycles == 6


def test_an_exception_in_a_callback_keeps_the_result():
    X, y, *_ = mgres.datasets.circles(1, 100, 10)
    f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 8), X, y)

    def broken(record, theta):
        if record.cycle == 3:
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        mgres.fit(f, levels=2, callbacks=[broken])
    assert caught.value.result.history.cycles == 3


def test_ctrl_c_while_modules_are_imported(run_python):
    """The import of the command's modules takes longer than a hasty user waits."""
    done = run_python(
        """
        import sys
        from mgres.cli import main
        class Press:
            def find_spec(self, name, path, target=None):
                if name == "mgres.cli.program":
                    raise KeyboardInterrupt
        sys.meta_path.insert(0, Press())
        sys.exit(main(["info"]))
        """,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "mgres: interrupted; nothing was written\n")


# ---- the tests themselves ------------------------------------------------------------------------


@posix
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is missing")
@pytest.mark.parametrize(("request_", "code"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
def test_the_command_that_runs_all_tests_leaves_no_process(here, request_, code):
    """Programs that note their number and sleep stand for Python, the compiler and apt."""
    Path("bin").mkdir()
    for name in ("python3", "c++", "apt-get"):
        program = Path("bin", name)
        program.write_text(f"#!/bin/sh\necho $$ > {here}/number\nexec sleep 100\n")
        program.chmod(0o755)
    process = subprocess.Popen(
        ["bash", Path(__file__).parents[2] / "tools" / "test.sh", here / "venv"],
        env={**os.environ, "PATH": f"{here / 'bin'}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    number = here / "number"
    while not (number.exists() and number.read_text().strip()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(getattr(signal, request_))
    assert process.wait(timeout=60) == code
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text()), 0)


def children(number):
    """Return the numbers of a process's children that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it has ended meanwhile
            continue
        if int(parent) == number and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="/proc is missing")
@pytest.mark.parametrize(("request_", "code"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
@pytest.mark.parametrize(
    "tool",
    ["soak.py", "kill.py", "mutate.py training/fit.py --tests tests/training/test_kill.py"],
    ids=lambda tool: tool.split(".")[0],
)
def test_tools_that_start_processes_leave_none(here, tool, request_, code):
    if tool.startswith("mutate"):
        pytest.importorskip("coverage", reason="coverage is missing")
    script, *arguments = tool.split()
    process = subprocess.Popen(
        [sys.executable, Path(__file__).parents[2] / "tools" / script, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (started := children(process.pid)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(getattr(signal, request_))
    process.send_signal(getattr(signal, request_))  # hasty users do this
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, "")
    for number in started:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
    assert names("tmp") == []
