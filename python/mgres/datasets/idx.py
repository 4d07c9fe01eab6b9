"""A strict reader of the idx format, the container of the MNIST files.

An idx file is a header and a payload: two zero bytes, one byte for the element type, one byte for
the number of dimensions, each dimension as a big-endian uint32, then the elements in C order, big
end first. Source: the description on the MNIST page of LeCun, Cortes and Burges.
"""

from __future__ import annotations

import errno
import gzip
import io
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CHUNK = 1 << 20
"""Bytes read at a time where a stream is only walked through."""

DAMAGED_GZIP = (gzip.BadGzipFile, EOFError, zlib.error)
"""What reading a broken gzip stream raises."""

_GZIP_MAGIC = b"\x1f\x8b"
_STORED: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Read an array from an idx file, gzip-compressed or not.

    Compression is recognised by the file's first bytes; its name does not matter. Nothing the
    header declares is believed before the payload has been measured: memory is allocated only
    once the two sizes agree, and never more than one byte beyond the declared size is looked at.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    ndarray
        New, C-contiguous, in native byte order, of dtype uint8, int8, int16, int32, float32 or
        float64 and of the shape in the header; a dimension may be 0.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not exactly one idx array: empty, another format, an unknown element type,
        no dimensions or more than NumPy has, a payload shorter or longer than declared, or a
        damaged gzip stream. The message names the file, what was expected and what came.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            return _read_array(unwrap_gzip(raw), path)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "there is no such idx file", str(path)) from None
    except DAMAGED_GZIP as error:
        raise ValueError(
            f"{path}: expected an intact gzip stream, got a damaged one ({error})"
        ) from error


def idx_header(path: str | os.PathLike[str]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return dtype and shape of an idx file by its header alone; raises as :func:`read_idx`."""
    path = Path(path)
    try:
        with path.open("rb") as raw:
            stored, shape = _read_header(unwrap_gzip(raw), path)
    except DAMAGED_GZIP as error:
        raise ValueError(f"{path}: expected an intact gzip stream ({error})") from error
    return stored.newbyteorder("="), shape


def unwrap_gzip(raw: io.BufferedIOBase) -> io.BufferedIOBase:
    """Return a stream of the plain bytes in `raw`, whether it is gzip-compressed or not.

    Parameters
    ----------
    raw : io.BufferedIOBase
        A seekable binary stream at its beginning. It stays the caller's to close.
    """
    magic = raw.read(len(_GZIP_MAGIC))
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if magic == _GZIP_MAGIC else raw


def _read_array(stream: io.BufferedIOBase, path: Path) -> npt.NDArray[Any]:
    stored, shape = _read_header(stream, path)
    start = stream.tell()
    size = math.prod(shape) * stored.itemsize
    # The first pass only counts (and lets gzip verify its checksum), in constant memory.
    found = _count_bytes(stream, size + 1)
    if found != size:
        came = "more" if found > size else f"{found} bytes"
        raise ValueError(
            f"{path}: expected {size} bytes of payload, for shape {shape} of {stored.name}, "
            f"got {came}"
        )
    try:
        array: npt.NDArray[Any] = np.empty(shape, stored)
    except ValueError as error:
        # too many dimensions, or huge ones beside a zero
        raise ValueError(
            f"{path}: expected a shape that NumPy can hold, got {len(shape)} dimensions {shape} "
            f"({error})"
        ) from error
    stream.seek(start)
    read = _fill(stream, array)
    if read != size:
        raise ValueError(f"{path}: expected {size} bytes of payload, got {read} on reading")
    if not stored.isnative:
        array.byteswap(inplace=True)
    return array.view(stored.newbyteorder("="))


def _fill(stream: io.BufferedIOBase, array: npt.NDArray[Any]) -> int:
    """Read into an array, a part at a time because gzip makes a copy; return how many bytes."""
    rest = array.reshape(-1).view(np.uint8).data
    while len(rest) and (read := stream.readinto(rest[:CHUNK])):
        rest = rest[read:]
    return array.nbytes - len(rest)


def _read_header(stream: io.BufferedIOBase, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4:
        raise ValueError(f"{path}: expected an idx header of 4 bytes, got {len(magic)} bytes")
    if magic[:2] != b"\0\0":
        raise ValueError(f"{path}: expected an idx file, starting with 00 00, got {magic.hex(' ')}")
    code, ndim = magic[2], magic[3]
    if code not in _STORED:
        known = ", ".join(f"0x{known:02X}" for known in _STORED)
        raise ValueError(f"{path}: expected an idx element type of {known}, got 0x{code:02X}")
    if ndim == 0:
        raise ValueError(f"{path}: expected 1 dimension or more, got 0")
    dimensions = stream.read(4 * ndim)
    if len(dimensions) < 4 * ndim:
        raise ValueError(
            f"{path}: expected {4 * ndim} bytes of dimensions, got {len(dimensions)} bytes"
        )
    return _STORED[code], tuple(np.frombuffer(dimensions, dtype=">u4").tolist())


def _count_bytes(stream: io.BufferedIOBase, most: int) -> int:
    """Count the bytes left in `stream`, giving up at `most`."""
    count = 0
    while count < most and (chunk := stream.read(min(CHUNK, most - count))):
        count += len(chunk)
    return count
