"""Files that are there as a whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
"""From file systems that cannot tell whether contents are on the disk."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Return an open file that takes the place of `path` in one step when the block has succeeded.

    A reader meets the old contents or the new ones, also after a crash: the contents are on the
    disk before the name is, and the name is when the block has ended.  What a killed process leaves
    behind is a hidden file ``.NAME.XXXXXXXX`` in the same folder.  A file that is replaced keeps
    its mode; a new one gets that of the umask.  Symbolic links are followed.

    What is no plain file, such as a pipe or a device, is never replaced: it is written to.

    Parameters
    ----------
    path : Path
        The file to replace, or to make.

    Raises
    ------
    OSError
        If the folder does not exist, is full or may not be written to; its ``filename`` is `path`.
    """
    target = Path(os.path.realpath(path))
    try:
        found = target.stat() if target.exists() else None
        if found is not None and not stat.S_ISREG(found.st_mode):
            with target.open("wb", buffering=0) as plain:
                yield _Whole(plain)  # type: ignore[misc]  # all that is used of a file
            return
        mode = None if found is None else stat.S_IMODE(found.st_mode)
        yield from _replacing(target, mode)
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise


def _replacing(target: Path, mode: int | None) -> Iterator[BinaryIO]:
    file, name = _open_beside(target)
    try:
        with file:
            yield file
            file.flush()
            _sync(file.fileno())
            if mode is not None:
                with suppress(OSError):  # of a file system without modes
                    name.chmod(mode)
        name.replace(target)
    except BaseException:
        name.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


class _Whole:
    """Writes all of what it is given, however little a pipe takes at once."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def write(self, contents: bytes) -> int:
        rest = memoryview(contents).cast("B")
        while rest:
            rest = rest[self._raw.write(rest) :]
        return len(contents)

    def flush(self) -> None:
        self._raw.flush()


def _open_beside(target: Path) -> tuple[BinaryIO, Path]:
    """Make a file in the folder of `target`, with the mode that the system gives to new files."""
    while True:
        name = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
            return os.fdopen(os.open(name, flags, 0o666), "wb"), name
        except FileExistsError:
            continue


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise


def sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk, on file systems that can tell."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Replace `path` by `value`, so that a reader or a crash never meets half a file.

    Parameters
    ----------
    path : Path
        The file.
    value : object
        What :func:`json.dumps` accepts, without NaN.
    indent : int, optional
        Spaces of a level; None for one line.
    """
    text = json.dumps(value, indent=indent, allow_nan=False) + "\n"
    with replacing(path) as file:
        file.write(text.encode())
