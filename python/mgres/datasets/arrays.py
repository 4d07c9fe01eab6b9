"""Columns out of NumPy archives and idx files, which hold arrays without names of columns."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Cells, Columns, listing, suggestion
from .idx import read_idx

INPUTS, TARGET = "X", "y"

DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
)
"""What reading a damaged archive raises, one with a password, or an array that is no archive."""

LARGEST_RATIO = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}
"""How many times its own length a member may hold, by what :func:`numpy.savez` may have used."""

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: Path, target: str | None = None) -> Columns:
    """Read an archive with an array ``X`` of inputs, a row each, and one of targets.

    Columns of X are called x0, x1, ...  Pickled objects are refused.  Other arrays are not read.

    Parameters
    ----------
    path : Path
        A file that :func:`numpy.savez` wrote.
    target : str, optional
        The array of targets, by default ``y``; it may be missing if it is not asked for.

    Raises
    ------
    ValueError
        If the file is damaged, or the arrays are not there or do not fit.
    """
    with _opened(path) as (archive, size):
        names = archive.files
        wanted = {INPUTS, target or TARGET}.intersection(names)
        arrays = {name: _read_member(archive, name, size) for name in wanted}
    found = listing(names) or "none"
    if INPUTS not in arrays:
        raise ValueError(f"{path}: expected an array {INPUTS!r} of inputs, got {found}")
    cells = _inputs(path, arrays[INPUTS])
    name = target or TARGET
    if name in arrays and name != INPUTS:
        y = arrays[name]
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        cells[name] = _targets(path, name, y, len(arrays[INPUTS]))
    elif target is not None:
        raise ValueError(
            f"{path}: there is no array {target!r} of targets; its arrays are {found}"
            f"{suggestion(target, names)}"
        )
    return Columns(path, cells, is_named=False, target=name if name in cells else None)


def read_archive(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive by these names, of those that are there.

    Raises
    ------
    ValueError
        If the file is damaged.
    OSError
        If it cannot be opened.
    """
    with _opened(path) as (archive, size):
        return {name: _read_member(archive, name, size) for name in archive.files if name in names}


def archive_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays in an archive by their names, by what their headers say.

    Raises
    ------
    ValueError
        If the file is damaged.
    OSError
        If it cannot be opened.
    """
    shapes = {}
    with _opened(path) as (archive, _):
        for name in archive.files:
            member = name if name in archive.zip.namelist() else f"{name}.npy"
            with archive.zip.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                if version in _HEADERS:
                    shapes[name] = _HEADERS[version](stream)[0]
    return shapes


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, int]]:
    """Open an archive, with the size of its file; what a damaged one raises becomes one error."""
    # opened here, because np.load leaves the file of a damaged archive open
    with path.open("rb") as file:
        try:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is no archive")  # numpy would advise to unpickle it
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                yield archive, size
        except DAMAGED as error:
            raise ValueError(f"{path}: expected arrays written by numpy.savez ({error})") from None


def _read_member(archive: Any, name: str, size: int) -> NDArray[Any]:
    """Return an array of an archive, for which memory is asked only if the file can fill it."""
    member = name if name in archive.zip.namelist() else f"{name}.npy"
    info = archive.zip.getinfo(member)
    packed = min(info.compress_size, size)
    if info.file_size > LARGEST_RATIO.get(info.compress_type, math.inf) * packed:
        raise ValueError(f"{name}: {packed} bytes cannot hold {info.file_size}")
    with archive.zip.open(info) as stream:
        version = np.lib.format.read_magic(stream)  # raises a ValueError if it is no array
        if version in _HEADERS:  # others are for structured arrays, which are refused later
            shape, _, dtype = _HEADERS[version](stream)
            needed, held = math.prod(shape) * dtype.itemsize, info.file_size - stream.tell()
            if needed > held and not dtype.hasobject:
                raise ValueError(f"{name}: expected {needed} bytes for shape {shape}, got {held}")
    array = archive[name]
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name}: expected an array, got {type(array).__name__}")
    return array


def read_idx_pair(path: Path, target: str | None = None) -> Columns:
    """Read images from an idx file, and their labels from another one.

    Parameters
    ----------
    path : Path
        The images, or any array whose first axis counts samples; values are called x0, x1, ...
    target : str, optional
        The file of labels.

    Raises
    ------
    ValueError
        If a file is no idx file, or they do not fit.
    OSError
        If a file cannot be read.
    """
    images = read_idx(path)
    cells = _inputs(path, images.reshape(len(images), -1) if images.size else images)
    if target is not None:
        cells["label"] = _targets(Path(target), "labels", read_idx(target), len(images))
    return Columns(path, cells, is_named=False, target="label" if target is not None else None)


def _inputs(path: Path, X: NDArray[Any]) -> dict[str, Cells]:
    if X.ndim != 2 or X.dtype.kind not in "fiub":
        raise ValueError(
            f"{path}: expected inputs of shape (samples, features), numbers, got shape {X.shape} "
            f"and dtype {X.dtype}"
        )
    if X.size == 0:
        raise ValueError(f"{path}: expected rows of inputs, got shape {X.shape}")
    return {f"x{j}": X[:, j] for j in range(X.shape[1])}


def _targets(path: Path, name: str, y: NDArray[Any], rows: int) -> Cells:
    if y.ndim != 1 or y.dtype.kind not in "fiubU" or len(y) != rows:
        raise ValueError(
            f"{path}: {name}: expected {rows} numbers or texts, one for each row of inputs, got "
            f"shape {y.shape} and dtype {y.dtype}"
        )
    return _shared(y) if y.dtype.kind == "U" else y


def _shared(texts: NDArray[Any], chunk: int = 1 << 14) -> Cells:
    """Return texts as Python objects, of equal ones the same one."""
    known: dict[str, str] = {}
    cells = np.empty(len(texts), dtype=object)
    for start in range(0, len(texts), chunk):
        part = texts[start : start + chunk].tolist()
        cells[start : start + chunk] = [known.setdefault(text, text) for text in part]
    return cells
