"""Going on with a training run that was stored."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..files import FormatError, check_envelope, read_tensors
from . import registry as registry  # the classes that may be stored
from .batches import Batches, resumable
from .checkpoint import KIND, VERSION, checkpoint_files
from .history import History
from .run import Run
from .storage import Decoder


def resume_run(source: Path, run: Run, batches: Batches, settings: Mapping[str, str]) -> Path:
    """Take a run back to where the newest whole file of a folder left it; return the folder.

    Parameters
    ----------
    source : Path
        A folder of checkpoints, or one of its files.
    run, batches
        Made like those of the run that was stopped, and not used yet; changed in place.
    settings : mapping of str to str
        Compared with those of the run that was stopped.

    Raises
    ------
    FormatError
        If no file can be read, or what it holds does not fit.
    ValueError
        If there is no file, or the settings are others.
    """
    path, arrays, metadata = _newest(source)
    _check_settings(path, metadata, settings)
    _restore(path, arrays, metadata, run, batches)
    return path.parent


def stored_history(source: Path) -> History:
    """Return the history of the run that the newest whole file of a folder would go on with.

    Raises
    ------
    FormatError
        If no file can be read.
    ValueError
        If there is no file.
    """
    path, arrays, _ = _newest(source)
    try:
        return _decode_history(arrays)
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
        raise FormatError(f"{path}: its history is damaged: {error!r}") from error


def _newest(source: Path) -> tuple[Path, Mapping[str, NDArray[Any]], Mapping[str, str]]:
    """Return name, arrays and metadata of the newest whole file."""
    files = [path for _, path in checkpoint_files(source)] if source.is_dir() else [source]
    if source.is_dir() and not files:
        raise ValueError(f"resume: expected a folder with checkpoints, got {source}")
    damage: FormatError | None = None
    for path in reversed(files):
        try:
            arrays, metadata = read_tensors(path)
            check_envelope(path, metadata, KIND, VERSION)
            if int(metadata["format_version"]) < VERSION:
                raise FormatError(
                    f"{path}: written by an older mgres, whose runs this one cannot go on with: "
                    "finish the run there, or start it again"
                )
        except FormatError as error:
            damage = damage or error
            continue
        if damage is not None:
            warnings.warn(f"{damage}; going on from {path}", stacklevel=4)
        return path, arrays, metadata
    assert damage is not None
    raise damage


def _decode_history(arrays: Mapping[str, NDArray[Any]]) -> History:
    lines = arrays["history"].tobytes().split(b"\n")
    return History([Decoder({}, {}).decode(json.loads(line)) for line in lines])


def _restore(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
    run: Run,
    batches: Batches,
) -> None:
    decoder = Decoder(arrays, run.references())
    try:
        state = json.loads(metadata["state"])
        saved_batches = dict(state["dict"])["batches"]
        # first the samples: memos remember whether what they know belongs to those in use
        resumable(batches).restore(decoder.decode(saved_batches))
        saved = decoder.decode(state)
        run.restore(saved, _decode_history(arrays))
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
        raise FormatError(f"{path}: does not fit this run: {error!r}") from error


def _check_settings(path: Path, metadata: Mapping[str, str], settings: Mapping[str, str]) -> None:
    try:
        stored = json.loads(metadata["settings"])
        differing = [name for name in settings if stored[name] != settings[name]]
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: its settings are damaged: {error!r}") from error
    if differing:
        name = differing[0]
        raise ValueError(
            f"resume: {path} belongs to another run, by its {name}: expected {stored[name]}, got "
            f"{settings[name]}"
        )
