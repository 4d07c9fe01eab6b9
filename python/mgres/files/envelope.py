"""What every file of mgres says about itself: kind and version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .tensors import FormatError

FORMAT = "mgres"


def envelope(kind: str, version: int) -> dict[str, str]:
    """Return the metadata that :func:`check_envelope` looks at.

    Parameters
    ----------
    kind : str
        What the file holds, such as "model".
    version : int
        Of the format of this kind.
    """
    return {"format": FORMAT, "kind": kind, "format_version": str(version)}


def check_envelope(path: Path, metadata: Mapping[str, str], kind: str, version: int) -> None:
    """Raise a FormatError unless a file is of `kind` and of no newer version.

    Parameters
    ----------
    path : Path
        The file, for the message.
    metadata : mapping of str to str
        What the file says about itself.
    kind : str
        What it shall hold.
    version : int
        The newest version that can be read.

    Raises
    ------
    FormatError
        If it is of another kind, of a newer version, or not of mgres.
    """
    if metadata.get("format") != FORMAT:
        raise FormatError(f"{path}: a safetensors file, but not of mgres")
    if metadata.get("kind") != kind:
        # shortened, as a damaged file may say anything
        got = metadata.get("kind", "file without a kind")[:60]
        raise FormatError(f"{path}: expected a {kind} of mgres, got a {got}")
    stored = metadata.get("format_version", "")
    if not (stored.isascii() and stored.isdigit() and 0 < len(stored) < 10 and int(stored) > 0):
        raise FormatError(f"{path}: expected a format version, got {stored[:60]!r}")
    if int(stored) > version:
        raise FormatError(
            f"{path}: written by a newer mgres: format version {stored} of a {kind}, this one "
            f"reads versions up to {version}"
        )
