"""What makes a training run the one it is: to be compared before another one is continued."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import sys
from collections.abc import Iterator
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from ...mgopt import Hierarchy, Method
from ...resnet import LayeredObjective
from ..batches.strategies import BatchStrategy

MOST_ROWS = 1000
NAMED = sys.stdlib_module_names | {"mgres", "numpy", "torch"}
"""Packages whose names of functions and classes say enough."""


def identify(
    f: LayeredObjective, hierarchy: Hierarchy, method: Method, strategy: BatchStrategy
) -> dict[str, str]:
    """Return texts that are the same for runs that may continue each other.

    Limits, validation and callbacks may differ.  Up to 1,000 samples, evenly spaced, stand for all,
    so that data larger than memory are not read through.
    """
    levels = [
        f"{level.objective.size} parameters, {_plain(level.optimizer)}, "
        f"{type(level.metric).__name__}, {type(level.transfer).__name__}"
        for level in hierarchy
    ]
    return {
        "network": _plain(f.net),
        "loss": f.loss if isinstance(f.loss, str) else _plain(f.loss),
        "regularizer": _plain(f.regularizer),
        "fixed parts": _plain(f.fixed),
        "samples": _digest(f),
        "hierarchy": "; ".join(levels),
        "cycle": _plain(method),
        "batch size": _plain(strategy),
    }


def _plain(value: Any, within: tuple[Any, ...] = ()) -> str:
    """Return the representation without addresses, which differ from process to process.

    What it does not tell, such as what a function of the user's own does, stands beside it.
    """
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    untold = [
        part
        for part in _untold(value)
        if not any(part is other for other in within)  # a function may hold itself
    ]
    return " ".join([text, *(_digest_of(part, (*within, part)) for part in untold)])


def _untold(value: Any) -> Iterator[Any]:
    """Yield functions, arrays and objects in a description whose representations are too short.

    Those of mgres say enough by their names.
    """
    if isinstance(value, FunctionType):
        if _is_own(value):
            yield value
    elif isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, functools.partial):
        for part in (value.func, *value.args, *value.keywords.values()):
            yield from _untold(part)
    elif isinstance(value, MethodType):
        yield from _untold(value.__func__)
        yield from _untold(value.__self__)
    elif isinstance(value, type):
        for cls in filter(_is_own, value.__mro__):
            yield from (part for part in vars(cls).values() if isinstance(part, FunctionType))
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _untold(part)
    elif dataclasses.is_dataclass(value):
        yield from _untold(type(value))
        for field in dataclasses.fields(value):
            yield from _untold(getattr(value, field.name))
    elif _is_own(type(value)):
        yield from _untold(type(value))
        if "__repr__" not in {name for cls in type(value).__mro__[:-1] for name in vars(cls)}:
            yield value


def _is_own(named: Any) -> bool:
    """Return whether a function or class is of the user's own."""
    return str(named.__module__).partition(".")[0] not in NAMED


def _digest_of(part: Any, within: tuple[Any, ...]) -> str:
    """Return a digest of what :func:`_untold` yields."""
    if isinstance(part, np.ndarray):
        words = [f"{part.dtype} {part.shape}", part.tobytes().hex()]
    elif isinstance(part, FunctionType):
        held = [*map(_content, part.__closure__ or ()), *(part.__defaults__ or ())]
        held.append(part.__kwdefaults__)
        words = [_code(part.__code__), *(_plain(value, within) for value in held)]
    else:
        words = [f"{name}={_plain(v, within)}" for name, v in getattr(part, "__dict__", {}).items()]
    return hashlib.blake2b("; ".join(words).encode(), digest_size=8).hexdigest()


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that has no value yet
        return None


def _code(code: CodeType) -> str:
    constants = [_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _digest(f: LayeredObjective) -> str:
    X, y = f.samples.X, f.samples.y
    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), MOST_ROWS)).astype(np.int64))
    digest = hashlib.blake2b(digest_size=8)
    for row in rows:  # one by one: all together they may be large
        digest.update(X[row].tobytes() + y[row].tobytes())
    return f"{len(X)} samples of {X.dtype} with digest {digest.hexdigest()}"
