"""The folder of a run, and the files in it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from ..files import Model, load, replacing
from ..training import History, Record
from ..training.checkpoints.checkpoint import checkpoint_files
from .options import read_config
from .plots import PLOTS
from .settings import Settings

CONFIG = "config.toml"
HISTORY = "history.jsonl"
MODEL = "model.safetensors"
SUMMARY = "summary.json"
CHECKPOINTS = "checkpoints"
LOCK = ".lock"


class RunFolder:
    """Names and contents of the files of a run.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / CONFIG
        self.history = path / HISTORY
        self.model = path / MODEL
        self.summary = path / SUMMARY
        self.checkpoints = path / CHECKPOINTS

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from running in this folder; a killed one keeps nobody out.

        Returns
        -------
        context manager

        Raises
        ------
        BlockingIOError
            If another process runs in it; the message has its number.
        """
        lock = self.path / LOCK
        file = _locked(lock)
        if file is None:
            yield
            return
        with file:
            with contextlib.suppress(OSError):  # a full disk is reported by what matters more
                os.ftruncate(file.fileno(), 0)
                os.write(file.fileno(), str(os.getpid()).encode())
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    lock.unlink()

    @property
    def holds_run(self) -> bool:
        """Whether there is a run in it."""
        return any(file.exists() for file in (self.config, self.model, self.history))

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do for the run in it.

        A run that was interrupted before its first cycle has a summary and no checkpoint, and is
        not complete: it starts again.
        """
        if self.has_checkpoint:
            return False
        try:
            stopped = json.loads(self.summary.read_text(encoding="utf-8"))["stopped"]
        except (OSError, ValueError, LookupError, TypeError):
            return False
        return str(stopped) != "interrupted"

    @property
    def has_checkpoint(self) -> bool:
        """Whether the run in it can go on."""
        return bool(checkpoint_files(self.checkpoints))

    def clear(self) -> None:
        """Remove the files of a run, and nothing else."""
        names = (CONFIG, HISTORY, MODEL, SUMMARY, *PLOTS)
        for name in names:
            (self.path / name).unlink(missing_ok=True)
        self.drop_checkpoints()

    def drop_checkpoints(self) -> None:
        """Remove the checkpoints."""
        if not self.checkpoints.is_dir():
            return
        for _, file in checkpoint_files(self.checkpoints):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something else is in it
            self.checkpoints.rmdir()

    def write_config(self, settings: Settings, version: str) -> None:
        """Write all settings as TOML; `mgres train --config` reads them."""
        lines = [f"# a run of mgres {version}; `mgres train --config` does it again", ""]
        lines += [f"{name} = {_toml(value)}" for name, value in settings.given().items()]
        with replacing(self.config) as file:
            file.write(("\n".join(lines) + "\n").encode())

    def read_config(self) -> dict[str, Any]:
        """Return what `write_config` has written.

        Raises
        ------
        ValueError, OSError
            If there is no run in the folder, or the file is damaged.
        """
        if not self.config.exists():
            raise ValueError(f"{self.path}: there is no run to resume: no {CONFIG} in it")
        return read_config(self.config)

    def write_history(self, records: Sequence[Record]) -> None:
        """Replace the history by `records`."""
        with replacing(self.history) as file:
            file.write(b"".join(_line(record) for record in records))


def _locked(lock: Path) -> TextIO | None:
    """Return the open file of a lock that is ours now; None where there are no locks."""
    if fcntl is None:
        return None
    while True:
        file = lock.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # its owner may have removed it between the two lines above
            if lock.exists() and os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
            file.close()
        except OSError as error:
            with file:
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    lock.unlink(missing_ok=True)  # a file system without locks
                    return None
                file.seek(0)
                owner = file.read().strip() or "another"
            raise BlockingIOError(
                error.errno, f"is in use by process {owner}; wait for its end", lock.parent
            ) from None


class HistoryWriter:
    """Adds records to ``history.jsonl`` as they come, each a whole line.

    A full disk does not end training: what could not be written is tried again with the next
    record, and a warning is given once.

    Parameters
    ----------
    path : Path
        The file.
    cycle : int or None
        Of the last record that it holds.
    """

    def __init__(self, path: Path, cycle: int | None) -> None:
        self._path = path
        self._cycle = cycle
        self._pending = b""
        self._has_warned = False

    def show(self, record: Record) -> None:
        """Write a record that the file does not hold."""
        if self._cycle is not None and record.cycle <= self._cycle:
            return
        self._cycle = record.cycle
        self._pending += _line(record)
        try:
            # opened for every record: another program may look, a killed one holds nothing back
            with self._path.open("ab", buffering=0) as file:
                size = file.tell()
                if file.write(self._pending) < len(self._pending):
                    file.truncate(size)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if not self._has_warned:
                warnings.warn(
                    f"{self._path}: not written: {error.strerror}; training goes on", stacklevel=4
                )
            self._has_warned = True
        else:
            self._pending = b""


def _line(record: Record) -> bytes:
    (plain,) = History([record]).to_dicts()
    return (json.dumps(plain, allow_nan=False) + "\n").encode()


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's; beside them TOML wants one for the delete character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)


def find_model(path: str | os.PathLike[str]) -> tuple[Path, Model]:
    """Return the model in a file, or in the folder of a run.

    Raises
    ------
    FileNotFoundError
        If there is none.
    FormatError
        If the file is no model of mgres.
    """
    path = Path(path)
    file = path / MODEL if path.is_dir() else path
    if not file.exists():
        if path.is_dir():
            raise FileNotFoundError(f"{path}: there is no {MODEL} in this folder")
        raise FileNotFoundError(f"{path}: there is no such file or folder of a run")
    return file, load(file)
