"""The compiled core, in the build that suits this machine.

The same sources are compiled once for each instruction set level.  The best level that the
processor has and that was built is taken; the environment variable ``MGRES_ISA`` (``base``, ``v3``
or ``v4``) forces one.
"""

import importlib
import os

from . import _cpu

_LEVELS = ("base", "v3", "v4")


def _load() -> dict[str, object]:
    supported = _LEVELS[: _LEVELS.index(_cpu.level()) + 1]
    forced = os.environ.get("MGRES_ISA", "")
    if forced and forced not in supported:
        raise ImportError(
            f"MGRES_ISA: expected one of {', '.join(supported)} on this machine, got {forced!r}"
        )
    for level in [forced] if forced else reversed(supported):
        try:
            module = importlib.import_module(f"{__package__}._core_{level}")
        except ModuleNotFoundError as error:
            if error.name != f"{__package__}._core_{level}":
                raise
            continue
        return {k: v for k, v in vars(module).items() if not k.startswith("_")}
    raise ImportError(f"mgres was built without the instruction set level {forced or 'base'}")


globals().update(_load())
