"""Folders for results."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import UserError


def output(path: Path) -> Path:
    """Make the folder of results now, so that a run does not fail at its end."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {path}: cannot be made a folder ({error.strerror})") from None
    if not os.access(path, os.W_OK):
        raise UserError(f"--out {path}: cannot be written to")
    return path
