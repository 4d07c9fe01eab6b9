"""What is written, where, and what happens if it cannot be."""

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import mgres
from mgres.cli import main
from mgres.files import replacing
from mgres.runs.folder import HistoryWriter, RunFolder

NET = mgres.ResNet(2, 3, 2, 4)
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def write(path, contents=b"new"):
    with replacing(Path(path)) as file:
        file.write(contents)


# ---- what is no file of ours ---------------------------------------------------------------------


@posix
def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    contents = os.urandom(300_000)  # more than a pipe holds
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write(pipe, contents)
    reader.join()
    assert got == [contents]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


@posix
def test_a_device_is_written_to():
    ours, theirs = os.openpty()
    name = os.ttyname(theirs)
    write(name, b"new")
    assert os.read(ours, 10) == b"new"
    assert stat.S_ISCHR(Path(name).stat().st_mode)
    os.close(ours)
    os.close(theirs)


@posix
def test_symbolic_links_are_followed(tmp_path):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "target", tmp_path / "link"
    link.symlink_to(target)
    write(link)  # makes what a dangling link names
    assert target.read_bytes() == b"new"
    write(link, b"again")
    assert link.is_symlink()
    assert target.read_bytes() == b"again"
    assert names(tmp_path / "far") == ["target"]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o444, 0o755])
def test_a_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_a_new_file_has_the_mode_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "file")
    finally:
        assert os.umask(before) == 0o027
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_what_is_written_through_public_functions(tmp_path):
    """A model in place of a private file stays private."""
    path = tmp_path / "model.safetensors"
    path.touch(mode=0o600)
    mgres.save(path, NET, NET.init(0))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert mgres.load(path).net == NET


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_file_systems_that_cannot_sync(tmp_path, monkeypatch, number):
    def fsync(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path / "file")
    assert names(tmp_path) == ["file"]


def test_errors_name_the_file_and_leave_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write(path, b"old")

    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write(path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


# ---- a run whose place is full, gone or taken ----------------------------------------------------

RUN = "train circles --method V --levels 2 --depth 16 --no-plots --quiet --out run".split()  # noqa: SIM905


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    return tmp_path


def record(cycle):
    return mgres.training.Record(cycle, 0, 0.5, None, 1.0, 1.0, ())


def test_a_history_that_cannot_be_written_waits(tmp_path):
    path = tmp_path / "history.jsonl"
    writer = HistoryWriter(path, None)
    writer.show(record(0))
    path.rename(tmp_path / "kept")
    path.mkdir()  # nobody can append to it
    with pytest.warns(UserWarning, match=r"history.jsonl: not written: .*; training goes on"):
        writer.show(record(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        writer.show(record(2))  # told once
        path.rmdir()
        (tmp_path / "kept").rename(path)
        writer.show(record(3))
    cycles = [json.loads(line)["cycle"] for line in path.read_text().splitlines()]
    assert cycles == [0, 1, 2, 3]


@posix
def test_half_a_line_is_taken_back(tmp_path, run_python):
    """The limit on a file's size stands for a disk that fills up in the middle of a line."""
    run_python("""
        import resource, signal, warnings
        from pathlib import Path
        import mgres
        from mgres.runs.folder import HistoryWriter
        record = lambda n: mgres.training.Record(n, 0, 0.5, None, 1.0, 1.0, ())
        path = Path("history.jsonl")
        writer = HistoryWriter(path, None)
        writer.show(record(0))
        line = path.stat().st_size
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (line + line // 2, hard))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            writer.show(record(1))
        assert len(said) == 1 and path.stat().st_size == line
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        writer.show(record(2))
        assert path.read_text().count("\\n") == 3
    """)


@pytest.mark.filterwarnings("ignore:.*not written:UserWarning")
def test_a_folder_that_is_removed_while_a_run_goes_on(here, monkeypatch, capsys):
    show = HistoryWriter.show

    def remove(self, record):
        show(self, record)
        if record.cycle == 2:
            shutil.rmtree("run")

    monkeypatch.setattr(HistoryWriter, "show", remove)
    assert main([*RUN, "--max-cycles", "5"]) == 0
    assert mgres.load("run/model.safetensors").net.depth == 16
    assert json.loads(Path("run/summary.json").read_text())["cycles"] == 5
    assert len(Path("run/history.jsonl").read_text().splitlines()) >= 6


def test_a_full_disk_at_the_end(here, monkeypatch, capsys):
    """The model goes to the folder for temporary files, and the command says so."""

    def full(path, *arguments, **more):
        if "run" in Path(path).parts:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return mgres.save(path, *arguments, **more)

    monkeypatch.setattr("mgres.runs.run.save", full)
    assert main([*RUN, "--max-cycles", "3"]) == 1
    out, err = capsys.readouterr()
    (model,) = Path("tmp").glob("mgres-*/model.safetensors")
    assert f"the model is in {here / model}" in out
    assert "run/model.safetensors: not written: No space left on device" in err
    assert mgres.load(model).net.depth == 16
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert main(["train", "--resume", "run", "--max-cycles", "4", "--quiet"]) == 0


@posix
def test_a_folder_serves_one_process_at_a_time(here, capsys):
    assert main([*RUN, "--max-cycles", "3"]) == 0
    with RunFolder(Path("run")).alone():
        for line in ([*RUN, "--overwrite"], ["train", "--resume", "run", "--max-cycles", "9"]):
            capsys.readouterr()
            assert main(line) == 2
            assert f"run: is in use by process {os.getpid()}; wait" in capsys.readouterr().err
    assert main(["train", "--resume", "run", "--max-cycles", "4", "--quiet"]) == 0
    assert ".lock" not in names("run")


@posix
def test_a_file_system_without_locks(here, monkeypatch, capsys):
    def flock(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    assert main([*RUN, "--max-cycles", "3"]) == 0
    assert ".lock" not in names("run")


# ---- requests to stop ----------------------------------------------------------------------------

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
        patched.setattr("mgres.training.keeper.Keeper.begin", at_once)
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
    from mgres.training.keeper import Keeper

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


# ---- the terminal --------------------------------------------------------------------------------


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
