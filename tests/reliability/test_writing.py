"""What is written, where, and what happens if it cannot be."""

import errno
import json
import os
import shutil
import stat
import threading
import warnings
from pathlib import Path

import pytest

import mgres
from mgres.cli import main
from mgres.files import replacing
from mgres.runs.folder import HistoryWriter, RunFolder

from .commands import RUN, names, posix

NET = mgres.ResNet(2, 3, 2, 4)


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


def test_no_place_for_a_model(here, monkeypatch, capsys):
    """All the rest is still there, and the command says what is not."""

    def full(path, *arguments, **more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("mgres.runs.run.save", full)
    assert main([*RUN, "--max-cycles", "3"]) == 1
    out, err = capsys.readouterr()
    assert "the model is nowhere" in out
    assert err.count("model.safetensors: not written: No space left on device") == 2
    assert json.loads(Path("run/summary.json").read_text())["cycles"] == 3
    assert not list(Path("tmp").glob("mgres-*"))
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert main(["train", "--resume", "run", "--max-cycles", "3", "--quiet"]) == 0
    assert mgres.load("run/model.safetensors").net.depth == 16


@posix
def test_a_disk_that_is_full_from_the_start(run_python, tmp_path):
    """A limit on the size of files stands for it; the message names the file."""
    done = run_python(
        """
        import resource, sys
        from mgres.cli import main
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        sys.exit(main(["train", "circles", "--out", "run", "--depth", "16", "--max-cycles", "3"]))
        """,
        check=False,
    )
    assert done.returncode == 2
    assert "mgres: error: run/config.toml: File too large" in done.stderr
    assert names(tmp_path / "run") == []


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
