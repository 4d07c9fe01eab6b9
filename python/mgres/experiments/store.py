"""Files of an experiment: the result, and finished runs of one that was interrupted."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..files import write_json as write_json

Result = TypeVar("Result")


class FinishedRuns(Generic[Result]):
    """Runs that an experiment has already done, kept until it is complete.

    A run is found by its specification; both are dataclasses of plain values.

    Parameters
    ----------
    path : Path
        The file; a damaged one is ignored, since all in it can be computed again.
    version : str
        Runs of another version do not count.
    result : type
        Of the results.
    """

    def __init__(self, path: Path, version: str, result: type[Result]) -> None:
        self._path = path
        self._version = version
        self._result = result
        self._runs: dict[str, dict[str, Any]] = {}
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["version"] == version:
                self._runs = dict(stored["runs"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass

    def __len__(self) -> int:
        """Return the number of finished runs."""
        return len(self._runs)

    def get(self, spec: Any) -> Result | None:
        """Return the result of a finished run, or None."""
        stored = self._runs.get(_key(spec))
        try:
            return self._result(**stored) if stored is not None else None
        except TypeError:
            return None

    def add(self, spec: Any, result: Any) -> None:
        """Keep the result of a run."""
        self._runs[_key(spec)] = asdict(result)
        write_json(self._path, {"version": self._version, "runs": self._runs}, indent=None)

    def discard(self) -> None:
        """Remove the file: the experiment is complete."""
        self._path.unlink(missing_ok=True)


def _key(spec: Any) -> str:
    return json.dumps(asdict(spec), sort_keys=True)
