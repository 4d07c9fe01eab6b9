"""Files that are there as a whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Return an open file that takes the place of `path` in one step when the block has succeeded.

    A reader meets the old contents or the new ones, also after a crash: the contents are on the
    disk before the name is, and the name is when the block has ended.  What a killed process leaves
    behind is a hidden file ``.NAME.XXXXXXXX`` in the same folder.

    Parameters
    ----------
    path : Path
        The file to replace, or to make.

    Raises
    ------
    OSError
        If the folder does not exist, is full or may not be written to.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner may read
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk, on file systems that can tell."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
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
