"""The four MNIST files: what they must hold, where they are kept, and how to fetch them."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import secrets
from pathlib import Path

from .idx import CHUNK, DAMAGED_GZIP, unwrap_gzip

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Each file's name and the SHA-256 of its uncompressed bytes: gzip wrappers differ by mirror."""

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
"""Folders that hold the files with ``.gz`` appended, in the order they are tried."""

_TIMEOUT = 30.0  # seconds without an answer
_MOST_BYTES = 64 << 20  # the largest of the files has 47 MB


def download_mnist(folder: str | os.PathLike[str] | None = None) -> Path:
    """Download the MNIST files that are not there yet.

    Each file is verified by the SHA-256 of its uncompressed bytes before anything is written, and
    appears in the folder complete or not at all.

    Parameters
    ----------
    folder : str or path-like, optional
        Where to put the files; made if need be. Default: `cache_folder()`, where `mnist` looks
        if neither its argument nor the environment names a folder.

    Returns
    -------
    Path
        The folder, now holding the four files. A file that was there with the right contents,
        compressed or not, is kept; one with other contents is superseded by the right ``.gz``.

    Raises
    ------
    ConnectionError
        If a file can be had from no mirror. The message says which files to put where by hand.
    ValueError
        If a mirror answered, but none with the right contents.
    NotADirectoryError
        If `folder` is a file.
    """
    folder = cache_folder() if folder is None else Path(folder).expanduser()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"folder: expected a folder, got the file {folder}")
    for name in SHA256:
        if not _is_right(folder, name):
            _write_atomically(folder / f"{name}.gz", _fetch(name, folder))
    return folder


def cache_folder() -> Path:
    """Return the per-user folder for the MNIST files, which need not exist.

    It is ``mgres/mnist`` below ``$XDG_CACHE_HOME``, or below ``~/.cache`` if that variable is
    unset or relative (which the XDG base directory specification declares invalid).
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ".cache"
    return base / "mgres" / "mnist"


def find_file(folder: Path, name: str) -> Path | None:
    """Return the file `name` of a folder, compressed (preferred) or not; None if there is none."""
    # The .gz comes first because downloads are .gz: a right one supersedes a wrong plain file.
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    return None


def _is_right(folder: Path, name: str) -> bool:
    path = find_file(folder, name)
    if path is None:
        return False
    with path.open("rb") as raw:
        try:
            return _sha256(unwrap_gzip(raw)) == SHA256[name]
        except (ValueError, *DAMAGED_GZIP):
            return False


def _fetch(name: str, folder: Path) -> bytes:
    """Return the verified gzip file of `name` from the first mirror that has it."""
    # here, because they load some 200 modules that no other part of mgres needs
    import http.client
    import urllib.request

    reports = []
    answered = False
    for mirror in MIRRORS:
        url = f"{mirror}{name}.gz"
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
                packed = bytes(response.read(_MOST_BYTES))
        except (OSError, http.client.HTTPException) as error:
            reports.append(f"{url}: {error}")
            continue
        answered = True
        try:
            came = _sha256(gzip.GzipFile(fileobj=io.BytesIO(packed)))
        except (ValueError, *DAMAGED_GZIP) as error:
            reports.append(f"{url}: expected a gzip file of {name}, got something else ({error})")
            continue
        if came == SHA256[name]:
            return packed
        reports.append(f"{url}: expected sha256 {SHA256[name]} when uncompressed, got {came}")

    wanted = "the right contents" if answered else "an answer"
    message = "\n".join(
        [f"{name}: expected {wanted} from a mirror, got", *(f"  {report}" for report in reports)]
        + [f"To install MNIST by hand, put these files, or their .gz, into {folder}"]
        + [f"  {file}  (sha256 uncompressed {sha256})" for file, sha256 in SHA256.items()]
    )
    raise ValueError(message) if answered else ConnectionError(message)


def _sha256(stream: io.BufferedIOBase) -> str:
    """Return the SHA-256 of a stream in hexadecimal; a ValueError if it is longer than allowed."""
    digest = hashlib.sha256()
    count = 0
    while chunk := stream.read(min(CHUNK, _MOST_BYTES + 1 - count)):
        digest.update(chunk)
        count += len(chunk)
        if count > _MOST_BYTES:
            raise ValueError(f"expected at most {_MOST_BYTES} bytes, got more")
    return digest.hexdigest()


def _write_atomically(path: Path, contents: bytes) -> None:
    """Write a file such that even a crash leaves either all of it or none of it under its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # not tempfile, whose files are private to the user: a shared folder's umask shall decide
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as stream:
            stream.write(contents)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    # the new name is on disk only once the folder is
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
